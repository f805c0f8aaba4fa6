//! The stores behind file locations: the tenant's own SFTP root, and buckets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::snapshot::Blob;

/// Why a file call was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// No file location, or no bucket, of that name.
    #[error("no file location `{0}`")]
    NoLocation(String),
    /// Nothing lies there.
    #[error("no file `{0}`")]
    NotFound(String),
    /// A rename or a new folder would hide what is there.
    #[error("`{0}` exists already")]
    Exists(String),
    /// A folder where a file was wanted, or the other way round.
    #[error("`{0}` is {1}")]
    WrongKind(String, &'static str),
    /// The service forbids `\ / : * < > | ? "` in names.
    #[error("the name `{0}` has a character that file names must not contain")]
    BadName(String),
    /// `Import`, `Export` and `Reports` stay.
    #[error("`{0}` must not be changed")]
    Protected(String),
    /// A folder with something in it.
    #[error("folder `{0}` is not empty")]
    NotEmpty(String),
}

/// What lies at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileStat {
    /// The whole path from the root of the store, without a leading slash.
    pub path: String,
    /// Its length in bytes; 0 for a folder.
    pub size: u64,
    /// When it was last written, in unix milliseconds.
    pub modified_ms: i64,
    /// Whether it is a folder.
    pub is_dir: bool,
}

impl FileStat {
    /// The last segment of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// A file operation, as a door describes it to the model.
#[derive(Clone, Copy, Debug)]
pub struct FileFaultQuery<'a> {
    /// `sftp` or `s3`.
    pub door: &'a str,
    /// `login`, `open`, `read`, `write`, `close`, `rename`, `remove`, `list`, `stat`, `mkdir`; for S3 `put`,
    /// `get`, `head`, `delete`, `list`, …
    pub operation: &'a str,
    /// The file location's key; empty for `login`.
    pub location: &'a str,
    /// The path from the root of the store.
    pub path: &'a str,
    /// Bytes of this file that have passed in this session.
    pub bytes_so_far: u64,
}

/// What kind of store it is: an SFTP root has folders and rules for names, a bucket has neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StoreKind {
    /// The tenant's own SFTP root, with its three folders.
    EnhancedFtp,
    /// A bucket: keys are plain strings.
    Bucket,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    bytes: Blob,
    modified_ms: i64,
    is_dir: bool,
}

/// One store. Paths are given from its root; leading, trailing and doubled slashes do not matter on SFTP.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FileStore {
    kind: StoreKind,
    entries: BTreeMap<String, Entry>,
}

/// The folders every Enhanced FTP site has.
pub const FTP_FOLDERS: [&str; 3] = ["Export", "Import", "Reports"];

const FORBIDDEN: &str = "\\:*<>|?\"";

impl FileStore {
    /// An empty store; an FTP root comes with its three folders.
    pub fn new(kind: StoreKind) -> Self {
        let folders: &[&str] = if kind == StoreKind::EnhancedFtp { &FTP_FOLDERS } else { &[] };
        let folder = || Entry { bytes: Blob::default(), modified_ms: 0, is_dir: true };
        Self { kind, entries: folders.iter().map(|it| ((*it).to_owned(), folder())).collect() }
    }

    fn clean(&self, path: &str) -> String {
        if self.kind == StoreKind::Bucket {
            return path.to_owned();
        }
        path.split('/').filter(|it| !it.is_empty() && *it != ".").collect::<Vec<_>>().join("/")
    }

    fn check_new(&self, path: &str) -> Result<(), FileError> {
        if self.kind == StoreKind::Bucket {
            return Ok(());
        }
        if path.is_empty() || path.split('/').any(|it| it == ".." || it.contains(|c| FORBIDDEN.contains(c))) {
            return Err(FileError::BadName(path.to_owned()));
        }
        match path.rsplit_once('/') {
            Some((parent, _)) => match self.entries.get(parent) {
                Some(entry) if entry.is_dir => Ok(()),
                Some(_) => Err(FileError::WrongKind(parent.to_owned(), "a file")),
                None => Err(FileError::NotFound(parent.to_owned())),
            },
            None => Ok(()),
        }
    }

    fn check_changeable(&self, path: &str) -> Result<(), FileError> {
        if self.kind == StoreKind::EnhancedFtp && FTP_FOLDERS.contains(&path) {
            return Err(FileError::Protected(path.to_owned()));
        }
        Ok(())
    }

    fn file_mut(&mut self, path: &str, now_ms: i64) -> Result<&mut Entry, FileError> {
        let path = self.clean(path);
        if !self.entries.contains_key(&path) {
            self.check_new(&path)?;
        }
        let entry =
            self.entries.entry(path.clone()).or_insert_with(|| Entry { bytes: Blob::default(), modified_ms: now_ms, is_dir: false });
        if entry.is_dir {
            return Err(FileError::WrongKind(path, "a folder"));
        }
        entry.modified_ms = now_ms;
        Ok(entry)
    }

    /// Stores a whole file, over an older one if there is one.
    pub fn put(&mut self, path: &str, bytes: Vec<u8>, now_ms: i64) -> Result<(), FileError> {
        self.file_mut(path, now_ms)?.bytes.0 = bytes;
        Ok(())
    }

    /// Writes at an offset; a gap is filled with zeros. Creates the file when it is missing.
    pub fn write(&mut self, path: &str, offset: u64, bytes: &[u8], now_ms: i64) -> Result<(), FileError> {
        let file = &mut self.file_mut(path, now_ms)?.bytes.0;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = start + bytes.len();
        if file.len() < end {
            file.resize(end, 0);
        }
        file[start..end].copy_from_slice(bytes);
        Ok(())
    }

    /// Cuts or extends a file to a length.
    pub fn set_len(&mut self, path: &str, len: u64, now_ms: i64) -> Result<(), FileError> {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        self.file_mut(path, now_ms)?.bytes.0.resize(len, 0);
        Ok(())
    }

    /// The bytes of a file.
    pub fn get(&self, path: &str) -> Result<&[u8], FileError> {
        let path = self.clean(path);
        match self.entries.get(&path) {
            Some(entry) if entry.is_dir => Err(FileError::WrongKind(path, "a folder")),
            Some(entry) => Ok(&entry.bytes.0),
            None => Err(FileError::NotFound(path)),
        }
    }

    /// What lies at a path; the root is a folder.
    pub fn stat(&self, path: &str) -> Option<FileStat> {
        let path = self.clean(path);
        if path.is_empty() {
            return Some(FileStat { path, size: 0, modified_ms: 0, is_dir: true });
        }
        self.entries.get(&path).map(|entry| stat(&path, entry))
    }

    /// All entries whose path begins with `prefix`, in the order of their paths.
    pub fn list(&self, prefix: &str) -> Vec<FileStat> {
        let prefix = if self.kind == StoreKind::Bucket { prefix.to_owned() } else { prefix.trim_start_matches('/').to_owned() };
        self.entries
            .range(prefix.clone()..)
            .take_while(|(path, _)| path.starts_with(&prefix))
            .map(|(path, entry)| stat(path, entry))
            .collect()
    }

    /// The entries directly inside a folder.
    pub fn list_dir(&self, dir: &str) -> Result<Vec<FileStat>, FileError> {
        let dir = self.clean(dir);
        match self.entries.get(&dir) {
            Some(entry) if !entry.is_dir => return Err(FileError::WrongKind(dir, "a file")),
            None if !dir.is_empty() && self.kind == StoreKind::EnhancedFtp => return Err(FileError::NotFound(dir)),
            _ => {}
        }
        let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        let inside = |it: &FileStat| {
            let rest = &it.path[prefix.len()..];
            !rest.is_empty() && !rest.contains('/')
        };
        Ok(self.list(&prefix).into_iter().filter(inside).collect())
    }

    /// Renames a file or a folder with all that is in it.
    pub fn rename(&mut self, from: &str, to: &str, overwrite: bool) -> Result<(), FileError> {
        let (from, to) = (self.clean(from), self.clean(to));
        self.check_changeable(&from)?;
        let is_dir = self.entries.get(&from).ok_or_else(|| FileError::NotFound(from.clone()))?.is_dir;
        self.check_new(&to)?;
        if from == to {
            return Ok(());
        }
        if let Some(there) = self.entries.get(&to)
            && (!overwrite || there.is_dir || is_dir)
        {
            return Err(FileError::Exists(to));
        }
        if is_dir {
            let inside = format!("{from}/");
            let moved: Vec<String> = self.entries.keys().filter(|it| it.starts_with(&inside)).cloned().collect();
            for path in moved {
                if let Some(entry) = self.entries.remove(&path) {
                    self.entries.insert(format!("{to}/{}", &path[inside.len()..]), entry);
                }
            }
        }
        if let Some(entry) = self.entries.remove(&from) {
            self.entries.insert(to, entry);
        }
        Ok(())
    }

    /// Removes a file or an empty folder.
    pub fn remove(&mut self, path: &str) -> Result<(), FileError> {
        let path = self.clean(path);
        self.check_changeable(&path)?;
        let Some(entry) = self.entries.get(&path) else { return Err(FileError::NotFound(path)) };
        if entry.is_dir && self.entries.keys().any(|it| it.starts_with(&format!("{path}/"))) {
            return Err(FileError::NotEmpty(path));
        }
        self.entries.remove(&path);
        Ok(())
    }

    /// Makes a folder.
    pub fn mkdir(&mut self, path: &str, now_ms: i64) -> Result<(), FileError> {
        let path = self.clean(path);
        if path.is_empty() || self.entries.contains_key(&path) {
            return Err(FileError::Exists(path));
        }
        self.check_new(&path)?;
        self.entries.insert(path, Entry { bytes: Blob::default(), modified_ms: now_ms, is_dir: true });
        Ok(())
    }
}

fn stat(path: &str, entry: &Entry) -> FileStat {
    FileStat { path: path.to_owned(), size: entry.bytes.0.len() as u64, modified_ms: entry.modified_ms, is_dir: entry.is_dir }
}
