//! Sessions: who watches which channel, since when, how much, and how it ended.
//!
//! A channel holds the book of its own sessions; what ended waits in a journal until it is written
//! down by whoever owns the database. Nothing here waits for a disk: the journal is bounded, and
//! when nobody empties it the oldest entries go and are counted.
//!
//! A session can be ended from outside (kicked, replaced, idle). What it held, such as a tuner, is
//! free at that moment, even when its client takes nothing and its connection still stands.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio_util::sync::CancellationToken;

use super::claims::{Own, left_behind};
use crate::domain::{ChannelId, SessionEnd, SessionRecord, UtcMillis, ViewerId};

/// `via` of those who read playlists and segments.
pub(super) const VIA_HLS: &str = "hls";
/// Ended sessions that wait to be written down.
const JOURNAL: usize = 10_000;
/// The current bit rate is that of the last so many seconds.
const RATE_SECONDS: usize = 5;

/// Who wants to watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewerInfo {
    /// Where from.
    pub addr: IpAddr,
    /// What it calls itself. Text from outside.
    pub user_agent: String,
    /// How: `ts`, `hls` or `hdhomerun`.
    pub via: &'static str,
    /// The name of the API key it came with; without one it counts for its address.
    pub user: Option<String>,
    /// What a reader of playlists was given to be known again by; without one it is known by
    /// address and user agent.
    pub ticket: Option<String>,
}

impl ViewerInfo {
    /// Whom it counts for.
    pub fn counts_for(&self) -> String {
        self.user.clone().unwrap_or_else(|| self.addr.to_string())
    }

    /// Whether `other` is the same client, as far as one can tell.
    fn is_same_client(&self, other: &Self) -> bool {
        (self.addr, self.via, &self.user_agent) == (other.addr, other.via, &other.user_agent)
    }

    /// The same, fit to be shown and stored.
    pub(super) fn tidied(self) -> Self {
        let user_agent = self.user_agent.chars().filter(|c| !c.is_control()).take(200).collect();
        Self { user_agent, ..self }
    }
}

/// A viewer as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewerSession {
    /// Which viewer.
    pub id: ViewerId,
    /// What it watches.
    pub channel: ChannelId,
    /// Where from.
    pub addr: IpAddr,
    /// What it calls itself. Text from outside.
    pub user_agent: String,
    /// How: `ts`, `hls` or `hdhomerun`.
    pub via: &'static str,
    /// Whom it counts for: the name of an API key, else the address.
    pub user: String,
    /// Since when.
    pub since: UtcMillis,
    /// When it last took something.
    pub seen: UtcMillis,
    /// Bytes it took (0 for HLS, whose segments belong to nobody).
    pub bytes: u64,
    /// What it took a second lately, in bits (0 for HLS).
    pub bitrate_bps: u64,
    /// How often it was skipped.
    pub skips: u32,
    /// How far what it took is behind what it could have taken, in milliseconds; `None` for HLS
    /// and before its first byte.
    pub lag_ms: Option<i64>,
}

/// Why nobody can watch a channel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// The channel was not published (yet, or any more).
    #[error("the channel is not on air")]
    NotOnAir,
    /// It has as many viewers as it may have.
    #[error("the channel has {limit} viewers, as many as it may have")]
    Full {
        /// The limit.
        limit: usize,
    },
    /// The user watches as much as one user may.
    #[error("{user} watches {limit} streams, as many as one user may")]
    UserFull {
        /// Whom the streams count for.
        user: String,
        /// The limit.
        limit: usize,
    },
    /// The server stops.
    #[error("the server is stopping")]
    Stopping,
}

/// One viewer's numbers.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: ViewerId,
    pub(super) info: ViewerInfo,
    since_ms: i64,
    bytes: AtomicU64,
    skips: AtomicU32,
    /// When it last took something.
    seen_ms: AtomicI64,
    /// Sending time of what it took last, in ticks; `i64::MIN` before the first.
    taken_to: AtomicI64,
    /// Its bytes at the ends of the last seconds.
    samples: Mutex<VecDeque<u64>>,
    ended: OnceLock<SessionEnd>,
    /// What is given back when it ends.
    held: Mutex<Option<Box<dyn Any + Send>>>,
    /// Cancelled when it is ended from outside.
    cut: CancellationToken,
}

impl Session {
    fn new(id: ViewerId, info: ViewerInfo, now_ms: i64) -> Self {
        Self {
            id,
            info,
            since_ms: now_ms,
            bytes: AtomicU64::new(0),
            skips: AtomicU32::new(0),
            seen_ms: AtomicI64::new(now_ms),
            taken_to: AtomicI64::new(i64::MIN),
            samples: Mutex::default(),
            ended: OnceLock::new(),
            held: Mutex::default(),
            cut: CancellationToken::new(),
        }
    }

    /// Notes that it took `bytes`, up to what is sent at `to` (ticks).
    pub(super) fn took(&self, bytes: u64, to: i64, now_ms: i64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.seen_ms.store(now_ms, Ordering::Relaxed);
        self.taken_to.store(to, Ordering::Relaxed);
    }

    /// Notes that it was moved to now.
    pub(super) fn skipped(&self) {
        self.skips.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn seen_ms(&self) -> i64 {
        self.seen_ms.load(Ordering::Relaxed)
    }

    /// Whether it was ended from outside, or by itself.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.get().is_some()
    }

    /// Keeps `thing` until the session ends; drops it at once when it has.
    pub(super) fn hold(&self, thing: Box<dyn Any + Send>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(thing);
        if self.has_ended() {
            self.let_go();
        }
    }

    /// Is cancelled when somebody else ends it: its connection has nothing to wait for then.
    pub(super) fn cut(&self) -> CancellationToken {
        self.cut.clone()
    }

    fn let_go(&self) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(held);
    }

    fn bitrate_bps(&self) -> u64 {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(first), Some(last)) = (samples.front(), samples.back()) else { return 0 };
        let seconds = u64::try_from(samples.len() - 1).unwrap_or(0).max(1);
        (last - first) * 8 / seconds
    }

    fn own(&self, channel: ChannelId) -> Own {
        Own { id: self.id, channel, since_ms: self.since_ms, seen_ms: self.seen_ms() }
    }

    fn record(&self, channel: ChannelId, ended: Option<(UtcMillis, SessionEnd)>) -> SessionRecord {
        SessionRecord {
            id: self.id,
            channel,
            user: self.info.counts_for(),
            addr: self.info.addr,
            user_agent: self.info.user_agent.clone(),
            via: self.info.via.to_owned(),
            since: UtcMillis(self.since_ms),
            seen: UtcMillis(self.seen_ms()),
            ended,
            bytes: self.bytes.load(Ordering::Relaxed),
            skips: self.skips.load(Ordering::Relaxed),
        }
    }
}

/// Sessions that ended and are not written down yet.
#[derive(Debug, Default)]
pub(super) struct Journal {
    ended: Mutex<VecDeque<SessionRecord>>,
    lost: AtomicU64,
}

impl Journal {
    fn put(&self, record: SessionRecord) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.len() >= JOURNAL {
            ended.pop_front();
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        ended.push_back(record);
    }

    /// Everything that ended since the last time, oldest first.
    pub(super) fn take(&self) -> Vec<SessionRecord> {
        std::mem::take(&mut *self.ended.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }

    /// Entries that went unwritten because nobody emptied the journal.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

/// Who watches a channel.
#[derive(Debug)]
pub(super) struct Sessions {
    channel: ChannelId,
    limit: AtomicUsize,
    journal: Arc<Journal>,
    book: Mutex<Book>,
}

#[derive(Debug)]
struct Book {
    open: HashMap<ViewerId, Arc<Session>>,
    /// When the last one left, or the channel was started.
    left_at_ms: i64,
}

impl Sessions {
    pub(super) fn new(
        channel: ChannelId,
        limit: usize,
        journal: Arc<Journal>,
        now_ms: i64,
    ) -> Self {
        let book = Mutex::new(Book { open: HashMap::new(), left_at_ms: now_ms });
        Self { channel, limit: AtomicUsize::new(limit), journal, book }
    }

    /// Lets so many in from now on; nobody has to leave.
    pub(super) fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Lets a viewer in; in a full channel, in place of a session that its client left behind.
    /// Gives that session's id, too.
    pub(super) fn enter(
        &self,
        id: ViewerId,
        info: ViewerInfo,
        now_ms: i64,
    ) -> Result<(Arc<Session>, Option<ViewerId>), JoinError> {
        let info = info.tidied();
        let mut book = self.lock();
        let mut replaced = None;
        let limit = self.limit.load(Ordering::Relaxed);
        if book.open.len() >= limit {
            let full = JoinError::Full { limit };
            let own = left_behind(&self.own_of(&book, &info), now_ms).ok_or(full)?;
            self.close(&mut book, own.id, SessionEnd::Replaced, now_ms);
            replaced = Some(own.id);
        }
        let session = Arc::new(Session::new(id, info, now_ms));
        book.open.insert(id, Arc::clone(&session));
        Ok((session, replaced))
    }

    /// Notes that a reader of playlists is there; says whether it was there before.
    pub(super) fn seen_again(&self, info: &ViewerInfo, now_ms: i64) -> bool {
        let info = info.clone().tidied();
        let book = self.lock();
        let known = book.open.values().find(|session| match &info.ticket {
            Some(ticket) => session.info.ticket.as_ref() == Some(ticket),
            None => session.info == info,
        });
        if let Some(session) = known {
            session.seen_ms.store(now_ms, Ordering::Relaxed);
        }
        known.is_some()
    }

    /// Ends a session; whether it was open here.
    pub(super) fn end(&self, id: ViewerId, why: SessionEnd, now_ms: i64) -> bool {
        self.close(&mut self.lock(), id, why, now_ms)
    }

    /// Ends the sessions that only readers of playlists have: nothing else would.
    pub(super) fn end_readers(&self, why: SessionEnd, now_ms: i64) {
        let mut book = self.lock();
        let readers = book.open.values().filter(|session| session.info.via == VIA_HLS);
        let readers: Vec<ViewerId> = readers.map(|session| session.id).collect();
        for id in readers {
            self.close(&mut book, id, why, now_ms);
        }
    }

    /// Shows those out that took nothing for too long; gives their ids.
    pub(super) fn expire(&self, now_ms: i64, idle_ms: i64, idle_hls_ms: i64) -> Vec<ViewerId> {
        let mut book = self.lock();
        // A reader of playlists that asks for none has left; a stream that stands still is idle.
        let verdict = |session: &Session| {
            let silent_ms = now_ms - session.seen_ms();
            if session.info.via == VIA_HLS {
                (silent_ms >= idle_hls_ms).then_some(SessionEnd::Left)
            } else {
                (silent_ms >= idle_ms).then_some(SessionEnd::Idle)
            }
        };
        let over: Vec<(ViewerId, SessionEnd)> =
            book.open.values().filter_map(|s| Some((s.id, verdict(s)?))).collect();
        for (id, why) in &over {
            self.close(&mut book, *id, *why, now_ms);
        }
        over.into_iter().map(|(id, _)| id).collect()
    }

    /// Once a second: notes how much everyone has taken, for the bit rates.
    pub(super) fn measure(&self) {
        for session in self.lock().open.values() {
            let mut samples = session.samples.lock().unwrap_or_else(PoisonError::into_inner);
            samples.push_back(session.bytes.load(Ordering::Relaxed));
            if samples.len() > RATE_SECONDS + 1 {
                samples.pop_front();
            }
        }
    }

    /// The sessions of the same client.
    pub(super) fn own(&self, info: &ViewerInfo) -> Vec<Own> {
        self.own_of(&self.lock(), &info.clone().tidied())
    }

    fn own_of(&self, book: &Book, info: &ViewerInfo) -> Vec<Own> {
        let same = book.open.values().filter(|session| session.info.is_same_client(info));
        same.map(|session| session.own(self.channel)).collect()
    }

    /// How many sessions count for `user`.
    pub(super) fn count_of(&self, user: &str) -> usize {
        let book = self.lock();
        book.open.values().filter(|session| session.info.counts_for() == user).count()
    }

    pub(super) fn count(&self) -> usize {
        self.lock().open.len()
    }

    /// When the last viewer left; `None` while there is one.
    pub(super) fn left_at_ms(&self) -> Option<i64> {
        let book = self.lock();
        book.open.is_empty().then_some(book.left_at_ms)
    }

    /// Everyone here; `edge` is the sending time of the newest that can be taken, in ticks.
    pub(super) fn list(&self, edge: i64) -> Vec<ViewerSession> {
        let view = |session: &Arc<Session>| {
            let taken_to = session.taken_to.load(Ordering::Relaxed);
            ViewerSession {
                id: session.id,
                channel: self.channel,
                addr: session.info.addr,
                user_agent: session.info.user_agent.clone(),
                via: session.info.via,
                user: session.info.counts_for(),
                since: UtcMillis(session.since_ms),
                seen: UtcMillis(session.seen_ms()),
                bytes: session.bytes.load(Ordering::Relaxed),
                bitrate_bps: session.bitrate_bps(),
                skips: session.skips.load(Ordering::Relaxed),
                lag_ms: (taken_to > i64::MIN).then(|| ((edge - taken_to) / 90).max(0)),
            }
        };
        self.lock().open.values().map(view).collect()
    }

    /// Everyone here as it would be written down now.
    pub(super) fn records(&self) -> Vec<SessionRecord> {
        self.lock().open.values().map(|session| session.record(self.channel, None)).collect()
    }

    fn close(&self, book: &mut Book, id: ViewerId, why: SessionEnd, now_ms: i64) -> bool {
        let Some(session) = book.open.remove(&id) else { return false };
        book.left_at_ms = now_ms;
        // It was open, so it had not ended before.
        let why = *session.ended.get_or_init(|| why);
        session.let_go();
        match why {
            SessionEnd::Kicked | SessionEnd::Replaced | SessionEnd::Idle => session.cut.cancel(),
            SessionEnd::Left
            | SessionEnd::Slow
            | SessionEnd::Stalled
            | SessionEnd::ChannelEnded
            | SessionEnd::ServerStopped
            | SessionEnd::Lost => {}
        }
        self.journal.put(session.record(self.channel, Some((UtcMillis(now_ms), why))));
        true
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const CHANNEL: ChannelId = ChannelId(7);

    #[test]
    fn a_channel_holds_as_many_viewers_as_it_may() {
        let sessions = sessions(2);
        assert!(sessions.enter(ViewerId(1), info("ts"), 0).is_ok());
        assert!(sessions.enter(ViewerId(2), info("ts"), 0).is_ok());
        let full = sessions.enter(ViewerId(3), info("ts"), 0).map(|_| ());
        assert_eq!(full, Err(JoinError::Full { limit: 2 }));
        sessions.end(ViewerId(1), SessionEnd::Left, 5);
        assert!(sessions.enter(ViewerId(3), info("ts"), 5).is_ok());
        // What a client left behind makes room for itself, and for nobody else.
        let other = ViewerInfo { user_agent: "other".to_owned(), ..info("ts") };
        assert!(sessions.enter(ViewerId(4), other, 9_000).is_err());
        let (_, replaced) = sessions.enter(ViewerId(5), info("ts"), 9_000).unwrap();
        assert_eq!(replaced, Some(ViewerId(2)));
        assert_eq!(sessions.count(), 2);
    }

    #[test]
    fn who_takes_nothing_is_shown_out() {
        let sessions = sessions(9);
        sessions.enter(ViewerId(1), info("ts"), 0).unwrap();
        sessions.enter(ViewerId(2), info(VIA_HLS), 0).unwrap();
        assert!(sessions.seen_again(&info(VIA_HLS), 1_000));
        assert_eq!(sessions.expire(24_999, 300_000, 24_000), []);
        assert_eq!(sessions.expire(25_000, 300_000, 24_000), [ViewerId(2)]);
        assert_eq!(sessions.left_at_ms(), None);
        assert_eq!(sessions.expire(300_000, 300_000, 24_000), [ViewerId(1)]);
        assert_eq!(sessions.left_at_ms(), Some(300_000));
        let ends: Vec<_> =
            sessions.journal.take().iter().map(|r| (r.id.0, r.ended.unwrap().1)).collect();
        assert_eq!(ends, [(2, SessionEnd::Left), (1, SessionEnd::Idle)]);
    }

    #[test]
    fn a_reader_with_a_ticket_is_known_by_it_alone() {
        let sessions = sessions(9);
        let with = |ticket: &str, last: u8| ViewerInfo {
            ticket: Some(ticket.to_owned()),
            addr: Ipv4Addr::new(10, 0, 0, last).into(),
            ..info(VIA_HLS)
        };
        sessions.enter(ViewerId(1), with("a", 1), 0).unwrap();
        assert!(sessions.seen_again(&with("a", 2), 1), "a phone changes its network");
        assert!(!sessions.seen_again(&with("b", 1), 1), "two people behind one address");
    }

    #[test]
    fn what_a_session_holds_is_free_the_moment_it_ends() {
        let sessions = sessions(9);
        let (session, _) = sessions.enter(ViewerId(1), info("hdhomerun"), 0).unwrap();
        let tuner = Arc::new(());
        session.hold(Box::new(Arc::clone(&tuner)));
        assert_eq!(Arc::strong_count(&tuner), 2);
        assert!(sessions.end(ViewerId(1), SessionEnd::Kicked, 5));
        assert_eq!(Arc::strong_count(&tuner), 1);
        session.hold(Box::new(Arc::clone(&tuner)));
        assert_eq!(Arc::strong_count(&tuner), 1, "too late to hold anything");
        assert!(!sessions.end(ViewerId(1), SessionEnd::Left, 6), "it ends once");
        assert_eq!(sessions.journal.take().len(), 1);
    }

    #[test]
    fn a_bit_rate_is_that_of_the_last_seconds() {
        let sessions = sessions(9);
        let (session, _) = sessions.enter(ViewerId(1), info("ts"), 0).unwrap();
        session.took(9_000_000, 0, 0);
        for second in 1..20 {
            sessions.measure();
            session.took(250_000, second * 90_000, second * 1_000);
        }
        let listed = &sessions.list(20 * 90_000)[0];
        assert_eq!((listed.bitrate_bps, listed.lag_ms), (2_000_000, Some(1_000)));
    }

    #[test]
    fn a_journal_that_nobody_empties_drops_the_oldest() {
        let sessions = sessions(9);
        for id in 0..10_005 {
            sessions.enter(ViewerId(id), info("ts"), 0).unwrap();
            sessions.end(ViewerId(id), SessionEnd::Left, 0);
        }
        let kept = sessions.journal.take();
        assert_eq!((kept.len(), kept[0].id, sessions.journal.lost()), (10_000, ViewerId(5), 5));
    }

    fn sessions(limit: usize) -> Sessions {
        Sessions::new(CHANNEL, limit, Arc::default(), 0)
    }

    fn info(via: &'static str) -> ViewerInfo {
        ViewerInfo {
            addr: Ipv4Addr::LOCALHOST.into(),
            user_agent: "test".to_owned(),
            via,
            user: None,
            ticket: None,
        }
    }
}
