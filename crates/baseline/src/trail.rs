//! In which order the model's rows came, so that whoever reads them again need not search.
//!
//! A source mostly gives its rows in the order of the last time: files and tables are read from end to end. A trail notes that order once for
//! a base: for each row that was found unchanged, a mark of its key and values, and the position of its entry. The next reading walks
//! along it: a row whose mark is the next one is known to be unchanged, and the base is not asked, which would mean to wait for a place of
//! memory that nothing foretells. Rows that were changed, added or taken away in between only make the walk skip a step or two; where it
//! has lost its way, it looks for a landmark.
//!
//! What a trail says of its base is true for ever, as a base never changes. It is a convenience all the same: it may be missing, of no use,
//! or torn, and the baseline answers as it would without.
//!
//! ```text
//! header (64) │ steps (12 × n) │ checksum of each block of steps (4 × k) │ footer (32)
//! ```

use std::collections::HashMap;
use std::io::Write;
use std::ops::Range;

use outflow_domain::{KeyFingerprint, RowFingerprint};

use crate::blocks::{Blocks, check_in_shares};
use crate::entry::{EntryState, Origin, Presence};
use crate::error::{Damage, OpenError};
use crate::header::field;
use crate::layout::{BLOCK_BYTES, CHECKSUM_BYTES, SegmentInfo};
use crate::writer::WriteError;

/// The first eight bytes of a trail.
const MAGIC: [u8; 8] = *b"\x89OFTRAIL";
/// The layout that this crate reads and writes.
const FORMAT: u32 = 1;
const HEADER_BYTES: usize = 64;
const FOOTER_BYTES: usize = 32;
/// Mark (8 bytes), then position of the entry and whose row it is (4), both little-endian.
const STEP_BYTES: usize = 12;
/// Steps of one block.
const BLOCK_STEPS: usize = BLOCK_BYTES / STEP_BYTES;
/// Set in a step whose row was there before us.
const ADOPTED: u32 = 1 << 31;
/// One step in so many is a landmark.
const LANDMARK_STEPS: usize = 256;
/// Rows that may have gone from one place without the walk losing its way.
const AHEAD_STEPS: usize = 16;
/// After so many rows in a row that are not found, landmarks are looked for.
const LOST_ROWS: u32 = 32;
/// After so many rows, of which fewer than half were found, a walk gives up: this model comes in another order every time.
const TRIAL_ROWS: u64 = 1 << 16;

type StepBytes = [u8; STEP_BYTES];

/// Key and values in 64 bits. Another value under the same key always has another mark, since an odd factor loses no bit; anything else has
/// the same one by a chance of 2⁻⁶⁴.
#[inline(always)]
const fn mark_of(key: KeyFingerprint, row: RowFingerprint) -> u64 {
    let key = key.0 as u64 ^ ((key.0 >> 64) as u64).wrapping_mul(0xd1b5_4a32_d192_ed03);
    key ^ row.bits().wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[inline(always)]
fn mark_in(step: &StepBytes) -> u64 {
    u64::from_le_bytes(field(step, 0))
}

#[inline(always)]
fn place_in(step: &StepBytes) -> u32 {
    u32::from_le_bytes(field(step, 8))
}

/// The steps of one thread, in the order of its rows, until they are written.
#[derive(Debug, Default)]
pub struct Steps(Vec<u8>);

impl Steps {
    /// Notes a row that the base holds at `position` just as it is.
    #[inline]
    pub(crate) fn note(&mut self, key: KeyFingerprint, row: RowFingerprint, state: EntryState, position: usize) {
        let Ok(position) = u32::try_from(position) else { return };
        // What the model does not have is on no way through it; and half of the positions that could be are enough.
        if state.presence == Presence::Present && position < ADOPTED {
            self.0.extend_from_slice(&mark_of(key, row).to_le_bytes());
            let adopted = if state.origin == Origin::Adopted { ADOPTED } else { 0 };
            self.0.extend_from_slice(&(position | adopted).to_le_bytes());
        }
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len() / STEP_BYTES
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Writes a trail from its first byte to its last.
///
/// Threads hand in their steps a stretch at a time; the stretches may lie in any order. A trail that was not finished has no footer and is
/// refused at open.
#[derive(Debug)]
#[must_use = "a trail without `finish` is refused at open"]
pub struct TrailWriter<W: Write> {
    body: Blocks<W>,
    header: [u8; HEADER_BYTES],
    steps: u64,
}

impl<W: Write> TrailWriter<W> {
    /// Writes the header of a trail along `base` to `out`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(mut out: W, base: SegmentInfo) -> Result<Self, WriteError> {
        let header = header_of(base);
        out.write_all(&header)?;
        Ok(Self { body: Blocks::new(out, HEADER_BYTES as u64), header, steps: 0 })
    }

    /// Appends a stretch and empties it.
    ///
    /// # Errors
    /// When writing fails.
    pub fn append(&mut self, stretch: &mut Steps) -> Result<(), WriteError> {
        self.steps += stretch.len() as u64;
        self.body.append_all(&stretch.0)?;
        stretch.0.clear();
        Ok(())
    }

    /// Writes what follows the steps, flushes, and gives back what was written to. Syncing is for the caller.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(self) -> Result<W, WriteError> {
        let Self { mut body, header, steps } = self;
        body.end_block()?;
        let bytes = body.bytes + (body.table.len() + FOOTER_BYTES) as u64;
        let footer = footer_of(&header, &body.table, steps, bytes);
        body.out.write_all(&body.table)?;
        body.out.write_all(&footer)?;
        body.out.flush()?;
        Ok(body.out)
    }
}

fn header_of(base: SegmentInfo) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    header[12..16].copy_from_slice(&(BLOCK_BYTES as u32).to_le_bytes());
    header[16..24].copy_from_slice(&base.bytes.to_le_bytes());
    header[24..32].copy_from_slice(&base.entries.to_le_bytes());
    header[32..40].copy_from_slice(&base.checksum.to_le_bytes());
    let checksum = crc32c::crc32c(&header[..60]);
    header[60..].copy_from_slice(&checksum.to_le_bytes());
    header
}

fn footer_of(header: &[u8], table: &[u8], steps: u64, bytes: u64) -> [u8; FOOTER_BYTES] {
    let mut footer = [0; FOOTER_BYTES];
    footer[..8].copy_from_slice(&steps.to_le_bytes());
    footer[8..16].copy_from_slice(&bytes.to_le_bytes());
    footer[16..24].copy_from_slice(&MAGIC);
    let checksum = [header, table, &footer[..28]].into_iter().fold(0, crc32c::crc32c_append);
    footer[28..].copy_from_slice(&checksum.to_le_bytes());
    footer
}

/// A trail along a base, whole and checked.
#[derive(Debug)]
pub struct Trail<B> {
    bytes: B,
    steps: Range<usize>,
    /// Steps that a walk which has lost its way looks for, by their marks: where the next one is.
    landmarks: HashMap<u64, u32>,
}

impl<B: AsRef<[u8]>> Trail<B> {
    /// Opens a trail that is whole and leads along this very base.
    ///
    /// # Errors
    /// The first difference found. The remedy is to go without it.
    pub fn open(bytes: B, base: SegmentInfo) -> Result<Self, OpenError> {
        let steps = check(bytes.as_ref(), base)?;
        let (held, _) = bytes.as_ref()[steps.clone()].as_chunks::<STEP_BYTES>();
        let landmark = |(at, step): (usize, &StepBytes)| (mark_in(step), at as u32 + 1);
        let landmarks = held.iter().enumerate().step_by(LANDMARK_STEPS).map(landmark).collect();
        Ok(Self { bytes, steps, landmarks })
    }

    /// Begins to walk.
    #[must_use]
    pub fn walk(&self) -> Walk<'_> {
        let (steps, _) = self.bytes.as_ref()[self.steps.clone()].as_chunks::<STEP_BYTES>();
        Walk { steps, landmarks: &self.landmarks, next: 0, missed: 0, asked: 0, found: 0 }
    }
}

/// Checks everything; gives the bytes of the steps.
fn check(bytes: &[u8], base: SegmentInfo) -> Result<Range<usize>, OpenError> {
    let found = bytes.len() as u64;
    let (Some((header, _)), Some((_, footer))) = (bytes.split_first_chunk::<HEADER_BYTES>(), bytes.split_last_chunk::<FOOTER_BYTES>())
    else {
        return Err(OpenError::Torn(Damage::TooShort { bytes: found }));
    };
    if *header != header_of(base) {
        return Err(if header[..8] == MAGIC { OpenError::Torn(Damage::Header) } else { OpenError::NotABaseline });
    }
    let (count, stated) = (u64::from_le_bytes(field(footer, 0)), u64::from_le_bytes(field(footer, 8)));
    let sections = usize::try_from(count).ok().and_then(|count| {
        let steps_end = count.checked_mul(STEP_BYTES)?.checked_add(HEADER_BYTES)?;
        let table_end = count.div_ceil(BLOCK_STEPS).checked_mul(CHECKSUM_BYTES)?.checked_add(steps_end)?;
        (table_end.checked_add(FOOTER_BYTES)? == bytes.len()).then_some((steps_end, table_end))
    });
    let Some((steps_end, table_end)) = sections.filter(|_| stated == found && count <= u64::from(u32::MAX)) else {
        return Err(OpenError::Torn(Damage::Length { found, stated }));
    };
    if *footer != footer_of(header, &bytes[steps_end..table_end], count, found) {
        return Err(OpenError::Torn(Damage::Footer));
    }
    let (checksums, _) = bytes[steps_end..table_end].as_chunks::<CHECKSUM_BYTES>();
    let blocks = bytes[HEADER_BYTES..steps_end].chunks(BLOCK_BYTES).zip(checksums);
    let count = checksums.len();
    check_in_shares(count, |share| {
        let share = share.of(count);
        for (at, (block, stated)) in blocks.clone().enumerate().take(share.end).skip(share.start) {
            if crc32c::crc32c(block).to_le_bytes() != *stated {
                return Err(OpenError::Torn(Damage::Block { block: at as u64, blocks: count as u64 }));
            }
            // Where an entry is looked for later, there has to be one.
            let (steps, _) = block.as_chunks::<STEP_BYTES>();
            if steps.iter().any(|step| u64::from(place_in(step) & !ADOPTED) >= base.entries) {
                return Err(OpenError::Torn(Damage::Rules { entry: (at * BLOCK_STEPS) as u64 }));
            }
        }
        Ok(())
    })?;
    Ok(HEADER_BYTES..steps_end)
}

/// One thread's walk along a trail.
#[derive(Debug)]
pub struct Walk<'t> {
    steps: &'t [StepBytes],
    landmarks: &'t HashMap<u64, u32>,
    /// The step that the next row should be.
    next: usize,
    /// Rows since the last that was found.
    missed: u32,
    asked: u64,
    found: u64,
}

impl Walk<'_> {
    /// Rows that were on the trail.
    #[must_use]
    pub const fn found(&self) -> u64 {
        self.found
    }

    /// Whether it is worth asking.
    pub(crate) const fn leads_on(&self) -> bool {
        self.asked < TRIAL_ROWS || self.found >= self.asked / 2
    }

    /// Counts the rows of a batch.
    pub(crate) const fn count(&mut self, asked: usize, found: usize) {
        self.asked += asked as u64;
        self.found += found as u64;
    }

    /// Where the base holds a row that will come soon, if all goes on as it was.
    #[inline(always)]
    pub(crate) fn soon(&self) -> Option<usize> {
        self.steps.get(self.next + AHEAD_STEPS).map(|step| told(step).0)
    }

    /// Where the base holds this very row, if the trail tells.
    #[inline(always)]
    pub(crate) fn find(&mut self, key: KeyFingerprint, row: RowFingerprint) -> Option<(usize, EntryState)> {
        let mark = mark_of(key, row);
        match self.steps.get(self.next) {
            Some(step) if mark_in(step) == mark => {
                self.next += 1;
                self.missed = 0;
                Some(told(step))
            }
            _ => self.look_around(mark),
        }
    }

    #[cold]
    fn look_around(&mut self, mark: u64) -> Option<(usize, EntryState)> {
        let ahead = self.steps.get(self.next..).unwrap_or_default();
        let near = ahead.iter().take(AHEAD_STEPS).position(|step| mark_in(step) == mark).map(|it| self.next + it + 1);
        let after = near.or_else(|| {
            self.missed += 1;
            // At its beginning, each thread is somewhere.
            let is_lost = self.missed > LOST_ROWS || self.found == 0;
            let landmark = is_lost.then(|| self.landmarks.get(&mark)).flatten();
            landmark.map(|&after| after as usize)
        })?;
        self.next = after;
        self.missed = 0;
        self.steps.get(after - 1).map(told)
    }
}

#[inline(always)]
fn told(step: &StepBytes) -> (usize, EntryState) {
    let place = place_in(step);
    let origin = if place & ADOPTED == 0 { Origin::Created } else { Origin::Adopted };
    ((place & !ADOPTED) as usize, EntryState { presence: Presence::Present, origin })
}
