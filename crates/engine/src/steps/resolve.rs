//! Asks source and destination what they are, and decides how the comparison goes.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use arrow_schema::SchemaRef;
use outflow_baseline::{Baseline, Entry, EntryState, Kind, Origin, Presence, Update};
use outflow_domain::{
    ActivationState, DataExtension, FieldName, Identity, ImportRoute, InsertMode, KeyFingerprint, Mapping, MappingProblem,
    NewDataExtension, RefusedRow, Route, RowFingerprint, RunId, SegmentRef, Table, TypeChange,
    mapping::{missing_of_key, most_similar},
};
use outflow_ports::{Blob, CloudError, MarketingCloud, Progress, ROW_NUMBER, RowFilter, RowQuery};
use outflow_rows::{Canonicalizer, ReadBack, Scheme, flag_problem, mapping_digest, model_columns};

use super::{
    compare::{AddedField, Rebase},
    settle::schema_digest,
};
use crate::{
    error::EngineError,
    job::{Job, Ports, RunOptions},
    known::{Doubt, Known, MADE_SINCE},
    pages::each_page,
    report::{KeyMoved, Warning},
    segments::Segments,
    split::{Sizes, Split},
};

/// What source and destination are, checked against each other.
pub(crate) struct Resolved {
    pub mapping: Mapping,
    /// The data extension that the run makes, where it is missing and its destination says how.
    pub create: Option<NewDataExtension>,
    /// Fields whose types are others than when rows were last confirmed.
    pub types_changed: Vec<TypeChange>,
    /// Rows that were confirmed when the types were the older ones.
    pub rows_of_older_types: u64,
    /// Fields of the key that come from other columns than when rows were last confirmed.
    pub key_moved: Vec<KeyMoved>,
    pub identity: Identity,
    pub route: Route,
    pub schema: SchemaRef,
    pub scheme: Scheme,
    /// The base of the baseline that counts, where there is one.
    pub base: Option<SegmentRef>,
    /// What is known of the destination; taken by the comparison.
    pub known: Option<Known>,
    pub rebase: Option<Rebase>,
    /// Whether fingerprints of the baseline's rows mean what those of this run mean. Otherwise the next one is written whole: under a new
    /// mapping, after a field was re-created, or over one that no longer counts.
    pub is_comparable: bool,
    /// Whether an older baseline no longer counts, since it speaks of another table or of other keys.
    pub retired: bool,
    /// Digest of all that a refusal depends on beside the row.
    pub schema_digest: String,
    /// What cannot be found out, and what that means.
    pub warnings: Vec<Warning>,
    /// The numbers of rows in the data extension, where they were read with the keys.
    pub numbers: Numbers,
    /// Rows of the data extension before anything was sent, where they may be counted.
    pub rows_there: Option<u64>,
}

pub(crate) async fn resolve(
    job: &Job,
    ports: &Ports,
    options: &RunOptions,
    split: Split,
    state: &ActivationState,
    run: &RunId,
) -> Result<Resolved, EngineError> {
    let activation = &job.activation;
    let name = activation.name.as_str();
    ports.progress.show(name, Progress::Resolving);
    let connection = ports.cloud.connect().await?;
    let there = ports.cloud.describe(&activation.data_extension).await?;
    let schema = ports.source.describe(&job.query).await?;
    let destination = match there {
        Some(there) => Table::There(there),
        None => match NewDataExtension::wanted(activation, &model_columns(&schema)) {
            Some(new) => Table::New(new),
            None => return Err(missing(ports.cloud.as_ref(), job).await?),
        },
    };
    let mapping = checked(job, &schema, &destination)?;
    let identity = identity(&connection.tenant, &destination, &mapping);
    let route = route(activation.import, &ports.cloud.routes().await?, &closed_now(state, ports.clock.now_ms()))?;
    let scheme = Scheme::derive(&job.project_secret, name);
    let segments = Segments::new(ports, name, &scheme);

    let retired = is_retired(state, &identity, &mapping);
    let counted = if retired { &state.baseline.emptied() } else { &state.baseline };
    let old_mapping = state.mapping.as_deref();
    let types_changed = old_mapping.filter(|_| !retired).map(|old| mapping.types_changed_since(old)).unwrap_or_default();
    let key_moved = old_mapping.filter(|_| !retired).map(|old| KeyMoved::between(old, &mapping)).unwrap_or_default();
    let baseline = segments.open_baseline(counted, old_mapping.filter(|_| !retired))?;
    let same_mapping = old_mapping.is_some_and(|it| mapping_digest(it) == mapping_digest(&mapping));
    let rebase = match old_mapping {
        Some(old) if !retired && !same_mapping => rebase(old, &mapping, &schema),
        _ => None,
    };
    let fields_are_the_same = state.identity.as_ref().is_none_or(|it| it.shares_fields_with(&identity));
    let values_unknown = !baseline.is_empty() && !(fields_are_the_same && (same_mapping || rebase.is_some()));

    let open: Vec<_> = state.open_parts.iter().filter(|it| it.identity.is_same_table(&identity)).collect();
    let (sizes, size_of) = Sizes::of(&open, split);
    let mut doubts = Vec::new();
    for (part, size) in open.into_iter().zip(size_of) {
        if let Some(doubt) = &part.doubt {
            doubts.push(Doubt { rows: segments.open_set(Kind::Doubt, doubt)?, size });
        }
    }
    let mut found = match &destination {
        Table::There(destination) => {
            let members = Members { job, ports, segments: &segments, mapping: &mapping, scheme: &scheme, destination, run };
            rows_found(&members, state, &baseline).await?
        }
        // Nothing can be in what is not there.
        Table::New(_) => {
            Found { rows: Some(0), keys: None, numbers: Numbers::default(), is_empty: true, lost: false, warnings: Vec::new() }
        }
    };
    let schema_digest = schema_digest(&mapping);
    let now_ms = ports.clock.now_ms();
    let refused = if options.retry_refused || options.full { Vec::new() } else { ports.ledger.refused(&activation.name).await? };
    let known = Known {
        is_empty: found.is_empty && baseline.is_empty() && doubts.is_empty(),
        baseline,
        doubts,
        sizes,
        refused: remembered(refused, &schema_digest, now_ms),
        membership: found.keys.take(),
        values_unknown,
        keys_unknown: found.lost,
        insert: activation.insert,
        full: options.full,
    };
    let is_comparable = !retired && same_mapping && fields_are_the_same;
    let Found { rows: rows_there, numbers, warnings, .. } = found;
    let known = Some(known);
    let create = if let Table::New(new) = destination { Some(new) } else { None };
    Ok(Resolved {
        mapping,
        create,
        rows_of_older_types: if types_changed.is_empty() { 0 } else { state.baseline.present },
        types_changed,
        key_moved,
        identity,
        route,
        schema,
        scheme,
        base: counted.base.clone(),
        known,
        rebase,
        is_comparable,
        retired,
        schema_digest,
        warnings,
        numbers,
        rows_there,
    })
}

/// The numbers that the service has given to rows, where it tells them.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    /// The highest.
    pub newest: Option<u64>,
    /// Those of the newest rows, where rows are deleted, in any order.
    pub top: Vec<(u64, KeyFingerprint)>,
}

/// What was found out about the rows of the data extension.
struct Found {
    /// How many there are, where that may be asked.
    rows: Option<u64>,
    /// The keys it holds, where they were read.
    keys: Option<Baseline<Blob>>,
    numbers: Numbers,
    /// Whether it is known to hold none.
    is_empty: bool,
    /// Whether rows that were confirmed are gone, and it may not be read which.
    lost: bool,
    warnings: Vec<Warning>,
}

/// Finds out as much about the rows that are there as the comparison needs.
async fn rows_found(members: &Members<'_>, state: &ActivationState, baseline: &Baseline<Blob>) -> Result<Found, EngineError> {
    let Members { job, ports, destination, .. } = *members;
    match job.activation.insert {
        InsertMode::UpdateOnly => {
            let since = state.rows_numbered.as_ref().filter(|(id, _)| *id == destination.id).map(|(_, up_to)| *up_to);
            let (keys, numbers) = members.numbered(since).await.map_err(|error| match error {
                EngineError::Cloud(CloudError::Forbidden { message, .. }) => keys_unreadable(job, message),
                other => other,
            })?;
            Ok(Found { rows: Some(keys.len()), keys: Some(keys), numbers, is_empty: false, lost: false, warnings: Vec::new() })
        }
        InsertMode::InsertAndUpdate => {
            let counted = permitted(ports.cloud.row_count(&destination.key).await)?;
            // Rows that expire, or fewer of them than we confirmed: some of what the baseline holds is gone.
            let has_shrunk = counted.is_some_and(|rows| rows < baseline.len());
            let may_have_expired = !baseline.is_empty() && destination.retention.is_some();
            let mut found = Found {
                rows: counted,
                keys: None,
                numbers: Numbers::default(),
                is_empty: counted == Some(0),
                lost: false,
                warnings: Vec::new(),
            };
            let mut may_read = counted.is_some();
            // Only a row whose key was known to be absent was created by us; and one that was gone at any time is ours no more.
            let deletes = job.activation.on_exit.is_delete();
            if may_read && (has_shrunk || may_have_expired || (deletes && counted != Some(0))) {
                found.keys = permitted(members.read().await)?;
                may_read = found.keys.is_some();
            }
            if !may_read {
                found.warnings.push(Warning::RowsUnreadable);
                found.warnings.extend(deletes.then_some(Warning::DeletesUnread));
                found.warnings.extend(may_have_expired.then_some(Warning::ExpiryUnseen));
                found.lost = has_shrunk;
                found.warnings.extend(has_shrunk.then_some(Warning::RowsLost));
            }
            Ok(found)
        }
    }
}

/// What was asked for, or `None` where the service does not permit to ask.
fn permitted<T, E: Into<EngineError>>(answer: Result<T, E>) -> Result<Option<T>, EngineError> {
    match answer.map_err(Into::into) {
        Ok(it) => Ok(Some(it)),
        Err(EngineError::Cloud(CloudError::Forbidden { .. })) => Ok(None),
        Err(other) => Err(other),
    }
}

fn keys_unreadable(job: &Job, message: String) -> EngineError {
    let (activation, data_extension) = (job.activation.name.to_string(), job.activation.data_extension.to_string());
    EngineError::KeysUnreadable { activation, data_extension, message }
}

/// Asks for the data extension; a wrong key is told with the nearest right one.
pub(crate) async fn describe(cloud: &dyn MarketingCloud, job: &Job) -> Result<DataExtension, EngineError> {
    let key = &job.activation.data_extension;
    match cloud.describe(key).await? {
        Some(found) => Ok(found),
        None => Err(missing(cloud, job).await?),
    }
}

/// The error that there is no such data extension.
async fn missing(cloud: &dyn MarketingCloud, job: &Job) -> Result<EngineError, EngineError> {
    let key = &job.activation.data_extension;
    let keys = cloud.list().await?;
    let nearest = most_similar(key.as_str(), keys.iter().map(|it| it.key.as_str()));
    Ok(EngineError::NoDataExtension { key: key.to_string(), nearest })
}

/// Checks the activation's wishes against the model's columns and the data extension's fields.
pub(crate) fn checked(job: &Job, schema: &SchemaRef, destination: &Table) -> Result<Mapping, EngineError> {
    let columns: Vec<&str> = schema.fields().iter().map(|it| it.name().as_str()).collect();
    let missing = missing_of_key(&job.model_key, &columns).into_iter();
    let missing: Vec<_> = missing.map(|(column, nearest)| MappingProblem::NoModelKey { column: column.to_owned(), nearest }).collect();
    let problems = match Mapping::check_table(&job.activation, &model_columns(schema), destination) {
        Ok(mapping) if missing.is_empty() => match flag_problem(&mapping) {
            None => return Ok(mapping),
            Some(problem) => vec![problem],
        },
        Ok(_) => missing,
        Err(problems) => missing.into_iter().chain(problems).collect(),
    };
    Err(EngineError::Mapping { activation: job.activation.name.to_string(), problems })
}

/// Whose rows the baseline speaks of: what is yet to be created is left out.
pub(crate) fn identity(tenant: &str, destination: &Table, mapping: &Mapping) -> Identity {
    let fields = mapping.fields().filter_map(|it| Some((it.field.folded(), it.field_id.clone()?))).collect();
    let data_extension = if let Table::There(there) = destination { Some(there.id.clone()) } else { None };
    Identity { tenant: tenant.to_owned(), data_extension, key: Some(destination.key().as_str().to_lowercase()), fields }
}

/// How long a road that the tenant was found to close is not tried again: permissions are granted by people, on some other day.
const CLOSED_MS: i64 = 24 * 3_600_000;

fn closed_now(state: &ActivationState, now_ms: i64) -> Vec<Route> {
    state.closed_roads.iter().filter(|(_, at_ms)| now_ms - at_ms < CLOSED_MS).map(|(route, _)| *route).collect()
}

fn route(wanted: ImportRoute, taken: &[Route], closed: &[Route]) -> Result<Route, EngineError> {
    let found = match wanted {
        ImportRoute::Auto => taken.iter().copied().find(|it| !closed.contains(it)).or_else(|| taken.first().copied()),
        ImportRoute::Rest => taken.iter().copied().find(|it| *it == Route::Rest),
        ImportRoute::Soap => taken.iter().copied().find(|it| *it == Route::Soap),
    };
    let wanted = match wanted {
        ImportRoute::Auto => "auto",
        ImportRoute::Rest => "rest",
        ImportRoute::Soap => "soap",
    };
    found.ok_or_else(|| EngineError::NoRoute { wanted: wanted.to_owned() })
}

/// Another table, or other keys: what was confirmed says nothing about today's rows.
pub(crate) fn is_retired(state: &ActivationState, identity: &Identity, mapping: &Mapping) -> bool {
    let other_table = state.identity.as_ref().is_some_and(|it| !it.is_same_table(identity));
    let other_keys = state.mapping.as_ref().is_some_and(|it| it.key_digest_text() != mapping.key_digest_text());
    other_table || other_keys
}

fn rebase(old: &Mapping, new: &Mapping, schema: &SchemaRef) -> Option<Rebase> {
    let keys = new.keys().len();
    let added = new.values_not_in(old).map(|at| AddedField::new(keys + at, &new.values()[at])).collect();
    let cleared = new.values_cleared_since(old).map(|at| keys + at).collect();
    let old = old.filled_as(new);
    // Where the model no longer has a column of the old mapping, old fingerprints cannot be computed: every row is sent.
    Canonicalizer::new(&old, schema).ok()?;
    Some(Rebase { old, added, cleared })
}

/// The refusals that hold a row back: those under today's schema, but for those that may have passed and are due to be tried again.
fn remembered(refused: Vec<RefusedRow>, schema_digest: &str, now_ms: i64) -> HashMap<KeyFingerprint, RowFingerprint> {
    refused.into_iter().filter(|it| it.schema == schema_digest && !it.is_due(now_ms)).map(|it| (it.key, it.row)).collect()
}

/// Reads every key that the data extension holds.
struct Members<'a> {
    job: &'a Job,
    ports: &'a Ports,
    segments: &'a Segments<'a>,
    mapping: &'a Mapping,
    scheme: &'a Scheme,
    destination: &'a DataExtension,
    run: &'a RunId,
}

/// The keys of a data extension as they are read.
#[derive(Default)]
struct Keys {
    all: Vec<KeyFingerprint>,
    /// Those among them of rows made since the keys were last read.
    made_since: Vec<KeyFingerprint>,
    newest: Option<u64>,
    /// The newest rows, of which some may be deleted.
    top: BinaryHeap<Reverse<(u64, KeyFingerprint)>>,
}

/// Of so many of the newest rows the numbers are remembered, where rows are deleted. Should all of them go at once, none is known afterwards.
const TOP_ROWS: usize = 1 << 16;

impl Members<'_> {
    /// The keys alone.
    async fn read(&self) -> Result<Baseline<Blob>, EngineError> {
        let keys = self.keys(None, None).await?;
        self.write(keys)
    }

    /// The keys, and which of their rows were made since the highest number was that one; with the highest number now. Where the service does
    /// not tell numbers, as where it gives a row that is made again its old one, no row counts as made since.
    async fn numbered(&self, since: Option<u64>) -> Result<(Baseline<Blob>, Numbers), EngineError> {
        let number: Option<FieldName> = ROW_NUMBER.parse().ok();
        let mut keys = match self.keys(number, since).await {
            Err(CloudError::Refused { .. }) => self.keys(None, None).await?,
            other => other?,
        };
        let top = std::mem::take(&mut keys.top).into_iter().map(|Reverse(it)| it).collect();
        let numbers = Numbers { newest: keys.newest, top };
        Ok((self.write(keys)?, numbers))
    }

    async fn keys(&self, number: Option<FieldName>, since: Option<u64>) -> Result<Keys, CloudError> {
        let key_fields: Vec<_> = self.mapping.keys().iter().map(|it| it.field.clone()).collect();
        let width = key_fields.len();
        let fields = key_fields.iter().cloned().chain(number).collect();
        let query = RowQuery { data_extension: self.destination.key.clone(), fields, key_fields, filter: RowFilter::All };
        let reader = ReadBack::new(self.mapping, self.job.server_offset_s);
        let mut keys = Keys::default();
        each_page(self.ports.cloud.as_ref(), &query, |page| {
            for row in &page.rows {
                let cells: Vec<Option<&str>> = row.iter().take(width).map(Option::as_deref).collect();
                let number: Option<u64> = row.get(width).and_then(|it| it.as_deref()?.trim().parse().ok());
                keys.newest = keys.newest.max(number);
                // A key of the service that we cannot read is none that the model could have: its own types guard it.
                let Ok(key) = reader.key_fingerprint(self.scheme, &cells) else { continue };
                keys.all.push(key);
                if let (Some(number), true) = (number, self.job.activation.on_exit.is_delete()) {
                    keys.top.push(Reverse((number, key)));
                    if keys.top.len() > TOP_ROWS {
                        keys.top.pop();
                    }
                }
                if since.is_some() && number > since {
                    keys.made_since.push(key);
                }
            }
            self.ports.progress.show(self.job.activation.name.as_str(), Progress::ReadingKeys { rows: keys.all.len() as u64 });
        })
        .await?;
        if keys.newest < since {
            // Numbers have begun anew, as they do when a table is emptied at once: every row was made since.
            keys.made_since.clone_from(&keys.all);
        }
        Ok(keys)
    }

    fn write(&self, Keys { mut all, mut made_since, .. }: Keys) -> Result<Baseline<Blob>, EngineError> {
        all.sort_unstable();
        all.dedup();
        made_since.sort_unstable();
        let state = EntryState { presence: Presence::ValueUnknown, origin: Origin::Adopted };
        let entry = |key| {
            let row = if made_since.binary_search(&key).is_ok() { MADE_SINCE } else { RowFingerprint::of(0) };
            Update::Put(Entry { key, row, state })
        };
        self.segments.write_private_set(self.run, "membership", self.mapping, all.into_iter().map(|it| Ok(entry(it))))
    }
}
