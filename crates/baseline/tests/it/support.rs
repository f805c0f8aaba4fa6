//! Builders and strategies that the other modules share.

use std::collections::BTreeMap;

use outflow_baseline::{
    Baseline, Entry, EntryState, Expect, Header, Kind, OpenError, Origin, Presence, Segment, SegmentInfo, SegmentWriter, Update,
};
use outflow_domain::{KeyFingerprint, RowFingerprint};
use proptest::prelude::*;

pub const STATES: [EntryState; 8] = {
    use Origin::{Adopted, Created};
    use Presence::{LeftFlagged, LeftKept, Present, ValueUnknown};
    [
        EntryState { presence: Present, origin: Created },
        EntryState { presence: LeftKept, origin: Created },
        EntryState { presence: LeftFlagged, origin: Created },
        EntryState { presence: ValueUnknown, origin: Created },
        EntryState { presence: Present, origin: Adopted },
        EntryState { presence: LeftKept, origin: Adopted },
        EntryState { presence: LeftFlagged, origin: Adopted },
        EntryState { presence: ValueUnknown, origin: Adopted },
    ]
};

/// Rows by key, as a naive baseline.
pub type Rows = BTreeMap<u128, (u64, EntryState)>;
/// What a delta says of each key; `None` where it was dropped.
pub type Changes = BTreeMap<u128, Option<(u64, EntryState)>>;

pub fn header(kind: Kind) -> Header {
    Header {
        kind,
        scheme: 3,
        folding_version: 5,
        activation: *b"activation sixty",
        mapping_digest: *b"mapping digest 1",
        key_check: *b"checkkey",
        version: 42,
    }
}

pub fn entry(key: u128, (row, state): (u64, EntryState)) -> Entry {
    Entry { key: KeyFingerprint(key), row: RowFingerprint::of(row), state }
}

pub fn entries(rows: &Rows) -> Vec<Entry> {
    rows.iter().map(|(&key, &row)| entry(key, row)).collect()
}

pub fn updates(changes: &Changes) -> Vec<Update> {
    let update = |(&key, &change): (&u128, &Option<_>)| match change {
        Some(row) => Update::Put(entry(key, row)),
        None => Update::Drop(KeyFingerprint(key)),
    };
    changes.iter().map(update).collect()
}

pub fn write(kind: Kind, updates: impl IntoIterator<Item = Update>) -> (Vec<u8>, SegmentInfo) {
    let mut bytes = Vec::new();
    let mut writer = SegmentWriter::new(&mut bytes, header(kind)).expect("a Vec takes a header");
    for update in updates {
        writer.push_update(update).expect("keys ascend");
    }
    let info = writer.finish().expect("a Vec takes all");
    (bytes, info)
}

pub fn open(kind: Kind, bytes: Vec<u8>) -> Result<Segment<Vec<u8>>, OpenError> {
    Segment::open(bytes, &Expect::header(header(kind)))
}

pub fn segment(kind: Kind, updates: impl IntoIterator<Item = Update>) -> Segment<Vec<u8>> {
    open(kind, write(kind, updates).0).expect("what was written opens")
}

pub fn base(rows: &Rows) -> Segment<Vec<u8>> {
    segment(Kind::Base, entries(rows).into_iter().map(Update::Put))
}

pub fn delta(changes: &Changes) -> Segment<Vec<u8>> {
    segment(Kind::Delta, updates(changes))
}

/// A baseline of both levels; a level without entries is left out or present, as `even_if_empty` says.
pub fn baseline(rows: &Rows, changes: &Changes, even_if_empty: bool) -> Baseline<Vec<u8>> {
    let base = (even_if_empty || !rows.is_empty()).then(|| base(rows));
    let delta = (even_if_empty || !changes.is_empty()).then(|| delta(changes));
    Baseline::open(base, delta).expect("the levels belong together")
}

/// The rows after the changes.
pub fn changed(rows: &Rows, changes: &Changes) -> Rows {
    let mut rows = rows.clone();
    for (&key, &change) in changes {
        match change {
            Some(row) => rows.insert(key, row),
            None => rows.remove(&key),
        };
    }
    rows
}

/// Keys of a small world, so that they meet: spread evenly, crowded in one bucket, or equal in their high half.
pub fn key() -> impl Strategy<Value = u128> {
    prop_oneof![
        4 => (0..200u128).prop_map(|it| it * (u128::MAX / 199)),
        2 => (0..40u128).prop_map(|it| (7 << 120) | (it << 64)),
        2 => 0..40u128,
        1 => Just(u128::MAX),
    ]
}

pub fn row() -> impl Strategy<Value = (u64, EntryState)> {
    (0..3u64, prop::sample::select(&STATES[..]))
}

pub fn rows() -> impl Strategy<Value = Rows> {
    prop::collection::btree_map(key(), row(), 0..150)
}

pub fn changes() -> impl Strategy<Value = Changes> {
    prop::collection::btree_map(key(), prop::option::weighted(0.7, row()), 0..60)
}
