//! REST: JSON over the tenant's rest host.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::{
    failure::{Failure, Privacy, Refusal},
    http::{HttpRequest, Method},
    retry::Repeat,
    session::{CALL_TIMEOUT, Call, Session},
    settings::Door,
};

/// A REST call.
#[derive(Clone, Debug)]
pub(crate) struct RestCall<'a> {
    /// What it is for, to follow "to".
    pub(crate) action: &'a str,
    /// Path and query below the instance address, without a slash at the beginning.
    pub(crate) path: String,
    /// The body, which makes it a POST.
    pub(crate) body: Option<Value>,
    /// Whether it may be sent again.
    pub(crate) repeat: Repeat,
    /// Whether the service's words about it may be shown.
    pub(crate) privacy: Privacy,
}

impl<'a> RestCall<'a> {
    /// A call that reads metadata.
    pub(crate) fn get(action: &'a str, path: impl Into<String>) -> Self {
        Self { action, path: path.into(), body: None, repeat: Repeat::Safely, privacy: Privacy::Metadata }
    }

    /// The same call, about rows.
    pub(crate) fn about_rows(mut self) -> Self {
        self.privacy = Privacy::Rows;
        self
    }

    /// A call that acts, and is never repeated.
    pub(crate) fn post_once(action: &'a str, path: impl Into<String>, body: Value) -> Self {
        Self { action, path: path.into(), body: Some(body), repeat: Repeat::Never, privacy: Privacy::Metadata }
    }
}

impl Session {
    /// Sends the call and reads its JSON answer.
    pub(crate) async fn rest(&self, call: &RestCall<'_>) -> Result<Value, Failure> {
        let about = Call { action: call.action, door: Door::Rest, repeat: call.repeat, privacy: call.privacy };
        let body = call.body.as_ref().map(Value::to_string);
        let response = self
            .deliver(&about, |token| {
                let mut headers = vec![
                    ("Authorization".to_owned(), format!("Bearer {}", token.text.expose())),
                    ("Accept".to_owned(), "application/json".to_owned()),
                ];
                if body.is_some() {
                    headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
                }
                Some(HttpRequest {
                    method: if body.is_some() { Method::Post } else { Method::Get },
                    url: token.rest_url.join(&call.path).ok()?,
                    headers,
                    body: body.clone().unwrap_or_default().into(),
                    timeout: CALL_TIMEOUT,
                })
            })
            .await?;
        let place = |it: serde_json::Error| format!("the JSON is broken at line {}, column {}", it.line(), it.column());
        serde_json::from_slice(&response.body).map_err(|it| Failure::unreadable(call.action, place(it)))
    }
}

/// A text as one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// What an error body says: `{message, errorcode}`, or `{resultMessages: [{resultCode, message}]}`.
pub(crate) fn refusal_of(body: &[u8]) -> Option<Refusal> {
    let body: Value = serde_json::from_slice(body).ok()?;
    result_message(&body).or_else(|| {
        let message = body.get("message").and_then(Value::as_str)?;
        let code = body.get("errorcode").and_then(text_of);
        Some(Refusal { code, message: message.to_owned() })
    })
}

/// The first result message that is no mere note.
pub(crate) fn result_message(body: &Value) -> Option<Refusal> {
    let messages = body.get("resultMessages")?.as_array()?;
    let text = |it: &Value, name: &str| it.get(name).and_then(text_of);
    let first = messages.iter().find(|it| text(it, "resultClass").is_none_or(|class| class.eq_ignore_ascii_case("error")))?;
    Some(Refusal { code: text(first, "resultCode"), message: text(first, "message").unwrap_or_default() })
}

/// A text or a number as text: ids come as both.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A count that is a number, or a text with a number in it; negative ones are none.
pub(crate) fn count_of(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}
