//! What a run is for.

use serde::{Deserialize, Serialize};

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
