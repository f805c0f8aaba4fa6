//! Settles what an earlier run has started, and removes what it has not. Yesterday's data are not sent on: rows are compared afresh.

use outflow_domain::{ImportStatus, Mapping, OpenPart, OutcomeCounts, PartStage, RunEvent, Table};
use outflow_ports::Progress;
use outflow_rows::mapping_digest;

use crate::{
    error::EngineError,
    history,
    job::{Job, Ports},
    part_files::{csv_name, rows_name},
    recorder::Recorder,
    steps::{
        delete::Told,
        import,
        resolve::{checked, describe},
        settle,
    },
    trail,
};

/// Settles every part of earlier runs as far as it can be.
///
/// # Errors
/// [`EngineError::Blocked`] when an import is not known to have ended: nothing may be started over it.
pub(crate) async fn resume(job: &Job, ports: &Ports, recorder: &mut Recorder<'_>) -> Result<OutcomeCounts, EngineError> {
    let open: Vec<OpenPart> = recorder.state().open_parts.clone();
    let mut outcomes = OutcomeCounts::default();
    if !open.is_empty() {
        ports.progress.show(job.activation.name.as_str(), Progress::Resuming { parts: open.len() });
    }
    for part in open.iter().filter(|it| it.is_not_started()) {
        drop_part(ports, recorder, part).await?;
    }
    let mut rows_are_readable = true;
    for part in open.iter().filter(|it| !it.is_not_started() && !it.is_abandoned) {
        let (run, number) = (&part.run, part.plan.part);
        if part.stage == PartStage::Unresolved && part.may_delete_late(ports.clock.now_ms()) {
            // Whatever is read now may be otherwise right afterwards.
            continue;
        }
        if !rows_are_readable && part.stage == PartStage::Unresolved {
            // Only reading could tell more, and it was refused just now.
            continue;
        }
        if matches!(part.stage, PartStage::Starting) {
            import::find_lost(job, ports, recorder, run, number).await?;
        }
        if matches!(part.stage, PartStage::Starting | PartStage::Started { .. }) {
            import::watch(job, ports, recorder, run, number, open.len() as u32).await?;
        }
        let end =
            settle::settle(job, ports, recorder, run, number, &schema_digest(job, ports, &part.mapping).await, Told::default()).await?;
        outcomes.merge(&end.outcomes);
        rows_are_readable &= end.is_known;
    }
    for part in open.iter().filter(|it| it.is_abandoned) {
        if abandoned_has_ended(ports, recorder, part).await? {
            let schema = schema_digest(job, ports, &part.mapping).await;
            outcomes.merge(&settle::settle(job, ports, recorder, &part.run, part.plan.part, &schema, Told::default()).await?.outcomes);
        }
    }
    Ok(outcomes)
}

/// Looks whether an import that a person gave up on has come to its end after all; only then can its doubt be ended, by reading back.
async fn abandoned_has_ended(ports: &Ports, recorder: &mut Recorder<'_>, part: &OpenPart) -> Result<bool, EngineError> {
    if part.plan.is_of_deletes {
        return Ok(part.stage == PartStage::Deleting || !part.may_delete_late(ports.clock.now_ms()));
    }
    let order = &part.plan.order;
    let status = match &part.stage {
        PartStage::Started { import } => ports.cloud.import_status(import).await?,
        PartStage::Starting if ports.cloud.can_find_imports(order.route) => {
            let since = ports.cloud.imports_since(&order.activation, order.route, part.newest.as_deref()).await?;
            since.last().map_or(ImportStatus::Queued, |(_, status)| status.clone())
        }
        PartStage::Ended { .. } | PartStage::Unresolved => return Ok(true),
        _ => return Ok(false),
    };
    if !status.has_ended() || !import::all_have_ended(ports, part).await? {
        return Ok(false);
    }
    let event = RunEvent::ImportEnded { part: part.plan.part, status };
    recorder.record_of(part.run.clone(), event, Vec::new(), Vec::new()).await?;
    Ok(true)
}

/// The digest under which refusals of a part are remembered: of its mapping, with columns that were yet to be created as they are now.
async fn schema_digest(job: &Job, ports: &Ports, planned: &Mapping) -> String {
    let as_planned = settle::schema_digest(planned);
    if planned.columns_to_add().is_empty() {
        return as_planned;
    }
    // Should it fail, a refused row is sent once more: no reason to hold up the settling.
    let (Ok(destination), Ok(schema)) = (describe(ports.cloud.as_ref(), job).await, ports.source.describe(&job.query).await) else {
        return as_planned;
    };
    match checked(job, &schema, &Table::There(destination)) {
        Ok(now) if mapping_digest(&now) == mapping_digest(planned) => settle::schema_digest(&now),
        _ => as_planned,
    }
}

/// Removes a part that was never started, here and at the route.
pub(crate) async fn drop_part(ports: &Ports, recorder: &mut Recorder<'_>, part: &OpenPart) -> Result<(), EngineError> {
    if !matches!(part.stage, PartStage::Planned) {
        ports.files.remove(part.plan.file()).await?;
    }
    ports.spool.remove(&part.run, &csv_name(part.plan.part))?;
    ports.spool.remove(&part.run, &rows_name(part.plan.part))?;
    let event = RunEvent::PartDropped { part: part.plan.part };
    Ok(recorder.record_of(part.run.clone(), event, Vec::new(), Vec::new()).await?)
}

/// Removes private files of runs that have no open part, and segments and lists that the ledger does not name. Only under the activation's lock.
pub(crate) async fn sweep(ports: &Ports, recorder: &Recorder<'_>) -> Result<(), EngineError> {
    let state = recorder.state();
    for run in ports.spool.runs()? {
        // What a deletion is read back by in the end is its doubt alone.
        let is_needed = |it: &OpenPart| it.run == run && !it.is_abandoned && !(it.plan.is_of_deletes && it.stage == PartStage::Unresolved);
        if run != *recorder.run() && !state.open_parts.iter().any(is_needed) {
            ports.spool.remove_run(&run)?;
        }
    }
    let doubts = state.open_parts.iter().filter_map(|it| it.doubt.as_ref());
    let confirmed = state.confirmed.iter().map(|it| &it.segment);
    let held = state.holds.iter().map(|it| &it.hold.rows);
    let levels = [&state.baseline.base, &state.baseline.delta].into_iter().flatten();
    let keys = state.open_parts.iter().filter_map(|it| it.keys.as_ref());
    let keys = keys.chain(state.confirmed.iter().filter_map(|it| it.keys.as_ref())).chain(&state.baseline.keys);
    let mut named: Vec<String> = doubts.chain(confirmed).chain(held).chain(levels).chain(keys).map(|it| it.name.clone()).collect();
    named.extend(state.baseline.base.as_ref().map(trail::name_of));
    for name in ports.baselines.list()? {
        if !named.contains(&name) {
            ports.baselines.remove(&name)?;
        }
    }
    history::sweep(ports, recorder).await
}
