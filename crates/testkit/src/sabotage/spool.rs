//! Spools of bad variants.

use std::{fmt, sync::Arc};

use outflow_domain::RunId;
use outflow_ports::{Blob, FileContent, Spool, SpoolError, SpoolWriter};

use super::Sabotage;

pub(super) struct BadSpool {
    pub inner: Arc<dyn Spool>,
    pub sabotage: Sabotage,
}

impl BadSpool {
    fn keeps(&self) -> bool {
        self.sabotage == Sabotage::KeepsPrivateFiles
    }
}

impl fmt::Debug for BadSpool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BadSpool")
    }
}

impl Spool for BadSpool {
    fn create(&self, run: &RunId, name: &str) -> Result<Box<dyn SpoolWriter>, SpoolError> {
        self.inner.create(run, name)
    }

    fn make_durable(&self, run: &RunId, names: &[String]) -> Result<(), SpoolError> {
        self.inner.make_durable(run, names)
    }

    fn write_back(&self, run: &RunId, name: &str) {
        self.inner.write_back(run, name);
    }

    fn content(&self, run: &RunId, name: &str) -> Result<Arc<dyn FileContent>, SpoolError> {
        self.inner.content(run, name)
    }

    fn read(&self, run: &RunId, name: &str) -> Result<Option<Blob>, SpoolError> {
        self.inner.read(run, name)
    }

    fn remove(&self, run: &RunId, name: &str) -> Result<(), SpoolError> {
        if self.keeps() { Ok(()) } else { self.inner.remove(run, name) }
    }

    fn remove_run(&self, run: &RunId) -> Result<(), SpoolError> {
        if self.keeps() { Ok(()) } else { self.inner.remove_run(run) }
    }

    fn runs(&self) -> Result<Vec<RunId>, SpoolError> {
        self.inner.runs()
    }
}
