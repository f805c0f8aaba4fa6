//! Why a run stopped.

use outflow_baseline::{MergeError, OpenError, SealError, WriteError};
use outflow_domain::MappingProblem;
use outflow_ports::{BaselineStoreError, CloudError, FileStoreError, LedgerError, SourceError, SpoolError};

use crate::guard::ApprovalRefused;

/// Why a run stopped. What was confirmed before stays confirmed; nothing is half-recorded.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The source did not answer.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Marketing Cloud did not answer.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// A file did not get there.
    #[error(transparent)]
    Files(#[from] FileStoreError),
    /// The ledger did not take or give something.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A person must act: an update-only activation cannot do without the keys that are there.
    #[error(
        "activation `{activation}` only updates rows that are there, and Marketing Cloud does not permit to read the keys of the data extension `{data_extension}`: {message}; grant `data_extensions_read` to the installed package, and the package's user access to the data extension, or let new rows be inserted with `insert: true`"
    )]
    KeysUnreadable {
        /// The activation.
        activation: String,
        /// The data extension.
        data_extension: String,
        /// The service's words, without values.
        message: String,
    },
    /// What was confirmed cannot be compared with what a repair would need.
    #[error(
        "the rows of activation `{activation}` were confirmed under another mapping than today's, so that what has drifted cannot be told to the baseline; run `outflow run {activation}` first, and verify again"
    )]
    MappingMoved {
        /// The activation.
        activation: String,
    },
    /// There is no such data extension.
    #[error("there is no data extension with the external key `{key}` in this business unit{}; a run makes it where its destination says `create` and the activation inserts", .nearest.as_ref().map_or_else(|| "; `outflow destination list` names those there are".to_owned(), |it| format!(" (did you mean `{it}`?)")))]
    NoDataExtension {
        /// The key asked for.
        key: String,
        /// The key most like it.
        nearest: Option<String>,
    },
    /// Somebody else has made or changed what this run was to make or change.
    #[error("{what} by somebody else while the run was under way, and nothing was sent; run again")]
    ChangedMeanwhile {
        /// What was done, to be followed by "by somebody else".
        what: String,
    },
    /// Wishes do not fit model and data extension; every problem is told.
    #[error("activation `{activation}` does not fit its model and data extension:{}", list(.problems))]
    Mapping {
        /// The activation.
        activation: String,
        /// Every problem.
        problems: Vec<MappingProblem>,
    },
    /// The tenant takes no road into an import that the activation allows.
    #[error(
        "the tenant takes no import by `{wanted}`: grant the installed package the automation and data-extension permissions, or allow another road with `import: auto`"
    )]
    NoRoute {
        /// The road asked for.
        wanted: String,
    },
    /// The tenant closes the road that the plan has chosen; nothing was begun.
    #[error(
        "the tenant does not take imports by {route:?}, so nothing was started: {source}; run again, or choose the road with `import:`"
    )]
    RoadClosed {
        /// The road.
        route: outflow_domain::Route,
        /// What the service said.
        source: CloudError,
    },
    /// What a person gave is no key of the activation.
    #[error("that is no key of activation `{activation}`: {message}")]
    UnfitKey {
        /// The activation.
        activation: String,
        /// Why not, and what would be one.
        message: String,
    },
    /// The columns of the model do not come as described.
    #[error("the model's rows do not have the columns it was said to have: {0}")]
    UnfitBatch(String),
    /// A file of the baseline is not what it must be.
    #[error("the baseline of activation `{activation}` cannot be used (segment `{segment}`): {source}; {}", .source.remedy().replace("ACTIVATION", .activation))]
    Baseline {
        /// The activation.
        activation: String,
        /// The file.
        segment: String,
        /// What is wrong with it.
        source: OpenError,
    },
    /// A file of the baseline is not there, or cannot be read.
    #[error("{source}; put the file back, or run `outflow baseline rebuild {activation} --from destination`")]
    BaselineUnreadable {
        /// The activation.
        activation: String,
        /// Which file, and why.
        source: BaselineStoreError,
    },
    /// A segment could not be stored, listed or removed.
    #[error(transparent)]
    BaselineStore(#[from] BaselineStoreError),
    /// A list of the history could not be stored, listed or removed.
    #[error("the history of the run cannot be kept: {0}")]
    History(BaselineStoreError),
    /// A segment could not be written.
    #[error("a segment of the baseline could not be written: {0}")]
    SegmentWrite(#[from] WriteError),
    /// The next baseline could not be merged.
    #[error("the next baseline could not be written: {0}")]
    Merge(#[from] MergeError),
    /// Duplicates could not be found.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A private file could not be written or read.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// A private file could not be written or read on.
    #[error("the private files of the run cannot be written or read: {0}")]
    SpoolIo(#[from] std::io::Error),
    /// Rows were lost or doubled within the program: a bug, noticed before anything left.
    #[error("the sums do not agree: {what}: {left} against {right}; nothing was sent, please report this bug")]
    Conservation {
        /// Which sums.
        what: &'static str,
        /// The first sum.
        left: u64,
        /// The second sum.
        right: u64,
    },
    /// An earlier import is not known to have ended.
    #[error(
        "{import} of activation `{activation}` is not known to have ended, and a late import would overwrite newer data; wait for it, or give it up with `outflow abandon {import}`"
    )]
    Blocked {
        /// The activation whose import it is.
        activation: String,
        /// The import, as `outflow abandon` takes it.
        import: String,
    },
    /// The state folder is an older copy of the one that has sent last.
    #[error(
        "the state folder is older than what the data extension of activation `{activation}` holds: its generation is {ours}, and imports have left the mark of {left}: what was sent since is not known here. Nothing was sent now. Put the newest state folder back, or run `outflow baseline rebuild {activation} --from destination`"
    )]
    OldState {
        /// The activation.
        activation: String,
        /// The generation of the ledger.
        ours: u64,
        /// The generation that the service keeps.
        left: u64,
    },
    /// What a person approved is not what was held, or no longer.
    #[error(
        "the approval of plan `{plan}` of activation `{activation}` is not taken, and nothing was sent: {why}; run `outflow run {activation}` without it, and approve what that run holds"
    )]
    Approval {
        /// The activation.
        activation: String,
        /// The plan.
        plan: String,
        /// Why not.
        why: ApprovalRefused,
    },
    /// Rows leave so many combinations of fields as they are that each would need a file of its own.
    #[error(
        "the rows that activation `{activation}` has to send leave their fields as they are in {}{sets} combinations, and each needs a file with columns of its own, of which one run has at most {max}; nothing was sent. Kept where they are null are {}; {}",
        if *.are_all { "" } else { "more than " }, quoted(.fields), settings(.cheaper, *.left, *.are_all), max = crate::column_sets::COLUMN_SETS_MAX
    )]
    ColumnSets {
        /// The activation.
        activation: String,
        /// Combinations that were counted.
        sets: usize,
        /// Whether these are all.
        are_all: bool,
        /// The fields that are kept.
        fields: Vec<String>,
        /// Those that would have to be cleared, so that few enough combinations are left.
        cheaper: Vec<String>,
        /// The combinations that would be left.
        left: usize,
    },
    /// A person stopped the run.
    #[error("stopped; what was confirmed stays confirmed, and the next run settles what was started")]
    Stopped,
}

fn list(problems: &[MappingProblem]) -> String {
    problems.iter().map(|it| format!("\n  - {it}")).collect()
}

fn quoted(fields: &[String]) -> String {
    fields.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
}

/// What a person can say of fields, so that a run has few enough column sets.
fn settings(cheaper: &[String], left: usize, are_all: bool) -> String {
    let least = if are_all { "" } else { "at least " };
    let combinations = if left == 1 { "combination is" } else { "combinations are" };
    let fields = quoted(cheaper);
    format!(
        "with `when_null: clear` (or `skip_row`) for {fields}, {least}{left} {combinations} left; or let the model fill fields that belong together alike"
    )
}

impl EngineError {
    /// Whether the state folder or its disk refused something.
    #[must_use]
    pub const fn is_of_this_disk(&self) -> bool {
        matches!(
            self,
            Self::Ledger(LedgerError::Unusable { .. })
                | Self::BaselineStore(_)
                | Self::History(_)
                | Self::Spool(_)
                | Self::SpoolIo(_)
                | Self::SegmentWrite(_)
                | Self::Merge(_)
        )
    }

    /// Whether it is about the business unit or the file route of a connection, whose name tells which.
    #[must_use]
    pub const fn is_of_the_connection(&self) -> bool {
        matches!(
            self,
            Self::Cloud(_)
                | Self::Files(_)
                | Self::KeysUnreadable { .. }
                | Self::NoDataExtension { .. }
                | Self::NoRoute { .. }
                | Self::RoadClosed { .. }
        )
    }

    /// The stable code, the name of a page under `docs/errors/`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Source(SourceError::Unreachable { .. }) => "SRC-001",
            Self::Source(SourceError::Query { .. }) => "SRC-002",
            Self::Source(SourceError::NotReadOnly { .. }) => "SRC-003",
            Self::Source(SourceError::UnsupportedType { .. }) => "SRC-004",
            Self::Source(SourceError::Broken { .. }) => "SRC-005",
            Self::Source(SourceError::Row { .. }) => "SRC-007",
            Self::Cloud(CloudError::Credentials { .. }) => "MC-001",
            Self::Cloud(CloudError::Forbidden { .. }) => "MC-002",
            Self::Cloud(CloudError::Refused { .. }) => "MC-003",
            Self::Cloud(CloudError::Unavailable { .. }) => "MC-004",
            Self::Cloud(CloudError::Unreadable { .. }) => "MC-005",
            Self::KeysUnreadable { .. } => "MC-006",
            Self::Files(FileStoreError::LoginRefused { .. }) => "FILE-001",
            Self::Files(FileStoreError::HostKey { .. }) => "FILE-002",
            Self::Files(FileStoreError::Refused { .. }) => "FILE-003",
            Self::Files(FileStoreError::Full { .. }) => "FILE-004",
            Self::Files(FileStoreError::Incomplete { .. }) => "FILE-005",
            Self::Files(FileStoreError::Unreachable { .. }) => "FILE-006",
            Self::Files(FileStoreError::Content { .. }) => "FILE-007",
            Self::Ledger(LedgerError::Moved { .. }) => "LED-001",
            Self::Ledger(LedgerError::Impossible(_)) => "LED-002",
            Self::Ledger(LedgerError::Unusable { .. }) => "LED-003",
            Self::OldState { .. } => "LED-004",
            Self::NoDataExtension { .. } => "DE-001",
            Self::Mapping { .. } => "DE-002",
            Self::ChangedMeanwhile { .. } => "DE-003",
            Self::NoRoute { .. } => "IMP-001",
            Self::Blocked { .. } => "IMP-002",
            Self::Approval { why: ApprovalRefused::Unknown { .. } | ApprovalRefused::Unreadable { .. }, .. } => "GRD-001",
            Self::Approval { why: ApprovalRefused::Expired, .. } => "GRD-002",
            Self::Approval { why: ApprovalRefused::Changed { .. }, .. } => "GRD-003",
            Self::RoadClosed { .. } => "IMP-003",
            Self::Baseline { .. } => "BASE-001",
            Self::BaselineUnreadable { .. } | Self::BaselineStore(_) => "BASE-002",
            Self::SegmentWrite(_) | Self::Merge(_) => "BASE-003",
            Self::History(_) | Self::Spool(_) | Self::SpoolIo(_) => "DISK-001",
            Self::UnfitKey { .. } => "CLI-010",
            Self::UnfitBatch(_) => "SRC-006",
            Self::Seal(_) | Self::Conservation { .. } => "BUG-001",
            Self::ColumnSets { .. } => "RUN-003",
            Self::Stopped => "RUN-001",
            Self::MappingMoved { .. } => "VFY-001",
        }
    }
}
