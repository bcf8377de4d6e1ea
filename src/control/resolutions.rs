//! Use cases on named picture sizes: the built-in ones are read only, the others are stored.
//!
//! A profile keeps its pixels, so a size that changes or goes changes no profile.

use serde_json::json;

use crate::domain::{ListedResolution, Resolution, ResolutionId};

use super::Control;
use super::error::ControlError;
use super::operations::Actor;

impl Control {
    /// All picture sizes, from small to large.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn resolutions(&self) -> Result<Vec<ListedResolution>, ControlError> {
        let stored = self.db().list_resolutions().await;
        let stored = stored.map_err(ControlError::storage("the list of picture sizes"))?;
        Ok(ListedResolution::all(stored))
    }

    /// One picture size.
    ///
    /// # Errors
    /// When it does not exist or storage fails.
    pub async fn resolution(&self, id: ResolutionId) -> Result<ListedResolution, ControlError> {
        let found = self.resolutions().await?.into_iter().find(|listed| listed.id == id);
        found.ok_or_else(|| ControlError::NotFound { what: format!("resolution {id}") })
    }

    /// Stores a new picture size.
    ///
    /// # Errors
    /// When it cannot be taken, its name is in use, or storage fails.
    pub async fn create_resolution(
        &self,
        actor: &Actor,
        resolution: Resolution,
    ) -> Result<ListedResolution, ControlError> {
        let resolution = Self::checked_resolution(resolution)?;
        let stored = self.db().insert_resolution(&resolution).await;
        let id = stored.map_err(ControlError::storage("the new picture size"))?;
        self.record_change(actor, json!({"what": "resolution_created", "resolution": id})).await;
        Ok(ListedResolution { id, builtin: false, resolution })
    }

    /// Stores what a picture size is from now on.
    ///
    /// # Errors
    /// When it does not exist, is built in, cannot be taken, its name is in use, or storage fails.
    pub async fn edit_resolution(
        &self,
        actor: &Actor,
        id: ResolutionId,
        resolution: Resolution,
    ) -> Result<ListedResolution, ControlError> {
        refuse_builtin(&self.resolution(id).await?, "changed")?;
        let resolution = Self::checked_resolution(resolution)?;
        let stored = self.db().update_resolution(id, &resolution).await;
        stored.map_err(ControlError::storage("the picture size"))?;
        self.record_change(actor, json!({"what": "resolution_edited", "resolution": id})).await;
        Ok(ListedResolution { id, builtin: false, resolution })
    }

    /// Deletes a picture size; profiles that have it keep their pixels.
    ///
    /// # Errors
    /// When it does not exist, is built in, or storage fails.
    pub async fn delete_resolution(
        &self,
        actor: &Actor,
        id: ResolutionId,
    ) -> Result<(), ControlError> {
        refuse_builtin(&self.resolution(id).await?, "deleted")?;
        let deleted = self.db().delete_resolution(id).await;
        deleted.map_err(ControlError::storage("the picture size"))?;
        self.record_change(actor, json!({"what": "resolution_deleted", "resolution": id})).await;
        Ok(())
    }

    fn checked_resolution(resolution: Resolution) -> Result<Resolution, ControlError> {
        let resolution = Resolution { name: resolution.name.trim().to_owned(), ..resolution };
        let wrong = resolution.mistakes();
        if !wrong.is_empty() {
            return Err(ControlError::Invalid(wrong));
        }
        let is_same = |listed: &ListedResolution| {
            listed.resolution.name.eq_ignore_ascii_case(&resolution.name)
        };
        if ListedResolution::all(Vec::new()).iter().any(is_same) {
            return Err(ControlError::Conflict {
                field: "name".to_owned(),
                what: format!("name {:?} is that of a built-in size", resolution.name),
                fix: "choose another name".to_owned(),
            });
        }
        Ok(resolution)
    }
}

fn refuse_builtin(listed: &ListedResolution, verb: &str) -> Result<(), ControlError> {
    if !listed.builtin {
        return Ok(());
    }
    Err(ControlError::Conflict {
        field: "resolution".to_owned(),
        what: format!("resolution {} is built in and cannot be {verb}", listed.resolution.name),
        fix: "make one of your own".to_owned(),
    })
}
