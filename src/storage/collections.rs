//! Collections: named choices of media.

use rusqlite::params;

use super::columns::{exactly_one, from_json, json};
use super::{Db, StorageError};
use crate::domain::{Collection, CollectionId, UtcMillis};

impl Db {
    /// All collections, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn list_collections(&self) -> Result<Vec<Collection>, StorageError> {
        self.read("list collections", |c| {
            c.prepare_cached("SELECT * FROM collections ORDER BY id")?
                .query_map([], |row| {
                    Ok(Collection {
                        id: CollectionId(row.get("id")?),
                        name: row.get("name")?,
                        description: row.get("description")?,
                        selector: from_json(row, "selector")?,
                        created: UtcMillis(row.get("created_ms")?),
                        updated: UtcMillis(row.get("updated_ms")?),
                    })
                })?
                .collect()
        })
        .await
    }

    /// Stores a new collection; its id is given to it here, whatever `new` says.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] when the name is taken.
    pub async fn insert_collection(&self, new: Collection) -> Result<CollectionId, StorageError> {
        let name = new.name.clone();
        let inserted = self
            .write("insert a collection", move |t| {
                t.prepare_cached(
                    "INSERT INTO collections (name, description, selector, created_ms, updated_ms)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .insert(params![
                    new.name,
                    new.description,
                    json(&new.selector)?,
                    new.created.0,
                    new.updated.0
                ])
                .map(CollectionId)
            })
            .await;
        inserted.map_err(|e| e.about("name", &name))
    }

    /// Stores what a collection is now, all but when it was made.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when there is none with its id, [`StorageError::Conflict`] when
    /// the name is taken.
    pub async fn update_collection(&self, collection: &Collection) -> Result<(), StorageError> {
        let Collection { id, name, description, selector, updated, .. } = collection.clone();
        let updated = self
            .write("update a collection", move |t| {
                let mut update = t.prepare_cached(
                    "UPDATE collections SET name = ?2, description = ?3, selector = ?4,
                         updated_ms = ?5
                     WHERE id = ?1",
                )?;
                let values = params![id.0, name, description, json(&selector)?, updated.0];
                exactly_one(update.execute(values)?)
            })
            .await;
        updated.map_err(|e| e.about("name", &collection.name))
    }

    /// Removes a collection; channels that name it play without it from the next plan on.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when there is none with this id.
    pub async fn delete_collection(&self, id: CollectionId) -> Result<(), StorageError> {
        self.write("delete a collection", move |t| {
            exactly_one(t.prepare_cached("DELETE FROM collections WHERE id = ?1")?.execute([id.0])?)
        })
        .await
    }
}
