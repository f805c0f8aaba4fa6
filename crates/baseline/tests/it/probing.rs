//! The probe against a map, with every kind of base and delta.

use std::collections::BTreeSet;

use outflow_baseline::{Baseline, Entry, Kind, OpenError, Presence, Probe, Segment};
use outflow_domain::{KeyFingerprint, RowFingerprint};
use proptest::prelude::*;

use crate::support::{self, Rows, baseline, changed, changes, entries, entry, key, rows};

/// What a naive baseline answers.
fn answer(rows: &Rows, seen: &mut BTreeSet<u128>, key: u128, row: u64) -> Probe {
    let Some(&(old, state)) = rows.get(&key) else { return Probe::Absent };
    let again = !seen.insert(key);
    if old == row && state.presence != Presence::ValueUnknown {
        Probe::Same { state, again }
    } else {
        Probe::Different { old: RowFingerprint::of(old), state, again }
    }
}

fn split(asked: &[(u128, u64)]) -> (Vec<KeyFingerprint>, Vec<RowFingerprint>) {
    asked.iter().map(|&(key, row)| (KeyFingerprint(key), RowFingerprint::of(row))).unzip()
}

proptest! {
    #[test]
    fn every_row_gets_the_answer_of_a_map(
        rows in rows(),
        changes in changes(),
        even_if_empty in any::<bool>(),
        batches in prop::collection::vec(prop::collection::vec((key(), 0..3u64), 0..120), 1..4),
    ) {
        let baseline = baseline(&rows, &changes, even_if_empty);
        let held = changed(&rows, &changes);
        prop_assert_eq!(baseline.len(), held.len() as u64);
        prop_assert_eq!(baseline.iter().collect::<Vec<_>>(), entries(&held));
        prop_assert_eq!(baseline.unseen_len(), held.len() as u64);
        let mut seen = BTreeSet::new();
        let mut answers = vec![Probe::Absent; 3];
        for batch in batches {
            let (keys, values) = split(&batch);
            let mut found = Vec::new();
            baseline.lookup(&keys, &mut found);
            let known: Vec<Option<Entry>> = batch.iter().map(|&(key, _)| held.get(&key).map(|&row| entry(key, row))).collect();
            prop_assert_eq!(&found, &known);
            prop_assert!(keys.iter().zip(&known).all(|(&key, known)| baseline.get(key) == *known && baseline.contains(key) == known.is_some()));
            baseline.probe(&keys, &values, &mut answers);
            let expected: Vec<Probe> = batch.iter().map(|&(key, row)| answer(&held, &mut seen, key, row)).collect();
            prop_assert_eq!(&answers, &expected);
        }
        let unseen: Rows = held.into_iter().filter(|(key, _)| !seen.contains(key)).collect();
        prop_assert_eq!(baseline.unseen().collect::<Vec<_>>(), entries(&unseen));
        prop_assert_eq!(baseline.unseen_len(), unseen.len() as u64);
    }

    #[test]
    fn of_equal_keys_in_many_threads_one_is_the_first(rows in rows(), changes in changes()) {
        let baseline = baseline(&rows, &changes, true);
        let held = changed(&rows, &changes);
        let asked: Vec<(u128, u64)> = rows.keys().chain(changes.keys()).map(|&key| (key, 1)).collect();
        let distinct: BTreeSet<u128> = asked.iter().map(|it| it.0).filter(|key| held.contains_key(key)).collect();
        let (keys, values) = split(&asked);
        let firsts: usize = std::thread::scope(|scope| {
            let count = || {
                let mut answers = Vec::new();
                baseline.probe(&keys, &values, &mut answers);
                answers.iter().filter(|it| **it != Probe::Absent && !it.again()).count()
            };
            let threads: Vec<_> = (0..3).map(|_| scope.spawn(count)).collect();
            threads.into_iter().map(|it| it.join().expect("the thread ran")).sum()
        });
        prop_assert_eq!(firsts, distinct.len());
        prop_assert_eq!(baseline.unseen_len(), 0);
    }
}

#[test]
fn many_evenly_spread_keys_are_all_found() {
    let step = u128::MAX / 100_000;
    let rows: Rows = (0..100_000).map(|it| (it * step, (it as u64, support::STATES[0]))).collect();
    let baseline = baseline(&rows, &Default::default(), false);
    let asked: Vec<(u128, u64)> = rows.iter().flat_map(|(&key, &(row, _))| [(key, row), (key + 1, row)]).collect();
    let (keys, values) = split(&asked);
    let mut answers = Vec::new();
    baseline.probe(&keys, &values, &mut answers);
    for pair in answers.chunks(2) {
        assert_eq!(pair, [Probe::Same { state: support::STATES[0], again: false }, Probe::Absent]);
    }
    assert_eq!(baseline.unseen().next(), None);
}

#[test]
fn an_unknown_value_equals_no_row() {
    let unknown = support::STATES[3];
    let baseline = baseline(&Rows::from([(1, (0, unknown))]), &Default::default(), false);
    let mut answers = Vec::new();
    baseline.probe(&[KeyFingerprint(1)], &[RowFingerprint::of(0)], &mut answers);
    assert_eq!(answers, [Probe::Different { old: RowFingerprint::of(0), state: unknown, again: false }]);
}

#[test]
fn without_levels_everything_is_absent() {
    let baseline = Baseline::<Vec<u8>>::open(None, None).expect("no level is wrong");
    let mut answers = Vec::new();
    baseline.probe(&[KeyFingerprint(1)], &[RowFingerprint::of(0)], &mut answers);
    assert_eq!(answers, [Probe::Absent]);
    assert!(baseline.is_empty());
    assert_eq!(baseline.unseen_len(), 0);
}

#[test]
fn levels_that_do_not_belong_together_are_refused() {
    let base = || support::base(&Rows::new());
    let delta = || support::delta(&Default::default());
    let is = |opened: Result<Baseline<Vec<u8>>, OpenError>, error| assert_eq!(opened.expect_err("refused"), error);
    is(Baseline::open(Some(delta()), None), OpenError::OtherKind { found: Kind::Delta, expected: Kind::Base });
    is(Baseline::open(None, Some(base())), OpenError::OtherKind { found: Kind::Base, expected: Kind::Delta });
    let mut other = support::header(Kind::Delta);
    other.key_check = [0; 8];
    let mut bytes = Vec::new();
    outflow_baseline::SegmentWriter::new(&mut bytes, other).and_then(|it| it.finish()).expect("an empty delta");
    let other = Segment::open(bytes, &outflow_baseline::Expect::header(other)).expect("it is whole");
    is(Baseline::open(Some(base()), Some(other)), OpenError::LevelsDiffer);
}
