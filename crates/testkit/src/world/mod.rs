//! A whole world from one seed: the real engine, the sandbox's model as cloud, and everything that may go wrong.
//!
//! A world is a script of [`Event`]s drawn from its seed. Some change the model, some the data extension, some set a fault, some run the
//! activation, perhaps until the machine crashes. Whenever a run calls itself done, and at the end when nothing goes wrong any more, what
//! the data extension holds is held against the model.

mod check;
mod script;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use outflow_domain::{
    Activation, FieldWish, ImportRoute, InsertMode, RunResult, Secret,
    activation::{IMPORT_DEADLINE_S, PART_BYTES_MAX},
};
use outflow_engine::{Compute, EngineError, Job, Ports, RunOptions, RunReport};
use outflow_marketing_cloud::{SalesforceCloud, Settings};
use outflow_ports::{Ledger, Query, progress::NoProgress};
use outflow_sandbox::model::{BlankCells, Config, DataExtensionSpec, FieldSpec, FieldType, Model, OtherWrite, Switches};
use rand::{SeedableRng, rngs::SmallRng};

pub use check::Broken;
pub use script::{Event, Script};

use crate::simulated::{
    Cell, Fuse, ModelRow, SimulatedClock, SimulatedDisk, SimulatedEntropy, SimulatedFiles, SimulatedLedger, SimulatedSource,
    SimulatedTransport,
};

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
    rows: Vec<ModelRow>,
    /// Keys that somebody else has written, as the service folds them: what they hold is not ours to vouch for.
    touched: BTreeSet<String>,
    chance: SmallRng,
    /// Tells what happened, for a person.
    story: String,
}

impl World {
    /// The world of a seed.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        Self::of_script(Script::of_seed(seed))
    }

    /// The world of a script, which may be a shrunk one.
    #[must_use]
    pub fn of_script(script: Script) -> Self {
        let fuse = Fuse::default();
        let clock = SimulatedClock::new(BEGINNING_MS, fuse.clone());
        let config = Config { seed: script.seed, switches: script.switches.clone(), ..Config::default() };
        let mut model = Model::new(config);
        model.create_data_extension(&members(), BEGINNING_MS).expect("a data extension as the service takes it");
        Self {
            model: Arc::new(Mutex::new(model)),
            disk: SimulatedDisk::new(fuse.clone()),
            ledger: SimulatedLedger::new(fuse.clone()),
            source: SimulatedSource::default(),
            rows: Vec::new(),
            touched: BTreeSet::new(),
            chance: SmallRng::seed_from_u64(script.seed ^ 0x5eed),
            story: String::new(),
            script,
            clock,
            fuse,
        }
    }

    /// Lives the script through.
    ///
    /// # Errors
    /// The first rule that was broken, with the story so far.
    pub fn live(mut self) -> Result<(), Broken> {
        for event in self.script.events.clone() {
            self.tell(&format!("{event:?}"));
            self.happen(&event)?;
        }
        self.come_to_rest()
    }

    fn tell(&mut self, line: &str) {
        let _ = writeln!(self.story, "{:>9} ms  {line}", self.clock.read() - BEGINNING_MS);
    }

    fn broken(&self, rule: &str, detail: impl Into<String>) -> Broken {
        Broken {
            seed: self.script.seed,
            rule: rule.to_owned(),
            detail: detail.into(),
            script: self.script.clone(),
            story: self.story.clone(),
        }
    }

    fn model(&self) -> std::sync::MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn happen(&mut self, event: &Event) -> Result<(), Broken> {
        match event {
            Event::Model(rows) => {
                self.rows.clone_from(rows);
                self.source.set(rows.clone());
            }
            Event::Other(write) => {
                self.note_touched(write);
                let now = self.clock.read();
                // Another writer may be told to change what is not there.
                let _ = self.model().other_write(write, now);
            }
            Event::Fault(fault) => {
                if let outflow_sandbox::model::Effect::Before { write } | outflow_sandbox::model::Effect::After { write } = &fault.effect {
                    self.note_touched(write);
                }
                self.model().add_fault((**fault).clone());
            }
            Event::Heal => self.model().clear_faults(),
            Event::Break(batches) => self.source.break_after(*batches),
            Event::Wait(seconds) => self.clock.pass(i64::from(*seconds) * 1000),
            Event::Run { options, crash_after } => {
                let ran = self.run(options, *crash_after);
                self.judge(ran)?;
            }
        }
        Ok(())
    }

    fn note_touched(&mut self, write: &OtherWrite) {
        match write {
            OtherWrite::UpsertRow { values, .. } => self.touched.extend(values.get("Key").cloned().flatten().map(|it| check::folded(&it))),
            OtherWrite::DeleteRow { keys, .. } => self.touched.extend(keys.get("Key").map(|it| check::folded(it))),
            // Rows that vanish without a trace: whoever had them is not vouched for until the next full run.
            _ => self.touched.extend(script::KEYS.iter().map(|it| check::folded(it))),
        }
    }

    /// Runs the activation; `None` when the machine has crashed on the way.
    fn run(&mut self, options: &RunOptions, crash_after: Option<u32>) -> Option<Result<RunReport, EngineError>> {
        match crash_after {
            Some(effects) => self.fuse.light(i64::from(effects)),
            None => self.fuse.put_out(),
        }
        let (job, ports) = (self.job(), self.ports());
        let outcome = poll_once(outflow_engine::run(&job, &ports, options));
        let has_crashed = self.fuse.has_blown();
        self.fuse.put_out();
        if has_crashed {
            self.disk.restart(&mut self.chance);
            self.tell("the machine has crashed and is started again");
            return None;
        }
        outcome
    }

    fn judge(&mut self, ran: Option<Result<RunReport, EngineError>>) -> Result<(), Broken> {
        let report = match ran {
            None => return Ok(()),
            Some(Err(error)) => {
                self.tell(&format!("the run ended: [{}] {error}", error.code()));
                return match error.code() {
                    "BUG-001" | "LED-002" | "BASE-001" | "BASE-003" => {
                        Err(self.broken("a run never loses count, order or baseline", error.to_string()))
                    }
                    _ => Ok(()),
                };
            }
            Some(Ok(report)) => report,
        };
        let outcomes: Vec<String> = report.outcomes.iter().map(|(it, rows)| format!("{}·{} {rows}", it.intent(), it.fate())).collect();
        self.tell(&format!("the run ended: {:?}, {}", report.result, outcomes.join(", ")));
        match report.result {
            RunResult::Succeeded | RunResult::RowsRefused => self.check_rows(),
            _ => Ok(()),
        }
    }

    /// Nothing goes wrong any more: within some runs everything must be as it should.
    fn come_to_rest(&mut self) -> Result<(), Broken> {
        self.tell("from here on nothing goes wrong");
        self.source.break_after(None);
        let held: Vec<u64> = self.model().imports().iter().filter(|it| it.is_held()).map(|it| it.id).collect();
        for id in held {
            let now = self.clock.read();
            self.model().release_import(id, now);
        }
        self.model().clear_faults();
        let mut last = String::new();
        for _ in 0..6 {
            // Late imports have all the time they need.
            self.clock.pass(48 * 3_600_000);
            let now = self.clock.read();
            self.model().advance(now);
            match self.run(&RunOptions::default(), None) {
                Some(Ok(report)) => {
                    let done = matches!(report.result, RunResult::Succeeded | RunResult::RowsRefused);
                    last = format!("{:?}", report.result);
                    self.judge(Some(Ok(report)))?;
                    if done {
                        return self.end();
                    }
                }
                Some(Err(EngineError::Blocked { import, .. })) => {
                    last = format!("blocked by {import}");
                    self.tell(&format!("a person gives up on {import}"));
                    let (job, ports) = (self.job(), self.ports());
                    if let Some(Err(error)) = poll_once(outflow_engine::abandon(&job, &ports, &import)) {
                        return Err(self.broken("an open import can be given up", error.to_string()));
                    }
                    // Given up with no more knowledge than before: what it may yet do is not vouched for.
                    self.touched.extend(script::KEYS.iter().map(|it| check::folded(it)));
                }
                Some(Err(error)) => {
                    last = error.to_string();
                    self.judge(Some(Err(error)))?;
                }
                None => {}
            }
        }
        if self.script.may_never_rest() {
            return Ok(());
        }
        Err(self.broken("a run ends well once nothing goes wrong", last))
    }

    /// Everything again, whatever the baseline says: even what others have touched is as the model has it then.
    fn end(&mut self) -> Result<(), Broken> {
        self.touched.clear();
        let ran = self.run(&RunOptions { full: true, retry_refused: false }, None);
        self.judge(ran)?;
        let left = self.disk.private_files();
        if !left.is_empty() {
            return Err(self.broken("no customer value rests once a run is settled", left.join(", ")));
        }
        self.check_marker()
    }

    fn job(&self) -> Job {
        let wish = |field: &str, column: &str| FieldWish { field: field.parse().expect("a field name"), column: column.to_owned() };
        let fields = [("Name", "name"), ("Age", "age"), ("Amount", "amount"), ("Active", "active"), ("Born", "born"), ("Seen", "seen")];
        let mapped = fields.iter().enumerate().filter(|(at, _)| self.script.mapped >> at & 1 == 1);
        Job {
            activation: Activation {
                name: "members".parse().expect("a name"),
                data_extension: MEMBERS.parse().expect("a key"),
                insert: if self.script.update_only { InsertMode::UpdateOnly } else { InsertMode::InsertAndUpdate },
                primary_key: vec![wish("Key", "id")],
                fields: mapped.map(|(_, (field, column))| wish(field, column)).collect(),
                custom_attributes: if self.script.custom { vec!["note".into()] } else { Vec::new() },
                time_zone: None,
                import: if self.script.soap { ImportRoute::Soap } else { ImportRoute::Auto },
                part_bytes_max: self.script.part_bytes_max.unwrap_or(PART_BYTES_MAX),
                import_deadline_s: IMPORT_DEADLINE_S,
            },
            query: Query { sql: "SELECT * FROM members".into() },
            file_location: outflow_sandbox::model::ENHANCED_FTP.into(),
            project_secret: Arc::from(&b"a secret of the simulated world"[..]),
            server_offset_s: self.script.switches.server_offset_hours as i32 * 3600,
        }
    }

    fn ports(&self) -> Ports {
        let settings = Settings::for_auth_url("world", "http://127.0.0.1/", "sandbox-client", Secret::new("sandbox-secret"));
        let settings = settings.expect("a loopback address");
        let transport = Arc::new(SimulatedTransport::new(Arc::clone(&self.model), self.clock.clone(), self.fuse.clone()));
        let clock = Arc::new(self.clock.clone());
        let entropy = Arc::new(SimulatedEntropy::new(self.script.seed ^ self.clock.read() as u64));
        Ports {
            source: Arc::new(self.source.clone()),
            cloud: Arc::new(SalesforceCloud::new(settings, transport, Arc::clone(&clock) as _, Arc::clone(&entropy) as _)),
            files: Arc::new(SimulatedFiles::new(Arc::clone(&self.model), self.clock.clone(), self.fuse.clone())),
            ledger: Arc::new(self.ledger.clone()) as Arc<dyn Ledger>,
            baselines: Arc::new(self.disk.baselines()),
            spool: Arc::new(self.disk.spool()),
            clock,
            entropy,
            progress: Arc::new(NoProgress),
            compute: Compute::Inline,
        }
    }
}

/// Nothing in a simulated world ever waits but a machine that has crashed.
fn poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}

fn members() -> DataExtensionSpec {
    let field = |name: &str, field_type, max_length: Option<u32>, scale: Option<u32>| FieldSpec {
        name: Some(name.into()),
        field_type: Some(field_type),
        max_length,
        scale,
        required: Some(name == "Key"),
        primary_key: Some(name == "Key"),
        ..FieldSpec::default()
    };
    DataExtensionSpec {
        key: Some(MEMBERS.into()),
        name: Some(MEMBERS.into()),
        fields: vec![
            field("Key", FieldType::Text, Some(20), None),
            field("Name", FieldType::Text, Some(12), None),
            field("Age", FieldType::Number, None, None),
            field("Amount", FieldType::Decimal, Some(8), Some(2)),
            field("Active", FieldType::Boolean, None, None),
            field("Born", FieldType::Date, None, None),
            field("Seen", FieldType::Date, None, None),
            field("Foreign", FieldType::Text, Some(20), None),
        ],
        ..DataExtensionSpec::default()
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
