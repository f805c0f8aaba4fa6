//! What is remembered of single rows of past runs: which part carried a row, and what became of it.
//!
//! A run writes three kinds of lists, each before the event that names it: the rows of a part are the very list that the spool has, kept when its
//! import is about to be started; what became of rows that are not all confirmed is written when the part is settled; and rows that were not
//! sent, and why, are written by the seal. All hold fingerprints alone. How much is kept is [decided](outflow_domain::history) for an
//! activation as a whole.

mod list;

use std::collections::{BTreeMap, BTreeSet};

use outflow_domain::{
    FieldName, HistoryFile, HistoryKind, KeyFingerprint, PartPlan, RunId, SegmentRef, Sent,
    history::{HISTORY_BYTES_MAX, HISTORY_FILES_MAX, outdated},
};

pub(crate) use list::{Fate, Heading, List, NewList, Why};

use crate::{
    error::EngineError,
    job::Ports,
    part_files::{ROW_BYTES, rows_name},
    recorder::Recorder,
};

/// Keeps the list of a part's rows, under a name that is named together with the intent to start its import.
pub(crate) fn keep_sent(ports: &Ports, run: &RunId, plan: &PartPlan) -> Result<HistoryFile, EngineError> {
    let name = ports.history.fresh_name(HistoryKind::Sent.name());
    ports.history.keep(run, &rows_name(plan.part), &name).map_err(EngineError::History)?;
    // The spool has made the list durable, and settling reads it to its end: its length is enough to know it again.
    let file = SegmentRef { name, bytes: plan.rows * ROW_BYTES as u64, entries: plan.rows, checksum: 0 };
    Ok(HistoryFile { run: run.clone(), part: plan.part, kind: HistoryKind::Sent, at_ms: ports.clock.now_ms(), file })
}

/// A service's code with the field it names.
pub(crate) type Reason = (String, Option<FieldName>);

/// Writes what became of the rows of a part; `None` where all of them are confirmed, which the event tells.
pub(crate) fn write_settled<'t, T>(
    ports: &Ports,
    (run, part): (&RunId, u32),
    is_of_all: bool,
    fates: &'t [T],
    fate: impl Fn(&'t T) -> (KeyFingerprint, Sent, Option<&'t Reason>),
) -> Result<Option<HistoryFile>, EngineError> {
    let told = || fates.iter().map(&fate).filter(|(_, sent, _)| !is_of_all || *sent != Sent::Confirmed);
    if is_of_all && told().next().is_none() {
        return Ok(None);
    }
    let mut numbers: BTreeMap<&Reason, u16> = BTreeMap::new();
    let mut reasons = Vec::new();
    for reason in told().filter_map(|(_, _, reason)| reason) {
        // More reasons than a list can number would be a service that makes one up for each row.
        if let (false, Ok(number)) = (numbers.contains_key(reason), u16::try_from(reasons.len())) {
            numbers.insert(reason, number);
            reasons.push(reason.clone());
        }
    }
    let mut list = NewList::create(&ports.history, HistoryKind::Settled.name(), &Heading::Settled { reasons, is_of_all })?;
    for (key, sent, reason) in told() {
        let reason = reason.and_then(|it| numbers.get(it).copied());
        list.push(key, Fate { sent, reason }.word())?;
    }
    let (kind, at_ms) = (HistoryKind::Settled, ports.clock.now_ms());
    Ok(Some(HistoryFile { run: run.clone(), part, kind, at_ms, file: list.commit()? }))
}

/// Stores what the seal has found withheld, unless the newest list of the activation says the very same: rows that are wrong are wrong in every
/// run, and one list serves them all.
pub(crate) fn store_withheld(
    ports: &Ports,
    run: &RunId,
    known: &[HistoryFile],
    withheld: Option<NewList>,
) -> Result<Option<HistoryFile>, EngineError> {
    let newest = known.iter().rfind(|it| it.kind == HistoryKind::Withheld);
    // One that somebody has removed says nothing any more.
    let newest = newest.filter(|it| ports.history.open(&it.file.name).is_ok());
    let is_news = |list: &NewList| newest.map_or(!list.is_empty(), |newest| !list.is_as(&newest.file));
    let Some(list) = withheld.filter(is_news) else { return Ok(None) };
    let (kind, at_ms) = (HistoryKind::Withheld, ports.clock.now_ms());
    Ok(Some(HistoryFile { run: run.clone(), part: 0, kind, at_ms, file: list.commit()? }))
}

/// The files that the end of a run lets go of, so that what is kept has a bounded size.
pub(crate) async fn outdated_now(ports: &Ports, recorder: &Recorder<'_>) -> Result<Vec<String>, EngineError> {
    let files = ports.ledger.history(recorder.activation()).await?;
    let open = &recorder.state().open_parts;
    Ok(outdated(&files, HISTORY_BYTES_MAX, HISTORY_FILES_MAX, |run| open.iter().any(|it| it.run == *run)))
}

/// Removes lists that the ledger does not name. Only under the activation's lock.
pub(crate) async fn sweep(ports: &Ports, recorder: &Recorder<'_>) -> Result<(), EngineError> {
    let files = ports.ledger.history(recorder.activation()).await?;
    let named: BTreeSet<&str> = files.iter().map(|it| it.file.name.as_str()).collect();
    for name in ports.history.list().map_err(EngineError::History)? {
        if !named.contains(name.as_str()) {
            ports.history.remove(&name).map_err(EngineError::History)?;
        }
    }
    Ok(())
}
