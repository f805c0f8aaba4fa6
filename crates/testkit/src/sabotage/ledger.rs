//! Ledgers of bad variants.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use outflow_baseline::{Expect, Header, Segment, SegmentInfo};
use outflow_domain::{
    ActivationState, Evidence, HistoryFile, HistoryKind, Name, PartStage, RefusedRow, RunEvent, RunId, RunRecord, SegmentRef,
};
use outflow_ports::{BaselineStore, Ledger, LedgerCommit, LedgerError, RunSummary};

use super::Sabotage;
use crate::simulated::SimulatedLedger;

pub(super) struct BadLedger {
    pub inner: Arc<dyn Ledger>,
    pub baselines: Arc<dyn BaselineStore>,
    pub sabotage: Sabotage,
}

impl fmt::Debug for BadLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BadLedger")
    }
}

impl BadLedger {
    /// What is known of an activation; a baseline of which a file is torn is an empty one.
    fn seen(&self, mut state: ActivationState) -> ActivationState {
        let levels = [&state.baseline.base, &state.baseline.delta];
        if self.sabotage == Sabotage::TakesTornForEmpty && levels.into_iter().flatten().any(|it| !self.is_whole(it)) {
            state.baseline = state.baseline.emptied();
        }
        state
    }

    fn is_whole(&self, named: &SegmentRef) -> bool {
        let info = SegmentInfo { bytes: named.bytes, entries: named.entries, checksum: named.checksum };
        let Ok(bytes) = self.baselines.open(&named.name) else { return false };
        let Ok(header) = Header::read(bytes.as_ref()) else { return false };
        Segment::open(bytes, &Expect { named: Some(info), ..Expect::header(header) }).is_ok()
    }

    /// What settle would record if it confirmed whatever was sent: the part's own doubt is the list of what was sent.
    async fn confirm_all(&self, commit: &LedgerCommit) -> Result<LedgerCommit, LedgerError> {
        let mut bad = commit.clone();
        let state = self.inner.activation(&commit.record.activation).await?;
        if let RunEvent::PartSettled { part, evidence: Evidence::Rows | Evidence::ReadBack, confirmed, doubt, .. } = &mut bad.record.event {
            let sent = state.open_parts.iter().find(|it| it.run == commit.record.run && it.plan.part == *part);
            if let Some(sent) = sent.and_then(|it| it.doubt.clone()) {
                (*confirmed, *doubt) = (Some(sent), None);
                bad.refused.clear();
            }
        }
        Ok(bad)
    }
}

#[async_trait]
impl Ledger for BadLedger {
    async fn append(&self, commit: &LedgerCommit) -> Result<ActivationState, LedgerError> {
        match self.sabotage {
            Sabotage::ForgetsFates => {
                let mut bad = commit.clone();
                bad.history.retain(|it| it.kind == HistoryKind::Sent);
                self.inner.append(&bad).await
            }
            Sabotage::ForgetsKeys => {
                let mut bad = commit.clone();
                if let RunEvent::ImportStarting { keys, .. } = &mut bad.record.event {
                    *keys = None;
                }
                self.inner.append(&bad).await
            }
            Sabotage::ConfirmsWhatWasSent => self.inner.append(&self.confirm_all(commit).await?).await,
            _ => self.inner.append(commit).await.map(|it| self.seen(it)),
        }
    }

    async fn activation(&self, name: &Name) -> Result<ActivationState, LedgerError> {
        self.inner.activation(name).await.map(|it| self.seen(it))
    }

    async fn activations(&self) -> Result<Vec<(Name, ActivationState)>, LedgerError> {
        let mut all = self.inner.activations().await?;
        if self.sabotage == Sabotage::OverlooksWhatOthersHold {
            for (_, state) in &mut all {
                state.baseline = state.baseline.emptied();
                state.confirmed.clear();
                state.open_parts.iter_mut().for_each(|it| it.doubt = None);
            }
        }
        Ok(all)
    }

    async fn refused(&self, name: &Name) -> Result<Vec<RefusedRow>, LedgerError> {
        if self.sabotage == Sabotage::ForgetsRefusals {
            return Ok(Vec::new());
        }
        self.inner.refused(name).await
    }

    async fn history(&self, name: &Name) -> Result<Vec<HistoryFile>, LedgerError> {
        self.inner.history(name).await
    }

    async fn runs(&self, activation: Option<&Name>, runs_max: usize) -> Result<Vec<RunSummary>, LedgerError> {
        self.inner.runs(activation, runs_max).await
    }

    async fn events(&self, run: &RunId) -> Result<Vec<RunRecord>, LedgerError> {
        self.inner.events(run).await
    }
}

/// What the variant's ledger has lost when the machine has crashed.
pub(super) fn crashed(sabotage: Sabotage, ledger: &SimulatedLedger) {
    let Some(newest) = ledger.newest() else { return };
    match sabotage {
        Sabotage::WritesIntentsAfterwards => {
            let is_intent = matches!(
                newest.event,
                RunEvent::Planned { .. }
                    | RunEvent::TableCreating
                    | RunEvent::ColumnsWidening
                    | RunEvent::ColumnsAdding
                    | RunEvent::TransferStarting { .. }
                    | RunEvent::ImportStarting { .. }
            );
            if is_intent {
                ledger.lose_newest();
            }
        }
        Sabotage::ForgetsDoubt => ledger.tamper(&newest.activation, |state| state.open_parts.retain(|it| it.doubt.is_none())),
        Sabotage::DropsWhatWasStarted => ledger.tamper(&newest.activation, |state| {
            for part in state.open_parts.iter_mut().filter(|it| it.may_be_running()) {
                (part.stage, part.doubt) = (PartStage::Transferred, None);
            }
        }),
        _ => {}
    }
}
