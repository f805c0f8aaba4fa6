//! What a state of the machine is made of.

use std::fmt;

use outflow_domain::{InsertMode, Route};

/// Keys of the model; [`Settings::keys`] of them are used.
pub(super) const KEYS: usize = 2;

/// Runs whose parts, files or imports can be told apart at one time.
pub(super) const SLOTS: usize = 3;

/// Imports of one part that may exist at one time.
pub(super) const STARTS_MAX: usize = 3;

/// A value of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// One value.
    A,
    /// Another.
    B,
    /// A third.
    C,
}

/// A value for each key, or none.
pub(super) type Rows = [Option<Value>; KEYS];

/// What must hold in every state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invariant {
    /// What is confirmed was held by the destination at some moment since its import was intended.
    ConfirmedWasApplied,
    /// A row that is judged unchanged is in the destination, unless somebody else has edited it.
    UnchangedIsTrue,
    /// No import is started over one of another part that may still write, unless a person gave that one up.
    NoStartOverAnOpenImport,
    /// Every row of an import is in doubt in the ledger before the service can have heard of it.
    DoubtBeforeStart,
    /// No file lies at the route that no process and no open part will remove: it holds customers' values, and an import may still read it.
    NoFileIsForgotten,
    /// Every event can follow what the ledger holds.
    EventsFollow,
    /// Once nothing goes wrong any more, the destination comes to hold what the model has.
    ComesToRest,
}

/// What the machine does otherwise than the protocol says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// Takes an import for completed as soon as it has a number.
    ConfirmsAtSend,
    /// Records the intent, and with it the doubt, only after the start.
    DoubtsAfterTheStart,
    /// Gives an import up by itself when its deadline passes.
    StartsOverAnOpenImport,
    /// Compares with the baseline alone.
    TakesDoubtForUnchanged,
    /// Believes clean counts of an update-only import.
    CountsInUpdateOnly,
    /// Takes a start without an answer for one that did not happen.
    ForgetsALostStart,
    /// Of several imports of a part, waits only for those that are newer than the one it knows by number.
    WaitsOnlyForNewerImports,
    /// Removes a settled part's file only after the part is settled, when a crash makes it forgotten.
    RemovesTheFileAfterSettling,
    /// Records that an import was given up before its file is removed.
    RemovesTheFileAfterAbandoning,
    /// Removes an imported file only after its import's end is recorded, when somebody else may have started it once more.
    RemovesTheFileAfterTheEnd,
    /// Points the import definition to a file before its rows are in doubt.
    PreparesBeforeTheIntent,
    /// Ends the doubt of a refused start without looking whether somebody else has started the same import.
    TakesDoubtBackBlindly,
    /// Ends older doubt about a row by a receipt that merely calls a newer one refused.
    EndsDoubtByRefusals,
    /// Looks for imports of other activations before the comparison only.
    LooksForOthersOnlyOnce,
    /// Believes a road that is closed to have been closed for an earlier start without an answer, too.
    EndsDoubtWhenTheRoadCloses,
    /// Settles an abandoned import in its turn, before newer ones.
    SettlesInOrder,
    /// Ends the doubt about an abandoned import's rows by a newer import, although the abandoned one may still write.
    ForgetsAbandonedImports,
}

/// How the service treats imports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// One after the other, in the order of their starts, as was reported of one-time imports.
    InOrder,
    /// Any number at once.
    AtOnce,
}

/// When a person gives an import up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abandon {
    /// Never.
    Never,
    /// Whenever it is open.
    AnyTime,
}

/// The circumstances that are explored.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Activations that write to the one data extension, each its own columns: 1 or 2.
    pub activations: usize,
    /// Keys of the model: 1 or 2.
    pub keys: usize,
    /// What a row of the model may change to; `None` leaves the model.
    pub changes: Vec<Option<Value>>,
    /// The road; SOAP imports can be found again by their definition.
    pub route: Route,
    /// Whether rows are added.
    pub insert: InsertMode,
    /// How the service treats imports.
    pub service: Service,
    /// When a person gives an import up.
    pub abandon: Abandon,
    /// Whether the answer to a start may be lost.
    pub loses_starts: bool,
    /// Whether an import may stop half-way with an error.
    pub stops: bool,
    /// A value the service refuses.
    pub refuses: Option<Value>,
    /// Whether reading back may not be permitted, for a time.
    pub forbids_reading: bool,
    /// Whether another writer edits, inserts and deletes.
    pub others_edit: bool,
    /// Whether somebody else starts our import definition; there is one by SOAP only.
    pub others_start: bool,
    /// Whether a start may be refused since the road was closed meanwhile.
    pub closes_road: bool,
    /// Whether [`Invariant::ComesToRest`] is checked.
    pub must_rest: bool,
    /// What the machine does otherwise.
    pub habits: Vec<Habit>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            activations: 1,
            keys: 1,
            changes: vec![None, Some(Value::A), Some(Value::B)],
            route: Route::Rest,
            insert: InsertMode::InsertAndUpdate,
            service: Service::InOrder,
            abandon: Abandon::Never,
            loses_starts: true,
            stops: true,
            refuses: None,
            forbids_reading: false,
            others_edit: false,
            others_start: false,
            closes_road: false,
            must_rest: true,
            habits: Vec::new(),
        }
    }
}

impl Settings {
    pub(super) fn has(&self, habit: Habit) -> bool {
        self.habits.contains(&habit)
    }

    pub(super) fn is_update_only(&self) -> bool {
        self.insert == InsertMode::UpdateOnly
    }
}

/// Where the process of an activation stands; all of it is lost in a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Process {
    /// No process.
    Idle,
    /// About to take up the next open part of an earlier run.
    Resuming,
    /// Looking for an import whose start got lost.
    Finding { part: u8 },
    /// About to put the same file again and to start it again.
    StartingAgain { part: u8 },
    /// The intent is recorded; about to start.
    Starting { part: u8, again: bool },
    /// A number came back.
    Answered { part: u8, import: u8 },
    /// The start was refused for certain.
    Refused { part: u8 },
    /// Waiting for the import to end.
    Watching { part: u8 },
    /// About to settle.
    Settling { part: u8 },
    /// About to remove the file of a part that was settled; of its keys, those whose doubt is over.
    Removing { part: u8, settled: u8 },
    /// About to merge what was confirmed, before the comparison.
    Merging,
    /// About to compare.
    Comparing,
    /// About to drop entries of keys that are gone.
    Dropping { keys: u8 },
    /// About to say that the file will travel.
    Transferring { part: u8 },
    /// About to put the file.
    Putting { part: u8 },
    /// About to record the intent of a start.
    Intending { part: u8 },
    /// About to end older doubts about these keys.
    EndingDoubts { keys: u8 },
    /// About to merge what the run has confirmed.
    MergingOwn,
    /// About to record the end.
    Ending,
    /// A person gave up on an import; about to remove its file.
    Abandoning { part: u8 },
}

/// One activation with its columns of the data extension.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Side {
    /// The model.
    pub model: Rows,
    /// What its columns of the data extension hold; a key without a value has no row.
    pub held: Rows,
    /// Keys that somebody else has edited since we last wrote them.
    pub edited: u8,
    /// The ledger, by number.
    pub ledger: u32,
    /// Remembered refusals.
    pub refused: Rows,
    /// Files at the route, by slot.
    pub files: u8,
    /// Keys of the slot's part that the destination has held since the intent.
    pub applied: [u8; SLOTS],
    pub process: Process,
    /// The slot of the run under way.
    pub run: u8,
}

/// How far an import is at the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    /// It has not read its file.
    Queued,
    /// It has read its file.
    Read,
    /// It has written, and does not say so yet.
    Written(End),
    /// It is known to have ended.
    Ended(End),
}

/// How an import ends, as its receipt tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum End {
    /// Completed, with so many refused rows.
    Completed { errors: u8 },
    /// Stopped with an error.
    Failed,
}

/// An import at the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Import {
    pub side: u8,
    pub part: u8,
    pub rows: Rows,
    pub phase: Phase,
    /// Whether a person gave it up.
    pub is_abandoned: bool,
}

/// A state of the whole machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub sides: Vec<Side>,
    /// Imports of the data extension, in the order of their starts.
    pub imports: Vec<Import>,
}

impl Phase {
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Ended(_))
    }

    /// Whether it may still change the destination.
    pub fn may_write(self, has_file: bool) -> bool {
        matches!(self, Self::Read) || (self == Self::Queued && has_file)
    }
}

impl State {
    pub fn exists(&self, key: usize) -> bool {
        self.sides.iter().any(|it| it.held[key].is_some())
    }

    pub fn imports_of(&self, side: usize, part: u8) -> impl Iterator<Item = &Import> {
        self.imports.iter().filter(move |it| usize::from(it.side) == side && it.part == part)
    }
}

/// Rows as two letters, which are the names of segments and files: what is in them can be read from the ledger.
pub(super) fn letters(rows: &Rows) -> String {
    rows.iter().map(|it| it.map_or('-', Value::letter)).collect()
}

impl Value {
    pub(super) const fn letter(self) -> char {
        match self {
            Self::A => 'A',
            Self::B => 'B',
            Self::C => 'C',
        }
    }

    pub(super) const fn of(letter: u8) -> Option<Self> {
        match letter {
            b'A' => Some(Self::A),
            b'B' => Some(Self::B),
            b'C' => Some(Self::C),
            _ => None,
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ConfirmedWasApplied => "what is confirmed was applied",
            Self::UnchangedIsTrue => "what is judged unchanged is there",
            Self::NoStartOverAnOpenImport => "no import is started over an open one",
            Self::DoubtBeforeStart => "doubt is durable before a start",
            Self::NoFileIsForgotten => "no file is forgotten at the route",
            Self::EventsFollow => "every event can follow",
            Self::ComesToRest => "without faults, the destination comes to hold the model",
        })
    }
}
