//! Task ownership and shutdown: every task has a name, a span and an owner that awaits it.
//!
//! The only place that calls `tokio::spawn`. A task that panics is logged with its name and
//! counted, never silence.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// A token to hand down: it says when to stop and keeps track of the tasks below it.
#[derive(Debug, Clone)]
pub struct Stop {
    token: CancellationToken,
    tracker: TaskTracker,
    panics: Arc<AtomicU64>,
}

impl Stop {
    /// The root of a server's tasks.
    #[expect(clippy::new_without_default, reason = "a second root is a decision, not a default")]
    pub fn new() -> Self {
        Self {
            token: CancellationToken::new(),
            tracker: TaskTracker::new(),
            panics: Arc::new(AtomicU64::new(0)),
        }
    }

    /// A stop of its own below this one: it stops with its parent, and can stop alone.
    pub fn child(&self) -> Self {
        Self {
            token: self.token.child_token(),
            tracker: self.tracker.clone(),
            panics: Arc::clone(&self.panics),
        }
    }

    /// Starts `task` under `name`; its panics are logged and counted.
    ///
    /// The task should end soon after [`Self::requested`]; [`Self::drain`] waits for it.
    pub fn spawn<F>(&self, name: &'static str, task: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let panics = Arc::clone(&self.panics);
        let guarded = async move {
            if std::panic::AssertUnwindSafe(task).catch_unwind().await.is_err() {
                panics.fetch_add(1, Ordering::Relaxed);
                tracing::error!(task.name = name, "task {name} panicked");
            }
        };
        #[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
        let handle = tokio::spawn(
            // No parent: a task outlives whoever happened to start it.
            self.tracker
                .track_future(guarded.instrument(tracing::info_span!(parent: None, "task", name))),
        );
        handle
    }

    /// Completes when a stop was asked for. Safe to drop and call again.
    pub async fn requested(&self) {
        self.token.cancelled().await;
    }

    /// Whether a stop was asked for.
    pub fn is_requested(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Asks every task below to end.
    pub fn request(&self) {
        self.token.cancel();
    }

    /// Tasks that panicked so far.
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    /// Tasks still running.
    pub fn running(&self) -> usize {
        self.tracker.len()
    }

    /// Asks for a stop and waits for all tasks, at most `grace`; says how many are left.
    pub async fn drain(&self, grace: Duration) -> usize {
        self.request();
        self.tracker.close();
        if tokio::time::timeout(grace, self.tracker.wait()).await.is_err() {
            return self.tracker.len();
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panicking_task_is_counted_and_does_not_stop_the_rest() {
        let stop = Stop::new();
        stop.spawn("bad", async { panic!("on purpose") });
        let waits = stop.clone();
        stop.spawn("good", async move { waits.requested().await });
        assert_eq!(stop.drain(Duration::from_secs(5)).await, 0);
        assert_eq!(stop.panics(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_end_is_reported() {
        let stop = Stop::new();
        stop.spawn("deaf", std::future::pending());
        assert_eq!(stop.drain(Duration::from_secs(1)).await, 1);
    }
}
