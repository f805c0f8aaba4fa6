//! File locations, by REST.

use outflow_ports::CloudError;
use serde_json::Value;

use crate::{
    rest::{RestCall, count_of},
    session::Session,
};

/// The list of every kind, by name; the Enhanced FTP's external key is its name.
const ALL: &str = "automation/v1/ftplocations/";

/// The list of SFTP and buckets, by external key.
const WITH_KEYS: &str = "data/v1/filetransferlocations";

/// Pages after which we stop believing that a list ends.
const PAGES_MAX: u64 = 200;

/// Whether there is a file location of that external key. `None` where it was not found and not every list may be read.
pub(crate) async fn has_file_location(session: &Session, key: &str) -> Result<Option<bool>, CloudError> {
    let mut has_read_all = true;
    for list in [ALL, WITH_KEYS] {
        match is_in(session, list, key).await? {
            Some(true) => return Ok(Some(true)),
            Some(false) => {}
            None => has_read_all = false,
        }
    }
    Ok(has_read_all.then_some(false))
}

/// Whether the list has it; `None` where the list may not be read.
async fn is_in(session: &Session, list: &str, key: &str) -> Result<Option<bool>, CloudError> {
    let action = format!("look for the file location `{key}`");
    let mut seen = 0;
    for page in 1..=PAGES_MAX {
        let answer = match session.rest(&RestCall::get(&action, format!("{list}?$page={page}"))).await {
            Ok(answer) => answer,
            Err(failure) if matches!(failure.status, Some(401 | 403 | 404)) => return Ok(None),
            Err(failure) => return Err(failure.into()),
        };
        let items: &[Value] = answer.get("items").and_then(Value::as_array).map_or(&[], Vec::as_slice);
        if items.iter().any(|it| is_named(it, key)) {
            return Ok(Some(true));
        }
        seen += items.len() as u64;
        let all = answer.get("count").and_then(count_of).unwrap_or(0);
        if items.is_empty() || all <= seen {
            break;
        }
    }
    Ok(Some(false))
}

fn is_named(item: &Value, key: &str) -> bool {
    let has = |member: &str| item.get(member).and_then(Value::as_str).is_some_and(|it| it.eq_ignore_ascii_case(key));
    has("customerKey") || has("key") || has("name")
}
