//! Use cases on watermarks: their looks, their pictures, and which channel has which.

use std::path::Path;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::domain::{
    ChannelId, ImageKind, InvalidField, Mark, StoredWatermark, Watermark, WatermarkId,
};
use crate::storage::{Db, StorageError};

use super::Control;
use super::error::ControlError;
use super::operations::Actor;
use super::programming::Replan;

impl Control {
    /// All watermarks.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn watermarks(&self) -> Result<Vec<StoredWatermark>, ControlError> {
        self.db().list_watermarks().await.map_err(ControlError::storage("the watermark list"))
    }

    /// One watermark.
    ///
    /// # Errors
    /// When it does not exist or storage fails.
    pub async fn watermark(&self, id: WatermarkId) -> Result<StoredWatermark, ControlError> {
        let found = self.watermarks().await?.into_iter().find(|stored| stored.id == id);
        found.ok_or_else(|| ControlError::NotFound { what: format!("watermark {id}") })
    }

    /// Stores a new watermark, without a picture.
    ///
    /// # Errors
    /// When it cannot be taken, its name is in use, or storage fails.
    pub async fn create_watermark(
        &self,
        actor: &Actor,
        watermark: Watermark,
    ) -> Result<StoredWatermark, ControlError> {
        let watermark = checked(watermark)?;
        let stored = self.db().insert_watermark(&watermark).await;
        let id = stored.map_err(ControlError::storage("the new watermark"))?;
        self.record_change(actor, json!({"what": "watermark_created", "watermark": id})).await;
        self.watermark(id).await
    }

    /// Stores how a watermark looks; its channels show it so from their next items on.
    ///
    /// # Errors
    /// When it does not exist, cannot be taken, its name is in use, or storage fails.
    pub async fn edit_watermark(
        &self,
        actor: &Actor,
        id: WatermarkId,
        watermark: Watermark,
    ) -> Result<StoredWatermark, ControlError> {
        let watermark = checked(watermark)?;
        let stored = self.db().update_watermark(id, &watermark).await;
        stored.map_err(ControlError::storage("the watermark"))?;
        self.record_change(actor, json!({"what": "watermark_edited", "watermark": id})).await;
        self.refresh(Replan::Extend).await?;
        self.watermark(id).await
    }

    /// Deletes a watermark that no channel has.
    ///
    /// # Errors
    /// When it does not exist, a channel has it, or storage fails.
    pub async fn delete_watermark(
        &self,
        actor: &Actor,
        id: WatermarkId,
    ) -> Result<(), ControlError> {
        let stored = self.watermark(id).await?;
        match self.db().delete_watermark(id).await {
            Ok(()) => {}
            Err(StorageError::NotFound) => {
                return Err(ControlError::Conflict {
                    field: "watermark".to_owned(),
                    what: format!("watermark {} is in use", stored.watermark.name),
                    fix: "take it off its channels first".to_owned(),
                });
            }
            Err(error) => return Err(ControlError::storage("the watermark")(error)),
        }
        self.record_change(actor, json!({"what": "watermark_deleted", "watermark": id})).await;
        Ok(())
    }

    /// Stores a watermark's picture; what it is, its first bytes say.
    ///
    /// # Errors
    /// When there is no such watermark, the bytes are no picture of a kind we take, or storage
    /// fails.
    pub async fn set_watermark_image(
        &self,
        actor: &Actor,
        id: WatermarkId,
        bytes: Vec<u8>,
    ) -> Result<StoredWatermark, ControlError> {
        let Some(kind) = ImageKind::of(&bytes) else {
            let problem = format!("{} bytes that are no picture", bytes.len());
            let fix = "send a PNG, JPEG, GIF or WebP file of at most 1 MiB";
            return Err(InvalidField::new("image", problem, fix).into());
        };
        let digest = hex::encode(Sha256::digest(&bytes));
        let stored = self.db().set_watermark_image(id, Some((digest, kind, bytes))).await;
        stored.map_err(ControlError::storage("the watermark"))?;
        self.record_change(actor, json!({"what": "watermark_image_set", "watermark": id})).await;
        self.refresh(Replan::Extend).await?;
        self.watermark(id).await
    }

    /// Takes a watermark's picture away; its channels show none then.
    ///
    /// # Errors
    /// When there is no such watermark or storage fails.
    pub async fn remove_watermark_image(
        &self,
        actor: &Actor,
        id: WatermarkId,
    ) -> Result<StoredWatermark, ControlError> {
        let stored = self.db().set_watermark_image(id, None).await;
        stored.map_err(ControlError::storage("the watermark"))?;
        self.record_change(actor, json!({"what": "watermark_image_removed", "watermark": id}))
            .await;
        self.refresh(Replan::Extend).await?;
        self.watermark(id).await
    }

    /// A watermark's picture with its kind.
    ///
    /// # Errors
    /// When there is no such watermark, it has no picture, or storage fails.
    pub async fn watermark_image(
        &self,
        id: WatermarkId,
    ) -> Result<(ImageKind, Vec<u8>), ControlError> {
        let stored = self.watermark(id).await?;
        let bytes = self.db().watermark_image(id).await;
        let bytes = bytes.map_err(ControlError::storage("the picture"))?;
        match (stored.image, bytes) {
            (Some((_, kind)), Some(bytes)) => Ok((kind, bytes)),
            (None, _) | (_, None) => {
                Err(ControlError::NotFound { what: format!("a picture of watermark {id}") })
            }
        }
    }

    /// Gives a channel a watermark, or none.
    ///
    /// # Errors
    /// When channel or watermark do not exist, or storage fails.
    pub async fn set_channel_watermark(
        &self,
        actor: &Actor,
        channel: ChannelId,
        watermark: Option<WatermarkId>,
    ) -> Result<(), ControlError> {
        self.check_watermark(watermark).await?;
        let stored = self.db().set_channel_watermark(channel, watermark).await;
        stored.map_err(ControlError::storage("the channel's watermark"))?;
        let body = json!({"what": "channel_watermark", "channel": channel, "watermark": watermark});
        self.record_change(actor, body).await;
        self.refresh(Replan::Extend).await
    }

    /// Checks that a watermark exists, if one is named.
    ///
    /// # Errors
    /// Names the field when it does not.
    pub async fn check_watermark(&self, id: Option<WatermarkId>) -> Result<(), ControlError> {
        let Some(id) = id else { return Ok(()) };
        if self.watermarks().await?.iter().any(|stored| stored.id == id) {
            return Ok(());
        }
        let problem = format!("watermark {id} does not exist");
        let fix = "use an id listed by /api/watermarks, or null for none";
        Err(InvalidField::new("watermark_id", problem, fix).into())
    }
}

fn checked(watermark: Watermark) -> Result<Watermark, ControlError> {
    let watermark = Watermark { name: watermark.name.trim().to_owned(), ..watermark };
    let wrong = watermark.mistakes();
    if wrong.is_empty() { Ok(watermark) } else { Err(ControlError::Invalid(wrong)) }
}

/// Makes a watermark ready to be drawn: its picture lies as a file in `folder`, named after what
/// is in it. `None` when it has none, or when that cannot be written, which is logged.
pub(super) async fn mark(db: &Db, folder: &Path, stored: &StoredWatermark) -> Option<Mark> {
    let (digest, kind) = stored.image.clone()?;
    let file = folder.join(format!("{digest}.{}", kind.as_str()));
    if !tokio::fs::try_exists(&file).await.unwrap_or(false) {
        let written = async {
            let found = db.watermark_image(stored.id).await?;
            let bytes = found.ok_or("its picture is gone")?;
            tokio::fs::create_dir_all(folder).await?;
            let fresh = file.with_extension("new");
            tokio::fs::write(&fresh, bytes).await?;
            tokio::fs::rename(&fresh, &file).await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        };
        if let Err(error) = written.await {
            tracing::error!(%error, "watermark {} is not drawn", stored.watermark.name);
            return None;
        }
    }
    let file = file.to_string_lossy().into_owned();
    Some(Mark { look: stored.watermark.clone(), digest, kind, file })
}
