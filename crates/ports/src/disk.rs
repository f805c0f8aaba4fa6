//! What a person can do where this machine's disk refuses.

use std::io::{Error, ErrorKind};

/// The remedy for an error of the state folder's disk, ready to follow the sentence that tells of it; empty where nobody knows one.
#[must_use]
pub fn remedy(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "; the disk is full: make room, or move the state folder (`state` in `outflow.yaml`) to a larger disk, and run again"
        }
        ErrorKind::FileTooLarge => "; files may not grow so large here: raise the limit (`ulimit -f`), and run again",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "; make the state folder writable for this user",
        _ => "",
    }
}
