//! What work ahead is told, and what it tells: rules and library come in, progress goes out.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use super::library::LibraryProgress;
use super::rules::Rules;
use crate::domain::Media;

/// Shared by the task and those outside; cheap to clone.
#[derive(Debug, Clone)]
pub struct Board {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    woken: Notify,
    rules: ArcSwap<Rules>,
    library: ArcSwap<Vec<Arc<Media>>>,
    progress: Mutex<Option<LibraryProgress>>,
}

impl Board {
    /// A board with these rules and an empty library.
    pub fn new(rules: Rules) -> Self {
        Self {
            inner: Arc::new(Inner {
                woken: Notify::new(),
                rules: ArcSwap::from_pointee(rules),
                library: ArcSwap::default(),
                progress: Mutex::default(),
            }),
        }
    }

    /// Makes the task look at once.
    pub fn nudge(&self) {
        self.inner.woken.notify_one();
    }

    /// What work ahead may do now.
    pub fn rules(&self) -> Rules {
        **self.inner.rules.load()
    }

    /// Lets work ahead do this from now on.
    pub fn set_rules(&self, rules: Rules) {
        self.inner.rules.store(Arc::new(rules));
        self.nudge();
    }

    /// Hands over everything there is, for the mode that conforms all of it.
    pub fn set_library(&self, media: Vec<Arc<Media>>) {
        self.inner.library.store(Arc::new(media));
    }

    pub(super) fn library(&self) -> Arc<Vec<Arc<Media>>> {
        self.inner.library.load_full()
    }

    /// How far the whole library is; `None` while nobody wants it made.
    pub fn progress(&self) -> Option<LibraryProgress> {
        *self.inner.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tell(&self, progress: Option<LibraryProgress>) {
        *self.inner.progress.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }

    pub(super) async fn woken(&self) {
        self.inner.woken.notified().await;
    }
}
