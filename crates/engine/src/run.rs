//! A run from its beginning to its end.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::AtomicU64},
};

use outflow_baseline::Update;
use outflow_domain::{
    ActivationState, CellProblem, FileName, HistoryFile, Identity, ImportOrder, ImportRoute, InsertMode, KeyFingerprint, Manifest,
    OpenPart, Outcome, OutcomeCounts, PartPlan, PartStage, PlanId, Purpose, RunEvent, RunId, RunResult, SegmentRef, Sent, Withheld, Write,
    guard::SourceCounts,
};
use outflow_ports::{CloudError, LedgerError, Progress, ScanOptions};
use outflow_rows::Scheme;

use crate::{
    advance::advance,
    buckets::Buckets,
    column_sets::ColumnSets,
    digest,
    error::EngineError,
    exits::Exits,
    generation,
    guard::{self, Approval, Guarding},
    history,
    job::{Job, Ports, RunOptions},
    key_store::KeyStore,
    parts::{PartsWriter, WrittenPart},
    recorder::{Beside, Recorder},
    report::{
        Approved, Blocking, HeldReport, InvalidReport, PartReport, PlanReport, RefusedReport, RunReport, SkippedReport, WarnedReport,
        Warning,
    },
    resume::{resume, sweep},
    segments::Segments,
    split::{ROUNDS_MAX, Split},
    steps::{
        compare::{self, Pass, PrivateFiles, Tally},
        delete::{self, Told},
        import,
        resolve::{Resolved, resolve},
        seal::{Seal, SealedPart, SealedPass, equal},
        settle, transfer,
    },
    table::{self, TableChanges},
    trail::Guidance,
};

/// Finds out what a run would do. Nothing is changed anywhere, and nothing is left behind, even where the future is dropped in its course.
///
/// # Errors
/// [`EngineError`].
pub async fn plan(job: &Job, ports: &Ports, options: &RunOptions) -> Result<PlanReport, EngineError> {
    let private = Arc::new(PrivateFiles { spool: Arc::clone(&ports.spool), run: ports.fresh_run_id() });
    let planned = compare_only(job, ports, options, &private).await;
    ports.spool.remove_run(&private.run)?;
    ports.progress.show(job.activation.name.as_str(), Progress::Done);
    planned
}

async fn compare_only(job: &Job, ports: &Ports, options: &RunOptions, private: &Arc<PrivateFiles>) -> Result<PlanReport, EngineError> {
    let state = ports.ledger.activation(&job.activation.name).await?;
    let mut resolved = resolve(job, ports, options, job.split, &state, &private.run).await?;
    // What is in doubt since rows may not be read stays so; all else is settled before anything is sent.
    let may_read = !resolved.warnings.contains(&Warning::RowsUnreadable);
    let now_ms = ports.clock.now_ms();
    let is_waited_for = |it: &OpenPart| it.stage == PartStage::Unresolved && (!may_read || it.may_delete_late(now_ms));
    let is_settled_first = |it: &&OpenPart| !it.is_abandoned && !is_waited_for(it);
    let open_parts = state.open_parts.iter().filter(is_settled_first).count();
    let blocked = blocking(job, ports, &resolved).await?;
    let (old_state, unmarked) =
        generation::look(ports, &job.activation.name, &state, resolved.route, resolved.identity.data_extension.as_ref()).await?;
    resolved.warnings.extend(unmarked);
    let compared = Compared::of(job, ports, resolved, &private.run, &state, Some(private), None).await?;
    Ok(PlanReport { blocked, old_state, ..compared.report(job, options, open_parts, None) })
}

/// The parts of an activation, which `is_ours` or another, beside which nothing may be started on a data extension. A deletion that is heard too
/// late finds rows of ours in doubt; of another activation it would find rows that count as confirmed.
fn in_the_way<'s>(state: &'s ActivationState, is_ours: bool, identity: &Identity, now_ms: i64) -> impl Iterator<Item = &'s OpenPart> {
    let is_open = move |it: &OpenPart| it.may_be_running() || (!is_ours && !it.is_abandoned && it.may_delete_late(now_ms));
    state.open_parts.iter().filter(move |it| is_open(it) && it.identity.may_write_into(identity))
}

/// An import on the same data extension that a run would find open now, if any: of this activation one that is still at work, and would be
/// waited for; of another one that its own next run has yet to settle.
async fn blocking(job: &Job, ports: &Ports, resolved: &Resolved) -> Result<Option<Blocking>, EngineError> {
    for (name, state) in ports.ledger.activations().await? {
        let is_waited_for = name == job.activation.name;
        for open in in_the_way(&state, is_waited_for, &resolved.identity, ports.clock.now_ms()) {
            if !is_waited_for || import::is_at_work(ports, open).await? {
                return Ok(Some(Blocking { activation: name, import: import::import_name(open), is_waited_for }));
            }
        }
    }
    Ok(None)
}

/// Runs an activation: settles what is open, compares, sends the difference, and establishes what became of each row.
///
/// Where rows may not be read back, and so a refused one keeps those beside it in doubt, these are sent again in smaller files as long as
/// [`Split`] allows.
///
/// Dropping the future at any point leaves a state from which the next run goes on, as a crash does.
///
/// # Errors
/// [`EngineError`]; the run's end is recorded then too.
pub async fn run(job: &Job, ports: &Ports, options: &RunOptions) -> Result<RunReport, EngineError> {
    let mut split = job.split;
    let mut report = on_a_road(job, ports, options, split).await?;
    for _ in 0..ROUNDS_MAX {
        split = split.after(report.plan.parts.iter().filter(|it| it.in_doubt).count() as u32);
        let state = ports.ledger.activation(&job.activation.name).await?;
        // What is held of a run that a person asked more of would not be held by a round that asks for less, and so be forgotten.
        let holds_more = report.plan.held.is_some() && (options.full || options.retry_refused);
        if holds_more || !split.goes_on(&state.open_parts, &report.run) {
            break;
        }
        tracing::info!(activation = %job.activation.name, "rows that stayed in doubt are sent again in smaller files");
        // Whatever a person asked for was sent in the first round.
        let next = on_a_road(job, ports, &RunOptions::default(), split).await?;
        report = report.followed_by(next);
    }
    Ok(report)
}

async fn on_a_road(job: &Job, ports: &Ports, options: &RunOptions, split: Split) -> Result<RunReport, EngineError> {
    match run_once(job, ports, options, split).await {
        // The ledger remembers the closed road, so that a new run takes the other one. A plan is never changed: this is a new one.
        Err(EngineError::RoadClosed { route, source }) if job.activation.import == ImportRoute::Auto => {
            tracing::warn!(activation = %job.activation.name, "the tenant takes no imports by {route:?} ({source}); beginning anew on the other road");
            run_once(job, ports, options, split).await
        }
        other => other,
    }
}

async fn run_once(job: &Job, ports: &Ports, options: &RunOptions, split: Split) -> Result<RunReport, EngineError> {
    let mut recorder = Recorder::open(ports, &job.activation.name, ports.fresh_run_id()).await?;
    recorder.record(RunEvent::Started { full: options.full, purpose: Purpose::Run }).await?;
    let ran = Run { job, ports, options, split }.to_end(&mut recorder).await;
    ports.progress.show(job.activation.name.as_str(), Progress::Done);
    let error = match ran {
        Ok(report) => return Ok(report),
        Err(error) => error,
    };
    let result = match &error {
        EngineError::Blocked { import, .. } => RunResult::Blocked { import: import.clone() },
        other => RunResult::Failed { code: other.code().to_owned(), message: other.to_string() },
    };
    // The error itself matters more than one about writing it down.
    if let Err(second) = recorder.record(RunEvent::Ended { result, outcomes: OutcomeCounts::default() }).await {
        if error.is_of_this_disk() {
            // The person is told of the disk once.
            tracing::info!(activation = %job.activation.name, "the end of the run could not be recorded either: {second}");
        } else {
            tracing::error!(activation = %job.activation.name, "the end of the run could not be recorded: {second}");
        }
    }
    remove_private_files(ports, &recorder);
    Err(error)
}

/// Removes the private files of a run that has ended early, unless parts of it are still open: settling needs those.
fn remove_private_files(ports: &Ports, recorder: &Recorder<'_>) {
    let (run, open) = (recorder.run(), &recorder.state().open_parts);
    if !open.iter().any(|it| it.run == *run)
        && let Err(error) = ports.spool.remove_run(run)
    {
        // The next run sweeps them.
        tracing::warn!(%run, "private files of the run are left behind: {error}");
    }
}

/// Records that a run was stopped by a person, after its future was dropped.
///
/// # Errors
/// When the ledger cannot be written.
pub async fn record_stop(job: &Job, ports: &Ports) -> Result<(), EngineError> {
    match end_as_stopped(job, ports).await {
        // An event was on its way to the ledger when the future was dropped, and came in between.
        Err(EngineError::Ledger(LedgerError::Moved { .. })) => end_as_stopped(job, ports).await,
        ended => ended,
    }
}

async fn end_as_stopped(job: &Job, ports: &Ports) -> Result<(), EngineError> {
    let state = ports.ledger.activation(&job.activation.name).await?;
    let Some(run) = state.current_run else { return Ok(()) };
    let mut recorder = Recorder::open(ports, &job.activation.name, run).await?;
    let stopped = EngineError::Stopped;
    let result = RunResult::Failed { code: stopped.code().to_owned(), message: stopped.to_string() };
    recorder.record(RunEvent::Ended { result, outcomes: OutcomeCounts::default() }).await?;
    remove_private_files(ports, &recorder);
    Ok(())
}

struct Run<'a> {
    job: &'a Job,
    ports: &'a Ports,
    options: &'a RunOptions,
    split: Split,
}

impl Run<'_> {
    async fn to_end(&self, recorder: &mut Recorder<'_>) -> Result<RunReport, EngineError> {
        let Self { job, ports, options, split } = *self;
        let scheme = Scheme::derive(&job.project_secret, job.activation.name.as_str());
        let resumed = resume(job, ports, recorder).await?;
        advance(job, ports, recorder, &scheme, None).await?;
        sweep(ports, recorder).await?;
        let resolved = resolve(job, ports, options, split, recorder.state(), recorder.run()).await?;
        self.nobody_else_is_importing(&resolved).await?;
        let run = recorder.run().clone();
        let mut compared = Compared::of(job, ports, resolved, &run, recorder.state(), None, options.approve.as_ref()).await?;
        // What settling earlier parts has found refused was compared again just now.
        recorder.take_refused();
        let manifest = compared.manifest(job, &run);
        let mut outcomes = manifest.decided.clone();
        // Before anything is made or sent, or called unchanged.
        let (sends, data_extension) = (!manifest.parts.is_empty(), compared.resolved.identity.data_extension.as_ref());
        if sends {
            // A wrong password or host key shows before anything is begun: nothing is made for files that cannot travel.
            ports.files.check().await?;
        }
        let unmarked = generation::check(ports, recorder, (manifest.route, sends), data_extension).await?;
        compared.resolved.warnings.extend(unmarked);
        if let Some(Approved { plan, source_rows, .. }) = compared.approved.clone() {
            recorder.record(RunEvent::HoldApproved { plan, source_rows }).await?;
        }
        if !manifest.parts.is_empty() || compared.table.are_any() || compared.sealed.local.updates > 0 {
            let mapping = Box::new(compared.resolved.mapping.clone());
            let identity = compared.resolved.identity.clone();
            let planned = RunEvent::Planned { manifest: Box::new(manifest.clone()), mapping, identity };
            recorder.record_with(planned, compared.withheld.take()).await?;
            table::create(job, ports, recorder, &mut compared.resolved, &compared.table).await?;
            self.advance_locally(recorder, &compared).await?;
            self.note_numbers(recorder, &compared).await?;
            table::widen(job, ports, recorder, &mut compared.resolved, &compared.table).await?;
            table::add_columns(job, ports, recorder, &mut compared.resolved, &compared.table).await?;
            self.note_held(recorder, &compared).await?;
            outcomes.merge(&self.send(recorder, &compared, &manifest).await?);
            advance(job, ports, recorder, &scheme, compared.known.baseline.base()).await?;
        } else {
            self.note_held(recorder, &compared).await?;
        }
        equal("rows read = outcomes of rows", manifest.source_rows, outcomes.count(Outcome::is_of_source))?;
        equal("entries not seen = outcomes of leaving rows", manifest.leaving_rows, outcomes.count(|it| !it.is_of_source()))?;
        let result = result_of(&outcomes);
        let ended = RunEvent::Ended { result: result.clone(), outcomes: outcomes.clone() };
        let outdated = history::outdated_now(ports, recorder).await?;
        let beside = Beside { history: compared.withheld.take().into_iter().collect(), outdated, ..Beside::default() };
        recorder.commit(run.clone(), ended, beside).await?;
        let mut standing = recorder.take_refused();
        standing.extend(&compared.sealed.refused_still);
        let refused = refusals(ports, job, &standing).await?;
        sweep(ports, recorder).await?;
        ports.spool.remove_run(&run)?;
        let plan = compared.report(job, options, recorder.state().open_parts.len(), Some(&manifest));
        Ok(RunReport { run, plan, result, outcomes, resumed, refused, rounds: Vec::new() })
    }

    /// Rule 3: one import at a time per data extension, whichever activation started it.
    async fn nobody_else_is_importing(&self, resolved: &Resolved) -> Result<(), EngineError> {
        for (name, state) in self.ports.ledger.activations().await? {
            let is_ours = name == self.job.activation.name;
            if let Some(open) = in_the_way(&state, is_ours, &resolved.identity, self.ports.clock.now_ms()).next() {
                return Err(EngineError::Blocked { activation: name.to_string(), import: import::import_name(open) });
            }
        }
        Ok(())
    }

    /// What needs no import is written down at once: rows that left or returned, keys that are gone, rows known under a new mapping.
    async fn advance_locally(&self, recorder: &mut Recorder<'_>, compared: &Compared) -> Result<(), EngineError> {
        let Resolved { mapping, identity, scheme, retired, is_comparable, .. } = &compared.resolved;
        let Some(local) = &compared.sealed.local.segment else { return Ok(()) };
        let old = &compared.known.baseline;
        let segments = Segments::new(self.ports, self.job.activation.name.as_str(), scheme);
        let updates = segments.open(outflow_baseline::Kind::Delta, local, Some(mapping))?;
        let before = &recorder.state().baseline;
        let counted = if *retired { before.emptied() } else { before.clone() };
        let next = segments.write_next(old, &counted, updates.updates(), updates.len(), mapping, *is_comparable)?;
        if let Some(mut baseline) = next {
            if !self.job.activation.on_exit.needs_keys() {
                baseline.keys.clear();
            }
            let (mapping, identity) = (Box::new(mapping.clone()), identity.clone());
            recorder.record(RunEvent::BaselineAdvanced { baseline, merged: Vec::new(), mapping, identity }).await?;
        }
        Ok(())
    }

    /// Remembers what guards hold, so that it can be approved: of the data extension as it is by now.
    async fn note_held(&self, recorder: &mut Recorder<'_>, compared: &Compared) -> Result<(), EngineError> {
        let Compared { sealed, resolved, plan, .. } = compared;
        let terms = guard::terms(self.job, resolved);
        if let Some(hold) = sealed.held.as_ref().and_then(|it| it.hold(plan, sealed.source_rows, terms, self.options)) {
            recorder.record(RunEvent::RowsHeld { hold: Box::new(hold) }).await?;
        }
        Ok(())
    }

    /// Remembers up to where rows were numbered, once what is not known of those made since is written down.
    async fn note_numbers(&self, recorder: &mut Recorder<'_>, compared: &Compared) -> Result<(), EngineError> {
        let up_to = compared.resolved.numbers.newest;
        self.note_number(recorder, &compared.resolved, up_to).await
    }

    /// The same once rows were deleted, the newest of them perhaps, given what was told of rows so far.
    async fn note_numbers_left(&self, recorder: &mut Recorder<'_>, resolved: &Resolved, told: &[SegmentRef]) -> Result<(), EngineError> {
        let segments = Segments::new(self.ports, self.job.activation.name.as_str(), &resolved.scheme);
        let told = told.iter().map(|it| segments.open_updates(it, None)).collect::<Result<Vec<_>, _>>()?;
        let is_there = |key| !told.iter().any(|it| matches!(it.get(key), Some(Update::Drop(_))));
        let up_to = resolved.numbers.top.iter().filter(|(_, key)| is_there(*key)).map(|(number, _)| *number).max();
        self.note_number(recorder, resolved, up_to).await
    }

    async fn note_number(&self, recorder: &mut Recorder<'_>, resolved: &Resolved, up_to: Option<u64>) -> Result<(), EngineError> {
        let (Some(up_to), Some(data_extension)) = (up_to, resolved.identity.data_extension.clone()) else { return Ok(()) };
        if recorder.state().rows_numbered != Some((data_extension.clone(), up_to)) {
            recorder.record(RunEvent::RowsNumbered { data_extension, up_to }).await?;
        }
        Ok(())
    }

    /// Sends part by part. Each walks its way alone: what an earlier one has confirmed stays confirmed when a later one fails.
    async fn send(&self, recorder: &mut Recorder<'_>, compared: &Compared, manifest: &Manifest) -> Result<OutcomeCounts, EngineError> {
        let Self { job, ports, .. } = *self;
        let (run, parts) = (recorder.run().clone(), manifest.parts.len() as u32);
        let mut outcomes = OutcomeCounts::default();
        let mut spoken_for = Vec::new();
        for (plan, sealed) in manifest.parts.iter().zip(&compared.sealed.parts) {
            let Some(doubt) = &sealed.doubt else { continue };
            if plan.is_of_deletes {
                self.nobody_else_is_importing(&compared.resolved).await?;
                let mut told = delete::delete(job, ports, recorder, &compared.resolved, plan, doubt).await?;
                let (digest, error) = (&compared.resolved.schema_digest, told.error.take());
                let settled = settle::settle(job, ports, recorder, &run, plan.part, digest, told).await?;
                spoken_for.extend(settled.spoken_for);
                self.note_numbers_left(recorder, &compared.resolved, &spoken_for).await?;
                outcomes.merge(&settled.outcomes);
                // What was refused for certain is told once it is settled; what got lost is told as what was read.
                match error {
                    Some(error) if !matches!(error, CloudError::Unavailable { .. } | CloudError::Unreadable { .. }) => {
                        return Err(error.into());
                    }
                    _ => continue,
                }
            }
            transfer::transfer(ports, recorder, job.activation.name.as_str(), plan, parts).await?;
            self.nobody_else_is_importing(&compared.resolved).await?;
            import::start(job, ports, recorder, plan.part, doubt, sealed.keys.as_ref()).await?;
            import::watch(job, ports, recorder, &run, plan.part, parts).await?;
            let settled = settle::settle(job, ports, recorder, &run, plan.part, &compared.resolved.schema_digest, Told::default()).await?;
            spoken_for.extend(settled.spoken_for);
            outcomes.merge(&settled.outcomes);
        }
        settle::end_older_doubts(job, ports, recorder, &run, &spoken_for).await?;
        Ok(outcomes)
    }
}

/// A comparison that has come to its end.
struct Compared {
    resolved: Resolved,
    known: crate::known::Known,
    sealed: SealedPass,
    /// The list of rows that are not sent, yet to be named; `None` where the newest one says the same.
    withheld: Option<HistoryFile>,
    /// What is to be made and changed at the data extension itself.
    table: TableChanges,
    /// Which columns files have.
    columns: Arc<ColumnSets>,
    plan: PlanId,
    /// What a person has approved of it.
    approved: Option<Approved>,
}

impl Compared {
    /// Reads the model to its end. For a mere plan, whose `plans_files` these are, no part is written. A person may approve what an earlier
    /// plan held, or what this one would hold.
    async fn of(
        job: &Job,
        ports: &Ports,
        mut resolved: Resolved,
        run: &RunId,
        state: &ActivationState,
        plans_files: Option<&Arc<PrivateFiles>>,
        approve: Option<&PlanId>,
    ) -> Result<Self, EngineError> {
        let (write, version) = (plans_files.is_none(), state.baseline.version);
        let segments = Segments::new(ports, job.activation.name.as_str(), &resolved.scheme);
        // Before the model is read: whoever approves what is not held, or no longer, is told at once where that can be told.
        let approval = approve.map(|it| Approval::of(job, it, state, &resolved, &segments, ports.clock.now_ms())).transpose()?.flatten();
        let options = ScanOptions { partitions_max: ports.compute.width(), ..ScanOptions::default() };
        let scan = ports.source.scan(&job.query, options).await?;
        let known = resolved.known.take().ok_or(EngineError::Stopped)?;
        // Under another mapping, or without its values, this base is the last of its kind.
        let may_note = write && resolved.is_comparable;
        let guidance = Guidance::along(resolved.base.as_ref(), ports, job.trail_entries_min, may_note);
        let narrow = compare::narrow_fields(&resolved.mapping, job.activation.insert, resolved.rebase.as_ref());
        let columns = Arc::new(ColumnSets::new(&resolved.mapping, narrow, &job.activation.on_exit));
        let sizes = known.sizes.clone();
        let (spool, bytes_max) = (Arc::clone(&ports.spool), job.activation.part_bytes_max);
        let key_store = KeyStore::new(ports, job.activation.name.as_str(), &resolved.scheme, &resolved.mapping);
        let exits = Exits::of(job, ports, &resolved, known.membership.is_some(), state, &key_store).await?;
        resolved.warnings.extend(exits.as_ref().and_then(Exits::warning));
        let key_store = exits.as_ref().map(|_| &key_store);
        let pass = Arc::new(Pass {
            exits,
            activation: job.activation.name.to_string(),
            mapping: resolved.mapping.clone(),
            scheme: resolved.scheme.clone(),
            known,
            guidance,
            rebase: resolved.rebase.take(),
            columns: Arc::clone(&columns),
            buckets: Buckets::new(Arc::clone(&ports.spool), run.clone()),
            parts: PartsWriter::new(spool, run.clone(), Arc::clone(&columns), bytes_max, sizes, write),
            history: Arc::clone(&ports.history),
            progress: Arc::clone(&ports.progress),
            rows_read: AtomicU64::new(0),
            rows_sent: AtomicU64::new(0),
            plans_files: plans_files.cloned(),
        });
        let tasks = scan.partitions.into_iter().map(|it| compare::partition(Arc::clone(&pass), scan.schema.clone(), it)).collect();
        let tally = Tally::sum(ports.compute.all(tasks).await?);
        ports.progress.show(job.activation.name.as_str(), Progress::Sealing);
        let written = pass.parts.finish()?;
        pass.columns.check(job.activation.name.as_str(), |number| written.iter().any(|it| it.columns == number))?;
        let source = SourceCounts {
            rows: tally.rows,
            null_keys: tally.invalid_unrecorded,
            rows_before: approval.as_ref().and_then(|it| it.source_rows).or(state.source_rows),
        };
        let (guards, confirmed) = (job.activation.guards, pass.known.baseline.len());
        let guarding = Guarding { guards, source, confirmed, approval: approval.as_ref(), all_is_approved: false };
        let (tally, written, segments) = (&tally, &written, &segments);
        let mut seal = Seal { pass: &pass, tally, written, segments, key_store, version, write, guarding, again: false };
        let mut approved = approval.as_ref().map(|it| Approved { plan: it.plan.clone(), rows: 0, source_rows: it.source_rows });
        if let Some(plan) = approve.filter(|_| approval.is_none()) {
            // Nothing of it is in the ledger: then it must be what `outflow plan` told, and that is just what would be held now.
            (seal.write, seal.again) = (false, true);
            let planned = seal.run()?;
            let id = plan_id(job, &resolved, &planned, &TableChanges::of(&job.activation, &resolved, &planned), version);
            let held = planned.held.filter(|_| id == *plan).ok_or_else(|| guard::unknown(job, plan, state))?;
            approved = Some(Approved { plan: id, rows: held.rows(), source_rows: guard::approved_size(&held.tripped, tally.rows) });
            (seal.write, seal.again, seal.guarding.all_is_approved) = (write, false, true);
        }
        let mut sealed = seal.run()?;
        if let Some(approved) = &mut approved {
            approved.rows += sealed.released;
        }
        let lists = ports.ledger.history(&job.activation.name).await?;
        let withheld = history::store_withheld(ports, run, &lists, sealed.withheld.take())?;
        let Pass { known, guidance, .. } = Arc::into_inner(pass).ok_or(EngineError::Stopped)?;
        guidance.finish();
        let table = TableChanges::of(&job.activation, &resolved, &sealed);
        let plan = plan_id(job, &resolved, &sealed, &table, version);
        // As the service will have it, so that what is remembered of types is true.
        resolved.mapping = resolved.mapping.once_changed(table.created(), &table.wider());
        Ok(Self { resolved, known, sealed, withheld, table, columns, plan, approved })
    }

    fn manifest(&self, job: &Job, run: &RunId) -> Manifest {
        let fields: Vec<_> = self.resolved.mapping.fields().map(|it| it.field.clone()).collect();
        let names = |at: &[usize]| at.iter().map(|&it| fields[it].clone()).collect();
        let part = |it: &SealedPart| PartPlan {
            part: it.written.part,
            rows: u64::from(it.written.rows),
            bytes: it.written.bytes,
            order: ImportOrder {
                activation: job.activation.name.clone(),
                route: self.resolved.route,
                data_extension: job.activation.data_extension.clone(),
                // What has left is never made anew.
                insert: if self.have_left(&it.written) { InsertMode::UpdateOnly } else { job.activation.insert },
                file_location: job.file_location.clone(),
                file: file_name(job, run, it.written.part),
                fields: names(&self.columns.get(it.written.columns).fields),
            },
            is_of_exits: self.are_flagged(job, &it.written),
            is_of_deletes: self.are_deleted(job, &it.written),
            kept: names(&self.columns.get(it.written.columns).kept),
        };
        Manifest {
            plan: self.plan.clone(),
            route: self.resolved.route,
            create: self.table.create.clone(),
            columns: self.table.columns.clone(),
            wider: self.table.wider(),
            parts: self.sealed.parts.iter().map(part).collect(),
            source_rows: self.sealed.source_rows,
            leaving_rows: self.sealed.leaving_rows,
            newly_left: self.sealed.newly_left,
            decided: self.sealed.decided.clone(),
        }
    }

    /// Whether the rows of a part have left the model.
    fn have_left(&self, part: &WrittenPart) -> bool {
        self.columns.exits() == Some(part.columns)
    }

    /// Whether the rows of a part have left and are flagged.
    fn are_flagged(&self, job: &Job, part: &WrittenPart) -> bool {
        self.have_left(part) && !job.activation.on_exit.is_delete()
    }

    /// Whether the rows of a part have left and are deleted.
    fn are_deleted(&self, job: &Job, part: &WrittenPart) -> bool {
        self.have_left(part) && job.activation.on_exit.is_delete()
    }

    /// Rows of the data extension of which nothing here tells whether they ever were of the model, where those that have left are flagged; at
    /// least so many.
    fn of_nobody(&self, job: &Job) -> u64 {
        if job.activation.on_exit.flag().is_none() {
            return 0;
        }
        let Self { sealed, known, resolved, .. } = self;
        // What is sent and not known to be absent may be there, and what is not sent, too.
        let may_be_there = |it: &Outcome| matches!(it, Outcome::Withheld { why } if *why != Withheld::NotInDestination);
        let withheld = sealed.decided.count(|it| may_be_there(&it));
        let sent = sealed.to_send.get(&Write::InsertOrUpdate).copied().unwrap_or(0);
        let unknown = resolved.rows_there.map_or(0, |rows| rows.saturating_sub(known.baseline.len() + sent + withheld));
        unknown + sealed.decided.get(Outcome::LeftKept)
    }

    fn report(&self, job: &Job, options: &RunOptions, open_parts: usize, manifest: Option<&Manifest>) -> PlanReport {
        let fields: Vec<_> = self.resolved.mapping.fields().collect();
        let is_skip = |problem: CellProblem| problem == CellProblem::NullSkipsRow;
        let invalid = self.sealed.problems.iter().filter(|(_, it, _)| !is_skip(*it)).map(|(field, problem, examples)| InvalidReport {
            field: fields[usize::from(*field)].field.to_string(),
            problem: *problem,
            examples: examples.clone(),
        });
        let skipped =
            self.sealed.problems.iter().filter(|(_, it, _)| is_skip(*it)).map(|(field, _, examples)| SkippedReport {
                field: fields[usize::from(*field)].field.to_string(),
                examples: examples.clone(),
            });
        let warned = self.sealed.warnings.iter().map(|(field, warning, examples)| WarnedReport {
            field: fields[usize::from(*field)].field.to_string(),
            warning: *warning,
            examples: examples.clone(),
        });
        let file = |part: u32| manifest?.parts.iter().find(|it| it.part == part && !it.is_of_deletes).map(|it| it.file().to_string());
        let parts = self.sealed.parts.iter().map(|it| it.written);
        PlanReport {
            activation: job.activation.name.clone(),
            data_extension: job.activation.data_extension.clone(),
            plan: self.plan.clone(),
            route: self.resolved.route,
            is_first: self.known.baseline.is_empty(),
            is_retired: self.resolved.retired,
            key_moved: self.resolved.key_moved.clone(),
            create: self.table.create.clone(),
            columns: self.table.columns.clone(),
            wider: self.table.widenings.clone(),
            types_changed: self.resolved.types_changed.clone(),
            rows_of_older_types: self.resolved.rows_of_older_types,
            source_rows: self.sealed.source_rows,
            to_send: self.sealed.to_send.clone(),
            decided: self.sealed.decided.clone(),
            newly_left: self.sealed.newly_left,
            of_nobody: self.of_nobody(job),
            parts: parts
                .map(|it| PartReport {
                    file: file(it.part),
                    rows: u64::from(it.rows),
                    bytes: it.bytes,
                    in_doubt: it.in_doubt,
                    is_narrow: self.columns.get(it.columns).is_narrow,
                    is_of_exits: self.are_flagged(job, &it),
                    is_of_deletes: self.are_deleted(job, &it),
                    kept: self.columns.get(it.columns).kept.iter().map(|&at| fields[at].field.to_string()).collect(),
                })
                .collect(),
            invalid: invalid.collect(),
            skipped: skipped.collect(),
            warned: warned.collect(),
            alike_keys: self.sealed.alike_keys.clone(),
            held: self.sealed.held.as_ref().map(|it| HeldReport::of(it, options)),
            approved: self.approved.clone(),
            open_parts,
            warnings: self.resolved.warnings.clone(),
            blocked: None,
            old_state: None,
        }
    }
}

/// Digest of all that a plan rests on, and of the changes in any order.
fn plan_id(job: &Job, resolved: &Resolved, sealed: &SealedPass, table: &TableChanges, version: u64) -> PlanId {
    let counts = format!("{:?} {:?} {} {}", sealed.to_send, sealed.decided, sealed.source_rows, sealed.leaving_rows);
    // What is held is of the plan, with all that an approval of it rests on.
    let held = sealed.held.as_ref().map(|it| format!("{:?} {} {:?}", it.tripped, it.sum, guard::terms(job, resolved)));
    let pieces = [
        &version.to_le_bytes()[..],
        resolved.mapping.digest_text().as_bytes(),
        resolved.schema_digest.as_bytes(),
        format!("{:?} {table:?}", resolved.route).as_bytes(),
        counts.as_bytes(),
        &sealed.changes_sum.to_le_bytes(),
    ]
    .map(<[u8]>::to_vec);
    let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).chain(held.as_deref().map(str::as_bytes)).collect();
    PlanId(format!("{:016x}", digest::of(&pieces) as u64))
}

/// A literal name that is never used twice: letters, digits, `_`, `-` and one dot.
fn file_name(job: &Job, run: &RunId, part: u32) -> FileName {
    let run = run.0.replace(|it: char| !it.is_ascii_alphanumeric() && it != '-', "_");
    let text = format!("{}_{run}_{part:04}.csv", job.activation.name);
    // A name of an activation has at most 60 characters out of letters, digits, `_` and `-`, so that this is always a file name.
    text.parse().unwrap_or_else(|_| unreachable!("`{text}` is a file name"))
}

fn result_of(outcomes: &OutcomeCounts) -> RunResult {
    // A row that was to be flagged and is not, for want of its key, waits for a person as a held one does.
    let is_pending = |it: Outcome| it.is_held() || matches!(it, Outcome::LeftKeyUnknown | Outcome::Sent { fate: Sent::Unconfirmed, .. });
    let is_refused = |it: Outcome| {
        let withheld = matches!(it, Outcome::Withheld { why: Withheld::Invalid | Withheld::Refused | Withheld::DuplicateKey });
        withheld || it == Outcome::LeftRefused || matches!(it, Outcome::Sent { fate: Sent::Refused, .. })
    };
    if outcomes.count(is_pending) > 0 {
        RunResult::RowsPending
    } else if outcomes.count(is_refused) > 0 {
        RunResult::RowsRefused
    } else {
        RunResult::Succeeded
    }
}

/// The refusals that stand, by reason. A refused row that is again what the destination holds, or has left the model, is still remembered,
/// as it may return just as it was refused; it is not told meanwhile.
async fn refusals(ports: &Ports, job: &Job, standing: &BTreeSet<KeyFingerprint>) -> Result<Vec<RefusedReport>, EngineError> {
    let mut by_reason = BTreeMap::<(String, Option<String>), u64>::new();
    for it in ports.ledger.refused(&job.activation.name).await?.into_iter().filter(|it| standing.contains(&it.key)) {
        *by_reason.entry((it.code, it.field.map(|it| it.to_string()))).or_default() += 1;
    }
    Ok(by_reason.into_iter().map(|((code, field), rows)| RefusedReport { code, field, rows }).collect())
}

/// Gives up on an import whose end is not known. Its rows stay in doubt; the road is open again.
///
/// # Errors
/// When no open import has that name, or the ledger cannot be written.
pub async fn abandon(job: &Job, ports: &Ports, import: &str) -> Result<bool, EngineError> {
    let state = ports.ledger.activation(&job.activation.name).await?;
    let may_be_given_up = |it: &&OpenPart| it.may_be_running() || it.may_delete_late(ports.clock.now_ms());
    let Some(open) = state.open_parts.iter().filter(may_be_given_up).find(|it| import::import_name(it) == import) else {
        return Ok(false);
    };
    // First of all, as nobody looks for it afterwards: an import that has not begun fails without its file. What the doubt needs is in its
    // segment, which holds no value.
    ports.files.remove(open.plan.file()).await?;
    let mut recorder = Recorder::open(ports, &job.activation.name, open.run.clone()).await?;
    recorder.record(RunEvent::Abandoned { part: open.plan.part }).await?;
    sweep(ports, &recorder).await?;
    ports.spool.remove_run(&open.run)?;
    Ok(true)
}
