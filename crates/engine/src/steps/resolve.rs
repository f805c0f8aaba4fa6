//! Asks source and destination what they are, and decides how the comparison goes.

use std::collections::HashMap;

use arrow_schema::SchemaRef;
use outflow_baseline::{Entry, EntryState, Kind, Origin, Presence, Update};
use outflow_domain::{
    ActivationState, DataExtension, Identity, ImportRoute, InsertMode, Mapping, RefusedRow, Route, RunId, mapping::most_similar,
};
use outflow_ports::{MarketingCloud, Progress, RowFilter, RowQuery};
use outflow_rows::{Canonicalizer, ReadBack, Scheme, mapping_digest, model_columns};

use super::{compare::Rebase, settle::schema_digest};
use crate::{
    error::EngineError,
    job::{Job, Ports, RunOptions},
    known::Known,
    pages::each_page,
    segments::Segments,
};

/// What source and destination are, checked against each other.
pub(crate) struct Resolved {
    pub mapping: Mapping,
    pub identity: Identity,
    pub route: Route,
    pub schema: SchemaRef,
    pub scheme: Scheme,
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
}

pub(crate) async fn resolve(
    job: &Job,
    ports: &Ports,
    options: &RunOptions,
    state: &ActivationState,
    run: &RunId,
) -> Result<Resolved, EngineError> {
    let activation = &job.activation;
    let name = activation.name.as_str();
    ports.progress.show(name, Progress::Resolving);
    let connection = ports.cloud.connect().await?;
    let destination = describe(ports.cloud.as_ref(), job).await?;
    let schema = ports.source.describe(&job.query).await?;
    let mapping = checked(job, &schema, &destination)?;
    let identity = identity(&connection.tenant, &destination, &mapping);
    let route = route(activation.import, &ports.cloud.routes().await?, &closed_now(state, ports.clock.now_ms()))?;
    let scheme = Scheme::derive(&job.project_secret, name);
    let segments = Segments::new(ports, name, &scheme);

    let retired = is_retired(state, &identity, &mapping);
    let counted = if retired { &state.baseline.emptied() } else { &state.baseline };
    let old_mapping = state.mapping.as_deref();
    let baseline = segments.open_baseline(counted, old_mapping.filter(|_| !retired))?;
    let same_mapping = old_mapping.is_some_and(|it| mapping_digest(it) == mapping_digest(&mapping));
    let rebase = match old_mapping {
        Some(old) if !retired && !same_mapping => rebase(old, &mapping, &schema),
        _ => None,
    };
    let fields_are_the_same = state.identity.as_ref().is_none_or(|it| it.shares_fields_with(&identity));
    let values_unknown = !baseline.is_empty() && !(fields_are_the_same && (same_mapping || rebase.is_some()));

    let mut doubts = Vec::new();
    for doubt in state.open_parts.iter().filter(|it| it.identity.is_same_table(&identity)).filter_map(|it| it.doubt.as_ref()) {
        doubts.push(segments.open_set(Kind::Doubt, doubt)?);
    }
    let rows = ports.cloud.row_count(&destination.key).await?;
    // Rows that expire, or fewer of them than we confirmed: some of what the baseline holds is gone.
    let may_have_shrunk = !baseline.is_empty() && (rows < baseline.len() || destination.retention.is_some());
    let membership = if activation.insert == InsertMode::UpdateOnly || may_have_shrunk {
        Some(read_membership(ports, &segments, &mapping, &scheme, &destination, job, run).await?)
    } else {
        None
    };
    let schema_digest = schema_digest(&mapping);
    let refused = if options.retry_refused || options.full { Vec::new() } else { ports.ledger.refused(&activation.name).await? };
    let known = Known {
        is_empty: rows == 0 && baseline.is_empty() && doubts.is_empty(),
        baseline,
        doubts,
        refused: remembered(refused, &schema_digest),
        membership,
        values_unknown,
        insert: activation.insert,
        full: options.full,
    };
    let is_comparable = !retired && same_mapping && fields_are_the_same;
    Ok(Resolved { mapping, identity, route, schema, scheme, known: Some(known), rebase, is_comparable, retired, schema_digest })
}

/// Asks for the data extension; a wrong key is told with the nearest right one.
pub(crate) async fn describe(cloud: &dyn MarketingCloud, job: &Job) -> Result<DataExtension, EngineError> {
    let key = &job.activation.data_extension;
    if let Some(found) = cloud.describe(key).await? {
        return Ok(found);
    }
    let keys = cloud.list().await?;
    let nearest = most_similar(key.as_str(), keys.iter().map(|it| it.key.as_str()));
    Err(EngineError::NoDataExtension { key: key.to_string(), nearest })
}

/// Checks the activation's wishes against the model's columns and the data extension's fields.
pub(crate) fn checked(job: &Job, schema: &SchemaRef, destination: &DataExtension) -> Result<Mapping, EngineError> {
    Mapping::check(&job.activation, &model_columns(schema), destination)
        .map_err(|problems| EngineError::Mapping { activation: job.activation.name.to_string(), problems })
}

/// Whose rows the baseline speaks of: fields that are yet to be created are left out.
pub(crate) fn identity(tenant: &str, destination: &DataExtension, mapping: &Mapping) -> Identity {
    let fields = mapping.fields().filter_map(|it| Some((it.field.folded(), it.field_id.clone()?))).collect();
    Identity { tenant: tenant.to_owned(), data_extension: destination.id.clone(), fields }
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
    let added: Vec<usize> = new.values_not_in(old).map(|at| new.keys().len() + at).collect();
    let fields: Vec<_> = new.fields().collect();
    let added_are_new_columns = added.iter().all(|&at| fields[at].field_id.is_none());
    let old = old.filled_as(new);
    // Where the model no longer has a column of the old mapping, old fingerprints cannot be computed: every row is sent.
    Canonicalizer::new(&old, schema).ok()?;
    Some(Rebase { old, added, added_are_new_columns })
}

fn remembered(refused: Vec<RefusedRow>, schema_digest: &str) -> HashMap<outflow_domain::KeyFingerprint, outflow_domain::RowFingerprint> {
    refused.into_iter().filter(|it| it.schema == schema_digest).map(|it| (it.key, it.row)).collect()
}

/// Reads every key that the data extension holds.
async fn read_membership(
    ports: &Ports,
    segments: &Segments<'_>,
    mapping: &Mapping,
    scheme: &Scheme,
    destination: &DataExtension,
    job: &Job,
    run: &RunId,
) -> Result<outflow_baseline::Baseline<outflow_ports::Blob>, EngineError> {
    let key_fields: Vec<_> = mapping.keys().iter().map(|it| it.field.clone()).collect();
    let query = RowQuery { data_extension: destination.key.clone(), fields: key_fields.clone(), key_fields, filter: RowFilter::All };
    let reader = ReadBack::new(mapping, job.server_offset_s);
    let mut keys = Vec::new();
    each_page(ports.cloud.as_ref(), &query, |page| {
        for row in &page.rows {
            let cells: Vec<Option<&str>> = row.iter().map(Option::as_deref).collect();
            // A key of the service that we cannot read is none that the model could have: its own types guard it.
            keys.extend(reader.key_fingerprint(scheme, &cells).ok());
        }
        ports.progress.show(job.activation.name.as_str(), Progress::ReadingKeys { rows: keys.len() as u64 });
    })
    .await?;
    keys.sort_unstable();
    keys.dedup();
    let state = EntryState { presence: Presence::ValueUnknown, origin: Origin::Adopted };
    let row = outflow_domain::RowFingerprint::of(0);
    segments.write_private_set(run, "membership", mapping, keys.into_iter().map(|key| Update::Put(Entry { key, row, state })))
}
