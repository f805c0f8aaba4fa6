//! Writes events of one run to the ledger, and knows what they add up to.

use std::collections::BTreeSet;

use outflow_domain::{ActivationState, KeyFingerprint, Name, RefusedRow, RunEvent, RunId, RunRecord};
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

impl<'p> Recorder<'p> {
    pub async fn open(ports: &'p Ports, activation: &Name, run: RunId) -> Result<Self, LedgerError> {
        let state = ports.ledger.activation(activation).await?;
        Ok(Self { ports, activation: activation.clone(), run, state, refused: BTreeSet::new() })
    }

    pub const fn state(&self) -> &ActivationState {
        &self.state
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

    /// Records an event of another run of the activation, as settling its parts is; with what is remembered of refusals.
    pub async fn record_of(
        &mut self,
        run: RunId,
        event: RunEvent,
        refused: Vec<RefusedRow>,
        forgotten: Vec<KeyFingerprint>,
    ) -> Result<(), LedgerError> {
        tracing::debug!(activation = %self.activation, run = %run, event = event.name(), "recording");
        let record = RunRecord { activation: self.activation.clone(), run, at_ms: self.ports.clock.now_ms(), event };
        let commit = LedgerCommit { record, expected_events: self.state.events, refused, forgotten };
        self.state = self.ports.ledger.append(&commit).await?;
        self.refused.extend(commit.refused.iter().map(|it| it.key));
        Ok(())
    }
}
