//! Profiles that people made; the built-in ones are in the program.

use rusqlite::{Connection, OptionalExtension, params};

use super::columns::{exactly_one, from_json, json};
use super::{Db, StorageError};
use crate::domain::{Profile, ProfileId};

/// The setting that names the profile of channels that name none.
const DEFAULT: &str = "default_profile";

impl Db {
    /// All stored profiles, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn list_profiles(&self) -> Result<Vec<(ProfileId, Profile)>, StorageError> {
        self.read("list profiles", |c| {
            c.prepare_cached("SELECT id, profile FROM profiles ORDER BY id")?
                .query_map([], |row| Ok((ProfileId(row.get("id")?), from_json(row, "profile")?)))?
                .collect()
        })
        .await
    }

    /// Stores a new profile.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] when the name is taken.
    pub async fn insert_profile(&self, profile: &Profile) -> Result<ProfileId, StorageError> {
        let row = profile.clone();
        let inserted = self
            .write("insert a profile", move |t| {
                t.prepare_cached("INSERT INTO profiles (name, profile) VALUES (?1, ?2)")?
                    .insert(params![row.name, json(&row)?])
                    .map(ProfileId)
            })
            .await;
        inserted.map_err(|e| e.about("name", &profile.name))
    }

    /// Stores what a profile is from now on; channels and the default follow a new name.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when there is none with this id, [`StorageError::Conflict`] when
    /// the name is taken.
    pub async fn update_profile(
        &self,
        id: ProfileId,
        profile: &Profile,
    ) -> Result<(), StorageError> {
        let row = profile.clone();
        let updated = self
            .write("update a profile", move |t| {
                let before = name_of(t, id)?;
                let mut update =
                    t.prepare_cached("UPDATE profiles SET name = ?2, profile = ?3 WHERE id = ?1")?;
                exactly_one(update.execute(params![id.0, row.name, json(&row)?])?)?;
                if let Some(before) = before.filter(|before| *before != row.name) {
                    let names = [&row.name, &before];
                    t.execute("UPDATE channels SET profile = ?1 WHERE profile = ?2", names)?;
                    let renamed = [DEFAULT, &row.name, &before];
                    let rename = "UPDATE settings SET value = ?2 WHERE key = ?1 AND value = ?3";
                    t.execute(rename, renamed)?;
                }
                Ok(())
            })
            .await;
        updated.map_err(|e| e.about("name", &profile.name))
    }

    /// Removes a profile that no channel uses; a default that named it names none then.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when there is none with this id, or a channel uses it.
    pub async fn delete_profile(&self, id: ProfileId) -> Result<(), StorageError> {
        self.write("delete a profile", move |t| {
            let name = name_of(t, id)?;
            let unused = "DELETE FROM profiles WHERE id = ?1
                AND NOT EXISTS (SELECT 1 FROM channels WHERE channels.profile = profiles.name)";
            exactly_one(t.execute(unused, [id.0])?)?;
            let name = name.unwrap_or_default();
            t.execute("DELETE FROM settings WHERE key = ?1 AND value = ?2", [DEFAULT, &name])?;
            Ok(())
        })
        .await
    }

    /// Name of the profile of channels that name none, if one was chosen.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn default_profile(&self) -> Result<Option<String>, StorageError> {
        self.setting(DEFAULT).await
    }

    /// Chooses the profile of channels that name none.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn set_default_profile(&self, name: &str) -> Result<(), StorageError> {
        self.set_setting(DEFAULT, name).await
    }
}

fn name_of(c: &Connection, id: ProfileId) -> rusqlite::Result<Option<String>> {
    c.prepare_cached("SELECT name FROM profiles WHERE id = ?1")?
        .query_row([id.0], |row| row.get(0))
        .optional()
}
