//! Writes a segment from its first byte to its last, in one pass.

use std::io::{self, Write};

use outflow_domain::KeyFingerprint;

use crate::blocks::Blocks;
use crate::entry::{Entry, Update};
use crate::header::{Header, Kind};
use crate::index::IndexBuilder;
use crate::layout::{ENTRIES_MAX, FOOTER_BYTES, Footer, HEADER_BYTES, SegmentInfo};

/// Why a segment could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The writer below failed; what it holds is no segment.
    #[error("writing the baseline file failed")]
    Io(#[from] io::Error),
    /// Keys must strictly ascend.
    #[error("key {key:032x} follows {previous:032x}, but keys of a segment strictly ascend")]
    NotAscending {
        /// The key before.
        previous: u128,
        /// The key that is not above it.
        key: u128,
    },
    /// A dropped key where nothing lies below that it could hide.
    #[error("a {kind:?} segment cannot hold the dropped key {key:032x}: only a delta can")]
    DroppedOutsideDelta {
        /// The kind of the segment.
        kind: Kind,
        /// The dropped key.
        key: u128,
    },
    /// Positions are counted in 32 bits.
    #[error("a segment holds at most {ENTRIES_MAX} entries")]
    TooManyEntries,
}

/// Writes a segment: the header at once, then entries in strictly ascending order of their keys, then index, checksums and footer.
///
/// Memory: a block of 48 KiB and the index, which has some half a byte to one byte per entry. A segment that was not finished has no footer and is
/// refused at open.
#[derive(Debug)]
#[must_use = "a segment without `finish` is refused at open"]
pub struct SegmentWriter<W: Write> {
    body: Blocks<W>,
    header: Header,
    index: IndexBuilder,
    latest: Option<u128>,
    entries: u32,
    dropped: u64,
}

impl<W: Write> SegmentWriter<W> {
    /// Writes the header to `out`. Pass `&mut file` to keep the file and sync it afterwards; no buffer is needed around it.
    ///
    /// # Errors
    /// When the header cannot be written.
    pub fn new(mut out: W, header: Header) -> Result<Self, WriteError> {
        out.write_all(&header.to_bytes())?;
        Ok(Self { body: Blocks::new(out, HEADER_BYTES as u64), header, index: IndexBuilder::new(), latest: None, entries: 0, dropped: 0 })
    }

    /// Appends an entry.
    ///
    /// # Errors
    /// When its key is not above the one before, at 2³² − 1 entries, or when writing fails.
    pub fn push(&mut self, entry: Entry) -> Result<(), WriteError> {
        self.push_update(Update::Put(entry))
    }

    /// Appends an entry or, in a delta, a dropped key.
    ///
    /// # Errors
    /// As [`Self::push`], and for a dropped key outside a delta.
    pub fn push_update(&mut self, update: Update) -> Result<(), WriteError> {
        let KeyFingerprint(key) = update.key();
        if let Some(previous) = self.latest.filter(|&previous| previous >= key) {
            return Err(WriteError::NotAscending { previous, key });
        }
        if matches!(update, Update::Drop(_)) {
            if self.header.kind != Kind::Delta {
                return Err(WriteError::DroppedOutsideDelta { kind: self.header.kind, key });
            }
            self.dropped += 1;
        }
        if u64::from(self.entries) == ENTRIES_MAX {
            return Err(WriteError::TooManyEntries);
        }
        self.index.push(key, self.entries);
        self.body.append(&update.to_bytes())?;
        self.latest = Some(key);
        self.entries += 1;
        Ok(())
    }

    /// Entries so far, dropped keys among them.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries as u64
    }

    /// The header this segment began with.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Writes what follows the entries and flushes. Syncing is for the caller, who knows what lies below.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(self) -> Result<SegmentInfo, WriteError> {
        self.finish_into().map(|(info, _)| info)
    }

    /// As [`Self::finish`], and gives back what was written to, to be synced and renamed.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish_into(self) -> Result<(SegmentInfo, W), WriteError> {
        let Self { mut body, header, index, entries, dropped, .. } = self;
        let (bucket_bits, buckets) = index.finish(entries);
        for bucket in buckets {
            body.append(&bucket)?;
        }
        body.end_block()?;
        let entries = u64::from(entries);
        let bytes = body.bytes + (body.table.len() + FOOTER_BYTES) as u64;
        let (footer, checksum) = Footer { entries, dropped, bucket_bits }.to_bytes(&header.to_bytes(), &body.table, bytes);
        body.out.write_all(&body.table)?;
        body.out.write_all(&footer)?;
        body.out.flush()?;
        Ok((SegmentInfo { bytes, entries, checksum }, body.out))
    }
}
