//! Sessions: who watched what. Written in batches by whoever follows the streams.

use core::net::IpAddr;

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::columns::{from_word, unreadable, word};
use super::{Db, StorageError};
use crate::domain::{ChannelId, SessionEnd, SessionRecord, UtcMillis, ViewerId};

const COLUMNS: &str = "id, channel_id, user, address, user_agent, via, since_ms, seen_ms, \
                       ended_ms, ended_why, bytes, skips";

/// Which ended sessions are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionFilter {
    /// Only this channel's.
    pub channel: Option<ChannelId>,
    /// Only this user's.
    pub user: Option<String>,
    /// Only those with a smaller id: the next page.
    pub before: Option<ViewerId>,
    /// How many at most.
    pub limit: u32,
}

/// How many ended sessions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionKeep {
    /// Those that ended before this go.
    pub since: UtcMillis,
    /// Of the others, the newest so many stay.
    pub entries: u32,
}

impl Db {
    /// Closes what a server that died left open, at the time it was last seen; says how many.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn close_lost_sessions(&self) -> Result<usize, StorageError> {
        self.write("close lost sessions", |t| {
            t.prepare_cached(
                "UPDATE sessions SET ended_ms = seen_ms, ended_why = ?1 WHERE ended_ms IS NULL",
            )?
            .execute([word(&SessionEnd::Lost)?])
        })
        .await
    }

    /// The id that the next session gets; ids are never given away twice.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn next_session(&self) -> Result<ViewerId, StorageError> {
        self.read("read the last session", |c| {
            let last: Option<i64> = c
                .query_row("SELECT seq FROM sqlite_sequence WHERE name = 'sessions'", [], |row| {
                    row.get(0)
                })
                .optional()?;
            Ok(ViewerId(last.unwrap_or(0) + 1))
        })
        .await
    }

    /// Writes sessions down, new ones and what became of known ones, and drops old ones.
    ///
    /// # Errors
    /// When they cannot be written; nothing is changed then.
    pub async fn write_sessions(
        &self,
        sessions: Vec<SessionRecord>,
        keep: SessionKeep,
    ) -> Result<(), StorageError> {
        self.write("write sessions", move |t| {
            for session in &sessions {
                upsert(t, session)?;
            }
            prune(t, keep)
        })
        .await
    }

    /// Ended sessions, newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn list_sessions(
        &self,
        filter: SessionFilter,
    ) -> Result<Vec<SessionRecord>, StorageError> {
        self.read("list sessions", move |c| {
            let sql = format!(
                "SELECT {COLUMNS} FROM sessions WHERE ended_ms IS NOT NULL
                 AND (?1 IS NULL OR channel_id = ?1) AND (?2 IS NULL OR user = ?2)
                 AND (?3 IS NULL OR id < ?3) ORDER BY id DESC LIMIT ?4"
            );
            c.prepare_cached(&sql)?
                .query_map(
                    params![
                        filter.channel.map(|id| id.0),
                        filter.user,
                        filter.before.map(|id| id.0),
                        filter.limit
                    ],
                    read_session,
                )?
                .collect()
        })
        .await
    }
}

fn upsert(t: &Transaction<'_>, session: &SessionRecord) -> rusqlite::Result<()> {
    let (ended, why) = match session.ended {
        Some((at, why)) => (Some(at.0), Some(word(&why)?)),
        None => (None, None),
    };
    // What has ended stays as it ended.
    t.prepare_cached(
        "INSERT INTO sessions (id, channel_id, user, address, user_agent, via, since_ms, seen_ms,
                               ended_ms, ended_why, bytes, skips)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (id) DO UPDATE SET seen_ms = excluded.seen_ms, ended_ms = excluded.ended_ms,
             ended_why = excluded.ended_why, bytes = excluded.bytes, skips = excluded.skips
         WHERE sessions.ended_ms IS NULL",
    )?
    .execute(params![
        session.id.0,
        session.channel.0,
        session.user,
        session.addr.to_string(),
        session.user_agent,
        session.via,
        session.since.0,
        session.seen.0,
        ended,
        why,
        i64::try_from(session.bytes).unwrap_or(i64::MAX),
        session.skips,
    ])?;
    Ok(())
}

fn prune(t: &Transaction<'_>, keep: SessionKeep) -> rusqlite::Result<()> {
    t.prepare_cached("DELETE FROM sessions WHERE ended_ms < ?1")?.execute([keep.since.0])?;
    t.prepare_cached(
        "DELETE FROM sessions WHERE ended_ms IS NOT NULL AND id <= (
             SELECT id FROM sessions WHERE ended_ms IS NOT NULL
             ORDER BY id DESC LIMIT 1 OFFSET ?1)",
    )?
    .execute([keep.entries])?;
    Ok(())
}

fn read_session(row: &Row<'_>) -> rusqlite::Result<SessionRecord> {
    let address: String = row.get("address")?;
    let ended = match row.get::<_, Option<i64>>("ended_ms")? {
        Some(at) => Some((UtcMillis(at), from_word(row, "ended_why")?)),
        None => None,
    };
    Ok(SessionRecord {
        id: ViewerId(row.get("id")?),
        channel: ChannelId(row.get("channel_id")?),
        user: row.get("user")?,
        addr: address.parse::<IpAddr>().map_err(|e| unreadable(row, "address", e))?,
        user_agent: row.get("user_agent")?,
        via: row.get("via")?,
        since: UtcMillis(row.get("since_ms")?),
        seen: UtcMillis(row.get("seen_ms")?),
        ended,
        bytes: u64::try_from(row.get::<_, i64>("bytes")?).unwrap_or(0),
        skips: row.get("skips")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: SessionKeep = SessionKeep { since: UtcMillis(0), entries: 1_000 };

    #[tokio::test]
    async fn a_session_is_written_while_it_goes_on_and_when_it_ends() {
        let (db, _folder) = open();
        db.write_sessions(vec![session(1, None), session(2, None)], ALL).await.unwrap();
        assert_eq!(listed(&db).await, Vec::<i64>::new(), "the history holds what is over");
        let ended = session(1, Some((UtcMillis(9_000), SessionEnd::Kicked)));
        db.write_sessions(vec![ended.clone()], ALL).await.unwrap();
        db.write_sessions(vec![session(1, None)], ALL).await.unwrap();
        assert_eq!(db.list_sessions(filter()).await.unwrap(), [ended]);
    }

    #[tokio::test]
    async fn what_a_dead_server_left_open_is_closed_and_ids_go_on() {
        let (db, folder) = open();
        assert_eq!(db.next_session().await.unwrap(), ViewerId(1));
        db.write_sessions(vec![session(41, None)], ALL).await.unwrap();
        db.close().await.unwrap();
        let db = Db::open(&folder.path().join("test.db")).unwrap();
        assert_eq!(db.close_lost_sessions().await.unwrap(), 1);
        let found = db.list_sessions(filter()).await.unwrap();
        assert_eq!(found[0].ended, Some((UtcMillis(5_000), SessionEnd::Lost)));
        assert_eq!(db.next_session().await.unwrap(), ViewerId(42));
    }

    #[tokio::test]
    async fn the_history_is_bounded_by_age_and_by_count() {
        let (db, _folder) = open();
        let ended = |id| session(id, Some((UtcMillis(id * 1_000), SessionEnd::Left)));
        let mut all: Vec<_> = (1..=10).map(ended).collect();
        all.push(session(11, None));
        let keep = SessionKeep { since: UtcMillis(3_000), entries: 1_000 };
        db.write_sessions(all, keep).await.unwrap();
        assert_eq!(listed(&db).await, [10, 9, 8, 7, 6, 5, 4, 3]);
        let keep = SessionKeep { entries: 2, ..keep };
        db.write_sessions(Vec::new(), keep).await.unwrap();
        assert_eq!(listed(&db).await, [10, 9]);
        db.write_sessions(Vec::new(), SessionKeep { since: UtcMillis(i64::MAX), entries: 2 })
            .await
            .unwrap();
        assert_eq!(db.next_session().await.unwrap(), ViewerId(12), "no id is given away twice");
        assert_eq!(db.close_lost_sessions().await.unwrap(), 1, "what goes on is not dropped");
    }

    #[tokio::test]
    async fn a_page_of_the_history_is_chosen() {
        let (db, _folder) = open();
        let mut all: Vec<_> =
            (1..=4).map(|id| session(id, Some((UtcMillis(1), SessionEnd::Slow)))).collect();
        all[1].channel = ChannelId(8);
        all[2].user = "mum".to_owned();
        db.write_sessions(all, ALL).await.unwrap();
        let ids = async |filter| -> Vec<i64> {
            db.list_sessions(filter).await.unwrap().iter().map(|s| s.id.0).collect()
        };
        assert_eq!(ids(SessionFilter { limit: 2, ..filter() }).await, [4, 3]);
        assert_eq!(ids(SessionFilter { before: Some(ViewerId(3)), ..filter() }).await, [2, 1]);
        assert_eq!(ids(SessionFilter { channel: Some(ChannelId(8)), ..filter() }).await, [2]);
        assert_eq!(ids(SessionFilter { user: Some("mum".to_owned()), ..filter() }).await, [3]);
    }

    async fn listed(db: &Db) -> Vec<i64> {
        db.list_sessions(filter()).await.unwrap().iter().map(|session| session.id.0).collect()
    }

    fn filter() -> SessionFilter {
        SessionFilter { limit: 100, ..SessionFilter::default() }
    }

    fn session(id: i64, ended: Option<(UtcMillis, SessionEnd)>) -> SessionRecord {
        SessionRecord {
            id: ViewerId(id),
            channel: ChannelId(7),
            user: "10.0.0.9".to_owned(),
            addr: [10, 0, 0, 9].into(),
            user_agent: "VLC/3.0".to_owned(),
            via: "ts".to_owned(),
            since: UtcMillis(1_000),
            seen: UtcMillis(5_000),
            ended,
            bytes: 12,
            skips: 1,
        }
    }

    fn open() -> (Db, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        (Db::open(&folder.path().join("test.db")).unwrap(), folder)
    }
}
