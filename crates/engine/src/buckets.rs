//! Records of a pass, by bucket: in memory while they are few, in private files once they are many.

use std::{
    io,
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
const MEMORY_BYTES_MAX: u64 = 24 << 20;

/// Bytes a bucket gathers before it goes to its file.
const FLUSH_BYTES: usize = 32 << 10;

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
        held.buffer.extend_from_slice(records);
        let in_memory = self.in_memory.fetch_add(records.len() as u64, Ordering::Relaxed) + records.len() as u64;
        if in_memory > MEMORY_BYTES_MAX && held.buffer.len() >= FLUSH_BYTES {
            let Bucket { buffer, file } = &mut *held;
            let file = match file {
                Some(file) => file,
                None => file.insert(self.spool.create(&self.run, &Self::file_name(bucket)).map_err(io::Error::other)?),
            };
            file.write_all(buffer)?;
            self.in_memory.fetch_sub(buffer.len() as u64, Ordering::Relaxed);
            buffer.clear();
            buffer.shrink_to(2 * FLUSH_BYTES);
        }
        Ok(())
    }
}

use io::Write as _;
