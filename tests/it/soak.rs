//! What happens to the machine under a running server must not be seen by viewers.
//!
//! Hours of load are `make soak`, in `benches/limits`.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use exstreamtv::foundation::clock::{Clock, SharedClock, SystemClock};

use crate::support::app::{App, run};
use crate::support::media::kinds_of_source;
use crate::support::picture::judge;

/// Follows the monotonic clock, as the real one does, beside a wall clock that a test can turn.
#[derive(Debug)]
struct SteppedClock {
    inner: Arc<SystemClock>,
    wall_ms: AtomicI64,
}

impl Clock for SteppedClock {
    fn now_ms(&self) -> i64 {
        self.inner.now_ms()
    }

    fn wall_offset_ms(&self) -> i64 {
        self.wall_ms.load(Ordering::Relaxed)
    }
}

#[test]
fn a_step_of_the_wall_clock_moves_no_stream() {
    run(async {
        let wall_ms = AtomicI64::new(0);
        let clock = Arc::new(SteppedClock { inner: SystemClock::start(), wall_ms });
        let folder = tempfile::tempdir().unwrap();
        let libraries = [kinds_of_source().to_owned()];
        let shared: SharedClock = clock.clone();
        let app = App::at(shared, folder, &libraries, |config| config.playout.build_days = 1).await;
        app.until_lineup().await;
        let number = app.channel("Everything").await.number;
        let now = app.now_ms();
        let steps = async {
            for step in [3_600_000, -7_200_000, 0] {
                tokio::time::sleep(Duration::from_secs(3)).await;
                clock.wall_ms.store(step, Ordering::Relaxed);
            }
        };
        let viewer = app.viewer();
        let (ts, ()) = tokio::join!(viewer.watch(&number, Duration::from_secs(12)), steps);
        let report = judge(&ts, now);
        assert!(report.is_clean() && report.jumps.is_empty(), "{:?}", report.faults);
        let last = report.pictures.last().unwrap();
        // The lead is on its way, less where the slate stands in.
        let ahead = last.dts / 90 - app.now_ms();
        assert!((-2_000..=9_000).contains(&ahead), "the stream ends {ahead} ms ahead");
        app.stop().await;
    });
}
