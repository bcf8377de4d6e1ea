//! Brings a database's schema up to date with the embedded `migrations/`.
//!
//! Forward only: the way back is the copy that is made before an older database is changed.

use std::path::Path;

use include_dir::{Dir, include_dir};
use rusqlite::Connection;
use rusqlite_migration::Migrations;

use super::backups::copy_database;
use super::{Db, StorageError};
use crate::foundation::files;

static FOLDER: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/migrations");

/// From which schema version to which a database was brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchemaChange {
    /// Version found; 0 for a new file.
    pub from: i64,
    /// Version now.
    pub to: i64,
}

/// Refuses a file that is ahead of this program, before anything is written to it.
///
/// # Errors
/// [`StorageError::Newer`] with both versions.
pub(super) fn refuse_newer(connection: &Connection) -> Result<(), StorageError> {
    let (found, known) = (version(connection)?, known_version());
    if found > known { Err(StorageError::Newer { found, known }) } else { Ok(()) }
}

/// Applies what is missing to the database at `path`, each migration in a transaction of its own.
///
/// A database that held a schema before is copied to `PATH.v<version>` first.
///
/// # Errors
/// When it cannot be copied, or a migration fails; those before it stay applied then.
pub(super) fn up_to_date(
    connection: &mut Connection,
    path: &Path,
) -> Result<SchemaChange, StorageError> {
    let migrations = Migrations::from_directory(&FOLDER).map_err(migration_error)?;
    let from = version(connection)?;
    if (1..known_version()).contains(&from) {
        copy_database(path, &files::with_suffix(path, &format!(".v{from}")))?;
    }
    migrations.to_latest(connection).map_err(migration_error)?;
    Ok(SchemaChange { from, to: version(connection)? })
}

fn known_version() -> i64 {
    i64::try_from(FOLDER.dirs().count()).unwrap_or(i64::MAX)
}

fn version(connection: &Connection) -> Result<i64, StorageError> {
    let read = connection.query_row("PRAGMA user_version", [], |row| row.get(0));
    read.map_err(|e| StorageError::of("read the schema version", e))
}

fn migration_error(source: rusqlite_migration::Error) -> StorageError {
    match source {
        rusqlite_migration::Error::RusqliteError { err, query } => {
            match StorageError::of("migrate", err) {
                StorageError::Failed { source: err, .. } => StorageError::Migration {
                    source: Box::new(rusqlite_migration::Error::RusqliteError { query, err }),
                },
                known => known,
            }
        }
        other => StorageError::Migration { source: Box::new(other) },
    }
}

impl Db {
    /// Brings the database at `path` up to date and closes it again: the `migrate` command.
    ///
    /// Creates the file when there is none.
    ///
    /// # Errors
    /// As [`Db::open`].
    pub fn migrate(path: &Path) -> Result<SchemaChange, StorageError> {
        let mut connection = super::db::connect(path)?;
        let change = up_to_date(&mut connection, path)?;
        connection.close().map_err(|(_, e)| StorageError::of("close", e))?;
        Ok(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_migrations_are_valid_and_all_are_applied() {
        let mut connection = Connection::open_in_memory().unwrap();
        let change = up_to_date(&mut connection, Path::new("unused")).unwrap();
        assert_eq!(change, SchemaChange { from: 0, to: known_version() });
        let mut names: Vec<_> = FOLDER.dirs().map(|dir| dir.path().display().to_string()).collect();
        names.sort();
        for (index, name) in names.iter().enumerate() {
            assert!(name.starts_with(&format!("{:02}-", index + 1)), "{name} is out of order");
        }
    }

    #[test]
    fn an_older_database_is_copied_before_it_is_changed() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("test.db");
        let mut old = Connection::open(&path).unwrap();
        let migrations = Migrations::from_directory(&FOLDER).unwrap();
        migrations.to_version(&mut old, 1).unwrap();
        old.execute("INSERT INTO settings VALUES ('a', '1')", []).unwrap();
        old.close().unwrap();

        let change = Db::migrate(&path).unwrap();
        assert_eq!(change, SchemaChange { from: 1, to: known_version() });
        let copy = Connection::open(files::with_suffix(&path, ".v1")).unwrap();
        assert_eq!(version(&copy).unwrap(), 1);
        let value: String =
            copy.query_row("SELECT value FROM settings", [], |row| row.get(0)).unwrap();
        assert_eq!(value, "1");
    }
}
