//! Imports and their receipts.

use serde::{Deserialize, Serialize};

use crate::{
    activation::InsertMode,
    names::{DataExtensionKey, FieldName, FileName, Name},
};

/// The road an import takes, decided before the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// One-time REST import: tells refused rows.
    Rest,
    /// SOAP import definition: tells counts only.
    Soap,
}

/// All that an import needs to be told. It never changes once the manifest is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportOrder {
    /// The activation, whose one import definition is reused.
    pub activation: Name,
    /// The road.
    pub route: Route,
    /// The data extension.
    pub data_extension: DataExtensionKey,
    /// Whether new rows are added.
    pub insert: InsertMode,
    /// The external key of the file location that Marketing Cloud reads from.
    pub file_location: String,
    /// The file, by literal name.
    pub file: FileName,
    /// The fields, in the order of the file's columns. Headers are exactly these names.
    pub fields: Vec<FieldName>,
}

/// The service's number of a started import, and the road it was started on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ImportId {
    /// The road.
    pub route: Route,
    /// TaskResultID (SOAP) or import id (REST), as text.
    pub id: String,
}

impl std::fmt::Display for ImportId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let route = match self.route {
            Route::Rest => "rest",
            Route::Soap => "soap",
        };
        write!(f, "{route}:{}", self.id)
    }
}

/// What the service counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportCounts {
    /// Rows read from the file.
    pub total: u64,
    /// Rows applied.
    pub successful: u64,
    /// Rows refused.
    pub errors: u64,
    /// Rows the service calls duplicates.
    pub duplicated: u64,
    /// Rows the service calls restricted.
    pub restricted: u64,
}

impl ImportCounts {
    /// Whether the counts alone prove that every one of `rows` was applied.
    #[must_use]
    pub const fn prove_all_applied(&self, rows: u64) -> bool {
        self.total == rows && self.successful == rows && self.errors == 0 && self.duplicated == 0 && self.restricted == 0
    }
}

/// Where an import stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ImportStatus {
    /// Not picked up yet, or not listed yet.
    Queued,
    /// Being read or written.
    Running {
        /// Rows counted so far.
        rows: u64,
    },
    /// Ended and called complete, which does not mean clean.
    Completed {
        /// The counts.
        counts: ImportCounts,
    },
    /// Ended with an error; rows before it may have been applied.
    Failed {
        /// The counts, as far as they were told.
        counts: ImportCounts,
        /// The service's word for it, without values.
        code: String,
    },
}

impl ImportStatus {
    /// Whether nothing more will happen.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        matches!(self, Self::Completed { .. } | Self::Failed { .. })
    }
}

/// A refused row, as a row-level receipt tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowRefusal {
    /// The service's number of the row; its base is proved per tenant.
    pub row: u64,
    /// The code, such as `InvalidEmailAddress`.
    pub code: String,
    /// The field, where the text names one. Values are never kept.
    pub field: Option<FieldName>,
}

#[cfg(test)]
mod tests {
    use super::ImportCounts;

    #[test]
    fn only_a_clean_sum_proves_anything() {
        let clean = ImportCounts { total: 3, successful: 3, ..ImportCounts::default() };
        assert!(clean.prove_all_applied(3));
        assert!(!clean.prove_all_applied(4));
        assert!(!ImportCounts { duplicated: 1, ..clean }.prove_all_applied(3));
        assert!(!ImportCounts { restricted: 1, ..clean }.prove_all_applied(3));
    }
}
