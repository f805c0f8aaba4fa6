//! Files of the baseline store, as the ledger names them.

use serde::{Deserialize, Serialize};

/// A file of the baseline store, as the ledger names it. Names are never used twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRef {
    /// Its name in the store.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its entries.
    pub entries: u64,
    /// Its checksum.
    pub checksum: u64,
}

/// Which files are the baseline now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaselineRef {
    /// Counts up with every change; 0 is the empty baseline of a new activation.
    pub version: u64,
    /// The large sorted file.
    pub base: Option<SegmentRef>,
    /// What has changed since it was written.
    pub delta: Option<SegmentRef>,
    /// Live entries in both together that are present in the data extension as far as we know.
    pub present: u64,
    /// Files with the keys of confirmed rows, encrypted: what is in a later one hides the same key in an earlier one. Empty where nobody needs them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<SegmentRef>,
}

impl BaselineRef {
    /// A baseline of the same version that holds nothing: what follows when the older one no longer counts.
    #[must_use]
    pub const fn emptied(&self) -> Self {
        Self { version: self.version, base: None, delta: None, present: 0, keys: Vec::new() }
    }
}
