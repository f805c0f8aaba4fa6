//! Records of a pass, by bucket: in memory while they are few, in private files once they are many.

use std::{
    io::{self, Write as _},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use outflow_baseline::{BUCKETS, RecordSink};
use outflow_domain::RunId;
use outflow_ports::{Spool, SpoolWriter};

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
}

impl Buckets {
    pub fn new(spool: std::sync::Arc<dyn Spool>, run: RunId) -> Self {
        let buckets = (0..BUCKETS).map(|_| Mutex::default()).collect();
        Self { spool, run, buckets, in_memory: AtomicU64::new(0) }
    }

    fn file_name(bucket: u8) -> String {
        format!("records-{bucket:02x}")
    }

    /// Takes a bucket's records out, in any order; its file is removed.
    pub fn take(&self, bucket: u8) -> Result<Vec<u8>, EngineError> {
        let mut held = self.buckets[usize::from(bucket)].lock().unwrap_or_else(PoisonError::into_inner);
        let Bucket { buffer, file } = std::mem::take(&mut *held);
        let Some(mut file) = file else { return Ok(buffer) };
        file.write_all(&buffer)?;
        drop(buffer);
        file.finish(false)?;
        let name = Self::file_name(bucket);
        let bytes = self.spool.read(&self.run, &name)?.map(|it| it.as_ref().to_vec()).unwrap_or_default();
        self.spool.remove(&self.run, &name)?;
        Ok(bytes)
    }
}

impl RecordSink for Buckets {
    fn append(&self, bucket: u8, records: &[u8]) -> io::Result<()> {
        let mut held = self.buckets[usize::from(bucket)].lock().unwrap_or_else(PoisonError::into_inner);
        let Bucket { buffer, file } = &mut *held;
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
