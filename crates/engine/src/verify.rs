//! Compares the model with what the data extension really holds, row by row.
//!
//! A run trusts what was confirmed; a verification trusts nothing but what it reads. The model's fingerprints are sorted into a private set first, and
//! the data extension is read past it once, so that memory depends on neither.

use std::collections::BTreeMap;

use arrow_schema::SchemaRef;
use futures::StreamExt as _;
use outflow_baseline::{Baseline, Entry, EntryState, Kind, Origin, Presence, Probe, Update};
use outflow_domain::{
    ActivationState, InsertMode, KeyFingerprint, Mapping, OutcomeCounts, Purpose, RowFingerprint, RunEvent, RunId, RunResult, Table,
};
use outflow_ports::{Blob, Progress, ScanOptions};
use outflow_rows::{Canonicalizer, Scheme, fingerprints, mapping_digest};

use crate::{
    error::EngineError,
    generation,
    held::each_held_page,
    job::{Job, Ports},
    model_set::ModelSet,
    recorder::Recorder,
    resume::sweep,
    segments::Segments,
    steps::{
        compare::masked_key,
        import::import_name,
        resolve::{checked, describe, identity, is_retired},
    },
};

/// Masked keys kept for each finding.
const EXAMPLES_MAX: usize = 3;

/// What a verification finds a row to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Finding {
    /// The data extension holds just what the model says.
    Equal,
    /// Confirmed once, and no longer there.
    Missing,
    /// Confirmed once, and no longer there, in a data extension that lets rows expire.
    Expired,
    /// There, with other values than were confirmed: somebody else has written it.
    Altered,
    /// New or changed in the model since the last run, which the next one will send.
    Pending,
    /// Sent, and not known to have been applied; the next run settles it.
    InDoubt,
    /// Refused by the service as it is.
    Refused,
    /// Update-only, and not there.
    NotInDestination,
    /// In the model with a value that its field cannot take, or with the key of another row: never sent.
    Unsendable,
    /// There and not in the model; it was sent once, or a rebuild has found it.
    Left,
    /// There, and not known: of others, or sent by a state that is lost.
    Foreign,
}

impl Finding {
    /// The stable name.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Missing => "missing",
            Self::Expired => "expired",
            Self::Altered => "altered",
            Self::Pending => "pending",
            Self::InDoubt => "in_doubt",
            Self::Refused => "refused",
            Self::NotInDestination => "not_in_destination",
            Self::Unsendable => "unsendable",
            Self::Left => "left",
            Self::Foreign => "foreign",
        }
    }

    /// Whether the data extension has drifted from what was confirmed, which no run would notice by itself.
    #[must_use]
    pub const fn is_drift(self) -> bool {
        matches!(self, Self::Missing | Self::Expired | Self::Altered)
    }
}

/// Rows of one finding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How many.
    pub rows: u64,
    /// Masked keys of some.
    pub examples: Vec<String>,
}

/// What a verification has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Rows of the model.
    pub source_rows: u64,
    /// Rows of the data extension.
    pub held_rows: u64,
    /// What they were found to be; nothing is told of what no row is.
    pub found: BTreeMap<Finding, Found>,
    /// What the baseline must forget, so that the next run sends the rows that have drifted; in key order.
    drift: Vec<Update>,
    /// Whether rows were confirmed under today's mapping.
    is_comparable: bool,
}

impl Verified {
    /// Rows of a finding.
    #[must_use]
    pub fn rows(&self, finding: Finding) -> u64 {
        self.found.get(&finding).map_or(0, |it| it.rows)
    }

    /// Rows that have drifted.
    #[must_use]
    pub fn drifted(&self) -> u64 {
        self.found.iter().filter(|(it, _)| it.is_drift()).map(|(_, it)| it.rows).sum()
    }

    fn count(&mut self, finding: Finding) -> &mut Found {
        let found = self.found.entry(finding).or_default();
        found.rows += 1;
        found
    }
}

/// Reads model and data extension and compares them. Nothing is changed anywhere.
///
/// # Errors
/// [`EngineError::Blocked`] while an import is not known to have ended: what is read now could change right afterwards;
/// [`EngineError::OldState`] where a newer state has sent rows since: what it sent would be told as somebody else's.
pub async fn verify(job: &Job, ports: &Ports) -> Result<Verified, EngineError> {
    let run = ports.fresh_run_id();
    let verified = async { Verification::begin(job, ports, &run).await?.to_end().await }.await;
    ports.spool.remove_run(&run)?;
    ports.progress.show(job.activation.name.as_str(), Progress::Done);
    verified
}

/// Has the baseline forget what has drifted, so that the next run sends just that.
///
/// # Errors
/// [`EngineError::MappingMoved`] where rows were confirmed under another mapping than today's.
pub async fn forget_drift(job: &Job, ports: &Ports, verified: &Verified) -> Result<(), EngineError> {
    if verified.drift.is_empty() {
        return Ok(());
    }
    let name = &job.activation.name;
    if !verified.is_comparable {
        return Err(EngineError::MappingMoved { activation: name.to_string() });
    }
    let mut recorder = Recorder::open(ports, name, ports.fresh_run_id()).await?;
    let state = recorder.state().clone();
    let (Some(mapping), Some(identity)) = (state.mapping, state.identity) else { return Ok(()) };
    recorder.record(RunEvent::Started { full: false, purpose: Purpose::Repair }).await?;
    let scheme = Scheme::derive(&job.project_secret, name.as_str());
    let segments = Segments::new(ports, name.as_str(), &scheme);
    let old = segments.open_baseline(&state.baseline, Some(&mapping))?;
    let updates = verified.drift.iter().copied();
    if let Some(baseline) = segments.write_next(&old, &state.baseline, updates, verified.drift.len() as u64, &mapping, true)? {
        recorder.record(RunEvent::BaselineAdvanced { baseline, merged: Vec::new(), mapping, identity }).await?;
    }
    recorder.record(RunEvent::Ended { result: RunResult::Succeeded, outcomes: OutcomeCounts::default() }).await?;
    sweep(ports, &recorder).await
}

struct Verification<'a> {
    job: &'a Job,
    ports: &'a Ports,
    run: &'a RunId,
    mapping: Mapping,
    scheme: Scheme,
    schema: SchemaRef,
    before: Before,
}

/// What was known before anything was read.
struct Before {
    baseline: Baseline<Blob>,
    /// Whether its values are those of today's mapping.
    is_comparable: bool,
    doubts: Vec<Baseline<Blob>>,
    refused: BTreeMap<KeyFingerprint, RowFingerprint>,
    insert: InsertMode,
    rows_expire: bool,
}

impl<'a> Verification<'a> {
    async fn begin(job: &'a Job, ports: &'a Ports, run: &'a RunId) -> Result<Self, EngineError> {
        let name = job.activation.name.as_str();
        ports.progress.show(name, Progress::Resolving);
        let state = ports.ledger.activation(&job.activation.name).await?;
        if let Some(open) = state.open_parts.iter().find(|it| it.may_be_running()) {
            return Err(EngineError::Blocked { activation: name.to_owned(), import: import_name(open) });
        }
        let connection = ports.cloud.connect().await?;
        let destination = describe(ports.cloud.as_ref(), job).await?;
        let rows_expire = destination.retention.is_some();
        let schema = ports.source.describe(&job.query).await?;
        let destination = Table::There(destination);
        let mapping = checked(job, &schema, &destination)?;
        let identity = identity(&connection.tenant, &destination, &mapping);
        generation::must_be_ours(ports, &job.activation.name, &state, identity.data_extension.as_ref()).await?;
        let scheme = Scheme::derive(&job.project_secret, name);
        let segments = Segments::new(ports, name, &scheme);
        let retired = is_retired(&state, &identity, &mapping);
        let before = Before {
            baseline: opened_baseline(&segments, &state, retired)?,
            is_comparable: !retired && state.mapping.as_ref().is_some_and(|it| mapping_digest(it) == mapping_digest(&mapping)),
            doubts: opened_doubts(&segments, &state, &identity)?,
            refused: ports.ledger.refused(&job.activation.name).await?.into_iter().map(|it| (it.key, it.row)).collect(),
            insert: job.activation.insert,
            rows_expire,
        };
        Ok(Self { job, ports, run, mapping, scheme, schema, before })
    }

    async fn to_end(&self) -> Result<Verified, EngineError> {
        let set = ModelSet::read(self.job, self.ports, self.run, &self.mapping, &self.scheme).await?;
        let ModelSet { keys: model, source_rows, without_a_key, .. } = &set;
        let (source_rows, without_a_key) = (*source_rows, *without_a_key);
        let is_comparable = self.before.is_comparable;
        let mut verified = Verified { source_rows, held_rows: 0, found: BTreeMap::new(), drift: Vec::new(), is_comparable };
        let mut probes = Vec::new();
        each_held_page(
            self.job,
            self.ports,
            &self.mapping,
            &self.scheme,
            |key| set.kept(key),
            |page| {
                verified.held_rows += page.keys.len() as u64;
                model.probe(page.keys, page.rows, &mut probes);
                for (at, &key) in page.keys.iter().enumerate() {
                    let is_valid = page.batch.is_valid(at);
                    let finding = match probes[at] {
                        // A key that cannot be understood is none that the model could have: its own types guard it.
                        _ if !page.batch.has_usable_key(at) => Finding::Foreign,
                        probe => self.before.there(key, is_valid.then(|| page.rows[at]), probe),
                    };
                    let found = verified.count(finding);
                    if finding != Finding::Equal && found.examples.len() < EXAMPLES_MAX {
                        found.examples.push(masked_key(page.batch, at));
                    }
                    if finding == Finding::Altered {
                        let state = EntryState { presence: Presence::ValueUnknown, origin: self.before.origin(key) };
                        verified.drift.push(Update::Put(Entry { key, row: RowFingerprint::of(0), state }));
                    }
                }
            },
        )
        .await?;
        for entry in model.unseen() {
            let finding = self.before.not_there(&entry);
            verified.count(finding);
            if finding.is_drift() {
                verified.drift.push(Update::Drop(entry.key));
            }
        }
        if without_a_key > 0 {
            verified.found.entry(Finding::Unsendable).or_default().rows += without_a_key;
        }
        self.name_the_missing(model, &mut verified).await?;
        verified.drift.sort_unstable_by_key(Update::key);
        // A key may be there twice, where the service tells keys apart that we do not.
        verified.drift.dedup_by_key(|it| it.key());
        Ok(verified)
    }

    /// Masked keys of some rows that are not there: only the model has them, so it is read until they were met.
    async fn name_the_missing(&self, model: &Baseline<Blob>, verified: &mut Verified) -> Result<(), EngineError> {
        let mut unnamed = BTreeMap::new();
        let mut taken = BTreeMap::<Finding, usize>::new();
        for entry in model.unseen() {
            let finding = self.before.not_there(&entry);
            let taken = taken.entry(finding).or_default();
            let had = verified.found.get(&finding).map_or(0, |it| it.examples.len());
            if *taken + had < EXAMPLES_MAX {
                *taken += 1;
                unnamed.insert(entry.key, finding);
            }
        }
        if unnamed.is_empty() {
            return Ok(());
        }
        let canonicalizer = Canonicalizer::new(&self.mapping, &self.schema).map_err(|it| EngineError::UnfitBatch(it.to_string()))?;
        let scan = self.ports.source.scan(&self.job.query, ScanOptions { partitions_max: 1, ..ScanOptions::default() }).await?;
        for mut batches in scan.partitions {
            while let Some(batch) = batches.next().await {
                let batch = canonicalizer.canonicalize(&batch?);
                let (mut keys, mut rows) = (Vec::new(), Vec::new());
                fingerprints(&batch, &self.scheme, &mut keys, &mut rows);
                for (at, key) in keys.iter().enumerate().filter(|(at, _)| batch.has_usable_key(*at)) {
                    if let Some(finding) = unnamed.remove(key) {
                        verified.found.entry(finding).or_default().examples.push(masked_key(&batch, at));
                    }
                }
                if unnamed.is_empty() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

fn opened_baseline(segments: &Segments<'_>, state: &ActivationState, retired: bool) -> Result<Baseline<Blob>, EngineError> {
    let counted = if retired { &state.baseline.emptied() } else { &state.baseline };
    segments.open_baseline(counted, state.mapping.as_deref().filter(|_| !retired))
}

fn opened_doubts(
    segments: &Segments<'_>,
    state: &ActivationState,
    identity: &outflow_domain::Identity,
) -> Result<Vec<Baseline<Blob>>, EngineError> {
    let open = state.open_parts.iter().filter(|it| it.identity.is_same_table(identity));
    open.filter_map(|it| it.doubt.as_ref()).map(|it| segments.open_set(Kind::Doubt, it)).collect()
}

impl Before {
    fn is_in_doubt(&self, key: KeyFingerprint) -> bool {
        self.doubts.iter().any(|it| it.contains(key))
    }

    fn origin(&self, key: KeyFingerprint) -> Origin {
        self.baseline.get(key).map_or(Origin::Adopted, |it| it.state.origin)
    }

    /// What a row is that the data extension holds with these values; `None` where they cannot be understood.
    fn there(&self, key: KeyFingerprint, held: Option<RowFingerprint>, model: Probe) -> Finding {
        let confirmed = self.baseline.get(key);
        let wanted = match model {
            Probe::Absent if self.is_in_doubt(key) => return Finding::InDoubt,
            Probe::Absent => return if confirmed.is_some() { Finding::Left } else { Finding::Foreign },
            Probe::Same { .. } if held.is_some() => return Finding::Equal,
            Probe::Same { .. } => None,
            Probe::Different { state, .. } if state.presence == Presence::ValueUnknown => return Finding::Unsendable,
            Probe::Different { old, .. } => Some(old),
        };
        if self.is_in_doubt(key) {
            return Finding::InDoubt;
        }
        if wanted.is_some() && self.refused.get(&key) == wanted.as_ref() {
            return Finding::Refused;
        }
        // Where the model has changed since, what is there may be just what was confirmed.
        let is_as_confirmed = confirmed.is_some_and(|it| self.is_comparable && Some(it.row) == held);
        let was_confirmed = confirmed.is_some_and(|it| it.state.presence != Presence::ValueUnknown);
        if is_as_confirmed || !was_confirmed { Finding::Pending } else { Finding::Altered }
    }

    /// What a row of the model is that the data extension does not hold.
    fn not_there(&self, wanted: &Entry) -> Finding {
        if wanted.state.presence == Presence::ValueUnknown {
            return Finding::Unsendable;
        }
        if self.is_in_doubt(wanted.key) {
            return Finding::InDoubt;
        }
        if self.baseline.contains(wanted.key) {
            return if self.rows_expire { Finding::Expired } else { Finding::Missing };
        }
        match self.refused.get(&wanted.key) {
            Some(row) if *row == wanted.row => Finding::Refused,
            _ if self.insert == InsertMode::UpdateOnly => Finding::NotInDestination,
            _ => Finding::Pending,
        }
    }
}
