//! A run's private files: the only place where values of customers rest, until their part is settled.

use std::{fmt, io, sync::Arc};

use outflow_domain::RunId;

use crate::{baseline_store::Blob, disk, file_store::FileContent};

/// Writes a private file.
pub trait SpoolWriter: io::Write + Send {
    /// Ends the file. With `durable`, it survives a crash from here on.
    fn finish(self: Box<Self>, durable: bool) -> Result<(), SpoolError>;
}

/// Private files of the runs of one activation. Calls are local and quick, and block. Files can be read by their owner only.
pub trait Spool: fmt::Debug + Send + Sync {
    /// Begins a file of a run; what was there under the name is replaced.
    fn create(&self, run: &RunId, name: &str) -> Result<Box<dyn SpoolWriter>, SpoolError>;

    /// Makes files durable that were finished without: they survive a crash from here on, as they are.
    fn make_durable(&self, run: &RunId, names: &[String]) -> Result<(), SpoolError>;

    /// Tells that a finished file will be made durable before long, so that a slow disk can begin with it. Nothing waits, and nothing is promised
    /// before [`Spool::make_durable`].
    fn write_back(&self, _run: &RunId, _name: &str) {}

    /// The file as something to be sent.
    fn content(&self, run: &RunId, name: &str) -> Result<Arc<dyn FileContent>, SpoolError>;

    /// The file's bytes, mapped or in memory; `None` when there is no such file.
    fn read(&self, run: &RunId, name: &str) -> Result<Option<Blob>, SpoolError>;

    /// Removes a file; one that is gone already is no error.
    fn remove(&self, run: &RunId, name: &str) -> Result<(), SpoolError>;

    /// Removes all files of a run.
    fn remove_run(&self, run: &RunId) -> Result<(), SpoolError>;

    /// The runs that have files.
    fn runs(&self) -> Result<Vec<RunId>, SpoolError>;
}

/// Why a private file could not be written or read.
#[derive(Debug, thiserror::Error)]
#[error("the private file `{name}` in `{place}` cannot be {action}{}", disk::remedy(.source))]
pub struct SpoolError {
    /// The file.
    pub name: String,
    /// The folder.
    pub place: String,
    /// What was tried: `written`, `read`, `removed`, `listed`.
    pub action: &'static str,
    /// Why.
    pub source: io::Error,
}
