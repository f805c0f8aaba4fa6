//! Makes a baseline anew from what the data extension holds.

use outflow_baseline::{Baseline, Entry, EntryState, Origin, Presence, Update};
use outflow_domain::{Evidence, Mapping, OutcomeCounts, RowFingerprint, RunEvent, RunId, RunResult, Table};
use outflow_rows::Scheme;

use crate::{
    column_sets::keeps_any,
    error::EngineError,
    held::each_held_page,
    job::{Job, Ports},
    model_set::ModelSet,
    recorder::Recorder,
    resume::drop_part,
    segments::Segments,
    steps::{
        import::import_name,
        resolve::{checked, describe, identity},
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

/// Reads every row of the data extension back and makes that the baseline, whatever was remembered before.
///
/// Who wrote a row first is lost, so every row counts as adopted from here on. A row that the model does not have is kept and never
/// reported as leaving. All doubt ends, since every row was read back.
///
/// # Errors
/// [`EngineError::Blocked`] while an import is not known to have ended: what is read now could change right afterwards.
pub async fn rebuild(job: &Job, ports: &Ports) -> Result<Rebuilt, EngineError> {
    let name = job.activation.name.as_str();
    let state = ports.ledger.activation(&job.activation.name).await?;
    if let Some(open) = state.open_parts.iter().find(|it| it.may_be_running()) {
        return Err(EngineError::Blocked { activation: name.to_owned(), import: import_name(open) });
    }
    let connection = ports.cloud.connect().await?;
    let destination = describe(ports.cloud.as_ref(), job).await?;
    let schema = ports.source.describe(&job.query).await?;
    let destination = Table::There(destination);
    let mapping = checked(job, &schema, &destination)?;
    let identity = identity(&connection.tenant, &destination, &mapping);
    let scheme = Scheme::derive(&job.project_secret, name);
    let private = ports.fresh_run_id();
    let read = entries(job, ports, &private, &mapping, &scheme).await;
    ports.spool.remove_run(&private)?;
    let entries = read?;
    let rows = entries.len() as u64;
    let unreadable = entries.iter().filter(|it| it.state.presence == Presence::ValueUnknown).count() as u64;

    let mut recorder = Recorder::open(ports, &job.activation.name, ports.fresh_run_id()).await?;
    recorder.record(RunEvent::Started { full: false }).await?;
    let counted = recorder.state().baseline.emptied();
    let segments = Segments::new(ports, name, &scheme);
    let updates = entries.into_iter().map(Update::Put);
    let nothing =
        Baseline::open(None, None).map_err(|source| EngineError::Baseline { activation: name.into(), segment: "-".into(), source })?;
    if let Some(baseline) = segments.write_next(&nothing, &counted, updates, rows, &mapping, false)? {
        let merged = recorder.state().confirmed.iter().map(|it| it.segment.name.clone()).collect();
        recorder.record(RunEvent::BaselineAdvanced { baseline, merged, mapping: Box::new(mapping), identity }).await?;
    }
    for open in recorder.state().open_parts.clone() {
        if open.is_not_started() {
            drop_part(ports, &mut recorder, &open).await?;
        } else {
            let (part, outcomes) = (open.plan.part, OutcomeCounts::default());
            let event = RunEvent::PartSettled { part, evidence: Evidence::ReadBack, outcomes, confirmed: None, doubt: None };
            recorder.record_of(open.run.clone(), event, Vec::new(), Vec::new()).await?;
        }
    }
    recorder.record(RunEvent::Ended { result: RunResult::Succeeded, outcomes: OutcomeCounts::default() }).await?;
    crate::resume::sweep(ports, &recorder).await?;
    Ok(Rebuilt { rows, unreadable })
}

/// An entry for each row that the data extension holds, in key order.
async fn entries(job: &Job, ports: &Ports, run: &RunId, mapping: &Mapping, scheme: &Scheme) -> Result<Vec<Entry>, EngineError> {
    // What a row of the model leaves as it is is never sent, and whatever is there is right: so the model is read too.
    let model = match keeps_any(mapping) {
        true => Some(ModelSet::read(job, ports, run, mapping, scheme).await?),
        false => None,
    };
    let kept = |key| model.as_ref().map_or(&[][..], |it| it.kept(key));
    let mut entries = Vec::new();
    each_held_page(job, ports, mapping, scheme, kept, |page| {
        for (at, is_valid) in page.with_a_key() {
            let presence = if is_valid { Presence::LeftKept } else { Presence::ValueUnknown };
            let row = if is_valid { page.rows[at] } else { RowFingerprint::of(0) };
            entries.push(Entry { key: page.keys[at], row, state: EntryState { presence, origin: Origin::Adopted } });
        }
    })
    .await?;
    entries.sort_unstable_by_key(|it| it.key);
    entries.dedup_by_key(|it| it.key);
    Ok(entries)
}
