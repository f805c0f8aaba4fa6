//! Starts an import and watches it to its end.

use std::time::Duration;

use outflow_domain::{ImportId, ImportStatus, OpenPart, PartStage, RunEvent, RunId};
use outflow_ports::{CloudError, Progress, StartError};

use super::transfer;
use crate::{
    error::EngineError,
    job::{Job, Ports},
    recorder::Recorder,
};

/// How often a start that was refused for certain, for a passing reason, is tried again.
const STARTS_MAX: u32 = 5;

/// How long an import whose start got lost is looked for before the same file is imported again.
const LOST_SEARCH: Duration = Duration::from_secs(120);

/// The first and the longest pause between two questions about an import.
const POLL_PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));

/// Pauses between questions: short at first, as small imports end quickly, then longer.
pub(crate) struct Pauses(Duration);

impl Pauses {
    pub const fn new() -> Self {
        Self(POLL_PAUSES.0)
    }

    pub async fn pause(&mut self, ports: &Ports) {
        ports.clock.sleep(self.0).await;
        self.0 = (self.0 * 3 / 2).min(POLL_PAUSES.1);
    }
}

/// Starts the import of a part that lies whole at the route. From the intent on, every row of it is durably in doubt.
pub(crate) async fn start(
    job: &Job,
    ports: &Ports,
    recorder: &mut Recorder<'_>,
    part: u32,
    doubt: &outflow_domain::SegmentRef,
) -> Result<(), EngineError> {
    let run = recorder.run().clone();
    let order = find(recorder, &run, part)?.plan.order.clone();
    let mut pauses = Pauses::new();
    for attempt in 1.. {
        ports.cloud.prepare_import(&order).await?;
        let newest = ports.cloud.newest_import(&order.activation, order.route).await?.map(|it| it.id);
        recorder.record(RunEvent::ImportStarting { part, newest, doubt: doubt.clone() }).await?;
        match ports.cloud.start_import(&order).await {
            Ok(import) => {
                recorder.record(RunEvent::ImportStarted { part, import }).await?;
                return Ok(());
            }
            Err(StartError::Lost { source }) => {
                tracing::warn!(activation = %order.activation, part, "no answer came to the start of an import: {source}");
                return find_lost(job, ports, recorder, &run, part).await;
            }
            Err(StartError::NotStarted { source, road_is_closed }) => {
                let (code, closed) = (code_of(&source), road_is_closed.then_some(order.route));
                recorder.record(RunEvent::ImportNotStarted { part, code, closed }).await?;
                if road_is_closed {
                    return Err(EngineError::RoadClosed { route: order.route, source });
                }
                if !matches!(source, CloudError::Unavailable { .. }) || attempt == STARTS_MAX {
                    return Err(source.into());
                }
                pauses.pause(ports).await;
            }
        }
    }
    Ok(())
}

fn code_of(error: &CloudError) -> String {
    match error {
        CloudError::Refused { code, .. } => code.clone(),
        CloudError::Credentials { .. } => "credentials".into(),
        CloudError::Forbidden { .. } => "forbidden".into(),
        CloudError::Unavailable { .. } => "unavailable".into(),
        CloudError::Unreadable { .. } => "unreadable".into(),
    }
}

pub(crate) fn find<'r>(recorder: &'r Recorder<'_>, run: &RunId, part: u32) -> Result<&'r OpenPart, EngineError> {
    let found = recorder.state().open_parts.iter().find(|it| it.run == *run && it.plan.part == part);
    // The ledger's own rules keep a part from vanishing while its run works on it.
    found.ok_or(EngineError::Conservation { what: "parts of the run = parts in the ledger", left: u64::from(part), right: 0 })
}

/// Looks for an import whose start got lost. Where it cannot be found, the *same* file is imported again before anything newer: rows are
/// idempotent by key, so twice the same is the same.
pub(crate) async fn find_lost(job: &Job, ports: &Ports, recorder: &mut Recorder<'_>, run: &RunId, part: u32) -> Result<(), EngineError> {
    let open = find(recorder, run, part)?.clone();
    let PartStage::Starting { newest } = &open.stage else { return Ok(()) };
    let order = &open.plan.order;
    if ports.cloud.can_find_imports(order.route) {
        let until = ports.clock.now_ms() + LOST_SEARCH.as_millis() as i64;
        let mut pauses = Pauses::new();
        loop {
            let mut since = ports.cloud.imports_since(&order.activation, order.route, newest.as_deref()).await?;
            since.retain(|(_, status)| fits(status, open.plan.rows));
            if let [(import, status)] = since.as_slice()
                && status.has_ended()
            {
                // Exactly one appeared and its rows are ours.
                let event = RunEvent::ImportStarted { part, import: import.clone() };
                return Ok(recorder.record_of(run.clone(), event, Vec::new(), Vec::new()).await?);
            }
            if ports.clock.now_ms() >= until && since.iter().all(|(_, status)| status.has_ended()) {
                break;
            }
            if ports.clock.now_ms() >= until + (job.activation.import_deadline_s as i64) * 1000 {
                return Err(blocked(job, &open));
            }
            pauses.pause(ports).await;
        }
    }
    start_again(ports, recorder, run, &open).await
}

/// Whether an import could be ours: one that is still at work may yet be.
const fn fits(status: &ImportStatus, rows: u64) -> bool {
    match status {
        ImportStatus::Queued | ImportStatus::Running { .. } => true,
        ImportStatus::Completed { counts } => counts.total == rows,
        ImportStatus::Failed { .. } => true,
    }
}

async fn start_again(ports: &Ports, recorder: &mut Recorder<'_>, run: &RunId, open: &OpenPart) -> Result<(), EngineError> {
    let (part, order) = (open.plan.part, &open.plan.order);
    let Some(doubt) = open.doubt.clone() else { return Ok(()) };
    let PartStage::Starting { newest } = open.stage.clone() else { return Ok(()) };
    let mut pauses = Pauses::new();
    for attempt in 1.. {
        // The first import may have taken the file away.
        transfer::put(ports, run, order.activation.as_str(), &open.plan, 1).await?;
        ports.cloud.prepare_import(order).await?;
        let event = RunEvent::ImportStarting { part, newest: newest.clone(), doubt: doubt.clone() };
        recorder.record_of(run.clone(), event, Vec::new(), Vec::new()).await?;
        match ports.cloud.start_import(order).await {
            Ok(import) => {
                let event = RunEvent::ImportStarted { part, import };
                return Ok(recorder.record_of(run.clone(), event, Vec::new(), Vec::new()).await?);
            }
            // A road that is closed now was closed for the start that got lost, too: nothing was begun.
            Err(StartError::NotStarted { source, road_is_closed: true }) => {
                let event = RunEvent::ImportNotStarted { part, code: code_of(&source), closed: Some(order.route) };
                recorder.record_of(run.clone(), event, Vec::new(), Vec::new()).await?;
                return Err(EngineError::RoadClosed { route: order.route, source });
            }
            Err(StartError::NotStarted { source, .. } | StartError::Lost { source }) if attempt == STARTS_MAX => return Err(source.into()),
            Err(StartError::NotStarted { source, .. }) if !matches!(source, CloudError::Unavailable { .. }) => return Err(source.into()),
            Err(StartError::NotStarted { .. } | StartError::Lost { .. }) => pauses.pause(ports).await,
        }
    }
    Ok(())
}

/// Watches an import to its end and records it.
///
/// # Errors
/// [`EngineError::Blocked`] past the deadline: the file is taken away then, so that an import that has not begun fails.
pub(crate) async fn watch(
    job: &Job,
    ports: &Ports,
    recorder: &mut Recorder<'_>,
    run: &RunId,
    part: u32,
    parts: u32,
) -> Result<ImportStatus, EngineError> {
    let open = find(recorder, run, part)?.clone();
    let PartStage::Started { import } = &open.stage else { return Err(blocked(job, &open)) };
    let deadline = ports.clock.now_ms() + (job.activation.import_deadline_s as i64) * 1000;
    let mut pauses = Pauses::new();
    loop {
        let status = ports.cloud.import_status(import).await?;
        ports.progress.show(job.activation.name.as_str(), Progress::Importing { part, parts, state: word(&status) });
        if status.has_ended() && others_have_ended(ports, &open, import).await? {
            let event = RunEvent::ImportEnded { part, status: status.clone() };
            recorder.record_of(run.clone(), event, Vec::new(), Vec::new()).await?;
            return Ok(status);
        }
        if ports.clock.now_ms() >= deadline {
            ports.files.remove(open.plan.file()).await?;
            return Err(blocked(job, &open));
        }
        pauses.pause(ports).await;
    }
}

/// Whether no other import of the definition is at work, such as one whose start got lost, or one that somebody else started.
async fn others_have_ended(ports: &Ports, open: &OpenPart, import: &ImportId) -> Result<bool, EngineError> {
    let order = &open.plan.order;
    if !ports.cloud.can_find_imports(order.route) {
        return Ok(true);
    }
    let newer = ports.cloud.imports_since(&order.activation, order.route, Some(&import.id)).await?;
    Ok(newer.iter().all(|(_, status)| status.has_ended()))
}

fn word(status: &ImportStatus) -> String {
    match status {
        ImportStatus::Queued => "queued".into(),
        ImportStatus::Running { rows } => format!("running, {rows} rows"),
        ImportStatus::Completed { .. } => "completed".into(),
        ImportStatus::Failed { code, .. } => format!("failed ({code})"),
    }
}

/// The error that names an open import as `outflow abandon` takes it.
pub(crate) fn blocked(job: &Job, open: &OpenPart) -> EngineError {
    EngineError::Blocked { activation: job.activation.name.to_string(), import: import_name(open) }
}

/// The name of an import: its number where it is known, its file otherwise.
pub fn import_name(open: &OpenPart) -> String {
    match &open.stage {
        PartStage::Started { import } => import.to_string(),
        _ => format!("file:{}", open.plan.file()),
    }
}
