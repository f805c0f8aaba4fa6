//! Keeping the model on disk while it changes.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::warn;

use super::StartError;
use super::state::Vault;
use super::stop::Stop;
use super::tenant::Tenant;

/// The state is written this long after a change at the earliest, so that a burst of calls is one write.
const SAVE_DELAY: Duration = Duration::from_millis(200);
/// A state that takes long to write is written rarely: at most this fraction of the time.
const SAVE_SHARE: u32 = 10;

/// Keeps the model on disk, where its state has a place there.
pub(super) struct Keeper {
    vault: Vault,
    tenant: Arc<Tenant>,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("vault", &self.vault).finish_non_exhaustive()
    }
}

impl Keeper {
    pub(super) fn new(vault: Vault, tenant: Arc<Tenant>) -> Self {
        Self { vault, tenant }
    }

    pub(super) fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }

    /// Saves the model now.
    pub(super) fn save(&self) -> Result<(), StartError> {
        if !self.vault.keeps() {
            return Ok(());
        }
        self.vault.write_model(&self.tenant.snapshot())
    }

    /// Saves the model some time after it changed, until the sandbox stops.
    pub(super) async fn keep_saved(self: Arc<Self>, mut stop: Stop) {
        if !self.vault.keeps() {
            return;
        }
        let mut saved = 0;
        let mut pause = SAVE_DELAY;
        loop {
            tokio::select! {
                () = self.tenant.changed_since(saved) => {}
                () = stop.wished() => return,
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.wished() => return,
            }
            let began = Instant::now();
            saved = self.tenant.revision();
            let keeper = Arc::clone(&self);
            if let Ok(Err(error)) = tokio::task::spawn_blocking(move || keeper.save()).await {
                warn!(%error, "could not save the sandbox's state");
            }
            pause = SAVE_DELAY.max(began.elapsed() * SAVE_SHARE);
        }
    }
}
