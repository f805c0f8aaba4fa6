//! Where segments of baselines lie, and lists of the history.

use std::{fmt, io, sync::Arc};

use outflow_domain::{Name, RunId};

use crate::disk;

/// Bytes of a stored segment, mapped or in memory.
#[derive(Clone)]
pub struct Blob(pub Arc<dyn AsRef<[u8]> + Send + Sync>);

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.as_ref().len())
    }
}

/// Writes a segment that nobody sees before [`DurableWriter::commit`].
pub trait DurableWriter: io::Write + Send {
    /// Makes the whole file durable under its name: file synced, renamed, folder synced. Dropping the writer instead leaves nothing.
    fn commit(self: Box<Self>) -> Result<(), BaselineStoreError>;
}

/// The segments of one activation's baseline. Calls are local and quick, and block.
pub trait BaselineStore: fmt::Debug + Send + Sync {
    /// A name that no segment has had before.
    fn fresh_name(&self, kind: &str) -> String;

    /// Begins a segment.
    fn create(&self, name: &str) -> Result<Box<dyn DurableWriter>, BaselineStoreError>;

    /// The bytes of a committed segment.
    fn open(&self, name: &str) -> Result<Blob, BaselineStoreError>;

    /// Every committed segment.
    fn list(&self) -> Result<Vec<String>, BaselineStoreError>;

    /// Removes a segment; one that is gone already is no error.
    fn remove(&self, name: &str) -> Result<(), BaselineStoreError>;
}

/// The segments of every activation of the project. What another one holds is read, and never written.
pub trait BaselineStores: fmt::Debug + Send + Sync {
    /// Those of one activation, whether it has any or none.
    fn of(&self, activation: &Name) -> Arc<dyn BaselineStore>;
}

/// The lists of one activation's history: written once, as segments are, and like these they count only when the ledger names them.
pub trait History: BaselineStore {
    /// Keeps a private file of a run that is durable, without copying it where the disk can do that: once this returns it survives a crash
    /// under `name` too, whatever becomes of the run's own.
    fn keep(&self, run: &RunId, file: &str, name: &str) -> Result<(), BaselineStoreError>;
}

/// Why a segment could not be written or read.
#[derive(Debug, thiserror::Error)]
#[error("the segment `{name}` in `{place}` cannot be {action}{}", disk::remedy(.source))]
pub struct BaselineStoreError {
    /// The segment.
    pub name: String,
    /// The folder or store.
    pub place: String,
    /// What was tried: `written`, `read`, `removed`, `listed`.
    pub action: &'static str,
    /// Why.
    pub source: io::Error,
}
