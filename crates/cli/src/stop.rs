//! How a person (Ctrl-C) or the machine (SIGTERM) asks the program to end.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Both signals, caught from the moment this is made: one that comes before somebody waits is not lost.
#[derive(Debug)]
pub struct Stop {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
}

impl Stop {
    /// Catches the signals from here on. One that cannot be caught ends the program at once, as the next run can bear.
    pub fn listen() -> Self {
        Self { interrupt: signal(SignalKind::interrupt()).ok(), terminate: signal(SignalKind::terminate()).ok() }
    }

    /// Returns once either has come.
    pub async fn asked(&mut self) {
        tokio::select! {
            () = came(&mut self.interrupt) => {}
            () = came(&mut self.terminate) => {}
        }
    }
}

async fn came(signal: &mut Option<Signal>) {
    if let Some(signal) = signal {
        signal.recv().await;
    } else {
        std::future::pending().await
    }
}
