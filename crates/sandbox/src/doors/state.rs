//! Where a sandbox keeps what outlives it: nowhere, or a folder.
//!
//! A folder holds the model's snapshot, the SFTP host key and the proxy authority's key, so that a client
//! that pinned or trusted them yesterday may do so today.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::StartError;

const MODEL_FILE: &str = "model.json";
const LOCK_FILE: &str = "lock";

/// Where the state of a sandbox lives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// In memory: gone when the sandbox stops.
    #[default]
    Memory,
    /// In a folder, made when missing.
    Folder(PathBuf),
}

impl State {
    /// Reads the command line's form: `memory`, or the path of a folder.
    pub fn parse(text: &str) -> Self {
        match text {
            "memory" => Self::Memory,
            folder => Self::Folder(PathBuf::from(folder)),
        }
    }
}

/// An opened [`State`].
#[derive(Debug)]
pub(crate) struct Vault {
    folder: Option<PathBuf>,
    /// Held while the sandbox runs, so that no second one writes to the same folder.
    _lock: Option<File>,
}

impl Vault {
    /// Opens the state for this process alone.
    pub(crate) fn open(state: &State) -> Result<Self, StartError> {
        let State::Folder(folder) = state else {
            return Ok(Self { folder: None, _lock: None });
        };
        fs::create_dir_all(folder).map_err(|error| StartError::state("make the state folder", folder, error))?;
        let path = folder.join(LOCK_FILE);
        let lock = File::create(&path).map_err(|error| StartError::state("lock the state folder with", &path, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder: Some(folder.clone()), _lock: Some(lock) }),
            Err(TryLockError::WouldBlock) => Err(StartError::InUse { folder: folder.clone() }),
            Err(TryLockError::Error(error)) => Err(StartError::state("lock the state folder with", &path, error)),
        }
    }

    /// The model's last snapshot, if there is one.
    pub(crate) fn read_model(&self) -> Result<Option<Vec<u8>>, StartError> {
        self.read(MODEL_FILE)
    }

    /// Replaces the model's snapshot. Does nothing for a state in memory.
    pub(crate) fn write_model(&self, snapshot: &[u8]) -> Result<(), StartError> {
        self.write(MODEL_FILE, snapshot)
    }

    /// Whether anything is kept at all.
    pub(crate) fn keeps(&self) -> bool {
        self.folder.is_some()
    }

    /// The text kept under `name`; the first time it is `new`, which is then kept.
    pub(crate) fn once<E>(&self, name: &str, new: impl FnOnce() -> Result<String, E>) -> Result<String, StartError>
    where
        StartError: From<E>,
    {
        if let Some(bytes) = self.read(name)? {
            return String::from_utf8(bytes).map_err(|error| StartError::state("read", Path::new(name), error));
        }
        let text = new()?;
        self.write(name, text.as_bytes())?;
        Ok(text)
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StartError> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let path = folder.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StartError::state("read", &path, error)),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StartError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let path = folder.join(name);
        write_atomically(&path, bytes).map_err(|error| StartError::state("write", &path, error))
    }
}

/// Puts `bytes` under `path`, readable by the owner alone: after a crash the old file or the new one is
/// there, whole.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_folder_serves_one_sandbox_at_a_time() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let state = State::Folder(dir.path().join("state"));
        let first = Vault::open(&state).expect("nobody else is there");
        assert!(matches!(Vault::open(&state), Err(StartError::InUse { .. })));
        drop(first);
        assert!(Vault::open(&state).is_ok());
    }

    #[test]
    fn what_is_made_once_stays() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let state = State::Folder(dir.path().to_owned());
        let make = |text: &str| {
            let vault = Vault::open(&state).expect("nobody else is there");
            vault.once("key", || Ok::<_, StartError>(text.to_owned())).expect("a writable folder")
        };
        assert_eq!(make("first"), "first");
        assert_eq!(make("second"), "first");
    }

    #[test]
    fn memory_keeps_nothing() {
        let vault = Vault::open(&State::Memory).expect("nothing to open");
        vault.write_model(b"{}").expect("nothing to write");
        assert_eq!(vault.read_model().expect("nothing to read"), None);
    }

    #[test]
    fn the_command_lines_word_for_memory() {
        assert_eq!(State::parse("memory"), State::Memory);
        assert_eq!(State::parse("./memory"), State::Folder(PathBuf::from("./memory")));
    }
}
