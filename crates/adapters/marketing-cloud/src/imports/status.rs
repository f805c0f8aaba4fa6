//! What the service's words for an import's state mean.

use outflow_domain::{ImportCounts, ImportStatus};

use crate::words;

/// The status of an import. SOAP says New, Processing, IOWork, Completed, Error, Unknown
/// (<https://developer.salesforce.com/docs/atlas.en-us.noversion.mc-apis.meta/mc-apis/retrieve_the_aggregate_results_of_an_import_via_importresultssummary.htm>);
/// REST has been seen to say Success, and its list is not public. A word we do not know is no end: its import is watched on.
pub(super) fn import_status(word: &str, counts: ImportCounts, code: Option<String>) -> ImportStatus {
    match word.trim().to_ascii_lowercase().as_str() {
        "completed" | "complete" | "success" => ImportStatus::Completed { counts },
        "error" | "failed" | "failure" => {
            let code = code.as_deref().and_then(words::code).or_else(|| words::code(word)).unwrap_or_else(|| "Error".to_owned());
            ImportStatus::Failed { counts, code }
        }
        "new" | "queued" | "pending" | "" => ImportStatus::Queued,
        "processing" | "iowork" | "unknown" | "running" | "inprogress" | "in progress" => ImportStatus::Running { rows: counts.total },
        _ => {
            tracing::warn!("An import has the status {:?}, which is not known; it is taken as running", words::code(word));
            ImportStatus::Running { rows: counts.total }
        }
    }
}
