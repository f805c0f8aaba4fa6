//! The bucket index: where the entries begin whose keys share their top bits, and how they spread over the bucket.

use std::ops::Range;

use crate::entry::{EntryBytes, key_high_of, key_of};
use crate::layout::{BUCKET_BITS_MAX, BUCKET_BYTES};

/// A bucket has this many entries on average, up to twice as many.
///
/// What a question costs is the memory it goes to. An index of half a byte to one byte an entry stays near the processor, and its counts tell where
/// in its bucket a key is, give or take one entry: so hardly more is fetched of the entries than the one that was asked for.
const ENTRIES_PER_BUCKET: u64 = 8;

/// Buckets that may exist beyond those the entries so far justify, so that chance among the first entries costs no bits.
const BUCKETS_SPARE: u64 = 4096;

/// The bucket of a key: its top `bits` bits.
#[inline]
pub(crate) const fn bucket(key: u128, bits: u32) -> usize {
    // Two shifts, as one by 64 for no bits at all would not be defined.
    (((key >> 64) as u64 >> 1) >> (BUCKET_BITS_MAX + 32 - bits)) as usize
}

/// The eighth of its bucket that a key lies in: the three bits behind those that choose the bucket.
#[inline]
const fn eighth(key_high: u64, bits: u32) -> u32 {
    (key_high << bits >> 61) as u32
}

/// How many entries each eighth of a bucket has, in four bits each; [`Counts::MANY`] of them or more are not told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts(u32);

impl Counts {
    const MANY: u32 = 15;

    #[inline]
    const fn of(self, eighth: u32) -> u32 {
        self.0 >> (4 * eighth) & Self::MANY
    }

    /// How many entries lie before an eighth; of no meaning where there are many in one.
    #[inline]
    const fn before(self, eighth: u32) -> u32 {
        let counts = self.0 & ((1 << (4 * eighth)) - 1);
        let in_bytes = (counts & 0x0f0f_0f0f) + (counts >> 4 & 0x0f0f_0f0f);
        in_bytes.wrapping_mul(0x0101_0101) >> 24
    }

    #[inline]
    const fn has_many(self) -> bool {
        self.0 & self.0 >> 1 & self.0 >> 2 & self.0 >> 3 & 0x1111_1111 != 0
    }

    #[inline]
    fn add(&mut self, eighth: u32) {
        if self.of(eighth) < Self::MANY {
            self.0 += 1 << (4 * eighth);
        }
    }

    /// The counts of the bucket that two neighbours become.
    const fn joined(self, next: Self) -> Self {
        Self(self.in_pairs() | next.in_pairs() << 16)
    }

    /// The sums of neighbouring eighths, in the low 16 bits.
    const fn in_pairs(self) -> u32 {
        let sums = (self.0 & 0x0f0f_0f0f) + (self.0 >> 4 & 0x0f0f_0f0f);
        let too_many = ((sums + 0x7070_7070) & 0x8080_8080) >> 7;
        let capped = (sums | (too_many * Self::MANY)) & 0x0f0f_0f0f;
        let in_two = (capped | capped >> 4) & 0x00ff_00ff;
        (in_two | in_two >> 8) & 0xffff
    }
}

/// The entries that a key may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Candidates {
    /// The position of the first of them.
    pub(crate) first: u32,
    /// How many there are; `u32::MAX` where that is not known, and the bucket has to be searched.
    pub(crate) len: u32,
}

impl Candidates {
    pub(crate) const UNKNOWN_LEN: u32 = u32::MAX;
}

/// The index of a segment, where it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Index<'a> {
    buckets: &'a [[u8; BUCKET_BYTES]],
    bits: u32,
}

impl<'a> Index<'a> {
    /// An index of 2^`bits` buckets and the end of the last.
    pub(crate) const fn new(buckets: &'a [[u8; BUCKET_BYTES]], bits: u32) -> Self {
        Self { buckets, bits }
    }

    /// Asks for the part of the index that tells where `key` would be.
    #[inline(always)]
    pub(crate) fn prefetch(&self, key: u128) {
        crate::raw::prefetch(self.buckets, bucket(key, self.bits));
    }

    /// The entries that `key` may be, as the index says.
    #[inline(always)]
    pub(crate) fn candidates(&self, key: u128) -> Candidates {
        let (start, counts) = self.read(bucket(key, self.bits));
        let eighth = eighth((key >> 64) as u64, self.bits);
        let len = if counts.has_many() { Candidates::UNKNOWN_LEN } else { counts.of(eighth) };
        // A segment that opened keeps its promises, and a sum that goes round leads to no entry.
        Candidates { first: start.wrapping_add(counts.before(eighth)), len }
    }

    /// Where the entries of `key`'s bucket lie.
    pub(crate) fn bucket_of(&self, key: u128) -> Range<usize> {
        let bucket = bucket(key, self.bits);
        self.read(bucket).0 as usize..self.read(bucket + 1).0 as usize
    }

    #[inline(always)]
    fn read(&self, bucket: usize) -> (u32, Counts) {
        let word = u64::from_le_bytes(self.buckets[bucket]);
        (word as u32, Counts((word >> 32) as u32))
    }

    /// How many buckets there are, the end of the last one among them.
    pub(crate) const fn len(&self) -> usize {
        self.buckets.len()
    }

    /// The first position where entries and some of the buckets disagree, for entries in key order. Each bucket is held against the next one too:
    /// where all buckets were looked at, in any pieces, the index is right.
    pub(crate) fn first_mistake(&self, entries: &[EntryBytes], buckets: Range<usize>) -> Option<u64> {
        for number in buckets {
            let (start, stated) = self.read(number);
            let (position, is_last) = (start as usize, number + 1 == self.buckets.len());
            let end = if is_last { position } else { self.read(number + 1).0 as usize };
            if number == 0 && position != 0 || is_last && position != entries.len() {
                return Some(u64::from(start));
            }
            let Some(held) = entries.get(position..end) else { return Some(end as u64) };
            let is_here = |entry: Option<&EntryBytes>| entry.is_none_or(|it| bucket(key_of(it).0, self.bits) == number);
            if !is_here(held.first()) || !is_here(held.last()) || self.counted(held) != stated {
                return Some(u64::from(start));
            }
        }
        None
    }

    /// The counts of these entries of one bucket.
    #[inline]
    fn counted(&self, entries: &[EntryBytes]) -> Counts {
        let eighths = entries.iter().map(|it| eighth(key_high_of(it), self.bits));
        if entries.len() > Counts::MANY as usize {
            let mut counts = Counts::default();
            eighths.for_each(|it| counts.add(it));
            return counts;
        }
        // None can be too many, which nobody needs to ask then.
        Counts(eighths.map(|it| 1 << (4 * it)).sum())
    }
}

/// Collects the index while entries arrive in key order and their number is not yet known.
///
/// Keys are keyed hashes, so they arrive evenly: what share of the key space has passed after `n` entries tells how many there
/// will be. It begins with the finest buckets and halves their number whenever there are more of them than the entries justify.
/// Keys that are not even cost speed, as buckets stay coarse, but neither memory nor correctness.
#[derive(Debug)]
pub(crate) struct IndexBuilder {
    bits: u32,
    /// Of each bucket up to the latest key's, the position of the first entry in it or after it, and the counts of its eighths.
    buckets: Vec<(u32, Counts)>,
}

impl IndexBuilder {
    pub(crate) fn new() -> Self {
        Self { bits: BUCKET_BITS_MAX, buckets: Vec::new() }
    }

    /// Takes the entry at `position`, whose key is not below the one before.
    #[inline]
    pub(crate) fn push(&mut self, key: u128, position: u32) {
        while bucket(key, self.bits) >= self.buckets.len() {
            let justified = u64::from(position) / ENTRIES_PER_BUCKET;
            let buckets_max = justified + justified / 8 + BUCKETS_SPARE;
            let latest = bucket(key, self.bits);
            if latest as u64 >= buckets_max {
                self.halve();
            } else {
                self.buckets.resize(latest + 1, (position, Counts::default()));
            }
        }
        self.buckets[bucket(key, self.bits)].1.add(eighth((key >> 64) as u64, self.bits));
    }

    /// Ends the index of `entries` entries: the bits that choose a bucket, and the bytes of each bucket and of the end of the last.
    pub(crate) fn finish(mut self, entries: u32) -> (u32, impl Iterator<Item = [u8; BUCKET_BYTES]>) {
        let wanted = (u64::from(entries) / ENTRIES_PER_BUCKET).checked_ilog2().unwrap_or(0);
        while self.bits > wanted {
            self.halve();
        }
        self.buckets.resize((1 << self.bits) + 1, (entries, Counts::default()));
        let bytes = |(start, counts): (u32, Counts)| (u64::from(counts.0) << 32 | u64::from(start)).to_le_bytes();
        (self.bits, self.buckets.into_iter().map(bytes))
    }

    /// Joins neighbours: a coarser bucket begins where its first half began.
    fn halve(&mut self) {
        self.bits -= 1;
        let buckets = self.buckets.len().div_ceil(2);
        for coarse in 0..buckets {
            let (start, counts) = self.buckets[2 * coarse];
            let next = self.buckets.get(2 * coarse + 1).map_or_else(Counts::default, |it| it.1);
            self.buckets[coarse] = (start, counts.joined(next));
        }
        self.buckets.truncate(buckets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bits, and of each bucket its start and the entries of its eighths.
    fn built(keys: &[u128]) -> (u32, Vec<(u32, [u32; 8])>) {
        let mut builder = IndexBuilder::new();
        for (position, &key) in keys.iter().enumerate() {
            builder.push(key, position as u32);
        }
        let (bits, bytes) = builder.finish(keys.len() as u32);
        let bytes: Vec<_> = bytes.collect();
        let index = Index::new(&bytes, bits);
        let entries: Vec<EntryBytes> = keys.iter().map(|it| std::array::from_fn(|at| *it.to_le_bytes().get(at).unwrap_or(&0))).collect();
        assert_eq!(index.first_mistake(&entries, 0..bytes.len()), None);
        let read = |number| {
            let (start, counts) = index.read(number);
            (start, std::array::from_fn(|at| counts.of(at as u32)))
        };
        (bits, (0..bytes.len()).map(read).collect())
    }

    fn check(keys: &[u128], bits: u32) {
        let (found, buckets) = built(keys);
        assert_eq!(found, bits);
        let before = |it: usize| keys.iter().filter(|&&key| bucket(key, bits) < it).count() as u32;
        let of_eighth = |it: usize| keys.iter().filter(|&&key| (key >> (125 - bits)) as usize == it).count().min(15) as u32;
        let naive = (0..=1usize << bits).map(|it| (before(it), std::array::from_fn(|eighth| of_eighth(8 * it + eighth))));
        assert!(naive.eq(buckets), "{} keys", keys.len());
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
    fn a_key_is_in_its_place() {
        let keys: Vec<u128> = (0..20_000_u128).map(|it| it * (u128::MAX / 20_000) + it % 3).collect();
        let mut builder = IndexBuilder::new();
        keys.iter().enumerate().for_each(|(position, &key)| builder.push(key, position as u32));
        let (bits, bytes) = builder.finish(20_000);
        let bytes: Vec<_> = bytes.collect();
        for (position, &key) in keys.iter().enumerate() {
            let Candidates { first, len } = Index::new(&bytes, bits).candidates(key);
            assert!((first as usize..(first + len) as usize).contains(&position), "{position}: {first} and {len} more");
            assert!(len <= 2);
        }
    }

    #[test]
    fn a_sum_of_counts_leaves_out_what_comes_after() {
        let counts = Counts(0x8765_4321);
        assert_eq!((0..8).map(|it| counts.before(it)).collect::<Vec<_>>(), [0, 1, 3, 6, 10, 15, 21, 28]);
        assert!(!counts.has_many() && Counts(0x0f00_0000).has_many() && !Counts(0xe7ee_bdee).has_many());
    }

    proptest::proptest! {
        #[test]
        fn neighbours_join_to_the_sums_of_their_eighths(one: u32, next: u32) {
            let (one, next) = (Counts(one), Counts(next));
            let of_both: Vec<u32> = (0..8).map(|at| one.of(at)).chain((0..8).map(|at| next.of(at))).collect();
            let sums: Vec<u32> = of_both.chunks(2).map(|it| (it[0] + it[1]).min(15)).collect();
            proptest::prop_assert_eq!((0..8).map(|at| one.joined(next).of(at)).collect::<Vec<_>>(), sums);
        }
    }

    #[test]
    fn an_index_that_tells_otherwise_than_the_entries_is_noticed() {
        let keys: Vec<u128> = (0..1000).map(|it| it * (u128::MAX / 1000)).collect();
        let entries: Vec<EntryBytes> = keys.iter().map(|it| std::array::from_fn(|at| *it.to_le_bytes().get(at).unwrap_or(&0))).collect();
        let mut builder = IndexBuilder::new();
        keys.iter().enumerate().for_each(|(position, &key)| builder.push(key, position as u32));
        let (bits, bytes) = builder.finish(1000);
        let right: Vec<_> = bytes.collect();
        for bucket in 0..right.len() {
            for bit in 0..64 {
                let mut wrong = right.clone();
                wrong[bucket][bit / 8] ^= 1 << (bit % 8);
                let (here, there) = (Index::new(&wrong, bits), wrong.len() / 2);
                let mistakes = [here.first_mistake(&entries, 0..there), here.first_mistake(&entries, there..wrong.len())];
                assert_ne!(mistakes, [None; 2], "bit {bit} of bucket {bucket}");
            }
        }
        assert!(Index::new(&right, bits).first_mistake(&entries[1..], 0..right.len()).is_some());
    }

    #[test]
    fn keys_that_crowd_at_one_end_keep_a_right_index() {
        check(&(0..1000).collect::<Vec<_>>(), 6);
        check(&(0..1000).map(|it| u128::MAX - 999 + it).collect::<Vec<_>>(), 6);
        // Too crowded for fine buckets: after the first key only some of the spare ones are left.
        let crowded: Vec<u128> = (0..400_000).map(|it| u128::MAX - 399_999 + it).collect();
        let (bits, buckets) = built(&crowded);
        assert!(bits <= 12);
        assert_eq!(buckets[(1 << bits) - 1], (0, [0, 0, 0, 0, 0, 0, 0, 15]));
        assert_eq!(buckets[1 << bits], (400_000, [0; 8]));
    }
}
