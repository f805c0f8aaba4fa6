//! Records of a pass, by bucket: in memory while they are few, in private files once they are many.

use std::{
    io::{self, Write as _},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use outflow_baseline::{BUCKETS, RecordSink, Sealed, Sealer, Spread};
use outflow_domain::RunId;
use outflow_ports::{Blob, Spool, SpoolWriter};

use crate::error::EngineError;

/// Bytes of records kept in memory, all buckets together. A run in which little changed writes no file of records at all.
const MEMORY_BYTES_MAX: u64 = 8 << 20;

/// Records of a pass, by the top bits of their keys.
pub(crate) struct Buckets {
    spool: std::sync::Arc<dyn Spool>,
    run: RunId,
    buckets: Vec<Mutex<Bucket>>,
    in_memory: AtomicU64,
}

#[derive(Default)]
struct Bucket {
    buffer: Vec<u8>,
    file: Option<Box<dyn SpoolWriter>>,
    /// Whether its file is written to the end.
    is_on_disk: bool,
}

/// Records of a bucket, in memory or where they lie.
enum Records {
    Held(Vec<u8>),
    Spooled(Blob),
}

impl AsRef<[u8]> for Records {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Held(bytes) => bytes,
            Self::Spooled(bytes) => bytes.as_ref(),
        }
    }
}

impl Buckets {
    pub fn new(spool: std::sync::Arc<dyn Spool>, run: RunId) -> Self {
        let buckets = (0..BUCKETS).map(|_| Mutex::default()).collect();
        Self { spool, run, buckets, in_memory: AtomicU64::new(0) }
    }

    fn file_name(bucket: u8) -> String {
        format!("records-{bucket:02x}")
    }

    /// A bucket's records, in any order, once all are appended. They are taken out and their file is removed, unless they are read `again`.
    fn take(&self, bucket: u8, again: bool) -> Result<Records, EngineError> {
        let mut held = self.buckets[usize::from(bucket)].lock().unwrap_or_else(PoisonError::into_inner);
        let Bucket { buffer, file, is_on_disk } = &mut *held;
        if let Some(mut file) = file.take() {
            file.write_all(&std::mem::take(buffer))?;
            file.finish(false)?;
            *is_on_disk = true;
        }
        if !*is_on_disk {
            return Ok(Records::Held(if again { buffer.clone() } else { std::mem::take(buffer) }));
        }
        let name = Self::file_name(bucket);
        let bytes = self.spool.read(&self.run, &name)?;
        if !again {
            self.spool.remove(&self.run, &name)?;
            *is_on_disk = false;
        }
        // A file that is gone by now can still be read through its map.
        Ok(bytes.map_or(Records::Held(Vec::new()), Records::Spooled))
    }

    /// Every bucket, sorted, in order. They stay where they are to be sorted `again`.
    pub fn sorted<'b>(&'b self, spread: &'b Spread, again: bool) -> impl Iterator<Item = Result<Sealed, EngineError>> + Send + 'b {
        let mut sealer = Sealer::new();
        (0..=(BUCKETS - 1) as u8).map(move |bucket| {
            let bytes = self.take(bucket, again)?;
            sealer.seal(bucket, bytes.as_ref(), spread.in_bucket(bucket))?;
            Ok(sealer.give_away())
        })
    }

    /// Removes what was kept to be read again and is not needed any more.
    pub fn clear(&self) -> Result<(), EngineError> {
        for (bucket, held) in (0..=(BUCKETS - 1) as u8).zip(&self.buckets) {
            let held = std::mem::take(&mut *held.lock().unwrap_or_else(PoisonError::into_inner));
            if held.is_on_disk {
                self.spool.remove(&self.run, &Self::file_name(bucket))?;
            }
        }
        Ok(())
    }
}

impl RecordSink for Buckets {
    fn append(&self, bucket: u8, records: &[u8]) -> io::Result<()> {
        let mut held = self.buckets[usize::from(bucket)].lock().unwrap_or_else(PoisonError::into_inner);
        let Bucket { buffer, file, .. } = &mut *held;
        // Records come in large pieces, so that a bucket that has a file needs no buffer any more.
        if file.is_none() && self.in_memory.load(Ordering::Relaxed) < MEMORY_BYTES_MAX {
            // They are at most a few pieces: no room is kept for more.
            buffer.reserve_exact(records.len());
            buffer.extend_from_slice(records);
            self.in_memory.fetch_add(records.len() as u64, Ordering::Relaxed);
            return Ok(());
        }
        let file = match file {
            Some(file) => file,
            None => file.insert(self.spool.create(&self.run, &Self::file_name(bucket)).map_err(io::Error::other)?),
        };
        let before = std::mem::take(buffer);
        self.in_memory.fetch_sub(before.len() as u64, Ordering::Relaxed);
        file.write_all(&before)?;
        file.write_all(records)?;
        Ok(())
    }
}
