//! Channels.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::columns::{exactly_one, from_json, from_word, json, unwritable};
use super::{Db, StorageError};
use crate::domain::{Channel, ChannelId, ChannelNumber, NewChannel};

const COLUMNS: &str =
    r#"SELECT id, number, name, "group", logo, enabled, profile, rules FROM channels"#;

impl Db {
    /// All channels in the order of their numbers.
    ///
    /// # Errors
    /// When they cannot be read; never a part of them.
    pub async fn list_channels(&self) -> Result<Vec<Channel>, StorageError> {
        self.read("list channels", |c| {
            let mut channels: Vec<Channel> = c
                .prepare_cached(COLUMNS)?
                .query_map([], read_channel)?
                .collect::<Result<_, _>>()?;
            channels.sort_by(|a, b| a.number.cmp(&b.number));
            Ok(channels)
        })
        .await
    }

    /// The channel with this id, or `None`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn find_channel(&self, id: ChannelId) -> Result<Option<Channel>, StorageError> {
        self.read("find a channel", move |c| {
            c.prepare_cached(&format!("{COLUMNS} WHERE id = ?1"))?
                .query_row([id.0], read_channel)
                .optional()
        })
        .await
    }

    /// The channel with this number, or `None`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn find_channel_by_number(
        &self,
        number: &ChannelNumber,
    ) -> Result<Option<Channel>, StorageError> {
        let number = number.to_string();
        self.read("find a channel by number", move |c| {
            c.prepare_cached(&format!("{COLUMNS} WHERE number = ?1"))?
                .query_row([number], read_channel)
                .optional()
        })
        .await
    }

    /// Stores a new channel and returns it with its id.
    ///
    /// Without a number it gets the lowest whole one that is free, without a profile
    /// `default_profile`.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] when the number is taken.
    pub async fn insert_channel(
        &self,
        new: NewChannel,
        default_profile: &str,
    ) -> Result<Channel, StorageError> {
        let number = new.number.as_ref().map(ToString::to_string).unwrap_or_default();
        let profile = default_profile.to_owned();
        let inserted = self.write("insert a channel", move |t| insert(t, new, &profile)).await;
        inserted.map_err(|e| e.about("number", &number))
    }

    /// Stores several new channels, all or none, as [`Self::insert_channel`] would one by one.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] when a number is taken; nothing is stored then.
    pub async fn insert_channels(
        &self,
        new: Vec<NewChannel>,
        default_profile: &str,
    ) -> Result<Vec<Channel>, StorageError> {
        let profile = default_profile.to_owned();
        self.write("insert channels", move |t| {
            new.into_iter().map(|new| insert(t, new, &profile)).collect()
        })
        .await
    }

    /// Stores everything about a channel that exists.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when there is none with its id, [`StorageError::Conflict`] when
    /// the number is another channel's.
    pub async fn update_channel(&self, channel: &Channel) -> Result<(), StorageError> {
        let c = channel.clone();
        let updated = self
            .write("update a channel", move |t| {
                let mut update = t.prepare_cached(
                    r#"UPDATE channels SET number = ?2, name = ?3, "group" = ?4, logo = ?5,
                       enabled = ?6, profile = ?7, rules = ?8 WHERE id = ?1"#,
                )?;
                exactly_one(update.execute(params![
                    c.id.0,
                    c.number.to_string(),
                    c.name,
                    c.group,
                    c.logo,
                    c.enabled,
                    c.profile,
                    json(&c.rules)?
                ])?)
            })
            .await;
        updated.map_err(|e| e.about("number", &channel.number.to_string()))
    }

    /// Removes a channel with its timeline. Its id is never used again.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when there is none with this id.
    pub async fn delete_channel(&self, id: ChannelId) -> Result<(), StorageError> {
        self.write("delete a channel", move |t| {
            exactly_one(t.prepare_cached("DELETE FROM channels WHERE id = ?1")?.execute([id.0])?)
        })
        .await
    }
}

fn insert(
    t: &Transaction<'_>,
    new: NewChannel,
    default_profile: &str,
) -> rusqlite::Result<Channel> {
    let number = match new.number {
        Some(number) => number,
        None => free_number(t)?,
    };
    let mut channel = Channel {
        id: ChannelId(0),
        number,
        name: new.name,
        group: new.group,
        logo: new.logo,
        enabled: new.enabled,
        profile: new.profile.unwrap_or_else(|| default_profile.to_owned()),
        rules: new.rules,
    };
    let id = t
        .prepare_cached(
            r#"INSERT INTO channels (number, name, "group", logo, enabled, profile, rules)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"#,
        )?
        .insert(params![
            channel.number.to_string(),
            channel.name,
            channel.group,
            channel.logo,
            channel.enabled,
            channel.profile,
            json(&channel.rules)?
        ])?;
    channel.id = ChannelId(id);
    Ok(channel)
}

/// The lowest whole number that no channel has.
fn free_number(c: &Connection) -> rusqlite::Result<ChannelNumber> {
    let taken: HashSet<String> = c
        .prepare_cached("SELECT number FROM channels")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let free = (1_u16..=9_999).find(|number| !taken.contains(&number.to_string()));
    ChannelNumber::whole(free.unwrap_or(0)).map_err(unwritable)
}

fn read_channel(row: &Row<'_>) -> rusqlite::Result<Channel> {
    Ok(Channel {
        id: ChannelId(row.get("id")?),
        number: from_word(row, "number")?,
        name: row.get("name")?,
        group: row.get("group")?,
        logo: row.get("logo")?,
        enabled: row.get("enabled")?,
        profile: row.get("profile")?,
        rules: from_json(row, "rules")?,
    })
}
