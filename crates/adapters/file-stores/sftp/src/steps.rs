//! The small things that are asked of a server.

use async_trait::async_trait;
use outflow_domain::FileName;
use outflow_ports::partial_name;
use russh_sftp::protocol::StatusCode;

use crate::{connection::Connection, fault::Fault, settings::Endpoint};

/// Something that is done over one connection and, where that is lost, again over the next.
#[async_trait]
pub(crate) trait Step: Send {
    type Output: Send;

    /// The file it is about, for a person.
    fn about(&self) -> &str;

    /// A number that grows whenever the step comes nearer to its end.
    fn progress(&self) -> u64 {
        0
    }

    /// Does it, or goes on with it.
    async fn attempt(&mut self, connection: &Connection, endpoint: &Endpoint) -> Result<Self::Output, Fault>;
}

/// Asks for a file's length.
pub(crate) struct Stat<'a>(pub(crate) &'a FileName);

#[async_trait]
impl Step for Stat<'_> {
    type Output = Option<u64>;

    fn about(&self) -> &str {
        self.0.as_str()
    }

    async fn attempt(&mut self, connection: &Connection, endpoint: &Endpoint) -> Result<Option<u64>, Fault> {
        connection.length(&endpoint.path(self.about())).await
    }
}

/// Removes a file and what may be left of an attempt to put it.
pub(crate) struct Remove<'a>(pub(crate) &'a FileName);

#[async_trait]
impl Step for Remove<'_> {
    type Output = ();

    fn about(&self) -> &str {
        self.0.as_str()
    }

    async fn attempt(&mut self, connection: &Connection, endpoint: &Endpoint) -> Result<(), Fault> {
        connection.remove(&endpoint.path(self.about())).await?;
        connection.remove(&endpoint.path(&partial_name(self.0))).await
    }
}

/// Lists the beginning of the folder.
pub(crate) struct Check;

#[async_trait]
impl Step for Check {
    type Output = ();

    fn about(&self) -> &str {
        ""
    }

    async fn attempt(&mut self, connection: &Connection, endpoint: &Endpoint) -> Result<(), Fault> {
        let handle = connection.answered(connection.sftp.opendir(&endpoint.folder)).await?.handle;
        let listed = connection.answered(connection.sftp.readdir(&handle)).await;
        connection.answered(connection.sftp.close(handle)).await?;
        match listed {
            Ok(_) => Ok(()),
            Err(Fault::Answer(status)) if status.status_code == StatusCode::Eof => Ok(()),
            Err(fault) => Err(fault),
        }
    }
}
