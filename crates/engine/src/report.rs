//! What a plan or a run has to tell.

use std::collections::BTreeMap;

use outflow_domain::{
    CellProblem, CellWarning, DataExtensionKey, Mapping, Name, NewColumn, NewDataExtension, OutcomeCounts, PlanId, Route, RunId, RunResult,
    Tripped, TypeChange, WiderColumn, Write,
};

use crate::{alike::AlikeKeys, guard::HeldRows, job::RunOptions, steps::compare::Examples};

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
    /// Whether that is so since the keys or the data extension are others than when rows were confirmed: what was confirmed no longer counts, and
    /// nothing has left.
    pub is_retired: bool,
    /// Fields of the primary key that come from other columns than when rows were confirmed: where their values are others, too, the rows of before
    /// count as having left.
    pub key_moved: Vec<KeyMoved>,
    /// The data extension that would be made.
    pub create: Option<NewDataExtension>,
    /// Columns that would be created.
    pub columns: Vec<NewColumn>,
    /// Columns that would be made longer, or could be where a person allows it.
    pub wider: Vec<Widening>,
    /// Fields whose types are others than when rows were last confirmed.
    pub types_changed: Vec<TypeChange>,
    /// Rows that were confirmed under the older types.
    pub rows_of_older_types: u64,
    /// Rows read.
    pub source_rows: u64,
    /// Rows to be sent, by intent.
    pub to_send: BTreeMap<Write, u64>,
    /// What is decided already.
    pub decided: OutcomeCounts,
    /// Rows that have left the model since the last run.
    pub newly_left: u64,
    /// Where rows that leave are flagged: rows of the data extension, at least so many, that are not in the model, and of which nothing here
    /// tells whether they ever were. They are not flagged: they are of others, or were sent by a state that is lost.
    pub of_nobody: u64,
    /// The files.
    pub parts: Vec<PartReport>,
    /// Why rows are invalid.
    pub invalid: Vec<InvalidReport>,
    /// Fields in which a null or blank keeps rows from being sent, as they say.
    pub skipped: Vec<SkippedReport>,
    /// Why values that are sent may be refused.
    pub warned: Vec<WarnedReport>,
    /// Rows whose keys may be taken for those of other rows.
    pub alike_keys: Option<AlikeKeys>,
    /// What guards hold back, if anything.
    pub held: Option<HeldReport>,
    /// What a person's approval lets through.
    pub approved: Option<Approved>,
    /// Parts of earlier runs that the next run will settle first.
    pub open_parts: usize,
    /// What cannot be found out, and what that means.
    pub warnings: Vec<Warning>,
    /// An import that a run would be blocked by, as things stand.
    pub blocked: Option<Blocking>,
    /// That a run would be refused, since a newer state has sent meanwhile: what this one says is unchanged may not be.
    pub old_state: Option<OldState>,
}

/// This state is an older copy of one that has sent since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OldState {
    /// The generation of the ledger.
    pub ours: u64,
    /// The generation that imports have left the mark of.
    pub left: u64,
}

/// A field of the primary key that another column fills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyMoved {
    /// The field.
    pub field: String,
    /// The column that filled it.
    pub was: String,
    /// The column that fills it.
    pub is: String,
}

impl KeyMoved {
    /// Fields of the key that are filled otherwise than under `old`.
    pub(crate) fn between(old: &Mapping, new: &Mapping) -> Vec<Self> {
        let pairs = old.keys().iter().zip(new.keys());
        let moved = pairs.filter(|(old, new)| old.field.is_same_as(&new.field) && !old.column.eq_ignore_ascii_case(&new.column));
        moved.map(|(old, new)| Self { field: new.field.to_string(), was: old.column.clone(), is: new.column.clone() }).collect()
    }
}

/// Something that cannot be found out, for want of a permission or a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The rows of the data extension may not be counted or read.
    RowsUnreadable,
    /// Rows expire there, and nobody can see which have.
    ExpiryUnseen,
    /// Rows that were confirmed are gone, and nobody can see which.
    RowsLost,
    /// Rows that leave would be deleted, and nobody can see whose they are.
    DeletesUnread,
    /// Rows that leave would be deleted, and it cannot be read what another activation of the data extension holds.
    OthersUnreadable,
    /// The import definition bears no mark that can be read.
    MarkUnreadable,
}

impl Warning {
    /// A stable word for it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::RowsUnreadable => "rows_unreadable",
            Self::ExpiryUnseen => "expiry_unseen",
            Self::RowsLost => "rows_lost",
            Self::DeletesUnread => "deletes_unread",
            Self::OthersUnreadable => "others_unreadable",
            Self::MarkUnreadable => "mark_unreadable",
        }
    }

    /// What it means, and what to do.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::RowsUnreadable => {
                "the rows of the data extension may not be read: rows that somebody else removes are not noticed, a refused row cannot be told \
                 from its neighbours, and what an import's counts do not prove is sent again in smaller files; grant `data_extensions_read` to \
                 the installed package"
            }
            Self::ExpiryUnseen => {
                "the data extension lets rows expire, and which have cannot be read: they are not sent again before they change; `--full` sends \
                 every row"
            }
            Self::RowsLost => {
                "the data extension holds fewer rows than were confirmed, and which are gone cannot be read: every row is sent, in every run \
                 until rows may be read"
            }
            Self::DeletesUnread => {
                "no row is deleted, as the rows of the data extension may not be read: whether a row is there, and gone afterwards, only reading \
                 tells; grant `data_extensions_read` to the installed package"
            }
            Self::OthersUnreadable => {
                "no row is deleted, as it cannot be read what another activation of the data extension holds; `outflow status` names the \
                 activations, and `outflow baseline rebuild ACTIVATION --from destination` makes such a baseline anew"
            }
            Self::MarkUnreadable => {
                "the description of the import definition has no `[outflow generation …]` that can be read and believed: an older copy of the state \
                 folder would not be noticed now; the next import writes the mark anew, where the description leaves room for it"
            }
        }
    }
}

/// A text column that takes shorter texts than it is to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Widening {
    /// The column, and how long it is to be.
    pub column: WiderColumn,
    /// Whether the run makes it longer; otherwise that is offered.
    pub is_allowed: bool,
    /// Rows that are invalid meanwhile, as their texts are too long.
    pub rows: u64,
}

/// An import that is not known to have ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocking {
    /// The activation whose import it is.
    pub activation: Name,
    /// The import, as `outflow abandon` takes it.
    pub import: String,
    /// Whether a run waits for it first: it is of the same activation.
    pub is_waited_for: bool,
}

/// Rows that guards hold back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldReport {
    /// Why.
    pub guards: Vec<Tripped>,
    /// Rows that would be sent, by intent.
    pub writes: BTreeMap<Write, u64>,
    /// Rows that are no longer in the model.
    pub leaving: u64,
    /// Whether every row was to be sent, whatever the baseline says; an approval says so too.
    pub full: bool,
    /// Whether rows were to be sent again that had been refused; an approval says so too.
    pub retry_refused: bool,
}

impl HeldReport {
    pub(crate) fn of(held: &HeldRows, options: &RunOptions) -> Self {
        let RunOptions { full, retry_refused, .. } = *options;
        Self { guards: held.tripped.clone(), writes: held.writes.clone(), leaving: held.leaving, full, retry_refused }
    }

    /// All of them.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.writes.values().sum::<u64>() + self.leaving
    }
}

/// What a person has approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approved {
    /// The plan that held it.
    pub plan: PlanId,
    /// Rows that passed by it.
    pub rows: u64,
    /// The size of the source that was approved with it.
    pub source_rows: Option<u64>,
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
    /// Whether its rows were left in doubt by earlier files, and are sent apart from others.
    pub in_doubt: bool,
    /// Whether it has the key and new columns alone, since its rows are there with all else.
    pub is_narrow: bool,
    /// Whether its rows have left the model, and are flagged for it.
    pub is_of_exits: bool,
    /// Whether its rows have left the model and are deleted: it is no file that travels.
    pub is_of_deletes: bool,
    /// The fields that its rows leave as they are, since they are blank in the model.
    pub kept: Vec<String>,
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

/// Rows that are not sent since a field says so that is null or blank in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedReport {
    /// The field; of several in a row the first.
    pub field: String,
    /// How many, and some examples: of values there are none.
    pub examples: Examples,
}

/// Cells that are sent, and that Marketing Cloud may refuse by a rule that it does not publish. Counted as they are read: of rows that are
/// struck afterwards, since they share their key, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarnedReport {
    /// The field.
    pub field: String,
    /// What is unusual.
    pub warning: CellWarning,
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
    /// What the run did before, where it sent rows in doubt again in smaller files: each round is a plan of its own, and the last one is told
    /// above.
    pub rounds: Vec<Round>,
}

/// A round of a run that was followed by another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// Its name in the ledger.
    pub run: RunId,
    /// The files it sent.
    pub files: u64,
    /// What became of each row.
    pub outcomes: OutcomeCounts,
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

impl RunReport {
    /// The report of a run that went on with another round.
    pub(crate) fn followed_by(mut self, next: Self) -> Self {
        let files = self.plan.parts.len() as u64;
        self.rounds.push(Round { run: self.run, files, outcomes: self.outcomes });
        self.resumed.merge(&next.resumed);
        Self { rounds: self.rounds, resumed: self.resumed, ..next }
    }
}

impl PlanReport {
    /// Whether there is anything to do: for a run, or for a person who looks at what is held.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        let changes_table = self.create.is_some() || !self.columns.is_empty() || self.wider.iter().any(|it| it.is_allowed);
        changes_table
            || !self.parts.is_empty()
            || self.newly_left > 0
            || self.open_parts > 0
            || self.held.is_some()
            || self.old_state.is_some()
    }

    /// Rows to be sent.
    #[must_use]
    pub fn rows_to_send(&self) -> u64 {
        self.to_send.values().sum()
    }
}
