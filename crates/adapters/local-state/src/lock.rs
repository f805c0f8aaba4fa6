//! One run per activation, by a lock that the kernel frees with the process, however it ends.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Read, Seek, Write},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::{FlockOperation, flock};

/// How often a lock that is held is tried again, and after how long: more than a look at it takes.
const LOOKS_MAX: u32 = 2;
const A_LOOK: Duration = Duration::from_millis(5);

/// A held lock; dropping it frees it.
#[derive(Debug)]
pub struct ActivationLock {
    _file: File,
}

/// Why a lock could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("another run holds `{}`{}; wait for it to end", path.display(), holder(.process))]
    Held {
        /// The lock file.
        path: PathBuf,
        /// The process that took it last, by number.
        process: Option<u32>,
    },
    /// The lock file cannot be made.
    #[error("the lock `{}` cannot be taken{}", path.display(), outflow_ports::disk::remedy(.source))]
    Unusable {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn holder(process: &Option<u32>) -> String {
    process.map(|it| format!(" (process {it})")).unwrap_or_default()
}

impl ActivationLock {
    /// Takes the lock at `path` without waiting.
    pub(crate) fn take(path: &Path) -> Result<Self, LockError> {
        let unusable = |source: io::Error| LockError::Unusable { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            // The first that a run makes: whatever is remembered is its owner's alone.
            DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
        }
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(unusable)?;
        match take_alone(&file) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut text = String::new();
                let process = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                return Err(LockError::Held { path: path.to_owned(), process });
            }
            Err(errno) => return Err(unusable(errno.into())),
        }
        // For people only: the lock itself is the kernel's.
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(unusable)?;
        Ok(Self { _file: file })
    }

    /// Whether a process holds the lock at `path`. To find out, it is shared for a moment, in which somebody else may share it too, and nobody
    /// take it.
    pub(crate) fn is_held(path: &Path) -> bool {
        let Ok(file) = File::open(path) else { return false };
        matches!(flock(&file, FlockOperation::NonBlockingLockShared), Err(rustix::io::Errno::WOULDBLOCK))
    }
}

/// Takes the lock of a file, once more where somebody has merely looked whether it is held.
fn take_alone(file: &File) -> Result<(), rustix::io::Errno> {
    let mut taken = flock(file, FlockOperation::NonBlockingLockExclusive);
    for _ in 0..LOOKS_MAX {
        if taken != Err(rustix::io::Errno::WOULDBLOCK) {
            break;
        }
        std::thread::sleep(A_LOOK);
        taken = flock(file, FlockOperation::NonBlockingLockExclusive);
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_lock_is_refused_and_a_dropped_one_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/lock");
        assert!(!ActivationLock::is_held(&path) && !path.exists(), "a look makes nothing");
        let held = ActivationLock::take(&path).unwrap();
        let refused = ActivationLock::take(&path).unwrap_err();
        assert!(matches!(refused, LockError::Held { process: Some(it), .. } if it == std::process::id()), "{refused}");
        assert!(ActivationLock::is_held(&path));
        drop(held);
        assert!(!ActivationLock::is_held(&path));
        ActivationLock::take(&path).unwrap();
    }
}
