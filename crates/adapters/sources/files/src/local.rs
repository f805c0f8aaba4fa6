//! Files on this machine, read into memory that is used again.
//!
//! A row group of a Parquet file is read at once, a column chunk at a time: tens of megabytes, which the system would have to clear before and take
//! back afterwards, for every row group anew.

use std::{
    fmt,
    fs::File,
    io,
    ops::Range,
    os::unix::fs::FileExt as _,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt as _};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions,
    PutPayload, PutResult, Result, local::LocalFileSystem, path::Path,
};

/// Ranges of fewer bytes are not worth keeping memory for.
const KEPT_BYTES_MIN: u64 = 64 << 10;
/// Buffers are this much longer than what they were made for: chunks of a column differ a little from row group to row group.
const SPARE: usize = 8;

/// The file system, for reading alone.
#[derive(Debug, Default)]
pub(crate) struct LocalFiles {
    files: LocalFileSystem,
    buffers: Arc<Buffers>,
}

/// Memory that is not in use just now.
#[derive(Debug, Default)]
struct Buffers(Mutex<Vec<Vec<u8>>>);

/// Memory that goes back when the last who reads it is done.
struct Lent {
    buffer: Vec<u8>,
    len: usize,
    buffers: Arc<Buffers>,
}

impl Buffers {
    /// Reads a range of a file, whole.
    fn read(self: &Arc<Self>, file: &File, range: &Range<u64>) -> io::Result<Bytes> {
        let len = usize::try_from(range.end.saturating_sub(range.start)).map_err(io::Error::other)?;
        let mut lent = Lent { buffer: self.take(len), len, buffers: Arc::clone(self) };
        file.read_exact_at(&mut lent.buffer[..len], range.start)?;
        Ok(Bytes::from_owner(lent))
    }

    /// The shortest buffer that is long enough. Where there is none, another is let go of: only so many are kept as were ever in use at once.
    fn take(&self, len: usize) -> Vec<u8> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = held.iter().enumerate().filter(|(_, it)| it.len() >= len && it.len() / 2 <= len);
        match fitting.min_by_key(|(_, it)| it.len()).map(|(at, _)| at) {
            Some(at) => held.swap_remove(at),
            None => {
                let longest = held.iter().enumerate().max_by_key(|(_, it)| it.len()).map(|(at, _)| at);
                longest.into_iter().for_each(|at| drop(held.swap_remove(at)));
                vec![0; len + len / SPARE]
            }
        }
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.len]
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut held = self.buffers.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.push(std::mem::take(&mut self.buffer));
    }
}

impl LocalFiles {
    fn path(&self, location: &Path) -> Result<PathBuf> {
        self.files.path_to_filesystem(location)
    }
}

impl fmt::Display for LocalFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.files)
    }
}

fn read_only(operation: &str) -> Error {
    Error::NotImplemented { operation: operation.to_owned(), implementer: String::from("files that are only read") }
}

#[async_trait]
impl ObjectStore for LocalFiles {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.files.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        if ranges.iter().all(|it| it.end.saturating_sub(it.start) < KEPT_BYTES_MIN) {
            return self.files.get_ranges(location, ranges).await;
        }
        let (path, buffers, wanted) = (self.path(location)?, Arc::clone(&self.buffers), ranges.to_vec());
        let read = tokio::task::spawn_blocking(move || {
            let file = File::open(path)?;
            wanted.iter().map(|it| buffers.read(&file, it)).collect::<io::Result<Vec<_>>>()
        });
        match read.await {
            Ok(Ok(bytes)) => Ok(bytes),
            // What is wrong is told in the words that all other ways of reading have for it.
            _ => self.files.get_ranges(location, ranges).await,
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.files.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.files.list_with_delimiter(prefix).await
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(read_only("put"))
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(read_only("put"))
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(read_only("copy"))
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        locations.map(|_| Err(read_only("delete"))).boxed()
    }
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt as _;

    use super::*;

    const LEN: u64 = 3 * KEPT_BYTES_MIN;

    fn written(folder: &tempfile::TempDir) -> (Path, Vec<u8>) {
        let (path, bytes) = (folder.path().join("a.parquet"), (0..LEN).map(|it| (it % 251) as u8).collect::<Vec<_>>());
        std::fs::write(&path, &bytes).unwrap();
        (Path::from_absolute_path(path).unwrap(), bytes)
    }

    #[tokio::test]
    async fn ranges_are_those_of_the_file_whatever_was_read_before() {
        let folder = tempfile::tempdir().unwrap();
        let (path, bytes) = written(&folder);
        let store = LocalFiles::default();
        for ranges in
            [vec![0..LEN, 0..1], vec![7..LEN - 9, 0..3], vec![1..1 + KEPT_BYTES_MIN, 9..9 + KEPT_BYTES_MIN], vec![5..6, 6..7], vec![]]
        {
            let read = store.get_ranges(&path, &ranges).await.unwrap();
            let expected: Vec<&[u8]> = ranges.iter().map(|it| &bytes[it.start as usize..it.end as usize]).collect();
            assert_eq!(read, expected);
        }
    }

    #[tokio::test]
    async fn memory_is_used_again_once_nobody_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let (path, bytes) = written(&folder);
        let store = LocalFiles::default();
        let read = async || store.get_ranges(&path, std::slice::from_ref(&(0..LEN))).await.unwrap();
        let (one, other) = (read().await, read().await);
        let kept = one[0].slice(10..20);
        let first = one[0].as_ptr();
        drop((one, other));
        assert_eq!(store.buffers.0.lock().unwrap().len(), 1, "what is read in part is read");
        assert_ne!(read().await[0].as_ptr(), first);
        assert_eq!(kept, bytes[10..20]);
        drop(kept);
        assert_eq!(store.buffers.0.lock().unwrap().len(), 2);
        let (one, other) = (read().await, read().await);
        assert!([one[0].as_ptr(), other[0].as_ptr()].contains(&first));
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_told_as_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let (path, _) = written(&folder);
        let (ours, theirs) = (LocalFiles::default(), LocalFileSystem::default());
        let missing = Path::from(format!("{path}.gone"));
        for (path, range) in [(&path, 0..2 * LEN), (&missing, 0..LEN)] {
            let told = async |store: &dyn ObjectStore| {
                store.get_ranges(path, std::slice::from_ref(&range)).await.map(|_| ()).unwrap_err().to_string()
            };
            assert_eq!(told(&ours).await, told(&theirs).await);
        }
    }

    #[tokio::test]
    async fn nothing_is_ever_written() {
        let folder = tempfile::tempdir().unwrap();
        let (path, bytes) = written(&folder);
        let store = LocalFiles::default();
        assert!(store.put(&path, "other".into()).await.is_err());
        assert!(store.copy(&path, &Path::from(format!("{path}.copy"))).await.is_err());
        assert!(store.delete(&path).await.is_err());
        assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), bytes);
    }
}
