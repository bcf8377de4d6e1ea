//! API keys: their names and the hashes of their texts.

use super::columns::exactly_one;
use super::{Db, StorageError};

/// A key as stored; its text is known to nobody but its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Its id.
    pub id: i64,
    /// Its name, unique; what the audit log calls its holder.
    pub name: String,
    /// SHA-256 of its text, hex.
    pub hash: String,
}

impl Db {
    /// All keys, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn list_keys(&self) -> Result<Vec<StoredKey>, StorageError> {
        self.read("list keys", |c| {
            c.prepare_cached("SELECT id, name, hash FROM keys ORDER BY id")?
                .query_map([], |row| {
                    Ok(StoredKey { id: row.get(0)?, name: row.get(1)?, hash: row.get(2)? })
                })?
                .collect()
        })
        .await
    }

    /// Stores a key by its hash and returns its id.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] when the name is taken.
    pub async fn insert_key(&self, name: &str, hash: &str) -> Result<i64, StorageError> {
        let (taken, name, hash) = (name.to_owned(), name.to_owned(), hash.to_owned());
        let inserted = self
            .write("insert a key", move |t| {
                t.prepare_cached("INSERT INTO keys (name, hash) VALUES (?1, ?2)")?
                    .insert([name, hash])
            })
            .await;
        inserted.map_err(|e| e.about("name", &taken))
    }

    /// Removes a key; it is refused from now on.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when there is none with this id.
    pub async fn delete_key(&self, id: i64) -> Result<(), StorageError> {
        self.write("delete a key", move |t| {
            exactly_one(t.prepare_cached("DELETE FROM keys WHERE id = ?1")?.execute([id])?)
        })
        .await
    }
}
