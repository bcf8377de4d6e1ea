//! What a soak has seen so far: shard by shard, in a file that the next call goes on from.

use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::load::fit;
use super::results;

/// Growth of memory that is not forgiven, in bytes an hour.
const GROWTH: f64 = (1 << 20) as f64;
/// What is judged of the memory must have lasted this long, in seconds.
const LONG: f64 = 600.0;
/// A shard whose warm part is shorter than this tells nothing about memory, in seconds.
const SHORT: f64 = 240.0;
/// Memory is noted once in so many seconds.
const POINT: f64 = 10.0;

/// The server at one moment: seconds since its start, bytes, descriptors, processes below.
pub type Sample = (f64, u64, usize, usize);

/// Names of what is counted, in the order of [`Shard::counts`].
pub const COUNTED: [&str; 11] = [
    "joins",
    "zaps",
    "kills",
    "changes",
    "bytes",
    "judged_bytes",
    "decoded_seconds",
    "faults",
    "decode_errors",
    "stalls",
    "ended",
];
/// Which of them must be nothing, and how that is told.
const NEVER: [(usize, &str); 4] = [
    (7, "faults in judged streams"),
    (8, "decode errors"),
    (9, "stalls"),
    (10, "streams that ended"),
];

/// What one server saw from its start to its end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Shard {
    pub seconds: f64,
    pub rss: u64,
    /// Slope of memory once warm and its error, in bytes an hour; nothing when it was too short.
    pub growth: Option<(f64, f64)>,
    /// How long the warm part was, in seconds.
    pub warm: f64,
    /// The most in the first and in the second half of the warm part.
    pub descriptors: [usize; 2],
    pub processes: [usize; 2],
    /// As [`COUNTED`] names them.
    pub counts: [u64; 11],
    /// Seconds and bytes, once in a while.
    pub memory: Vec<(f64, u64)>,
}

impl Shard {
    /// Judges what was sampled; caches and rings fill in the first third.
    pub fn of(samples: &[Sample], counts: [u64; 11]) -> Self {
        let warm = &samples[samples.len() / 3..];
        #[expect(clippy::cast_precision_loss, reason = "memory, for a slope")]
        let points: Vec<(f64, f64)> =
            warm.iter().map(|(at, rss, ..)| (at / 3600.0, *rss as f64)).collect();
        let half = warm.len() / 2;
        let most =
            |part: &[Sample], of: fn(&Sample) -> usize| part.iter().map(of).max().unwrap_or(0);
        let last = samples.last().copied().unwrap_or_default();
        let span = last.0 - warm.first().map_or(last.0, |sample| sample.0);
        let mut memory: Vec<(f64, u64)> = Vec::new();
        for (at, rss, ..) in samples {
            if memory.last().is_none_or(|(before, _)| at - before >= POINT) {
                memory.push((at.round(), *rss));
            }
        }
        Self {
            seconds: last.0,
            rss: last.1,
            growth: (span >= SHORT).then(|| fit(&points)),
            warm: span,
            descriptors: [&warm[..half], &warm[half..]].map(|part| most(part, |sample| sample.2)),
            processes: [&warm[..half], &warm[half..]].map(|part| most(part, |sample| sample.3)),
            counts,
            memory,
        }
    }
}

/// A whole soak.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ledger {
    schema: String,
    commit: String,
    machine: String,
    channels: usize,
    viewers: usize,
    calm: bool,
    pub shards: Vec<Shard>,
    /// What must not be, of all shards together.
    found: Vec<String>,
}

impl Ledger {
    /// What earlier calls left of the same soak that is not yet `seconds` long, or a new one.
    pub fn resume(channels: usize, viewers: usize, calm: bool, seconds: f64) -> Self {
        let fresh = Self {
            schema: "bench.soak/2".to_owned(),
            commit: results::commit(),
            machine: results::machine(),
            channels,
            viewers,
            calm,
            shards: Vec::new(),
            found: Vec::new(),
        };
        let same = |old: &Self| {
            (&old.schema, &old.commit, &old.machine, old.channels, old.viewers, old.calm)
                == (&fresh.schema, &fresh.commit, &fresh.machine, channels, viewers, calm)
        };
        // reason: there is none before the first call, and one of another version counts as none.
        let old = fs::read_to_string(place()).ok();
        let old = old.and_then(|text| serde_json::from_str::<Self>(&text).ok());
        old.filter(same).filter(|old| old.seconds() + 1.0 < seconds).unwrap_or(fresh)
    }

    /// How long all shards lasted, in seconds.
    pub fn seconds(&self) -> f64 {
        self.shards.iter().map(|shard| shard.seconds).sum()
    }

    /// Everything counted in all shards.
    fn counts(&self) -> [u64; 11] {
        std::array::from_fn(|at| self.shards.iter().map(|shard| shard.counts[at]).sum())
    }

    /// The slope of memory over all shards and its error, each shard by what it is worth; in bytes
    /// an hour.
    fn growth(&self) -> Option<(f64, f64)> {
        let slopes = || self.shards.iter().filter_map(|shard| shard.growth);
        let weight = |error: f64| 1.0 / error.max(1.0).powi(2);
        let weights: f64 = slopes().map(|(_, error)| weight(error)).sum();
        let sum: f64 = slopes().map(|(slope, error)| slope * weight(error)).sum();
        (weights > 0.0).then(|| (sum / weights, weights.sqrt().recip()))
    }

    /// Writes down all of it with `shard` as the present one, and says how it stands.
    pub fn tell(&mut self, nth: usize, shard: Shard) {
        self.shards.truncate(nth);
        self.shards.push(shard);
        self.found = self.judge();
        let part = place().with_extension("part");
        fs::write(&part, serde_json::to_string_pretty(&self).unwrap()).unwrap();
        fs::rename(part, place()).unwrap();
        let counts = COUNTED.iter().zip(self.counts());
        let counts: Vec<String> = counts.map(|(name, count)| format!("{count} {name}")).collect();
        let mib = |bytes: f64| bytes / f64::from(1 << 20);
        let growth = self.growth().map_or("not known yet".to_owned(), |(slope, error)| {
            format!("{:.2} ± {:.2} MiB/h", mib(slope), mib(error))
        });
        println!("{:.0} s: {}; memory {growth}", self.seconds(), counts.join(", "));
    }

    /// What must not be.
    fn judge(&self) -> Vec<String> {
        let counts = self.counts();
        let mut found: Vec<String> = NEVER
            .iter()
            .filter(|(at, _)| counts[*at] > 0)
            .map(|(at, what)| format!("{} {what}", counts[*at]))
            .collect();
        // Two errors on the safe side: what may be chance is no finding.
        let warm: f64 =
            self.shards.iter().filter(|shard| shard.growth.is_some()).map(|s| s.warm).sum();
        if let Some((slope, error)) = self.growth().filter(|_| warm >= LONG)
            && slope - 2.0 * error > GROWTH
        {
            let mib = |bytes: f64| bytes / f64::from(1 << 20);
            found.push(format!("memory grows {:.1} ± {:.1} MiB/h", mib(slope), mib(error)));
        }
        for (nth, shard) in self.shards.iter().enumerate() {
            let [earlier, later] = shard.descriptors;
            if later > earlier + 16 {
                found.push(format!("shard {nth}: descriptors grow from {earlier} to {later}"));
            }
            let [earlier, later] = shard.processes;
            if later > earlier + 2 {
                found.push(format!("shard {nth}: processes grow from {earlier} to {later}"));
            }
        }
        found
    }

    /// Tells the end of it; whether nothing was found.
    pub fn close(&self) -> bool {
        let warm: f64 = self.shards.iter().map(|shard| shard.warm).sum();
        if warm < LONG {
            println!("{warm:.0} s are too short to tell whether memory grows");
        }
        for what in &self.found {
            println!("FAILED: {what}");
        }
        self.found.is_empty()
    }
}

fn place() -> PathBuf {
    results::place("soak.json")
}
