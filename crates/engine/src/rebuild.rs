//! Makes a baseline anew from what the data extension holds.

use outflow_baseline::{Baseline, Entry, EntryState, Origin, Presence, Update};
use outflow_domain::{
    ActivationState, Evidence, Identity, KeyFingerprint, Mapping, OnExit, OutcomeCounts, Purpose, RowFingerprint, RunEvent, RunId,
    RunResult, SegmentRef, Table,
};
use outflow_ports::Blob;
use outflow_rows::{CsvEncoder, FlagCell, Scheme, value_fingerprints};

use crate::{
    column_sets::keeps_any,
    error::EngineError,
    exits::flag_of,
    generation,
    held::{HeldRows, each_held_page},
    job::{Job, Ports},
    key_store::KeyStore,
    model_set::ModelSet,
    recorder::Recorder,
    resume::drop_part,
    segments::Segments,
    steps::{
        import::import_name,
        resolve::{checked, describe, identity, is_retired},
    },
};

/// What a rebuild has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// Rows the data extension holds.
    pub rows: u64,
    /// Rows among them whose values cannot be understood: their keys are known, their values are not.
    pub unreadable: u64,
}

/// Keys that are stored at once in a rebuild: some hundred megabytes of them.
const KEYS_AT_ONCE: usize = 1 << 20;

/// The keys of rows that the activation has written before, where rows that leave are to be named by them. Rows of others are never stored: what
/// has a stored key may be flagged.
struct Ours {
    /// What was confirmed before.
    old: Baseline<Blob>,
    /// The files of keys that were stored before.
    before: Vec<SegmentRef>,
    encoder: CsvEncoder,
    /// The place of the flag's field among the values, and the fingerprint of a row that is flagged; `None` where rows are not flagged.
    flag: Option<(usize, RowFingerprint)>,
    /// The flags of the page that is looked at, as such fingerprints.
    flags: Vec<RowFingerprint>,
    texts: Vec<(KeyFingerprint, Vec<u8>)>,
    /// Files of keys that join them.
    stored: Vec<SegmentRef>,
}

impl Ours {
    /// `None` where no keys are needed, or nothing tells any more which rows are ours.
    fn of(
        state: &ActivationState,
        on_exit: &OnExit,
        identity: &Identity,
        mapping: &Mapping,
        cell: Option<&FlagCell>,
        segments: &Segments<'_>,
    ) -> Option<Self> {
        if !on_exit.needs_keys() || is_retired(state, identity, mapping) {
            return None;
        }
        let old = segments.open_baseline(&state.baseline, state.mapping.as_deref()).inspect_err(|error| {
            tracing::warn!("which rows were sent before cannot be read any more, so that rows which leave are flagged only once they were sent again: {error}");
        });
        let encoder = CsvEncoder::of_fields(mapping, (0..mapping.keys().len()).collect());
        // What was sent and is there is ours, too, although it is yet to be merged or settled.
        let is_alike =
            |its: &Identity, mapped: &Mapping| its.is_same_table(identity) && mapped.key_digest_text() == mapping.key_digest_text();
        let confirmed = state.confirmed.iter().filter(|it| is_alike(&it.identity, &it.mapping)).filter_map(|it| it.keys.clone());
        let open = state.open_parts.iter().filter(|it| is_alike(&it.identity, &it.mapping)).filter_map(|it| it.keys.clone());
        Some(Self {
            old: old.ok()?,
            before: state.baseline.keys.clone(),
            encoder,
            flag: cell.and_then(|cell| Some((mapping.flag()?.0.checked_sub(mapping.keys().len())?, cell.row))),
            flags: Vec::new(),
            texts: Vec::new(),
            stored: confirmed.chain(open).collect(),
        })
    }

    /// Whose row it is, as far as what was confirmed before tells, and whether it is surely one that the activation has written.
    fn whose(&self, key: KeyFingerprint) -> (Origin, bool) {
        let Some(EntryState { presence, origin }) = self.old.get(key).map(|it| it.state) else { return (Origin::Adopted, false) };
        let is_ours = match presence {
            Presence::Present | Presence::LeftFlagged => true,
            // An earlier rebuild has found rows of others, too.
            Presence::LeftKept | Presence::ValueUnknown => origin == Origin::Created,
        };
        (origin, is_ours)
    }

    /// The fingerprint of a row that is flagged, where the data extension holds the row so: it has left before, and does not leave anew.
    fn flagged(&self, at: usize) -> Option<RowFingerprint> {
        let (_, row) = self.flag?;
        (self.flags.get(at) == Some(&row)).then_some(row)
    }

    fn take(&mut self, page: &HeldRows<'_>, at: usize, store: &KeyStore<'_>) -> Result<(), EngineError> {
        let key = page.keys[at];
        let mut text = Vec::new();
        self.encoder.encode(page.batch, &[at as u32], &mut text, &mut Vec::new());
        text.pop();
        self.texts.push((key, text));
        if self.texts.len() < KEYS_AT_ONCE { Ok(()) } else { self.store(store) }
    }

    fn store(&mut self, store: &KeyStore<'_>) -> Result<(), EngineError> {
        self.texts.sort_unstable();
        self.texts.dedup_by_key(|(key, _)| *key);
        if self.texts.is_empty() {
            return Ok(());
        }
        let mut file = store.create()?;
        self.texts.drain(..).try_for_each(|(key, text)| file.push(key, &text))?;
        self.stored.push(file.commit()?);
        Ok(())
    }

    /// The files that have these keys and those that were stored before, as far as they are held.
    fn stored(mut self, store: &KeyStore<'_>, is_held: impl Fn(KeyFingerprint) -> bool) -> Result<Vec<SegmentRef>, EngineError> {
        self.store(store)?;
        store.next(&self.before, &self.stored, &is_held).or_else(|error| {
            tracing::warn!("keys that were stored before cannot be read any more, and are left behind: {error}");
            store.next(&[], &self.stored, &is_held)
        })
    }
}

/// Reads every row of the data extension back and makes that the baseline, whatever was remembered before.
///
/// Who wrote a row first is lost, so every row counts as adopted from here on, but where rows that leave have to be named and the baseline
/// before can still be read. A row that the model does not have is kept and never reported as leaving; one of ours that has the flag of those
/// that have left is known as flagged. All doubt ends, since every row was read back; but that of a deletion which may be heard later.
///
/// # Errors
/// [`EngineError::Blocked`] while an import is not known to have ended: what is read now could change right afterwards.
pub async fn rebuild(job: &Job, ports: &Ports) -> Result<Rebuilt, EngineError> {
    let name = job.activation.name.as_str();
    let state = ports.ledger.activation(&job.activation.name).await?;
    if let Some(open) = state.open_parts.iter().find(|it| it.may_be_running() && !it.plan.is_of_deletes) {
        return Err(EngineError::Blocked { activation: name.to_owned(), import: import_name(open) });
    }
    let connection = ports.cloud.connect().await?;
    let destination = describe(ports.cloud.as_ref(), job).await?;
    let schema = ports.source.describe(&job.query).await?;
    let destination = Table::There(destination);
    let mapping = checked(job, &schema, &destination)?;
    let identity = identity(&connection.tenant, &destination, &mapping);
    // Before the rows are read: what is imported in between is not known here, and has a higher one.
    let left = generation::left(ports, &job.activation.name, identity.data_extension.as_ref()).await?;
    let scheme = Scheme::derive(&job.project_secret, name);
    let store = KeyStore::new(ports, name, &scheme, &mapping);
    let cell = flag_of(&job.activation, &mapping, &scheme)?;
    let mut ours = Ours::of(&state, &job.activation.on_exit, &identity, &mapping, cell.as_ref(), &Segments::new(ports, name, &scheme));
    let private = ports.fresh_run_id();
    let read = entries(job, ports, &private, &mapping, &scheme, ours.as_mut().map(|it| (it, &store))).await;
    ports.spool.remove_run(&private)?;
    let entries = read?;
    let rows = entries.len() as u64;
    let unreadable = entries.iter().filter(|it| it.state.presence == Presence::ValueUnknown).count() as u64;

    let mut recorder = Recorder::open(ports, &job.activation.name, ports.fresh_run_id()).await?;
    recorder.record(RunEvent::Started { full: false, purpose: Purpose::Rebuild }).await?;
    let counted = recorder.state().baseline.emptied();
    let segments = Segments::new(ports, name, &scheme);
    let nothing =
        Baseline::open(None, None).map_err(|source| EngineError::Baseline { activation: name.into(), segment: "-".into(), source })?;
    let is_held = |entries: &[Entry], key| entries.binary_search_by_key(&key, |it| it.key).is_ok();
    let keys = match ours {
        Some(ours) => ours.stored(&store, |key| is_held(&entries, key))?,
        None => Vec::new(),
    };
    let updates = entries.into_iter().map(Update::Put);
    if let Some(mut baseline) = segments.write_next(&nothing, &counted, updates, rows, &mapping, false)? {
        baseline.keys = keys;
        let merged = recorder.state().confirmed.iter().map(|it| it.segment.name.clone()).collect();
        recorder.record(RunEvent::BaselineAdvanced { baseline, merged, mapping: Box::new(mapping), identity }).await?;
    }
    for open in recorder.state().open_parts.clone() {
        if open.may_delete_late(ports.clock.now_ms()) {
            continue;
        }
        if open.is_not_started() {
            drop_part(ports, &mut recorder, &open).await?;
        } else {
            let (part, outcomes) = (open.plan.part, OutcomeCounts::default());
            let event = RunEvent::PartSettled { part, evidence: Evidence::ReadBack, outcomes, confirmed: None, doubt: None };
            recorder.record_of(open.run.clone(), event, Vec::new(), Vec::new()).await?;
        }
    }
    if let Some(beyond) = left.map(|it| it.saturating_add(1)).filter(|it| *it > recorder.state().generation) {
        recorder.record(RunEvent::GenerationRaised { to: beyond }).await?;
    }
    recorder.record(RunEvent::Ended { result: RunResult::Succeeded, outcomes: OutcomeCounts::default() }).await?;
    crate::resume::sweep(ports, &recorder).await?;
    Ok(Rebuilt { rows, unreadable })
}

/// An entry for each row that the data extension holds, in key order.
async fn entries(
    job: &Job,
    ports: &Ports,
    run: &RunId,
    mapping: &Mapping,
    scheme: &Scheme,
    mut ours: Option<(&mut Ours, &KeyStore<'_>)>,
) -> Result<Vec<Entry>, EngineError> {
    // What a row of the model leaves as it is is never sent, and whatever is there is right: so the model is read too.
    let model = match keeps_any(mapping) {
        true => Some(ModelSet::read(job, ports, run, mapping, scheme).await?),
        false => None,
    };
    let kept = |key| model.as_ref().map_or(&[][..], |it| it.kept(key));
    let (mut entries, mut failed) = (Vec::new(), None);
    each_held_page(job, ports, mapping, scheme, kept, |page| {
        if let Some((ours, _)) = &mut ours
            && let Some((flag, _)) = ours.flag
        {
            value_fingerprints(page.batch, flag, scheme, &mut ours.flags);
        }
        for (at, is_valid) in page.with_a_key() {
            let (mut presence, mut row) = match is_valid {
                true => (Presence::LeftKept, page.rows[at]),
                false => (Presence::ValueUnknown, RowFingerprint::of(0)),
            };
            let (origin, is_ours) = ours.as_ref().map_or((Origin::Adopted, false), |(ours, _)| ours.whose(page.keys[at]));
            if let Some((ours, store)) = ours.as_mut().filter(|_| is_ours) {
                if let Some(flag) = ours.flagged(at) {
                    (presence, row) = (Presence::LeftFlagged, flag);
                }
                if failed.is_none() {
                    failed = ours.take(page, at, store).err();
                }
            }
            entries.push(Entry { key: page.keys[at], row, state: EntryState { presence, origin } });
        }
    })
    .await?;
    if let Some(error) = failed {
        return Err(error);
    }
    entries.sort_unstable_by_key(|it| it.key);
    entries.dedup_by_key(|it| it.key);
    Ok(entries)
}
