//! `make soak`: a server under changing load for as long as one likes, and what must not change.
//!
//! Viewers stay, come, go and zap; encoders are killed, and files change so that there is always
//! something to encode; some streams are read and judged byte by byte, one is decoded by ffmpeg. It
//! fails on a continuity error or any other fault, on a decode error, on a stall, and when memory,
//! descriptors or processes grow once all is warm. Growth of memory is the slope of a fitted line;
//! it counts when it is larger than its error, and not before there are ten minutes to judge by.
//!
//! `CHANNELS`, `VIEWERS`, `MINUTES`; `SOAK_CALM=1` kills nothing. `SHARD_MINUTES` cuts it into
//! shards with a server of their own each, and `SHARDS` says how many of them this call runs. What
//! was seen is written down every minute ([`super::ledger`]), and a call goes on behind what the
//! same soak has seen already: what must not be is told at the end, of all shards together.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use exstreamtv::foundation::clock::{Clock, SystemClock};
use exstreamtv::mpegts::check::check;
use exstreamtv::mpegts::packet::PACKET;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rustix::process::Signal;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;

use super::ledger::{Ledger, Sample, Shard};
use super::media::{Kind, PROFILE, ffmpeg, library, root};
use super::server::{Server, children, signal};
use super::setting;
use super::viewers::{LOOK, Playing, glimpse, tune};

/// Profiles of the channels; only the first is what some of the media is in already.
const PROFILES: [&str; 4] = [PROFILE, "360p25", "360p30", "360p50"];

/// Counted while it runs.
#[derive(Debug, Default)]
struct Seen {
    joins: AtomicU64,
    zaps: AtomicU64,
    kills: AtomicU64,
    changes: AtomicU64,
    bytes: AtomicU64,
    judged: AtomicU64,
    decoded: AtomicU64,
    faults: AtomicU64,
    decode_errors: AtomicU64,
    stalls: AtomicU64,
    ended: AtomicU64,
}

fn add(count: &AtomicU64, by: u64) {
    count.fetch_add(by, Ordering::Relaxed);
}

impl Seen {
    /// As [`super::ledger::COUNTED`] names them.
    fn counts(&self) -> [u64; 11] {
        let Self { joins, zaps, kills, changes, bytes, judged, decoded, .. } = self;
        let Self { faults, decode_errors, stalls, ended, .. } = self;
        [joins, zaps, kills, changes, bytes, judged, decoded, faults, decode_errors, stalls, ended]
            .map(|count| count.load(Ordering::Relaxed))
    }
}

/// How a soak is set up.
#[derive(Debug, Clone, Copy)]
struct Setup {
    channels: usize,
    viewers: usize,
    calm: bool,
}

/// Runs it, shard after shard; whether nothing was found, or it is not over yet.
pub async fn run() -> bool {
    let channels = usize::try_from(setting("CHANNELS", 20)).unwrap();
    let viewers = usize::try_from(setting("VIEWERS", 200)).unwrap();
    let calm = setting("SOAK_CALM", 0) == 1;
    let setup = Setup { channels, viewers, calm };
    let minutes = setting("MINUTES", 30);
    let wanted = Duration::from_secs(60 * minutes);
    let longest = Duration::from_secs(60 * setting("SHARD_MINUTES", minutes));
    let mut ledger = Ledger::resume(channels, viewers, calm, wanted.as_secs_f64());
    for _ in 0..setting("SHARDS", u64::MAX) {
        let left = wanted.saturating_sub(Duration::from_secs_f64(ledger.seconds()));
        if left <= Duration::from_secs(1) {
            break;
        }
        shard(setup, &mut ledger, left.min(longest)).await;
    }
    let done = ledger.seconds() / 60.0;
    if Duration::from_secs_f64(ledger.seconds() + 1.0) < wanted {
        println!("{done:.0} of {minutes} minutes; the same call goes on");
        return true;
    }
    println!("{done:.0} minutes in {} shards", ledger.shards.len());
    ledger.close()
}

/// Runs one server for `time`.
async fn shard(setup: Setup, ledger: &mut Ledger, time: Duration) {
    let Setup { channels, viewers, calm } = setup;
    let nth_shard = ledger.shards.len();
    let folder = tempfile::tempdir_in(root()).unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    // One kind is copied, the other one encoded.
    let sources =
        [library(Kind::Conforming, setting("BENCH_CLIP_SECONDS", 300)), library(Kind::Foreign, 60)];
    let media = folder.path().join("media");
    let copy = |source: &PathBuf| {
        let kind = media.join(source.file_name().unwrap());
        fs::create_dir_all(&kind).unwrap();
        for clip in fs::read_dir(source).unwrap().flatten() {
            fs::copy(clip.path(), kind.join(clip.file_name())).unwrap();
        }
        kind
    };
    let foreign = sources.iter().map(copy).next_back().unwrap();
    let server = Server::start(&data, &[&media], &[]).await;
    for (nth, profile) in PROFILES.iter().enumerate() {
        server.channels(channels * (nth + 1) / PROFILES.len(), profile).await;
    }
    let numbers = Arc::new(server.line_up(Duration::from_secs(60)).await);
    // Before the first slates are made there is nothing to send.
    for number in numbers.iter() {
        glimpse(&server.host, number, viewers, 1).await;
    }
    println!("{} channels, {viewers} viewers, {} s", numbers.len(), time.as_secs());

    let seen = Arc::new(Seen::default());
    let began = Instant::now();
    let end = began + time;
    let mut tasks = JoinSet::new();
    for nth in 0..viewers {
        let (host, numbers, seen) = (server.host.clone(), Arc::clone(&numbers), Arc::clone(&seen));
        // One in twenty is judged, one in a hundred is a real player.
        tasks.spawn(async move {
            match nth {
                0 => decode(&host, &numbers, &seen, end).await,
                _ if nth % 20 == 1 => judge(&host, &numbers, nth, &seen, end).await,
                _ => wander(&host, &numbers, nth, &seen, end).await,
            }
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut chance = StdRng::seed_from_u64(viewers as u64);
    let mut samples: Vec<Sample> = Vec::new();
    let mut kill_at = Instant::now() + Duration::from_secs(5);
    let mut touch_at = Instant::now() + Duration::from_secs(30);
    let mut write_at = Instant::now() + Duration::from_secs(60);
    while Instant::now() < end {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let reading = server.reading();
        let sample =
            (began.elapsed().as_secs_f64(), reading.rss, reading.descriptors, reading.children);
        samples.push(sample);
        if !calm && Instant::now() >= kill_at {
            kill_at = Instant::now() + Duration::from_secs(chance.random_range(5..20));
            let encoders: Vec<u32> = children(server.pid())
                .into_iter()
                .filter(|(_, name)| name == "ffmpeg")
                .map(|(pid, _)| pid)
                .collect();
            if let Some(victim) = encoders.choose(&mut chance) {
                signal(*victim, Signal::KILL);
                add(&seen.kills, 1);
            }
        }
        if !calm && Instant::now() >= touch_at {
            touch_at = Instant::now() + Duration::from_secs(45);
            touch(&server, &foreign).await;
            add(&seen.changes, 1);
        }
        if Instant::now() >= write_at {
            write_at = Instant::now() + Duration::from_secs(60);
            ledger.tell(nth_shard, Shard::of(&samples, seen.counts()));
        }
    }
    while tasks.join_next().await.is_some() {}
    ledger.tell(nth_shard, Shard::of(&samples, seen.counts()));
    server.stop().await;
}

/// Changes a file, so that what was made of it is made again.
async fn touch(server: &Server, folder: &Path) {
    let path = folder.join("Clip 1.mp4");
    let file = fs::File::options().append(true).open(&path).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the time of a file is the wall clock's")]
    file.set_modified(std::time::SystemTime::now()).unwrap();
    let libraries = server.get("/api/libraries").await;
    let library = libraries.as_array().unwrap()[0]["id"].clone();
    server.post(&format!("/api/libraries/local/{library}/scan"), &json!({})).await;
}

/// Watches one channel after the other, some for long and some for a moment.
async fn wander(host: &str, numbers: &[String], nth: usize, seen: &Seen, end: Instant) {
    let mut chance = StdRng::seed_from_u64(nth as u64);
    while Instant::now() < end {
        let stays = if nth.is_multiple_of(3) {
            600_000
        } else {
            *[700, 5_000, 40_000].choose(&mut chance).unwrap()
        };
        let until =
            end.min(Instant::now() + Duration::from_millis(chance.random_range(300..=stays)));
        let number = numbers.choose(&mut chance).unwrap();
        watch(host, number, nth, seen, until, None).await;
        add(&seen.zaps, 1);
    }
}

/// Reads for a while and judges what it got.
async fn judge(host: &str, numbers: &[String], nth: usize, seen: &Seen, end: Instant) {
    let clock = SystemClock::start();
    let mut chance = StdRng::seed_from_u64(nth as u64);
    while Instant::now() < end {
        let until = end.min(Instant::now() + Duration::from_secs(chance.random_range(5..40)));
        let number = numbers.choose(&mut chance).unwrap();
        let mut kept = Vec::new();
        watch(host, number, nth, seen, until, Some(&mut kept)).await;
        kept.truncate(kept.len() / PACKET * PACKET);
        let near = clock.now_ms() * 90;
        let judged = tokio::task::spawn_blocking(move || (check(&kept, near), kept.len()));
        let (report, bytes) = judged.await.unwrap();
        add(&seen.judged, bytes as u64);
        add(&seen.faults, report.faults.len() as u64 + report.jumps.len() as u64);
        if let Some(fault) = report.faults.first() {
            println!("channel {number}: {} faults, first {fault:?}", report.faults.len());
        }
    }
}

/// Reads a channel until `until`; counts stalls.
async fn watch(
    host: &str,
    number: &str,
    nth: usize,
    seen: &Seen,
    until: Instant,
    mut kept: Option<&mut Vec<u8>>,
) {
    add(&seen.joins, 1);
    let (mut wire, mut block) = match tune(host, number, nth).await {
        Ok(tuned) => tuned,
        Err(error) => {
            println!("channel {number}: {error}");
            add(&seen.ended, 1);
            return tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let mut playing = Playing::default();
    loop {
        add(&seen.bytes, block.len() as u64);
        playing.push(&block);
        if playing.stalls() {
            println!("channel {number}: viewer {nth} stands still for {:.2} s", -playing.left());
            add(&seen.stalls, 1);
        }
        if let Some(kept) = &mut kept {
            kept.extend_from_slice(&block);
        }
        block.clear();
        block.reserve(64 << 10);
        if Instant::now() >= until {
            return;
        }
        if let Ok(Ok(0) | Err(_)) = tokio::time::timeout(LOOK, wire.read_buf(&mut block)).await {
            println!("channel {number}: the stream of viewer {nth} ended");
            return add(&seen.ended, 1);
        }
    }
}

/// Lets ffmpeg decode one channel after the other; it must have nothing to say.
async fn decode(host: &str, numbers: &[String], seen: &Seen, end: Instant) {
    let mut chance = StdRng::seed_from_u64(0);
    while Instant::now() + Duration::from_secs(20) < end {
        let number = numbers.choose(&mut chance).unwrap();
        let url = format!("http://{host}/iptv/channel/{number}.ts");
        let args = ["-xerror", "-i", &url, "-t", "15", "-f", "null", "-"].map(str::to_owned);
        let run = move || ffmpeg(&args.each_ref().map(String::as_str));
        let output = tokio::task::spawn_blocking(run).await.unwrap();
        add(&seen.joins, 1);
        add(&seen.decoded, 15);
        if !output.status.success() || !output.stderr.is_empty() {
            println!("channel {number}: {}", String::from_utf8_lossy(&output.stderr));
            add(&seen.decode_errors, 1);
        }
    }
}
