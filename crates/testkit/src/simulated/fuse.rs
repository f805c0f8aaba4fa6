//! A machine that stops after so many of its own steps.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

/// Burns down by one with every effect. From then on nothing happens any more: calls never return, writes fail.
#[derive(Clone, Debug)]
pub struct Fuse(Arc<AtomicI64>);

impl Default for Fuse {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(i64::MAX)))
    }
}

impl Fuse {
    /// Lets the machine crash after so many more effects.
    pub fn light(&self, effects: i64) {
        self.0.store(effects, Ordering::Relaxed);
    }

    /// Lets the machine run for ever.
    pub fn put_out(&self) {
        self.light(i64::MAX);
    }

    /// How many effects there were since it was lit with `from`.
    #[must_use]
    pub fn burnt_since(&self, from: i64) -> i64 {
        from - self.0.load(Ordering::Relaxed)
    }

    /// Whether the machine has crashed.
    #[must_use]
    pub fn has_blown(&self) -> bool {
        self.0.load(Ordering::Relaxed) <= 0
    }

    /// One effect of a call that can wait: never returns once the machine has crashed.
    pub async fn burn(&self) {
        if self.0.fetch_sub(1, Ordering::Relaxed) <= 1 {
            self.0.store(0, Ordering::Relaxed);
            std::future::pending::<()>().await;
        }
    }

    /// One effect of a call that cannot wait.
    pub fn burn_now(&self) -> io::Result<()> {
        if self.0.fetch_sub(1, Ordering::Relaxed) <= 1 {
            self.0.store(0, Ordering::Relaxed);
            return Err(io::Error::other("the simulated machine has crashed"));
        }
        Ok(())
    }
}
