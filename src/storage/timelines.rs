//! Timelines: what every channel plays when, and where its planner stands.
//!
//! Invariant: the stored slots of a channel are one timeline — sorted, without gap, without
//! overlap — after every write, whatever the caller hands in.

use rusqlite::{OptionalExtension, Transaction, params};
use serde_json::Value;

use super::columns::{from_json, from_word, json, unwritable, word};
use super::{Db, StorageError};
use crate::domain::{ChannelId, MediaId, Slot, Timeline, UtcMillis};

impl Db {
    /// The channel's slots that end after `from`, in order; empty when none are planned.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn load_timeline(
        &self,
        channel: ChannelId,
        from: UtcMillis,
    ) -> Result<Vec<Slot>, StorageError> {
        self.read("load a timeline", move |c| {
            // The slot across `from` is the last one that starts at or before it.
            c.prepare_cached(
                "SELECT start_ms, stop_ms, media_id, in_ms, kind, title, guide_group,
                     custom_title FROM slots
                 WHERE channel_id = ?1 AND stop_ms > ?2 AND start_ms >= ifnull(
                     (SELECT max(start_ms) FROM slots WHERE channel_id = ?1 AND start_ms <= ?2), ?2)
                 ORDER BY start_ms",
            )?
            .query_map([channel.0, from.0], |row| {
                Ok(Slot {
                    start: UtcMillis(row.get("start_ms")?),
                    stop: UtcMillis(row.get("stop_ms")?),
                    media: row.get::<_, Option<i64>>("media_id")?.map(MediaId),
                    in_ms: row.get("in_ms")?,
                    kind: from_word(row, "kind")?,
                    title: row.get("title")?,
                    guide_group: row.get::<_, Option<i64>>("guide_group")?.map(UtcMillis),
                    custom_title: row.get("custom_title")?,
                })
            })?
            .collect()
        })
        .await
    }

    /// Replaces everything that starts at or after `from` by `slots`, and the planner's cursor.
    ///
    /// The slot across the first new one is cut there. Slots of the past that end before the
    /// first new one begins (the server was off for longer than was planned) are dropped, because
    /// a timeline has no gap.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when the channel does not exist; [`StorageError::Failed`] when
    /// `slots` are not a timeline. Nothing is changed then.
    pub async fn replace_timeline(
        &self,
        channel: ChannelId,
        from: UtcMillis,
        slots: Vec<Slot>,
        cursor: &Value,
    ) -> Result<(), StorageError> {
        let cursor = cursor.clone();
        self.write("replace a timeline", move |t| replace(t, channel, from, slots, &cursor)).await
    }

    /// Where the channel's planner stands after the last slot; `None` before the first plan.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn load_cursor(&self, channel: ChannelId) -> Result<Option<Value>, StorageError> {
        self.read("load a cursor", move |c| {
            c.prepare_cached("SELECT cursor FROM cursors WHERE channel_id = ?1")?
                .query_row([channel.0], |row| from_json(row, "cursor"))
                .optional()
        })
        .await
    }

    /// Drops the slots of all channels that ended at or before `before`; says how many. What they
    /// showed is remembered ([`Self::shown_before`]). The slots of a channel whose clock stands
    /// while nobody watches are in its own time: `kept_ms` of them before it stay.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn prune_timelines(
        &self,
        before: UtcMillis,
        kept_ms: i64,
    ) -> Result<usize, StorageError> {
        self.write("prune timelines", move |t| {
            t.prepare_cached(
                "INSERT INTO showings (media_id, channel_id, last_ms)
                 SELECT media_id, channel_id, max(start_ms) FROM slots
                 WHERE channel_id IN (SELECT id FROM channels)
                 AND start_ms < ?1 AND stop_ms <= ?1 AND media_id IS NOT NULL
                 AND channel_id NOT IN (SELECT owner_id FROM channel_forms
                     WHERE json_extract(body, '$.clock') = 'on_demand')
                 GROUP BY media_id, channel_id
                 ON CONFLICT DO UPDATE SET last_ms = max(last_ms, excluded.last_ms)",
            )?
            .execute([before.0])?;
            t.prepare_cached(
                "DELETE FROM slots WHERE channel_id IN (SELECT owner_id FROM channel_forms
                     WHERE json_extract(body, '$.clock') = 'on_demand')
                 AND stop_ms <= (SELECT json_extract(body, '$.stands_at') FROM channel_forms
                     WHERE owner_id = channel_id) - ?1",
            )?
            .execute([kept_ms])?;
            t.prepare_cached(
                "DELETE FROM slots WHERE channel_id IN (SELECT id FROM channels)
                 AND start_ms < ?1 AND stop_ms <= ?1
                 AND channel_id NOT IN (SELECT owner_id FROM channel_forms
                     WHERE json_extract(body, '$.clock') = 'on_demand')",
            )?
            .execute([before.0])
        })
        .await
    }

    /// Which of `media` which channel showed in slots that are not kept any more.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn shown_before(
        &self,
        media: &[MediaId],
    ) -> Result<Vec<(ChannelId, MediaId)>, StorageError> {
        let media: Vec<i64> = media.iter().map(|id| id.0).collect();
        let media = serde_json::json!(media).to_string();
        self.read("load what was shown", move |c| {
            c.prepare_cached(
                "SELECT channel_id, media_id FROM showings
                 WHERE media_id IN (SELECT value FROM json_each(?1))",
            )?
            .query_map([&media], |row| Ok((ChannelId(row.get(0)?), MediaId(row.get(1)?))))?
            .collect()
        })
        .await
    }
}

fn replace(
    t: &Transaction<'_>,
    channel: ChannelId,
    from: UtcMillis,
    slots: Vec<Slot>,
    cursor: &Value,
) -> rusqlite::Result<()> {
    let slots = Timeline::new(slots).map_err(unwritable)?;
    let first = slots.start().unwrap_or(from).min(from);
    t.prepare_cached("DELETE FROM slots WHERE channel_id = ?1 AND start_ms >= ?2")?
        .execute([channel.0, first.0])?;
    if let Some(start) = slots.start() {
        join(t, channel, start)?;
    }
    let mut insert = t.prepare_cached(
        "INSERT INTO slots (channel_id, start_ms, stop_ms, media_id, in_ms, kind, title,
             guide_group, custom_title)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for slot in slots.slots() {
        insert.execute(params![
            channel.0,
            slot.start.0,
            slot.stop.0,
            slot.media.map(|media| media.0),
            slot.in_ms,
            word(&slot.kind)?,
            slot.title,
            slot.guide_group.map(|start| start.0),
            slot.custom_title
        ])?;
    }
    t.prepare_cached("INSERT OR REPLACE INTO cursors (channel_id, cursor) VALUES (?1, ?2)")?
        .execute(params![channel.0, json(cursor)?])?;
    Ok(())
}

/// Makes what is left of the past end where the new slots start, or drops it if it cannot.
fn join(t: &Transaction<'_>, channel: ChannelId, start: UtcMillis) -> rusqlite::Result<()> {
    let end: Option<i64> = t
        .prepare_cached(
            "SELECT stop_ms FROM slots WHERE channel_id = ?1 ORDER BY start_ms DESC LIMIT 1",
        )?
        .query_row([channel.0], |row| row.get(0))
        .optional()?;
    match end {
        Some(end) if end > start.0 => {
            t.prepare_cached(
                "UPDATE slots SET stop_ms = ?2 WHERE channel_id = ?1 AND stop_ms > ?2",
            )?
            .execute([channel.0, start.0])?;
        }
        Some(end) if end < start.0 => {
            t.prepare_cached("DELETE FROM slots WHERE channel_id = ?1")?.execute([channel.0])?;
        }
        _ => {}
    }
    Ok(())
}
