//! The REST door: routes, tokens, scopes.

mod async_rows;
mod automation_imports;
mod custom_objects;
mod events;
mod import;
mod locations;
mod rowset;

pub(super) use async_rows::AsyncRequests;
pub(super) use rowset::RowsetTokens;

use serde_json::{Value, json};

use super::Model;
use super::calls::bearer;
use super::http::{HttpAnswer, HttpRequest};
use super::token::Grant;

/// A REST call whose token is good.
struct Rest<'a> {
    request: &'a HttpRequest,
    grant: Grant,
    now_ms: i64,
}

impl Rest<'_> {
    /// The body as JSON.
    fn body(&self) -> Result<Value, HttpAnswer> {
        serde_json::from_slice(&self.request.body)
            .map_err(|_| HttpAnswer::rest_error(400, 10003, "JSON deserialization error. The body could not be read."))
    }

    /// Refuses a token without a scope.
    fn needs(&self, scope: &str) -> Result<(), HttpAnswer> {
        if self.grant.may(scope) {
            return Ok(());
        }
        Err(HttpAnswer::rest_error(403, 20002, "Insufficient Privileges"))
    }

    /// `$page` and `$pageSize`, in any case; pages begin at 1.
    fn paging(&self, usual: usize, max: usize) -> (usize, usize) {
        let number = |name: &str| self.request.query(name).and_then(|it| it.parse::<usize>().ok()).filter(|it| 0 < *it);
        (number("$page").unwrap_or(1), number("$pagesize").unwrap_or(usual).min(max))
    }
}

/// An answer, or a refusal on the way to it.
type Answer = Result<HttpAnswer, HttpAnswer>;

impl Model {
    /// Answers the REST door.
    pub(super) fn rest(&mut self, request: &HttpRequest, now_ms: i64) -> HttpAnswer {
        let grant = bearer(request).and_then(|it| self.tokens.grant(it, now_ms)).cloned();
        let Some(grant) = grant else { return HttpAnswer::rest_error(401, 0, "Not Authorized") };
        let rest = Rest { request, grant, now_ms };
        let segments = request.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        let answer = match path.as_slice() {
            ["data", "v1", "async", "import", tail @ ..] => self.rest_import(&rest, tail),
            ["data", "v1", "async", tail @ ..] => self.rest_async(&rest, tail),
            ["data", "v1", "customobjectdata", tail @ ..] => self.rest_rowset(&rest, tail),
            ["data", "v1", "customobjects" | "customobjectsasync", tail @ ..] => self.rest_custom_objects(&rest, tail),
            ["data", "v1", "filetransferlocation" | "filetransferlocations", ..] | ["automation", "v1", "ftplocations"] => {
                self.rest_locations(&rest, &path)
            }
            ["automation", "v1", "imports", tail @ ..] => self.rest_automation_imports(&rest, tail),
            ["hub", "v1", "dataevents", tail @ ..] => self.rest_events(&rest, tail),
            ["legacy", "v1", "beta", "object", tail @ ..] => self.rest_legacy_objects(&rest, tail),
            _ => Err(not_found()),
        };
        answer.unwrap_or_else(|refusal| refusal)
    }

    /// The data extension that a path names by `key:KEY` or by ObjectID.
    fn de_id_of(&self, account_id: u64, reference: &str) -> Option<String> {
        let unit = self.units.get(&account_id)?;
        let found = match reference.strip_prefix("key:") {
            Some(key) => unit.data_extension(key),
            None => unit.data_extension_by_id(reference),
        };
        found.map(|it| it.object_id.clone())
    }
}

fn not_found() -> HttpAnswer {
    HttpAnswer::rest_error(404, 404, "Not Found")
}

/// A 400 that names the data extension it could not find.
fn unknown_object(request_id: &str, reference: &str) -> HttpAnswer {
    let (id, key) = reference.strip_prefix("key:").map_or((reference, ""), |key| ("", key));
    let message = format!("Failed to resolve the Custom Object from the provided ObjectReferenceIdentifier [Id: {id}, Key: {key}].");
    HttpAnswer::json(
        400,
        &json!({
            "requestId": request_id,
            "resultMessages": [{
                "resultType": "Validation", "resultClass": "Error",
                "resultCode": "CustomObjectNotFound", "message": message,
            }],
        }),
    )
}

/// A JSON value as the text of a cell; `None` for null. Numbers keep the digits they came with.
fn cell_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
