//! Where things lie in a segment, and the footer that says so.
//!
//! ```text
//! header │ body: entries, bucket index │ checksum of each block of the body │ footer
//! ```

use std::fmt;

use crate::entry::ENTRY_BYTES;
use crate::error::{Damage, OpenError};
use crate::header::field;

/// Bytes of the header.
pub(crate) const HEADER_BYTES: usize = 128;
/// Bytes of the footer.
pub(crate) const FOOTER_BYTES: usize = 64;
/// Bytes of the body under one checksum: whole pages and whole entries (2,048) both.
pub(crate) const BLOCK_BYTES: usize = 2048 * ENTRY_BYTES;
/// Bytes of one checksum.
pub(crate) const CHECKSUM_BYTES: usize = 4;
/// Bytes of one bucket in the index: where it starts, and how many entries each eighth of it has.
pub(crate) const BUCKET_BYTES: usize = 8;
/// The most bits of a key that may choose its bucket.
pub(crate) const BUCKET_BITS_MAX: u32 = 31;
/// The most entries of a segment, as the index counts them in 32 bits.
pub(crate) const ENTRIES_MAX: u64 = u32::MAX as u64;

/// The last eight bytes before the footer's checksum.
const END_MAGIC: [u8; 8] = *b"OFBASE.\n";

/// What names a segment in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SegmentInfo {
    /// Length of the file.
    pub bytes: u64,
    /// Entries, dropped keys among them.
    pub entries: u64,
    /// Digest of the whole file.
    pub checksum: u64,
}

impl fmt::Display for SegmentInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} entries in {} bytes with checksum {:016x}", self.entries, self.bytes, self.checksum)
    }
}

/// The last 64 bytes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Footer {
    pub(crate) entries: u64,
    /// How many of the entries are dropped keys.
    pub(crate) dropped: u64,
    pub(crate) bucket_bits: u32,
}

/// Byte ranges that follow from a footer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// End of the entries, which begin after the header.
    pub(crate) entries_end: usize,
    /// End of the index, and of the body.
    pub(crate) index_end: usize,
    /// End of the checksum table, where the footer begins.
    pub(crate) table_end: usize,
}

impl Footer {
    /// Where the sections of such a segment lie; `None` where the numbers are out of bounds.
    pub(crate) fn layout(&self) -> Option<Layout> {
        if self.entries > ENTRIES_MAX || self.dropped > self.entries || self.bucket_bits > BUCKET_BITS_MAX {
            return None;
        }
        let entries_end = usize::try_from(self.entries).ok()?.checked_mul(ENTRY_BYTES)?.checked_add(HEADER_BYTES)?;
        let index_bytes = ((1usize << self.bucket_bits) + 1) * BUCKET_BYTES;
        let index_end = entries_end.checked_add(index_bytes)?;
        let blocks = (index_end - HEADER_BYTES).div_ceil(BLOCK_BYTES);
        let table_end = index_end.checked_add(blocks * CHECKSUM_BYTES)?;
        Some(Layout { entries_end, index_end, table_end })
    }

    /// The footer of the segment with this header and table of checksums, and the digest it states.
    pub(crate) fn to_bytes(self, header: &[u8], table: &[u8], bytes: u64) -> ([u8; FOOTER_BYTES], u64) {
        let mut footer = [0; FOOTER_BYTES];
        footer[..8].copy_from_slice(&self.entries.to_le_bytes());
        footer[8..16].copy_from_slice(&self.dropped.to_le_bytes());
        footer[16..24].copy_from_slice(&bytes.to_le_bytes());
        footer[24..28].copy_from_slice(&self.bucket_bits.to_le_bytes());
        let digest = digest(&[header, table, &footer[..32]]);
        footer[32..40].copy_from_slice(&digest.to_le_bytes());
        footer[52..60].copy_from_slice(&END_MAGIC);
        let checksum = crc32c::crc32c(&footer[..60]);
        footer[60..].copy_from_slice(&checksum.to_le_bytes());
        (footer, digest)
    }

    /// Reads the footer at the end of a segment and checks all that can be told without reading the body: that it is one, that
    /// the length follows from it, and that header and table are those it digests.
    pub(crate) fn read(bytes: &[u8]) -> Result<(Self, Layout, SegmentInfo), OpenError> {
        let torn = |damage| OpenError::Torn(damage);
        let found = bytes.len() as u64;
        let Some((_, end)) = bytes.split_last_chunk::<FOOTER_BYTES>() else {
            return Err(torn(Damage::TooShort { bytes: found }));
        };
        if u32::from_le_bytes(field(end, 60)) != crc32c::crc32c(&end[..60]) || end[52..60] != END_MAGIC {
            return Err(torn(Damage::Footer));
        }
        let footer = Self {
            entries: u64::from_le_bytes(field(end, 0)),
            dropped: u64::from_le_bytes(field(end, 8)),
            bucket_bits: u32::from_le_bytes(field(end, 24)),
        };
        let stated = u64::from_le_bytes(field(end, 16));
        let length = torn(Damage::Length { found, stated });
        let layout = footer.layout().filter(|it| it.table_end.checked_add(FOOTER_BYTES) == Some(bytes.len())).ok_or(length.clone())?;
        if stated != found {
            return Err(length);
        }
        let checksum = u64::from_le_bytes(field(end, 32));
        let (written, _) = footer.to_bytes(&bytes[..HEADER_BYTES], &bytes[layout.index_end..layout.table_end], found);
        if written != *end {
            return Err(torn(Damage::Digest));
        }
        Ok((footer, layout, SegmentInfo { bytes: found, entries: footer.entries, checksum }))
    }
}

/// FNV-1a with 64 bits over the parts, one after the other.
///
/// The body is digested through the checksums of its blocks, so this reads two bytes of a million. It tells files apart that
/// writers of ours wrote; it is no defence against one who forges them.
fn digest(parts: &[&[u8]]) -> u64 {
    parts.iter().copied().flatten().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}
