//! Watermarks with their pictures, and which channel has which.
//!
//! Pictures are at most a megabyte and belong to the rows that name them, so they are kept with
//! them: a backup of the database is whole.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, Row, params};

use super::columns::{exactly_one, from_json, from_word, json};
use super::{Db, StorageError};
use crate::domain::{ChannelId, ImageKind, StoredWatermark, Watermark, WatermarkId};

impl Db {
    /// All watermarks, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn list_watermarks(&self) -> Result<Vec<StoredWatermark>, StorageError> {
        self.read("list watermarks", |c| {
            c.prepare_cached("SELECT id, watermark, digest, kind FROM watermarks ORDER BY id")?
                .query_map([], read_watermark)?
                .collect()
        })
        .await
    }

    /// Stores a new watermark, without a picture.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] when the name is taken.
    pub async fn insert_watermark(&self, new: &Watermark) -> Result<WatermarkId, StorageError> {
        let row = new.clone();
        let inserted = self
            .write("insert a watermark", move |t| {
                t.prepare_cached("INSERT INTO watermarks (name, watermark) VALUES (?1, ?2)")?
                    .insert(params![row.name, json(&row)?])
                    .map(WatermarkId)
            })
            .await;
        inserted.map_err(|e| e.about("name", &new.name))
    }

    /// Stores how a watermark looks from now on.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when there is none with this id, [`StorageError::Conflict`] when
    /// the name is taken.
    pub async fn update_watermark(
        &self,
        id: WatermarkId,
        watermark: &Watermark,
    ) -> Result<(), StorageError> {
        let row = watermark.clone();
        let updated = self
            .write("update a watermark", move |t| {
                let update = "UPDATE watermarks SET name = ?2, watermark = ?3 WHERE id = ?1";
                exactly_one(t.execute(update, params![id.0, row.name, json(&row)?])?)
            })
            .await;
        updated.map_err(|e| e.about("name", &watermark.name))
    }

    /// Removes a watermark that no channel has.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when there is none with this id, or a channel has it.
    pub async fn delete_watermark(&self, id: WatermarkId) -> Result<(), StorageError> {
        self.write("delete a watermark", move |t| {
            let unused = "DELETE FROM watermarks WHERE id = ?1
                AND NOT EXISTS (SELECT 1 FROM channel_watermarks WHERE watermark_id = ?1)";
            exactly_one(t.execute(unused, [id.0])?)
        })
        .await
    }

    /// Stores a watermark's picture with the digest of its bytes, or takes it away.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when there is no watermark with this id.
    pub async fn set_watermark_image(
        &self,
        id: WatermarkId,
        image: Option<(String, ImageKind, Vec<u8>)>,
    ) -> Result<(), StorageError> {
        self.write("store a picture", move |t| {
            let (digest, kind, bytes) = match image {
                Some((digest, kind, bytes)) => (Some(digest), Some(kind.as_str()), Some(bytes)),
                None => (None, None, None),
            };
            let update = "UPDATE watermarks SET digest = ?2, kind = ?3, image = ?4 WHERE id = ?1";
            exactly_one(t.execute(update, params![id.0, digest, kind, bytes])?)
        })
        .await
    }

    /// The bytes of a watermark's picture, or `None`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn watermark_image(&self, id: WatermarkId) -> Result<Option<Vec<u8>>, StorageError> {
        let found = self.read("read a picture", move |c| {
            c.prepare_cached("SELECT image FROM watermarks WHERE id = ?1")?
                .query_row([id.0], |row| row.get::<_, Option<Vec<u8>>>(0))
                .optional()
        });
        found.await.map(Option::flatten)
    }

    /// Which channel has which watermark.
    ///
    /// # Errors
    /// When that cannot be read.
    pub async fn channel_watermarks(
        &self,
    ) -> Result<HashMap<ChannelId, WatermarkId>, StorageError> {
        self.read("list channel watermarks", |c| {
            c.prepare_cached("SELECT channel_id, watermark_id FROM channel_watermarks")?
                .query_map([], |row| Ok((ChannelId(row.get(0)?), WatermarkId(row.get(1)?))))?
                .collect()
        })
        .await
    }

    /// Gives a channel a watermark, or none.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when channel or watermark do not exist.
    pub async fn set_channel_watermark(
        &self,
        channel: ChannelId,
        watermark: Option<WatermarkId>,
    ) -> Result<(), StorageError> {
        self.write("give a channel a watermark", move |t| {
            t.execute("DELETE FROM channel_watermarks WHERE channel_id = ?1", [channel.0])?;
            let Some(watermark) = watermark else { return Ok(()) };
            let insert = "INSERT INTO channel_watermarks (channel_id, watermark_id)
                SELECT c.id, w.id FROM channels c, watermarks w WHERE c.id = ?1 AND w.id = ?2";
            exactly_one(t.execute(insert, [channel.0, watermark.0])?)
        })
        .await
    }
}

fn read_watermark(row: &Row<'_>) -> rusqlite::Result<StoredWatermark> {
    let digest: Option<String> = row.get("digest")?;
    let image = match digest {
        Some(digest) => Some((digest, from_word(row, "kind")?)),
        None => None,
    };
    Ok(StoredWatermark {
        id: WatermarkId(row.get("id")?),
        watermark: from_json(row, "watermark")?,
        image,
    })
}
