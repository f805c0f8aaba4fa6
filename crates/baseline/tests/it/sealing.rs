//! The seal against a naive reading of the rule: a key with several rows is a duplicate, unless all of them are the same.

use std::collections::BTreeMap;

use outflow_baseline::{
    BUCKETS, BucketWriters, Old, Place, Presence, Probe, Record, RecordKind, SealCounts, SealError, Sealer, Spread, Spreader, bucket_of,
};
use outflow_domain::{KeyFingerprint, RowFingerprint};
use proptest::prelude::*;

use crate::support::{Rows, baseline, key, rows};

/// A row of the model: its key, its value, and whether a cell does not fit.
type ModelRow = (u128, u64, bool);

/// What became of the rows of one key.
#[derive(Debug, Default, PartialEq, Eq)]
struct Fate {
    stays: Option<(u64, bool)>,
    duplicates: u64,
    copies: u64,
}

/// The rule, without any baseline, record or order.
fn fates(model: &[ModelRow]) -> BTreeMap<u128, Fate> {
    let mut by_key = BTreeMap::<u128, Vec<(u64, bool)>>::new();
    for &(key, row, invalid) in model {
        by_key.entry(key).or_default().push((row, invalid));
    }
    let fate = |rows: Vec<(u64, bool)>| {
        let others = rows.len() as u64 - 1;
        if rows.iter().all(|it| *it == rows[0]) {
            Fate { stays: Some(rows[0]), duplicates: 0, copies: others }
        } else {
            Fate { stays: None, duplicates: others + 1, copies: 0 }
        }
    };
    by_key.into_iter().map(|(key, rows)| (key, fate(rows))).collect()
}

/// Compares a share of the model and spreads its records, as a compute thread does. Gives the rows that needed no record.
fn compare(
    share: &[ModelRow],
    part: u32,
    baseline: &outflow_baseline::Baseline<Vec<u8>>,
    sink: &BucketWriters<Vec<u8>>,
) -> (Spread, Vec<u128>) {
    let mut spreader = Spreader::new(sink);
    let mut unrecorded = Vec::new();
    let mut answers = Vec::new();
    let mut row_in_part = 0;
    for batch in share.chunks(7) {
        let keys: Vec<_> = batch.iter().map(|it| KeyFingerprint(it.0)).collect();
        let rows: Vec<_> = batch.iter().map(|it| RowFingerprint::of(it.1)).collect();
        baseline.probe(&keys, &rows, &mut answers);
        for ((&(key, row, invalid), &row_print), probe) in batch.iter().zip(&rows).zip(&answers) {
            let kind = match probe {
                _ if invalid => RecordKind::Invalid,
                Probe::Absent => RecordKind::New,
                Probe::Different { .. } => RecordKind::Changed,
                Probe::Same { state, again: false } if state.presence == Presence::Present => {
                    unrecorded.push(key);
                    continue;
                }
                Probe::Same { .. } => RecordKind::Unchanged,
            };
            let in_part = matches!(kind, RecordKind::New | RecordKind::Changed);
            let place = in_part.then_some(Place { part, row_in_part });
            row_in_part += u32::from(in_part);
            let record = Record {
                key: KeyFingerprint(key),
                row: row_print,
                kind,
                again: probe.again(),
                old: probe.old(RowFingerprint::of(row)),
                place,
                note: 0,
            };
            spreader.push(&record).expect("a Vec takes all");
        }
    }
    (spreader.finish().expect("a Vec takes all"), unrecorded)
}

fn check(rows: &Rows, model: &[ModelRow], threads: usize) {
    let baseline = baseline(rows, &Default::default(), false);
    let sink = BucketWriters::new(|_| Ok(Vec::new())).expect("a Vec is made");
    let shares: Vec<&[ModelRow]> = model.chunks(model.len().div_ceil(threads).max(1)).collect();
    let compared: Vec<(Spread, Vec<u128>)> = std::thread::scope(|scope| {
        let share = |(part, &share)| {
            let (baseline, sink) = (&baseline, &sink);
            scope.spawn(move || compare(share, part as u32, baseline, sink))
        };
        let threads: Vec<_> = shares.iter().enumerate().map(share).collect();
        threads.into_iter().map(|it| it.join().expect("the thread ran")).collect()
    });
    let mut spread = Spread::default();
    compared.iter().for_each(|(part, _)| spread.add(part));
    let mut unrecorded: Vec<u128> = compared.into_iter().flat_map(|it| it.1).collect();
    let buckets = sink.finish().expect("no thread panicked");
    assert_eq!(unrecorded.len() as u64 + spread.records(), model.len() as u64, "each row is recorded or unchanged");

    let mut found = BTreeMap::<u128, Fate>::new();
    let (mut sum, mut sealer) = (SealCounts::default(), Sealer::new());
    let mut kept_keys = Vec::new();
    for (bucket, bytes) in (0..=u8::MAX).zip(&buckets) {
        let sealed = sealer.seal(bucket, bytes, spread.in_bucket(bucket)).expect("these are the records");
        sum.add(&sealed.counts());
        for record in sealed.kept() {
            kept_keys.push(record.key);
            let stays = (record.row.bits(), record.kind == RecordKind::Invalid);
            assert_eq!(found.entry(record.key.0).or_default().stays.replace(stays), None, "one row stays");
            assert!(!record.again, "the row that was probed first stays");
        }
        sealed.struck().for_each(|it| found.entry(it.key.0).or_default().duplicates += 1);
        sealed.copies().for_each(|it| found.entry(it.key.0).or_default().copies += 1);
    }
    assert!(kept_keys.is_sorted(), "buckets one after the other are in key order");
    assert_eq!(sum.recorded, spread.records());
    assert_eq!(sum.recorded, sum.kept + sum.struck + sum.copies);
    // Rows without a record stay, unless their key turned out to be a duplicate.
    let mut duplicates_unrecorded = 0;
    unrecorded.sort_unstable();
    for key in unrecorded {
        let fate = found.entry(key).or_default();
        if fate.duplicates > 0 {
            fate.duplicates += 1;
            duplicates_unrecorded += 1;
        } else {
            assert_eq!(fate.stays.replace((rows[&key].0, false)), None, "one row stays");
        }
    }
    assert_eq!(sum.duplicates_unrecorded, duplicates_unrecorded);
    assert_eq!(sum.duplicate_keys, found.values().filter(|it| it.duplicates > 0).count() as u64);
    assert_eq!(found, fates(model));
}

proptest! {
    #[test]
    fn duplicates_and_copies_are_those_of_the_rule(
        rows in rows(),
        model in prop::collection::vec((key(), 0..3u64, prop::bool::weighted(0.1)), 0..300),
        threads in 1..4usize,
    ) {
        check(&rows, &model, threads);
    }
}

#[test]
fn many_rows_under_one_key_are_sorted_out() {
    let model: Vec<ModelRow> = (0..5_000).map(|it| (9, u64::from(it == 4_999), false)).collect();
    check(&Rows::new(), &model, 2);
    check(&Rows::new(), &model[..4_999], 2);
}

#[test]
fn many_buckets_full_of_records_are_sealed() {
    let model: Vec<ModelRow> = (0..200_000u128).map(|it| (it.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835), 1, false)).collect();
    check(&Rows::new(), &model, 3);
}

fn record(key: u128) -> Record {
    Record {
        key: KeyFingerprint(key),
        row: RowFingerprint::of(1),
        kind: RecordKind::Changed,
        again: false,
        old: Some(Old { row: RowFingerprint::of(0), state: crate::support::STATES[0] }),
        place: Some(Place { part: 0, row_in_part: 0 }),
        note: 0,
    }
}

#[test]
fn of_equal_rows_the_one_of_the_lowest_place_stays() {
    let at = |part, row_in_part| Record { place: Some(Place { part, row_in_part }), old: None, kind: RecordKind::New, ..record(1) };
    let bytes: Vec<u8> = [at(1, 0), at(0, 7), at(0, 3)].iter().flat_map(Record::to_bytes).collect();
    let mut sealer = Sealer::new();
    let sealed = sealer.seal(0, &bytes, 3).expect("three records");
    assert_eq!(sealed.kept().collect::<Vec<_>>(), [at(0, 3)]);
    assert_eq!(sealed.copies().collect::<Vec<_>>(), [at(0, 7), at(1, 0)]);
}

#[test]
fn a_bucket_that_lost_or_gained_records_is_refused() {
    let bytes = record(1).to_bytes();
    let length = |found, expected| SealError::Length { bucket: 0, found, expected };
    assert_eq!(Sealer::new().seal(0, &bytes, 2).expect_err("one is missing"), length(40, 2));
    assert_eq!(Sealer::new().seal(0, &bytes[..39], 1).expect_err("a byte is missing"), length(39, 1));
    assert_eq!(Sealer::new().seal(0, &bytes, 0).expect_err("one too many"), length(40, 0));
}

#[test]
fn a_record_of_another_bucket_is_refused() {
    let bytes = [record(1).to_bytes(), record(1 << 120).to_bytes()].concat();
    assert_eq!(Sealer::new().seal(0, &bytes, 2).expect_err("the second is of bucket 1"), SealError::Foreign { bucket: 0, record: 1 });
}

#[test]
fn a_bucket_is_the_top_byte_of_the_key() {
    assert_eq!(BUCKETS, 256);
    assert_eq!(bucket_of(KeyFingerprint(u128::MAX)), 255);
    assert_eq!(bucket_of(KeyFingerprint(7 << 120 | 1)), 7);
}
