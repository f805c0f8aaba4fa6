//! The bucket index: where the entries begin whose keys share their top bits.

use crate::entry::{EntryBytes, key_of};
use crate::layout::{BUCKET_BITS_MAX, WORD_BYTES};

/// A bucket has this many entries on average, up to twice as many.
///
/// What a question costs is the pages of memory it goes to. An index of half a byte an entry stays in the processor's caches, and where in its
/// bucket a key is can be guessed well enough. With one entry a bucket, four bytes an entry, a probe of 10 M entries took half as long again.
const ENTRIES_PER_BUCKET: u64 = 8;

/// Buckets that may exist beyond those the entries so far justify, so that chance among the first entries costs no bits.
const BUCKETS_SPARE: u64 = 4096;

/// The bucket of a key: its top `bits` bits.
#[inline]
pub(crate) const fn bucket(key: u128, bits: u32) -> usize {
    // Two shifts, as one by 64 for no bits at all would not be defined.
    (((key >> 64) as u64 >> 1) >> (BUCKET_BITS_MAX + 32 - bits)) as usize
}

/// Collects the index while entries arrive in key order and their number is not yet known.
///
/// Keys are keyed hashes, so they arrive evenly: what share of the key space has passed after `n` entries tells how many there
/// will be. It begins with the finest buckets and halves their number whenever there are more of them than the entries justify.
/// Keys that are not even cost speed, as buckets stay coarse, but neither memory nor correctness.
#[derive(Debug)]
pub(crate) struct IndexBuilder {
    bits: u32,
    /// For each bucket up to the latest key's, the position of the first entry in it or after it.
    starts: Vec<u32>,
}

impl IndexBuilder {
    pub(crate) fn new() -> Self {
        Self { bits: BUCKET_BITS_MAX, starts: Vec::new() }
    }

    /// Takes the entry at `position`, whose key is not below the one before.
    #[inline]
    pub(crate) fn push(&mut self, key: u128, position: u32) {
        while bucket(key, self.bits) >= self.starts.len() {
            let justified = u64::from(position) / ENTRIES_PER_BUCKET;
            let buckets_max = justified + justified / 8 + BUCKETS_SPARE;
            let latest = bucket(key, self.bits);
            if latest as u64 >= buckets_max {
                self.halve();
            } else {
                self.starts.resize(latest + 1, position);
            }
        }
    }

    /// Ends the index of `entries` entries: the bits that choose a bucket, and the start of each bucket and the end of the last.
    pub(crate) fn finish(mut self, entries: u32) -> (u32, Vec<u32>) {
        let wanted = (u64::from(entries) / ENTRIES_PER_BUCKET).checked_ilog2().unwrap_or(0);
        while self.bits > wanted {
            self.halve();
        }
        self.starts.resize((1 << self.bits) + 1, entries);
        (self.bits, self.starts)
    }

    /// Joins neighbours: a coarser bucket begins where its first half began.
    fn halve(&mut self) {
        self.bits -= 1;
        let buckets = self.starts.len().div_ceil(2);
        for coarse in 1..buckets {
            self.starts[coarse] = self.starts[2 * coarse];
        }
        self.starts.truncate(buckets);
    }
}

/// The first position that an index states and that is not the start of that bucket, for entries in key order.
///
/// Looks at both sides of every start, which no branch has to guess; walking from entry to entry was several times slower.
pub(crate) fn first_mistake(entries: &[EntryBytes], index: &[[u8; WORD_BYTES]], bits: u32) -> Option<u64> {
    let bucket_at = |position: usize| bucket(key_of(&entries[position]).0, bits);
    let is_start = |number: usize, start: usize| {
        start <= entries.len() && (start == 0 || bucket_at(start - 1) < number) && (start == entries.len() || bucket_at(start) >= number)
    };
    let starts = index.iter().map(|start| u32::from_le_bytes(*start) as usize);
    starts.enumerate().find(|&(number, start)| !is_start(number, start)).map(|(_, start)| start as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(keys: &[u128]) -> (u32, Vec<u32>) {
        let mut builder = IndexBuilder::new();
        for (position, &key) in keys.iter().enumerate() {
            builder.push(key, position as u32);
        }
        builder.finish(keys.len() as u32)
    }

    fn check(keys: &[u128], bits: u32) {
        let (found, starts) = built(keys);
        assert_eq!(found, bits);
        let naive = (0..=1usize << bits).map(|it| keys.iter().filter(|&&key| bucket(key, bits) < it).count() as u32);
        assert!(naive.eq(starts), "{} keys", keys.len());
    }

    #[test]
    fn a_bucket_is_the_top_bits_of_the_key() {
        assert_eq!(bucket(u128::MAX, 0), 0);
        assert_eq!(bucket(u128::MAX, 1), 1);
        assert_eq!(bucket(u128::MAX, 31), (1 << 31) - 1);
        assert_eq!(bucket(1 << 125, 4), 2);
    }

    #[test]
    fn one_entry_has_one_bucket() {
        check(&[], 0);
        check(&[u128::MAX], 0);
        check(&[0], 0);
    }

    #[test]
    fn even_keys_fill_their_buckets() {
        let step = u128::MAX / 1000;
        check(&(0..1000).map(|it| it * step).collect::<Vec<_>>(), 6);
        let step = u128::MAX / 20_000;
        let (bits, _) = built(&(0..20_000).map(|it| it * step).collect::<Vec<_>>());
        assert_eq!(bits, 11, "2,500 buckets wanted, rounded down to a power of two");
    }

    #[test]
    fn keys_that_crowd_at_one_end_keep_a_right_index() {
        check(&(0..1000).collect::<Vec<_>>(), 6);
        check(&(0..1000).map(|it| u128::MAX - 999 + it).collect::<Vec<_>>(), 6);
        // Too crowded for fine buckets: after the first key only some of the spare ones are left.
        let crowded: Vec<u128> = (0..400_000).map(|it| u128::MAX - 399_999 + it).collect();
        let (bits, starts) = built(&crowded);
        assert!(bits <= 12);
        assert_eq!(starts[(1 << bits) - 1], 0);
        assert_eq!(starts[1 << bits], 400_000);
    }
}
