//! Picture sizes that people named; the built-in ones are in the program.

use rusqlite::params;

use super::columns::exactly_one;
use super::{Db, StorageError};
use crate::domain::{Resolution, ResolutionId};

impl Db {
    /// All stored picture sizes, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn list_resolutions(&self) -> Result<Vec<(ResolutionId, Resolution)>, StorageError> {
        self.read("list picture sizes", |c| {
            c.prepare_cached("SELECT id, name, width, height FROM resolutions ORDER BY id")?
                .query_map([], |row| {
                    let resolution = Resolution {
                        name: row.get("name")?,
                        width: row.get("width")?,
                        height: row.get("height")?,
                    };
                    Ok((ResolutionId(row.get("id")?), resolution))
                })?
                .collect()
        })
        .await
    }

    /// Stores a new picture size.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] when the name is taken.
    pub async fn insert_resolution(&self, new: &Resolution) -> Result<ResolutionId, StorageError> {
        let row = new.clone();
        let inserted = self
            .write("insert a picture size", move |t| {
                let insert = "INSERT INTO resolutions (name, width, height) VALUES (?1, ?2, ?3)";
                let Resolution { name, width, height } = row;
                t.prepare_cached(insert)?.insert(params![name, width, height]).map(ResolutionId)
            })
            .await;
        inserted.map_err(|e| e.about("name", &new.name))
    }

    /// Stores what a picture size is from now on.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when there is none with this id, [`StorageError::Conflict`] when
    /// the name is taken.
    pub async fn update_resolution(
        &self,
        id: ResolutionId,
        resolution: &Resolution,
    ) -> Result<(), StorageError> {
        let row = resolution.clone();
        let updated = self
            .write("update a picture size", move |t| {
                let update =
                    "UPDATE resolutions SET name = ?2, width = ?3, height = ?4 WHERE id = ?1";
                let Resolution { name, width, height } = row;
                exactly_one(t.execute(update, params![id.0, name, width, height])?)
            })
            .await;
        updated.map_err(|e| e.about("name", &resolution.name))
    }

    /// Removes a picture size.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when there is none with this id.
    pub async fn delete_resolution(&self, id: ResolutionId) -> Result<(), StorageError> {
        self.write("delete a picture size", move |t| {
            exactly_one(t.execute("DELETE FROM resolutions WHERE id = ?1", [id.0])?)
        })
        .await
    }
}
