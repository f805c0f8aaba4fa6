//! Sorts the records of a bucket by key and finds the keys that occur more than once in the model.
//!
//! A key with several rows is a duplicate, and none of its rows is sent, since which of them is right nobody can tell. Only
//! where all its rows are the same there is nothing to choose: one stays, and the others are copies.

use crate::record::{Packed, Record};
use crate::spread::bucket_of;

/// Runs of records are sorted apart once they share so many bits of the key that few are left in each.
const SORT_BITS_MAX: u32 = 16;

/// Why a bucket could not be sealed. All of these mean that the spool was damaged or mixed up: the run must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The bucket has other records than were spread.
    #[error("bucket {bucket} of the spool has {found} bytes where {expected} records of 40 bytes were written; run again")]
    Length {
        /// The bucket.
        bucket: u8,
        /// Bytes found.
        found: usize,
        /// Records expected.
        expected: u64,
    },
    /// A record that belongs to another bucket or that no writer wrote.
    #[error("record {record} in bucket {bucket} of the spool is not one that was written there; run again")]
    Foreign {
        /// The bucket.
        bucket: u8,
        /// The record, counted from 0.
        record: usize,
    },
    /// A bug: records were lost or doubled by the seal itself.
    #[error("bucket {bucket}: {recorded} records became {settled}; nothing was sent; this is a bug in outflow, please report it")]
    Conservation {
        /// The bucket.
        bucket: u8,
        /// Records that went in.
        recorded: u64,
        /// Records that came out.
        settled: u64,
    },
}

/// What became of the records; adds up over buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SealCounts {
    /// Records that went in: the sum of `kept`, `struck` and `copies`.
    pub recorded: u64,
    /// Rows that stay what their record says.
    pub kept: u64,
    /// Rows of duplicate keys.
    pub struck: u64,
    /// Rows equal to one that stays, recorded or not.
    pub copies: u64,
    /// Duplicate keys.
    pub duplicate_keys: u64,
    /// Unchanged rows that were not recorded, lie in no part, and turned out to belong to a duplicate key: these count as
    /// `duplicate_key` and no longer as `unchanged`.
    pub duplicates_unrecorded: u64,
}

impl SealCounts {
    /// Adds the counts of another bucket.
    pub const fn add(&mut self, other: &Self) {
        self.recorded += other.recorded;
        self.kept += other.kept;
        self.struck += other.struck;
        self.copies += other.copies;
        self.duplicate_keys += other.duplicate_keys;
        self.duplicates_unrecorded += other.duplicates_unrecorded;
    }
}

/// A sealed bucket.
#[derive(Debug, Default)]
pub struct Sealed {
    kept: Vec<Packed>,
    struck: Vec<Packed>,
    copies: Vec<Packed>,
    counts: SealCounts,
}

impl Sealed {
    /// One record per key, in key order: rows that stay what their record says.
    pub fn kept(&self) -> impl ExactSizeIterator<Item = Record> + '_ {
        self.kept.iter().map(Packed::record)
    }

    /// All records of duplicate keys, in key order. Those with a place are struck from their parts.
    pub fn struck(&self) -> impl ExactSizeIterator<Item = Record> + '_ {
        self.struck.iter().map(Packed::record)
    }

    /// Records of rows that equal one that stays, in key order. Those with a place are struck from their parts.
    pub fn copies(&self) -> impl ExactSizeIterator<Item = Record> + '_ {
        self.copies.iter().map(Packed::record)
    }

    /// What became of the records.
    #[must_use]
    pub const fn counts(&self) -> SealCounts {
        self.counts
    }

    fn clear(&mut self) {
        self.kept.clear();
        self.struck.clear();
        self.copies.clear();
        self.counts = SealCounts::default();
    }
}

/// Seals one bucket after the other, keeping its memory: some 80 bytes per record of the largest bucket.
///
/// Keys are keyed hashes, so the largest of 256 buckets has hardly more than its share. A key that a source repeats millions of times
/// lands in one bucket with all its rows; that bucket is then as large as its rows are many.
#[derive(Debug, Default)]
pub struct Sealer {
    sorted: Vec<Packed>,
    starts: Vec<u32>,
    sealed: Sealed,
}

impl Sealer {
    /// A sealer that has not taken memory yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Seals the records of `bucket`: all `bytes` that the spreaders appended to it, `expected` records by their count.
    ///
    /// Which row of several equal ones is kept does not depend on the order of the records: the one that was probed first where the
    /// key is in the baseline, otherwise that of the lowest place.
    ///
    /// # Errors
    /// When the bytes are not the records that were spread.
    pub fn seal(&mut self, bucket: u8, bytes: &[u8], expected: u64) -> Result<&Sealed, SealError> {
        let (records, rest) = bytes.as_chunks::<{ Record::BYTES }>();
        if !rest.is_empty() || records.len() as u64 != expected {
            return Err(SealError::Length { bucket, found: bytes.len(), expected });
        }
        let foreign = records.iter().position(|bytes| {
            let packed = Packed::of_bytes(bytes);
            !packed.is_known() || bucket_of(packed.record().key) != bucket
        });
        if let Some(record) = foreign {
            return Err(SealError::Foreign { bucket, record });
        }
        self.sort(records);
        self.sealed.clear();
        for group in self.sorted.chunk_by(|one, next| one.key() == next.key()) {
            self.sealed.settle(group);
        }
        let counts = &mut self.sealed.counts;
        counts.recorded = expected;
        counts.kept = self.sealed.kept.len() as u64;
        counts.struck = self.sealed.struck.len() as u64;
        counts.copies = self.sealed.copies.len() as u64;
        let settled = counts.kept + counts.struck + counts.copies;
        if settled != expected {
            return Err(SealError::Conservation { bucket, recorded: expected, settled });
        }
        Ok(&self.sealed)
    }

    /// Gives away the bucket sealed last, to be looked at while the next one is sealed in new memory.
    pub fn give_away(&mut self) -> Sealed {
        std::mem::take(&mut self.sealed)
    }

    /// Sorts by key, the first-probed and lowest place of equal keys first.
    ///
    /// The bits after those that chose the bucket are as evenly spread as a hash is, so most records come to lie in their place, or
    /// next to it, by counting alone. Keys that are not so are still sorted, at the usual cost.
    fn sort(&mut self, records: &[[u8; Record::BYTES]]) {
        let bits = records.len().checked_ilog2().unwrap_or(0).min(SORT_BITS_MAX);
        let slot = |key_high: u64| (key_high << 8 >> 1 >> (63 - bits)) as usize;
        let key_high = |bytes: &[u8; Record::BYTES]| Packed::of_bytes(bytes).key_high;
        self.starts.clear();
        self.starts.resize((1 << bits) + 1, 0);
        for bytes in records {
            self.starts[slot(key_high(bytes)) + 1] += 1;
        }
        let mut sum = 0;
        for start in &mut self.starts {
            sum += *start;
            *start = sum;
        }
        self.sorted.clear();
        self.sorted.resize(records.len(), Packed::default());
        // Each start moves on to its slot's end, which is the next slot's start.
        for bytes in records {
            let packed = Packed::of_bytes(bytes);
            let next = &mut self.starts[slot(packed.key_high)];
            self.sorted[*next as usize] = packed;
            *next += 1;
        }
        let mut first = 0;
        for &end in &self.starts[..1 << bits] {
            let run = &mut self.sorted[first..end as usize];
            if run.len() > 1 {
                run.sort_unstable_by_key(|it| (it.key(), it.again(), it.part, it.row_in_part));
            }
            first = end as usize;
        }
    }
}

impl Packed {
    fn key(&self) -> (u64, u64) {
        (self.key_high, self.key_low)
    }

    /// Whether two rows of one key say the same. What an invalid row would have said is not known, so it equals no valid one.
    fn is_copy_of(&self, other: &Self) -> bool {
        self.row() == other.row() && self.is_invalid() == other.is_invalid()
    }
}

impl Sealed {
    /// Decides about all records of one key.
    fn settle(&mut self, group: &[Packed]) {
        let first = &group[0];
        // Where even the first record says "again", the row probed first was an unchanged one that nobody recorded.
        let unrecorded = first.again();
        let first_is_the_unrecorded = || first.row() == first.old_row() && !first.is_invalid();
        let all_equal = group.iter().all(|it| it.is_copy_of(first)) && (!unrecorded || first_is_the_unrecorded());
        match (all_equal, unrecorded) {
            (true, true) => self.copies.extend_from_slice(group),
            (true, false) => {
                self.kept.push(*first);
                self.copies.extend_from_slice(&group[1..]);
            }
            (false, _) => {
                self.struck.extend_from_slice(group);
                self.counts.duplicate_keys += 1;
                self.counts.duplicates_unrecorded += u64::from(unrecorded);
            }
        }
    }
}
