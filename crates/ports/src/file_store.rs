//! A place where Marketing Cloud picks up files.

use std::{fmt, io};

use async_trait::async_trait;
use bytes::Bytes;
use outflow_domain::FileName;

/// A file to be sent, readable from any place, so that a transfer can be resumed.
#[async_trait]
pub trait FileContent: Send + Sync {
    /// Its length in bytes.
    fn len(&self) -> u64;

    /// Whether it has no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// At most `bytes_max` bytes from `offset` on; fewer only at the end of the file.
    async fn read_at(&self, offset: u64, bytes_max: usize) -> io::Result<Bytes>;
}

/// A file as it lies in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// Its name.
    pub name: FileName,
    /// Its length in bytes.
    pub bytes: u64,
}

/// A place where Marketing Cloud picks up files.
#[async_trait]
pub trait FileStore: fmt::Debug + Send + Sync {
    /// Stores the whole file under its name, or nothing: no reader ever sees a part of it under that name.
    ///
    /// Putting the same file again leaves one file, so a step may be repeated after a crash. `sent` is called with the bytes
    /// acknowledged so far. Transient faults (a dropped connection) are retried within, from the last acknowledged byte where the
    /// store can.
    async fn put(
        &self,
        name: &FileName,
        content: &dyn FileContent,
        sent: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<StoredFile, FileStoreError>;

    /// What lies under `name` now, if anything.
    async fn stat(&self, name: &FileName) -> Result<Option<StoredFile>, FileStoreError>;

    /// Removes the file, and what an interrupted `put` of that name may have left; a file that is gone already is no error.
    async fn remove(&self, name: &FileName) -> Result<(), FileStoreError>;

    /// Finds out whether the store can be reached, logged in to and listed, and writes nothing.
    async fn check(&self) -> Result<(), FileStoreError>;
}

/// The name under which a store keeps the file `name` while it is being sent.
///
/// It is the same for every attempt, so that a later `put` or `remove` finds what a crash left behind. It never begins with the final
/// name, in whatever case: an import that looks for files by the beginning of their name must not find half of one.
#[must_use]
pub fn partial_name(name: &FileName) -> String {
    // `part-` would begin with the file names `p`, `part-` and some more.
    let prefix = if name.as_str().starts_with(['p', 'P']) { "tmp-" } else { "part-" };
    format!("{prefix}{name}")
}

/// Why a file did not get there.
#[derive(Debug, thiserror::Error)]
pub enum FileStoreError {
    /// A person must act: wrong user, password or key.
    #[error("`{store}` refused the login of `{user}`: {message}")]
    LoginRefused {
        /// The store, for a person.
        store: String,
        /// The user or key id.
        user: String,
        /// What the server said.
        message: String,
    },
    /// A person must act: the server is not the one that was pinned.
    #[error(
        "`{store}` showed the host key {seen}, which is {expected}; nothing was sent. If the server's key was changed on purpose, replace the pinned one"
    )]
    HostKey {
        /// The store, for a person.
        store: String,
        /// The fingerprint seen, `SHA256:…`.
        seen: String,
        /// What was expected, for a person: `not the pinned SHA256:…`, or `not in known_hosts`.
        expected: String,
    },
    /// A person must act: the place, bucket or folder is not there or may not be written.
    #[error("`{store}` does not take the file `{name}`: {message}")]
    Refused {
        /// The store, for a person.
        store: String,
        /// The file.
        name: String,
        /// What the server said.
        message: String,
    },
    /// No room is left.
    #[error("`{store}` has no room for the file `{name}`: {message}")]
    Full {
        /// The store, for a person.
        store: String,
        /// The file.
        name: String,
        /// What the server said.
        message: String,
    },
    /// The file lies there with another length than was sent.
    #[error("`{name}` did not arrive whole at `{store}`: {arrived} of {bytes} bytes")]
    Incomplete {
        /// The store, for a person.
        store: String,
        /// The file.
        name: String,
        /// Bytes found there.
        arrived: u64,
        /// Bytes sent.
        bytes: u64,
    },
    /// The store could not be reached, in spite of retries.
    #[error("`{store}` cannot be reached: {message}")]
    Unreachable {
        /// The store, for a person.
        store: String,
        /// What the client said.
        message: String,
    },
    /// The file could not be read at our end.
    #[error("the file `{name}` cannot be read from the spool")]
    Content {
        /// The file.
        name: String,
        /// Why.
        source: io::Error,
    },
}

impl FileStoreError {
    /// Whether the same call may succeed later without a person's help.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Incomplete { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::partial_name;

    #[test]
    fn a_partial_name_never_begins_with_the_final_one() {
        for name in ["a.csv", "p", "P", "part-", "part-part-", "PART-", "t", "tmp-", "tmp-tmp-", "loyalty-7f3a-0001.csv", "-", "."] {
            let partial = partial_name(&name.parse().unwrap());
            assert!(!partial.to_lowercase().starts_with(&name.to_lowercase()), "`{partial}` begins with `{name}`");
            assert!(partial.ends_with(name));
        }
    }
}
