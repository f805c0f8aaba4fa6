//! Time that passes when somebody waits, and chance that follows from a seed.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use outflow_ports::{Clock, Entropy};
use rand::{RngCore, SeedableRng, rngs::SmallRng};

use super::Fuse;

/// A clock that is moved by whoever sleeps on it.
#[derive(Clone, Debug)]
pub struct SimulatedClock {
    now_ms: Arc<AtomicI64>,
    fuse: Fuse,
}

impl SimulatedClock {
    /// A clock that shows `now_ms`.
    #[must_use]
    pub fn new(now_ms: i64, fuse: Fuse) -> Self {
        Self { now_ms: Arc::new(AtomicI64::new(now_ms)), fuse }
    }

    /// Moves it on.
    pub fn pass(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// The time, also after a crash.
    #[must_use]
    pub fn read(&self) -> i64 {
        self.now_ms.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Clock for SimulatedClock {
    fn now_ms(&self) -> i64 {
        self.read()
    }

    async fn sleep(&self, duration: Duration) {
        self.fuse.burn().await;
        self.pass(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX));
    }
}

/// Chance from a seed.
#[derive(Clone, Debug)]
pub struct SimulatedEntropy(Arc<Mutex<SmallRng>>);

impl SimulatedEntropy {
    /// Chance that follows from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(SmallRng::seed_from_u64(seed))))
    }
}

impl Entropy for SimulatedEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(buffer);
    }
}
