//! Viewers: who reads a channel, and the stream of bytes each of them gets.
//!
//! A [`Viewer`] holds a place on the channel's ring and nothing else: one that is not polled costs
//! nothing and falls off the ring. It is then skipped to what is on air now, once; if that happens
//! again soon, or it took nothing for the idle time, its stream ends.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;

use super::channel::Live;
use super::core::Counts;
use super::lifecycle::{Fallen, fallen};
use super::ring::{Cursor, Taken};
use crate::domain::{ChannelId, UtcMillis, ViewerId};
use crate::mpegts::unit::discontinuity;

/// `via` of those who read playlists and segments.
pub(super) const VIA_HLS: &str = "hls";

/// Who wants to watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewerInfo {
    /// Where from.
    pub addr: IpAddr,
    /// What it calls itself. Text from outside.
    pub user_agent: String,
    /// How: `ts`, `hls` or `hdhomerun`.
    pub via: &'static str,
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
    /// Since when.
    pub since: UtcMillis,
    /// Bytes it took (0 for HLS, whose segments belong to nobody).
    pub bytes: u64,
    /// How often it was skipped.
    pub skips: u32,
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
    /// The server stops.
    #[error("the server is stopping")]
    Stopping,
}

/// A viewer's bytes, from PAT, PMT and a key frame on. Leaves the channel when dropped.
#[derive(Debug)]
pub struct Viewer {
    live: Arc<Live>,
    session: Arc<Session>,
    counts: Arc<Counts>,
    cursor: Cursor,
    last_skip_ms: Option<i64>,
    /// Whether what is taken next does not continue what was sent.
    skipped: bool,
    /// What was taken and comes after the announcement of a jump.
    held: VecDeque<Bytes>,
}

impl Viewer {
    pub(super) fn new(live: Arc<Live>, session: Arc<Session>, counts: Arc<Counts>) -> Self {
        let cursor = live.ring.place(live.now_ms() * 90);
        Self {
            live,
            session,
            counts,
            cursor,
            last_skip_ms: None,
            skipped: false,
            held: VecDeque::new(),
        }
    }

    /// Who this is.
    pub fn id(&self) -> ViewerId {
        self.session.id
    }

    /// Goes on at now, or ends; says which.
    fn fell(&mut self, now_ms: i64) -> Fallen {
        let verdict = fallen(self.last_skip_ms, now_ms);
        match verdict {
            Fallen::Skip => {
                self.last_skip_ms = Some(now_ms);
                self.cursor = self.live.ring.place(now_ms * 90);
                self.skipped = true;
                self.session.skips.fetch_add(1, Ordering::Relaxed);
                self.counts.skips.fetch_add(1, Ordering::Relaxed);
            }
            Fallen::Drop => {
                self.counts.dropped_viewers.fetch_add(1, Ordering::Relaxed);
            }
        }
        verdict
    }
}

impl Stream for Viewer {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let this = &mut *self;
        loop {
            let now_ms = this.live.now_ms();
            if this.session.expired.load(Ordering::Relaxed) {
                return Poll::Ready(None);
            }
            if let Some(bytes) = this.held.pop_front() {
                let taken = u64::try_from(bytes.len()).unwrap_or(0);
                this.session.bytes.fetch_add(taken, Ordering::Relaxed);
                this.session.seen_ms.store(now_ms, Ordering::Relaxed);
                this.counts.bytes.fetch_add(taken, Ordering::Relaxed);
                return Poll::Ready(Some(bytes));
            }
            match this.live.ring.take(&mut this.cursor, this.session.id, cx.waker()) {
                Taken::Bytes { bytes, jump } => {
                    if std::mem::take(&mut this.skipped) || jump {
                        this.held.push_back(discontinuity(&bytes));
                    }
                    this.held.push_back(bytes);
                }
                Taken::Wait => return Poll::Pending,
                Taken::Fallen => {
                    if this.fell(now_ms) == Fallen::Drop {
                        return Poll::Ready(None);
                    }
                }
                Taken::Closed => return Poll::Ready(None),
            }
        }
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.live.sessions.leave(self.session.id, self.live.now_ms());
        self.live.ring.wake(self.session.id);
        self.live.wake.notify_one();
    }
}

/// One viewer's numbers.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: ViewerId,
    info: ViewerInfo,
    since_ms: i64,
    bytes: AtomicU64,
    skips: AtomicU64,
    /// When it last took something.
    seen_ms: AtomicI64,
    expired: AtomicBool,
}

/// Who watches a channel.
#[derive(Debug)]
pub(super) struct Sessions {
    limit: usize,
    book: Mutex<Book>,
}

#[derive(Debug)]
struct Book {
    open: HashMap<ViewerId, Arc<Session>>,
    /// When the last one left, or the channel was started.
    left_at_ms: i64,
}

impl Sessions {
    pub(super) fn new(limit: usize, now_ms: i64) -> Self {
        Self { limit, book: Mutex::new(Book { open: HashMap::new(), left_at_ms: now_ms }) }
    }

    /// Lets a viewer in.
    pub(super) fn enter(
        &self,
        id: ViewerId,
        info: ViewerInfo,
        now_ms: i64,
    ) -> Result<Arc<Session>, JoinError> {
        let mut book = self.lock();
        if book.open.len() >= self.limit {
            return Err(JoinError::Full { limit: self.limit });
        }
        let session = Arc::new(Session {
            id,
            info: ViewerInfo { user_agent: tidy(&info.user_agent), ..info },
            since_ms: now_ms,
            bytes: AtomicU64::new(0),
            skips: AtomicU64::new(0),
            seen_ms: AtomicI64::new(now_ms),
            expired: AtomicBool::new(false),
        });
        book.open.insert(id, Arc::clone(&session));
        Ok(session)
    }

    /// Notes that a reader of playlists is there; says whether it was there before.
    pub(super) fn seen_again(&self, info: &ViewerInfo, now_ms: i64) -> bool {
        let book = self.lock();
        let info = ViewerInfo { user_agent: tidy(&info.user_agent), ..info.clone() };
        let known = book.open.values().find(|session| session.info == info);
        if let Some(session) = known {
            session.seen_ms.store(now_ms, Ordering::Relaxed);
        }
        known.is_some()
    }

    fn leave(&self, id: ViewerId, now_ms: i64) {
        let mut book = self.lock();
        if book.open.remove(&id).is_some() {
            book.left_at_ms = now_ms;
        }
    }

    /// Shows those out that took nothing for too long; gives their ids.
    pub(super) fn expire(&self, now_ms: i64, idle_ms: i64, idle_hls_ms: i64) -> Vec<ViewerId> {
        let mut book = self.lock();
        let is_idle = |session: &Session| {
            let limit = if session.info.via == VIA_HLS { idle_hls_ms } else { idle_ms };
            now_ms - session.seen_ms.load(Ordering::Relaxed) >= limit
        };
        let idle: Vec<ViewerId> = book
            .open
            .values()
            .filter(|session| is_idle(session))
            .map(|session| session.id)
            .collect();
        for id in &idle {
            if let Some(session) = book.open.remove(id) {
                session.expired.store(true, Ordering::Relaxed);
                book.left_at_ms = now_ms;
            }
        }
        idle
    }

    pub(super) fn count(&self) -> usize {
        self.lock().open.len()
    }

    /// When the last viewer left; `None` while there is one.
    pub(super) fn left_at_ms(&self) -> Option<i64> {
        let book = self.lock();
        book.open.is_empty().then_some(book.left_at_ms)
    }

    pub(super) fn list(&self, channel: ChannelId) -> Vec<ViewerSession> {
        let view = |session: &Arc<Session>| ViewerSession {
            id: session.id,
            channel,
            addr: session.info.addr,
            user_agent: session.info.user_agent.clone(),
            via: session.info.via,
            since: UtcMillis(session.since_ms),
            bytes: session.bytes.load(Ordering::Relaxed),
            skips: u32::try_from(session.skips.load(Ordering::Relaxed)).unwrap_or(u32::MAX),
        };
        self.lock().open.values().map(view).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name a client gives itself, fit to be shown: one line of at most 200 characters.
fn tidy(user_agent: &str) -> String {
    user_agent.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_channel_holds_as_many_viewers_as_it_may() {
        let sessions = Sessions::new(2, 0);
        assert!(sessions.enter(ViewerId(1), info("ts"), 0).is_ok());
        assert!(sessions.enter(ViewerId(2), info("ts"), 0).is_ok());
        let full = sessions.enter(ViewerId(3), info("ts"), 0).map(|_| ());
        assert_eq!(full, Err(JoinError::Full { limit: 2 }));
        sessions.leave(ViewerId(1), 5);
        assert!(sessions.enter(ViewerId(3), info("ts"), 0).is_ok());
    }

    #[test]
    fn who_takes_nothing_is_shown_out() {
        let sessions = Sessions::new(9, 0);
        sessions.enter(ViewerId(1), info("ts"), 0).unwrap();
        sessions.enter(ViewerId(2), info(VIA_HLS), 0).unwrap();
        assert!(sessions.seen_again(&info(VIA_HLS), 1_000));
        assert_eq!(sessions.expire(24_999, 300_000, 24_000), []);
        assert_eq!(sessions.expire(25_000, 300_000, 24_000), [ViewerId(2)]);
        assert_eq!(sessions.left_at_ms(), None);
        assert_eq!(sessions.expire(300_000, 300_000, 24_000), [ViewerId(1)]);
        assert_eq!(sessions.left_at_ms(), Some(300_000));
    }

    fn info(via: &'static str) -> ViewerInfo {
        ViewerInfo { addr: Ipv4Addr::LOCALHOST.into(), user_agent: "test".to_owned(), via }
    }
}
