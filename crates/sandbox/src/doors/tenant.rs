//! The one tenant that all doors serve: the model, a real clock, and the word that something changed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

use super::stop::Stop;
use crate::model::Model;

/// The model behind all doors.
pub(crate) struct Tenant {
    model: Mutex<Model>,
    revision: AtomicU64,
    changed: Notify,
}

impl Tenant {
    /// Puts a model behind doors.
    pub(crate) fn new(model: Model) -> Arc<Self> {
        Arc::new(Self { model: Mutex::new(model), revision: AtomicU64::new(0), changed: Notify::new() })
    }

    /// Calls the model on a thread where it may take its time: an import of a large file does.
    pub(crate) async fn ask<R: Send + 'static>(self: &Arc<Self>, call: impl FnOnce(&mut Model, i64) -> R + Send + 'static) -> R {
        let tenant = Arc::clone(self);
        match tokio::task::spawn_blocking(move || tenant.ask_here(call)).await {
            Ok(answer) => answer,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// Calls the model for something short: at once when nobody else does, or else as [`Tenant::ask`].
    pub(crate) async fn ask_briefly<R: Send + 'static>(self: &Arc<Self>, call: impl FnOnce(&mut Model, i64) -> R + Send + 'static) -> R {
        match self.ask_if_free(call) {
            Ok(answer) => answer,
            Err(call) => self.ask(call).await,
        }
    }

    /// Calls the model if nobody else does; or else gives the call back.
    fn ask_if_free<R, C: FnOnce(&mut Model, i64) -> R>(&self, call: C) -> Result<R, C> {
        match self.free() {
            Some(model) => Ok(self.answer(model, call)),
            None => Err(call),
        }
    }

    /// Calls the model on this thread and waits for it.
    pub(crate) fn ask_here<R>(&self, call: impl FnOnce(&mut Model, i64) -> R) -> R {
        self.answer(self.lock(), call)
    }

    fn answer<R>(&self, mut model: MutexGuard<'_, Model>, call: impl FnOnce(&mut Model, i64) -> R) -> R {
        let answer = call(&mut model, now_ms());
        drop(model);
        self.revision.fetch_add(1, Ordering::Release);
        self.changed.notify_waiters();
        answer
    }

    /// The model, once nobody else has it. A call that panicked is a bug in the model; the sandbox goes on
    /// with what it left.
    fn lock(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The model, if nobody else has it.
    fn free(&self) -> Option<MutexGuard<'_, Model>> {
        match self.model.try_lock() {
            Ok(model) => Some(model),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// How many calls there were: the model may have changed only if this did.
    pub(crate) fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }

    /// The whole state as bytes.
    pub(crate) fn snapshot(&self) -> Vec<u8> {
        self.lock().snapshot()
    }

    /// Returns once there was a call after `revision`.
    pub(crate) async fn changed_since(&self, revision: u64) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.revision() != revision {
                return;
            }
            changed.await;
        }
    }

    /// Lets happen what is due, when it is due, until the sandbox stops.
    pub(crate) async fn keep_time(self: Arc<Self>, mut stop: Stop) {
        loop {
            let revision = self.revision();
            // Whoever has the model now will have called it, so that there is news right after.
            let due_ms = self.free().and_then(|model| model.next_due());
            let due = async {
                match due_ms {
                    Some(due_ms) => {
                        let wait_ms = (due_ms - now_ms()).max(1).unsigned_abs();
                        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => self.ask(|model, now_ms| model.advance(now_ms)).await,
                () = self.changed_since(revision) => {}
                () = stop.wished() => return,
            }
        }
    }
}

/// The time, in unix milliseconds.
fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}
