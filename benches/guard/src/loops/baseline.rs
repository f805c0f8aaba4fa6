//! Probing, sealing, writing.

use std::{error::Error, hint::black_box, io};

use outflow_baseline::{
    Baseline, BucketWriters, Entry, EntryState, Expect, Header, Kind, Place, Probe, Record, RecordKind, Sealer, Segment, SegmentWriter,
    Spreader, Update, write_base,
};
use outflow_domain::{KeyFingerprint, RowFingerprint};

use super::Prepared;
use crate::data::{self, ROWS};

/// Entries of the base: several blocks of the file, and more than one batch asks about.
const ENTRIES: u64 = 8 * ROWS;
/// Of so many entries one is in the delta.
const DELTA_EVERY: usize = 50;

type Opened = Segment<Vec<u8>>;

const fn header(kind: Kind) -> Header {
    Header { kind, scheme: 1, folding_version: 1, activation: [1; 16], mapping_digest: [2; 16], key_check: [3; 8], version: 1 }
}

/// The rows of the base, in key order.
fn entries() -> Vec<Entry> {
    let mut entries: Vec<Entry> =
        (0..ENTRIES).map(|it| Entry { key: data::key(it), row: data::row(it), state: EntryState::CREATED }).collect();
    entries.sort_unstable_by_key(|it| it.key);
    entries
}

/// What has changed since.
fn changes() -> Vec<Entry> {
    entries().into_iter().step_by(DELTA_EVERY).map(|it| Entry { row: RowFingerprint::of(!it.row.bits()), ..it }).collect()
}

fn bytes_of(kind: Kind, entries: &[Entry]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut bytes = Vec::new();
    let mut writer = SegmentWriter::new(&mut bytes, header(kind))?;
    entries.iter().try_for_each(|it| writer.push(*it))?;
    writer.finish()?;
    Ok(bytes)
}

fn open_bytes(kind: Kind, bytes: Vec<u8>) -> Result<Opened, Box<dyn Error>> {
    Ok(Segment::open(bytes, &Expect::header(header(kind)))?)
}

fn base() -> Result<Opened, Box<dyn Error>> {
    open_bytes(Kind::Base, bytes_of(Kind::Base, &entries())?)
}

fn delta() -> Result<Opened, Box<dyn Error>> {
    open_bytes(Kind::Delta, bytes_of(Kind::Delta, &changes())?)
}

/// A batch of the model, in its own order: keys and rows by their numbers.
fn asked(numbers: impl Iterator<Item = u64>) -> (Vec<KeyFingerprint>, Vec<RowFingerprint>) {
    numbers.map(|it| (data::key(it), data::row(it))).unzip()
}

/// Probes a batch, of whose rows so many must be as the baseline has them.
fn probe(baseline: Baseline<Vec<u8>>, numbers: impl Iterator<Item = u64>, same: std::ops::Range<usize>) -> Prepared {
    let (keys, rows) = asked(numbers);
    let mut answers = Vec::with_capacity(keys.len());
    Prepared::of(ROWS, move || {
        baseline.probe(&keys, &rows, &mut answers);
        let found = answers.iter().filter(|it| matches!(it, Probe::Same { again: false, .. })).count();
        assert!(same.contains(&found), "{found} rows of {} are the same", answers.len());
    })
}

pub fn probe_hits() -> Result<Prepared, Box<dyn Error>> {
    let all = ROWS as usize;
    Ok(probe(Baseline::open(Some(base()?), None)?, (0..ENTRIES).step_by(8), all..all + 1))
}

pub fn probe_misses() -> Result<Prepared, Box<dyn Error>> {
    Ok(probe(Baseline::open(Some(base()?), None)?, ENTRIES..ENTRIES + ROWS, 0..1))
}

/// Most rows are those of the base, one in fifty has another value in the delta.
pub fn probe_hits_under_a_delta() -> Result<Prepared, Box<dyn Error>> {
    let all = ROWS as usize;
    Ok(probe(Baseline::open(Some(base()?), Some(delta()?))?, (0..ENTRIES).step_by(8), all / 2..all))
}

/// What has left is listed after a batch in eight was met.
pub fn list_the_unseen() -> Result<Prepared, Box<dyn Error>> {
    let baseline = Baseline::open(Some(base()?), Some(delta()?))?;
    let (keys, rows) = asked((0..ENTRIES).step_by(8));
    baseline.probe(&keys, &rows, &mut Vec::new());
    Ok(Prepared::of(ENTRIES, move || {
        let unseen = baseline.unseen().filter(|it| black_box(it).state == EntryState::CREATED).count();
        assert_eq!(unseen as u64, ENTRIES - ROWS);
    }))
}

/// A new row, which comes in the order of the model.
fn record(number: u64) -> Record {
    let place = Some(Place { part: 0, row_in_part: number as u32 });
    Record { key: data::key(number), row: data::row(number), kind: RecordKind::New, again: false, old: None, place, note: 0 }
}

pub fn spread() -> Result<Prepared, Box<dyn Error>> {
    let records: Vec<Record> = (0..ENTRIES).map(record).collect();
    let sink = BucketWriters::new(|_| Ok(Vec::with_capacity(1 << 16)))?;
    Ok(Prepared::of(ENTRIES, move || {
        let mut spreader = Spreader::new(&sink);
        let pushed: io::Result<()> = records.iter().try_for_each(|it| spreader.push(it));
        assert!(pushed.and_then(|()| spreader.finish()).is_ok_and(|it| it.records() == ENTRIES), "memory takes all");
    }))
}

/// The records of one bucket, after a sealer has taken its memory for as many.
pub fn seal() -> Result<Prepared, Box<dyn Error>> {
    let in_bucket = |number: u64| {
        let mut record = record(number);
        record.key.0 = record.key.0 >> 8 | 7 << 120;
        record.to_bytes()
    };
    let bytes: Vec<u8> = (0..ROWS).flat_map(in_bucket).collect();
    let mut sealer = Sealer::new();
    sealer.seal(7, &bytes, ROWS)?;
    Ok(Prepared::of(ROWS, move || {
        assert!(sealer.seal(7, &bytes, ROWS).is_ok_and(|it| it.counts().kept == ROWS), "no key occurs twice");
    }))
}

pub fn write() -> Result<Prepared, Box<dyn Error>> {
    let entries = entries();
    let mut bytes = Vec::with_capacity(ENTRIES as usize * 32);
    Ok(Prepared::of(ENTRIES, move || {
        let written = SegmentWriter::new(&mut bytes, header(Kind::Base)).and_then(|mut writer| {
            entries.iter().try_for_each(|it| writer.push(*it))?;
            writer.finish()
        });
        assert!(written.is_ok_and(|it| it.entries == ENTRIES), "memory takes all");
    }))
}

/// Opening reads the whole file, and looks at every entry.
pub fn open() -> Result<Prepared, Box<dyn Error>> {
    let bytes = bytes_of(Kind::Base, &entries())?;
    Ok(Prepared::of(ENTRIES, move || {
        let opened = Segment::open(&bytes, &Expect::header(header(Kind::Base)));
        assert!(opened.is_ok_and(|it| it.len() == ENTRIES), "it is whole");
    }))
}

pub fn merge() -> Result<Prepared, Box<dyn Error>> {
    let (base, delta) = (base()?, delta()?);
    let mut bytes = Vec::with_capacity(ENTRIES as usize * 32);
    Ok(Prepared::of(ENTRIES, move || {
        let merged = SegmentWriter::new(&mut bytes, header(Kind::Base))
            .map_err(Into::into)
            .and_then(|writer| write_base(Some(&base), Some(&delta), std::iter::empty::<Update>(), writer));
        assert!(merged.is_ok_and(|it| it.entries == ENTRIES), "no entry is lost");
    }))
}
