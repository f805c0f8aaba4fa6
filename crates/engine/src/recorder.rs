//! Writes events of one run to the ledger, and knows what they add up to.

use std::collections::BTreeSet;

use outflow_domain::{ActivationState, HistoryFile, KeyFingerprint, Name, RefusedRow, RunEvent, RunId, RunRecord};
use outflow_ports::{LedgerCommit, LedgerError};

use crate::job::Ports;

/// The run's pen: every event goes through it, so that the state in hand is always the ledger's.
#[derive(Debug)]
pub(crate) struct Recorder<'p> {
    ports: &'p Ports,
    activation: Name,
    run: RunId,
    state: ActivationState,
    refused: BTreeSet<KeyFingerprint>,
}

/// What the ledger takes together with an event.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// Refused rows to be remembered.
    pub refused: Vec<RefusedRow>,
    /// Keys whose refusals are forgotten.
    pub forgotten: Vec<KeyFingerprint>,
    /// Files of the history to be named.
    pub history: Vec<HistoryFile>,
    /// Files of the history that are named no more.
    pub outdated: Vec<String>,
}

impl<'p> Recorder<'p> {
    pub async fn open(ports: &'p Ports, activation: &Name, run: RunId) -> Result<Self, LedgerError> {
        let state = ports.ledger.activation(activation).await?;
        Ok(Self { ports, activation: activation.clone(), run, state, refused: BTreeSet::new() })
    }

    pub const fn state(&self) -> &ActivationState {
        &self.state
    }

    pub const fn activation(&self) -> &Name {
        &self.activation
    }

    pub const fn run(&self) -> &RunId {
        &self.run
    }

    /// The keys whose refusals were written down since this was last asked.
    pub fn take_refused(&mut self) -> BTreeSet<KeyFingerprint> {
        std::mem::take(&mut self.refused)
    }

    pub async fn record(&mut self, event: RunEvent) -> Result<(), LedgerError> {
        let run = self.run.clone();
        self.record_of(run, event, Vec::new(), Vec::new()).await
    }

    /// Records an event, and names a file of the history with it.
    pub async fn record_with(&mut self, event: RunEvent, history: Option<HistoryFile>) -> Result<(), LedgerError> {
        let run = self.run.clone();
        self.commit(run, event, Beside { history: history.into_iter().collect(), ..Beside::default() }).await
    }

    /// Records an event of another run of the activation, as settling its parts is; with what is remembered of refusals.
    pub async fn record_of(
        &mut self,
        run: RunId,
        event: RunEvent,
        refused: Vec<RefusedRow>,
        forgotten: Vec<KeyFingerprint>,
    ) -> Result<(), LedgerError> {
        self.commit(run, event, Beside { refused, forgotten, ..Beside::default() }).await
    }

    /// Records an event with what comes beside it.
    pub async fn commit(&mut self, run: RunId, event: RunEvent, beside: Beside) -> Result<(), LedgerError> {
        tracing::debug!(activation = %self.activation, run = %run, event = event.name(), "recording");
        let record = RunRecord { activation: self.activation.clone(), run, at_ms: self.ports.clock.now_ms(), event };
        let Beside { refused, forgotten, history, outdated } = beside;
        let commit = LedgerCommit { record, expected_events: self.state.events, refused, forgotten, history, outdated };
        self.state = self.ports.ledger.append(&commit).await?;
        self.refused.extend(commit.refused.iter().map(|it| it.key));
        Ok(())
    }
}
