//! One remembered row, and the 24 bytes it takes.

use outflow_domain::{KeyFingerprint, RowFingerprint};

/// Bytes of one entry in a segment.
pub(crate) const ENTRY_BYTES: usize = 24;

/// An entry as it lies in a segment: key (16 bytes), then row fingerprint and state (8 bytes), both little-endian.
pub(crate) type EntryBytes = [u8; ENTRY_BYTES];

/// The state bits of a dropped key; only a delta holds such an entry.
const DROPPED: u64 = 0b1000;

/// A row the destination was confirmed to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Fingerprint of the row's folded key.
    pub key: KeyFingerprint,
    /// Fingerprint of the mapped values last confirmed; of no meaning where the value is unknown.
    pub row: RowFingerprint,
    /// Whether the row is still in the model, and who wrote it first.
    pub state: EntryState,
}

/// What is known of a row beside its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntryState {
    /// Whether the model still has the row.
    pub presence: Presence,
    /// Who wrote the row first.
    pub origin: Origin,
}

/// Whether the model still had the row when it was last compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Presence {
    /// The model has the row, and the destination holds its value.
    Present,
    /// The row left the model and was left as it is in the destination.
    LeftKept,
    /// The row left the model and was flagged as such in the destination.
    LeftFlagged,
    /// The destination holds the key, but with which value is not known: never equal to any row.
    ValueUnknown,
}

/// Who wrote the row first: only what we created may ever be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// We inserted it.
    Created,
    /// It was there before us.
    Adopted,
}

/// One step from a baseline to the next; also what an entry of a delta says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// The destination now holds this.
    Put(Entry),
    /// The destination no longer holds this key.
    Drop(KeyFingerprint),
}

impl EntryState {
    /// A row we inserted and the model has.
    pub const CREATED: Self = Self { presence: Presence::Present, origin: Origin::Created };

    /// The state as a number below 8.
    pub(crate) const fn bits(self) -> u64 {
        let presence = match self.presence {
            Presence::Present => 0,
            Presence::LeftKept => 1,
            Presence::LeftFlagged => 2,
            Presence::ValueUnknown => 3,
        };
        let origin = match self.origin {
            Origin::Created => 0,
            Origin::Adopted => 0b100,
        };
        presence | origin
    }

    /// The state whose three low bits these are; higher bits are not looked at.
    #[inline]
    pub(crate) const fn of_bits(bits: u64) -> Self {
        let presence = match bits & 0b11 {
            0 => Presence::Present,
            1 => Presence::LeftKept,
            2 => Presence::LeftFlagged,
            _ => Presence::ValueUnknown,
        };
        let origin = if bits & 0b100 == 0 { Origin::Created } else { Origin::Adopted };
        Self { presence, origin }
    }
}

impl Update {
    /// The key this is about.
    #[must_use]
    pub const fn key(&self) -> KeyFingerprint {
        match self {
            Self::Put(entry) => entry.key,
            Self::Drop(key) => *key,
        }
    }

    pub(crate) fn to_bytes(self) -> EntryBytes {
        let value = match self {
            Self::Put(entry) => Value::of(entry.row, entry.state),
            Self::Drop(_) => Value(DROPPED << RowFingerprint::BITS),
        };
        let mut bytes = [0; ENTRY_BYTES];
        bytes[..16].copy_from_slice(&self.key().0.to_le_bytes());
        bytes[16..].copy_from_slice(&value.0.to_le_bytes());
        bytes
    }

    #[inline]
    pub(crate) fn of_bytes(bytes: &EntryBytes) -> Self {
        let (key, value) = (key_of(bytes), value_of(bytes));
        if value.is_dropped() { Self::Drop(key) } else { Self::Put(value.entry(key)) }
    }
}

/// The last eight bytes of an entry: sixty bits of row fingerprint below four of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value(pub(crate) u64);

impl Value {
    pub(crate) const fn of(row: RowFingerprint, state: EntryState) -> Self {
        Self(row.bits() | state.bits() << RowFingerprint::BITS)
    }

    #[inline]
    pub(crate) const fn row(self) -> RowFingerprint {
        RowFingerprint::of(self.0)
    }

    #[inline]
    pub(crate) const fn state(self) -> EntryState {
        EntryState::of_bits(self.0 >> RowFingerprint::BITS)
    }

    /// Whether a delta says here that the key is gone.
    #[inline]
    pub(crate) const fn is_dropped(self) -> bool {
        self.0 >> RowFingerprint::BITS == DROPPED
    }

    /// Whether a writer of this format could have written it, and it says no key is dropped. True of several values or'd together only if it is
    /// of each.
    pub(crate) const fn is_plain(self) -> bool {
        self.0 >> RowFingerprint::BITS < DROPPED
    }

    /// Whether a writer of this format could have written it.
    pub(crate) const fn is_known(self) -> bool {
        let state = self.0 >> RowFingerprint::BITS;
        state < DROPPED || (state == DROPPED && self.row().bits() == 0)
    }

    #[inline]
    pub(crate) const fn entry(self, key: KeyFingerprint) -> Entry {
        Entry { key, row: self.row(), state: self.state() }
    }
}

/// The key of an entry in place.
#[inline]
pub(crate) fn key_of(bytes: &EntryBytes) -> KeyFingerprint {
    let (keys, _) = bytes.as_chunks::<16>();
    KeyFingerprint(u128::from_le_bytes(keys[0]))
}

/// The high half of the key of an entry in place.
#[inline]
pub(crate) fn key_high_of(bytes: &EntryBytes) -> u64 {
    let (words, _) = bytes.as_chunks::<8>();
    u64::from_le_bytes(words[1])
}

/// The value of an entry in place.
#[inline]
pub(crate) fn value_of(bytes: &EntryBytes) -> Value {
    let (words, _) = bytes.as_chunks::<8>();
    Value(u64::from_le_bytes(words[2]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_survives_its_bits() {
        for presence in [Presence::Present, Presence::LeftKept, Presence::LeftFlagged, Presence::ValueUnknown] {
            for origin in [Origin::Created, Origin::Adopted] {
                let state = EntryState { presence, origin };
                assert_eq!(EntryState::of_bits(state.bits()), state);
                let entry = Entry { key: KeyFingerprint(u128::MAX - 7), row: RowFingerprint::MAX, state };
                assert_eq!(Update::of_bytes(&Update::Put(entry).to_bytes()), Update::Put(entry));
            }
        }
    }

    #[test]
    fn a_dropped_key_survives_its_bytes() {
        let dropped = Update::Drop(KeyFingerprint(1 << 127 | 1));
        assert_eq!(Update::of_bytes(&dropped.to_bytes()), dropped);
    }

    #[test]
    fn other_state_bits_are_not_known() {
        for state in 0..16u64 {
            assert_eq!(Value(state << 60).is_known(), state <= DROPPED, "state {state}");
        }
        assert!(!Value(DROPPED << 60 | 1).is_known(), "a dropped key has no row");
    }
}
