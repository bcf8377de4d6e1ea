//! Libraries.

use rusqlite::{Row, params};

use super::columns::{exactly_one, from_word, word};
use super::{Db, StorageError};
use crate::domain::{Library, LibraryId, NewLibrary, UtcMillis};

impl Db {
    /// All libraries, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn list_libraries(&self) -> Result<Vec<Library>, StorageError> {
        self.read("list libraries", |c| {
            c.prepare_cached("SELECT * FROM libraries ORDER BY id")?
                .query_map([], read_library)?
                .collect()
        })
        .await
    }

    /// Stores a new library.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] when the folder belongs to a library already.
    pub async fn insert_library(&self, new: NewLibrary) -> Result<Library, StorageError> {
        let path = new.path.clone();
        let inserted = self
            .write("insert a library", move |t| {
                let id = t
                    .prepare_cached(
                        "INSERT INTO libraries (name, path, kind, connections)
                         VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .insert(params![new.name, new.path, word(&new.kind)?, new.connections])?;
                let NewLibrary { name, path, kind, connections } = new;
                let id = LibraryId(id);
                Ok(Library { id, name, path, kind, connections, last_scan: None })
            })
            .await;
        inserted.map_err(|e| e.about("path", &path))
    }

    /// Removes a library and all its media from the database; the files stay where they are.
    ///
    /// Timelines keep their slots: what is gone is replaced by the slate until the next plan.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when there is none with this id.
    pub async fn delete_library(&self, id: LibraryId) -> Result<(), StorageError> {
        self.write("delete a library", move |t| {
            exactly_one(t.prepare_cached("DELETE FROM libraries WHERE id = ?1")?.execute([id.0])?)
        })
        .await
    }

    /// Notes when a scan of the library last ended well.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when there is none with this id.
    pub async fn set_last_scan(&self, id: LibraryId, at: UtcMillis) -> Result<(), StorageError> {
        self.write("note the last scan", move |t| {
            let mut update =
                t.prepare_cached("UPDATE libraries SET last_scan_ms = ?2 WHERE id = ?1")?;
            exactly_one(update.execute([id.0, at.0])?)
        })
        .await
    }
}

fn read_library(row: &Row<'_>) -> rusqlite::Result<Library> {
    Ok(Library {
        id: LibraryId(row.get("id")?),
        name: row.get("name")?,
        path: row.get("path")?,
        kind: from_word(row, "kind")?,
        connections: row.get("connections")?,
        last_scan: row.get::<_, Option<i64>>("last_scan_ms")?.map(UtcMillis),
    })
}
