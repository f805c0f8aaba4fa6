//! Where whole columns are worked on: apart from the threads that talk to the network, or in line where a run must be replayed.

use std::future::Future;

use tokio::runtime::Handle;

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
