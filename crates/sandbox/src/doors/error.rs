//! Why a sandbox did not start.

use std::io;
use std::path::{Path, PathBuf};

use super::authority::AuthorityError;
use crate::model::SnapshotError;

/// Why a sandbox did not start, or could not keep its state.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file of the sandbox could not be read or written.
    #[error("could not {doing} {}", path.display())]
    State {
        /// What was being done, as in "read" or "write the ready file".
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another sandbox has the state folder.
    #[error("another sandbox is using the state folder {}; stop it or choose another folder", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The state folder holds a model that this version cannot read.
    #[error("the state folder holds no readable model")]
    Snapshot(#[from] SnapshotError),
    /// A port could not be taken.
    #[error("could not listen on 127.0.0.1:{port} for the {door} door; choose another port, or 0 for a free one")]
    Listen {
        /// `http`, `auth`, `rest`, `soap`, `sftp`, `s3` or `proxy`.
        door: &'static str,
        /// The port asked for.
        port: u16,
        /// Why not.
        source: io::Error,
    },
    /// The SFTP host key could not be made or read.
    #[error("the SFTP host key could not be made or read; remove `sftp_host_key` from the state folder to make a new one")]
    HostKey(#[source] russh::keys::ssh_key::Error),
    /// A line of authorized keys is no public key.
    #[error("line {line} of the authorized keys is no OpenSSH public key")]
    AuthorizedKey {
        /// Its number, from 1.
        line: usize,
        /// Why not.
        source: russh::keys::ssh_key::Error,
    },
    /// The proxy's certificates could not be made.
    #[error("the proxy's certificates could not be made")]
    Authority(#[from] AuthorityError),
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes for the sandbox's passwords: {0}")]
    Random(getrandom::Error),
}

impl StartError {
    pub(super) fn state(doing: &'static str, path: &Path, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let source = io::Error::other(source);
        Self::State { doing, path: path.to_owned(), source }
    }
}
