//! How long a run stays in each phase, from its own progress.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use outflow_ports::{Progress, ProgressSink};

/// Adds up the time between two changes of phase.
#[derive(Debug, Default)]
pub struct Phases(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    now: Option<(&'static str, Instant)>,
    seconds: Vec<(&'static str, f64)>,
}

const fn name(progress: &Progress) -> &'static str {
    match progress {
        Progress::Resuming { .. } => "resume",
        Progress::Resolving => "resolve",
        Progress::ReadingKeys { .. } => "read keys",
        Progress::Comparing { .. } => "compare",
        Progress::Sealing => "seal",
        Progress::CreatingTable => "create the data extension",
        Progress::AddingColumns { .. } => "add columns",
        Progress::WideningColumns { .. } => "widen columns",
        Progress::Transferring { .. } => "transfer",
        Progress::Importing { .. } => "import",
        Progress::Deleting { .. } => "delete",
        Progress::ReadingBack { .. } => "read back",
        Progress::Settling { .. } => "settle",
        Progress::Done => "end",
    }
}

impl ProgressSink for Phases {
    fn show(&self, _: &str, progress: Progress) {
        let name = name(&progress);
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match held.now {
            Some((before, _)) if before == name => {}
            Some((before, since)) => {
                held.add(before, since.elapsed().as_secs_f64());
                held.now = Some((name, Instant::now()));
            }
            None => held.now = Some((name, Instant::now())),
        }
    }
}

impl Held {
    fn add(&mut self, phase: &'static str, seconds: f64) {
        match self.seconds.iter_mut().find(|(it, _)| *it == phase) {
            Some((_, sum)) => *sum += seconds,
            None => self.seconds.push((phase, seconds)),
        }
    }
}

impl Phases {
    /// Seconds by phase, in the order in which they began.
    pub fn seconds(&self) -> serde_json::Value {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.seconds.iter().map(|(name, seconds)| ((*name).to_owned(), serde_json::json!(seconds))).collect()
    }
}
