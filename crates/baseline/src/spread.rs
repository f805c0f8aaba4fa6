//! Spreads records over 256 buckets by the top bits of their keys, so that each can be sorted in memory.

use std::io::{self, Write};
use std::sync::Mutex;

use outflow_domain::KeyFingerprint;

use crate::record::Record;

/// Number of buckets.
pub const BUCKETS: usize = 256;

/// Records a spreader holds back per bucket: just under 8 KiB, 2 MiB in all once every bucket is in use.
const RECORDS_HELD_MAX: usize = 8 * 1024 / Record::BYTES;

/// The bucket of a key: its top eight bits. Buckets one after the other, each sorted, are in key order.
#[must_use]
pub const fn bucket_of(key: KeyFingerprint) -> u8 {
    (key.0 >> 120) as u8
}

/// Where the records of a bucket go; shared by the spreaders of all threads.
pub trait RecordSink: Sync {
    /// Appends whole records to a bucket; those of one call stay together, calls may come in any order.
    ///
    /// # Errors
    /// When they could not be stored; the pass fails then.
    fn append(&self, bucket: u8, records: &[u8]) -> io::Result<()>;
}

/// One writer per bucket, each behind a lock of its own.
#[derive(Debug)]
pub struct BucketWriters<W>(Vec<Mutex<W>>);

impl<W: Write + Send> BucketWriters<W> {
    /// Makes all 256 writers.
    ///
    /// # Errors
    /// The first error of `make`.
    pub fn new(make: impl FnMut(u8) -> io::Result<W>) -> io::Result<Self> {
        (0..=u8::MAX).map(make).map(|it| it.map(Mutex::new)).collect::<io::Result<_>>().map(Self)
    }

    /// The writers, flushed, in the order of their buckets.
    ///
    /// # Errors
    /// When one could not be flushed, or a thread panicked while it wrote.
    pub fn finish(self) -> io::Result<Vec<W>> {
        let flushed = |writer: Mutex<W>| {
            let mut writer = writer.into_inner().map_err(|_| half_written())?;
            writer.flush()?;
            Ok(writer)
        };
        self.0.into_iter().map(flushed).collect()
    }
}

impl<W: Write + Send> RecordSink for BucketWriters<W> {
    fn append(&self, bucket: u8, records: &[u8]) -> io::Result<()> {
        self.0[usize::from(bucket)].lock().map_err(|_| half_written())?.write_all(records)
    }
}

fn half_written() -> io::Error {
    io::Error::other("a thread stopped while it wrote records")
}

/// How many records each bucket got; what the seal must find there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spread([u64; BUCKETS]);

impl Default for Spread {
    fn default() -> Self {
        Self([0; BUCKETS])
    }
}

impl Spread {
    /// Records in one bucket.
    #[must_use]
    pub const fn in_bucket(&self, bucket: u8) -> u64 {
        self.0[bucket as usize]
    }

    /// Records in all buckets.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Adds what another thread spread.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, more)| *sum += more);
    }
}

/// Spreads the records of one thread.
#[derive(Debug)]
#[must_use = "records held back are lost without `finish`"]
pub struct Spreader<'s, S: ?Sized> {
    sink: &'s S,
    held: Vec<Vec<u8>>,
    spread: Spread,
}

impl<'s, S: RecordSink + ?Sized> Spreader<'s, S> {
    /// A spreader into `sink`. Memory is taken bucket by bucket as records come.
    pub fn new(sink: &'s S) -> Self {
        Self { sink, held: vec![Vec::new(); BUCKETS], spread: Spread::default() }
    }

    /// Takes a record, and hands its bucket's on once there are many.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn push(&mut self, record: &Record) -> io::Result<()> {
        let bucket = bucket_of(record.key);
        let held = &mut self.held[usize::from(bucket)];
        if held.len() == RECORDS_HELD_MAX * Record::BYTES {
            self.sink.append(bucket, held)?;
            held.clear();
        }
        held.extend_from_slice(&record.to_bytes());
        self.spread.0[usize::from(bucket)] += 1;
        Ok(())
    }

    /// Hands on what was held back, and tells what was spread. Without it the records held back are lost.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn finish(self) -> io::Result<Spread> {
        for (bucket, held) in (0..=u8::MAX).zip(&self.held) {
            if !held.is_empty() {
                self.sink.append(bucket, held)?;
            }
        }
        Ok(self.spread)
    }
}
