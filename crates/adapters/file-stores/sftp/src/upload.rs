//! Sending one file: under another name, measured, then moved into place.

use async_trait::async_trait;
use futures::stream::{FuturesOrdered, StreamExt};
use outflow_domain::FileName;
use outflow_ports::{FileContent, FileStoreError, StoredFile, partial_name};
use russh_sftp::protocol::{FileAttributes, OpenFlags, Status, StatusCode};

use crate::{
    connection::Connection,
    fault::{Fault, told},
    settings::Endpoint,
    steps::Step,
};

/// Writes on their way at once, as OpenSSH's own client has.
const WRITES_IN_FLIGHT: usize = 64;

/// How far a file has come. It outlives the connections it travels over.
pub(crate) struct Upload<'a> {
    name: &'a FileName,
    content: &'a dyn FileContent,
    sent: &'a (dyn Fn(u64) + Send + Sync),
    stage: Stage,
    /// The most that `sent` was told.
    told: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// What lies under the partial name, if anything, is not of this attempt.
    Fresh,
    /// The bytes up to here were acknowledged.
    Sending { acknowledged: u64 },
    /// All of it lies under the partial name, measured; it may bear its final name already.
    Renaming,
}

impl<'a> Upload<'a> {
    pub(crate) fn new(name: &'a FileName, content: &'a dyn FileContent, sent: &'a (dyn Fn(u64) + Send + Sync)) -> Self {
        Self { name, content, sent, stage: Stage::Fresh, told: 0 }
    }

    fn tell(&mut self, acknowledged: u64) {
        self.stage = Stage::Sending { acknowledged };
        if acknowledged > self.told || acknowledged == self.content.len() {
            self.told = acknowledged;
            (self.sent)(acknowledged);
        }
    }

    /// Where to go on, and the handle of the open file.
    async fn open(&self, connection: &Connection, partial: &str) -> Result<(u64, String), Fault> {
        let resume = match self.stage {
            // A server that lost its memory may have less than it once acknowledged.
            Stage::Sending { acknowledged } => connection.length(partial).await?.unwrap_or(0).min(acknowledged),
            Stage::Fresh | Stage::Renaming => 0,
        };
        let flags = match resume {
            0 => OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE,
            _ => OpenFlags::WRITE,
        };
        let opened = connection.answered(connection.sftp.open(partial, flags, FileAttributes::empty())).await?;
        Ok((resume, opened.handle))
    }

    /// Sends the bytes from `offset` on. Answers are awaited in order, so that all before the last one are acknowledged.
    async fn send(&mut self, connection: &Connection, handle: &str, mut offset: u64) -> Result<(), Fault> {
        let mut in_flight = FuturesOrdered::new();
        self.tell(offset);
        loop {
            while offset < self.content.len() && in_flight.len() < WRITES_IN_FLIGHT {
                let chunk = self.read(offset, connection.chunk_bytes).await.map_err(Fault::Final)?;
                let start = offset;
                offset += chunk.len() as u64;
                let end = offset;
                in_flight.push_back(async move { connection.sftp.write(handle, start, chunk).await.map(|_| end) });
            }
            match connection.answered(async { in_flight.next().await.transpose() }).await? {
                Some(acknowledged) => self.tell(acknowledged),
                None => return Ok(()),
            }
        }
    }

    async fn read(&self, offset: u64, bytes_max: usize) -> Result<Vec<u8>, FileStoreError> {
        let chunk = self
            .content
            .read_at(offset, bytes_max)
            .await
            .and_then(|it| if it.is_empty() { Err(std::io::ErrorKind::UnexpectedEof.into()) } else { Ok(it) });
        chunk.map(Vec::from).map_err(|source| FileStoreError::Content { name: self.name.to_string(), source })
    }

    async fn send_and_measure(&mut self, connection: &Connection, endpoint: &Endpoint, partial: &str) -> Result<(), Fault> {
        let (offset, handle) = self.open(connection, partial).await?;
        let sent = self.send(connection, &handle, offset).await;
        // Some servers tell only now that the bytes found no room.
        let closed = match &sent {
            Err(Fault::Dropped(_)) => Ok(()),
            _ => connection.answered(connection.sftp.close(handle)).await.map(drop),
        };
        sent.and(closed)?;
        let bytes = self.content.len();
        match connection.length(partial).await?.unwrap_or(0) {
            arrived if arrived == bytes => Ok(()),
            arrived => {
                let (store, name) = (endpoint.to_string(), self.name.to_string());
                Err(Fault::Final(FileStoreError::Incomplete { store, name, arrived, bytes }))
            }
        }
    }

    /// A plain "failure" may mean a full disk: where the server tells how much room is left, it is asked.
    async fn refused(&self, answer: &Status, connection: &Connection, endpoint: &Endpoint) -> FileStoreError {
        let refused = told(answer, endpoint, self.name.as_str());
        if !matches!((answer.status_code, &refused), (StatusCode::Failure, FileStoreError::Refused { .. })) {
            return refused;
        }
        let acknowledged = match self.stage {
            Stage::Sending { acknowledged } => acknowledged,
            Stage::Fresh | Stage::Renaming => 0,
        };
        match connection.room(&endpoint.folder).await {
            Some(room) if room < self.content.len().saturating_sub(acknowledged) => FileStoreError::Full {
                store: endpoint.to_string(),
                name: self.name.to_string(),
                message: format!("{room} bytes are left there"),
            },
            _ => refused,
        }
    }
}

#[async_trait]
impl Step for Upload<'_> {
    type Output = StoredFile;

    fn about(&self) -> &str {
        self.name.as_str()
    }

    fn progress(&self) -> u64 {
        self.told
    }

    async fn attempt(&mut self, connection: &Connection, endpoint: &Endpoint) -> Result<StoredFile, Fault> {
        let (partial, path) = (endpoint.path(&partial_name(self.name)), endpoint.path(self.name.as_str()));
        let stored = StoredFile { name: self.name.clone(), bytes: self.content.len() };
        if self.stage == Stage::Renaming && connection.length(&partial).await?.is_none() {
            // Only we move it, so the lost answer said that it was moved, unless somebody removed the file.
            if connection.length(&path).await? == Some(stored.bytes) {
                return Ok(stored);
            }
            self.stage = Stage::Fresh;
        }
        if self.stage != Stage::Renaming {
            match self.send_and_measure(connection, endpoint, &partial).await {
                Ok(()) => self.stage = Stage::Renaming,
                Err(Fault::Dropped(why)) => return Err(Fault::Dropped(why)),
                Err(fault) => {
                    let error = match fault {
                        Fault::Answer(answer) => Fault::Final(self.refused(&answer, connection, endpoint).await),
                        other => other,
                    };
                    // Best effort: it is removed with the file, and takes no room meanwhile.
                    let _ = connection.remove(&partial).await;
                    return Err(error);
                }
            }
        }
        connection.rename_over(&partial, &path).await?;
        Ok(stored)
    }
}
