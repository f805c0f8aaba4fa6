//! A ledger in memory; also the measure for every other ledger.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use outflow_domain::{ActivationState, KeyFingerprint, Name, RefusedRow, RunEvent, RunId, RunRecord};
use outflow_ports::{Ledger, LedgerCommit, LedgerError, RunSummary};

use super::Fuse;

/// A ledger that survives crashes, each commit whole or not at all.
#[derive(Clone, Debug, Default)]
pub struct SimulatedLedger {
    held: Arc<Mutex<Held>>,
    fuse: Fuse,
}

#[derive(Debug, Default)]
struct Held {
    records: Vec<RunRecord>,
    states: BTreeMap<Name, ActivationState>,
    refused: BTreeMap<(Name, KeyFingerprint), RefusedRow>,
}

impl SimulatedLedger {
    /// An empty ledger.
    #[must_use]
    pub fn new(fuse: Fuse) -> Self {
        Self { held: Arc::default(), fuse }
    }

    /// Every event so far.
    #[must_use]
    pub fn records(&self) -> Vec<RunRecord> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).records.clone()
    }
}

#[async_trait]
impl Ledger for SimulatedLedger {
    async fn append(&self, commit: &LedgerCommit) -> Result<ActivationState, LedgerError> {
        // The machine may crash before the commit, and after it with nobody told.
        self.fuse.burn().await;
        let appended = {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            let activation = commit.record.activation.clone();
            let mut state = held.states.get(&activation).cloned().unwrap_or_default();
            if state.events != commit.expected_events {
                return Err(LedgerError::Moved { activation, expected: commit.expected_events, found: state.events });
            }
            state.apply(&commit.record)?;
            held.states.insert(activation.clone(), state.clone());
            held.records.push(commit.record.clone());
            for key in &commit.forgotten {
                held.refused.remove(&(activation.clone(), *key));
            }
            for refused in &commit.refused {
                held.refused.insert((activation.clone(), refused.key), refused.clone());
            }
            state
        };
        self.fuse.burn().await;
        Ok(appended)
    }

    async fn activation(&self, name: &Name) -> Result<ActivationState, LedgerError> {
        Ok(self.held.lock().unwrap_or_else(PoisonError::into_inner).states.get(name).cloned().unwrap_or_default())
    }

    async fn activations(&self) -> Result<Vec<(Name, ActivationState)>, LedgerError> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(held.states.iter().map(|(name, state)| (name.clone(), state.clone())).collect())
    }

    async fn refused(&self, name: &Name) -> Result<Vec<RefusedRow>, LedgerError> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(held.refused.iter().filter(|((activation, _), _)| activation == name).map(|(_, it)| it.clone()).collect())
    }

    async fn runs(&self, activation: Option<&Name>, runs_max: usize) -> Result<Vec<RunSummary>, LedgerError> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let started = held.records.iter().rev().filter(|it| matches!(it.event, RunEvent::Started { .. }));
        let wanted = started.filter(|it| activation.is_none_or(|name| it.activation == *name)).take(runs_max);
        Ok(wanted.map(|it| RunSummary { activation: it.activation.clone(), run: it.run.clone(), started_ms: it.at_ms }).collect())
    }

    async fn events(&self, run: &RunId) -> Result<Vec<RunRecord>, LedgerError> {
        Ok(self.held.lock().unwrap_or_else(PoisonError::into_inner).records.iter().filter(|it| it.run == *run).cloned().collect())
    }
}
