//! Collections: named choices of media.

use rusqlite::params;

use super::columns::{exactly_one, from_json, json};
use super::{Db, StorageError};
use crate::domain::{Collection, CollectionId, Selector};

impl Db {
    /// All collections, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn list_collections(&self) -> Result<Vec<Collection>, StorageError> {
        self.read("list collections", |c| {
            c.prepare_cached("SELECT id, name, selector FROM collections ORDER BY id")?
                .query_map([], |row| {
                    Ok(Collection {
                        id: CollectionId(row.get("id")?),
                        name: row.get("name")?,
                        selector: from_json(row, "selector")?,
                    })
                })?
                .collect()
        })
        .await
    }

    /// Stores a new collection.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] when the name is taken.
    pub async fn insert_collection(
        &self,
        name: &str,
        selector: &Selector,
    ) -> Result<CollectionId, StorageError> {
        let (row_name, selector) = (name.to_owned(), selector.clone());
        let inserted = self
            .write("insert a collection", move |t| {
                t.prepare_cached("INSERT INTO collections (name, selector) VALUES (?1, ?2)")?
                    .insert(params![row_name, json(&selector)?])
                    .map(CollectionId)
            })
            .await;
        inserted.map_err(|e| e.about("name", name))
    }

    /// Stores a collection's new name and selector.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when there is none with its id, [`StorageError::Conflict`] when
    /// the name is taken.
    pub async fn update_collection(&self, collection: &Collection) -> Result<(), StorageError> {
        let Collection { id, name, selector } = collection.clone();
        let updated = self
            .write("update a collection", move |t| {
                let mut update = t.prepare_cached(
                    "UPDATE collections SET name = ?2, selector = ?3 WHERE id = ?1",
                )?;
                exactly_one(update.execute(params![id.0, name, json(&selector)?])?)
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
