//! What an operating system's error means to the person who must act.

use std::io::{self, ErrorKind};

use outflow_ports::FileStoreError;

/// Tells an error of the file system in the words of the port; `store` is the folder, `name` the file.
pub(crate) fn told(error: &io::Error, store: &str, name: &str) -> FileStoreError {
    let (store, name, message) = (store.to_owned(), name.to_owned(), error.to_string());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => FileStoreError::Full { store, name, message },
        ErrorKind::NotFound
        | ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::PermissionDenied
        | ErrorKind::ReadOnlyFilesystem => FileStoreError::Refused { store, name, message },
        // A network file system that has lost its server, mostly.
        _ => FileStoreError::Unreachable { store, message },
    }
}
