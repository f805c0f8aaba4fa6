//! Exit codes: documented in `docs/reference/exit-codes.md`, and stable.

use std::process::ExitCode;

use outflow_domain::RunResult;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// All is well.
    Success = 0,
    /// Finished, but rows were refused or are invalid.
    RowsRefused = 3,
    /// Finished, but rows are held or unconfirmed.
    RowsPending = 4,
    /// Changes are pending (`plan --detailed-exitcode`).
    Changes = 2,
    /// Blocked by another run or import.
    Blocked = 5,
    /// Failed.
    Failed = 1,
    /// Wrong usage or configuration.
    Usage = 64,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// The code of a run's end.
    pub const fn of_result(result: &RunResult) -> Self {
        match result {
            RunResult::Succeeded => Self::Success,
            RunResult::RowsRefused => Self::RowsRefused,
            RunResult::RowsPending => Self::RowsPending,
            RunResult::Blocked { .. } => Self::Blocked,
            RunResult::Failed { .. } => Self::Failed,
        }
    }

    /// The worse of two, for several runs in one call: what needs a person first comes first.
    pub const fn worse(self, other: Self) -> Self {
        if self.weight() >= other.weight() { self } else { other }
    }

    const fn weight(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Changes => 1,
            Self::RowsRefused => 2,
            Self::RowsPending => 3,
            Self::Blocked => 4,
            Self::Failed => 5,
            Self::Usage => 6,
        }
    }
}
