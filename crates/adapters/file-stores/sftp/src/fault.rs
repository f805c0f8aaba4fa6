//! What can go wrong, sorted by who mends it.

use outflow_ports::FileStoreError;
use russh_sftp::{
    client::error::Error as SftpError,
    protocol::{Status, StatusCode},
};

use crate::settings::Endpoint;

/// Why a step did not succeed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The connection is gone or no longer makes sense; the same step may succeed on a new one.
    Dropped(String),
    /// The server understood, and said no.
    Answer(Status),
    /// Nothing that another attempt would mend.
    Final(FileStoreError),
}

impl From<SftpError> for Fault {
    fn from(error: SftpError) -> Self {
        match error {
            SftpError::Status(status) if matches!(status.status_code, StatusCode::NoConnection | StatusCode::ConnectionLost) => {
                Self::Dropped(status.error_message)
            }
            SftpError::Status(status) => Self::Answer(status),
            other => Self::Dropped(other.to_string()),
        }
    }
}

/// The server's no, in the words of the port.
///
/// Version 3 of the protocol has no code for a full disk: servers answer "failure", and some say why in the text.
pub(crate) fn told(answer: &Status, endpoint: &Endpoint, name: &str) -> FileStoreError {
    let (store, name) = (endpoint.to_string(), name.to_owned());
    let text = answer.error_message.trim();
    let lower = text.to_lowercase();
    if ["no space", "disk full", "quota", "not enough space"].iter().any(|it| lower.contains(it)) {
        return FileStoreError::Full { store, name, message: text.to_owned() };
    }
    let message = match (answer.status_code, text) {
        (StatusCode::NoSuchFile, _) => format!("the folder `{}` is not there", endpoint.folder),
        (code, "") => code.to_string(),
        (_, text) => text.to_owned(),
    };
    FileStoreError::Refused { store, name, message }
}

/// `None` where the server answered that there is no such file.
pub(crate) fn unless_gone<T>(result: Result<T, Fault>) -> Result<Option<T>, Fault> {
    match result {
        Ok(it) => Ok(Some(it)),
        Err(Fault::Answer(status)) if status.status_code == StatusCode::NoSuchFile => Ok(None),
        Err(fault) => Err(fault),
    }
}
