//! What became of one row: what the model says now, what is known of the destination, and in which runs the row was sent.
//!
//! Asks the service only where the mapping that the ledger knows is not the one that the project asks for, or where the data extension itself is
//! to be looked at. Changes nothing.

mod conclusion;
mod past;

use arrow_array::RecordBatch;
use outflow_baseline::{Baseline, Entry, Kind, Segment, Update};
use outflow_domain::{
    ActivationState, CellProblem, DataExtensionKey, KeyFingerprint, MappedField, Mapping, Name, NewDataExtension, RefusedRow,
    RowFingerprint, RunId, Table,
    refusal::{RETRY_AFTER_MS, may_pass},
};
use outflow_ports::{Blob, CloudError, RowFilter, RowQuery};
use outflow_rows::{
    Canonicalizer, KeptFields, ReadBack, Scheme, UnreadableRow, fingerprints, keepable_fields, mapping_digest, model_columns,
};

pub use conclusion::Conclusion;
pub use outflow_baseline::{Origin, Presence};
pub use past::{InRun, RowFate, RowInRun};

use crate::{
    error::EngineError,
    job::{Job, Ports},
    model_rows::each_row,
    pages::each_page,
    segments::Segments,
    steps::{
        resolve::{checked, describe, identity, is_retired},
        settle::schema_digest,
    },
};

/// Rows of the model with one key that are told.
const ROWS_MAX: usize = 10;

/// What a person knows of a key: a value for each of its fields, named where there are several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPart {
    /// The field, or the model's column that fills it.
    pub field: Option<String>,
    /// Its value, in the spelling of our files or any that a model's text may have.
    pub value: String,
}

/// All that is known of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowReport {
    /// The activation.
    pub activation: Name,
    /// The data extension.
    pub data_extension: DataExtensionKey,
    /// The key as it was understood, by field.
    pub key: Vec<(String, String)>,
    /// Whether new records are inserted.
    pub inserts: bool,
    /// The rows of the model that have the key, at most ten.
    pub model: Vec<ModelRow>,
    /// How many there are.
    pub model_rows: u64,
    /// What the baseline knows.
    pub baseline: Option<BaselineRow>,
    /// Parts whose import may have written the row, or not.
    pub in_doubt: Vec<DoubtfulPart>,
    /// The refusal that is remembered.
    pub refusal: Option<Refusal>,
    /// What the history tells, newest first.
    pub past: Vec<RowInRun>,
    /// Since when the history tells; `None` where there is none.
    pub past_since_ms: Option<i64>,
    /// Runs of whose history something cannot be read.
    pub unreadable: Vec<RunId>,
    /// What the data extension holds, where it was looked at.
    pub destination: Option<DestinationRow>,
}

/// A row of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRow {
    /// Its values by field, as they would be sent; `None` for a blank.
    pub values: Vec<(String, Option<String>)>,
    /// The fields that it leaves as they are, since it is blank there.
    pub kept: Vec<String>,
    /// What is wrong with it, by field.
    pub problems: Vec<(String, CellProblem)>,
    print: RowFingerprint,
    kept_bits: Vec<u64>,
}

/// What the baseline knows of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaselineRow {
    /// Whether the row was in the model when it was last compared, and whether its values are known.
    pub presence: Presence,
    /// Who wrote it first.
    pub origin: Origin,
    /// Whether its values are the model's now; `None` where that cannot be said.
    pub is_as_model: Option<bool>,
}

/// A part whose import may have written the row, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoubtfulPart {
    /// Its run.
    pub run: RunId,
    /// Its number.
    pub part: u32,
    /// Its import, as `outflow abandon` takes it.
    pub import: String,
    /// Whether it was to delete the row.
    pub is_deletion: bool,
}

/// A refusal that is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The service's code, or `unexplained`.
    pub code: String,
    /// The field, where the service named one.
    pub field: Option<String>,
    /// When it was refused last, in milliseconds since 1970, UTC; `None` where that was not yet written down.
    pub at_ms: Option<i64>,
    /// Whether the row, the mapping and the fields are as they were then, so that the row is held back.
    pub holds: bool,
    /// From when on it is tried again all the same; `None` where its reason lies in the row.
    pub due_ms: Option<i64>,
}

/// What the data extension holds under the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DestinationRow {
    /// Nothing.
    Absent,
    /// A row.
    There {
        /// Its values by field, as the service tells them.
        values: Vec<(String, Option<String>)>,
        /// Whether they are the model's; `None` where the model has no row to compare with.
        is_as_model: Option<bool>,
    },
    /// It may not be read, in the service's words.
    Forbidden(String),
}

/// Tells all that is known of the row with this key; with `look`, reads the data extension too.
///
/// # Errors
/// [`EngineError::UnfitKey`] where the key is not one; others where ledger, source, baseline or service do not answer.
pub async fn why(job: &Job, ports: &Ports, key: &[KeyPart], look: bool) -> Result<RowReport, EngineError> {
    let name = job.activation.name.as_str();
    let state = ports.ledger.activation(&job.activation.name).await?;
    let Ends { mapping, retired, is_missing } = match state.mapping.as_deref().filter(|it| !look && is_as_wished(it, job)) {
        Some(known) => Ends { mapping: known.clone(), retired: false, is_missing: false },
        None => ends(job, ports, &state).await?,
    };
    let scheme = Scheme::derive(&job.project_secret, name);
    let asked = Asked::of(key, &mapping, &scheme).map_err(|message| EngineError::UnfitKey { activation: name.to_owned(), message })?;
    let segments = Segments::new(ports, name, &scheme);
    let (model, model_rows) = model(job, ports, &mapping, &scheme, asked.print).await?;
    let lone_row = model.first().filter(|_| model_rows == 1 || model.iter().all(|it| it.print == model[0].print));
    let lone = lone_row.map(|it| it.print);
    // What was confirmed of another table, or of other keys, says nothing of this one.
    let entry = if retired { None } else { entry(&segments, &state, asked.print)? };
    let is_comparable = state.mapping.as_deref().is_some_and(|it| mapping_digest(it) == mapping_digest(&mapping));
    let baseline = entry.map(|it| BaselineRow {
        presence: it.state.presence,
        origin: it.state.origin,
        is_as_model: lone
            .filter(|_| is_comparable && !matches!(it.state.presence, Presence::ValueUnknown | Presence::LeftFlagged))
            .map(|print| print == it.row),
    });
    let mut in_doubt = Vec::new();
    for open in &state.open_parts {
        if let Some(doubt) = &open.doubt
            && segments.open_set(Kind::Doubt, doubt)?.contains(asked.print)
        {
            let import = crate::steps::import::import_name(open);
            in_doubt.push(DoubtfulPart { run: open.run.clone(), part: open.plan.part, import, is_deletion: open.plan.is_of_deletes });
        }
    }
    let refused = ports.ledger.refused(&job.activation.name).await?.into_iter().find(|it| it.key == asked.print);
    let refusal = refused.map(|it| refusal(it, lone, &schema_digest(&mapping)));
    let past = past::past(job, ports, asked.print, |under| lone.filter(|_| mapping_digest(under) == mapping_digest(&mapping))).await?;
    let destination = match (look, is_missing) {
        (false, _) => None,
        (true, true) => Some(DestinationRow::Absent),
        (true, false) => Some(destination(job, ports, &mapping, &scheme, &asked, lone_row).await?),
    };
    Ok(RowReport {
        activation: job.activation.name.clone(),
        data_extension: job.activation.data_extension.clone(),
        key: mapping.keys().iter().map(|it| it.field.to_string()).zip(asked.texts).collect(),
        inserts: job.activation.insert == outflow_domain::InsertMode::InsertAndUpdate,
        model,
        model_rows,
        baseline,
        in_doubt,
        refusal,
        past: past.rows,
        past_since_ms: past.since_ms,
        unreadable: past.unreadable,
        destination,
    })
}

/// What source and data extension are, as the service tells it now.
struct Ends {
    mapping: Mapping,
    /// Whether what was confirmed is of another table, or of other keys.
    retired: bool,
    /// Whether the data extension is yet to be made.
    is_missing: bool,
}

async fn ends(job: &Job, ports: &Ports, state: &ActivationState) -> Result<Ends, EngineError> {
    let connection = ports.cloud.connect().await?;
    let schema = ports.source.describe(&job.query).await?;
    let table = match describe(ports.cloud.as_ref(), job).await {
        Ok(there) => Table::There(there),
        Err(missing @ EngineError::NoDataExtension { .. }) => match NewDataExtension::wanted(&job.activation, &model_columns(&schema)) {
            Some(new) => Table::New(new),
            None => return Err(missing),
        },
        Err(other) => return Err(other),
    };
    let mapping = checked(job, &schema, &table)?;
    let retired = is_retired(state, &identity(&connection.tenant, &table, &mapping), &mapping);
    Ok(Ends { mapping, retired, is_missing: matches!(table, Table::New(_)) })
}

/// Whether a mapping fills just the fields that the activation asks for, from the columns and with the blanks it asks for.
fn is_as_wished(mapping: &Mapping, job: &Job) -> bool {
    let wish = &job.activation;
    let fills = |mapped: &MappedField, field: &str, column: &str| {
        mapped.field.as_str().eq_ignore_ascii_case(field) && mapped.column.eq_ignore_ascii_case(column)
    };
    let are_as = |mapped: &[MappedField], wished: Vec<(&str, &str)>| {
        mapped.len() == wished.len() && wished.iter().all(|(field, column)| mapped.iter().any(|it| fills(it, field, column)))
    };
    let keys = wish.primary_key.iter().map(|it| (it.field.as_str(), it.column.as_str())).collect();
    let fields = wish.fields.iter().map(|it| (it.field.as_str(), it.column.as_str()));
    let values = fields.chain(wish.custom_attributes.iter().map(|it| (it.as_str(), it.as_str()))).collect();
    let when_null = |it: &MappedField| {
        let own = wish.fields.iter().find(|wish| wish.field.is_same_as(&it.field)).and_then(|it| it.when_null);
        own.unwrap_or(wish.when_null)
    };
    let are_kept_alike = mapping.values().iter().all(|it| it.when_null == when_null(it));
    are_kept_alike && mapping.time_zone() == wish.time_zone.as_deref() && are_as(mapping.keys(), keys) && are_as(mapping.values(), values)
}

/// A key as it was understood.
struct Asked {
    print: KeyFingerprint,
    /// In the spelling of our files, in the order of `Mapping::keys`.
    texts: Vec<String>,
}

impl Asked {
    fn of(parts: &[KeyPart], mapping: &Mapping, scheme: &Scheme) -> Result<Self, String> {
        let names: Vec<String> = mapping.keys().iter().map(|it| it.field.to_string()).collect();
        let wanted = || {
            format!(
                "the primary key is {}: give {}",
                names.join(", "),
                names.iter().map(|it| format!("`--key {it}=…`")).collect::<Vec<_>>().join(" ")
            )
        };
        let mut cells: Vec<Option<&str>> = vec![None; names.len()];
        for KeyPart { field, value } in parts {
            let at = match field {
                None if names.len() == 1 => 0,
                None => return Err(wanted()),
                Some(field) => {
                    let is_it = |it: &MappedField| it.field.as_str().eq_ignore_ascii_case(field) || it.column.eq_ignore_ascii_case(field);
                    mapping.keys().iter().position(is_it).ok_or_else(wanted)?
                }
            };
            if cells[at].replace(value).is_some() {
                return Err(format!("`{}` is given twice; {}", names[at], wanted()));
            }
        }
        if cells.iter().any(Option::is_none) {
            return Err(wanted());
        }
        let reader = ReadBack::of_file(mapping);
        let print = reader.key_fingerprint(scheme, &cells).map_err(|it| match it {
            UnreadableRow::Cell { field, problem } => format!("`{field}`: {}", problem.sentence()),
            other @ UnreadableRow::CellCount { .. } => other.to_string(),
        })?;
        let canonical = reader.keys(1, |_, field| cells[field]);
        let texts = (0..names.len()).map(|field| canonical.text(0, field).unwrap_or_default()).collect();
        Ok(Self { print, texts })
    }
}

/// The rows of the model that have the key, and how many there are.
async fn model(
    job: &Job,
    ports: &Ports,
    mapping: &Mapping,
    scheme: &Scheme,
    key: KeyFingerprint,
) -> Result<(Vec<ModelRow>, u64), EngineError> {
    let (mut found, mut count): (Vec<RecordBatch>, u64) = (Vec::new(), 0);
    each_row(job, ports, mapping, scheme, |row| {
        if row.key == key {
            count += 1;
            if found.len() < ROWS_MAX {
                found.push(row.batch.slice(row.row, 1));
            }
        }
    })
    .await?;
    let rows = found.iter().map(|it| model_row(it, mapping, scheme)).collect::<Result<_, _>>()?;
    Ok((rows, count))
}

fn model_row(batch: &RecordBatch, mapping: &Mapping, scheme: &Scheme) -> Result<ModelRow, EngineError> {
    let unfit = |it: outflow_rows::UnfitBatch| EngineError::UnfitBatch(it.to_string());
    let canonical = Canonicalizer::new(mapping, &batch.schema()).map_err(unfit)?.canonicalize(batch);
    let (mut keys, mut prints) = (Vec::new(), Vec::new());
    fingerprints(&canonical, scheme, &mut keys, &mut prints);
    let fields: Vec<String> = mapping.fields().map(|it| it.field.to_string()).collect();
    let told = |it: &&outflow_rows::RowProblem| match canonical.skipped_by(0) {
        Some(field) => it.field == field,
        None => it.problem != CellProblem::NullSkipsRow,
    };
    let problems = canonical.problems().iter().filter(told).map(|it| (fields[usize::from(it.field)].clone(), it.problem)).collect();
    let kept_bits = canonical.kept(0).to_vec();
    let keepable = keepable_fields(mapping);
    let kept = KeptFields::of_bits(&kept_bits).places().map(|place| fields[keepable[place]].clone()).collect();
    let values = fields.iter().enumerate().map(|(at, field)| (field.clone(), canonical.text(0, at))).collect();
    Ok(ModelRow { values, kept, problems, print: prints[0], kept_bits })
}

/// What is confirmed of the key, settled segments that are yet to be merged included.
fn entry(segments: &Segments<'_>, state: &ActivationState, key: KeyFingerprint) -> Result<Option<Entry>, EngineError> {
    let baseline: Baseline<Blob> = segments.open_baseline(&state.baseline, state.mapping.as_deref())?;
    let mut entry = baseline.get(key);
    for it in &state.confirmed {
        let segment: Segment<Blob> = segments.open_updates(&it.segment, Some(&it.mapping))?;
        match segment.get(key) {
            Some(Update::Put(newer)) => entry = Some(newer),
            Some(Update::Drop(_)) => entry = None,
            None => {}
        }
    }
    Ok(entry)
}

fn refusal(it: RefusedRow, lone: Option<RowFingerprint>, schema: &str) -> Refusal {
    Refusal {
        holds: lone == Some(it.row) && it.schema == schema,
        due_ms: may_pass(&it.code).then_some(it.at_ms + RETRY_AFTER_MS),
        at_ms: Some(it.at_ms).filter(|it| *it > 0),
        code: it.code,
        field: it.field.map(|it| it.to_string()),
    }
}

async fn destination(
    job: &Job,
    ports: &Ports,
    mapping: &Mapping,
    scheme: &Scheme,
    asked: &Asked,
    lone: Option<&ModelRow>,
) -> Result<DestinationRow, EngineError> {
    // Columns that are yet to be created hold nothing.
    let held: Vec<bool> = mapping.fields().map(|it| it.field_id.is_some()).collect();
    let query = RowQuery {
        data_extension: job.activation.data_extension.clone(),
        key_fields: mapping.keys().iter().map(|it| it.field.clone()).collect(),
        fields: mapping.fields().filter(|it| it.field_id.is_some()).map(|it| it.field.clone()).collect(),
        filter: RowFilter::Keys(vec![asked.texts.clone()]),
    };
    let reader = ReadBack::new(mapping, job.server_offset_s);
    let mut found = DestinationRow::Absent;
    let read = each_page(ports.cloud.as_ref(), &query, |page| {
        for row in &page.rows {
            let mut told = row.iter();
            let cells: Vec<Option<&str>> = held.iter().map(|&it| if it { told.next().and_then(Option::as_deref) } else { None }).collect();
            if reader.key_fingerprint(scheme, &cells[..mapping.keys().len()]).ok() != Some(asked.print) {
                continue;
            }
            let kept = lone.map_or(&[][..], |it| &it.kept_bits);
            let print = reader.fingerprints(scheme, &cells, kept).ok().map(|(_, row)| row);
            let names = mapping.fields().zip(&held).filter(|(_, held)| **held).map(|(it, _)| it.field.to_string());
            let values = names.zip(row.iter().map(|it| it.clone().filter(|it| !it.is_empty()))).collect();
            found = DestinationRow::There { values, is_as_model: lone.map(|it| print == Some(it.print)) };
        }
    });
    match read.await {
        Ok(()) => Ok(found),
        Err(CloudError::Forbidden { message, .. }) => Ok(DestinationRow::Forbidden(message)),
        Err(other) => Err(other.into()),
    }
}
