//! A whole world from one seed: the real engine, the sandbox's model as cloud, and everything that may go wrong.
//!
//! A world is a script of [`Event`]s drawn from its seed. Some change the model, some the data extension, some set a fault, some run the
//! activation, perhaps until the machine crashes. Whenever a run calls itself done, and at the end when nothing goes wrong any more, what
//! the data extension holds is held against the model.

mod check;
mod deletions;
mod endings;
mod exits;
mod fields;
mod guards;
mod job;
mod keys;
mod mapping_endings;
mod names;
mod neighbours;
mod old_state;
mod others;
mod past;
mod rule;
mod script;
mod shrink;
mod unread;
mod verifying;
mod watch;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use outflow_domain::{Guards, Mapping, Name, Outcome, OutcomeCounts, PartPlan, RunResult, Secret, Sent};
use outflow_engine::{Compute, EngineError, Job, Ports, RunOptions, RunReport};
use outflow_marketing_cloud::{HttpTransport, SalesforceCloud, Settings};
use outflow_ports::{Ledger, progress::NoProgress};
use outflow_sandbox::model::{BlankCells, Config, Model, Switches};
use rand::{SeedableRng, rngs::SmallRng};

pub use check::Broken;
pub use fields::Fields;
pub use guards::NO_GUARDS;
pub(crate) use keys::BETWEEN;
pub use keys::Keys;
pub use names::Names;
pub use rule::Rule;
pub use script::{Event, Script};
pub use shrink::shrink;

use crate::{
    sabotage::{Sabotage, Saboteur},
    simulated::{
        Cell, Fuse, ModelRow, SimulatedClock, SimulatedDisk, SimulatedEntropy, SimulatedFiles, SimulatedLedger, SimulatedSource,
        SimulatedTransport,
    },
};
use check::Stored;
use others::Others;

/// The data extension of every world.
pub const MEMBERS: &str = "Members";

/// When every world begins: 2026-11-23 04:00 UTC.
const BEGINNING_MS: i64 = 1_795_406_400_000;

/// A world under way.
pub struct World {
    script: Script,
    model: Arc<Mutex<Model>>,
    clock: SimulatedClock,
    fuse: Fuse,
    disk: SimulatedDisk,
    ledger: SimulatedLedger,
    source: SimulatedSource,
    neighbours_source: SimulatedSource,
    neighbours_disk: SimulatedDisk,
    /// The keys of the neighbours' rows, once they have run.
    neighbours: Vec<String>,
    files: SimulatedFiles,
    saboteur: Option<Saboteur>,
    rows: Vec<ModelRow>,
    /// What is known of rows that are deleted.
    deletions: deletions::Deletions,
    /// What is mapped now.
    fields: Fields,
    /// All that was ever mapped.
    mapped: Vec<Fields>,
    others: Others,
    /// Every row the model ever had, by key as the service compares it.
    ever: BTreeMap<String, Vec<ModelRow>>,
    /// What the data extension held when it was last looked at.
    held: BTreeMap<String, Stored>,
    /// The mapping of the newest plan.
    mapping: Option<Mapping>,
    /// What each file was planned to be, by name.
    planned: BTreeMap<String, PartPlan>,
    /// When the first import of each file was intended.
    intended: BTreeMap<String, i64>,
    /// What each file was when it first arrived.
    contents: BTreeMap<String, Bytes>,
    /// Files whose imports a person gave up.
    abandoned: BTreeSet<String>,
    /// Whether a file of the baseline was harmed and nobody has put it right yet.
    is_torn: bool,
    /// Whether a person had the baseline made from what the data extension holds.
    is_rebuilt: bool,
    /// What is held back now.
    guards: Guards,
    /// What a person saw of each plan that held rows.
    seen: BTreeMap<String, guards::Seen>,
    /// By how many rows the source is measured, where the world knows.
    measure: Option<u64>,
    chance: SmallRng,
    crashes: u32,
    /// What each run of the script said of its rows.
    outcomes: Vec<Option<OutcomeCounts>>,
    /// Tells what happened, for a person.
    story: String,
}

/// A world that has come out right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lived {
    /// How often the machine has crashed.
    pub crashes: u32,
    /// What each run of the script said of its rows, if it came to its end.
    pub outcomes: Vec<Option<OutcomeCounts>>,
}

/// What there was before a run.
struct Before {
    events: usize,
    arrivals: usize,
    refused: Vec<outflow_domain::RefusedRow>,
    has_doubt: bool,
    /// Nothing of an earlier run may still write.
    is_settled: bool,
    sends_refused: bool,
    options: RunOptions,
    measure: Option<u64>,
    held: BTreeMap<String, Stored>,
    /// What the data extension holds, whoever has written it since the world looked last.
    stored: BTreeMap<String, Stored>,
}

impl World {
    /// The world of a seed.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        Self::of_script(Script::of_seed(seed))
    }

    /// The world of a script, which may be a shrunk one.
    ///
    /// # Panics
    /// Never: the sandbox takes the data extension of every world.
    #[must_use]
    pub fn of_script(script: Script) -> Self {
        let fuse = Fuse::default();
        let clock = SimulatedClock::new(BEGINNING_MS, fuse.clone());
        let config = Config { seed: script.seed, switches: script.switches.clone(), ..Config::default() };
        let mut model = Model::new(config);
        if !script.table_is_missing {
            model.create_data_extension(&job::members(&script), BEGINNING_MS).expect("a data extension as the service takes it");
        }
        let model = Arc::new(Mutex::new(model));
        Self {
            disk: SimulatedDisk::new(fuse.clone()),
            ledger: SimulatedLedger::new(fuse.clone()),
            source: SimulatedSource::default(),
            neighbours_source: SimulatedSource::default(),
            neighbours_disk: SimulatedDisk::new(fuse.clone()),
            neighbours: Vec::new(),
            deletions: deletions::Deletions::default(),
            files: SimulatedFiles::new(Arc::clone(&model), clock.clone(), fuse.clone()),
            saboteur: None,
            rows: Vec::new(),
            fields: script.fields,
            mapped: vec![script.fields],
            others: Others::default(),
            ever: BTreeMap::new(),
            held: BTreeMap::new(),
            mapping: None,
            planned: BTreeMap::new(),
            intended: BTreeMap::new(),
            contents: BTreeMap::new(),
            abandoned: BTreeSet::new(),
            is_torn: false,
            is_rebuilt: false,
            guards: script.guards,
            seen: BTreeMap::new(),
            measure: None,
            chance: SmallRng::seed_from_u64(script.seed ^ 0x5eed),
            crashes: 0,
            outcomes: Vec::new(),
            story: String::new(),
            script,
            model,
            clock,
            fuse,
        }
    }

    /// The same world with an engine that breaks a rule.
    #[must_use]
    pub fn sabotaged(mut self, sabotage: Sabotage) -> Self {
        self.saboteur = Some(Saboteur::new(sabotage));
        self
    }

    /// Lives the script through.
    ///
    /// # Errors
    /// The first rule that was broken, with the story so far.
    pub fn live(mut self) -> Result<Lived, Box<Broken>> {
        for event in self.script.events.clone() {
            self.tell(&format!("{event:?}"));
            self.happen(&event)?;
        }
        self.come_to_rest()?;
        Ok(Lived { crashes: self.crashes, outcomes: self.outcomes })
    }

    fn tell(&mut self, line: &str) {
        let _ = writeln!(self.story, "{:>9} ms  {line}", self.clock.read() - BEGINNING_MS);
    }

    fn broken(&self, rule: Rule, detail: impl Into<String>) -> Box<Broken> {
        Box::new(Broken { rule, detail: detail.into(), script: self.script.clone(), story: self.story.clone() })
    }

    fn model(&self) -> std::sync::MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn name() -> Name {
        "members".parse().expect("a name")
    }

    fn set_rows(&mut self, rows: &[ModelRow]) {
        self.rows = rows.to_vec();
        self.source.set(rows.to_vec());
        for row in rows {
            if let Some(key) = keys::of_row(row) {
                let versions = self.ever.entry(key).or_default();
                if !versions.contains(row) {
                    versions.push(row.clone());
                }
            }
        }
    }

    fn map(&mut self, fields: Fields) {
        self.fields = fields;
        if !self.mapped.contains(&fields) {
            self.mapped.push(fields);
        }
    }

    fn happen(&mut self, event: &Event) -> Result<(), Box<Broken>> {
        match event {
            Event::Model(rows) => self.set_rows(rows),
            Event::Map(fields) => self.map(*fields),
            Event::Other(write) => self.other(write),
            Event::Fault(fault) => {
                self.others.may_write(fault);
                self.model().add_fault((**fault).clone());
            }
            Event::Heal => {
                self.others.heal();
                self.model().clear_faults();
            }
            Event::GiveUp => {
                self.late_things_happen();
                let open_parts = [Self::name(), Self::neighbours_name()].map(|it| self.ledger.state_of(&it).open_parts);
                for open in open_parts.iter().flatten().filter(|it| it.may_be_running()) {
                    self.give_up(&outflow_engine::import_name(open))?;
                }
            }
            Event::Break(batches) => self.source.break_after(*batches),
            Event::Guard(guards) => self.guards = *guards,
            Event::Approve { earlier, crash_after } => self.approve(*earlier, *crash_after)?,
            Event::Neighbours { keys, crash_after } => self.neighbours_run(keys, *crash_after)?,
            Event::Wait(seconds) => self.clock.pass(i64::from(*seconds) * 1000),
            Event::Run { options, crash_after } => {
                let ran = self.run(options, *crash_after)?;
                self.outcomes.push(ran.and_then(Result::ok).map(|it| it.outcomes));
            }
        }
        Ok(())
    }

    /// Another writer acts now.
    fn other(&mut self, write: &outflow_sandbox::model::OtherWrite) {
        if self.model().data_extension(MEMBERS).is_none() {
            // Nobody can write into what is yet to be made.
            return;
        }
        self.others.wrote(write);
        self.another_writes(write);
        let now = self.clock.read();
        // Another writer may be told to change what is not there.
        let _ = self.model().other_write(write, now);
    }

    /// Runs the activation and holds what it did against the rules; `None` when the machine has crashed on the way.
    fn run(&mut self, options: &RunOptions, crash_after: Option<u32>) -> Result<Option<Result<RunReport, EngineError>>, Box<Broken>> {
        let state = self.ledger.state_of(&Self::name());
        let before = Before {
            events: self.ledger.len(),
            arrivals: self.files.arrivals(),
            refused: self.ledger.refused_of(&Self::name()),
            has_doubt: state.open_parts.iter().any(|it| it.doubt.is_some()),
            is_settled: state.open_parts.is_empty() && self.abandoned.is_empty(),
            sends_refused: options.full || options.retry_refused,
            options: options.clone(),
            measure: self.measure,
            held: self.held.clone(),
            stored: self.stored(),
        };
        let (mut job, ports) = (self.job(), self.ports());
        let mut options = options.clone();
        if let Some(saboteur) = &self.saboteur {
            saboteur.guard(&mut job, &mut options);
            saboteur.clear(&mut job);
            saboteur.delete(&mut job);
        }
        let ran = self.run_job(&job, &ports, &options, crash_after);
        self.watch(&before, ran.as_ref())?;
        Ok(ran)
    }

    /// Runs an activation; `None` when the machine has crashed on the way.
    fn run_job(
        &mut self,
        job: &Job,
        ports: &Ports,
        options: &RunOptions,
        crash_after: Option<u32>,
    ) -> Option<Result<RunReport, EngineError>> {
        match crash_after {
            Some(effects) => self.fuse.light(i64::from(effects)),
            None => self.fuse.put_out(),
        }
        let outcome = poll_once(outflow_engine::run(job, ports, options));
        let has_crashed = self.fuse.has_blown();
        self.fuse.put_out();
        if has_crashed {
            self.crashes += 1;
            self.disk.restart(&mut self.chance);
            self.neighbours_disk.restart(&mut self.chance);
            if let Some(saboteur) = &self.saboteur {
                saboteur.crashed(&self.ledger);
            }
            self.tell("the machine has crashed and is started again");
        }
        let ran = outcome.filter(|_| !has_crashed);
        match &ran {
            None => {}
            Some(Err(error)) => self.tell(&format!("the run ended: [{}] {error}", error.code())),
            Some(Ok(report)) => {
                let outcomes: Vec<String> =
                    report.outcomes.iter().map(|(it, rows)| format!("{}·{} {rows}", it.intent(), it.fate())).collect();
                self.tell(&format!("the run ended: {:?}, {}", report.result, outcomes.join(", ")));
            }
        }
        ran
    }

    /// Nothing goes wrong any more: within some runs everything must be as it should.
    fn come_to_rest(&mut self) -> Result<(), Box<Broken>> {
        self.tell("from here on nothing goes wrong");
        self.source.break_after(None);
        self.late_things_happen();
        if self.script.keys_are_unreadable() {
            return self.cannot_begin();
        }
        let mut last = String::new();
        for _ in 0..6 {
            // Late imports have all the time they need.
            self.clock.pass(48 * 3_600_000);
            let now = self.clock.read();
            self.model().advance(now);
            let mut ran = self.run(&RunOptions::default(), None)?;
            if matches!(&ran, Some(Ok(report)) if report.outcomes.count(Outcome::is_held) > 0) {
                ran = self.approve_newest()?;
            }
            match ran {
                Some(Ok(report)) if is_done(&report) => {
                    self.neighbours_rest()?;
                    self.lift_guards();
                    if self.ledger.state_of(&Self::name()).open_parts.is_empty() {
                        return if self.script.switches.row_reading_refused { self.end_unread() } else { self.end() };
                    }
                    if self.script.switches.row_reading_refused {
                        // What was given up can never be vouched for.
                        return Ok(());
                    }
                    // What was given up stays in doubt and is sent again and again, until somebody has everything read back.
                    self.rebuild()?;
                }
                Some(Ok(report)) => last = format!("{:?}", report.result),
                Some(Err(EngineError::Blocked { import, .. })) => {
                    last = format!("blocked by {import}");
                    self.give_up(&import)?;
                    // Given up with no more knowledge than before: what it may yet do is not vouched for.
                    self.others.touch_all();
                }
                Some(Err(error)) => last = error.to_string(),
                None => {}
            }
        }
        if self.script.may_never_rest() {
            return Ok(());
        }
        Err(self.broken(Rule::ComesToRest, last))
    }

    /// A person has the data extension read back.
    fn rebuild(&mut self) -> Result<(), Box<Broken>> {
        (self.is_rebuilt, self.is_torn) = (true, false);
        self.read_back(&self.job(), &self.ports())
    }

    fn read_back(&mut self, job: &Job, ports: &Ports) -> Result<(), Box<Broken>> {
        self.tell("a person rebuilds the baseline from the destination");
        match poll_once(outflow_engine::rebuild(job, ports)) {
            Some(Err(error)) => Err(self.broken(Rule::ComesToRest, format!("a baseline cannot be rebuilt: {error}"))),
            _ => Ok(()),
        }
    }

    /// Whatever was held back or slow happens now, and nothing new goes wrong by itself.
    fn late_things_happen(&mut self) {
        let held: Vec<u64> = self.model().imports().iter().filter(|it| it.is_held()).map(|it| it.id).collect();
        for id in held {
            let now = self.clock.read();
            self.model().release_import(id, now);
        }
        self.others.heal();
        self.model().clear_faults();
        self.clock.pass(48 * 3_600_000);
        let now = self.clock.read();
        self.model().advance(now);
    }

    /// A person gives up on an import.
    fn give_up(&mut self, import: &str) -> Result<(), Box<Broken>> {
        self.tell(&format!("a person gives up on {import}"));
        let (name, job) = self.job_with(import);
        let state = self.ledger.state_of(&name);
        self.abandoned.extend(state.open_parts.iter().filter(|it| it.may_be_running()).map(|it| it.plan.file().to_string()));
        let ports = if name == Self::name() { self.ports() } else { self.neighbours_ports() };
        if let Some(Err(error)) = poll_once(outflow_engine::abandon(&job, &ports, import)) {
            return Err(self.broken(Rule::ComesToRest, format!("an open import cannot be given up: {error}")));
        }
        Ok(())
    }

    fn ports(&self) -> Ports {
        let settings = Settings::for_auth_url("world", "http://127.0.0.1/", "sandbox-client", Secret::new("sandbox-secret"));
        let settings = settings.expect("a loopback address");
        let transport = SimulatedTransport::new(Arc::clone(&self.model), self.clock.clone(), self.fuse.clone());
        let transport = transport.telling(self.deletions.calls.clone());
        let mut transport: Arc<dyn HttpTransport> = Arc::new(transport);
        if let Some(saboteur) = &self.saboteur {
            transport = saboteur.transport(transport);
        }
        let clock = Arc::new(self.clock.clone());
        let entropy = Arc::new(SimulatedEntropy::new(self.script.seed ^ self.clock.read() as u64));
        let honest = Ports {
            source: Arc::new(self.source.clone()),
            cloud: Arc::new(SalesforceCloud::new(settings, transport, Arc::clone(&clock) as _, Arc::clone(&entropy) as _)),
            files: Arc::new(self.files.clone()),
            ledger: Arc::new(self.ledger.clone()) as Arc<dyn Ledger>,
            baselines: Arc::new(self.disk.baselines()),
            all_baselines: Arc::new(deletions::AllDisks { neighbours: self.neighbours_disk.clone(), ours: self.disk.clone() }),
            history: Arc::new(self.disk.history()),
            spool: Arc::new(self.disk.spool()),
            clock,
            entropy,
            progress: Arc::new(NoProgress),
            compute: Compute::Inline,
        };
        match &self.saboteur {
            Some(saboteur) => saboteur.ports(honest),
            None => honest,
        }
    }
}

/// Whether a run says that everything which can be sent is confirmed.
fn is_done(report: &RunReport) -> bool {
    // What is not flagged for want of its key waits for a rebuild; that it may be so is judged by itself.
    let only_wants_keys = || {
        let is_pending = |it: Outcome| it.is_held() || matches!(it, Outcome::Sent { fate: Sent::Unconfirmed, .. });
        report.result == RunResult::RowsPending && report.outcomes.count(is_pending) == 0
    };
    matches!(report.result, RunResult::Succeeded | RunResult::RowsRefused) || only_wants_keys()
}

/// Nothing in a simulated world ever waits but a machine that has crashed.
fn poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}

/// Whether blanks arrive as blanks in a world with these switches.
pub(crate) fn blanks_arrive(switches: &Switches) -> bool {
    matches!(switches.blank_cells, BlankCells::Null | BlankCells::EmptyText)
}

/// Values by field, as another writer gives them.
pub(crate) type Values = BTreeMap<String, Option<String>>;

/// A row of the model, cell by cell.
pub(crate) fn model_row(cells: [Cell; 8]) -> ModelRow {
    ModelRow(cells)
}
