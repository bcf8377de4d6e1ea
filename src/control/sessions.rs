//! Sessions: who watches, who watched, and ending one.
//!
//! What goes on is read from the streams. What was is in the database, written behind the streams
//! by one task: nobody who tunes waits for a disk. It writes what began and ended every few seconds,
//! and how it goes once in a while, so that a server that dies leaves at most that much unknown;
//! the next start closes what was open.

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;

use serde_json::json;

use crate::domain::{ChannelId, SessionEnd, SessionRecord, ViewerId};
use crate::foundation::stop::Stop;
use crate::storage::sessions::{SessionFilter, SessionKeep};
use crate::stream::claims::{Own, gives_way, left_behind};
use crate::stream::{ViewerInfo, ViewerSession};

use super::Control;
use super::error::ControlError;
use super::operations::Actor;

/// How often sessions that began or ended are written.
const NEWS_EVERY: Duration = Duration::from_secs(2);
/// After how many of these turns all that go on are written anew.
const OPEN_TURNS: u32 = 15;
/// How long a stop waits for the last sessions to end.
const LAST_WITHIN: Duration = Duration::from_secs(2);
const LAST_AGAIN: Duration = Duration::from_millis(20);

/// How much of the past is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    /// For how many days; 0 writes nothing down.
    pub days: u32,
    /// How many sessions at most.
    pub entries: u32,
}

/// What can be done for a client that finds no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// One of its own sessions was ended for it: try again at once.
    Made,
    /// It has sessions, and one may be about to end: try again soon.
    Soon,
    /// It has none; others take the room.
    None,
}

impl Control {
    /// Everyone who watches, longest first. Memory only.
    pub fn sessions(&self) -> Vec<ViewerSession> {
        let mut sessions = self.tuning().viewers();
        sessions.sort_by_key(|session| (session.since, session.id));
        sessions
    }

    /// Ends a session. Its client is told nothing and may come back.
    ///
    /// # Errors
    /// When there is none with this id.
    pub async fn kick(&self, actor: &Actor, id: ViewerId) -> Result<(), ControlError> {
        let missing = || ControlError::NotFound { what: format!("session {id}") };
        let session = self.tuning().viewers().into_iter().find(|session| session.id == id);
        let session = session.ok_or_else(missing)?;
        if !self.steering().end_session(id, SessionEnd::Kicked) {
            return Err(missing());
        }
        let body = json!({
            "what": "session_ended", "session": id, "channel": session.channel,
            "user": session.user, "address": session.addr,
        });
        self.record_change(actor, body).await;
        tracing::info!(session.id = %id, "session {id} of {} was ended by a person", session.user);
        Ok(())
    }

    /// Sessions that ended, newest first.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn past_sessions(
        &self,
        filter: SessionFilter,
    ) -> Result<Vec<SessionRecord>, ControlError> {
        let found = self.db().list_sessions(filter).await;
        found.map_err(ControlError::storage("the session history"))
    }

    /// Makes room for `who` among its own sessions that take the same kind of room, one a channel;
    /// `only` names the one channel whose room would do.
    pub fn make_way(&self, who: &ViewerInfo, only: Option<ChannelId>) -> Way {
        let name = who.clone();
        let is_own = |session: &ViewerSession| {
            (session.addr, session.via, &session.user_agent)
                == (name.addr, name.via, &name.user_agent)
                && only.is_none_or(|only| session.channel == only)
        };
        let sessions: Vec<_> = self.tuning().viewers().into_iter().filter(is_own).collect();
        let own = one_a_channel(&sessions);
        let Some(old) = gives_way(&own, self.now().0) else {
            return if own.is_empty() { Way::None } else { Way::Soon };
        };
        for session in sessions.iter().filter(|session| session.channel == old.channel) {
            self.steering().end_session(session.id, SessionEnd::Replaced);
        }
        Way::Made
    }

    /// Ends the sessions that somebody at `addr` left behind on a tuner on `channel`: they took
    /// nothing lately. Says whether that left none there.
    pub fn clear_left_behind(&self, channel: ChannelId, addr: IpAddr) -> bool {
        let now_ms = self.now().0;
        let is_there = |session: &ViewerSession| {
            (session.addr, session.via, session.channel) == (addr, "hdhomerun", channel)
        };
        let sessions: Vec<_> = self.tuning().viewers().into_iter().filter(is_there).collect();
        let own = one_a_channel(&sessions);
        if left_behind(&own, now_ms).is_none() {
            return false;
        }
        for session in &sessions {
            self.steering().end_session(session.id, SessionEnd::Replaced);
        }
        true
    }

    /// Closes what a server that died left open, and starts writing sessions down.
    pub(super) async fn follow_sessions(&self, stop: &Stop) -> Result<(), ControlError> {
        let failed = || ControlError::storage("the session history");
        let lost = self.db().close_lost_sessions().await.map_err(failed())?;
        if lost > 0 {
            tracing::info!("{lost} sessions were open when the server last ended");
        }
        self.steering().number_sessions_from(self.db().next_session().await.map_err(failed())?);
        let (control, until) = (self.clone(), stop.child());
        stop.spawn("sessions", async move { control.write_down(until).await });
        Ok(())
    }

    /// Writes sessions down until the server stops, and the last of them then.
    async fn write_down(&self, stop: Stop) {
        let mut due = tokio::time::interval(NEWS_EVERY);
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut turn = 0_u32;
        let mut written = HashSet::new();
        loop {
            tokio::select! {
                () = stop.requested() => break,
                _ = due.tick() => {}
            }
            turn = turn.wrapping_add(1);
            let (ended, open) = self.steering().session_records();
            let all = turn.is_multiple_of(OPEN_TURNS);
            let ids: HashSet<ViewerId> = open.iter().map(|session| session.id).collect();
            let mut records = open;
            // New ones at once, so that what a server that dies has begun is known.
            records.retain(|session| all || !written.contains(&session.id));
            records.extend(ended);
            written = ids;
            self.write_records(records, all).await;
        }
        // Streams end with the server, each in its own task.
        let give_up = tokio::time::Instant::now() + LAST_WITHIN;
        while !self.tuning().viewers().is_empty() && tokio::time::Instant::now() < give_up {
            tokio::time::sleep(LAST_AGAIN).await;
        }
        let (ended, mut open) = self.steering().session_records();
        let now = self.now();
        for session in &mut open {
            session.ended = Some((now, SessionEnd::ServerStopped));
        }
        self.write_records([open, ended].concat(), true).await;
    }

    /// Writes records, and drops old ones when there are any or `prune` says so.
    async fn write_records(&self, records: Vec<SessionRecord>, prune: bool) {
        let History { days, entries } = self.history();
        if days == 0 || (records.is_empty() && !prune) {
            return;
        }
        let since = self.now().plus_ms(-i64::from(days) * 86_400_000);
        let count = records.len();
        if self.db().write_sessions(records, SessionKeep { since, entries }).await.is_err() {
            // Why was logged by storage; nothing depends on a history.
            tracing::warn!("{count} sessions could not be written down and are forgotten");
        }
    }
}

/// The sessions of one client as the room they take: one a channel, as old as its oldest and as
/// alive as its liveliest.
fn one_a_channel(sessions: &[ViewerSession]) -> Vec<Own> {
    let mut own: Vec<Own> = Vec::new();
    for session in sessions {
        let (since_ms, seen_ms) = (session.since.0, session.seen.0);
        match own.iter_mut().find(|own| own.channel == session.channel) {
            Some(known) => {
                known.since_ms = known.since_ms.min(since_ms);
                known.seen_ms = known.seen_ms.max(seen_ms);
            }
            None => own.push(Own { id: session.id, channel: session.channel, since_ms, seen_ms }),
        }
    }
    own
}
