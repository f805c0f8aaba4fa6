//! Starts an import and watches it to its end.

use std::time::Duration;

use outflow_domain::{ImportId, ImportOrder, ImportStatus, OpenPart, PartStage, Route, RunEvent, RunId, SegmentRef};
use outflow_ports::{CloudError, Progress, StartError};

use super::transfer;
use crate::{
    error::EngineError,
    generation, history,
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
///
/// Only then is our import definition pointed to the file: whoever starts the definition from there on imports rows that are in doubt, and is
/// watched with our own import, as the newest one was asked for before.
pub(crate) async fn start(
    job: &Job,
    ports: &Ports,
    recorder: &mut Recorder<'_>,
    part: u32,
    doubt: &SegmentRef,
    keys: Option<&SegmentRef>,
) -> Result<(), EngineError> {
    let run = recorder.run().clone();
    let plan = find(recorder, &run, part)?.plan.clone();
    let order = plan.order.clone();
    let newest = ports.cloud.newest_import(&order.activation, order.route).await?.map(|it| it.id);
    // Which rows these are is remembered from here on, whatever becomes of the part.
    let sent = history::keep_sent(ports, &run, &plan)?;
    recorder.record_with(RunEvent::ImportStarting { part, newest, doubt: doubt.clone(), keys: keys.cloned() }, Some(sent)).await?;
    let mut pauses = Pauses::new();
    for attempt in 1.. {
        match ready_and_start(ports, &order, recorder.state().generation).await {
            Ok(import) => {
                recorder.record(RunEvent::ImportStarted { part, import }).await?;
                return Ok(());
            }
            Err(StartError::Lost { source }) => {
                tracing::warn!(activation = %order.activation, part, "no answer came to the start of an import: {source}");
                return find_lost(job, ports, recorder, &run, part).await;
            }
            Err(StartError::NotStarted { source: CloudError::Unavailable { .. }, road_is_closed: false }) if attempt < STARTS_MAX => {
                pauses.pause(ports).await;
            }
            Err(StartError::NotStarted { source, road_is_closed }) => {
                let closed = road_is_closed.then_some(order.route);
                let is_taken_back = take_back(ports, recorder, &run, part, code_of(&source), closed).await?;
                return Err(match closed.filter(|_| is_taken_back) {
                    Some(route) => EngineError::RoadClosed { route, source },
                    None => source.into(),
                });
            }
        }
    }
    Ok(())
}

async fn ready_and_start(ports: &Ports, order: &ImportOrder, generation: u64) -> Result<ImportId, StartError> {
    let unready = |source| StartError::NotStarted { source, road_is_closed: false };
    ports.cloud.prepare_import(order, generation).await.map_err(unready)?;
    ports.cloud.start_import(order).await
}

/// Ends the doubt of a part whose start was refused for certain; whether it could. Somebody else may have started our definition meanwhile,
/// so this takes that the file is gone and that no import has begun since the intent. Otherwise the next run looks what became of it.
async fn take_back(
    ports: &Ports,
    recorder: &mut Recorder<'_>,
    run: &RunId,
    part: u32,
    code: String,
    closed: Option<Route>,
) -> Result<bool, EngineError> {
    let open = find(recorder, run, part)?.clone();
    let nobody_began = async {
        ports.files.remove(open.plan.file()).await?;
        Ok::<_, EngineError>(since_the_intent(ports, &open).await?.is_empty())
    };
    // The refusal itself is what a person has to know.
    let is_certain = nobody_began.await.unwrap_or_else(|error| {
        tracing::warn!(%run, part, "whether somebody else has started the import could not be found out: {error}");
        false
    });
    if is_certain {
        recorder.record_of(run.clone(), RunEvent::ImportNotStarted { part, code, closed }, Vec::new(), Vec::new()).await?;
    }
    Ok(is_certain)
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
/// idempotent by key, so twice the same is the same. Each further start may get lost in its turn.
pub(crate) async fn find_lost(job: &Job, ports: &Ports, recorder: &mut Recorder<'_>, run: &RunId, part: u32) -> Result<(), EngineError> {
    let mut pauses = Pauses::new();
    for attempt in 1.. {
        let open = find(recorder, run, part)?.clone();
        if ports.cloud.can_find_imports(open.plan.order.route)
            && let Some(import) = search(job, ports, &open).await?
        {
            let event = RunEvent::ImportStarted { part, import };
            return Ok(recorder.record_of(run.clone(), event, Vec::new(), Vec::new()).await?);
        }
        match start_again(job, ports, recorder, run, &open).await? {
            None => return Ok(()),
            Some(error) if attempt == STARTS_MAX => return Err(error.into()),
            Some(_) => pauses.pause(ports).await,
        }
    }
    Ok(())
}

/// Searches for a while among the imports of our definition that are newer than the intent. Every one of them reads the definition's one
/// file, which is ours, whoever has started it; the newest is taken once all have ended.
async fn search(job: &Job, ports: &Ports, open: &OpenPart) -> Result<Option<ImportId>, EngineError> {
    let order = &open.plan.order;
    let until = ports.clock.now_ms() + LOST_SEARCH.as_millis() as i64;
    let deadline = until + (job.activation.import_deadline_s as i64) * 1000;
    let mut pauses = Pauses::new();
    loop {
        let since = ports.cloud.imports_since(&order.activation, order.route, open.newest.as_deref()).await?;
        if since.iter().all(|(_, status)| status.has_ended()) {
            let ours = since.into_iter().rev().find(|(_, status)| fits(status, open.plan.rows));
            if ours.is_some() || ports.clock.now_ms() >= until {
                return Ok(ours.map(|(import, _)| import));
            }
        }
        if ports.clock.now_ms() >= deadline {
            ports.files.remove(open.plan.file()).await?;
            return Err(blocked(job, open));
        }
        pauses.pause(ports).await;
    }
}

/// Whether an import that has ended could be ours.
const fn fits(status: &ImportStatus, rows: u64) -> bool {
    match status {
        ImportStatus::Completed { counts } => counts.total == rows,
        ImportStatus::Queued | ImportStatus::Running { .. } | ImportStatus::Failed { .. } => true,
    }
}

/// Starts the same file once more; `Some` when that start got lost too, or may be tried again.
async fn start_again(
    job: &Job,
    ports: &Ports,
    recorder: &mut Recorder<'_>,
    run: &RunId,
    open: &OpenPart,
) -> Result<Option<CloudError>, EngineError> {
    let (part, order) = (open.plan.part, &open.plan.order);
    let Some(doubt) = open.doubt.clone() else { return Ok(None) };
    // Without the very bytes there is nothing that could be imported again; a person has to decide.
    if ports.spool.read(run, &crate::part_files::csv_name(part))?.is_none() {
        return Err(blocked(job, open));
    }
    // In an old copy of the state, the file is older than what was imported since.
    generation::check(ports, recorder, (order.route, true), open.identity.data_extension.as_ref()).await?;
    // The first import may have taken the file away.
    transfer::put(ports, run, order.activation.as_str(), &open.plan, 1).await?;
    ports.cloud.prepare_import(order, recorder.state().generation).await?;
    let event = RunEvent::ImportStarting { part, newest: open.newest.clone(), doubt, keys: open.keys.clone() };
    recorder.record_of(run.clone(), event, Vec::new(), Vec::new()).await?;
    match ports.cloud.start_import(order).await {
        Ok(import) => {
            let event = RunEvent::ImportStarted { part, import };
            recorder.record_of(run.clone(), event, Vec::new(), Vec::new()).await?;
            Ok(None)
        }
        // A road on which nothing was ever started was closed for the start that got lost, too. One that was open once may have been open
        // for it: then nobody can tell whether it has begun.
        Err(StartError::NotStarted { source, road_is_closed: true }) if !recorder.state().roads_taken.contains(&order.route) => {
            match take_back(ports, recorder, run, part, code_of(&source), Some(order.route)).await? {
                true => Err(EngineError::RoadClosed { route: order.route, source }),
                false => Err(source.into()),
            }
        }
        Err(StartError::NotStarted { road_is_closed: true, .. }) => {
            ports.files.remove(open.plan.file()).await?;
            Err(blocked(job, open))
        }
        Err(StartError::NotStarted { source, .. }) if !matches!(source, CloudError::Unavailable { .. }) => Err(source.into()),
        Err(StartError::NotStarted { source, .. } | StartError::Lost { source }) => Ok(Some(source)),
    }
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
    let mut is_removed = false;
    loop {
        let status = ports.cloud.import_status(import).await?;
        ports.progress.show(job.activation.name.as_str(), Progress::Importing { part, parts, state: word(&status) });
        if status.has_ended() && !is_removed {
            remove_imported(ports, &open).await;
            is_removed = true;
        }
        if status.has_ended() && all_have_ended(ports, &open).await? {
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

/// Removes a file whose import has ended from the route. Before others of our definition are asked for: whoever starts it from here on finds
/// no file. And before the end is recorded: after a crash in between nobody would know of the file any more. A route that does not let go of
/// a file does not hold up what is known of its rows.
async fn remove_imported(ports: &Ports, open: &OpenPart) {
    if let Err(error) = ports.files.remove(open.plan.file()).await {
        tracing::warn!(file = %open.plan.file(), "an imported file could not be removed from the route: {error}");
    }
}

/// Whether an import that was started, or may have been, is not known to have ended. Asks, and changes nothing.
pub(crate) async fn is_at_work(ports: &Ports, open: &OpenPart) -> Result<bool, EngineError> {
    if open.stage == PartStage::Deleting {
        // It has no import: what became of its rows is read, and waited for by nobody.
        return Ok(false);
    }
    let has_ended = match &open.stage {
        PartStage::Started { import } => ports.cloud.import_status(import).await?.has_ended(),
        _ => true,
    };
    Ok(!has_ended || !all_have_ended(ports, open).await?)
}

/// Whether no import of the definition is at work that began since the part was first to be started: one whose start got lost, or one that
/// somebody else started.
pub(crate) async fn all_have_ended(ports: &Ports, open: &OpenPart) -> Result<bool, EngineError> {
    Ok(since_the_intent(ports, open).await?.iter().all(|(_, status)| status.has_ended()))
}

/// Imports of our definition that began since the part was first to be started; none where the road cannot tell.
async fn since_the_intent(ports: &Ports, open: &OpenPart) -> Result<Vec<(ImportId, ImportStatus)>, EngineError> {
    let order = &open.plan.order;
    if !ports.cloud.can_find_imports(order.route) {
        return Ok(Vec::new());
    }
    Ok(ports.cloud.imports_since(&order.activation, order.route, open.newest.as_deref()).await?)
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

/// The name of an import: its number where it is known, its file otherwise. A deletion is named by its run and part.
pub fn import_name(open: &OpenPart) -> String {
    match &open.stage {
        _ if open.plan.is_of_deletes => format!("deletion:{}/{}", open.run, open.plan.part),
        PartStage::Started { import } => import.to_string(),
        _ => format!("file:{}", open.plan.file()),
    }
}
