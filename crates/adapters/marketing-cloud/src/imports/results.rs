//! `ImportResultsSummary`: what became of the imports of a definition.

use std::{cmp::Ordering, collections::BTreeMap};

use outflow_domain::{ImportCounts, ImportId, ImportStatus, Name, Route};
use outflow_ports::CloudError;

use super::{definition_key, status::import_status};
use crate::{
    session::Session,
    soap::{Element, Filter, Retrieve},
};

const PROPERTIES: [&str; 11] = [
    "ImportDefinitionCustomerKey",
    "TaskResultID",
    "ImportStatus",
    "StartDate",
    "EndDate",
    "NumberSuccessful",
    "NumberDuplicated",
    "NumberErrors",
    "NumberRestricted",
    "TotalRows",
    "ImportType",
];

/// Where the import of that number stands. An import that is not listed yet is queued.
pub(crate) async fn task_status(session: &Session, task: &str) -> Result<ImportStatus, CloudError> {
    let action = format!("read the status of the import {task}");
    let mut question = Retrieve::of("ImportResultsSummary", &PROPERTIES, Some(Filter::equals("TaskResultID", task)));
    // As the service's own sample does; the number is unique among all accounts.
    question.of_all_accounts = true;
    let mut rows = session.retrieve(&action, question, read_result).await?;
    rows.retain(|(it, _)| it.0 == task);
    Ok(newest_by_task(rows).into_values().next().unwrap_or(ImportStatus::Queued))
}

/// Every import of the activation's definition that is newer than `newest`, oldest first.
pub(crate) async fn definition_imports(
    session: &Session,
    activation: &Name,
    newest: Option<&str>,
) -> Result<Vec<(ImportId, ImportStatus)>, CloudError> {
    let key = definition_key(activation);
    let action = format!("list the imports of the definition `{key}`");
    let of_definition = Some(Filter::equals("ImportDefinitionCustomerKey", &key));
    let rows = session.retrieve(&action, Retrieve::of("ImportResultsSummary", &PROPERTIES, of_definition), read_result).await?;
    let newest = newest.map(|it| TaskId(it.to_owned()));
    let newer = newest_by_task(rows).into_iter().filter(|(task, _)| newest.as_ref().is_none_or(|it| it < task));
    Ok(newer.map(|(task, status)| (ImportId { route: Route::Soap, id: task.0 }, status)).collect())
}

/// A `TaskResultID`: a number that grows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TaskId(String);

impl Ord for TaskId {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.0.parse::<u128>(), other.0.parse::<u128>()) {
            (Ok(one), Ok(two)) => one.cmp(&two).then_with(|| self.0.cmp(&other.0)),
            (Err(_), Err(_)) => self.0.cmp(&other.0),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
        }
    }
}

impl PartialOrd for TaskId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// One status for each task. Where several rows tell of one, an outdated one may be among them: the last that has ended counts, else the last.
fn newest_by_task(rows: Vec<(TaskId, ImportStatus)>) -> BTreeMap<TaskId, ImportStatus> {
    let mut by_task = BTreeMap::new();
    for (task, status) in rows {
        let is_older = by_task.get(&task).is_some_and(|it: &ImportStatus| it.has_ended() && !status.has_ended());
        if !is_older {
            by_task.insert(task, status);
        }
    }
    by_task
}

/// Reads a result; one without a task is passed over.
pub(crate) fn read_result(object: Element<'_, '_>) -> Option<(TaskId, ImportStatus)> {
    let count = |name| object.number(name).unwrap_or(0);
    let counts = ImportCounts {
        total: count("TotalRows"),
        successful: count("NumberSuccessful"),
        errors: count("NumberErrors"),
        duplicated: count("NumberDuplicated"),
        restricted: count("NumberRestricted"),
    };
    let task = object.word("TaskResultID").filter(|it| crate::soap::is_task_id(it))?;
    Some((TaskId(task), import_status(&object.word("ImportStatus").unwrap_or_default(), counts, None)))
}
