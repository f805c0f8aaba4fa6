//! What a run is doing just now: the latest value wins, nothing is stored, nobody waits for a reader.

use std::fmt;

/// A moment of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Settling what an earlier run has left.
    Resuming {
        /// Parts left.
        parts: usize,
    },
    /// Asking source and destination.
    Resolving,
    /// Reading the keys that the data extension holds.
    ReadingKeys {
        /// Rows read so far.
        rows: u64,
    },
    /// Comparing.
    Comparing {
        /// Rows read so far.
        rows: u64,
        /// Rows that differ so far.
        candidates: u64,
    },
    /// Sorting, striking duplicates.
    Sealing,
    /// Making the data extension.
    CreatingTable,
    /// Making columns longer.
    WideningColumns {
        /// How many.
        columns: usize,
    },
    /// Creating columns.
    AddingColumns {
        /// How many.
        columns: usize,
    },
    /// Sending a file.
    Transferring {
        /// The part, from 1.
        part: u32,
        /// All parts.
        parts: u32,
        /// Bytes acknowledged so far.
        bytes: u64,
        /// Bytes of the part.
        of: u64,
    },
    /// Waiting for an import.
    Importing {
        /// The part, from 1.
        part: u32,
        /// All parts.
        parts: u32,
        /// The state in a word.
        state: String,
    },
    /// Deleting rows that have left the model.
    Deleting {
        /// The part, from 1.
        part: u32,
        /// Its rows.
        rows: u64,
    },
    /// Reading rows back to settle a part.
    ReadingBack {
        /// The part, from 1.
        part: u32,
        /// Rows read so far.
        rows: u64,
        /// Rows in doubt.
        of: u64,
    },
    /// Writing the baseline.
    Settling {
        /// The part, from 1.
        part: u32,
    },
    /// Over.
    Done,
}

/// Takes progress; never blocks.
pub trait ProgressSink: fmt::Debug + Send + Sync {
    /// Replaces the latest value.
    fn show(&self, activation: &str, progress: Progress);
}

/// Shows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl ProgressSink for NoProgress {
    fn show(&self, _: &str, _: Progress) {}
}
