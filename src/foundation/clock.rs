//! The clock: one place that reads the time, so that tests can turn it.
//!
//! [`SystemClock`] is anchored once and then follows the monotonic clock, slewing towards the wall
//! clock by at most 500 ppm: a wall-clock step never moves a stream. The step itself is reported
//! by [`Clock::wall_offset_ms`].

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

/// Reads the time.
pub trait Clock: Debug + Send + Sync {
    /// Milliseconds since the Unix epoch, never going back.
    fn now_ms(&self) -> i64;

    /// How far the wall clock is ahead of [`Self::now_ms`], in milliseconds.
    fn wall_offset_ms(&self) -> i64;
}

/// A clock to share.
pub type SharedClock = Arc<dyn Clock>;

/// The real clock.
#[derive(Debug)]
pub struct SystemClock {
    base: Instant,
    anchor_ms: i64,
    /// Correction applied so far, in milliseconds.
    slew_ms: AtomicI64,
    /// Monotonic milliseconds at the last correction.
    slewed_at: AtomicI64,
}

impl SystemClock {
    /// Slowest and fastest correction: one millisecond in two seconds (500 ppm).
    const SLEW_STEP_MS: i64 = 2_000;

    /// Anchors a clock to the wall clock of this moment.
    pub fn start() -> Arc<Self> {
        Arc::new(Self {
            base: Instant::now(),
            anchor_ms: wall_ms(),
            slew_ms: AtomicI64::new(0),
            slewed_at: AtomicI64::new(0),
        })
    }

    fn elapsed_ms(&self) -> i64 {
        i64::try_from(self.base.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        let elapsed = self.elapsed_ms();
        let since = elapsed - self.slewed_at.load(Ordering::Relaxed);
        if since >= Self::SLEW_STEP_MS {
            let now = self.anchor_ms + elapsed + self.slew_ms.load(Ordering::Relaxed);
            let toward = (wall_ms() - now).signum();
            // Racing readers may skip a correction, never apply one twice.
            let claimed = self.slewed_at.compare_exchange(
                elapsed - since,
                elapsed,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            if claimed.is_ok() {
                self.slew_ms.fetch_add(toward, Ordering::Relaxed);
            }
        }
        self.anchor_ms + elapsed + self.slew_ms.load(Ordering::Relaxed)
    }

    fn wall_offset_ms(&self) -> i64 {
        wall_ms() - self.now_ms()
    }
}

/// Processor time that the calling thread has used; `None` where the system does not tell.
pub fn thread_cpu() -> Option<std::time::Duration> {
    use rustix::time::{ClockId, clock_gettime};
    std::time::Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).ok()
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
fn wall_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A clock that stands still until it is turned; for tests and replay.
#[derive(Debug, Default)]
pub struct ManualClock {
    now_ms: AtomicI64,
}

impl ManualClock {
    /// A clock that shows `now_ms`.
    pub fn at(now_ms: i64) -> Arc<Self> {
        Arc::new(Self { now_ms: AtomicI64::new(now_ms) })
    }

    /// Turns the clock forward.
    pub fn advance_ms(&self, by: i64) {
        self.now_ms.fetch_add(by.max(0), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    fn wall_offset_ms(&self) -> i64 {
        0
    }
}

/// A real clock moved by a fixed amount, so that a test can run at a chosen hour in real time.
#[derive(Debug)]
pub struct ShiftedClock {
    inner: Arc<SystemClock>,
    by_ms: i64,
}

impl ShiftedClock {
    /// A running clock that shows `now_ms` at this moment.
    pub fn starting_at(now_ms: i64) -> Arc<Self> {
        let inner = SystemClock::start();
        let by_ms = now_ms - inner.now_ms();
        Arc::new(Self { inner, by_ms })
    }
}

impl Clock for ShiftedClock {
    fn now_ms(&self) -> i64 {
        self.inner.now_ms() + self.by_ms
    }

    fn wall_offset_ms(&self) -> i64 {
        self.inner.wall_offset_ms()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_stands_until_it_is_turned() {
        let clock = ManualClock::at(1_000);
        assert_eq!(clock.now_ms(), 1_000);
        clock.advance_ms(250);
        assert_eq!(clock.now_ms(), 1_250);
    }

    #[test]
    fn the_system_clock_shows_wall_time_and_does_not_go_back() {
        let clock = SystemClock::start();
        let first = clock.now_ms();
        assert!((wall_ms() - first).abs() < 1_000);
        assert!(clock.now_ms() >= first);
    }
}
