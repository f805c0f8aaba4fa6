//! File locations: the names by which imports know where files are.

use serde::{Deserialize, Serialize};

use super::Model;
use super::faults::{Call, FileFault};
use super::files::{FileError, FileFaultQuery, FileStat, FileStore, StoreKind};
use super::journal::JournalEntry;

/// The file location every business unit has; its external key equals its name.
pub const ENHANCED_FTP: &str = "ExactTarget Enhanced FTP";

/// The kinds of file location, with the numbers that `locationTypeId` uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LocationKind {
    /// 0: the `Import` folder of the tenant's own SFTP.
    EnhancedFtp,
    /// 2: somebody's SFTP. No file of it is reachable from this sandbox.
    ExternalSftp {
        /// `sftp://host`.
        url: String,
        /// 22 unless told.
        port: u16,
        /// The user.
        user: String,
    },
    /// 13, 15, 16: a bucket of Amazon S3, a container of Azure, a bucket of Google Cloud.
    Bucket(Bucket),
}

/// Which cloud a bucket is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cloud {
    /// Amazon S3.
    Aws,
    /// Azure Blob Storage.
    Azure,
    /// Google Cloud Storage.
    Gcp,
}

/// A bucket and the path inside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// Whose.
    pub cloud: Cloud,
    /// Name of bucket or container.
    pub name: String,
    /// Path inside it, no slash at either end.
    pub relative_path: String,
    /// AWS region without dashes; Azure storage account; empty for Google.
    pub place: String,
    /// The access key id; the secret is never kept.
    pub access_key_id: String,
    /// Azure: the tenant id. AWS: the role's ARN.
    pub extra: String,
    /// AWS: whether transfer acceleration is on.
    pub accelerated: bool,
    /// `AccessKey` or `AccessKeyWithIAMRole`.
    pub auth_type: String,
}

/// One file location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// Its GUID.
    pub id: String,
    /// Its external key.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// What it is.
    pub kind: LocationKind,
}

impl Location {
    /// The number of its kind in the older REST routes.
    pub fn type_id(&self) -> u32 {
        match &self.kind {
            LocationKind::EnhancedFtp => 0,
            LocationKind::ExternalSftp { .. } => 2,
            LocationKind::Bucket(bucket) => match bucket.cloud {
                Cloud::Aws => 13,
                Cloud::Azure => 15,
                Cloud::Gcp => 16,
            },
        }
    }

    /// The key of the store behind it, if this sandbox holds one.
    pub fn store(&self) -> Option<String> {
        match &self.kind {
            LocationKind::EnhancedFtp => Some("ftp".to_owned()),
            LocationKind::ExternalSftp { .. } => None,
            LocationKind::Bucket(bucket) => Some(format!("bucket:{}", bucket.name)),
        }
    }

    /// The folder in which imports look for a file, with a slash at its end unless it is the root.
    pub fn import_folder(&self) -> String {
        match &self.kind {
            LocationKind::EnhancedFtp => "Import/".to_owned(),
            LocationKind::Bucket(bucket) if !bucket.relative_path.is_empty() => {
                format!("{}/", bucket.relative_path)
            }
            _ => String::new(),
        }
    }
}

/// Files, by the key of a location and the path from the root of its store (the SFTP root with `Import`,
/// the whole bucket). A location's own folder is only where imports look.
impl Model {
    fn store_key(&self, location_key: &str) -> Result<String, FileError> {
        let found = self
            .units
            .values()
            .flat_map(|unit| &unit.locations)
            .find(|it| it.key.eq_ignore_ascii_case(location_key))
            .and_then(Location::store);
        found.ok_or_else(|| FileError::NoLocation(location_key.to_owned()))
    }

    /// The store behind a file location.
    pub fn file_store(&self, location_key: &str) -> Result<&FileStore, FileError> {
        let key = self.store_key(location_key)?;
        self.stores.get(&key).ok_or_else(|| FileError::NoLocation(location_key.to_owned()))
    }

    /// The store behind a file location, to change it.
    pub fn file_store_mut(&mut self, location_key: &str) -> Result<&mut FileStore, FileError> {
        let key = self.store_key(location_key)?;
        Ok(self.stores.entry(key.clone()).or_insert_with(|| FileStore::new(kind_of(&key))))
    }

    /// The file location that stands for a bucket, for a door that is asked for buckets.
    pub fn location_of_bucket(&self, bucket: &str) -> Option<&Location> {
        self.units
            .values()
            .flat_map(|unit| &unit.locations)
            .find(|it| matches!(&it.kind, LocationKind::Bucket(there) if there.name == bucket))
    }

    /// The names of all buckets.
    pub fn buckets(&self) -> Vec<String> {
        let names = self.units.values().flat_map(|unit| &unit.locations).filter_map(|it| match &it.kind {
            LocationKind::Bucket(bucket) => Some(bucket.name.clone()),
            _ => None,
        });
        let names: std::collections::BTreeSet<String> = names.collect();
        names.into_iter().collect()
    }

    /// Stores a whole file.
    pub fn file_put(&mut self, location_key: &str, path: &str, bytes: Vec<u8>, now_ms: i64) -> Result<(), FileError> {
        self.file_store_mut(location_key)?.put(path, bytes, now_ms)
    }

    /// Writes a piece of a file at an offset, as SFTP does; what was written stays if the rest never comes.
    pub fn file_write(&mut self, location_key: &str, path: &str, offset: u64, bytes: &[u8], now_ms: i64) -> Result<(), FileError> {
        self.file_store_mut(location_key)?.write(path, offset, bytes, now_ms)
    }

    /// Cuts or extends a file.
    pub fn file_set_len(&mut self, location_key: &str, path: &str, len: u64, now_ms: i64) -> Result<(), FileError> {
        self.file_store_mut(location_key)?.set_len(path, len, now_ms)
    }

    /// The bytes of a file.
    pub fn file_get(&self, location_key: &str, path: &str) -> Result<&[u8], FileError> {
        self.file_store(location_key)?.get(path)
    }

    /// What lies at a path.
    pub fn file_stat(&self, location_key: &str, path: &str) -> Result<Option<FileStat>, FileError> {
        Ok(self.file_store(location_key)?.stat(path))
    }

    /// Everything whose path begins with a prefix.
    pub fn file_list(&self, location_key: &str, prefix: &str) -> Result<Vec<FileStat>, FileError> {
        Ok(self.file_store(location_key)?.list(prefix))
    }

    /// What is directly inside a folder.
    pub fn file_list_dir(&self, location_key: &str, dir: &str) -> Result<Vec<FileStat>, FileError> {
        self.file_store(location_key)?.list_dir(dir)
    }

    /// Renames a file or folder.
    pub fn file_rename(&mut self, location_key: &str, from: &str, to: &str, overwrite: bool) -> Result<(), FileError> {
        self.file_store_mut(location_key)?.rename(from, to, overwrite)
    }

    /// Removes a file or an empty folder.
    pub fn file_remove(&mut self, location_key: &str, path: &str) -> Result<(), FileError> {
        self.file_store_mut(location_key)?.remove(path)
    }

    /// Makes a folder.
    pub fn file_mkdir(&mut self, location_key: &str, path: &str, now_ms: i64) -> Result<(), FileError> {
        self.file_store_mut(location_key)?.mkdir(path, now_ms)
    }

    /// Whether a file operation goes wrong now. Doors ask at the beginning (`bytes_so_far` 0) and again while
    /// bytes pass; each strike is counted once.
    pub fn file_fault(&mut self, query: &FileFaultQuery<'_>) -> Option<FileFault> {
        let call = Call { door: query.door, method: query.operation, object: query.location, path: query.path };
        self.faults.meet_file(&call, query.bytes_so_far)
    }

    /// Notes a file operation in the journal; `status` 200 where it went well.
    pub fn note_file_call(&mut self, query: &FileFaultQuery<'_>, status: u16, now_ms: i64) {
        self.journal.push(JournalEntry {
            number: 0,
            time_ms: now_ms,
            door: query.door.to_owned(),
            method: query.operation.to_owned(),
            object: query.location.to_owned(),
            path: query.path.to_owned(),
            account_id: None,
            status,
            bytes: query.bytes_so_far,
            fault: None,
        });
    }
}

fn kind_of(store_key: &str) -> StoreKind {
    if store_key == "ftp" { StoreKind::EnhancedFtp } else { StoreKind::Bucket }
}
