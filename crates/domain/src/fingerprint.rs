//! What the baseline remembers of a row: keyed hashes, never values.

use serde::{Deserialize, Serialize};

/// Keyed 128-bit hash of a row's folded primary key.
///
/// Two keys that Marketing Cloud calls equal have the same fingerprint. The hash key is derived per activation from the project
/// secret, so that a stolen baseline cannot be matched against guessed addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyFingerprint(pub u128);

/// Keyed 60-bit hash of the mapped values of a row, without its key.
///
/// Sixty bits leave four for the state of a baseline entry; see `docs/reference/baseline-format.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowFingerprint(u64);

impl RowFingerprint {
    /// Number of bits a row fingerprint has.
    pub const BITS: u32 = 60;
    /// The largest value, all 60 bits set.
    pub const MAX: Self = Self((1 << Self::BITS) - 1);

    /// Keeps the low 60 bits of `hash`.
    #[must_use]
    pub const fn of(hash: u64) -> Self {
        Self(hash & Self::MAX.0)
    }

    /// The 60 bits, in the low end of the number.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }
}
