//! What a run is for, and how it has ended, as its events tell.

use serde::{Deserialize, Serialize};

use super::{RunEvent, RunRecord, RunResult};

/// What a run is for. Upkeep is recorded as a run is, and is none that a person asks after: it compares no model and sends nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To bring the data extension in step with the model. Events from before there were other purposes say nothing else.
    #[default]
    Run,
    /// To make the baseline anew from what the data extension holds.
    Rebuild,
    /// To have the baseline forget what a verification has found to have drifted, before a run sends it again.
    Repair,
}

impl Purpose {
    /// Whether it is a run proper.
    #[must_use]
    pub fn is_run(&self) -> bool {
        *self == Self::Run
    }

    /// What a run is for, as its events tell.
    #[must_use]
    pub fn told_by(events: &[RunRecord]) -> Self {
        let told = |it: &RunRecord| if let RunEvent::Started { purpose, .. } = it.event { Some(purpose) } else { None };
        events.iter().find_map(told).unwrap_or_default()
    }

    /// The stable name.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Rebuild => "rebuild",
            Self::Repair => "repair",
        }
    }
}

impl RunResult {
    /// How a run has ended, as its events tell; `None` where they do not.
    #[must_use]
    pub fn told_by(events: &[RunRecord]) -> Option<Self> {
        events.iter().find_map(|it| if let RunEvent::Ended { result, .. } = &it.event { Some(result.clone()) } else { None })
    }
}
