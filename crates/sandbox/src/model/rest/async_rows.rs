//! Rows by the thousand, asynchronously: `/data/v1/async/dataextensions/…/rows`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Answer, Rest, cell_text, not_found, unknown_object};
use crate::model::Model;
use crate::model::clock::{iso_text, server_ms};
use crate::model::data_extension::DataExtension;
use crate::model::http::HttpAnswer;
use crate::model::rows::Cells;
use crate::model::types::{Reading, RowError};
use crate::model::writing::{FieldError, WriteMode, Writing, Written};

/// A request that was accepted.
#[derive(Debug, Serialize, Deserialize)]
struct AsyncRequest {
    id: String,
    account_id: u64,
    target: String,
    upsert: bool,
    items: Vec<Map<String, Value>>,
    called_ms: i64,
    due_ms: i64,
    /// One for each item, once it was picked up.
    results: Option<Vec<Value>>,
}

/// All of them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::model) struct AsyncRequests(Vec<AsyncRequest>);

impl AsyncRequests {
    /// When the next one is picked up.
    pub(in crate::model) fn next_due(&self) -> Option<i64> {
        self.0.iter().filter(|it| it.results.is_none()).map(|it| it.due_ms).min()
    }
}

impl Model {
    pub(super) fn rest_async(&mut self, rest: &Rest<'_>, tail: &[&str]) -> Answer {
        match (rest.request.method.as_str(), tail) {
            ("POST", ["dataextensions", reference, "rows"]) => self.submit_rows(rest, reference, false),
            ("PUT", ["dataextensions", reference, "rows"]) => self.submit_rows(rest, reference, true),
            ("GET", [id, "status"]) => self.async_status(rest, id),
            ("GET", [id, "results"]) => self.async_results(rest, id),
            _ => Err(not_found()),
        }
    }

    fn submit_rows(&mut self, rest: &Rest<'_>, reference: &str, upsert: bool) -> Answer {
        rest.needs("data_extensions_write")?;
        let request_id = self.ids.guid();
        let body = rest.body()?;
        let target = self.de_id_of(rest.grant.account_id, reference).ok_or_else(|| unknown_object(&request_id, reference))?;
        let Some(Value::Array(items)) = body.get("items") else {
            return Err(HttpAnswer::rest_error(400, 10001, "Parameter items is invalid."));
        };
        if self.switches.async_rows_max < items.len() {
            let text = format!("A request must not have more than {} objects.", self.switches.async_rows_max);
            return Err(HttpAnswer::rest_error(400, 10001, &text));
        }
        let items: Option<Vec<Map<String, Value>>> = items.iter().map(|it| it.as_object().cloned()).collect();
        let items = items.ok_or_else(|| HttpAnswer::rest_error(400, 10001, "Each item must be an object."))?;
        self.async_requests.0.push(AsyncRequest {
            id: request_id.clone(),
            account_id: rest.grant.account_id,
            target,
            upsert,
            items,
            called_ms: rest.now_ms,
            due_ms: rest.now_ms + self.switches.async_rows_ms,
            results: None,
        });
        Ok(HttpAnswer::json(202, &json!({ "requestId": request_id, "resultMessages": [] })))
    }

    /// An unknown job answers like one that was not picked up yet, and a malformed id with 500.
    fn async_request(&self, rest: &Rest<'_>, id: &str) -> Result<Option<&AsyncRequest>, HttpAnswer> {
        rest.needs("data_extensions_read")?;
        if id.len() != 36 {
            return Err(HttpAnswer::rest_error(500, 0, "Internal Server Error"));
        }
        Ok(self.async_requests.0.iter().find(|it| it.id == id && it.account_id == rest.grant.account_id))
    }

    fn async_status(&mut self, rest: &Rest<'_>, id: &str) -> Answer {
        let own_id = self.ids.guid();
        let found = self.async_request(rest, id)?.and_then(|it| Some((it, it.results.as_ref()?)));
        let Some((request, results)) = found else {
            return Ok(HttpAnswer::json(200, &json!({ "requestId": own_id, "resultMessages": [] })));
        };
        let date = |ms: i64| iso_text(server_ms(ms, self.switches.server_offset_hours));
        let has_errors = results.iter().any(|it| it["status"] == "Error");
        Ok(HttpAnswer::json(
            200,
            &json!({
                "status": {
                    "callDateTime": date(request.called_ms),
                    "pickupDateTime": date(request.due_ms),
                    "completionDateTime": date(request.due_ms),
                    "requestStatus": "Complete",
                    "resultStatus": if has_errors { "Has Errors" } else { "OK" },
                    "hasErrors": has_errors,
                    "requestId": id,
                },
                "requestId": own_id,
                "resultMessages": [],
            }),
        ))
    }

    fn async_results(&mut self, rest: &Rest<'_>, id: &str) -> Answer {
        let own_id = self.ids.guid();
        let (page, page_size) = rest.paging(50, 2500);
        let Some(results) = self.async_request(rest, id)?.and_then(|it| it.results.as_ref()) else {
            return Err(HttpAnswer::json(
                400,
                &json!({
                    "requestId": own_id,
                    "resultMessages": [{
                        "resultType": "Validation", "resultClass": "Error",
                        "resultCode": "AsyncRequestStatusNotFound",
                        "message": format!("No results exist for the request {id}."),
                    }],
                }),
            ));
        };
        let shown: Vec<&Value> = results.iter().skip((page - 1) * page_size).take(page_size).collect();
        Ok(HttpAnswer::json(
            200,
            &json!({
                "page": page, "pageSize": page_size, "count": results.len(), "items": shown,
                "requestId": own_id, "resultMessages": [],
            }),
        ))
    }

    /// Picks up what is due.
    pub(in crate::model) fn advance_async_rows(&mut self, now_ms: i64) {
        let reading = Reading::of(&self.switches);
        let (prolongs, keeps_number) = (self.switches.update_prolongs_retention, self.switches.remade_rows_keep_number);
        for request in self.async_requests.0.iter_mut().filter(|it| it.results.is_none() && it.due_ms <= now_ms) {
            let unit = self.units.get_mut(&request.account_id);
            let target = unit.and_then(|unit| unit.data_extension_by_id_mut(&request.target));
            let items = std::mem::take(&mut request.items);
            let writing = Writing { now_ms: request.due_ms, reading, prolongs, keeps_number };
            request.results = Some(match target {
                None => items
                    .iter()
                    .map(|_| json!({ "status": "Error", "errorCode": 2, "message": "The data extension does not exist." }))
                    .collect(),
                Some(de) => items.iter().map(|it| write_item(de, it, request.upsert, writing)).collect(),
            });
        }
    }
}

fn write_item(de: &mut DataExtension, item: &Map<String, Value>, upsert: bool, writing: Writing) -> Value {
    let mut cells = Cells::default();
    cells.reset(de.slots());
    let mut errors = Vec::new();
    for (name, value) in item {
        match de.field(name) {
            Some(field) => {
                if let Err(error) = de.set_text(&mut cells, field, cell_text(value).as_deref(), writing.reading) {
                    errors.push(error);
                }
            }
            None => errors.push(FieldError {
                field: name.clone(),
                error: RowError::InvalidFieldCount,
                message: format!("The field {name} does not exist in the data extension."),
            }),
        }
    }
    let keys_missing = upsert && de.key_fields().any(|it| cells.get(it.slot).is_none());
    let (text, errors) = if upsert && !de.has_key() || keys_missing {
        ("Cannot locate the existing record. Required keys are missing.".to_owned(), errors)
    } else if errors.is_empty() {
        let mode = if upsert { WriteMode::Upsert } else { WriteMode::Insert };
        match de.write(&mut cells, mode, writing) {
            Ok(Written::Inserted | Written::Updated) => {
                let text = if upsert { "Upserted DataExtensionObject" } else { "Created DataExtensionObject" };
                return json!({ "status": "OK", "message": text });
            }
            Ok(_) => {
                let id = de.object_id.get(..8).unwrap_or_default();
                (format!("UnexpectedError: Violation of PRIMARY KEY constraint 'PK_C{id}'."), Vec::new())
            }
            Err(errors) => ("Error".to_owned(), errors),
        }
    } else {
        ("Error".to_owned(), errors)
    };
    let listed: Vec<Value> =
        errors.iter().map(|it| json!({ "name": it.field, "errorMessage": it.message, "errorCode": it.error.api_code() })).collect();
    let mut result = json!({ "status": "Error", "errorCode": 2, "message": text });
    if !listed.is_empty() {
        result["errors"] = Value::Array(listed);
    }
    result
}
