//! Files as objects of a bucket.

use std::{fmt, ops::Range};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{FuturesUnordered, StreamExt};
use object_store::{Error, MultipartUpload, ObjectStore, ObjectStoreExt, path::Path};
use outflow_domain::FileName;
use outflow_ports::{FileContent, FileStore, FileStoreError, StoredFile};

use crate::{
    fault::told,
    settings::{Endpoint, InvalidSettings, S3Settings},
};

/// Longer files travel in parts.
const WHOLE_BYTES_MAX: u64 = 16 << 20;
/// Bytes of a part, unless there would be too many. Amazon takes no part under 5 MiB but the last.
const PART_BYTES: u64 = 8 << 20;
/// Amazon takes no more parts than this.
const PARTS_MAX: u64 = 10_000;
/// Parts on their way at once, which bounds the memory for one file.
const PARTS_IN_FLIGHT: usize = 4;

/// A bucket as a place for files.
///
/// A process that ends in the middle of a long file leaves its parts behind, unseen: a rule of the bucket (`AbortIncompleteMultipartUpload`)
/// should remove them after a day or so.
pub struct S3Store {
    endpoint: Endpoint,
}

impl S3Store {
    /// Checks the settings. Nothing is sent before the first call.
    pub fn new(settings: S3Settings) -> Result<Self, InvalidSettings> {
        Ok(Self { endpoint: Endpoint::check(settings)? })
    }

    fn key(&self, name: &FileName) -> Path {
        self.endpoint.prefix.clone().join(name.as_str())
    }

    fn told(&self, error: &Error, name: &FileName) -> FileStoreError {
        told(error, &self.endpoint, name.as_str())
    }

    async fn put_whole(&self, name: &FileName, content: &dyn FileContent) -> Result<(), FileStoreError> {
        let bytes = read(name, content, 0..content.len()).await?;
        let put = self.endpoint.s3.put(&self.key(name), bytes.into()).await;
        put.map(drop).map_err(|it| self.told(&it, name))
    }

    async fn put_in_parts(
        &self,
        name: &FileName,
        content: &dyn FileContent,
        sent: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<(), FileStoreError> {
        let begun = self.endpoint.s3.put_multipart(&self.key(name)).await;
        let mut upload = begun.map_err(|it| self.told(&it, name))?;
        let done = match self.send_parts(name, content, sent, &mut *upload).await {
            Ok(()) => upload.complete().await.map(drop).map_err(|it| self.told(&it, name)),
            Err(error) => Err(error),
        };
        if done.is_err()
            && let Err(error) = upload.abort().await
        {
            // Nothing is seen of the parts, but they are paid for.
            tracing::warn!(store = self.endpoint.store, file = %name, "Could not remove the parts of `{name}`: {error}");
        }
        done
    }

    async fn send_parts(
        &self,
        name: &FileName,
        content: &dyn FileContent,
        sent: &(dyn Fn(u64) + Send + Sync),
        upload: &mut dyn MultipartUpload,
    ) -> Result<(), FileStoreError> {
        let mut parts = parts(content.len()).peekable();
        let mut in_flight = FuturesUnordered::new();
        let mut acknowledged = 0;
        loop {
            while let Some(part) = parts.next_if(|_| in_flight.len() < PARTS_IN_FLIGHT) {
                let bytes = read(name, content, part.clone()).await?;
                let sending = upload.put_part(bytes.into());
                in_flight.push(async move { sending.await.map(|()| part.end - part.start) });
            }
            match in_flight.next().await {
                Some(Ok(bytes)) => {
                    acknowledged += bytes;
                    sent(acknowledged);
                }
                Some(Err(error)) => return Err(self.told(&error, name)),
                None => return Ok(()),
            }
        }
    }
}

#[async_trait]
impl FileStore for S3Store {
    async fn put(
        &self,
        name: &FileName,
        content: &dyn FileContent,
        sent: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<StoredFile, FileStoreError> {
        let bytes = content.len();
        if bytes <= WHOLE_BYTES_MAX {
            self.put_whole(name, content).await?;
            sent(bytes);
        } else {
            self.put_in_parts(name, content, sent).await?;
        }
        let arrived = self.stat(name).await?.map_or(0, |it| it.bytes);
        if arrived != bytes {
            let (store, name) = (self.endpoint.store.clone(), name.to_string());
            return Err(FileStoreError::Incomplete { store, name, arrived, bytes });
        }
        Ok(StoredFile { name: name.clone(), bytes })
    }

    async fn stat(&self, name: &FileName) -> Result<Option<StoredFile>, FileStoreError> {
        match self.endpoint.s3.head(&self.key(name)).await {
            Ok(found) => Ok(Some(StoredFile { name: name.clone(), bytes: found.size })),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.told(&error, name)),
        }
    }

    async fn remove(&self, name: &FileName) -> Result<(), FileStoreError> {
        match self.endpoint.s3.delete(&self.key(name)).await {
            // The service tells of a missing bucket in the same way, but with a code.
            Err(error @ Error::NotFound { .. }) => match self.told(&error, name) {
                refused if error.to_string().contains("NoSuchBucket") => Err(refused),
                _ => Ok(()),
            },
            removed => removed.map_err(|it| self.told(&it, name)),
        }
    }

    async fn check(&self) -> Result<(), FileStoreError> {
        let listed = self.endpoint.s3.list(Some(&self.endpoint.prefix)).next().await;
        listed.transpose().map(drop).map_err(|it| told(&it, &self.endpoint, ""))
    }
}

impl fmt::Debug for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Store({} as {})", self.endpoint.store, self.endpoint.user)
    }
}

/// The parts of a file of so many bytes, all of one length but the last, which some kin of S3 insist on.
fn parts(bytes: u64) -> impl Iterator<Item = Range<u64>> {
    let part_bytes = PART_BYTES.max(bytes.div_ceil(PARTS_MAX));
    (0..bytes.div_ceil(part_bytes)).map(move |at| at * part_bytes..bytes.min((at + 1) * part_bytes))
}

/// The bytes of a range, however few the content gives at once.
async fn read(name: &FileName, content: &dyn FileContent, range: Range<u64>) -> Result<Bytes, FileStoreError> {
    let failed = |source: std::io::Error| FileStoreError::Content { name: name.to_string(), source };
    let wanted = usize::try_from(range.end - range.start).map_err(|it| failed(std::io::Error::other(it)))?;
    let first = content.read_at(range.start, wanted).await.map_err(failed)?;
    if first.len() == wanted {
        return Ok(first);
    }
    let mut bytes = Vec::with_capacity(wanted);
    bytes.extend_from_slice(&first);
    while bytes.len() < wanted {
        let more = content.read_at(range.start + bytes.len() as u64, wanted - bytes.len()).await.map_err(failed)?;
        if more.is_empty() {
            return Err(failed(std::io::ErrorKind::UnexpectedEof.into()));
        }
        bytes.extend_from_slice(&more);
    }
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: u64, expected: u64) {
        let parts: Vec<_> = parts(bytes).collect();
        assert_eq!(parts.len() as u64, expected);
        assert!(parts.windows(2).all(|it| it[0].end == it[1].start), "parts leave no gap");
        assert_eq!((parts[0].start, parts.last().unwrap().end), (0, bytes));
    }

    #[test]
    fn parts_cover_a_file() {
        check(1, 1);
        check(PART_BYTES, 1);
        check(PART_BYTES + 1, 2);
        check(10 * PART_BYTES - 1, 10);
    }

    #[test]
    fn there_are_never_more_parts_than_the_service_takes() {
        check(PARTS_MAX * PART_BYTES, PARTS_MAX);
        check(5 << 40, PARTS_MAX);
    }
}
