//! Imports by both roads.

mod definition;
mod mark;
mod one_time;
mod refusals;
mod results;
mod status;

use outflow_domain::InsertMode;

pub use definition::definition_key;
pub(crate) use definition::{marked_generation, prepare_definition, start_definition};
pub(crate) use one_time::{one_time_status, read_summary, start_one_time};
pub(crate) use refusals::{read_counts_by_code, read_refusals, refusals};
pub(crate) use results::{definition_imports, read_result, task_status};

/// The service's word for how rows meet: <https://developer.salesforce.com/docs/marketing/marketing-cloud/guide/importdefinitionupdatetype.html>.
const fn update_type(insert: InsertMode) -> &'static str {
    match insert {
        InsertMode::InsertAndUpdate => "AddAndUpdate",
        InsertMode::UpdateOnly => "UpdateButDoNotAdd",
    }
}
