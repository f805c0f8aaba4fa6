//! The next delta and the next base against a map.

use outflow_baseline::{
    Baseline, Entry, EntryState, Kind, MergeError, Presence, SegmentWriter, Update, WriteError, write_base, write_base_of_new_values,
    write_delta,
};
use outflow_domain::{KeyFingerprint, RowFingerprint};
use proptest::prelude::*;

use crate::support::{self, Changes, Rows, base, changed, changes, delta, entries, header, open, rows, updates};

fn writer(kind: Kind, bytes: &mut Vec<u8>) -> SegmentWriter<&mut Vec<u8>> {
    SegmentWriter::new(bytes, header(kind)).expect("a Vec takes a header")
}

proptest! {
    #[test]
    fn the_next_delta_says_the_old_one_and_the_updates(rows in rows(), old in changes(), new in changes(), first in any::<bool>()) {
        let old = if first { Changes::new() } else { old };
        let old_delta = (!first).then(|| delta(&old));
        let mut bytes = Vec::new();
        let info = write_delta(old_delta.as_ref(), updates(&new), writer(Kind::Delta, &mut bytes)).expect("written");
        let mut both = old.clone();
        both.extend(&new);
        let next = open(Kind::Delta, bytes).expect("whole");
        prop_assert_eq!(next.info(), info);
        prop_assert_eq!(next.updates().collect::<Vec<_>>(), updates(&both));
        let held = changed(&changed(&rows, &old), &new);
        let baseline = Baseline::open(Some(base(&rows)), Some(next)).expect("they belong together");
        prop_assert_eq!(baseline.iter().collect::<Vec<_>>(), entries(&held));
        prop_assert_eq!(baseline.len(), held.len() as u64);
    }

    #[test]
    fn the_next_base_holds_all_three(rows in rows(), old in changes(), new in changes(), without in 0..4u8) {
        let rows = if without & 1 == 0 { rows } else { Rows::new() };
        let old = if without & 2 == 0 { old } else { Changes::new() };
        let old_base = (without & 1 == 0).then(|| base(&rows));
        let old_delta = (without & 2 == 0).then(|| delta(&old));
        let mut bytes = Vec::new();
        let writer = writer(Kind::Base, &mut bytes);
        let info = write_base(old_base.as_ref(), old_delta.as_ref(), updates(&new), writer).expect("written");
        let next = open(Kind::Base, bytes).expect("whole");
        prop_assert_eq!(next.info(), info);
        prop_assert_eq!(next.entries().collect::<Vec<_>>(), entries(&changed(&changed(&rows, &old), &new)));
    }
}

proptest! {
    #[test]
    fn a_base_of_new_values_knows_the_values_of_its_updates_alone(rows in rows(), old in changes(), new in changes()) {
        let (old_base, old_delta) = (base(&rows), delta(&old));
        let mut bytes = Vec::new();
        write_base_of_new_values(Some(&old_base), Some(&old_delta), updates(&new), writer(Kind::Base, &mut bytes)).expect("written");
        let next = open(Kind::Base, bytes).expect("whole");
        let carried = |it: Entry| {
            let is_new = new.contains_key(&it.key.0);
            let unknown = EntryState { presence: Presence::ValueUnknown, origin: it.state.origin };
            // A flag is of no mapped value.
            let is_flagged = it.state.presence == Presence::LeftFlagged;
            if is_new || is_flagged { it } else { Entry { row: RowFingerprint::of(0), state: unknown, ..it } }
        };
        let expected: Vec<Entry> = entries(&changed(&changed(&rows, &old), &new)).into_iter().map(carried).collect();
        prop_assert_eq!(next.entries().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn updates_out_of_order_are_refused_even_where_they_drop() {
    let rows: Rows = (0..9).map(|key| (key, (0, support::STATES[0]))).collect();
    for late in [5, 3] {
        let updates = [Update::Drop(KeyFingerprint(5)), Update::Drop(KeyFingerprint(late))];
        let refused = write_base(Some(&base(&rows)), None, updates, writer(Kind::Base, &mut Vec::new())).expect_err("5 came first");
        assert!(matches!(refused, MergeError::Write(WriteError::NotAscending { previous: 5, key }) if key == late));
    }
}

#[test]
fn a_writer_begun_for_another_kind_is_refused() {
    let refused = write_base(Some(&base(&Rows::new())), None, [], writer(Kind::Delta, &mut Vec::new())).expect_err("a delta");
    assert!(matches!(refused, MergeError::Kind { found: Kind::Delta, expected: Kind::Base }));
}
