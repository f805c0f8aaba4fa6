//! One HTTP call from its arrival to its answer: faults before, the work, faults after, the journal.

use super::Model;
use super::faults::{Call, Effect, OtherWrite};
use super::http::{Door, HttpAnswer, HttpRequest, Wire};
use super::journal::JournalEntry;
use super::soap::SoapRequest;

/// What faults make of a call.
#[derive(Default)]
struct Plan {
    /// Answered instead of done.
    instead: Option<HttpAnswer>,
    wire: Wire,
    /// When it is done, where that is not now.
    late_ms: Option<i64>,
    after: Vec<OtherWrite>,
    fault: Option<u64>,
}

/// A call that is done only later.
#[derive(Clone, Debug)]
pub(super) struct LateCall {
    due_ms: i64,
    came_ms: i64,
    door: Door,
    request: HttpRequest,
}

impl Model {
    /// Answers an HTTP call at `now_ms` (unix milliseconds), after everything that was due by then.
    pub fn http(&mut self, door: Door, request: &HttpRequest, now_ms: i64) -> HttpAnswer {
        self.advance(now_ms);
        let path = request.path();
        let door = if door == Door::Any { Door::of_path(&path) } else { door };
        if door == Door::Inspect {
            return self.inspect(request, now_ms);
        }
        let is_service = door == Door::Soap && request.method == "POST";
        let soap = is_service.then(|| SoapRequest::read(&request.body));
        let (method, object) = match &soap {
            Some(Ok(read)) => (read.operation().to_owned(), read.object()),
            Some(Err(_)) => ("Unknown".to_owned(), String::new()),
            None => (request.method.clone(), String::new()),
        };
        let call = Call { door: door.name(), method: &method, object: &object, path: &path };
        let plan = self.meet_faults(&call, now_ms);
        let account_id = self.account_of_call(request, soap.as_ref(), now_ms);
        let mut answer = match (plan.instead, plan.late_ms) {
            (Some(answer), _) => answer,
            (None, Some(due_ms)) => {
                self.late.push(LateCall { due_ms, came_ms: now_ms, door, request: request.clone() });
                HttpAnswer::empty(504)
            }
            (None, None) => self.work(door, request, soap, now_ms),
        };
        if plan.wire != Wire::Whole {
            answer.wire = plan.wire;
        }
        for write in &plan.after {
            // What the other writer touches may be gone; then it changes nothing.
            let _ = self.other_write(write, now_ms);
        }
        self.journal.push(JournalEntry {
            number: 0,
            time_ms: now_ms,
            door: door.name().to_owned(),
            method,
            object,
            path,
            account_id,
            status: if answer.wire == Wire::DropBeforeAnswer { 0 } else { answer.status },
            bytes: request.body.len() as u64,
            fault: plan.fault,
        });
        answer
    }

    fn work(&mut self, door: Door, request: &HttpRequest, soap: Option<Result<SoapRequest, String>>, now_ms: i64) -> HttpAnswer {
        match (door, soap) {
            (Door::Auth, _) => self.auth(request, now_ms),
            (Door::Soap, Some(Ok(read))) => self.soap(&read, now_ms),
            (Door::Soap, Some(Err(error))) => self.soap_fault("Client", &error, now_ms),
            (Door::Soap, None) if request.method == "GET" => self.wsdl(),
            (Door::Soap, None) => HttpAnswer::empty(405),
            _ => self.rest(request, now_ms),
        }
    }

    /// Does what was put off until now. A call was let in when it came, and its answer is heard by nobody.
    pub(super) fn act_late(&mut self, now_ms: i64) {
        while let Some(at) = self.late.iter().position(|it| it.due_ms <= now_ms) {
            let LateCall { came_ms, door, request, .. } = self.late.remove(at);
            let is_service = door == Door::Soap && request.method == "POST";
            let soap = is_service.then(|| SoapRequest::read(&request.body));
            let _ = self.work(door, &request, soap, came_ms);
        }
    }

    /// When the next call that was put off is done.
    pub(super) fn next_late_call(&self) -> Option<i64> {
        self.late.iter().map(|it| it.due_ms).min()
    }

    fn account_of_call(&self, request: &HttpRequest, soap: Option<&Result<SoapRequest, String>>, now_ms: i64) -> Option<u64> {
        let token = match soap {
            Some(Ok(read)) => read.token.as_deref(),
            _ => bearer(request),
        };
        self.tokens.grant(token?, now_ms).map(|it| it.account_id)
    }

    fn meet_faults(&mut self, call: &Call<'_>, now_ms: i64) -> Plan {
        let met = self.faults.meet(call, |effect| match effect {
            Effect::Import { .. } | Effect::File { .. } => None,
            other => Some(other.clone()),
        });
        let mut plan = Plan::default();
        for (id, effect) in met {
            plan.fault = Some(id);
            match effect {
                Effect::Refuse { status, headers, body } => {
                    let media_type = if body.starts_with('<') { "text/xml; charset=utf-8" } else { "application/json" };
                    let mut answer = HttpAnswer::of(status, media_type, body);
                    answer.headers.extend(headers);
                    plan.instead = Some(answer);
                }
                Effect::Throttle { retry_after_s } if call.door == "soap" => {
                    let mut answer = self.soap_fault("Server", "Rate limit exceeded", now_ms);
                    answer.headers.push(("Retry-After".to_owned(), retry_after_s.to_string()));
                    plan.instead = Some(answer);
                }
                Effect::Throttle { retry_after_s } if call.door == "auth" => {
                    let text = "Your requests are temporarily blocked.";
                    plan.instead = Some(HttpAnswer::throttled(50200, text, retry_after_s));
                }
                Effect::Throttle { retry_after_s } => {
                    plan.instead = Some(HttpAnswer::throttled(50100, "Rate limit exceeded", retry_after_s));
                }
                Effect::SoapFault { code, message } => plan.instead = Some(self.soap_fault(&code, &message, now_ms)),
                Effect::Delay { millis } => plan.wire = Wire::Delay { millis },
                Effect::Truncate { bytes } => plan.wire = Wire::Truncate { bytes },
                Effect::LoseAnswer => plan.wire = Wire::DropBeforeAnswer,
                Effect::ActLate { millis } => {
                    plan.late_ms = Some(now_ms.saturating_add(millis));
                    plan.wire = Wire::DropBeforeAnswer;
                }
                Effect::DropUnread => {
                    plan.instead = Some(HttpAnswer::empty(502));
                    plan.wire = Wire::DropBeforeAnswer;
                }
                Effect::ExpireTokens => self.expire_tokens(),
                Effect::Before { write } => {
                    // What the other writer touches may be gone; then it changes nothing.
                    let _ = self.other_write(&write, now_ms);
                }
                Effect::After { write } => plan.after.push(write),
                Effect::Import { .. } | Effect::File { .. } => {}
            }
        }
        plan
    }
}

/// The token of a REST call.
pub(super) fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.header("Authorization")?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then_some(token.trim())
}
