//! The reader pool: read-only connections beside the writer.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use super::StorageError;
use super::db::tune;

/// Connections in the pool. Reads beyond this many wait for one to come back.
const CONNECTIONS: usize = 4;

/// Read-only connections, each lent to one read at a time.
#[derive(Debug)]
pub(super) struct Readers {
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    /// Opens the connections.
    pub(super) fn open(path: &Path) -> Result<Arc<Self>, StorageError> {
        let mut idle = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            idle.push(open_reader(path)?);
        }
        let permits = Arc::new(Semaphore::new(CONNECTIONS));
        Ok(Arc::new(Self { idle: Mutex::new(idle), permits }))
    }

    /// Runs `f` on a thread for blocking work; all it reads is one committed state.
    ///
    /// Dropping the future gives up the answer; the connection comes back all the same.
    pub(super) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        op: &'static str,
        f: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StorageError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| StorageError::Closed)?;
        let pool = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || {
            let lent = Lent::take(&pool)?;
            let result = one_state(lent.connection()?, f).map_err(|e| StorageError::of(op, e));
            drop(lent);
            drop(permit);
            result
        });
        let result = read.await.unwrap_or_else(|stopped| {
            Err(if stopped.is_panic() {
                StorageError::Panicked { op }
            } else {
                StorageError::Closed
            })
        });
        if let Err(error) = &result {
            error.log(op);
        }
        result
    }

    /// Waits for running reads and closes every connection.
    pub(super) async fn close(&self) {
        let all = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
        // Closed by somebody else already: then there is nothing to wait for.
        if let Ok(permits) = self.permits.acquire_many(all).await {
            self.permits.close();
            drop(permits);
        }
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Opens one read-only connection.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StorageError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        tune(&connection)?;
        Ok(connection)
    };
    open().map_err(|e| StorageError::of("open for reading", e))
}

fn one_state<T>(
    connection: &Connection,
    f: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.unchecked_transaction()?;
    f(&transaction)
}

/// A connection on loan; comes back when dropped, also by a panic.
struct Lent<'a> {
    pool: &'a Readers,
    connection: Option<Connection>,
}

impl<'a> Lent<'a> {
    fn take(pool: &'a Readers) -> Result<Self, StorageError> {
        let connection = pool.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        // There are as many permits as connections, so only a closed pool is empty.
        let connection = connection.ok_or(StorageError::Closed)?;
        Ok(Self { pool, connection: Some(connection) })
    }

    fn connection(&self) -> Result<&Connection, StorageError> {
        self.connection.as_ref().ok_or(StorageError::Closed)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }
}
