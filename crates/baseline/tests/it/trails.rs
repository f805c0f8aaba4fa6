//! With a trail or without: the baseline says the same, and a good trail leads along nearly every row.

use std::collections::BTreeMap;

use outflow_baseline::{Baseline, EntryState, OpenError, Probe, SegmentInfo, Steps, Trail, TrailWriter, Way};
use outflow_domain::{KeyFingerprint, RowFingerprint};
use proptest::prelude::*;

use crate::support::{Rows, base, baseline, changed, changes, entries, key, rows};

type Batch = Vec<(u128, u64)>;

fn split(asked: &[(u128, u64)]) -> (Vec<KeyFingerprint>, Vec<RowFingerprint>) {
    asked.iter().map(|&(key, row)| (KeyFingerprint(key), RowFingerprint::of(row))).unzip()
}

fn written(stretches: impl IntoIterator<Item = Steps>, base: SegmentInfo) -> Vec<u8> {
    let mut writer = TrailWriter::new(Vec::new(), base).expect("a Vec takes a header");
    for mut steps in stretches {
        writer.append(&mut steps).expect("a Vec takes all");
        assert!(steps.is_empty());
    }
    writer.finish().expect("a Vec takes all")
}

/// The trail of a reading of these batches, each of which is a stretch of its own.
fn noted(baseline: &Baseline<Vec<u8>>, batches: &[Batch]) -> Vec<u8> {
    let stretch = |batch: &Batch| {
        let (keys, values) = split(batch);
        let mut way = Way::Noted(Steps::default());
        baseline.probe_along(&mut way, &keys, &values, &mut Vec::new());
        let Way::Noted(steps) = way else { unreachable!("a way stays what it is") };
        steps
    };
    written(batches.iter().map(stretch), baseline.base().expect("there is a base").info())
}

/// What a baseline says of these rows, but for which of equal keys was the first; and how many of each key were.
fn answers(baseline: &Baseline<Vec<u8>>, way: &mut Way<'_>, batches: &[Batch]) -> (Vec<Probe>, BTreeMap<u128, usize>) {
    let (mut all, mut firsts) = (Vec::new(), BTreeMap::new());
    for batch in batches {
        let (keys, values) = split(batch);
        let mut out = Vec::new();
        baseline.probe_along(way, &keys, &values, &mut out);
        for (&(key, _), answer) in batch.iter().zip(out) {
            let (is_first, answer) = match answer {
                Probe::Absent => (false, Probe::Absent),
                Probe::Same { state, again } => (!again, Probe::Same { state, again: false }),
                Probe::Different { old, state, again } => (!again, Probe::Different { old, state, again: false }),
            };
            *firsts.entry(key).or_default() += usize::from(is_first);
            all.push(answer);
        }
    }
    (all, firsts)
}

fn batches() -> impl Strategy<Value = Vec<Batch>> {
    prop::collection::vec(prop::collection::vec((key(), 0..3u64), 0..120), 1..4)
}

proptest! {
    #[test]
    fn a_trail_changes_no_answer(rows in rows(), changes in changes(), before in batches(), now in batches(), same in any::<bool>()) {
        let read = |delta| baseline(&rows, delta, true);
        let none = BTreeMap::new();
        let trail = noted(&read(&none), &before);
        let (walked, asked) = (read(&changes), read(&changes));
        let trail = Trail::open(trail, walked.base().expect("there is a base").info()).expect("what was written opens");
        let now = if same { before } else { now };
        let expected = answers(&asked, &mut Way::Unmarked, &now);
        prop_assert_eq!(answers(&walked, &mut Way::Walked(trail.walk()), &now), expected);
        prop_assert_eq!(walked.unseen().collect::<Vec<_>>(), asked.unseen().collect::<Vec<_>>());
        prop_assert_eq!(walked.unseen_len(), asked.unseen_len());
        let held = entries(&changed(&rows, &changes));
        prop_assert_eq!(walked.iter().collect::<Vec<_>>(), held);
    }
}

/// So many rows in an order of their own.
fn table(len: u64) -> Batch {
    let scattered = |it: u64| u128::from(it).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    (0..len).map(|it| (scattered(it), it.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 4)).collect()
}

fn baseline_of(table: &Batch) -> Baseline<Vec<u8>> {
    let rows: Rows = table.iter().map(|&(key, row)| (key, (row, EntryState::CREATED))).collect();
    Baseline::open(Some(base(&rows)), None).expect("a base opens")
}

/// How many rows of `now` are on the trail of `before`, read in batches.
fn found(before: &Batch, now: &[(u128, u64)]) -> u64 {
    let trail = noted(&baseline_of(before), std::slice::from_ref(before));
    let baseline = baseline_of(before);
    let trail = Trail::open(trail, baseline.base().expect("there is a base").info()).expect("what was written opens");
    let mut way = Way::Walked(trail.walk());
    let batches: Vec<Batch> = now.chunks(1000).map(<[_]>::to_vec).collect();
    let _ = answers(&baseline, &mut way, &batches);
    let Way::Walked(walk) = way else { unreachable!("a way stays what it is") };
    walk.found()
}

#[test]
fn rows_in_their_old_order_are_all_on_the_trail() {
    let table = table(10_000);
    assert_eq!(found(&table, &table), 10_000);
}

#[test]
fn changed_new_and_missing_rows_cost_themselves_alone() {
    let table = table(10_000);
    let mut now: Batch = table.iter().copied().enumerate().filter(|(at, _)| at % 70 != 3).map(|(_, row)| row).collect();
    let unchanged = now.len() as u64;
    now.iter_mut().step_by(50).for_each(|row| row.1 ^= 1);
    let changed = now.len().div_ceil(50) as u64;
    for new in 0..100 {
        now.insert(new * 90, (u128::from(new as u64) << 100 | 1, 7));
    }
    assert_eq!(found(&table, &now), unchanged - changed);
}

#[test]
fn a_walk_that_has_lost_its_way_finds_a_landmark() {
    let table = table(10_000);
    // The second half comes first, and a long stretch of it is gone: as where another thread reads it, or a file was left out.
    let now: Batch = table[5_000..6_000].iter().chain(&table[8_000..]).chain(&table[..5_000]).copied().collect();
    let found = found(&table, &now);
    assert!((now.len() as u64 - 3 * (256 + 33)..=now.len() as u64).contains(&found), "{found} of {}", now.len());
}

#[test]
fn a_walk_that_leads_nowhere_is_given_up() {
    let table = table(80_000);
    let backwards: Batch = table.iter().rev().copied().collect();
    // Landmarks alone are found: one row in 256.
    assert!(found(&table, &backwards) <= 80_000 / 256 + 1);
}

#[test]
fn a_torn_trail_is_refused() {
    let table = table(9_000);
    let baseline = baseline_of(&table);
    let info = baseline.base().expect("there is a base").info();
    let whole = noted(&baseline, &[table[..6_000].to_vec(), table[6_000..].to_vec()]);
    assert_eq!(whole.len(), 64 + 12 * 9_000 + 3 * 4 + 32, "header, steps, three blocks, footer");
    assert!(Trail::open(whole.as_slice(), info).is_ok());
    for len in (0..whole.len()).step_by(997).chain(whole.len() - 100..whole.len()) {
        assert!(matches!(Trail::open(&whole[..len], info), Err(OpenError::Torn(_))), "cut at {len}");
    }
    let mut torn = whole.clone();
    for at in (0..whole.len()).step_by(991).chain(0..64).chain(whole.len() - 60..whole.len()) {
        torn[at] ^= 0x10;
        assert!(Trail::open(torn.as_slice(), info).is_err(), "byte {at} changed");
        torn[at] = whole[at];
    }
    torn.push(0);
    assert!(Trail::open(torn.as_slice(), info).is_err(), "a byte too many");
}

#[test]
fn a_trail_along_another_base_is_refused() {
    let table = table(300);
    let (baseline, other) = (baseline_of(&table), baseline_of(&table[..299].to_vec()));
    let trail = noted(&baseline, &[table]);
    assert!(Trail::open(trail.as_slice(), other.base().expect("there is a base").info()).is_err());
}

#[test]
fn a_trail_to_where_no_entry_is_is_refused() {
    let table = table(300);
    let baseline = baseline_of(&table);
    let (keys, values) = split(&table);
    let mut way = Way::Noted(Steps::default());
    baseline.probe_along(&mut way, &keys, &values, &mut Vec::new());
    let Way::Noted(steps) = way else { unreachable!("a way stays what it is") };
    let info = SegmentInfo { entries: 299, ..baseline.base().expect("there is a base").info() };
    let trail = written([steps], info);
    assert!(matches!(Trail::open(trail, info), Err(OpenError::Torn(outflow_baseline::Damage::Rules { entry: 0 }))));
}
