//! A ledger in memory; also the measure for every other ledger.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use outflow_domain::{ActivationState, HistoryFile, KeyFingerprint, Name, RefusedRow, RunEvent, RunId, RunRecord};
use outflow_ports::{Ledger, LedgerCommit, LedgerError, RunSummary};

use super::Fuse;

/// A ledger that survives crashes, each commit whole or not at all.
#[derive(Clone, Debug, Default)]
pub struct SimulatedLedger {
    held: Arc<Mutex<Held>>,
    fuse: Fuse,
}

#[derive(Clone, Debug, Default)]
struct Held {
    commits: Vec<LedgerCommit>,
    states: BTreeMap<Name, ActivationState>,
    refused: BTreeMap<(Name, KeyFingerprint), RefusedRow>,
    history: Vec<(Name, HistoryFile)>,
}

impl SimulatedLedger {
    /// An empty ledger.
    #[must_use]
    pub fn new(fuse: Fuse) -> Self {
        Self { held: Arc::default(), fuse }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The events after the first so many.
    #[must_use]
    pub fn records_since(&self, events: usize) -> Vec<RunRecord> {
        self.held().commits.iter().skip(events).map(|it| it.record.clone()).collect()
    }

    /// The newest event.
    #[must_use]
    pub fn newest(&self) -> Option<RunRecord> {
        self.held().commits.last().map(|it| it.record.clone())
    }

    /// How many events there were.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held().commits.len()
    }

    /// Whether nothing has happened yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is really held of an activation, whatever a port in front of it may say.
    #[must_use]
    pub fn state_of(&self, name: &Name) -> ActivationState {
        self.held().states.get(name).cloned().unwrap_or_default()
    }

    /// The refusals that are really held of an activation.
    #[must_use]
    pub fn refused_of(&self, name: &Name) -> Vec<RefusedRow> {
        self.held().refused.iter().filter(|((activation, _), _)| activation == name).map(|(_, it)| it.clone()).collect()
    }

    /// The files of the history that are really named of an activation.
    #[must_use]
    pub fn history_of(&self, name: &Name) -> Vec<HistoryFile> {
        self.held().history.iter().filter(|(activation, _)| activation == name).map(|(_, it)| it.clone()).collect()
    }

    /// Falls back to what it was before the newest event: what a ledger does that is written behind the effects.
    ///
    /// # Panics
    /// When events that were taken once are not taken again.
    pub fn lose_newest(&self) {
        let mut held = self.held();
        let mut commits = std::mem::take(&mut held.commits);
        commits.pop();
        *held = Held::default();
        commits.iter().for_each(|it| {
            held.take(it).expect("events that were taken once are taken again");
        });
    }

    /// A copy of all that it holds, as a backup has it.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self { held: Arc::new(Mutex::new(self.held().clone())), fuse: Fuse::default() }
    }

    /// A person restores a copy.
    pub fn put_back(&self, copy: Self) {
        let held = copy.held().clone();
        *self.held() = held;
    }

    /// Changes what is held of an activation behind everybody's back.
    pub fn tamper(&self, name: &Name, change: impl FnOnce(&mut ActivationState)) {
        self.held().states.entry(name.clone()).and_modify(change);
    }
}

impl Held {
    fn take(&mut self, commit: &LedgerCommit) -> Result<ActivationState, LedgerError> {
        let activation = &commit.record.activation;
        let state = self.states.entry(activation.clone()).or_default();
        if state.events != commit.expected_events {
            return Err(LedgerError::Moved { activation: activation.clone(), expected: commit.expected_events, found: state.events });
        }
        state.apply(&commit.record)?;
        let state = state.clone();
        self.commits.push(commit.clone());
        for key in &commit.forgotten {
            self.refused.remove(&(activation.clone(), *key));
        }
        for refused in &commit.refused {
            self.refused.insert((activation.clone(), refused.key), refused.clone());
        }
        self.history.retain(|(name, it)| name != activation || !commit.outdated.contains(&it.file.name));
        self.history.extend(commit.history.iter().map(|it| (activation.clone(), it.clone())));
        Ok(state)
    }
}

#[async_trait]
impl Ledger for SimulatedLedger {
    async fn append(&self, commit: &LedgerCommit) -> Result<ActivationState, LedgerError> {
        // The machine may crash before the commit, and after it with nobody told.
        self.fuse.burn().await;
        let appended = self.held().take(commit)?;
        self.fuse.burn().await;
        Ok(appended)
    }

    async fn activation(&self, name: &Name) -> Result<ActivationState, LedgerError> {
        Ok(self.state_of(name))
    }

    async fn activations(&self) -> Result<Vec<(Name, ActivationState)>, LedgerError> {
        Ok(self.held().states.iter().map(|(name, state)| (name.clone(), state.clone())).collect())
    }

    async fn refused(&self, name: &Name) -> Result<Vec<RefusedRow>, LedgerError> {
        Ok(self.refused_of(name))
    }

    async fn history(&self, name: &Name) -> Result<Vec<HistoryFile>, LedgerError> {
        Ok(self.history_of(name))
    }

    async fn runs(&self, activation: Option<&Name>, runs_max: usize) -> Result<Vec<RunSummary>, LedgerError> {
        let held = self.held();
        let records = held.commits.iter().rev().map(|it| &it.record);
        let started = records.filter(|it| matches!(it.event, RunEvent::Started { .. }));
        let wanted = started.filter(|it| activation.is_none_or(|name| it.activation == *name)).take(runs_max);
        Ok(wanted.map(|it| RunSummary { activation: it.activation.clone(), run: it.run.clone(), started_ms: it.at_ms }).collect())
    }

    async fn events(&self, run: &RunId) -> Result<Vec<RunRecord>, LedgerError> {
        Ok(self.held().commits.iter().map(|it| &it.record).filter(|it| it.run == *run).cloned().collect())
    }
}
