//! Routes as bad variants use them.

use std::{fmt, io, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use outflow_domain::FileName;
use outflow_ports::{FileContent, FileStore, FileStoreError, StoredFile};

use super::{Sabotage, source::DISGUISES};

pub(super) struct BadFiles {
    pub inner: Arc<dyn FileStore>,
    pub sabotage: Sabotage,
}

impl fmt::Debug for BadFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BadFiles")
    }
}

#[async_trait]
impl FileStore for BadFiles {
    async fn put(
        &self,
        name: &FileName,
        content: &dyn FileContent,
        sent: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<StoredFile, FileStoreError> {
        if !matches!(self.sabotage, Sabotage::DecidesAtTransfer | Sabotage::ComparesKeysByTheirBytes) {
            return self.inner.put(name, content, sent).await;
        }
        let whole = content.read_at(0, usize::MAX).await.map_err(|source| FileStoreError::Content { name: name.to_string(), source })?;
        let changed = if self.sabotage == Sabotage::DecidesAtTransfer {
            without_last_row(&whole)
        } else {
            whole.iter().map(|it| DISGUISES.iter().find(|(_, instead)| instead == it).map_or(*it, |(plain, _)| *plain)).collect()
        };
        self.inner.put(name, &Changed(changed), sent).await
    }

    async fn stat(&self, name: &FileName) -> Result<Option<StoredFile>, FileStoreError> {
        self.inner.stat(name).await
    }

    async fn remove(&self, name: &FileName) -> Result<(), FileStoreError> {
        if self.sabotage == Sabotage::LeavesFilesAtTheRoute {
            return Ok(());
        }
        self.inner.remove(name).await
    }

    async fn check(&self) -> Result<(), FileStoreError> {
        self.inner.check().await
    }
}

/// A file of several rows loses its last one: it has left the model meanwhile.
fn without_last_row(whole: &[u8]) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = whole.split_inclusive(|it| *it == b'\n').collect();
    if lines.len() > 2 {
        lines.pop();
    }
    lines.concat()
}

struct Changed(Vec<u8>);

#[async_trait]
impl FileContent for Changed {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    async fn read_at(&self, offset: u64, bytes_max: usize) -> io::Result<Bytes> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        let to = from.saturating_add(bytes_max).min(self.0.len());
        Ok(Bytes::copy_from_slice(&self.0[from..to]))
    }
}
