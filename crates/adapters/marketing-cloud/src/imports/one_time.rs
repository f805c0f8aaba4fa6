//! One-time imports by REST: no definition, and row by row validation results.
//!
//! Routes: <https://developer.salesforce.com/docs/marketing/marketing-cloud/references/mc-import_job_api>. The body's members nest as in
//! <https://medium.com/@marketingcloudtips/execute-imports-without-import-definitions-using-the-rest-api-c261e04c3d55>.

use outflow_domain::{ImportCounts, ImportId, ImportOrder, ImportStatus, Route};
use outflow_ports::{CloudError, StartError};
use serde_json::{Value, json};

use super::{status::import_status, update_type};
use crate::{
    failure::{Failure, Privacy},
    rest::{self, RestCall, count_of, text_of},
    session::Session,
    soap::is_task_id,
};

/// Where imports live.
pub(super) const ROUTE: &str = "data/v1/async/import";

/// Starts a one-time import, once.
pub(crate) async fn start_one_time(session: &Session, order: &ImportOrder) -> Result<ImportId, StartError> {
    let action = format!("start the import of `{}` into the data extension `{}`", order.file, order.data_extension);
    let answer = session.rest(&RestCall::post_once(&action, ROUTE, body_of(order))).await.map_err(start_error)?;
    match answer.get("id").and_then(text_of).map(|it| it.trim().to_owned()).filter(|it| is_task_id(it)) {
        Some(id) => Ok(ImportId { route: Route::Rest, id }),
        None => match rest::result_message(&answer) {
            Some(refusal) => {
                Err(StartError::NotStarted { road_is_closed: false, source: refusal.to_error(&action, 200, Privacy::Metadata) })
            }
            None => Err(StartError::Lost { source: CloudError::Unreadable { action, message: "`id` is missing".to_owned() } }),
        },
    }
}

/// The order of the file's columns is that of the fields, so that mapping by heading and by place come to the same.
fn body_of(order: &ImportOrder) -> Value {
    json!({
        "source": { "fileInfo": {
            "specifier": order.file.as_str(),
            "contentType": "CSV",
            "hasMultipleFiles": false,
            "standardQuotedStrings": true,
        } },
        "target": { "type": "DataExtension", "key": order.data_extension.as_str(), "updateType": update_type(order.insert) },
        "mapping": { "allowErrors": true, "fieldMappingType": "InferFromColumnHeadings" },
        "transport": { "key": order.file_location },
    })
}

fn start_error(failure: Failure) -> StartError {
    if failure.may_have_acted {
        return StartError::Lost { source: failure.error };
    }
    let road_is_closed = is_closed(failure.status, &failure.error);
    StartError::NotStarted { road_is_closed, source: failure.error }
}

/// Whether the tenant does not take this road: no permission, no such route, or a body of another shape. A refusal that has understood the
/// body (it has a result code of its own, or misses what we named) would come by the other road too.
fn is_closed(status: Option<u16>, error: &CloudError) -> bool {
    let is_general_code = |code: &str| code.starts_with("HTTP") || code.parse::<u32>().is_ok_and(|it| (10_000..=10_006).contains(&it));
    let names_what_is_missing = |text: &str| text.contains("does not exist") || text.contains("not found") || text.contains("not be found");
    match (status, error) {
        (Some(403 | 404 | 405 | 410 | 415), _) | (_, CloudError::Forbidden { .. }) => true,
        (Some(400 | 422), CloudError::Refused { code, message, .. }) => is_general_code(code) && !names_what_is_missing(message),
        _ => false,
    }
}

/// Where the import of that number stands. An import that is not listed yet is queued.
pub(crate) async fn one_time_status(session: &Session, id: &str) -> Result<ImportStatus, CloudError> {
    let action = format!("read the status of the import {id}");
    match session.rest(&RestCall::get(&action, format!("{ROUTE}/{id}/summary"))).await {
        Ok(answer) => Ok(read_summary(&answer)),
        Err(failure) if failure.status == Some(404) => Ok(ImportStatus::Queued),
        Err(failure) => Err(failure.into()),
    }
}

/// Reads a summary; one without `summary` is of an import that was not picked up yet.
pub(crate) fn read_summary(answer: &Value) -> ImportStatus {
    let Some(summary) = answer.get("summary").filter(|it| it.is_object()) else { return ImportStatus::Queued };
    let count = |name: &str| summary.get(name).and_then(count_of).unwrap_or(0);
    let counts = ImportCounts {
        total: count("totalRows"),
        successful: count("successfulRows"),
        errors: count("errors"),
        duplicated: count("duplicateRows"),
        restricted: count("restrictedRows"),
    };
    let word = summary.get("importStatus").and_then(text_of).unwrap_or_default();
    import_status(&word, counts, rest::result_message(answer).and_then(|it| it.code))
}
