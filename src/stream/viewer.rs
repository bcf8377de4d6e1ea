//! Viewers: the stream of bytes that each of those who watch gets.
//!
//! A [`Viewer`] holds a place on the channel's ring and nothing else: one that is not polled costs
//! nothing and falls off the ring. It is then skipped to what is on air now, once; if that happens
//! again soon, or its session is ended from outside, its stream ends.

use std::any::Any;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::Stream;
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;

use super::channel::Live;
use super::core::Counts;
use super::lifecycle::{Fallen, fallen};
use super::pace::{Mode, Pace, Throttle};
use super::ring::{Appetite, Cursor, Taken};
use super::sessions::Session;
use crate::domain::{SessionEnd, ViewerId};
use crate::mpegts::unit::discontinuity;

/// A viewer that took nothing for this long when its connection ended did not leave by itself.
const STALLED_MS: i64 = 10_000;

/// A viewer's bytes, from PAT, PMT and a key frame on. Leaves the channel when dropped.
#[derive(Debug)]
pub struct Viewer {
    live: Arc<Live>,
    session: Arc<Session>,
    counts: Arc<Counts>,
    throttle: Arc<ArcSwap<Throttle>>,
    lead_ms: i64,
    cursor: Cursor,
    pace: Pace,
    /// Runs while something is ready that the viewer may not take yet.
    pause: Option<Pin<Box<Sleep>>>,
    last_skip_ms: Option<i64>,
    /// Whether what is taken next does not continue what was sent.
    skipped: bool,
    /// What was taken and comes after the announcement of a jump, with its sending time.
    held: VecDeque<(Bytes, i64)>,
    /// Why it ended by itself.
    ended: Option<SessionEnd>,
}

impl Viewer {
    pub(super) fn new(
        live: Arc<Live>,
        session: Arc<Session>,
        counts: Arc<Counts>,
        throttle: Arc<ArcSwap<Throttle>>,
        lead_ms: i64,
    ) -> Self {
        let now_ms = live.now_ms();
        let cursor = live.ring.place(now_ms * 90);
        let pace = Pace::joined(now_ms, lead_ms);
        let held = VecDeque::new();
        Self {
            live,
            session,
            counts,
            throttle,
            lead_ms,
            cursor,
            pace,
            pause: None,
            last_skip_ms: None,
            skipped: false,
            held,
            ended: None,
        }
    }

    /// Who this is.
    pub fn id(&self) -> ViewerId {
        self.session.id
    }

    /// Keeps `thing`, such as a tuner, until the session ends, however it ends; that may be before
    /// this viewer is dropped.
    pub fn hold(&self, thing: impl Any + Send) {
        self.session.hold(Box::new(thing));
    }

    /// Is cancelled when somebody else ends the session, also when nobody takes this stream just
    /// then: its connection has nothing to wait for any more.
    pub fn cut(&self) -> CancellationToken {
        self.session.cut()
    }

    /// Goes on at now, or ends; says which.
    fn fell(&mut self, now_ms: i64) -> Fallen {
        let verdict = fallen(self.last_skip_ms, now_ms);
        match verdict {
            Fallen::Skip => {
                self.last_skip_ms = Some(now_ms);
                self.cursor = self.live.ring.place(now_ms * 90);
                self.pace = Pace::joined(now_ms, self.lead_ms);
                self.skipped = true;
                self.session.skipped();
                self.counts.skips.fetch_add(1, Ordering::Relaxed);
            }
            Fallen::Drop => {
                self.counts.dropped_viewers.fetch_add(1, Ordering::Relaxed);
            }
        }
        verdict
    }

    fn over(&mut self, why: SessionEnd) -> Poll<Option<Bytes>> {
        self.ended = Some(why);
        Poll::Ready(None)
    }

    /// Hands on what was taken.
    fn give(&mut self, bytes: Bytes, to: i64, now_ms: i64) -> Poll<Option<Bytes>> {
        let taken = u64::try_from(bytes.len()).unwrap_or(0);
        if to > i64::MIN {
            self.pace.gave(to, now_ms);
        }
        self.session.took(taken, to, now_ms);
        self.counts.bytes.fetch_add(taken, Ordering::Relaxed);
        Poll::Ready(Some(bytes))
    }

    /// Waits until a block of the sending time `at` may be taken; whether that is now.
    fn wait_for(&mut self, at: i64, throttle: Throttle, cx: &mut Context<'_>) -> Poll<()> {
        let ms = self.pace.wait_ms(throttle, self.live.ring.bits_per_second(), at);
        let pause = self.pause.insert(Box::pin(tokio::time::sleep(Duration::from_millis(ms))));
        pause.as_mut().poll(cx)
    }
}

impl Stream for Viewer {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let this = &mut *self;
        let throttle = **this.throttle.load();
        loop {
            let now_ms = this.live.now_ms();
            if this.session.has_ended() || this.ended.is_some() {
                return Poll::Ready(None);
            }
            if let Some((bytes, to)) = this.held.pop_front() {
                return this.give(bytes, to, now_ms);
            }
            let appetite = Appetite {
                until: this.pace.limit(throttle, this.live.ring.bits_per_second(), now_ms),
                unsent: throttle.mode == Mode::Disabled,
                most: throttle.mouthful,
            };
            match this.live.ring.take(&mut this.cursor, this.session.id, appetite, cx.waker()) {
                Taken::Bytes { bytes, to, jump } => {
                    if std::mem::take(&mut this.skipped) || jump {
                        this.held.push_back((discontinuity(&bytes), i64::MIN));
                    }
                    this.held.push_back((bytes, to));
                }
                Taken::Wait => {
                    this.pause = None;
                    return Poll::Pending;
                }
                Taken::Later { at } => {
                    if this.wait_for(at, throttle, cx).is_pending() {
                        return Poll::Pending;
                    }
                }
                Taken::Fallen => {
                    if this.fell(now_ms) == Fallen::Drop {
                        return this.over(SessionEnd::Slow);
                    }
                }
                Taken::Closed => return this.over(this.live.why_over()),
            }
        }
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let now_ms = self.live.now_ms();
        let stalled = now_ms - self.session.seen_ms() >= STALLED_MS;
        let why = match (self.ended, self.live.why_over()) {
            (Some(why), _) => why,
            // The body of an answer ends with the server.
            (None, SessionEnd::ServerStopped) => SessionEnd::ServerStopped,
            (None, _) if stalled => SessionEnd::Stalled,
            (None, _) => SessionEnd::Left,
        };
        self.live.sessions.end(self.session.id, why, now_ms);
        self.live.ring.wake(self.session.id);
        self.live.wake.notify_one();
    }
}
