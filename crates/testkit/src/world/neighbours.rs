//! Another activation of the same project that fills another column of the same data extension. It takes its turns with ours, and may leave an
//! import open; what it writes is, to ours, somebody else's.

use std::sync::Arc;

use outflow_domain::{InsertMode, Name, OnExit, TableWish};
use outflow_engine::{EngineError, Job, Ports, RunOptions, RunReport};
use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::{
    Broken, NO_GUARDS, Rule, World, is_done, job, keys, model_row,
    others::FOREIGN,
    script::{Event, Script},
};
use crate::simulated::{Cell, ModelRow};

/// Runs within which it must be done once nothing goes wrong any more.
const RUNS_MAX: usize = 4;

impl World {
    pub(super) fn neighbours_name() -> Name {
        "neighbours".parse().expect("a name")
    }

    fn neighbours_job(&self) -> Job {
        let mut job = self.job();
        job.activation.name = Self::neighbours_name();
        job.activation.table = TableWish::default();
        job.activation.insert = InsertMode::InsertAndUpdate;
        job.activation.fields = vec![job::wish("Foreign", "note")];
        job.activation.custom_attributes = Vec::new();
        job.activation.guards = NO_GUARDS;
        job.activation.on_exit = OnExit::Keep;
        job
    }

    pub(super) fn neighbours_ports(&self) -> Ports {
        Ports {
            source: Arc::new(self.neighbours_source.clone()),
            baselines: Arc::new(self.neighbours_disk.baselines()),
            history: Arc::new(self.neighbours_disk.history()),
            spool: Arc::new(self.neighbours_disk.spool()),
            ..self.ports()
        }
    }

    /// The neighbours run with rows of these keys, perhaps until the machine crashes.
    pub(super) fn neighbours_run(&mut self, keys: &[String], crash_after: Option<u32>) -> Result<(), Box<Broken>> {
        // A bad variant is to be found out by what it does to our own activation.
        let is_unasked = self.saboteur.as_ref().is_some_and(|it| !it.is_about_neighbours());
        if is_unasked || self.model().data_extension(super::MEMBERS).is_none() {
            return Ok(());
        }
        self.neighbours = keys.to_vec();
        self.neighbours_source.set(keys.iter().map(|it| row(it)).collect());
        self.run_as_neighbours(&RunOptions::default(), crash_after).map(|_| ())
    }

    fn run_as_neighbours(
        &mut self,
        options: &RunOptions,
        crash_after: Option<u32>,
    ) -> Result<Option<Result<RunReport, EngineError>>, Box<Broken>> {
        let events = self.ledger.len();
        // Whatever it has begun may be written at any moment from here on.
        self.others.may_fill(self.neighbours.iter().map(|it| keys::folded(it)));
        let (job, ports) = (self.neighbours_job(), self.neighbours_ports());
        let ran = self.run_job(&job, &ports, options, crash_after);
        self.note_events(events);
        self.check_imports()?;
        let has_ended = matches!(&ran, Some(Ok(report)) if is_done(report));
        if !has_ended {
            // What it has begun may come whenever it likes.
            self.others.uncertain.extend(self.neighbours.iter().map(|it| keys::folded(it)));
        }
        self.note_neighbours(has_ended, holds_theirs);
        self.others.filled_now(self.stored().into_iter().filter(|(_, it)| holds_theirs(it)).map(|(key, _)| key));
        Ok(ran)
    }

    /// Nothing goes wrong any more: the neighbours come to their end too, whoever was in whose way.
    pub(super) fn neighbours_rest(&mut self) -> Result<(), Box<Broken>> {
        if self.neighbours.is_empty() {
            return Ok(());
        }
        let mut last = String::new();
        for _ in 0..RUNS_MAX {
            match self.run_as_neighbours(&RunOptions { full: true, ..RunOptions::default() }, None)? {
                Some(Ok(report)) if is_done(&report) && self.ledger.state_of(&Self::neighbours_name()).open_parts.is_empty() => {
                    return self.neighbours_are_there();
                }
                Some(Ok(report)) => {
                    last = format!("{:?}", report.result);
                    // What was given up stays in doubt until everything has been read back.
                    self.read_back(&self.neighbours_job(), &self.neighbours_ports())?;
                }
                Some(Err(EngineError::Blocked { import, .. })) => {
                    last = format!("blocked by {import}");
                    self.give_up(&import)?;
                }
                Some(Err(error)) => last = error.to_string(),
                None => {}
            }
        }
        Err(self.broken(Rule::ComesToRest, format!("the neighbours: {last}")))
    }

    fn neighbours_are_there(&self) -> Result<(), Box<Broken>> {
        let stored = self.stored();
        let is_missing = |key: &&String| !stored.get(&keys::folded(key)).is_some_and(holds_theirs);
        // Of two rows with one key neither is sent.
        let is_alone = |key: &&String| self.neighbours.iter().filter(|it| keys::folded(it) == keys::folded(key)).count() == 1;
        match self.neighbours.iter().filter(is_alone).find(is_missing) {
            Some(key) => Err(self.broken(Rule::Arrives, format!("`{key}` of the neighbours is not there"))),
            None => Ok(()),
        }
    }

    /// The activation that has an import open by this name, as a job: ours, unless it is the neighbours'.
    pub(super) fn job_with(&self, import: &str) -> (Name, Job) {
        let theirs = self.ledger.state_of(&Self::neighbours_name()).open_parts;
        if theirs.iter().any(|it| outflow_engine::import_name(it) == import) {
            (Self::neighbours_name(), self.neighbours_job())
        } else {
            (Self::name(), self.job())
        }
    }
}

fn holds_theirs(row: &super::check::Stored) -> bool {
    row.get("Foreign").and_then(Option::as_deref) == Some(FOREIGN)
}

fn row(key: &str) -> ModelRow {
    let text = |it: &str| Cell::Text(it.to_owned());
    let [name, age, amount, active, born, seen] = std::array::from_fn(|_| Cell::Null);
    model_row([text(key), name, age, amount, active, born, seen, text(FOREIGN)])
}

impl Script {
    /// Neighbours around the runs of our activation. Drawn apart, so that all else of the story stays as it was.
    pub(super) fn with_neighbours(&mut self) {
        // Where rows may not be read, what is given up can never be vouched for.
        if self.seed % 10 != 9 || self.switches.row_reading_refused {
            return;
        }
        let mut chance = SmallRng::seed_from_u64(self.seed.rotate_left(16));
        for at in (0..self.events.len()).rev() {
            if !matches!(self.events[at], Event::Run { .. }) {
                continue;
            }
            for place in [at + 1, at] {
                if chance.random_bool(0.4) {
                    let keys = (0..chance.random_range(1..4)).map(|_| self.keys.all()[chance.random_range(0..12)].to_owned()).collect();
                    let crash_after = chance.random_bool(0.35).then(|| chance.random_range(1..120));
                    self.events.insert(place, Event::Neighbours { keys, crash_after });
                }
            }
        }
    }
}
