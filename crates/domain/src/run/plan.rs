//! What a run will do, as its plan says.

use serde::{Deserialize, Serialize};

use crate::{
    data_extension::NewColumn,
    import::{ImportOrder, Route},
    names::{FieldName, FileName},
    outcome::OutcomeCounts,
    table::{NewDataExtension, WiderColumn},
};

/// Digest of everything a plan rests on; equal changes give equal ids, whatever the order of the scan.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PlanId(pub String);

impl std::fmt::Display for PlanId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A file that a plan names, with all that is decided about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartPlan {
    /// Its number within the run, from 1.
    pub part: u32,
    /// Its rows.
    pub rows: u64,
    /// Its bytes, header included.
    pub bytes: u64,
    /// How it will be imported, with the literal file name.
    pub order: ImportOrder,
    /// Whether its rows have left the model and are flagged: it has their keys and the flag alone, see [`Mapping::of_exits`](crate::Mapping::of_exits).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_of_exits: bool,
    /// Whether its rows have left the model and are deleted: it has their keys alone, and never travels as a file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_of_deletes: bool,
    /// The fields that all of its rows leave as they are, since they are blank in the model: see [`crate::WhenNull::Keep`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<FieldName>,
}

impl PartPlan {
    /// The file's name at the route.
    #[must_use]
    pub const fn file(&self) -> &FileName {
        &self.order.file
    }
}

/// Everything a run will do, complete and immutable before the first byte is transferred.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The plan's id.
    pub plan: PlanId,
    /// The road of every import.
    pub route: Route,
    /// The data extension to be made before all else, where it is missing.
    #[serde(default)]
    pub create: Option<NewDataExtension>,
    /// Columns to be created first.
    pub columns: Vec<NewColumn>,
    /// Columns to be made longer first.
    #[serde(default)]
    pub wider: Vec<WiderColumn>,
    /// The files.
    pub parts: Vec<PartPlan>,
    /// Rows read from the source.
    pub source_rows: u64,
    /// Baseline entries that were not seen.
    pub leaving_rows: u64,
    /// Those among them that were still in the model when it was last compared: each row that leaves is news once.
    pub newly_left: u64,
    /// What is decided already: unchanged rows, rows withheld, rows that left. Rows to be sent are in the parts.
    pub decided: OutcomeCounts,
}
