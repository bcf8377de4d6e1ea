//! Relays a broadcast of somebody else into the store, as long as anybody watches.
//!
//! One job serves all channels and viewers of a broadcast on a profile. It reads one place of the
//! broadcast, goes on with the next when that breaks ([`attempts`]), and places what comes on the
//! clock ([`place`]); the channel shows the slate in between. What was shown is removed soon.
//!
//! Reconnecting is part of the job and bounded; when it gives up, that is a fact, and only a permit
//! begins anew.

mod attempts;
mod connections;
mod place;
mod porter;

use std::sync::atomic::Ordering;
use std::time::Duration;

use self::attempts::{Attempt, Attempts};
pub(super) use self::connections::Connections;
pub(super) use self::place::Placing;
pub(super) use self::porter::Porter;
use super::Conformer;
use super::hole::Hole;
use super::run::{self, Extras, Feed, RunEnd, Task};
use crate::domain::{Cause, ConformEnd, Upstream};
use crate::stream::ffmpeg;

/// A relay that no channel has asked for this long is not needed any more, in milliseconds.
const UNWANTED_MS: i64 = 60_000;
/// How much of a broadcast is kept behind now, in milliseconds.
pub(super) const KEEP_MS: i64 = 120_000;

impl Conformer {
    /// Relays until nobody wants it, or it cannot be had anywhere.
    pub(super) async fn relay(&self, task: &Task) -> ConformEnd {
        tokio::select! {
            end = self.reconnect(task) => end,
            () = self.unwanted(task) => ConformEnd::Cancelled,
        }
    }

    /// Ends when no channel asks any more: what is on air has changed.
    async fn unwanted(&self, task: &Task) {
        loop {
            let wanted = task.progress.wanted_ms.load(Ordering::Relaxed);
            let left = wanted + UNWANTED_MS - self.means.clock.now_ms();
            let Ok(left @ 1..) = u64::try_from(left) else { return };
            tokio::time::sleep(Duration::from_millis(left)).await;
        }
    }

    async fn reconnect(&self, task: &Task) -> ConformEnd {
        let upstreams = &task.media.upstreams;
        let mut attempts = Attempts::new(upstreams.len());
        let mut placing = Placing::new(&task.profile);
        let mut lost = Lost { cause: Cause::SrcGone, reason: "it has no address".to_owned() };
        while let Some(Attempt { place, pause_ms }) = attempts.next() {
            let pause = Duration::from_millis(u64::try_from(pause_ms).unwrap_or(0));
            tokio::select! {
                () = task.cancel.cancelled() => return ConformEnd::Cancelled,
                () = tokio::time::sleep(pause) => {}
            }
            placing.begin_run();
            let upstream = &upstreams[place];
            lost = match self.read(task, upstream, &mut placing).await {
                Ok(end) => return end,
                Err(lost) => lost,
            };
            let given_ms = placing.given_ms();
            attempts.ended(place, given_ms);
            tracing::info!(
                media.id = %task.media.id,
                "media {} was lost at {} after {given_ms} ms of picture: {}",
                task.media.id,
                upstream.host(),
                lost.reason,
            );
        }
        let Lost { cause, reason } = lost;
        ConformEnd::SourceLost { cause, reason }
    }

    /// Reads one place until it breaks; an end is only given when no other place would help.
    async fn read(
        &self,
        task: &Task,
        upstream: &Upstream,
        placing: &mut Placing,
    ) -> Result<ConformEnd, Lost> {
        let Some(_connection) = self.means.connections.open(task.media.library) else {
            let reason = "every stream that the provider allows is in use".to_owned();
            return Err(Lost { cause: Cause::SrcSlots, reason });
        };
        let inlet = self.means.porter.inlet(upstream).await?;
        let treatment = ffmpeg::relayed(&task.profile);
        let hole = Hole { start: 0, until: None };
        let abilities = self.means.findings.abilities(&self.means).await;
        let extras = Extras { abilities, words: None, gain: 0, effort: task.effort };
        let feed = Feed::Broadcast { upstream: &inlet, placing };
        let end = run::run(&self.means, task, &treatment, &extras, hole, feed).await;
        let (cause, reason) = match end {
            // A broadcast has no end of its own.
            RunEnd::Filled | RunEnd::Marked { .. } | RunEnd::Ended { .. } => {
                (Cause::SrcEofEarly, "the source ended it".to_owned())
            }
            RunEnd::Misfit { reason, .. } => (Cause::MediaCorrupt, reason),
            // Broadcasts stay on the processor.
            RunEnd::HardwareFailed { reason, .. } => (Cause::HwFail, reason),
            RunEnd::Over(ConformEnd::Unusable { reason }) => self.lost(upstream, reason),
            RunEnd::Over(ConformEnd::Exited { code, signal }) => {
                self.lost(upstream, format!("ffmpeg ended (code {code:?}, signal {signal:?})"))
            }
            RunEnd::Over(end) => return Ok(end),
        };
        Err(Lost { cause, reason })
    }

    /// Why a run ended, if the way to the source was the reason; otherwise for `reason`.
    fn lost(&self, upstream: &Upstream, reason: String) -> (Cause, String) {
        match self.means.porter.trouble(upstream) {
            Some(Lost { cause, reason }) => (cause, reason),
            None => (Cause::SrcReset, reason),
        }
    }
}

/// Why one try ended.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) cause: Cause,
    pub(super) reason: String,
}
