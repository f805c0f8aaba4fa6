//! Which rows of a run did not arrive, and why. Their keys are found again in the model: nothing but fingerprints was kept of them.

use std::collections::{BTreeMap, HashMap};

use outflow_domain::{
    CellProblem, HistoryFile, HistoryKind, KeyFingerprint, Mapping, Name, Outcome, Purpose, RunEvent, RunId, RunRecord, RunResult, Sent,
    Withheld, refusal,
};
use outflow_rows::Scheme;

use crate::{
    error::EngineError,
    history::{Fate, Heading, List, Reason, Why},
    job::{Job, Ports},
    model_rows::each_row,
};

/// Spellings of one key that are told, where several rows of the model have it.
const SPELLINGS_MAX: usize = 10;

/// The rows of a run that were not sent or not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejects {
    /// The activation.
    pub activation: Name,
    /// The run.
    pub run: RunId,
    /// When it began, in milliseconds since 1970, UTC.
    pub started_ms: i64,
    /// What it was for: upkeep sends no row.
    pub purpose: Purpose,
    /// Whether it has compared the model to its end, so that something is known of its rows.
    pub has_compared: bool,
    /// How it ended, if it has.
    pub ended: Option<RunResult>,
    /// The fields of the primary key.
    pub key_fields: Vec<String>,
    /// The rows, by reason.
    pub rows: Vec<Reject>,
    /// Invalid rows without a usable key, which nobody can name.
    pub without_key: u64,
    /// Whether the run counted rows of which nothing is kept any more, or what was kept cannot be read.
    pub is_forgotten: bool,
}

/// A key whose row, or rows, were not sent or not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Why.
    pub reason: RejectReason,
    /// Each spelling of the key in the model now, in the order of the key's fields; none where the model does not have it any more.
    pub keys: Vec<Vec<String>>,
}

/// Why a row did not arrive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RejectReason {
    /// The service refused it.
    Refused {
        /// The service's code, or `unexplained`.
        code: String,
        /// The field, where the service named one.
        field: Option<String>,
        /// Whether that was in an earlier run, so that it was not sent in this one.
        before: bool,
    },
    /// A value cannot be taken by its field.
    Invalid {
        /// The field.
        field: String,
        /// What is wrong.
        problem: CellProblem,
    },
    /// Several rows of the model have its key, and differ.
    DuplicateKey,
    /// A value is null or blank whose field says that such rows are not sent.
    Skipped {
        /// The field.
        field: String,
    },
}

impl RejectReason {
    /// A stable word for the kind of reason.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Refused { before: false, .. } => "refused",
            Self::Refused { before: true, .. } => "refused_before",
            Self::Invalid { .. } => "invalid",
            Self::DuplicateKey => "duplicate_key",
            Self::Skipped { .. } => "skipped",
        }
    }

    /// The service's code, or ours.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Refused { code, .. } => code,
            Self::Invalid { problem, .. } => problem.code(),
            Self::DuplicateKey => "duplicate_key",
            Self::Skipped { .. } => CellProblem::NullSkipsRow.code(),
        }
    }

    /// The field it is about, where there is one.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Refused { field, .. } => field.as_deref(),
            Self::Invalid { field, .. } | Self::Skipped { field } => Some(field),
            Self::DuplicateKey => None,
        }
    }

    /// The reason in a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Refused { before: false, .. } => "Marketing Cloud refused the row".into(),
            Self::Refused { before: true, .. } => "Marketing Cloud refused the row before, and it has not changed since".into(),
            Self::Invalid { problem, .. } => problem.sentence().into(),
            Self::DuplicateKey => "several rows of the model have this key, as Marketing Cloud compares keys, and differ".into(),
            Self::Skipped { .. } => CellProblem::NullSkipsRow.sentence().into(),
        }
    }

    /// What a person can do.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Refused { code, .. } => refusal::remedy(code),
            Self::Invalid { problem, .. } => problem.remedy(),
            Self::Skipped { .. } => CellProblem::NullSkipsRow.remedy(),
            Self::DuplicateKey => "make the key unique in the model: none of its rows is sent while they differ",
        }
    }
}

/// Lists the rows of a run that were not sent or not taken; `None` when there is no such run of the activation.
///
/// # Errors
/// When ledger or source do not answer.
pub async fn rejects(job: &Job, ports: &Ports, run: &RunId) -> Result<Option<Rejects>, EngineError> {
    let events = ports.ledger.events(run).await?;
    let Some(first) = events.iter().find(|it| it.activation == job.activation.name) else { return Ok(None) };
    let files = ports.ledger.history(&job.activation.name).await?;
    let mut found = Found { ports, by_key: BTreeMap::new(), mapping: None, without_key: 0, is_forgotten: false };
    found.settled(&files, run, &events);
    found.withheld(&files, run, &events);
    found.name_earlier_refusals(&files, ports.ledger.refused(&job.activation.name).await?);
    let mut rejects = Rejects {
        activation: job.activation.name.clone(),
        run: run.clone(),
        started_ms: first.at_ms,
        purpose: Purpose::told_by(&events),
        has_compared: has_compared(&events),
        ended: RunResult::told_by(&events),
        key_fields: job.activation.primary_key.iter().map(|it| it.field.to_string()).collect(),
        rows: Vec::new(),
        without_key: found.without_key,
        is_forgotten: found.is_forgotten,
    };
    let Some(mapping) = found.mapping.or_else(|| planned(&events)) else { return Ok(Some(rejects)) };
    rejects.key_fields = mapping.keys().iter().map(|it| it.field.to_string()).collect();
    let mut spellings: HashMap<KeyFingerprint, Vec<Vec<String>>> = found.by_key.keys().map(|it| (*it, Vec::new())).collect();
    if !spellings.is_empty() {
        let scheme = Scheme::derive(&job.project_secret, job.activation.name.as_str());
        each_row(job, ports, &mapping, &scheme, |row| {
            if let Some(known) = spellings.get_mut(&row.key).filter(|it| it.len() < SPELLINGS_MAX) {
                let texts = row.texts();
                if !known.contains(&texts) {
                    known.push(texts);
                }
            }
        })
        .await?;
    }
    let rows = found.by_key.into_iter().map(|(key, reason)| Reject { reason, keys: spellings.remove(&key).unwrap_or_default() });
    rejects.rows = rows.collect();
    rejects
        .rows
        .sort_by(|one, other| (&one.reason, one.keys.is_empty(), &one.keys).cmp(&(&other.reason, other.keys.is_empty(), &other.keys)));
    Ok(Some(rejects))
}

/// Rows of a run's parts that the service refused, as its events count them.
fn refused_in(events: &[RunRecord]) -> u64 {
    let is_refused = |it: Outcome| matches!(it, Outcome::Sent { fate: Sent::Refused, .. });
    events.iter().map(|it| if let RunEvent::PartSettled { outcomes, .. } = &it.event { outcomes.count(is_refused) } else { 0 }).sum()
}

/// Rows that a run says it has not sent.
fn withheld_in(events: &[RunRecord]) -> u64 {
    let is_withheld = |it: Outcome| {
        use Withheld::{DuplicateKey, Invalid, Refused, Skipped};
        matches!(it, Outcome::Withheld { why: Invalid | DuplicateKey | Refused | Skipped })
    };
    let of_event = |it: &RunRecord| match &it.event {
        RunEvent::Ended { outcomes, .. } => outcomes.count(is_withheld),
        RunEvent::Planned { manifest, .. } => manifest.decided.count(is_withheld),
        _ => 0,
    };
    events.iter().map(of_event).max().unwrap_or(0)
}

fn planned(events: &[RunRecord]) -> Option<Box<Mapping>> {
    events.iter().find_map(|it| if let RunEvent::Planned { mapping, .. } = &it.event { Some(mapping.clone()) } else { None })
}

struct Found<'p> {
    ports: &'p Ports,
    by_key: BTreeMap<KeyFingerprint, RejectReason>,
    /// The mapping that the keys are of, where a list tells it.
    mapping: Option<Box<Mapping>>,
    without_key: u64,
    is_forgotten: bool,
}

impl Found<'_> {
    fn open(&mut self, file: &HistoryFile) -> Option<List> {
        let list = self.ports.history.open(&file.file.name).ok().and_then(|it| List::open(it, &file.file));
        self.is_forgotten |= list.is_none();
        list
    }

    /// Rows of the run's parts that the service refused.
    fn settled(&mut self, files: &[HistoryFile], run: &RunId, events: &[RunRecord]) {
        for file in files.iter().filter(|it| it.run == *run && it.kind == HistoryKind::Settled) {
            let Some(list) = self.open(file) else { continue };
            for (key, (code, field)) in refused_of(&list) {
                self.by_key.insert(key, RejectReason::Refused { code, field: field.map(|it| it.to_string()), before: false });
            }
        }
        self.is_forgotten |= refused_in(events) > self.by_key.len() as u64;
    }

    /// Rows that the run has not sent: its own list, or the one before, which holds until there is another.
    fn withheld(&mut self, files: &[HistoryFile], run: &RunId, events: &[RunRecord]) {
        let until_ms = events.iter().filter(|it| is_of_comparison(&it.event)).map(|it| it.at_ms).max();
        let own = files.iter().rfind(|it| it.kind == HistoryKind::Withheld && it.run == *run);
        let before = || files.iter().rfind(|it| it.kind == HistoryKind::Withheld && until_ms.is_some_and(|until_ms| it.at_ms <= until_ms));
        let Some(file) = own.or_else(before) else {
            self.is_forgotten |= withheld_in(events) > 0;
            return;
        };
        let Some(list) = self.open(file) else { return };
        let Heading::Withheld { mapping, without_key } = &list.heading else { return };
        let fields: Vec<String> = mapping.fields().map(|it| it.field.to_string()).collect();
        for (key, word) in list.entries() {
            let reason = match Why::of_word(word) {
                Some(Why::Invalid { field, problem: CellProblem::NullSkipsRow }) => {
                    RejectReason::Skipped { field: fields.get(usize::from(field)).cloned().unwrap_or_default() }
                }
                Some(Why::Invalid { field, problem }) => {
                    RejectReason::Invalid { field: fields.get(usize::from(field)).cloned().unwrap_or_default(), problem }
                }
                Some(Why::DuplicateKey) => RejectReason::DuplicateKey,
                Some(Why::Refused) => RejectReason::Refused { code: String::new(), field: None, before: true },
                // What is held is not wrong.
                Some(Why::Held) | None => continue,
            };
            self.by_key.entry(key).or_insert(reason);
        }
        self.without_key = *without_key;
        self.mapping = Some(mapping.clone());
    }

    /// The codes of rows that were refused in earlier runs: as remembered, or as the history tells.
    fn name_earlier_refusals(&mut self, files: &[HistoryFile], remembered: Vec<outflow_domain::RefusedRow>) {
        let is_nameless = |it: &RejectReason| matches!(it, RejectReason::Refused { code, .. } if code.is_empty());
        if !self.by_key.values().any(is_nameless) {
            return;
        }
        let mut reasons: HashMap<KeyFingerprint, Reason> = HashMap::new();
        for file in files.iter().filter(|it| it.kind == HistoryKind::Settled) {
            if let Some(list) = self.open(file) {
                reasons.extend(refused_of(&list).filter(|(key, _)| self.by_key.get(key).is_some_and(is_nameless)));
            }
        }
        reasons.extend(remembered.into_iter().map(|it| (it.key, (it.code, it.field))));
        for (key, reason) in self.by_key.iter_mut().filter(|(_, it)| is_nameless(it)) {
            let (code, field) = reasons.get(key).cloned().unwrap_or_else(|| (refusal::UNEXPLAINED.into(), None));
            *reason = RejectReason::Refused { code, field: field.map(|it| it.to_string()), before: true };
        }
    }
}

/// Whether a run has compared the model to its end, as its events tell.
#[must_use]
pub fn has_compared(events: &[RunRecord]) -> bool {
    Purpose::told_by(events).is_run() && events.iter().any(|it| is_of_comparison(&it.event))
}

/// Whether an event tells that a run has compared the model to its end.
const fn is_of_comparison(event: &RunEvent) -> bool {
    match event {
        RunEvent::Planned { .. } => true,
        RunEvent::Ended { result, .. } => !matches!(result, RunResult::Failed { .. } | RunResult::Blocked { .. }),
        _ => false,
    }
}

/// The refused rows of a list, with the service's reason.
fn refused_of(list: &List) -> impl Iterator<Item = (KeyFingerprint, Reason)> + '_ {
    let reasons = match &list.heading {
        Heading::Settled { reasons, .. } => reasons.as_slice(),
        Heading::Withheld { .. } => &[],
    };
    list.entries().filter_map(move |(key, word)| {
        let Fate { sent: Sent::Refused, reason } = Fate::of_word(word)? else { return None };
        let told = reason.and_then(|it| reasons.get(usize::from(it)).cloned());
        Some((key, told.unwrap_or_else(|| (refusal::UNEXPLAINED.into(), None))))
    })
}
