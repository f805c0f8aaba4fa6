//! What a plan or a run has to tell.

use std::collections::BTreeMap;

use outflow_domain::{CellProblem, DataExtensionKey, Name, NewColumn, OutcomeCounts, PlanId, Route, RunId, RunResult, Write};

use crate::steps::compare::Examples;

/// What a run would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanReport {
    /// The activation.
    pub activation: Name,
    /// The data extension.
    pub data_extension: DataExtensionKey,
    /// The plan's id: equal changes have equal ids.
    pub plan: PlanId,
    /// The road of its imports.
    pub route: Route,
    /// Whether nothing was confirmed before, or what was confirmed no longer counts.
    pub is_first: bool,
    /// Columns that would be created.
    pub columns: Vec<NewColumn>,
    /// Rows read.
    pub source_rows: u64,
    /// Rows to be sent, by intent.
    pub to_send: BTreeMap<Write, u64>,
    /// What is decided already.
    pub decided: OutcomeCounts,
    /// Rows that have left the model since the last run.
    pub newly_left: u64,
    /// The files.
    pub parts: Vec<PartReport>,
    /// Why rows are invalid.
    pub invalid: Vec<InvalidReport>,
    /// Parts of earlier runs that the next run will settle first.
    pub open_parts: usize,
}

/// A file of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartReport {
    /// Its name; a plan that is not run has none.
    pub file: Option<String>,
    /// Its rows.
    pub rows: u64,
    /// Its bytes.
    pub bytes: u64,
}

/// Cells that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidReport {
    /// The field.
    pub field: String,
    /// What is wrong.
    pub problem: CellProblem,
    /// How many, and some examples with masked values.
    pub examples: Examples,
}

/// What a run did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunReport {
    /// The run.
    pub run: RunId,
    /// What it had planned.
    pub plan: PlanReport,
    /// How it ended.
    pub result: RunResult,
    /// What became of each row.
    pub outcomes: OutcomeCounts,
    /// What became of rows that an earlier run had left.
    pub resumed: OutcomeCounts,
    /// Refused rows by reason, remembered ones among them.
    pub refused: Vec<RefusedReport>,
}

/// Rows the service refused, by reason.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RefusedReport {
    /// The service's code, or `unexplained`.
    pub code: String,
    /// The field, where the service named one.
    pub field: Option<String>,
    /// How many.
    pub rows: u64,
}

impl PlanReport {
    /// Whether a run would change anything at all.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        !self.parts.is_empty() || !self.columns.is_empty() || self.newly_left > 0 || self.open_parts > 0
    }

    /// Rows to be sent.
    #[must_use]
    pub fn rows_to_send(&self) -> u64 {
        self.to_send.values().sum()
    }
}
