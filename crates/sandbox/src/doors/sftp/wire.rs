//! What the model says, in SFTP's words (version 3, draft-ietf-secsh-filexfer-02).

use russh_sftp::protocol::{File, FileAttributes, FileMode, Status, StatusCode};
use russh_sftp::server::StatusReply;

use crate::model::{FileError, FileStat};

/// Bytes of a packet, at most, as OpenSSH's server has it.
pub(super) const PACKET_BYTES_MAX: u64 = 256 * 1024;
/// Bytes of a read or a write, at most: a packet less room for its head.
pub(super) const TRANSFER_BYTES_MAX: u64 = PACKET_BYTES_MAX - 1024;
/// Files and folders that may be open at once in a session.
pub(super) const HANDLES_MAX: usize = 100;

const FOLDER_PERMISSIONS: u32 = 0o755;
const FILE_PERMISSIONS: u32 = 0o644;

/// The refusal of a file error. Version 3 has no code for "exists already"; OpenSSH says "Failure".
pub(super) fn refusal(error: &FileError) -> StatusReply {
    match error {
        FileError::NotFound(_) | FileError::NoLocation(_) => StatusReply::new(StatusCode::NoSuchFile),
        FileError::Protected(_) => StatusReply::new(StatusCode::PermissionDenied),
        FileError::BadName(_) => StatusCode::Failure.with_message(error.to_string()),
        FileError::Exists(_) | FileError::WrongKind(..) | FileError::NotEmpty(_) => StatusReply::new(StatusCode::Failure),
    }
}

/// Success.
pub(super) fn ok(id: u32) -> Status {
    Status { id, status_code: StatusCode::Ok, error_message: "Success".to_owned(), language_tag: "en".to_owned() }
}

/// The attributes of what lies at a path.
pub(super) fn attributes(stat: &FileStat) -> FileAttributes {
    let (kind, permissions) = match stat.is_dir {
        true => (FileMode::DIR, FOLDER_PERMISSIONS),
        false => (FileMode::REG, FILE_PERMISSIONS),
    };
    let seconds = u32::try_from(stat.modified_ms / 1000).unwrap_or(0);
    FileAttributes {
        size: Some(stat.size),
        uid: Some(0),
        gid: Some(0),
        permissions: Some(kind.bits() | permissions),
        atime: Some(seconds),
        mtime: Some(seconds),
        ..FileAttributes::empty()
    }
}

/// A line of a folder's listing.
pub(super) fn line(stat: &FileStat) -> File {
    File::new(stat.name(), attributes(stat))
}

/// The strings of an extended request, each with its length before it.
pub(super) fn strings<const N: usize>(mut data: &[u8]) -> Option<[String; N]> {
    let mut texts = Vec::with_capacity(N);
    for _ in 0..N {
        let (length, rest) = data.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (text, rest) = rest.split_at_checked(length)?;
        texts.push(String::from_utf8(text.to_vec()).ok()?);
        data = rest;
    }
    texts.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extended_requests_hold_counted_strings() {
        assert_eq!(strings(b"\0\0\0\x02ab\0\0\0\x01c"), Some(["ab".to_owned(), "c".to_owned()]));
    }

    #[test]
    fn torn_strings_are_none() {
        assert_eq!(strings::<2>(b"\0\0\0\x02ab\0\0\0\x09c"), None);
        assert_eq!(strings::<1>(b"\0\0"), None);
    }

    #[test]
    fn a_folder_looks_like_one() {
        let stat = FileStat { path: "Import".to_owned(), size: 0, modified_ms: 7_000, is_dir: true };
        let attributes = attributes(&stat);
        assert!(attributes.is_dir());
        assert_eq!(attributes.mtime, Some(7));
        assert!(line(&stat).longname.starts_with("drwxr-xr-x"));
    }

    #[test]
    fn a_file_looks_like_one() {
        let stat = FileStat { path: "Import/a.csv".to_owned(), size: 9, modified_ms: 0, is_dir: false };
        assert!(attributes(&stat).is_regular());
        assert_eq!(line(&stat).filename, "a.csv");
    }
}
