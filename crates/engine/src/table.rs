//! What a run makes and changes at the data extension itself: planned after the comparison, done before anything is sent.
//!
//! Each change walks the same way: its intent is recorded, the service is asked once more what is there, the change is made and proved by
//! reading, and its result is recorded. After a crash in between the next run finds what was made, as it finds what others have made.

use outflow_domain::{
    Activation, CellProblem, FieldName, FieldType, Identity, NewColumn, NewDataExtension, RunEvent, Table, WiderColumn,
    data_extension::text_length_for,
};
use outflow_ports::Progress;
use outflow_rows::mapping_digest;

use crate::{
    error::EngineError,
    job::{Job, Ports},
    recorder::Recorder,
    report::Widening,
    steps::{
        resolve::{Resolved, checked, describe, identity},
        seal::SealedPass,
        settle::schema_digest,
    },
};

/// The changes of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableChanges {
    /// The data extension, where it is missing.
    pub create: Option<NewDataExtension>,
    /// Columns to be created.
    pub columns: Vec<NewColumn>,
    /// Columns that are too short: to be made longer, or only told.
    pub widenings: Vec<Widening>,
}

impl TableChanges {
    /// What the comparison asks for: texts without a given length are made as long as the longest that was seen.
    pub fn of(activation: &Activation, resolved: &Resolved, sealed: &SealedPass) -> Self {
        let create = resolved.create.clone().map(|mut new| {
            for field in &mut new.fields {
                field.field_type = as_long_as_seen(activation, resolved, sealed, &field.name, field.field_type);
            }
            new
        });
        let missing = if create.is_some() { Vec::new() } else { resolved.mapping.columns_to_add() };
        let columns = missing
            .into_iter()
            .map(|it| NewColumn { field_type: as_long_as_seen(activation, resolved, sealed, &it.name, it.field_type), name: it.name });
        Self { create, columns: columns.collect(), widenings: widenings(activation, resolved, sealed) }
    }

    /// Whether the run changes anything.
    pub fn are_any(&self) -> bool {
        self.create.is_some() || !self.columns.is_empty() || self.widenings.iter().any(|it| it.is_allowed)
    }

    /// The columns that the run makes longer.
    pub fn wider(&self) -> Vec<WiderColumn> {
        self.widenings.iter().filter(|it| it.is_allowed).map(|it| it.column.clone()).collect()
    }

    /// Every field that the run creates, with its type.
    pub fn created(&self) -> impl Iterator<Item = (&FieldName, FieldType)> {
        let new = self.create.iter().flat_map(|it| &it.fields).map(|it| (&it.name, it.field_type));
        new.chain(self.columns.iter().map(|it| (&it.name, it.field_type)))
    }
}

/// The type with which a field is created: a text that nobody has given a length gets that of the step that holds the longest value.
fn as_long_as_seen(
    activation: &Activation,
    resolved: &Resolved,
    sealed: &SealedPass,
    field: &FieldName,
    field_type: FieldType,
) -> FieldType {
    let is_key = resolved.mapping.keys().iter().any(|it| it.field.is_same_as(field));
    if is_key || !matches!(field_type, FieldType::Text { .. }) || activation.table.given_type(field).is_some() {
        return field_type;
    }
    let at = resolved.mapping.fields().position(|it| it.field.is_same_as(field));
    let longest = at.and_then(|it| sealed.longest.get(&(it as u16))).copied().unwrap_or(0);
    FieldType::Text { units_max: Some(text_length_for(longest)) }
}

fn widenings(activation: &Activation, resolved: &Resolved, sealed: &SealedPass) -> Vec<Widening> {
    let keys = resolved.mapping.keys().len();
    let mut found = Vec::new();
    for (at, field) in resolved.mapping.fields().enumerate().skip(keys).filter(|(_, it)| it.field_id.is_some()) {
        let FieldType::Text { units_max: Some(from) } = field.field_type else { continue };
        let at = at as u16;
        let seen = sealed.longest.get(&at).map_or(0, |&it| text_length_for(it));
        let given = match activation.table.given_type(&field.field) {
            Some(FieldType::Text { units_max: Some(given) }) => given,
            _ => 0,
        };
        let to = seen.max(given);
        if from < to {
            let is_too_long = |(of, problem, _): &&(u16, CellProblem, _)| *of == at && *problem == CellProblem::TooLong;
            let rows = sealed.problems.iter().filter(is_too_long).map(|(_, _, examples)| examples.rows).sum();
            found.push(Widening { column: WiderColumn { name: field.field.clone(), from, to }, is_allowed: field.may_widen, rows });
        }
    }
    found
}

/// Makes the data extension, where the plan says so.
pub(crate) async fn create(
    job: &Job,
    ports: &Ports,
    recorder: &mut Recorder<'_>,
    resolved: &mut Resolved,
    changes: &TableChanges,
) -> Result<(), EngineError> {
    let Some(new) = &changes.create else { return Ok(()) };
    ports.progress.show(job.activation.name.as_str(), Progress::CreatingTable);
    recorder.record(RunEvent::TableCreating).await?;
    // Read again just before: rows that somebody else has put there meanwhile were not compared with anything.
    if ports.cloud.describe(&new.key).await?.is_some() {
        return Err(EngineError::ChangedMeanwhile { what: format!("the data extension `{}` was made", new.key) });
    }
    ports.cloud.create(new).await?;
    resolved.identity = take_in(job, ports, resolved).await?;
    recorder.record(RunEvent::TableCreated { identity: resolved.identity.clone() }).await?;
    Ok(())
}

/// Makes columns longer, where the plan says so.
pub(crate) async fn widen(
    job: &Job,
    ports: &Ports,
    recorder: &mut Recorder<'_>,
    resolved: &mut Resolved,
    changes: &TableChanges,
) -> Result<(), EngineError> {
    let wider = changes.wider();
    if wider.is_empty() {
        return Ok(());
    }
    ports.progress.show(job.activation.name.as_str(), Progress::WideningColumns { columns: wider.len() });
    recorder.record(RunEvent::ColumnsWidening).await?;
    ports.cloud.widen_columns(&job.activation.data_extension, &wider).await?;
    take_in(job, ports, resolved).await?;
    recorder.record(RunEvent::ColumnsWidened).await?;
    Ok(())
}

/// Creates columns, where the plan says so.
pub(crate) async fn add_columns(
    job: &Job,
    ports: &Ports,
    recorder: &mut Recorder<'_>,
    resolved: &mut Resolved,
    changes: &TableChanges,
) -> Result<(), EngineError> {
    if changes.columns.is_empty() {
        return Ok(());
    }
    ports.progress.show(job.activation.name.as_str(), Progress::AddingColumns { columns: changes.columns.len() });
    recorder.record(RunEvent::ColumnsAdding).await?;
    // Read again just before, so that a column somebody else has made meanwhile is used as it is.
    let before = describe(ports.cloud.as_ref(), job).await?;
    let missing: Vec<NewColumn> = changes.columns.iter().filter(|it| before.field(&it.name).is_none()).cloned().collect();
    if !missing.is_empty() {
        ports.cloud.add_columns(&before.key, &missing).await?;
    }
    resolved.identity = take_in(job, ports, resolved).await?;
    recorder.record(RunEvent::ColumnsAdded { identity: resolved.identity.clone() }).await?;
    Ok(())
}

/// Reads the data extension again after a change: tells whose rows they are from here on, and takes in under which types refusals are
/// remembered.
///
/// # Errors
/// Where it does not mean what the plan rests on.
async fn take_in(job: &Job, ports: &Ports, resolved: &mut Resolved) -> Result<Identity, EngineError> {
    let after = Table::There(describe(ports.cloud.as_ref(), job).await?);
    let mapping = checked(job, &resolved.schema, &after)?;
    if mapping_digest(&mapping) != mapping_digest(&resolved.mapping) {
        let key = &job.activation.data_extension;
        return Err(EngineError::ChangedMeanwhile { what: format!("a column of `{key}` was created with another type") });
    }
    // Under the planned columns refusals would be forgotten by the next run.
    resolved.schema_digest = schema_digest(&mapping);
    Ok(identity(&resolved.identity.tenant, &after, &mapping))
}
