//! The smallest and the oddest segments.

use outflow_baseline::{Entry, Update};
use outflow_domain::KeyFingerprint;

use crate::support::{self, Rows, base, entries};

fn check(keys: impl IntoIterator<Item = u128>) {
    let rows: Rows = keys.into_iter().map(|key| (key, (key as u64 & 0xffff, support::STATES[(key % 8) as usize]))).collect();
    let segment = base(&rows);
    let held: Vec<Entry> = segment.entries().collect();
    assert_eq!(held, entries(&rows));
    for entry in held {
        assert_eq!(segment.get(entry.key), Some(Update::Put(entry)));
        for near in [entry.key.0.wrapping_sub(1), entry.key.0.wrapping_add(1)] {
            assert_eq!(segment.get(KeyFingerprint(near)).is_some(), rows.contains_key(&near));
        }
    }
}

#[test]
fn no_entry() {
    check([]);
    assert_eq!(base(&Rows::new()).get(KeyFingerprint(0)), None);
    assert_eq!(base(&Rows::new()).info().bytes, 128 + 2 * 8 + 4 + 64);
}

#[test]
fn one_entry() {
    check([0]);
    check([1 << 127]);
    check([u128::MAX]);
}

#[test]
fn the_outermost_keys() {
    check([0, u128::MAX]);
    check([0, 1, u128::MAX - 1, u128::MAX]);
}

#[test]
fn all_keys_in_the_first_bucket() {
    check(0..10_000);
}

#[test]
fn all_keys_in_the_last_bucket() {
    check((0..10_000).map(|it| u128::MAX - 2 * it));
}

#[test]
fn keys_that_share_their_high_half() {
    check((0..64).map(|it| (0xabcd << 64) + 3 * it));
}

#[test]
fn as_many_entries_as_fill_blocks_exactly() {
    for entries in [2047, 2048, 2049, 4096] {
        check((0..entries).map(|it| it * (u128::MAX / 5000)));
    }
}
