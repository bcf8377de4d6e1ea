//! A server under a steady load: what a viewer and what a channel costs.

use std::time::{Duration, Instant};

use super::server::{Reading, Server};
use super::viewers::Crowd;

/// How long a level settles before it is measured; the burst of its joiners is over then.
const SETTLE: Duration = Duration::from_secs(4);

/// What a level of load cost.
#[derive(Debug, Clone, Copy)]
pub struct Level {
    /// Viewers, or channels with one viewer each.
    pub count: usize,
    /// Processor of the server, in per cent of a core.
    pub cpu: f64,
    pub rss: u64,
    pub pss: u64,
    pub descriptors: usize,
    pub children: usize,
    /// What a viewer got, in Mbit/s.
    pub rate: f64,
    /// Stalls, streams that ended, viewers refused.
    pub troubles: [u64; 3],
}

/// Brings the crowd to `count` viewers, the n-th of them on the channel that `channel` names, and
/// measures for `time`.
pub async fn level<'a>(
    server: &Server,
    crowd: &mut Crowd,
    count: usize,
    channel: impl Fn(usize) -> &'a str,
    time: Duration,
) -> Level {
    for nth in crowd.len()..count {
        crowd.add(&server.host, channel(nth));
        // Many bursts at once would measure the bursts.
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
    tokio::time::sleep(SETTLE).await;
    let (before, bytes) = (server.reading(), crowd.bytes());
    tokio::time::sleep(time).await;
    let (after, more) = (server.reading(), crowd.bytes());
    let seconds = (after.at - before.at).as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate, for people")]
    let rate = (more - bytes) as f64 * 8.0 / 1e6 / seconds / count as f64;
    let Reading { rss, pss, descriptors, children, .. } = after;
    let cpu = (after.cpu - before.cpu) / seconds * 100.0;
    Level { count, cpu, rss, pss, descriptors, children, rate, troubles: crowd.troubles() }
}

/// The slope of `value` over the number of viewers or channels, fitted to all levels.
pub fn slope(levels: &[Level], value: impl Fn(&Level) -> f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let points: Vec<(f64, f64)> =
        levels.iter().map(|level| (level.count as f64, value(level))).collect();
    fit(&points).0
}

/// The line through `points` by least squares: its slope and the error of that.
pub fn fit(points: &[(f64, f64)]) -> (f64, f64) {
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let n = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    if spread == 0.0 {
        return (0.0, f64::INFINITY);
    }
    let slope = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>() / spread;
    let off = points.iter().map(|point| (point.1 - y - slope * (point.0 - x)).powi(2)).sum::<f64>();
    let error = if n > 2.0 { (off / (n - 2.0) / spread).sqrt() } else { f64::INFINITY };
    (slope, error)
}

/// Waits until no channel runs any more.
pub async fn quiet(server: &Server, limit: Duration) {
    let began = Instant::now();
    loop {
        let streams = server.get("/api/health/detailed").await["streams"].clone();
        if streams["running_channels"].as_u64() == Some(0) {
            return;
        }
        assert!(began.elapsed() < limit, "channels run on: {streams}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
