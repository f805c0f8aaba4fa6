//! The state folder on a local disk: baselines, spool, the lock of each activation; and this machine's clock and entropy.
//!
//! ```text
//! STATE/ledger.sqlite                            what happened (crate outflow-ledger-sqlite)
//! STATE/activations/NAME/lock                    held while a run works on NAME; the kernel frees it when the process dies
//! STATE/activations/NAME/baseline/*.seg          segments; only those the ledger names count
//! STATE/activations/NAME/history/*.seg           what became of single rows of past runs, as fingerprints; only those the ledger names count
//! STATE/activations/NAME/spool/RUN/*             private files of a run, readable by their owner only
//! ```

mod baselines;
mod history;
mod lock;
mod spool;
mod system;
mod write_behind;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

pub use baselines::FolderBaselines;
pub use history::FolderHistory;
pub use lock::{ActivationLock, LockError};
pub use spool::FolderSpool;
pub use system::{SystemClock, SystemEntropy};

use outflow_domain::Name;
use outflow_ports::{BaselineStore, BaselineStores};

/// The folder that holds everything Outflow remembers.
#[derive(Clone, Debug)]
pub struct StateFolder {
    root: PathBuf,
}

impl StateFolder {
    /// The state folder at `root`; nothing is created before it is needed.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the ledger is.
    #[must_use]
    pub fn ledger(&self) -> PathBuf {
        self.root.join("ledger.sqlite")
    }

    /// The baseline of an activation.
    #[must_use]
    pub fn baselines(&self, activation: &Name) -> FolderBaselines {
        FolderBaselines::new(self.activation(activation).join("baseline"))
    }

    /// The history of an activation.
    #[must_use]
    pub fn history(&self, activation: &Name) -> FolderHistory {
        FolderHistory::new(self.activation(activation).join("history"), self.spool(activation))
    }

    /// The private files of an activation's runs.
    #[must_use]
    pub fn spool(&self, activation: &Name) -> FolderSpool {
        FolderSpool::new(self.activation(activation).join("spool"))
    }

    /// Takes the activation's lock, or says that another process holds it.
    ///
    /// # Errors
    /// When it is held, or the folder cannot be written.
    pub fn lock(&self, activation: &Name) -> Result<ActivationLock, LockError> {
        ActivationLock::take(&self.activation(activation).join("lock"))
    }

    /// Whether some process holds the activation's lock now. Nothing is made or written for the question.
    #[must_use]
    pub fn is_worked_on(&self, activation: &Name) -> bool {
        ActivationLock::is_held(&self.activation(activation).join("lock"))
    }

    /// Takes the lock of a data extension, which keeps activations into the same one apart.
    ///
    /// # Errors
    /// As [`StateFolder::lock`].
    pub fn lock_data_extension(&self, key_digest: &str) -> Result<ActivationLock, LockError> {
        ActivationLock::take(&self.root.join("data-extensions").join(format!("{key_digest}.lock")))
    }

    fn activation(&self, name: &Name) -> PathBuf {
        // Folder names compare without case on some disks, names of activations do not.
        self.root.join("activations").join(name.as_str())
    }
}

impl BaselineStores for StateFolder {
    fn of(&self, activation: &Name) -> Arc<dyn BaselineStore> {
        Arc::new(self.baselines(activation))
    }
}

#[cfg(test)]
mod tests {
    use outflow_ports::promises::local;

    use super::StateFolder;

    #[tokio::test]
    async fn the_state_folder_keeps_the_promises_of_its_ports() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::new(folder.path().join("state"));
        let activation = "loyalty".parse().unwrap();
        local::a_baseline_store_keeps_its_promises(&state.baselines(&activation));
        local::a_spool_keeps_its_promises(&state.spool(&activation)).await;
        local::a_history_keeps_its_promises(&state.history(&activation), &state.spool(&activation));
    }
}
