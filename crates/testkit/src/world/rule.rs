//! What a world watches. Each is something that can be *seen* from outside; which of the thirteen rules it serves is said beside it.

use std::fmt;

/// Something that must hold in every world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// After a run that calls itself done, every sendable row is held as the model has it (rules 1, 2, 11).
    Arrives,
    /// The destination holds no value that the model never had (rules 4, 10).
    Explained,
    /// The ledger takes every event, and no sum is wrong (rule 4).
    CountsHold,
    /// What a run says of its rows is what they are (rule 4).
    SaysWhatIs,
    /// No import is started while an earlier one is at work (rule 3).
    OneImport,
    /// Whatever the service was asked to do was written down before (rules 2, 6).
    IntentFirst,
    /// A file is just what the manifest says, whenever it is sent (rules 5, 7).
    AsPlanned,
    /// Rows whose keys fold together are not sent (rule 10).
    NoDuplicates,
    /// A refused row is not sent again before it changes, and is told until then (rule 8).
    RefusedOnce,
    /// A refused or invalid row keeps what is there (rule 1).
    Keeps,
    /// No value of a customer rests where it must not, and files go when they have served (rules 7, 9).
    NothingRests,
    /// Rows and columns of others stay as they are, and what left the model stays too (rule 12).
    OnlyOurs,
    /// Update-only inserts nothing (rule 12).
    NeverInserts,
    /// Where nothing has changed, nothing is sent, written or told as news (rules 1, 5).
    Quiet,
    /// Equal changes have equal plans, and a plan leaves nothing behind (rule 5).
    PlansAreEqual,
    /// Where rows that leave are flagged, each of them is in the end, and one that returns is no longer (rule 12).
    LeavesFlagged,
    /// Where rows that leave are deleted, each that we made is gone in the end, or told (rule 12).
    LeavesDeleted,
    /// A row that leaves is told once, and one that returns as it was is not sent (rule 12).
    LeavesOnce,
    /// Rows that are gone from the destination are noticed (rule 11).
    LossIsNoticed,
    /// Where rows may not be read, few rows stay in doubt beside a refused one, and all of them are told (rules 1, 2).
    DoubtShrinks,
    /// A torn file of the baseline is refused with a remedy, and nothing is sent (rule 11).
    TornIsRefused,
    /// An old copy of the state is refused with a remedy, and nothing is sent (rule 11).
    OldIsRefused,
    /// A verification tells which rows others have written, and nothing else (rules 1, 11).
    Verifies,
    /// What is told of a row's past is what happened to it (rule 8, and what nobody must be told wrongly).
    PastIsTold,
    /// Nothing beyond a guard leaves before a person has approved just that (rule 13).
    HoldsBack,
    /// Once nothing goes wrong any more, a run ends well (rule 7).
    ComesToRest,
}

impl Rule {
    /// In a sentence.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Arrives => "every sendable row arrives as the model has it",
            Self::Explained => "the destination holds no value that the model never had",
            Self::CountsHold => "a run never loses count, order or baseline",
            Self::SaysWhatIs => "what a run says of its rows is what they are",
            Self::OneImport => "one import at a time per data extension",
            Self::IntentFirst => "the intent is written down before the effect",
            Self::AsPlanned => "a file is what the manifest says",
            Self::NoDuplicates => "rows whose keys fold together are not sent",
            Self::RefusedOnce => "a refused row is told, and not sent again before it changes",
            Self::Keeps => "a refused or invalid row keeps what is there",
            Self::NothingRests => "no customer value rests",
            Self::OnlyOurs => "rows and columns of others, and rows that left, stay as they are",
            Self::NeverInserts => "update-only inserts nothing",
            Self::Quiet => "where nothing has changed nothing is sent",
            Self::PlansAreEqual => "equal changes have equal plans, and a plan leaves nothing behind",
            Self::LeavesFlagged => "a row that leaves is flagged, and one that returns is not",
            Self::LeavesDeleted => "a row that we made and that leaves is deleted, or told",
            Self::LeavesOnce => "a row that leaves is told once, and one that returns as it was is not sent",
            Self::LossIsNoticed => "rows that are gone from the destination are noticed",
            Self::DoubtShrinks => "where rows may not be read, few stay in doubt beside a refused one, and all of them are told",
            Self::TornIsRefused => "a torn file of the baseline is refused with a remedy",
            Self::OldIsRefused => "an old copy of the state is refused with a remedy",
            Self::Verifies => "a verification tells what has drifted, and nothing else",
            Self::PastIsTold => "what is told of a row's past is what happened to it",
            Self::HoldsBack => "what a guard holds stays held until a person approves just that",
            Self::ComesToRest => "a run ends well once nothing goes wrong",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}
