//! Airings: which media began on some channel, and when first and last.
//!
//! Slots of the past are dropped after a few days; what they showed is remembered here.

use std::collections::HashSet;

use rusqlite::{OptionalExtension, params};

use super::{Db, StorageError};
use crate::domain::{MediaId, UtcMillis};

/// Until when the slots were looked through.
const NOTED: &str = "airings_noted_ms";

impl Db {
    /// Remembers the programmes that began since the last time, up to `now`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn note_airings(&self, now: UtcMillis) -> Result<(), StorageError> {
        self.write("note what was on air", move |t| {
            let noted: Option<String> = t
                .prepare_cached("SELECT value FROM settings WHERE key = ?1")?
                .query_row([NOTED], |row| row.get(0))
                .optional()?;
            let noted = noted.and_then(|noted| noted.parse().ok()).unwrap_or(i64::MIN);
            if noted >= now.0 {
                return Ok(());
            }
            // By way of the channels, because slots are found by channel and time.
            t.prepare_cached(
                "INSERT INTO airings (media_id, first_ms, last_ms, times)
                 SELECT s.media_id, min(s.start_ms), max(s.start_ms), count(*)
                 FROM channels c CROSS JOIN slots s
                 WHERE s.channel_id = c.id AND s.start_ms > ?1 AND s.start_ms <= ?2
                     AND s.media_id IS NOT NULL AND s.kind = 'programme'
                     AND c.id NOT IN (SELECT owner_id FROM channel_forms
                         WHERE json_extract(body, '$.clock') = 'on_demand')
                 GROUP BY s.media_id
                 ON CONFLICT (media_id) DO UPDATE SET
                     last_ms = max(last_ms, excluded.last_ms), times = times + excluded.times",
            )?
            .execute([noted, now.0])?;
            t.prepare_cached("INSERT OR REPLACE INTO settings (key, value) VALUES (?1, ?2)")?
                .execute(params![NOTED, now.0.to_string()])?;
            Ok(())
        })
        .await
    }

    /// The media that began on some channel.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn aired_media(&self) -> Result<HashSet<MediaId>, StorageError> {
        self.read("read what was on air", |c| {
            c.prepare_cached("SELECT media_id FROM airings")?
                .query_map([], |row| row.get(0).map(MediaId))?
                .collect()
        })
        .await
    }
}
