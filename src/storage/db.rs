//! The database: opening, reading, writing, closing.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, Transaction};

use super::readers::Readers;
use super::writer::Writer;
use super::{StorageError, migrate, search};
use crate::foundation::files;

/// How long a connection waits for a lock of another process.
const BUSY: Duration = Duration::from_secs(5);

/// The database. Cheap to clone; all clones share one writer thread and one pool of readers.
#[derive(Debug, Clone)]
pub struct Db {
    pub(super) path: Arc<Path>,
    writer: Writer,
    readers: Arc<Readers>,
}

impl Db {
    /// Opens the database at `path`, creates it if there is none, checks it and brings its schema
    /// up to date.
    ///
    /// Blocks; call it before the runtime is busy. The folder must exist.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] for a damaged file, [`StorageError::Newer`] for one written by a
    /// later version; neither is touched.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        let mut connection = connect(path)?;
        let change = migrate::up_to_date(&mut connection, path)?;
        if change.from != change.to {
            tracing::info!(
                schema.from = change.from,
                schema.to = change.to,
                "database schema went from version {} to {}",
                change.from,
                change.to,
            );
        }
        search::index_anew(&mut connection)?;
        let writer = Writer::start(connection).map_err(file_error("start the writer", path))?;
        let readers = Readers::open(path)?;
        Ok(Self { path: path.into(), writer, readers })
    }

    /// Opens a database that must exist already, for commands that only look.
    ///
    /// # Errors
    /// [`StorageError::Missing`] when there is none, else as [`Self::open`].
    pub fn open_existing(path: &Path) -> Result<Self, StorageError> {
        if !path.is_file() {
            return Err(StorageError::Missing { path: path.to_owned() });
        }
        Self::open(path)
    }

    /// Runs `f` in one transaction on the writer thread.
    ///
    /// `Ok` means committed and on the disk. On an error or a panic in `f` nothing has changed,
    /// and the fault is logged once under `op`. When 256 writes wait already, this waits too.
    /// Dropping the future gives up the answer, not the write.
    ///
    /// # Errors
    /// See [`StorageError`]; a broken uniqueness is [`StorageError::Conflict`], a missing parent
    /// or [`rusqlite::Error::QueryReturnedNoRows`] is [`StorageError::NotFound`].
    pub async fn write<T: Send + 'static>(
        &self,
        op: &'static str,
        f: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StorageError> {
        self.writer.run(op, f).await
    }

    /// Runs `f` on a read-only connection; all it reads is one committed state.
    ///
    /// It sees every write that was acknowledged before. A fault is logged once under `op`.
    ///
    /// # Errors
    /// See [`StorageError`]; [`rusqlite::Error::QueryReturnedNoRows`] is
    /// [`StorageError::NotFound`].
    pub async fn read<T: Send + 'static>(
        &self,
        op: &'static str,
        f: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StorageError> {
        self.readers.run(op, f).await
    }

    /// Does what is queued, then closes the database; later calls on clones get
    /// [`StorageError::Closed`].
    ///
    /// # Errors
    /// When SQLite cannot close it; what was acknowledged is safe nevertheless.
    pub async fn close(self) -> Result<(), StorageError> {
        self.readers.close().await;
        self.writer.close().await
    }
}

/// Opens the writing connection and checks the file.
pub(super) fn connect(path: &Path) -> Result<Connection, StorageError> {
    create_private(path)?;
    let open = || {
        let connection = Connection::open(path)?;
        tune(&connection)?;
        Ok(connection)
    };
    let connection = open().map_err(|e| StorageError::of("open", e))?;
    migrate::refuse_newer(&connection)?;
    let make_durable = || {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // FULL fsyncs the log at every commit. NORMAL, usual with WAL, may lose the last commits
        // in a power cut, and an audit record must not vanish after the act it announced.
        connection.pragma_update(None, "synchronous", "FULL")?;
        // On macOS a plain fsync does not reach the disk. No effect elsewhere.
        connection.pragma_update(None, "fullfsync", true)
    };
    make_durable().map_err(|e| StorageError::of("open", e))?;
    check(&connection)?;
    Ok(connection)
}

/// Settings of every connection.
pub(super) fn tune(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(128);
    connection.pragma_update(None, "foreign_keys", true)
}

/// Creates an empty file that only its owner may read, because keys' hashes are kept in it.
///
/// SQLite gives its companions (`-wal`, `-shm`) the same permissions.
pub(super) fn create_private(path: &Path) -> Result<(), StorageError> {
    match files::create_private(path) {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(file_error("create the database", path)(e)),
    }
}

/// SQLite's own check of the whole file, without the indexes' contents: 50 ms for 20 MB.
pub(super) fn check(connection: &Connection) -> Result<(), StorageError> {
    let read = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    let said = read.map_err(|e| StorageError::of("check the database", e))?;
    if said == "ok" { Ok(()) } else { Err(StorageError::Corrupt { what: said }) }
}

/// Says which file it was about.
pub(super) fn file_error(op: &'static str, path: &Path) -> impl Fn(io::Error) -> StorageError {
    let path = path.to_owned();
    move |source| StorageError::File { op, path: path.clone(), source }
}
