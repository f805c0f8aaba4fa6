//! What the comparison notes of a row: enough to find duplicates, and to make the next baseline entry once it is confirmed.

use outflow_domain::{KeyFingerprint, RowFingerprint};

use crate::entry::EntryState;
use crate::header::field;

/// A row of the model that is news, or whose key occurred before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Fingerprint of the folded key.
    pub key: KeyFingerprint,
    /// Fingerprint of the mapped values.
    pub row: RowFingerprint,
    /// What the row would be if it were alone with its key.
    pub kind: RecordKind,
    /// Whether the probe said that the key occurred before; only ever for keys that are in the baseline.
    pub again: bool,
    /// What the baseline holds under this key.
    pub old: Option<Old>,
    /// Where the row lies among the parts; `None` for a row that was written to no part.
    pub place: Option<Place>,
    /// What its writer wants to find again of a row that was written to no part; 0 of all others.
    pub note: u32,
}

/// What a row would be if it were alone with its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordKind {
    /// To be sent: the baseline does not have its key.
    New,
    /// To be sent: the baseline has another value, or it is in doubt.
    Changed,
    /// As the baseline has it, and not to be sent. Recorded when its key occurred before, or when its entry must change its
    /// state, as that of a row that had left and is back.
    Unchanged,
    /// A cell does not fit its field: never sent, but its key is in the model.
    Invalid,
    /// Not sent for another reason, as a refusal that is remembered; its key is in the model.
    Withheld,
}

/// What the baseline holds under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Old {
    /// The row fingerprint last confirmed.
    pub row: RowFingerprint,
    /// The state of the entry.
    pub state: EntryState,
}

/// Where a row lies among the parts of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The part, at most `u32::MAX - 1`.
    pub part: u32,
    /// The row within the part, counted from 0.
    pub row_in_part: u32,
}

/// The part of a row that lies in none.
const NO_PART: u32 = u32::MAX;
/// The state bits of a record without an old entry.
const NO_OLD: u64 = 0b1111;
/// Where the four high bits of both words begin.
const HIGH: u32 = RowFingerprint::BITS;

impl RecordKind {
    const fn code(self) -> u64 {
        match self {
            Self::New => 0,
            Self::Changed => 1,
            Self::Unchanged => 2,
            Self::Invalid => 3,
            Self::Withheld => 4,
        }
    }

    const fn of_code(code: u64) -> Option<Self> {
        Some(match code {
            0 => Self::New,
            1 => Self::Changed,
            2 => Self::Unchanged,
            3 => Self::Invalid,
            4 => Self::Withheld,
            _ => return None,
        })
    }
}

impl Record {
    /// Bytes of a record.
    pub const BYTES: usize = 40;

    /// The record as it lies in a bucket.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let packed = Packed::of(self);
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&packed.key_low.to_le_bytes());
        bytes[8..16].copy_from_slice(&packed.key_high.to_le_bytes());
        bytes[16..24].copy_from_slice(&packed.row_and_state.to_le_bytes());
        bytes[24..32].copy_from_slice(&packed.old_and_kind.to_le_bytes());
        bytes[32..36].copy_from_slice(&packed.part.to_le_bytes());
        bytes[36..].copy_from_slice(&packed.row_in_part.to_le_bytes());
        bytes
    }

    /// The record these bytes are, or `None` where no record has such bytes.
    #[must_use]
    pub fn of_bytes(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let packed = Packed::of_bytes(bytes);
        packed.is_known().then(|| packed.record())
    }
}

/// A record in 40 bytes, as it is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Packed {
    pub(crate) key_high: u64,
    pub(crate) key_low: u64,
    /// Sixty bits of row fingerprint below the old entry's state, or [`NO_OLD`].
    row_and_state: u64,
    /// Sixty bits of the old entry's row fingerprint, three of kind, one of `again`.
    old_and_kind: u64,
    pub(crate) part: u32,
    /// The note of a row that lies in no part.
    pub(crate) row_in_part: u32,
}

impl Packed {
    fn of(record: &Record) -> Self {
        debug_assert!(!record.again || record.old.is_some(), "only keys of the baseline are known to occur again");
        debug_assert!(record.place.is_none_or(|it| it.part != NO_PART), "that number stands for no part");
        let (old, state) = record.old.map_or((0, NO_OLD), |old| (old.row.bits(), old.state.bits()));
        let flags = record.kind.code() | u64::from(record.again) << 3;
        let (part, row_in_part) = match record.place {
            Some(Place { part, row_in_part }) => (part, row_in_part),
            None => (NO_PART, record.note),
        };
        Self {
            key_high: (record.key.0 >> 64) as u64,
            key_low: record.key.0 as u64,
            row_and_state: record.row.bits() | state << HIGH,
            old_and_kind: old | flags << HIGH,
            part,
            row_in_part,
        }
    }

    #[inline]
    pub(crate) fn of_bytes(bytes: &[u8; Record::BYTES]) -> Self {
        Self {
            key_low: u64::from_le_bytes(field(bytes, 0)),
            key_high: u64::from_le_bytes(field(bytes, 8)),
            row_and_state: u64::from_le_bytes(field(bytes, 16)),
            old_and_kind: u64::from_le_bytes(field(bytes, 24)),
            part: u32::from_le_bytes(field(bytes, 32)),
            row_in_part: u32::from_le_bytes(field(bytes, 36)),
        }
    }

    /// Whether a writer of ours could have written it.
    pub(crate) const fn is_known(&self) -> bool {
        let state = self.row_and_state >> HIGH;
        let old_is_known = state < 8 || (state == NO_OLD && !self.again() && self.old_and_kind & RowFingerprint::MAX.bits() == 0);
        old_is_known && RecordKind::of_code(self.old_and_kind >> HIGH & 0b111).is_some()
    }

    pub(crate) fn record(&self) -> Record {
        let state = self.row_and_state >> HIGH;
        Record {
            key: KeyFingerprint(u128::from(self.key_high) << 64 | u128::from(self.key_low)),
            row: self.row(),
            kind: self.kind(),
            again: self.again(),
            old: (state != NO_OLD).then(|| Old { row: self.old_row(), state: EntryState::of_bits(state) }),
            place: (self.part != NO_PART).then_some(Place { part: self.part, row_in_part: self.row_in_part }),
            note: if self.part == NO_PART { self.row_in_part } else { 0 },
        }
    }

    pub(crate) const fn row(&self) -> RowFingerprint {
        RowFingerprint::of(self.row_and_state)
    }

    pub(crate) const fn old_row(&self) -> RowFingerprint {
        RowFingerprint::of(self.old_and_kind)
    }

    pub(crate) const fn again(&self) -> bool {
        self.old_and_kind >> 63 != 0
    }

    pub(crate) const fn is_invalid(&self) -> bool {
        matches!(self.kind(), RecordKind::Invalid)
    }

    /// The kind; that of a record no writer wrote is of no meaning.
    const fn kind(&self) -> RecordKind {
        match RecordKind::of_code(self.old_and_kind >> HIGH & 0b111) {
            Some(kind) => kind,
            None => RecordKind::Withheld,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_survives_its_bytes() {
        use RecordKind::{Changed, Invalid, New, Unchanged, Withheld};
        let old = Old { row: RowFingerprint::MAX, state: EntryState::of_bits(7) };
        let place = Place { part: u32::MAX - 1, row_in_part: u32::MAX };
        for kind in [New, Changed, Unchanged, Invalid, Withheld] {
            for (old, again) in [(None, false), (Some(old), false), (Some(old), true)] {
                for place in [None, Some(place)] {
                    let note = if place.is_none() { 77 } else { 0 };
                    let record = Record { key: KeyFingerprint(u128::MAX - 1), row: RowFingerprint::of(5), kind, again, old, place, note };
                    assert_eq!(Record::of_bytes(&record.to_bytes()), Some(record));
                }
            }
        }
    }

    #[test]
    fn bytes_that_no_record_has_are_not_read() {
        let record = Record {
            key: KeyFingerprint(1),
            row: RowFingerprint::of(2),
            kind: RecordKind::New,
            again: false,
            old: None,
            place: None,
            note: 0,
        };
        let refused = |at: usize, byte: u8| {
            let mut bytes = record.to_bytes();
            bytes[at] = byte;
            assert_eq!(Record::of_bytes(&bytes), None, "byte {at} as {byte}");
        };
        refused(31, 0x50); // a sixth kind
        refused(31, 0x80); // again without an old entry
        refused(24, 0x01); // an old row without an old entry
        refused(23, 0x80); // an old entry that is a dropped key
    }
}
