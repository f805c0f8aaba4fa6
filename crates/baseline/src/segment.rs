//! A segment in place: checked whole once, then searched where it lies.

use std::fmt;
use std::ops::Range;

use outflow_domain::KeyFingerprint;

use crate::entry::{ENTRY_BYTES, Entry, EntryBytes, Update, Value, key_high_of, key_of, value_of};
use crate::error::{Damage, OpenError};
use crate::header::{Expect, Header, Kind};
use crate::index::{bucket, first_mistake};
use crate::layout::{BLOCK_BYTES, Footer, HEADER_BYTES, Layout, SegmentInfo, WORD_BYTES};
use crate::raw::{prefetch, prefetch_bytes};

/// Bytes that memory is fetched by.
const CACHE_LINE_BYTES: isize = 64;
/// Entries that are compared at once.
const WINDOW: usize = 8;
/// Bytes of these.
const WINDOW_BYTES: isize = (WINDOW * ENTRY_BYTES) as isize;

/// A segment, read where it lies: a memory map, a `Vec<u8>`, or any other bytes.
///
/// Opening reads all of it once; after that only what is asked for is touched. A clone is as whole as what it was cloned from.
#[derive(Clone)]
pub struct Segment<B> {
    bytes: B,
    header: Header,
    info: SegmentInfo,
    footer: Footer,
    layout: Layout,
}

impl<B: AsRef<[u8]>> Segment<B> {
    /// Opens a segment that is whole and the one expected: header, lengths, every checksum, the order of the keys and the index.
    ///
    /// # Errors
    /// The first difference found; see [`OpenError::remedy`].
    pub fn open(bytes: B, expect: &Expect) -> Result<Self, OpenError> {
        let (header, footer, layout, info) = check(bytes.as_ref(), expect)?;
        Ok(Self { bytes, header, info, footer, layout })
    }

    /// The same segment for somebody who may expect another: its bytes were checked when it was opened, and need not be read again.
    ///
    /// # Errors
    /// As [`Segment::open`], of header and name.
    pub fn for_whom_expects(&self, expect: &Expect) -> Result<Self, OpenError>
    where
        B: Clone,
    {
        expect.check(&self.header)?;
        match expect.named.filter(|&named| named != self.info) {
            Some(named) => Err(OpenError::NotTheNamedFile { found: self.info, named }),
            None => Ok(self.clone()),
        }
    }

    /// Whose segment this is.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// What names this segment in the ledger.
    #[must_use]
    pub const fn info(&self) -> SegmentInfo {
        self.info
    }

    /// Entries, dropped keys among them.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.footer.entries
    }

    /// Whether there is no entry at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.footer.entries == 0
    }

    /// How many of the entries are dropped keys; none outside a delta.
    #[must_use]
    pub const fn dropped_len(&self) -> u64 {
        self.footer.dropped
    }

    /// What each entry says, in key order.
    pub fn updates(&self) -> impl ExactSizeIterator<Item = Update> + '_ {
        self.view().entries.iter().map(Update::of_bytes)
    }

    /// The rows, in key order; dropped keys are left out.
    pub fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        self.updates().filter_map(|update| match update {
            Update::Put(entry) => Some(entry),
            Update::Drop(_) => None,
        })
    }

    /// What this segment says of a key.
    #[must_use]
    pub fn get(&self, key: KeyFingerprint) -> Option<Update> {
        let view = self.view();
        let position = view.find(key)?;
        Some(Update::of_bytes(&view.entries[position]))
    }

    pub(crate) fn view(&self) -> View<'_> {
        View::of(self.bytes.as_ref(), &self.footer, &self.layout)
    }
}

impl<B> fmt::Debug for Segment<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segment").field("header", &self.header).field("info", &self.info).finish_non_exhaustive()
    }
}

/// The sections of a segment's bytes.
///
/// Made afresh for each batch of questions: bytes behind an `AsRef` may differ from call to call, and a slice that was checked
/// once can be indexed without trusting them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) entries: &'a [EntryBytes],
    index: &'a [[u8; WORD_BYTES]],
    bucket_bits: u32,
}

impl<'a> View<'a> {
    fn of(bytes: &'a [u8], footer: &Footer, layout: &Layout) -> Self {
        let (entries, _) = bytes[HEADER_BYTES..layout.entries_end].as_chunks::<ENTRY_BYTES>();
        let (index, _) = bytes[layout.entries_end..layout.index_end].as_chunks::<WORD_BYTES>();
        Self { entries, index, bucket_bits: footer.bucket_bits }
    }

    /// Asks for the part of the index that tells where `key` would be.
    #[inline(always)]
    pub(crate) fn prefetch_index(&self, key: KeyFingerprint) {
        prefetch(self.index, bucket(key.0, self.bucket_bits));
    }

    /// Guesses where `key` is, and asks for the entries there.
    #[inline(always)]
    pub(crate) fn prefetch_entries(&self, key: KeyFingerprint) -> u32 {
        let first = self.window_start(key);
        // Every line of the window: one line in ten left out here would cost more than all that are asked for.
        for byte in (0..WINDOW_BYTES).step_by(CACHE_LINE_BYTES as usize) {
            prefetch_bytes(self.entries, first, byte);
        }
        prefetch_bytes(self.entries, first, WINDOW_BYTES - 1);
        first as u32
    }

    /// The position of `key`.
    #[inline(always)]
    pub(crate) fn find(&self, key: KeyFingerprint) -> Option<usize> {
        self.find_from(self.window_start(key), key)
    }

    /// Where the entries begin that `key` is most likely among.
    ///
    /// Keys are hashes, so within a bucket they lie evenly: the bits behind those that chose the bucket tell how far into it the key is,
    /// give or take one or two entries.
    #[inline(always)]
    fn window_start(&self, key: KeyFingerprint) -> usize {
        let range = self.range(key);
        let share = ((key.0 >> 64) as u64) << self.bucket_bits >> 32;
        let before = (share * range.len() as u64) >> 32;
        range.start + (before as usize).saturating_sub(WINDOW / 2)
    }

    /// The position of `key`, which is most likely among the entries from `start` on.
    ///
    /// How many entries are below a key is a matter of chance, which no branch predictor foresees. So a few entries are compared all,
    /// without a branch, whether or not the bucket has as many: those of other buckets are below or above the key in any case.
    #[inline(always)]
    pub(crate) fn find_from(&self, start: usize, key: KeyFingerprint) -> Option<usize> {
        let window = self.entries.get(start..).and_then(<[EntryBytes]>::first_chunk::<WINDOW>);
        if let Some(window) = window {
            let high = (key.0 >> 64) as u64;
            let below = window.iter().map(|entry| usize::from(key_high_of(entry) < high)).sum::<usize>();
            if let Some(entry) = window.get(below) {
                if key_of(entry) == key {
                    return Some(start + below);
                }
                // Where the first of them is above the key already, those before it are not known yet.
                if below > 0 && key_high_of(entry) > high {
                    return None;
                }
            }
        }
        self.search(key)
    }

    /// The position of `key`, by halving its bucket: for keys that lie less evenly, the end of the file, and keys that share 64 bits.
    fn search(&self, key: KeyFingerprint) -> Option<usize> {
        let range = self.range(key);
        let found = self.entries.get(range.clone())?.binary_search_by_key(&key, key_of).ok()?;
        Some(range.start + found)
    }

    /// Where the entries of `key`'s bucket lie.
    #[inline(always)]
    fn range(&self, key: KeyFingerprint) -> Range<usize> {
        let bucket = bucket(key.0, self.bucket_bits);
        u32::from_le_bytes(self.index[bucket]) as usize..u32::from_le_bytes(self.index[bucket + 1]) as usize
    }

    #[inline(always)]
    pub(crate) fn value(&self, position: usize) -> Value {
        value_of(&self.entries[position])
    }
}

/// Everything that makes bytes the segment expected, cheap checks first.
fn check(bytes: &[u8], expect: &Expect) -> Result<(Header, Footer, Layout, SegmentInfo), OpenError> {
    let header = Header::read(bytes)?;
    expect.check(&header)?;
    let (footer, layout, info) = Footer::read(bytes)?;
    if let Some(named) = expect.named.filter(|&named| named != info) {
        return Err(OpenError::NotTheNamedFile { found: info, named });
    }
    let view = View::of(bytes, &footer, &layout);
    let mut rules = Rules { kind: header.kind, above: None, dropped: 0 };
    let (checksums, _) = bytes[layout.index_end..layout.table_end].as_chunks::<WORD_BYTES>();
    let blocks = bytes[HEADER_BYTES..layout.index_end].chunks(BLOCK_BYTES);
    // The entries of a block are looked at while the block is near.
    let mut entries = view.entries.chunks(BLOCK_BYTES / ENTRY_BYTES);
    for (number, (block, stated)) in blocks.zip(checksums).enumerate() {
        if crc32c::crc32c(block).to_le_bytes() != *stated {
            return Err(OpenError::Torn(Damage::Block { block: number as u64, blocks: checksums.len() as u64 }));
        }
        if let Some(broken) = entries.next().and_then(|entries| rules.first_broken(entries)) {
            let entry = (number * (BLOCK_BYTES / ENTRY_BYTES) + broken) as u64;
            return Err(OpenError::Torn(Damage::Rules { entry }));
        }
    }
    let miscounted = (rules.dropped != footer.dropped).then_some(footer.entries);
    if let Some(entry) = miscounted.or_else(|| first_mistake(view.entries, view.index, footer.bucket_bits)) {
        return Err(OpenError::Torn(Damage::Rules { entry }));
    }
    Ok((header, footer, layout, info))
}

/// Checksums tell what a writer wrote, not that it was one of ours: a wrong order or state would make rows seem absent.
struct Rules {
    kind: Kind,
    /// The key of the entry before.
    above: Option<KeyFingerprint>,
    dropped: u64,
}

impl Rules {
    /// The first of the next entries that breaks a rule.
    fn first_broken(&mut self, entries: &[EntryBytes]) -> Option<usize> {
        entries.iter().position(|entry| {
            let (key, value) = (key_of(entry), value_of(entry));
            let ascends = self.above.replace(key) < Some(key);
            self.dropped += u64::from(value.is_dropped());
            !ascends || !value.is_known() || (value.is_dropped() && self.kind != Kind::Delta)
        })
    }
}
