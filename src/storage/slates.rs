//! Which pictures and clips stand in the place of slates. The files themselves lie in the data
//! folder: they are read by other programs.

use rusqlite::{Row, params};

use super::columns::{exactly_one, from_json, json, unreadable};
use super::{Db, StorageError};
use crate::domain::{ChannelId, SlateArt, SlateKind, StoredSlate};

impl Db {
    /// All of them, those for all channels first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn list_slates(&self) -> Result<Vec<StoredSlate>, StorageError> {
        self.read("list slates", |c| {
            c.prepare_cached("SELECT channel_id, kind, art FROM slates ORDER BY channel_id, kind")?
                .query_map([], read_slate)?
                .collect()
        })
        .await
    }

    /// Puts `art` in the place of a slate of one channel, or of all.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when there is no such channel.
    pub async fn set_slate(
        &self,
        channel: Option<ChannelId>,
        kind: SlateKind,
        art: &SlateArt,
    ) -> Result<(), StorageError> {
        let art = art.clone();
        self.write("set a slate", move |t| {
            let channel = channel.map(|id| id.0);
            if let Some(channel) = channel {
                let known = "SELECT count(*) FROM channels WHERE id = ?1";
                let known: i64 = t.query_row(known, [channel], |row| row.get(0))?;
                exactly_one(usize::try_from(known).unwrap_or(0))?;
            }
            let delete = "DELETE FROM slates WHERE channel_id IS ?1 AND kind = ?2";
            t.execute(delete, params![channel, kind.as_str()])?;
            let insert = "INSERT INTO slates (channel_id, kind, art) VALUES (?1, ?2, ?3)";
            t.execute(insert, params![channel, kind.as_str(), json(&art)?])?;
            Ok(())
        })
        .await
    }

    /// Gives a slate back to us, which is no error when it was ours before.
    ///
    /// # Errors
    /// When that cannot be stored.
    pub async fn reset_slate(
        &self,
        channel: Option<ChannelId>,
        kind: SlateKind,
    ) -> Result<(), StorageError> {
        self.write("reset a slate", move |t| {
            let delete = "DELETE FROM slates WHERE channel_id IS ?1 AND kind = ?2";
            t.execute(delete, params![channel.map(|id| id.0), kind.as_str()])?;
            Ok(())
        })
        .await
    }
}

fn read_slate(row: &Row<'_>) -> rusqlite::Result<StoredSlate> {
    let word: String = row.get("kind")?;
    let kind = SlateKind::read(&word);
    let unknown =
        || unreadable(row, "kind", std::io::Error::other(format!("{word:?} is no slate")));
    Ok(StoredSlate {
        channel: row.get::<_, Option<i64>>("channel_id")?.map(ChannelId),
        kind: kind.ok_or_else(unknown)?,
        art: from_json(row, "art")?,
    })
}
