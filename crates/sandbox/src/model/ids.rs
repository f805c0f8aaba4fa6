//! Identifiers and pseudo-random numbers from a seed, so that a simulated world repeats itself.

use serde::{Deserialize, Serialize};

/// A source of identifiers; equal seeds give equal sequences.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ids {
    state: u64,
    task: u64,
}

impl Ids {
    /// Begins a sequence.
    pub fn new(seed: u64) -> Self {
        // Task numbers differ from seed to seed, and stay within the 32 bits of `TaskResultID`.
        Self { state: seed, task: 100_000 + seed % 400_000 }
    }

    /// The next 64 bits (SplitMix64).
    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A GUID in lower case, as `ObjectID` shows it.
    pub fn guid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | ((low >> 48) & 0x3fff),
            low & 0xffff_ffff_ffff,
        )
    }

    /// The next task number; they grow, and not always by one, as other work runs beside ours.
    pub fn task(&mut self) -> u64 {
        self.task += 1 + self.next() % 3;
        self.task
    }
}
