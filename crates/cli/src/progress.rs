//! Shows what a run is doing: one bar on a terminal, plain lines in a log.

use std::{
    io::IsTerminal,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use outflow_ports::{Progress, ProgressSink};

use crate::output;

/// Shows progress on standard error; nothing when results go to a program.
#[derive(Debug)]
pub struct Shown {
    bar: Option<ProgressBar>,
    last_line: Mutex<String>,
    is_quiet: bool,
}

impl Shown {
    /// For a terminal, a log, or nobody.
    pub fn new(is_quiet: bool) -> Self {
        let bar = (!is_quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new_spinner();
            let style = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}").unwrap_or_else(|_| ProgressStyle::default_spinner());
            bar.set_style(style);
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { bar, last_line: Mutex::default(), is_quiet }
    }
}

/// What it is in words, and whether it is worth a line of its own in a log.
fn words(progress: &Progress) -> (String, Option<&'static str>) {
    let number = output::number;
    match progress {
        Progress::Resuming { parts } => (
            format!("settling {} of earlier runs", output::count_of(*parts as u64, "open part", "open parts")),
            Some("settling what an earlier run has left"),
        ),
        Progress::Resolving => ("asking source and data extension".into(), None),
        Progress::ReadingKeys { rows } => {
            (format!("reading the data extension's rows: {}", number(*rows)), Some("reading the data extension's rows"))
        }
        Progress::Comparing { rows, candidates } => {
            (format!("comparing: {} rows read, {} differ", number(*rows), number(*candidates)), Some("comparing"))
        }
        Progress::Sealing => ("sorting the changes".into(), None),
        Progress::CreatingTable => ("creating the data extension".to_owned(), Some("creating the data extension")),
        Progress::WideningColumns { columns } => {
            (format!("making {} longer", output::count_of(*columns as u64, "column", "columns")), Some("making columns longer"))
        }
        Progress::AddingColumns { columns } => {
            (format!("creating {}", output::count_of(*columns as u64, "column", "columns")), Some("creating columns"))
        }
        Progress::Transferring { part, parts, bytes, of } => {
            (format!("sending part {part} of {parts}: {} of {}", output::bytes(*bytes), output::bytes(*of)), Some("sending"))
        }
        Progress::Importing { part, parts, state } => (format!("importing part {part} of {parts}: {state}"), Some("importing")),
        Progress::ReadingBack { part, rows, of } => {
            (format!("reading part {part} back: {} of {} rows", number(*rows), number(*of)), Some("reading back"))
        }
        Progress::Deleting { part, rows } => (format!("deleting {rows} row(s) of part {part}"), Some("deleting rows")),
        Progress::Settling { part } => (format!("settling part {part}"), None),
        Progress::Done => (String::new(), None),
    }
}

impl ProgressSink for Shown {
    fn show(&self, activation: &str, progress: Progress) {
        if self.is_quiet {
            return;
        }
        let (words, line) = words(&progress);
        match &self.bar {
            Some(bar) if progress == Progress::Done => bar.finish_and_clear(),
            Some(bar) => bar.set_message(format!("{activation}: {words}")),
            None => {
                let mut last = self.last_line.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(line) = line
                    && *last != line
                {
                    output::error_line(&format!("{activation}: {line}"));
                    *last = line.to_owned();
                }
            }
        }
    }
}
