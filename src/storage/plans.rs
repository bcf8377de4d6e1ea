//! Schedules, blocks, templates, filler presets, decos, playouts and what belongs to them.
//!
//! They are read and written as a whole, so one set of functions serves them all; [`Plan`] says
//! which table a type lives in.

mod tables;

use std::collections::HashMap;

use rusqlite::{OptionalExtension, Row, params};

use super::columns::{exactly_one, from_json, json};
use super::{Db, StorageError};
use crate::domain::{ChannelId, Kept, KeptPlayout, UtcMillis};

pub use tables::Plan;

impl Db {
    /// All of a kind, oldest first.
    ///
    /// # Errors
    /// When they cannot be read; never a part of them.
    pub async fn list_plans<T: Plan>(&self) -> Result<Vec<Kept<T>>, StorageError> {
        self.read("list plans", |c| {
            let select =
                format!("SELECT id, body, created_ms, updated_ms FROM {} ORDER BY id", T::TABLE);
            c.prepare_cached(&select)?.query_map([], read_kept)?.collect()
        })
        .await
    }

    /// The newest of a kind with an owner, at most `most`, newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn plans_of<T: Plan>(
        &self,
        owner: i64,
        most: u32,
    ) -> Result<Vec<Kept<T>>, StorageError> {
        self.read("list plans", move |c| {
            let select = format!(
                "SELECT id, body, created_ms, updated_ms FROM {}
                 WHERE owner_id = ?1 ORDER BY id DESC LIMIT ?2",
                T::TABLE
            );
            c.prepare_cached(&select)?.query_map([owner, i64::from(most)], read_kept)?.collect()
        })
        .await
    }

    /// The one with this id, or `None`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn find_plan<T: Plan>(&self, id: i64) -> Result<Option<Kept<T>>, StorageError> {
        self.read("find a plan", move |c| {
            let select =
                format!("SELECT id, body, created_ms, updated_ms FROM {} WHERE id = ?1", T::TABLE);
            c.prepare_cached(&select)?.query_row([id], read_kept).optional()
        })
        .await
    }

    /// Stores a new one and returns it with its id.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when its owner does not exist.
    pub async fn insert_plan<T: Plan>(
        &self,
        body: T,
        now: UtcMillis,
    ) -> Result<Kept<T>, StorageError> {
        self.write("store a plan", move |t| {
            let insert = format!(
                "INSERT INTO {} (owner_id, body, created_ms, updated_ms) VALUES (?1, ?2, ?3, ?3)",
                T::TABLE
            );
            let id =
                t.prepare_cached(&insert)?.insert(params![body.owner(), json(&body)?, now.0])?;
            Ok(Kept { id, created: now, updated: now, body: body.clone() })
        })
        .await
    }

    /// Stores what it is from now on.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when there is none with this id.
    pub async fn update_plan<T: Plan>(
        &self,
        id: i64,
        body: &T,
        now: UtcMillis,
    ) -> Result<(), StorageError> {
        let body = body.clone();
        self.write("change a plan", move |t| {
            let update =
                format!("UPDATE {} SET body = ?2, updated_ms = ?3 WHERE id = ?1", T::TABLE);
            exactly_one(t.prepare_cached(&update)?.execute(params![id, json(&body)?, now.0])?)
        })
        .await
    }

    /// Stores a playout and makes every other one of its channel inactive, in one go.
    ///
    /// `id` is `None` for a new one.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when the playout or its channel does not exist.
    pub async fn activate_playout(
        &self,
        id: Option<i64>,
        body: KeptPlayout,
        now: UtcMillis,
    ) -> Result<Kept<KeptPlayout>, StorageError> {
        self.write("put a playout on", move |t| {
            let others: Vec<Kept<KeptPlayout>> = t
                .prepare_cached(
                    "SELECT id, body, created_ms, updated_ms FROM playouts WHERE owner_id = ?1",
                )?
                .query_map([body.channel.0], read_kept)?
                .collect::<Result<_, _>>()?;
            let update = "UPDATE playouts SET body = ?2, updated_ms = ?3 WHERE id = ?1";
            for mut other in others {
                if body.is_active && other.body.is_active && Some(other.id) != id {
                    other.body.is_active = false;
                    t.execute(update, params![other.id, json(&other.body)?, now.0])?;
                }
            }
            let text = json(&body)?;
            let (id, created) = match id {
                Some(id) => {
                    exactly_one(t.execute(update, params![id, text, now.0])?)?;
                    let created = "SELECT created_ms FROM playouts WHERE id = ?1";
                    (id, t.query_row(created, [id], |row| row.get(0))?)
                }
                None => {
                    let insert = "INSERT INTO playouts (owner_id, body, created_ms, updated_ms)
                        VALUES (?1, ?2, ?3, ?3)";
                    t.execute(insert, params![body.channel.0, text, now.0])?;
                    (t.last_insert_rowid(), now.0)
                }
            };
            Ok(Kept { id, created: UtcMillis(created), updated: now, body: body.clone() })
        })
        .await
    }

    /// Which rules each channel was planned with, in a number; channels of older builds have none.
    ///
    /// # Errors
    /// When that cannot be read.
    pub async fn plan_prints(&self) -> Result<HashMap<ChannelId, u64>, StorageError> {
        self.read("read the plans' prints", |c| {
            c.prepare_cached("SELECT channel_id, print FROM plan_prints")?
                .query_map([], |row| {
                    Ok((ChannelId(row.get(0)?), row.get::<_, i64>(1)?.cast_unsigned()))
                })?
                .collect()
        })
        .await
    }

    /// Stores which rules each channel was planned with, instead of everything before.
    ///
    /// # Errors
    /// When that cannot be written.
    pub async fn set_plan_prints(
        &self,
        prints: &HashMap<ChannelId, u64>,
    ) -> Result<(), StorageError> {
        let prints = prints.clone();
        self.write("store the plans' prints", move |t| {
            t.execute("DELETE FROM plan_prints", [])?;
            let mut insert =
                t.prepare_cached("INSERT INTO plan_prints (channel_id, print) VALUES (?1, ?2)")?;
            for (channel, print) in prints {
                insert.execute([channel.0, print.cast_signed()])?;
            }
            Ok(())
        })
        .await
    }

    /// Deletes one.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when there is none with this id.
    pub async fn delete_plan<T: Plan>(&self, id: i64) -> Result<(), StorageError> {
        self.write("delete a plan", move |t| {
            let delete = format!("DELETE FROM {} WHERE id = ?1", T::TABLE);
            exactly_one(t.prepare_cached(&delete)?.execute([id])?)
        })
        .await
    }

    /// Drops the oldest of a kind with an owner beyond the newest `keep`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn keep_newest_skips(
        &self,
        channel: ChannelId,
        keep: u32,
    ) -> Result<(), StorageError> {
        self.write("drop old skips", move |t| {
            t.execute(
                "DELETE FROM skips WHERE owner_id = ?1 AND id NOT IN
                    (SELECT id FROM skips WHERE owner_id = ?1 ORDER BY id DESC LIMIT ?2)",
                [channel.0, i64::from(keep)],
            )?;
            Ok(())
        })
        .await
    }
}

fn read_kept<T: Plan>(row: &Row<'_>) -> rusqlite::Result<Kept<T>> {
    Ok(Kept {
        id: row.get("id")?,
        created: UtcMillis(row.get("created_ms")?),
        updated: UtcMillis(row.get("updated_ms")?),
        body: from_json(row, "body")?,
    })
}
