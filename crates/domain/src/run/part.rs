//! A part that is under way.

use serde::{Deserialize, Serialize};

use super::{Identity, PartPlan, SegmentRef};
use crate::{
    import::{ImportId, ImportStatus},
    mapping::Mapping,
    names::RunId,
};

/// How long after its last call a deletion whose answer got lost may still be heard by the service, in milliseconds. The service publishes no
/// such bound: an hour is many times the longest that anybody between us and it is known to keep a call.
pub const LATE_CALL_MS: i64 = 3_600_000;

/// How far a part has come. Each step is only reached from the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum PartStage {
    /// Nothing has been done.
    Planned,
    /// The file is travelling, or half there.
    Transferring,
    /// The file lies whole at the route.
    Transferred,
    /// A start was intended; whether it happened is not known.
    Starting,
    /// The import has a number.
    Started {
        /// The number.
        import: ImportId,
    },
    /// Its rows are being deleted, or were; no import is of it. What became of them is yet to be read.
    Deleting,
    /// The import has ended, and is yet to be settled.
    Ended {
        /// The number, where it is known.
        import: Option<ImportId>,
        /// Its end.
        status: ImportStatus,
    },
    /// Settled as far as could be; some rows stay in doubt.
    Unresolved,
}

/// A part that is not wholly settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenPart {
    /// The run it belongs to.
    pub run: RunId,
    /// What was planned.
    pub plan: PartPlan,
    /// Whose rows it carries.
    pub identity: Identity,
    /// The mapping its fingerprints are of.
    pub mapping: Box<Mapping>,
    /// The rows in doubt, once a start was intended.
    pub doubt: Option<SegmentRef>,
    /// The keys themselves, encrypted, where they may be needed later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<SegmentRef>,
    /// How far it has come.
    pub stage: PartStage,
    /// The newest import the service knew of this activation before the first start of this part was intended, where it can be asked.
    #[serde(default)]
    pub newest: Option<String>,
    /// Whether a person gave up on its import.
    pub is_abandoned: bool,
    /// When the rows of a deletion were read back whose answer had got lost, in milliseconds since 1970, UTC: its last call was before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_ms: Option<i64>,
}

impl OpenPart {
    /// Whether its import may still be at work, or its deletion: nothing may be started on the same data extension.
    #[must_use]
    pub const fn may_be_running(&self) -> bool {
        matches!(self.stage, PartStage::Starting | PartStage::Started { .. } | PartStage::Deleting) && !self.is_abandoned
    }

    /// Whether the service may still hear that rows of it are to be deleted, as the answer to a call got lost not long ago.
    #[must_use]
    pub fn may_delete_late(&self, now_ms: i64) -> bool {
        self.plan.is_of_deletes
            && match self.stage {
                PartStage::Deleting => true,
                PartStage::Unresolved => self.asked_ms.is_none_or(|it| now_ms < it.saturating_add(LATE_CALL_MS)),
                _ => false,
            }
    }

    /// Whether the service was never asked to import it.
    #[must_use]
    pub const fn is_not_started(&self) -> bool {
        matches!(self.stage, PartStage::Planned | PartStage::Transferring | PartStage::Transferred)
    }
}
