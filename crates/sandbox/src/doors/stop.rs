//! The wish to stop, heard by every task of a sandbox.

use tokio::sync::watch;

/// Says that the sandbox shall stop. Dropping it says so too.
#[derive(Debug)]
pub(crate) struct StopSignal(watch::Sender<bool>);

/// Hears that the sandbox shall stop.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl StopSignal {
    /// A signal that was not given yet.
    pub(crate) fn new() -> Self {
        Self(watch::channel(false).0)
    }

    /// An ear for the signal.
    pub(crate) fn ear(&self) -> Stop {
        Stop(self.0.subscribe())
    }

    /// Gives the signal.
    pub(crate) fn give(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Returns once the sandbox shall stop.
    pub(crate) async fn wished(&mut self) {
        // An error means that the signal was dropped, and with it the sandbox.
        let _ = self.0.wait_for(|wished| *wished).await;
    }
}
