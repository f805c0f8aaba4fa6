//! Prints what it costs to open a baseline of 10 M entries and to probe each of them once, in random order, on one core.
//!
//! `cargo run --release -p outflow-baseline --example probe_speed [ENTRIES]`
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs::File;
use std::time::{Duration, Instant};

use outflow_baseline::{
    Baseline, Entry, EntryState, Expect, Header, Kind, Mapped, Old, Place, Probe, Record, RecordKind, Sealer, Segment, SegmentWriter,
    Update, bucket_of, write_base,
};
use outflow_domain::{KeyFingerprint, RowFingerprint};
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

/// Rows of one batch, as the sources give them.
const BATCH_ROWS: usize = 8192;

fn main() -> Result<(), Box<dyn Error>> {
    let entries: usize = std::env::args().nth(1).map_or(Ok(10_000_000), |it| it.parse())?;
    let mut random = SmallRng::seed_from_u64(7);
    let mut rows: Vec<Entry> = (0..entries)
        .map(|_| Entry { key: KeyFingerprint(random.random()), row: RowFingerprint::of(random.random()), state: EntryState::CREATED })
        .collect();
    rows.sort_unstable_by_key(|it| it.key);

    let (base, wrote) = timed(|| write(Kind::Base, rows.iter().copied()));
    let base = base?;
    report("write a base", wrote, entries);
    let changed = rows.iter().copied().step_by(50).map(|it| Entry { row: RowFingerprint::of(it.row.bits() ^ 1), ..it });
    let delta = write(Kind::Delta, changed)?;
    rows.shuffle(&mut random);
    let (keys, values): (Vec<_>, Vec<_>) = rows.iter().map(|it| (it.key, it.row)).unzip();

    for with_delta in [false, true] {
        println!("{}", if with_delta { "base and a delta of 2 %" } else { "base alone" });
        for _ in 0..3 {
            let (opened, took) = timed(|| -> Result<_, Box<dyn Error>> {
                let delta = if with_delta { Some(open(Kind::Delta, &delta)?) } else { None };
                Ok(Baseline::open(Some(open(Kind::Base, &base)?), delta)?)
            });
            let baseline = opened?;
            report("open and verify", took, entries);
            let (same, took) = timed(|| probe_all(&baseline, &keys, &values));
            report("probe", took, entries);
            let (unseen, took) = timed(|| baseline.unseen().count());
            report("list the unseen", took, entries);
            assert_eq!((same, unseen), (if with_delta { entries - entries.div_ceil(50) } else { entries }, 0));
        }
    }

    let segments = (open(Kind::Base, &base)?, open(Kind::Delta, &delta)?);
    let (merged, took) = timed(|| -> Result<_, Box<dyn Error>> {
        let mut file = tempfile::tempfile()?;
        let writer = SegmentWriter::new(&mut file, header(Kind::Base))?;
        Ok(write_base(Some(&segments.0), Some(&segments.1), std::iter::empty::<Update>(), writer)?)
    });
    assert_eq!(merged?.entries, entries as u64);
    report("merge base and delta", took, entries);
    seal(&rows)
}

/// Seals every row as a new one, bucket by bucket.
fn seal(rows: &[Entry]) -> Result<(), Box<dyn Error>> {
    let mut buckets = vec![Vec::new(); 256];
    for (row_in_part, entry) in rows.iter().enumerate() {
        let old: Option<Old> = None;
        let place = Some(Place { part: 0, row_in_part: row_in_part as u32 });
        let record = Record { key: entry.key, row: entry.row, kind: RecordKind::New, again: false, old, place, note: 0 };
        buckets[usize::from(bucket_of(entry.key))].extend_from_slice(&record.to_bytes());
    }
    let mut sealer = Sealer::new();
    let (kept, took) = timed(|| -> Result<_, Box<dyn Error>> {
        let mut kept = 0;
        for (bucket, bytes) in (0..=u8::MAX).zip(&buckets) {
            kept += sealer.seal(bucket, bytes, (bytes.len() / Record::BYTES) as u64)?.counts().kept;
        }
        Ok(kept)
    });
    assert_eq!(kept?, rows.len() as u64);
    report("seal", took, rows.len());
    Ok(())
}

fn probe_all(baseline: &Baseline<Mapped>, keys: &[KeyFingerprint], rows: &[RowFingerprint]) -> usize {
    let mut answers = Vec::new();
    let mut same = 0;
    for (keys, rows) in keys.chunks(BATCH_ROWS).zip(rows.chunks(BATCH_ROWS)) {
        baseline.probe(keys, rows, &mut answers);
        same += answers.iter().filter(|it| matches!(it, Probe::Same { again: false, .. })).count();
    }
    same
}

fn header(kind: Kind) -> Header {
    Header { kind, scheme: 1, folding_version: 1, activation: [1; 16], mapping_digest: [2; 16], key_check: [3; 8], version: 1 }
}

fn write(kind: Kind, rows: impl Iterator<Item = Entry>) -> Result<File, Box<dyn Error>> {
    let mut file = tempfile::tempfile()?;
    let mut writer = SegmentWriter::new(&mut file, header(kind))?;
    for row in rows {
        writer.push(row)?;
    }
    writer.finish()?;
    Ok(file)
}

fn open(kind: Kind, file: &File) -> Result<Segment<Mapped>, Box<dyn Error>> {
    Ok(Segment::open(Mapped::file(file)?, &Expect::header(header(kind)))?)
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let done = work();
    (done, start.elapsed())
}

fn report(what: &str, took: Duration, rows: usize) {
    println!("  {what:<22} {:>8.1} ms {:>7.2} ns an entry", took.as_secs_f64() * 1e3, took.as_nanos() as f64 / rows as f64);
}
