//! The durable record of runs.

use std::fmt;

use async_trait::async_trait;
use outflow_domain::{ActivationState, HistoryFile, ImpossibleEvent, KeyFingerprint, Name, RefusedRow, RunId, RunRecord};

/// What one transaction adds.
#[derive(Clone, Debug)]
pub struct LedgerCommit {
    /// The event.
    pub record: RunRecord,
    /// Number of events the activation had when the writer last looked: another number means that someone else wrote, or that the
    /// ledger is an older copy.
    pub expected_events: u64,
    /// Refused rows to be remembered; one that is there already is replaced.
    pub refused: Vec<RefusedRow>,
    /// Keys whose refusals are forgotten.
    pub forgotten: Vec<KeyFingerprint>,
    /// Files of the history that are named from here on.
    pub history: Vec<HistoryFile>,
    /// Names of files of the history that are named no more.
    pub outdated: Vec<String>,
}

impl LedgerCommit {
    /// An event alone.
    #[must_use]
    pub const fn of(record: RunRecord, expected_events: u64) -> Self {
        Self { record, expected_events, refused: Vec::new(), forgotten: Vec::new(), history: Vec::new(), outdated: Vec::new() }
    }
}

/// A run in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSummary {
    /// The activation.
    pub activation: Name,
    /// The run.
    pub run: RunId,
    /// When it began, in milliseconds since 1970, UTC.
    pub started_ms: i64,
}

/// The durable record of runs, their events, and which baseline version counts.
#[async_trait]
pub trait Ledger: fmt::Debug + Send + Sync {
    /// Appends an event and what comes with it, all or nothing; durable when it returns.
    ///
    /// The event is checked by [`ActivationState::apply`] within the same transaction.
    async fn append(&self, commit: &LedgerCommit) -> Result<ActivationState, LedgerError>;

    /// What the activation's events add up to; the default state when there are none.
    async fn activation(&self, name: &Name) -> Result<ActivationState, LedgerError>;

    /// Every activation that has events, with its state.
    async fn activations(&self) -> Result<Vec<(Name, ActivationState)>, LedgerError>;

    /// The remembered refusals of an activation, by key.
    async fn refused(&self, name: &Name) -> Result<Vec<RefusedRow>, LedgerError>;

    /// The files of the history that are named of an activation, in the order in which they were.
    async fn history(&self, name: &Name) -> Result<Vec<HistoryFile>, LedgerError>;

    /// The runs, newest first, of one activation or of all.
    async fn runs(&self, activation: Option<&Name>, runs_max: usize) -> Result<Vec<RunSummary>, LedgerError>;

    /// The events of a run, oldest first; empty when there is no such run.
    async fn events(&self, run: &RunId) -> Result<Vec<RunRecord>, LedgerError>;
}

/// Why the ledger did not take or give something.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Somebody else wrote in between.
    #[error(
        "the ledger holds {found} events of activation `{activation}` where {expected} were expected: another run writes it, or the state folder was restored from a copy; run again"
    )]
    Moved {
        /// The activation.
        activation: Name,
        /// The number expected.
        expected: u64,
        /// The number found.
        found: u64,
    },
    /// The event cannot follow.
    #[error(transparent)]
    Impossible(#[from] ImpossibleEvent),
    /// The store cannot be opened, read or written.
    #[error("the ledger at `{place}` cannot be used: {message}")]
    Unusable {
        /// Where it is.
        place: String,
        /// What the store said.
        message: String,
    },
}
