//! Faults on demand: which call, and what goes wrong with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Which calls a fault is for. An absent member matches everything; texts match without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// `auth`, `rest`, `soap`, `sftp`, `s3`; imports count as `import`.
    pub door: Option<String>,
    /// HTTP method, SOAP operation (`Retrieve`), or file operation (`login`, `write`, …).
    pub method: Option<String>,
    /// SOAP object type (`ImportDefinition`), file location key; of an import its data extension's key.
    pub object: Option<String>,
    /// A part of the path; of an import a part of its file's name or its definition's key.
    pub path: Option<String>,
    /// So many matching calls pass before the fault begins.
    pub skip: u64,
    /// So many matching calls meet it; absent: all that follow.
    pub times: Option<u64>,
}

impl When {
    fn covers(&self, call: &Call<'_>) -> bool {
        let same = |wanted: &Option<String>, seen: &str| wanted.as_ref().is_none_or(|it| it.eq_ignore_ascii_case(seen));
        same(&self.door, call.door)
            && same(&self.method, call.method)
            && same(&self.object, call.object)
            && self.path.as_ref().is_none_or(|it| call.path.to_lowercase().contains(&it.to_lowercase()))
    }
}

/// What identifies a call to a fault.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The door's name.
    pub door: &'a str,
    /// Method or operation.
    pub method: &'a str,
    /// Object type, location or data extension.
    pub object: &'a str,
    /// Path, file name or definition.
    pub path: &'a str,
}

/// What another writer does to the account, of its own accord.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum OtherWrite {
    /// Inserts a row or updates the one with its key.
    UpsertRow {
        /// Key of the data extension.
        de: String,
        /// Field → text; `null` for NULL.
        values: BTreeMap<String, Option<String>>,
    },
    /// Deletes the row with that key.
    DeleteRow {
        /// Key of the data extension.
        de: String,
        /// Key field → text.
        keys: BTreeMap<String, String>,
    },
    /// Deletes all rows.
    ClearRows {
        /// Key of the data extension.
        de: String,
    },
    /// Deletes the oldest rows, as row retention does.
    ExpireRows {
        /// Key of the data extension.
        de: String,
        /// How many go.
        count: usize,
    },
    /// Drops the data extension and makes it again, empty: new ObjectID, new field ids, same key.
    RecreateDataExtension {
        /// Key of the data extension.
        de: String,
    },
    /// Removes the data extension.
    DropDataExtension {
        /// Key of the data extension.
        de: String,
    },
    /// Drops one field and makes it again under its name: a new field id, values gone.
    RecreateField {
        /// Key of the data extension.
        de: String,
        /// Name of the field.
        field: String,
    },
    /// Starts an import definition, as a person or an automation would.
    StartDefinition {
        /// Key of the definition.
        definition: String,
    },
    /// Stores a file, over an older one.
    PutFile {
        /// Key of the file location.
        location: String,
        /// Path from the root of its store.
        path: String,
        /// The text in it.
        text: String,
    },
    /// Removes a file.
    RemoveFile {
        /// Key of the file location.
        location: String,
        /// Path from the root of its store.
        path: String,
    },
}

/// What a file transfer suffers. The doors carry it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "file", rename_all = "snake_case", deny_unknown_fields)]
pub enum FileFault {
    /// The login, or the signature, is refused.
    LoginRefused,
    /// The connection breaks once so many bytes of the file have been written or read.
    DropConnection {
        /// Bytes of one file until it happens.
        after_bytes: u64,
    },
    /// No space is left once the file has so many bytes.
    NoSpace {
        /// Bytes of one file until it happens.
        after_bytes: u64,
    },
    /// The operation is refused.
    Denied,
    /// Everything seems well, but only so many bytes are kept.
    TruncateSilently {
        /// Bytes that are kept.
        after_bytes: u64,
    },
    /// The operation is done, and the connection breaks before its answer.
    LoseAnswer,
    /// The operation takes so long.
    Delay {
        /// Milliseconds.
        millis: u64,
    },
}

impl FileFault {
    fn begins_at(&self) -> u64 {
        match self {
            Self::DropConnection { after_bytes } | Self::NoSpace { after_bytes } | Self::TruncateSilently { after_bytes } => *after_bytes,
            _ => 0,
        }
    }
}

/// Counters of an import as they are reported, changed after the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CountChange {
    /// Added to `TotalRows`.
    pub total: i64,
    /// Added to `NumberSuccessful`.
    pub successful: i64,
    /// Added to `NumberErrors`.
    pub errors: i64,
    /// Added to `NumberDuplicated`.
    pub duplicated: i64,
    /// Added to `NumberRestricted`.
    pub restricted: i64,
}

/// What goes wrong with an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "import", rename_all = "snake_case", deny_unknown_fields)]
pub enum ImportFault {
    /// Rows are refused by number (data rows, from 1) or by the text of their key: of its fields, with `|` between them.
    RejectRows {
        /// Data rows, the first is 1.
        #[serde(default)]
        rows: Vec<u64>,
        /// Texts of the key.
        #[serde(default)]
        keys: Vec<String>,
        /// The error code, such as `InvalidNumber`.
        code: String,
    },
    /// It stays `Processing` for ever. Its rows may be written all the same.
    NeverFinish {
        /// Whether the rows are written at their time.
        apply: bool,
    },
    /// It ends as `Error` after so many rows were written.
    StopAfterRows {
        /// Rows that are still handled.
        rows: u64,
    },
    /// It begins, and reads its file, only this long after its start.
    BeginLate {
        /// Milliseconds.
        millis: i64,
    },
    /// It read its file in time, and writes the rows only this long afterwards.
    ApplyLate {
        /// Milliseconds.
        millis: i64,
    },
    /// It does not begin until it is released.
    HoldUntilReleased,
    /// After it ended, its counters move.
    ChangeCounts {
        /// So many polls still see the true counters.
        after_polls: u32,
        /// What is added.
        change: CountChange,
    },
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    /// Answered like this; the call has no other effect.
    Refuse {
        /// HTTP status.
        status: u16,
        /// Headers.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// Body.
        #[serde(default)]
        body: String,
    },
    /// Throttled: 429 with `Retry-After`, or what SOAP says instead. The call has no other effect.
    Throttle {
        /// Seconds to wait.
        retry_after_s: u64,
    },
    /// A SOAP fault; the call has no other effect.
    SoapFault {
        /// `Security`, `Server` or `Client`.
        code: String,
        /// The `faultstring`.
        message: String,
    },
    /// Done, and answered late.
    Delay {
        /// Milliseconds.
        millis: u64,
    },
    /// Done, and the answer breaks off.
    Truncate {
        /// Bytes of the body that still leave.
        bytes: usize,
    },
    /// Done, and the answer is lost.
    LoseAnswer,
    /// No answer, and done only so much later.
    ActLate {
        /// Milliseconds.
        millis: i64,
    },
    /// Not done, and no answer.
    DropUnread,
    /// All tokens expire before the call is looked at.
    ExpireTokens,
    /// Another writer acts just before the call.
    Before {
        /// What it does.
        write: OtherWrite,
    },
    /// Another writer acts just after the call.
    After {
        /// What it does.
        write: OtherWrite,
    },
    /// An import goes wrong.
    Import {
        /// How.
        fault: ImportFault,
    },
    /// A file transfer goes wrong.
    File {
        /// How.
        fault: FileFault,
    },
}

/// A fault: which calls, and what goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which calls.
    #[serde(default)]
    pub when: When,
    /// What goes wrong. Spelled `effect: {"effect": "delay", "millis": 5}` in JSON.
    pub effect: Effect,
}

/// A fault that was set, and how often it was met.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SetFault {
    /// Its id, to remove it.
    pub id: u64,
    /// The fault.
    pub fault: Fault,
    /// Matching calls so far.
    pub seen: u64,
    /// Calls that met it.
    pub met: u64,
}

/// All faults that are set.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Faults {
    set: Vec<SetFault>,
    last_id: u64,
}

impl Faults {
    /// Sets a fault and gives its id.
    pub fn add(&mut self, fault: Fault) -> u64 {
        self.last_id += 1;
        self.set.push(SetFault { id: self.last_id, fault, seen: 0, met: 0 });
        self.last_id
    }

    /// Removes a fault; whether it was there.
    pub fn remove(&mut self, id: u64) -> bool {
        let before = self.set.len();
        self.set.retain(|it| it.id != id);
        self.set.len() < before
    }

    /// Removes all.
    pub fn clear(&mut self) {
        self.set.clear();
    }

    /// What is set, in the order of setting.
    pub fn list(&self) -> &[SetFault] {
        &self.set
    }

    /// The effects on this call that `wanted` is interested in; counts the call for those faults only.
    pub(super) fn meet<T>(&mut self, call: &Call<'_>, wanted: impl Fn(&Effect) -> Option<T>) -> Vec<(u64, T)> {
        let mut met = Vec::new();
        for it in &mut self.set {
            let Some(effect) = wanted(&it.fault.effect) else { continue };
            if !it.fault.when.covers(call) {
                continue;
            }
            it.seen += 1;
            let times = it.fault.when.times.unwrap_or(u64::MAX);
            if it.fault.when.skip < it.seen && it.met < times {
                it.met += 1;
                met.push((it.id, effect));
            }
        }
        met
    }

    /// The file fault that strikes now: `bytes_so_far` bytes of this file have passed.
    ///
    /// A fault with a number of bytes waits for them and is counted only once it strikes; a `skip` counts
    /// operations of its kind that got so far.
    pub(super) fn meet_file(&mut self, call: &Call<'_>, bytes_so_far: u64) -> Option<FileFault> {
        self.meet(call, |effect| match effect {
            Effect::File { fault } if fault.begins_at() <= bytes_so_far => Some(fault.clone()),
            _ => None,
        })
        .into_iter()
        .map(|(_, fault)| fault)
        .next()
    }
}
