//! A segment in place: checked whole once, then searched where it lies.

use std::{fmt, ops::Range};

use outflow_domain::KeyFingerprint;

use crate::blocks::check_in_shares;
use crate::entry::{ENTRY_BYTES, Entry, EntryBytes, Update, Value, key_high_of, key_of, value_of};
use crate::error::{Damage, OpenError};
use crate::header::{Expect, Header, Kind};
use crate::index::{Candidates, Index};
use crate::layout::{BLOCK_BYTES, BUCKET_BYTES, CHECKSUM_BYTES, Footer, HEADER_BYTES, Layout, SegmentInfo};
use crate::raw::prefetch_bytes;

/// Entries that are compared at once: as many as an eighth of a bucket mostly has.
const WINDOW: usize = 4;

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
    pub(crate) index: Index<'a>,
}

impl<'a> View<'a> {
    fn of(bytes: &'a [u8], footer: &Footer, layout: &Layout) -> Self {
        let (entries, _) = bytes[HEADER_BYTES..layout.entries_end].as_chunks::<ENTRY_BYTES>();
        let (buckets, _) = bytes[layout.entries_end..layout.index_end].as_chunks::<BUCKET_BYTES>();
        Self { entries, index: Index::new(buckets, footer.bucket_bits) }
    }

    /// Asks for the entries that a key may be.
    #[inline(always)]
    pub(crate) fn prefetch_entries(&self, place: Candidates) {
        let first = place.first as usize;
        prefetch_bytes(self.entries, first, 0);
        prefetch_bytes(self.entries, first, (WINDOW * ENTRY_BYTES) as isize - 1);
    }

    /// The position of `key`.
    #[inline(always)]
    pub(crate) fn find(&self, key: KeyFingerprint) -> Option<usize> {
        self.find_at(self.index.candidates(key.0), key)
    }

    /// The position of `key`, which the index says is at `place` if anywhere.
    ///
    /// Which of a few entries it is is a matter of chance, which no branch predictor foresees. So four are compared all, without a branch,
    /// whether or not there are as many: those of another eighth have other top bits in any case.
    #[inline(always)]
    pub(crate) fn find_at(&self, place: Candidates, key: KeyFingerprint) -> Option<usize> {
        let first = place.first as usize;
        if place.len as usize <= WINDOW
            && let Some(window) = self.entries.get(first..).and_then(<[EntryBytes]>::first_chunk::<WINDOW>)
        {
            let high = (key.0 >> 64) as u64;
            let equal: u32 = window.iter().enumerate().map(|(at, entry)| u32::from(key_high_of(entry) == high) << at).sum();
            if equal == 0 {
                return None;
            }
            let at = equal.trailing_zeros() as usize;
            if window.get(at).is_some_and(|it| key_of(it) == key) {
                return Some(first + at);
            }
        }
        self.search(key)
    }

    /// The position of `key`, by halving its bucket: for crowded keys, the end of the file, and keys that share 64 bits.
    #[cold]
    fn search(&self, key: KeyFingerprint) -> Option<usize> {
        let range = self.index.bucket_of(key.0);
        let found = self.entries.get(range.clone())?.binary_search_by_key(&key, key_of).ok()?;
        Some(range.start + found)
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
    let body = Body { view: View::of(bytes, &footer, &layout), bytes, layout: &layout, kind: header.kind };
    let dropped = body.check()?;
    if dropped != footer.dropped {
        return Err(OpenError::Torn(Damage::Rules { entry: footer.entries }));
    }
    Ok((header, footer, layout, info))
}

/// Entries and index, which make nearly all of a segment.
struct Body<'a> {
    view: View<'a>,
    bytes: &'a [u8],
    layout: &'a Layout,
    kind: Kind,
}

impl Body<'_> {
    /// Checks everything, a large segment on several threads; gives the number of dropped keys.
    fn check(&self) -> Result<u64, OpenError> {
        let blocks = (self.layout.index_end - HEADER_BYTES).div_ceil(BLOCK_BYTES);
        let buckets = self.view.index.len();
        let dropped = check_in_shares(blocks, |share| {
            let dropped = self.check_blocks(share.of(blocks))?;
            match self.view.index.first_mistake(self.view.entries, share.of(buckets)) {
                Some(entry) => Err(OpenError::Torn(Damage::Rules { entry })),
                None => Ok(dropped),
            }
        })?;
        Ok(dropped.iter().sum())
    }

    /// Checks some blocks, and that the entries in them follow those before; gives the number of dropped keys.
    fn check_blocks(&self, range: Range<usize>) -> Result<u64, OpenError> {
        const ENTRIES: usize = BLOCK_BYTES / ENTRY_BYTES;
        let entries = self.view.entries;
        let above = (range.start * ENTRIES).min(entries.len()).checked_sub(1).map(|it| key_of(&entries[it]));
        let mut rules = Rules { kind: self.kind, above, dropped: 0 };
        let (checksums, _) = self.bytes[self.layout.index_end..self.layout.table_end].as_chunks::<CHECKSUM_BYTES>();
        let blocks = self.bytes[HEADER_BYTES..self.layout.index_end].chunks(BLOCK_BYTES).zip(checksums).enumerate();
        for (number, (block, stated)) in blocks.take(range.end).skip(range.start) {
            if crc32c::crc32c(block).to_le_bytes() != *stated {
                return Err(OpenError::Torn(Damage::Block { block: number as u64, blocks: checksums.len() as u64 }));
            }
            // The entries of a block are looked at while the block is near.
            let first = (number * ENTRIES).min(entries.len());
            let held = &entries[first..(first + ENTRIES).min(entries.len())];
            if let Some(broken) = rules.first_broken(held) {
                return Err(OpenError::Torn(Damage::Rules { entry: (first + broken) as u64 }));
            }
        }
        Ok(rules.dropped)
    }
}

/// Checksums tell what a writer wrote, not that it was one of ours: a wrong order or state would make rows seem absent.
struct Rules {
    kind: Kind,
    /// The key of the entry before.
    above: Option<KeyFingerprint>,
    dropped: u64,
}

impl Rules {
    /// Whether a quick look tells that no rule is broken: the high halves of the keys ascend, as they do where keys are hashes, and nothing is
    /// dropped.
    fn are_plain(&self, entries: &[EntryBytes]) -> bool {
        let mut above = self.above.map_or(0, |it| (it.0 >> 64) as u64);
        let (mut ascends, mut values) = (true, 0);
        for entry in entries {
            let high = key_high_of(entry);
            ascends &= above < high;
            above = high;
            values |= value_of(entry).0;
        }
        ascends && Value(values).is_plain()
    }

    /// The first of the next entries that breaks a rule.
    fn first_broken(&mut self, entries: &[EntryBytes]) -> Option<usize> {
        if let (true, Some(last)) = (self.are_plain(entries), entries.last()) {
            self.above = Some(key_of(last));
            return None;
        }
        entries.iter().position(|entry| {
            let (key, value) = (key_of(entry), value_of(entry));
            let ascends = self.above.replace(key) < Some(key);
            self.dropped += u64::from(value.is_dropped());
            !ascends || !value.is_known() || (value.is_dropped() && self.kind != Kind::Delta)
        })
    }
}
