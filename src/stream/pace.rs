//! How fast a viewer is given what is ready: the modes of the stream throttler. PURE.
//!
//! All modes give a joiner the whole lead at once, because clients look at some seconds before they
//! show a picture, and all are paced by the stream's own clock (PCR): what is not due is not sent.
//! They differ in how a viewer that fell behind, after a stall of its network, is let catch up:
//!
//! * [`Mode::Realtime`]: one second at once, then at the target, or a quarter faster than real
//!   time where that is more.
//! * [`Mode::Burst`]: everything up to the edge at once.
//! * [`Mode::Adaptive`]: like real time, but twice as fast each time the client takes what it is
//!   given at once, so that a good link is at the edge in a moment and a bad one is not flooded.
//! * [`Mode::Disabled`]: everything as soon as it exists, also before it is due. What does not
//!   exist yet is not sent.
//!
//! The target bit rate bounds catching up and nothing else. It never bounds the stream itself: a
//! viewer may always take [`LEAST_PERCENT`] percent of what the stream carries, or it would starve.

pub use crate::domain::PaceMode as Mode;
use crate::domain::{StreamBuffers, Throttler};

/// How viewers are given what is ready, with the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    /// The mode.
    pub mode: Mode,
    /// Bits a second at which a viewer that fell behind catches up; see the module.
    pub target_bps: u32,
    /// Most bytes handed to a connection at once; a block is never divided.
    pub mouthful: usize,
}

impl Default for Throttle {
    fn default() -> Self {
        Self::of(&Throttler::default(), &StreamBuffers::default())
    }
}

impl Throttle {
    /// What the settings come to.
    pub fn of(throttler: &Throttler, buffers: &StreamBuffers) -> Self {
        Self {
            mode: throttler.effective(),
            target_bps: throttler.target_bitrate_bps,
            mouthful: usize::try_from(buffers.read_size).unwrap_or(usize::MAX),
        }
    }
}

/// What a viewer may take at once after a pause, in ticks (1 s).
const DEPTH: i64 = 90_000;
/// Slowest catching up, in percent of real time.
pub const LEAST_PERCENT: i64 = 125;
/// Fastest catching up that is counted with, in percent of real time.
const MOST_PERCENT: i64 = 6_400;
/// A client that asks for more within this time took what it was given at once.
const AT_ONCE_MS: i64 = 20;

/// One viewer's allowance, in sending times (ticks): a bucket of [`DEPTH`] that fills as time
/// passes, on top of what it was given when it joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    burst_to: i64,
    taken_to: i64,
    allowed_to: i64,
    at_ms: i64,
    /// How much faster than its base [`Mode::Adaptive`] is just now.
    boost: i64,
    gave_ms: Option<i64>,
}

impl Pace {
    /// A viewer that joins, or is moved to now: the whole lead is its to take at once.
    pub fn joined(now_ms: i64, lead_ms: i64) -> Self {
        Self {
            burst_to: (now_ms + lead_ms) * 90,
            taken_to: i64::MIN,
            allowed_to: i64::MIN,
            at_ms: now_ms,
            boost: 1,
            gave_ms: None,
        }
    }

    /// The viewer was given everything up to `to`.
    pub fn gave(&mut self, to: i64, now_ms: i64) {
        self.taken_to = to;
        self.gave_ms = Some(now_ms);
    }

    /// The viewer asks for more: up to where it may take now; `stream_bps` is what the stream
    /// carries.
    pub fn limit(&mut self, throttle: Throttle, stream_bps: u64, now_ms: i64) -> i64 {
        let elapsed_ms = (now_ms - self.at_ms).max(0);
        self.at_ms = now_ms;
        if let Some(gave_ms) = self.gave_ms.take() {
            let at_once = now_ms - gave_ms <= AT_ONCE_MS;
            self.boost = if at_once { (self.boost * 2).min(MOST_PERCENT) } else { 1 };
        }
        let unpaced = matches!(throttle.mode, Mode::Burst | Mode::Disabled);
        if unpaced || self.taken_to == i64::MIN {
            return i64::MAX;
        }
        // 90 ticks are a millisecond, 100 percent are real time.
        let filled = elapsed_ms.saturating_mul(90 * self.percent(throttle, stream_bps)) / 100;
        let full = self.taken_to.saturating_add(DEPTH);
        self.allowed_to = self.allowed_to.max(self.taken_to).saturating_add(filled).min(full);
        // What is shown by now is late already, as after a hole: nobody waits for that.
        self.allowed_to.max(self.burst_to).max(now_ms * 90)
    }

    /// Milliseconds until a block of the sending time `at` is allowed: 5 to 1,000.
    pub fn wait_ms(&self, throttle: Throttle, stream_bps: u64, at: i64) -> u64 {
        let short = at.saturating_sub(self.allowed_to).max(0).saturating_mul(100);
        let ms = short / (90 * self.percent(throttle, stream_bps));
        u64::try_from(ms).unwrap_or(0).clamp(5, 1_000)
    }

    /// How fast the viewer catches up, in percent of real time.
    fn percent(&self, throttle: Throttle, stream_bps: u64) -> i64 {
        let wanted = u64::from(throttle.target_bps) * 100 / stream_bps.max(1);
        let base = i64::try_from(wanted).unwrap_or(MOST_PERCENT);
        let boost = if throttle.mode == Mode::Adaptive { self.boost } else { 1 };
        base.max(LEAST_PERCENT).saturating_mul(boost).min(MOST_PERCENT)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the stream of these tests carries.
    const BPS: u64 = 8_000_000;

    #[test]
    fn a_joiner_may_take_the_whole_lead_at_once_in_every_mode() {
        for mode in [Mode::Realtime, Mode::Burst, Mode::Adaptive, Mode::Disabled] {
            let mut pace = Pace::joined(0, LEAD_MS);
            assert!(pace.limit(throttle(mode), BPS, 0) >= LEAD_MS * 90, "{mode:?}");
            pace.gave(0, 0);
            assert!(pace.limit(throttle(mode), BPS, 0) >= LEAD_MS * 90, "{mode:?}");
        }
    }

    #[test]
    fn who_is_at_the_edge_is_never_held_up() {
        for mode in [Mode::Realtime, Mode::Adaptive] {
            let mut pace = caught_up();
            for step in 1..1_000 {
                let edge = (LEAD_MS + step * 100) * 90;
                assert!(pace.limit(throttle(mode), BPS, step * 100) >= edge, "{mode:?} {step}");
                pace.gave(edge, step * 100);
            }
        }
    }

    #[test]
    fn after_a_stall_real_time_catches_up_at_a_quarter_more() {
        let took = seconds_to_catch_up(Mode::Realtime, 4_000_000, 1);
        // Three seconds behind: one is given at once, two at a gain of a quarter second a second.
        assert!((7..=9).contains(&took), "{took} s");
        assert_eq!(seconds_to_catch_up(Mode::Burst, 4_000_000, 1), 0);
    }

    #[test]
    fn the_target_bounds_catching_up_and_never_starves() {
        // 40 Mbit/s are five times the stream.
        assert!(seconds_to_catch_up(Mode::Realtime, 40_000_000, 1) <= 1);
        assert!(seconds_to_catch_up(Mode::Realtime, 1_000_000, 1) <= 9);
    }

    #[test]
    fn adaptive_trusts_a_client_that_takes_at_once_and_no_other() {
        assert!(seconds_to_catch_up(Mode::Adaptive, 4_000_000, 1) <= 2);
        assert!(seconds_to_catch_up(Mode::Adaptive, 4_000_000, 50) >= 7);
    }

    #[test]
    fn nobody_waits_for_what_is_shown_already() {
        let mut pace = caught_up();
        // The channel began again a minute later.
        let limit = pace.limit(throttle(Mode::Realtime), BPS, 60_000);
        assert!(limit >= 60_000 * 90, "{limit}");
    }

    const LEAD_MS: i64 = 7_000;

    /// A viewer that has taken the whole lead at the time 0.
    fn caught_up() -> Pace {
        let mut pace = Pace::joined(0, LEAD_MS);
        pace.limit(throttle(Mode::Realtime), BPS, 0);
        pace.gave(LEAD_MS * 90, 0);
        pace
    }

    /// How long a viewer that stood still for three seconds is behind, when the client asks again
    /// `asks_after_ms` after it was given something.
    fn seconds_to_catch_up(mode: Mode, target_bps: u32, asks_after_ms: i64) -> i64 {
        let throttle = Throttle { target_bps, ..throttle(mode) };
        let mut pace = caught_up();
        let (mut taken, mut now) = (LEAD_MS * 90, 3_000);
        loop {
            let edge = (now + LEAD_MS) * 90;
            let limit = pace.limit(throttle, BPS, now);
            // Blocks are of 100 ms.
            let next = limit.min(edge) / 9_000 * 9_000;
            if next > taken {
                taken = next;
                pace.gave(taken, now);
                now += asks_after_ms;
            } else {
                now += 10;
            }
            if edge - taken < 10_000 || now > 60_000 {
                return (now - 3_000) / 1_000;
            }
        }
    }

    proptest! {
        /// Whatever the figures, a viewer gets what the stream carries, and soon the whole lead.
        #[test]
        fn nobody_starves(
            target in 1_000_000_u32..50_000_000,
            bps in 1_u64..100_000_000,
            stall_ms in 0_i64..20_000,
        ) {
            let throttle = Throttle { target_bps: target, ..throttle(Mode::Realtime) };
            let mut pace = caught_up();
            let mut taken = LEAD_MS * 90;
            for step in 0..400 {
                let now = stall_ms + step * 100;
                let limit = pace.limit(throttle, bps, now);
                taken = limit.min((now + LEAD_MS) * 90).max(taken);
                pace.gave(taken, now);
                prop_assert!(taken >= now * 90);
            }
            prop_assert_eq!(taken, (stall_ms + 399 * 100 + LEAD_MS) * 90);
        }

        #[test]
        fn a_wait_is_short_and_ends(target in 1_000_000_u32..50_000_000, ahead in 0_i64..900_000) {
            let throttle = Throttle { target_bps: target, ..throttle(Mode::Adaptive) };
            prop_assert!((5..=1_000).contains(&caught_up().wait_ms(throttle, BPS, ahead)));
        }
    }

    fn throttle(mode: Mode) -> Throttle {
        Throttle { mode, ..Throttle::default() }
    }
}
