//! Time and chance, so that runs can be replayed.

use std::{fmt, time::Duration};

use async_trait::async_trait;

/// Tells the time and waits.
#[async_trait]
pub trait Clock: fmt::Debug + Send + Sync {
    /// Milliseconds since 1970, UTC.
    fn now_ms(&self) -> i64;

    /// Returns after the duration has passed on this clock.
    async fn sleep(&self, duration: Duration);
}

/// Gives bytes that nobody can guess.
pub trait Entropy: fmt::Debug + Send + Sync {
    /// Fills the buffer.
    fn fill(&self, buffer: &mut [u8]);

    /// A random number.
    fn next_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}
