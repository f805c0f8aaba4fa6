//! What a destination has confirmed to hold, as fingerprints: the file format, the probe, the seal and the merge.
//!
//! The life of a baseline, and where each step lives:
//!
//! | step | place |
//! |---|---|
//! | a file is written once, in key order | [`SegmentWriter`] |
//! | it is opened, checked whole, and refused by name when it is not the one expected | [`Segment::open`], [`OpenError`] |
//! | a base and the delta over it become one set, which is asked about every row of the model | [`Baseline`], [`Probe`] |
//! | where rows come in the order of the last time, most need not be asked about | [`Trail`], [`Way`] |
//! | what is news, or occurs again, is recorded by key | [`Record`], [`Spreader`] |
//! | records are sorted and duplicates are found | [`Sealer`] |
//! | what was confirmed becomes the next delta or the next base | [`next_shape`], [`write_delta`], [`write_base`] |
//! | the keys themselves, encrypted, where rows that leave have to be named | [`StoredKeysWriter`], [`StoredKeys`] |
//!
//! Everything works over bytes and [`std::io::Write`]: there are no file names, no Arrow and no async here, and what may be read
//! or written when is for the caller to decide. `docs/reference/baseline-format.md` specifies the files to the byte.

mod baseline;
mod blocks;
mod entry;
mod error;
mod header;
mod huge_pages;
mod index;
mod layered;
mod layout;
mod merge;
mod probe;
mod raw;
mod record;
mod seal;
mod seen;
mod segment;
mod spread;
mod stored_keys;
mod trail;
mod writer;

pub use baseline::Baseline;
pub use entry::{Entry, EntryState, Origin, Presence, Update};
pub use error::{Damage, OpenError};
pub use header::{Expect, Header, Kind};
pub use huge_pages::HugePageWriter;
pub use layout::SegmentInfo;
pub use merge::{DELTA_PERCENT_MAX, MergeError, Shape, next_shape, write_base, write_base_of_new_values, write_delta};
pub use probe::{Probe, Way};
pub use raw::Mapped;
pub use record::{Old, Place, Record, RecordKind};
pub use seal::{SealCounts, SealError, Sealed, Sealer};
pub use segment::Segment;
pub use spread::{BUCKETS, BucketWriters, RecordSink, Spread, Spreader, bucket_of};
pub use stored_keys::{KeyCipher, KeyCursor, KeysHeader, StoredKeys, StoredKeysWriter};
pub use trail::{Steps, Trail, TrailWriter, Walk};
pub use writer::{SegmentWriter, WriteError};
