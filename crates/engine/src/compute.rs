//! Where whole columns are worked on: apart from the threads that talk to the network, or in line where a run must be replayed.

use std::{
    future::Future,
    sync::mpsc,
    thread::{Scope, ScopedJoinHandle},
};

use tokio::runtime::Handle;

/// Work on fewer rows is done sooner than another thread has taken it up.
pub(crate) const ROWS_PER_THREAD: u64 = 10_000;

/// Where whole columns are worked on.
#[derive(Clone, Debug)]
pub enum Compute {
    /// In the caller, one after the other: a run can be replayed step by step.
    Inline,
    /// On a runtime of its own, so that hashing never delays an acknowledgement.
    Threads {
        /// The runtime.
        runtime: Handle,
        /// Its threads.
        threads: usize,
    },
}

impl Compute {
    /// How many streams are worth reading side by side.
    #[must_use]
    pub const fn width(&self) -> usize {
        match self {
            Self::Inline => 1,
            Self::Threads { threads, .. } => *threads,
        }
    }

    /// Runs all tasks and gives their results in order; the first error ends the others.
    pub(crate) async fn all<T, E, F>(&self, tasks: Vec<F>) -> Result<Vec<T>, E>
    where
        T: Send + 'static,
        E: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        match self {
            Self::Inline => {
                let mut results = Vec::with_capacity(tasks.len());
                for task in tasks {
                    results.push(task.await?);
                }
                Ok(results)
            }
            Self::Threads { runtime, .. } => {
                let mut set = tokio::task::JoinSet::new();
                for (place, task) in tasks.into_iter().enumerate() {
                    set.spawn_on(async move { task.await.map(|it| (place, it)) }, runtime);
                }
                let mut results = Vec::with_capacity(set.len());
                while let Some(joined) = set.join_next().await {
                    match joined {
                        Ok(Ok(result)) => results.push(result),
                        Ok(Err(error)) => {
                            // Whoever hears of the error removes what the tasks have written: none of them may still be writing then.
                            set.shutdown().await;
                            return Err(error);
                        }
                        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
                    }
                }
                results.sort_by_key(|(place, _)| *place);
                Ok(results.into_iter().map(|(_, it)| it).collect())
            }
        }
    }
}

/// The same items, made by a thread of its own while others are taken; so many lie ready at most, beside the one that is being made.
pub(crate) fn ahead<'s, T: Send + 's>(
    mut items: impl Iterator<Item = T> + Send + 's,
    ready_max: usize,
    scope: &'s Scope<'s, '_>,
) -> mpsc::IntoIter<T> {
    let (ready, next) = mpsc::sync_channel(ready_max);
    // Where nobody takes any more, an error has been told already.
    scope.spawn(move || items.all(|it| ready.send(it).is_ok()));
    next.into_iter()
}

/// What a thread has come to; its panic is the caller's.
pub(crate) fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
