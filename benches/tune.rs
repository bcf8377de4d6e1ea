//! Measures tuning on loopback against the targets of the design.
//!
//! Request → first complete key picture, 200 tunes of prepared channels at random instants, and the
//! same for a real client: start of ffmpeg → first decoded picture. `make bench` prints both.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark may panic")]
#![allow(clippy::print_stdout, reason = "it prints what it measured")]
#![allow(missing_docs, unreachable_pub, dead_code, reason = "shares the support of the tests")]

#[path = "../tests/it/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use support::app::{App, run};
use support::programs;
use support::tune::first_picture;

const TUNES: usize = 200;
const CLIENTS: usize = 10;

fn main() {
    run(async {
        let app = App::prepared_demo().await;
        let channels = app.channels().await;
        let mut chance = StdRng::seed_from_u64(8411);
        let mut tunes = Vec::new();
        for _ in 0..TUNES {
            let channel = &channels[chance.random_range(0..channels.len())];
            tokio::time::sleep(Duration::from_millis(chance.random_range(0..100))).await;
            tunes.push(first_picture(app, &channel.number).await);
        }
        report("request to first complete key picture", &mut tunes, 0.010, 0.050);

        let mut clients = Vec::new();
        for channel in channels.iter().cycle().take(CLIENTS) {
            let url = format!("{}/iptv/channel/{}.ts", app.base, channel.number);
            let began = Instant::now();
            let decode = ["-v", "error", "-i", &url, "-frames:v", "1", "-f", "null", "-"];
            let output = tokio::task::block_in_place(|| programs::run("ffmpeg", &decode));
            assert!(output.status.success());
            clients.push(began.elapsed());
        }
        report("ffmpeg start to first decoded picture", &mut clients, 0.4, 0.4);
    });
}

/// Prints the median and the 99th percentile beside their targets, in seconds.
fn report(what: &str, times: &mut [Duration], p50: f64, p99: f64) {
    times.sort_unstable();
    let at = |part: usize| times[(times.len() - 1) * part / 100].as_secs_f64() * 1000.0;
    println!(
        "{what}: p50 {:.1} ms (target {:.0}), p99 {:.1} ms (target {:.0}), {} times",
        at(50),
        p50 * 1000.0,
        at(99),
        p99 * 1000.0,
        times.len()
    );
}
