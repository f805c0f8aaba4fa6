//! Files in a folder, written under another name and moved into place.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use outflow_domain::FileName;
use outflow_ports::{FileContent, FileStore, FileStoreError, StoredFile, partial_name};

use crate::fault::told;

/// Bytes read and written at once.
const CHUNK_BYTES: usize = 1 << 20;

/// A local folder as a place for files.
#[derive(Clone, Debug)]
pub struct FolderStore {
    folder: Arc<PathBuf>,
}

impl FolderStore {
    /// A store in `folder`, which must exist by the time of the first call.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: Arc::new(folder.into()) }
    }

    fn partial(&self, name: &FileName) -> PathBuf {
        self.folder.join(partial_name(name))
    }

    fn told(&self, error: &io::Error, name: &str) -> FileStoreError {
        told(error, &self.folder.display().to_string(), name)
    }

    /// Runs `call` where blocking harms nobody.
    async fn blocking<T: Send + 'static>(
        &self,
        name: &str,
        call: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, FileStoreError> {
        let done = tokio::task::spawn_blocking(call).await.map_err(io::Error::other).flatten();
        done.map_err(|error| self.told(&error, name))
    }

    /// Writes the content under the partial name and makes it durable. Gives the length found there.
    async fn write_partial(
        &self,
        name: &FileName,
        content: &dyn FileContent,
        sent: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<u64, FileStoreError> {
        let path = self.partial(name);
        let file = Arc::new(self.blocking(name.as_str(), move || File::create(path)).await?);
        let mut offset = 0;
        while offset < content.len() {
            let chunk = content
                .read_at(offset, CHUNK_BYTES)
                .await
                .and_then(|it| if it.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(it) })
                .map_err(|source| FileStoreError::Content { name: name.to_string(), source })?;
            let bytes = chunk.len() as u64;
            let to = Arc::clone(&file);
            self.blocking(name.as_str(), move || to.write_all_at(&chunk, offset)).await?;
            offset += bytes;
            sent(offset);
        }
        if offset == 0 {
            sent(0);
        }
        self.blocking(name.as_str(), move || {
            file.sync_all()?;
            Ok(file.metadata()?.len())
        })
        .await
    }
}

#[async_trait]
impl FileStore for FolderStore {
    async fn put(
        &self,
        name: &FileName,
        content: &dyn FileContent,
        sent: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<StoredFile, FileStoreError> {
        let (partial, folder) = (self.partial(name), Arc::clone(&self.folder));
        let arrived = match self.write_partial(name, content, sent).await {
            Ok(arrived) if arrived == content.len() => arrived,
            failed => {
                // Best effort: what is left of it is removed with the file, and takes no room meanwhile.
                let _ = self.blocking(name.as_str(), move || fs::remove_file(partial)).await;
                let (store, bytes) = (folder.display().to_string(), content.len());
                return failed.and_then(|arrived| Err(FileStoreError::Incomplete { store, name: name.to_string(), arrived, bytes }));
            }
        };
        let path = folder.join(name.as_str());
        self.blocking(name.as_str(), move || {
            fs::rename(partial, path)?;
            sync_folder(&folder)
        })
        .await?;
        Ok(StoredFile { name: name.clone(), bytes: arrived })
    }

    async fn stat(&self, name: &FileName) -> Result<Option<StoredFile>, FileStoreError> {
        let path = self.folder.join(name.as_str());
        let found = self.blocking(name.as_str(), move || unless_gone(fs::metadata(path))).await?;
        Ok(found.map(|it| StoredFile { name: name.clone(), bytes: it.len() }))
    }

    async fn remove(&self, name: &FileName) -> Result<(), FileStoreError> {
        let (path, partial, folder) = (self.folder.join(name.as_str()), self.partial(name), Arc::clone(&self.folder));
        self.blocking(name.as_str(), move || {
            unless_gone(fs::remove_file(path))?;
            unless_gone(fs::remove_file(partial))?;
            sync_folder(&folder)
        })
        .await
    }

    async fn check(&self) -> Result<(), FileStoreError> {
        let folder = Arc::clone(&self.folder);
        self.blocking("", move || fs::read_dir(&*folder)?.next().transpose().map(drop)).await
    }
}

/// A rename or removal survives a crash once its folder is synced.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn unless_gone<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(it) => Ok(Some(it)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
