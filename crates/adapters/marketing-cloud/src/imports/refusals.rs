//! Row-level validation results of a one-time import.
//!
//! Their texts quote the refused values, so nothing of them is kept but the code and the field they name.

use outflow_domain::{FieldName, RowRefusal};
use outflow_ports::{CloudError, RefusalList};
use serde_json::Value;

use super::one_time::ROUTE;
use crate::{
    describe::describe,
    rest::{RestCall, count_of, text_of},
    session::Session,
    words,
};

/// Pages after which we stop believing that the list ends.
const PAGES_MAX: u64 = 100_000;

/// Stands in for a code that is none.
const UNKNOWN: &str = "Unknown";

/// The refused rows; `None` where the service lists none for us.
pub(crate) async fn refusals(session: &Session, id: &str) -> Result<Option<RefusalList>, CloudError> {
    let action = format!("read the refused rows of the import {id}");
    let Some(by_code) = ask(session, &action, format!("{ROUTE}/{id}/validationsummary")).await? else { return Ok(None) };
    let fields = fields_of_target(session, &action, id).await?;
    let mut rows: Vec<RowRefusal> = Vec::new();
    for page in 1..=PAGES_MAX {
        let Some(answer) = ask(session, &action, format!("{ROUTE}/{id}/validationresult?$page={page}")).await? else {
            return Ok(None);
        };
        let found = read_refusals(&answer, &fields);
        // A service that passes over `$page` would give the first page for ever.
        if found.is_empty() || (1 < page && rows.ends_with(&found)) {
            break;
        }
        rows.extend(found);
        match answer.get("count").and_then(count_of) {
            Some(all) if (rows.len() as u64) < all => {}
            _ => break,
        }
    }
    Ok(Some(RefusalList { rows, by_code: read_counts_by_code(&by_code) }))
}

/// An answer, or `None` where the service does not give it to us.
async fn ask(session: &Session, action: &str, path: String) -> Result<Option<Value>, CloudError> {
    match session.rest(&RestCall::get(action, path).about_rows()).await {
        Ok(answer) => Ok(Some(answer)),
        Err(failure) if matches!(failure.status, Some(401 | 403 | 404)) => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

/// The fields of the import's data extension, to find out which one a text names. None where they cannot be told.
async fn fields_of_target(session: &Session, action: &str, id: &str) -> Result<Vec<FieldName>, CloudError> {
    let Some(answer) = ask(session, action, format!("{ROUTE}/{id}/summary")).await? else { return Ok(Vec::new()) };
    let key = answer.pointer("/summary/targetKey").and_then(Value::as_str).and_then(|it| it.parse().ok());
    let Some(key) = key else { return Ok(Vec::new()) };
    match describe(session, &key).await {
        Ok(there) => Ok(there.map(|it| it.fields.into_iter().map(|field| field.name).collect()).unwrap_or_default()),
        // Refused rows without fields are better than no refused rows.
        Err(CloudError::Forbidden { .. } | CloudError::Refused { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Reads a page of refused rows. The list's own name is not published, so the first list of objects with a `rowId` is taken.
pub(crate) fn read_refusals(answer: &Value, fields: &[FieldName]) -> Vec<RowRefusal> {
    let has_rows = |it: &&Vec<Value>| it.iter().any(|row| row.get("rowId").is_some());
    let list = match answer {
        Value::Array(list) => Some(list),
        Value::Object(members) => members.values().filter_map(Value::as_array).find(has_rows),
        _ => None,
    };
    list.into_iter().flatten().filter_map(|it| read_refusal(it, fields)).collect()
}

fn read_refusal(row: &Value, fields: &[FieldName]) -> Option<RowRefusal> {
    let details = row.get("validationErrorDetails").and_then(text_of).unwrap_or_default();
    Some(RowRefusal { row: row.get("rowId").and_then(count_of)?, code: code_of(row), field: words::field_named_in(&details, fields) })
}

/// How many errors there are of each code.
pub(crate) fn read_counts_by_code(answer: &Value) -> Vec<(String, u64)> {
    let list = answer.get("importValidationSummary").or_else(|| answer.get("items")).and_then(Value::as_array);
    let count = |it: &Value| Some((code_of(it), it.get("errorsCount").and_then(count_of)?));
    list.into_iter().flatten().filter_map(count).collect()
}

fn code_of(row: &Value) -> String {
    let word = |name: &str| row.get(name).and_then(text_of).and_then(|it| words::code(&it));
    word("validationErrorType").or_else(|| word("validationErrorCodeId")).unwrap_or_else(|| UNKNOWN.to_owned())
}
