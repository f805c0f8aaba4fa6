//! A segment in place: checked whole once, then searched where it lies.

use std::fmt;
use std::ops::Range;

use outflow_domain::KeyFingerprint;

use crate::entry::{ENTRY_BYTES, Entry, EntryBytes, Update, Value, key_of, value_of};
use crate::error::{Damage, OpenError};
use crate::header::{Expect, Header, Kind};
use crate::index::{bucket, first_mistake};
use crate::layout::{BLOCK_BYTES, Footer, HEADER_BYTES, Layout, SegmentInfo, WORD_BYTES};
use crate::raw::prefetch;

/// Buckets with more entries are searched by halving; no bucket of evenly spread keys is that large.
const SCAN_ENTRIES_MAX: usize = 16;

/// A segment, read where it lies: a memory map, a `Vec<u8>`, or any other bytes.
///
/// Opening reads all of it once; after that only what is asked for is touched.
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
        let position = view.find(view.range(key), key)?;
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

    /// Asks for the entries of a bucket, up to its third cache line.
    #[inline(always)]
    pub(crate) fn prefetch_entries(&self, range: &Range<u32>) {
        let first = range.start as usize;
        prefetch(self.entries, first);
        // The last byte that matters may lie a line further than the first byte of the last entry.
        if range.end > range.start {
            prefetch(self.entries, range.end as usize - 1);
            prefetch(self.entries, range.end as usize);
        }
    }

    /// Where the entries of `key`'s bucket lie.
    #[inline(always)]
    pub(crate) fn range(&self, key: KeyFingerprint) -> Range<u32> {
        let bucket = bucket(key.0, self.bucket_bits);
        u32::from_le_bytes(self.index[bucket])..u32::from_le_bytes(self.index[bucket + 1])
    }

    /// The position of `key` among the entries of its bucket.
    #[inline(always)]
    pub(crate) fn find(&self, range: Range<u32>, key: KeyFingerprint) -> Option<usize> {
        let first = range.start as usize;
        let bucket = &self.entries[first..range.end as usize];
        if bucket.len() > SCAN_ENTRIES_MAX {
            return bucket.binary_search_by_key(&key, key_of).ok().map(|it| first + it);
        }
        bucket.iter().position(|entry| key_of(entry) == key).map(|it| first + it)
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
    check_blocks(&bytes[HEADER_BYTES..layout.index_end], &bytes[layout.index_end..layout.table_end])?;
    check_rules(&View::of(bytes, &footer, &layout), &header, &footer)?;
    Ok((header, footer, layout, info))
}

fn check_blocks(body: &[u8], table: &[u8]) -> Result<(), OpenError> {
    let (checksums, _) = table.as_chunks::<WORD_BYTES>();
    let damaged = body.chunks(BLOCK_BYTES).zip(checksums).position(|(block, stated)| crc32c::crc32c(block).to_le_bytes() != *stated);
    match damaged {
        Some(block) => Err(OpenError::Torn(Damage::Block { block: block as u64, blocks: checksums.len() as u64 })),
        None => Ok(()),
    }
}

/// Checksums tell what a writer wrote, not that it was one of ours: a wrong order or index would make rows seem absent.
fn check_rules(view: &View<'_>, header: &Header, footer: &Footer) -> Result<(), OpenError> {
    let broken = |entry| Err(OpenError::Torn(Damage::Rules { entry }));
    if let Some(entry) = first_mistake(view.entries, view.index, footer.bucket_bits) {
        return broken(entry);
    }
    let mut dropped = 0;
    for (position, entry) in view.entries.iter().enumerate() {
        let value = value_of(entry);
        dropped += u64::from(value.is_dropped());
        if !value.is_known() || (value.is_dropped() && header.kind != Kind::Delta) {
            return broken(position as u64);
        }
    }
    if dropped == footer.dropped { Ok(()) } else { broken(footer.entries) }
}
