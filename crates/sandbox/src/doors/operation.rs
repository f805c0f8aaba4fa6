//! A file operation, as the doors describe it to the model for its faults and its journal.

use crate::model::{FileError, FileFaultQuery};

/// One file operation.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    door: &'static str,
    name: &'static str,
    location: String,
    path: String,
}

impl Operation {
    /// The operation `name` on a path of a file location's store.
    pub(crate) fn new(door: &'static str, name: &'static str, location: &str, path: &str) -> Self {
        Self { door, name, location: location.to_owned(), path: path.to_owned() }
    }

    /// As the model takes it, once `bytes_so_far` bytes of the file have passed.
    pub(crate) fn query(&self, bytes_so_far: u64) -> FileFaultQuery<'_> {
        FileFaultQuery { door: self.door, operation: self.name, location: &self.location, path: &self.path, bytes_so_far }
    }
}

/// The number that the journal gives to a refusal, in the way of HTTP.
pub(crate) fn journal_status(error: &FileError) -> u16 {
    match error {
        FileError::NoLocation(_) | FileError::NotFound(_) => 404,
        FileError::Protected(_) => 403,
        FileError::Exists(_) | FileError::NotEmpty(_) | FileError::WrongKind(..) => 409,
        FileError::BadName(_) => 400,
    }
}
