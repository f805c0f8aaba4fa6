//! What the history tells of one key.

use outflow_domain::{
    CellProblem, Evidence, HistoryFile, HistoryKind, ImportStatus, KeyFingerprint, Mapping, RowFingerprint, RunEvent, RunId, RunRecord,
    Sent, Write, refusal,
};

use crate::{
    error::EngineError,
    history::{Fate, Heading, List, Why},
    job::{Job, Ports},
    part_files::{ROW_BYTES, rows_of},
};

/// What a run did with a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowInRun {
    /// The run.
    pub run: RunId,
    /// When, in milliseconds since 1970, UTC: the start of the import, or the end of the comparison.
    pub at_ms: i64,
    /// What it did.
    pub what: InRun,
}

/// What a run did with a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InRun {
    /// It was sent.
    Sent {
        /// The part.
        part: u32,
        /// Its place in the part's file, from 1, the header not counted.
        row: u64,
        /// The file.
        file: String,
        /// The import, where it has a number.
        import: Option<String>,
        /// What it was meant to do.
        write: Write,
        /// Whether it was sent with the values that the model has now; `None` where that cannot be said.
        is_as_model: Option<bool>,
        /// What became of it.
        fate: RowFate,
        /// When that was established, in milliseconds since 1970, UTC.
        settled_ms: Option<i64>,
    },
    /// A value could not be taken by its field, so that it was not sent.
    Invalid {
        /// The field.
        field: String,
        /// What was wrong.
        problem: CellProblem,
        /// The run, and when, that no longer found it so.
        until: Option<(RunId, i64)>,
    },
    /// Other rows of the model had the same key, and differed, so that none was sent.
    DuplicateKey {
        /// The run, and when, that no longer found it so.
        until: Option<(RunId, i64)>,
    },
    /// It was refused before and had not changed, so that it was not sent.
    RefusedBefore {
        /// The run, and when, that no longer found it so.
        until: Option<(RunId, i64)>,
    },
    /// It was held back, to be approved by a person.
    Held {
        /// The run, and when, that no longer found it so.
        until: Option<(RunId, i64)>,
    },
}

/// What became of a row that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowFate {
    /// The import was not started after all.
    NotStarted,
    /// The import is not known to have ended.
    UnderWay,
    /// The data extension held it.
    Confirmed {
        /// What told.
        by: Evidence,
    },
    /// The service refused it.
    Refused {
        /// The service's code, or `unexplained`.
        code: String,
        /// The field, where the service named one.
        field: Option<String>,
    },
    /// Update-only, and its key was not there.
    NotInDestination,
    /// Whether it was taken could not be found out then, or it was read back as something else.
    Unconfirmed {
        /// The service's code, where it called the whole import failed.
        import_failed: Option<String>,
    },
    /// A newer part, or a rebuild of the baseline, speaks for the key.
    Superseded,
    /// What was written down of it cannot be read.
    Unknown,
}

/// What the history tells of one key.
pub(super) struct Past {
    pub rows: Vec<RowInRun>,
    pub since_ms: Option<i64>,
    pub unreadable: Vec<RunId>,
}

/// Looks the key up in every list that is kept. `print_now` gives the row's fingerprint now, where those of a mapping can be compared with it.
pub(super) async fn past(
    job: &Job,
    ports: &Ports,
    key: KeyFingerprint,
    print_now: impl Fn(&Mapping) -> Option<RowFingerprint>,
) -> Result<Past, EngineError> {
    let files = ports.ledger.history(&job.activation.name).await?;
    let mut past = Past { rows: Vec::new(), since_ms: files.first().map(|it| it.at_ms), unreadable: Vec::new() };
    past.withheld(ports, &files, key);
    for file in files.iter().filter(|it| it.kind == HistoryKind::Sent) {
        let Some((row, mark, print)) = past.find_sent(ports, file, key) else { continue };
        let events = ports.ledger.events(&file.run).await?;
        let part = Part { ports, files: &files, file, events: &events };
        let (fate, settled_ms) = part.fate(key);
        let is_as_model = part.mapping().and_then(&print_now).map(|it| it == print);
        let (name, import) = part.names();
        let what = InRun::Sent { part: file.part, row, file: name, import, write: mark, is_as_model, fate, settled_ms };
        past.rows.push(RowInRun { run: file.run.clone(), at_ms: file.at_ms, what });
    }
    past.rows.sort_by_key(|it| std::cmp::Reverse(it.at_ms));
    Ok(past)
}

impl Past {
    fn open(&mut self, ports: &Ports, file: &HistoryFile) -> Option<List> {
        let list = ports.history.open(&file.file.name).ok().and_then(|it| List::open(it, &file.file));
        if list.is_none() {
            self.unreadable.push(file.run.clone());
        }
        list
    }

    /// Why the row was not sent: each reason once, from the first list that has it to the first that has it no more.
    fn withheld(&mut self, ports: &Ports, files: &[HistoryFile], key: KeyFingerprint) {
        let mut last: Option<(Why, usize)> = None;
        for file in files.iter().filter(|it| it.kind == HistoryKind::Withheld) {
            let Some(list) = self.open(ports, file) else { continue };
            let why = list.find(key).and_then(Why::of_word);
            if why == last.map(|(why, _)| why) {
                continue;
            }
            if let Some((_, at)) = last.take() {
                self.rows[at].what.end((file.run.clone(), file.at_ms));
            }
            let Some(why) = why else { continue };
            let what = match why {
                Why::Invalid { field, problem } => {
                    let mapping = if let Heading::Withheld { mapping, .. } = &list.heading { Some(mapping) } else { None };
                    let field = mapping.and_then(|it| it.fields().nth(usize::from(field)).map(|it| it.field.to_string()));
                    InRun::Invalid { field: field.unwrap_or_default(), problem, until: None }
                }
                Why::DuplicateKey => InRun::DuplicateKey { until: None },
                Why::Refused => InRun::RefusedBefore { until: None },
                Why::Held => InRun::Held { until: None },
            };
            last = Some((why, self.rows.len()));
            self.rows.push(RowInRun { run: file.run.clone(), at_ms: file.at_ms, what });
        }
    }

    /// The place of a key in the list of a part, what it was meant to do, and the values sent.
    fn find_sent(&mut self, ports: &Ports, file: &HistoryFile, key: KeyFingerprint) -> Option<(u64, Write, RowFingerprint)> {
        let bytes = ports.history.open(&file.file.name).ok().filter(|it| it.as_ref().len() as u64 == file.file.bytes);
        let Some(bytes) = bytes else {
            self.unreadable.push(file.run.clone());
            return None;
        };
        let wanted = key.0.to_le_bytes();
        let at = bytes.as_ref().chunks_exact(ROW_BYTES).position(|it| it.starts_with(&wanted))?;
        let row = rows_of(&bytes.as_ref()[at * ROW_BYTES..]).next()?.ok()?;
        Some((at as u64 + 1, row.mark.write, row.row))
    }
}

impl InRun {
    fn end(&mut self, at: (RunId, i64)) {
        match self {
            Self::Invalid { until, .. } | Self::DuplicateKey { until } | Self::RefusedBefore { until } | Self::Held { until } => {
                *until = Some(at);
            }
            Self::Sent { .. } => {}
        }
    }
}

/// A part of a past run, with all that was written down of it.
struct Part<'a> {
    ports: &'a Ports,
    files: &'a [HistoryFile],
    file: &'a HistoryFile,
    events: &'a [RunRecord],
}

impl Part<'_> {
    fn mapping(&self) -> Option<&Mapping> {
        self.events.iter().find_map(|it| if let RunEvent::Planned { mapping, .. } = &it.event { Some(mapping.as_ref()) } else { None })
    }

    /// The names of its file and of its import.
    fn names(&self) -> (String, Option<String>) {
        let mut names = (String::new(), None);
        for it in self.events {
            match &it.event {
                RunEvent::Planned { manifest, .. } => {
                    let plan = manifest.parts.iter().find(|it| it.part == self.file.part);
                    names.0 = plan.map(|it| it.file().to_string()).unwrap_or_default();
                }
                RunEvent::ImportStarted { part, import } if *part == self.file.part => names.1 = Some(import.to_string()),
                _ => {}
            }
        }
        names
    }

    /// What the events say of the row, one after the other, and when that was established.
    fn fate(&self, key: KeyFingerprint) -> (RowFate, Option<i64>) {
        let (mut fate, mut settled_ms, mut failed, mut is_deletion) = (RowFate::UnderWay, None, None, false);
        for it in self.events {
            match &it.event {
                RunEvent::ImportNotStarted { part, .. } if *part == self.file.part => fate = RowFate::NotStarted,
                RunEvent::DeletesStarting { part, .. } if *part == self.file.part => is_deletion = true,
                // What its calls have done was told by the first reading; the last one only ends the doubt about calls that got lost.
                RunEvent::PartSettled { part, .. } if *part == self.file.part && is_deletion && settled_ms.is_some() => {}
                RunEvent::ImportEnded { part, status: ImportStatus::Failed { code, .. } } if *part == self.file.part => {
                    failed = Some(code.clone())
                }
                RunEvent::PartSettled { part, evidence, outcomes, doubt, .. } if *part == self.file.part => {
                    settled_ms = Some(it.at_ms);
                    fate = match evidence {
                        Evidence::Counts => RowFate::Confirmed { by: *evidence },
                        // Everything was read back at once, and no part of its own.
                        Evidence::ReadBack if outcomes.iter().next().is_none() => RowFate::Superseded,
                        Evidence::Rows | Evidence::ReadBack => self.settled(key, *evidence, failed.as_ref()),
                        Evidence::None if doubt.is_some() => RowFate::Unconfirmed { import_failed: failed.clone() },
                        Evidence::None => RowFate::Superseded,
                    };
                }
                _ => {}
            }
        }
        (fate, settled_ms)
    }

    /// What the list of the part says, which has all that was not confirmed.
    fn settled(&self, key: KeyFingerprint, by: Evidence, failed: Option<&String>) -> RowFate {
        let is_it = |it: &&HistoryFile| it.kind == HistoryKind::Settled && it.run == self.file.run && it.part == self.file.part;
        let Some(named) = self.files.iter().rfind(is_it) else { return RowFate::Confirmed { by } };
        let list = self.ports.history.open(&named.file.name).ok().and_then(|it| List::open(it, &named.file));
        let Some(list) = list else { return RowFate::Unknown };
        let Heading::Settled { reasons, is_of_all } = &list.heading else { return RowFate::Unknown };
        match list.find(key).map(Fate::of_word) {
            None if *is_of_all => RowFate::Confirmed { by },
            None => RowFate::Superseded,
            Some(None) => RowFate::Unknown,
            Some(Some(Fate { sent: Sent::Confirmed, .. })) => RowFate::Confirmed { by },
            Some(Some(Fate { sent: Sent::NotInDestination, .. })) => RowFate::NotInDestination,
            Some(Some(Fate { sent: Sent::Unconfirmed, .. })) => RowFate::Unconfirmed { import_failed: failed.cloned() },
            Some(Some(Fate { sent: Sent::Refused, reason })) => {
                let told = reason.and_then(|it| reasons.get(usize::from(it)).cloned());
                let (code, field) = told.unwrap_or_else(|| (refusal::UNEXPLAINED.into(), None));
                RowFate::Refused { code, field: field.map(|it| it.to_string()) }
            }
        }
    }
}
