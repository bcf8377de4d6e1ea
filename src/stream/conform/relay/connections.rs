//! How many streams of a provider are open, against how many it allows. PURE but for its lock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::LibraryId;

/// The count; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(in crate::stream::conform) struct Connections {
    book: Arc<Mutex<HashMap<LibraryId, Provider>>>,
}

#[derive(Debug, Default)]
struct Provider {
    limit: Option<u32>,
    open: u32,
}

/// One open stream; closed when dropped.
#[derive(Debug)]
pub(super) struct Connection {
    of: Connections,
    provider: LibraryId,
}

impl Connections {
    /// Sets how many streams a provider allows; `None` is no limit. Open ones stay.
    pub(in crate::stream::conform) fn limit(&self, provider: LibraryId, limit: Option<u32>) {
        self.lock().entry(provider).or_default().limit = limit;
    }

    /// Takes a place; `None` when all are taken.
    pub(super) fn open(&self, provider: LibraryId) -> Option<Connection> {
        let mut book = self.lock();
        let entry = book.entry(provider).or_default();
        if entry.limit.is_some_and(|limit| entry.open >= limit) {
            return None;
        }
        entry.open += 1;
        Some(Connection { of: self.clone(), provider })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LibraryId, Provider>> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(entry) = self.of.lock().get_mut(&self.provider) {
            entry.open = entry.open.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_gives_as_many_as_it_allows() {
        let connections = Connections::default();
        let (one, other) = (LibraryId(1), LibraryId(2));
        connections.limit(one, Some(1));
        let first = connections.open(one).unwrap();
        assert!(connections.open(one).is_none());
        let _unlimited: Vec<Connection> = (0..9).filter_map(|_| connections.open(other)).collect();
        drop(first);
        assert!(connections.open(one).is_some());
    }
}
