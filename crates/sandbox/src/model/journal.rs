//! What was asked of the sandbox, in order and without secrets or row values.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// One call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Its number, from 1.
    pub number: u64,
    /// When it arrived, in unix milliseconds.
    pub time_ms: i64,
    /// `auth`, `rest`, `soap`, `sftp`, `s3`.
    pub door: String,
    /// The HTTP method, the SOAP operation, or the file operation.
    pub method: String,
    /// The SOAP object type or the file location; empty elsewhere.
    pub object: String,
    /// The path, without the query.
    pub path: String,
    /// The business unit of the token, where there was a valid one.
    pub account_id: Option<u64>,
    /// The HTTP status, or 0 where nothing was answered.
    pub status: u16,
    /// Bytes of the request's body.
    pub bytes: u64,
    /// The fault that changed this call, by its id.
    pub fault: Option<u64>,
}

/// The newest calls; older ones fall out at the back.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Journal {
    entries: VecDeque<JournalEntry>,
    count: u64,
}

const ENTRIES_MAX: usize = 100_000;

impl Journal {
    /// Appends a call and numbers it.
    pub fn push(&mut self, mut entry: JournalEntry) {
        self.count += 1;
        entry.number = self.count;
        self.entries.push_back(entry);
        if ENTRIES_MAX < self.entries.len() {
            self.entries.pop_front();
        }
    }

    /// The calls that are still remembered, oldest first.
    pub fn entries(&self) -> impl Iterator<Item = &JournalEntry> {
        self.entries.iter()
    }

    /// How many calls there were since the beginning.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Forgets the calls, not their count.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}
