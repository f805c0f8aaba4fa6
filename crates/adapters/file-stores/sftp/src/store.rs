//! The port, over whichever connection holds.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use outflow_domain::FileName;
use outflow_ports::{Clock, FileContent, FileStore, FileStoreError, StoredFile};

use crate::{
    fault::{Fault, told},
    pool::Pool,
    settings::{Endpoint, InvalidSettings, SftpSettings},
    steps::{Check, Remove, Stat, Step},
    upload::Upload,
};

/// Attempts in a row that bring a step no further, before it is given up.
const ATTEMPTS_MAX: u32 = 5;
/// The wait after the first lost connection; it doubles with each further one.
const BACKOFF: Duration = Duration::from_millis(500);

/// An SFTP server as a place for files.
pub struct SftpStore {
    endpoint: Endpoint,
    pool: Pool,
    clock: Arc<dyn Clock>,
}

impl SftpStore {
    /// Checks the settings. Nothing is sent before the first call.
    pub fn new(settings: SftpSettings, clock: Arc<dyn Clock>) -> Result<Self, InvalidSettings> {
        let pool = Pool::new(settings.connections_max);
        Ok(Self { endpoint: Endpoint::check(settings)?, pool, clock })
    }

    async fn carry_out<S: Step>(&self, mut step: S) -> Result<S::Output, FileStoreError> {
        let (mut progress, mut attempts) = (step.progress(), 0);
        loop {
            let why = match self.attempt(&mut step).await {
                Ok(output) => return Ok(output),
                Err(Fault::Final(error)) => return Err(error),
                Err(Fault::Answer(answer)) => return Err(told(&answer, &self.endpoint, step.about())),
                Err(Fault::Dropped(why)) => why,
            };
            if step.progress() > progress {
                (progress, attempts) = (step.progress(), 0);
            }
            attempts += 1;
            if attempts == ATTEMPTS_MAX {
                return Err(FileStoreError::Unreachable { store: self.endpoint.to_string(), message: why });
            }
            tracing::warn!(
                store = %self.endpoint, file = step.about(), progress, attempts,
                "Lost the connection to `{}`: {why}; trying again", self.endpoint
            );
            self.clock.sleep(BACKOFF * 2_u32.pow(attempts - 1)).await;
        }
    }

    async fn attempt<S: Step>(&self, step: &mut S) -> Result<S::Output, Fault> {
        let lease = self.pool.lend(&self.endpoint).await?;
        let result = step.attempt(lease.connection(), &self.endpoint).await;
        match result {
            Err(Fault::Dropped(_)) => lease.close().await,
            _ => lease.give_back(),
        }
        result
    }
}

#[async_trait]
impl FileStore for SftpStore {
    async fn put(
        &self,
        name: &FileName,
        content: &dyn FileContent,
        sent: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<StoredFile, FileStoreError> {
        self.carry_out(Upload::new(name, content, sent)).await
    }

    async fn stat(&self, name: &FileName) -> Result<Option<StoredFile>, FileStoreError> {
        let length = self.carry_out(Stat(name)).await?;
        Ok(length.map(|bytes| StoredFile { name: name.clone(), bytes }))
    }

    async fn remove(&self, name: &FileName) -> Result<(), FileStoreError> {
        self.carry_out(Remove(name)).await
    }

    async fn check(&self) -> Result<(), FileStoreError> {
        self.carry_out(Check).await
    }
}

impl fmt::Debug for SftpStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SftpStore({} as {})", self.endpoint, self.endpoint.user)
    }
}
