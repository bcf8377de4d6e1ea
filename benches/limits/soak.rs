//! `make soak`: a server under changing load for as long as one likes, and what must not change.
//!
//! Viewers stay, come, go and zap; encoders are killed, and files change so that there is always
//! something to encode; some streams are read and judged byte by byte, one is decoded by ffmpeg. It
//! fails on a continuity error or any other fault, on a decode error, on a stall, and when memory,
//! descriptors or processes grow once all is warm. Growth of memory is the slope of a fitted line;
//! it counts when it is larger than its error, and not before there are ten minutes to judge by.
//!
//! `CHANNELS`, `VIEWERS`, `MINUTES`; `SOAK_CALM=1` kills nothing. What was seen is written down
//! every minute, so a run that is ended early still tells what it saw.

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

use super::load::fit;
use super::media::{Kind, PROFILE, ffmpeg, library, root};
use super::server::{Server, children, signal};
use super::viewers::{LOOK, Playing, glimpse, tune};
use super::{results, setting};

/// Growth of memory that is not forgiven, in bytes an hour.
const GROWTH: f64 = (1 << 20) as f64;

/// What is judged of the memory must have lasted this long, in seconds.
const LONG: f64 = 600.0;
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

/// The server at one moment: seconds since the start, bytes, descriptors, processes below.
type Sample = (f64, u64, usize, usize);

/// Runs it; whether nothing was found.
pub async fn run() -> bool {
    let channels = usize::try_from(setting("CHANNELS", 20)).unwrap();
    let viewers = usize::try_from(setting("VIEWERS", 200)).unwrap();
    let time = Duration::from_secs(60 * setting("MINUTES", 30));
    let calm = setting("SOAK_CALM", 0) == 1;
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
            tell(&seen, &samples, numbers.len(), viewers);
        }
    }
    while tasks.join_next().await.is_some() {}
    let found = tell(&seen, &samples, numbers.len(), viewers);
    server.stop().await;
    for what in &found {
        println!("FAILED: {what}");
    }
    found.is_empty()
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

/// Writes down what was seen, and gives what must not be.
fn tell(seen: &Seen, samples: &[Sample], channels: usize, viewers: usize) -> Vec<String> {
    let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
    // Caches and rings fill in the first third.
    let warm = &samples[samples.len() / 3..];
    #[expect(clippy::cast_precision_loss, reason = "memory, for a slope")]
    let points: Vec<(f64, f64)> =
        warm.iter().map(|(at, rss, ..)| (at / 3600.0, *rss as f64)).collect();
    let (slope, error) = fit(&points);
    let half = warm.len() / 2;
    let most = |part: &[Sample], of: fn(&Sample) -> usize| part.iter().map(of).max().unwrap_or(0);
    let descriptors = [&warm[..half], &warm[half..]].map(|part| most(part, |sample| sample.2));
    let processes = [&warm[..half], &warm[half..]].map(|part| most(part, |sample| sample.3));
    let last = samples.last().copied().unwrap_or_default();
    let report = json!({
        "schema": "bench.soak/1", "commit": results::commit(), "machine": results::machine(),
        "channels": channels, "viewers": viewers, "seconds": last.0,
        "memory": {"rss": last.1, "growth_an_hour": slope, "error_an_hour": error},
        "descriptors": {"earlier": descriptors[0], "later": descriptors[1]},
        "processes": {"earlier": processes[0], "later": processes[1]},
        "joins": get(&seen.joins), "zaps": get(&seen.zaps), "kills": get(&seen.kills),
        "changes": get(&seen.changes),
        "bytes": get(&seen.bytes), "judged_bytes": get(&seen.judged),
        "decoded_seconds": get(&seen.decoded), "faults": get(&seen.faults),
        "decode_errors": get(&seen.decode_errors), "stalls": get(&seen.stalls),
        "ended": get(&seen.ended),
    });
    let path = results::place("soak.json");
    fs::write(&path, serde_json::to_string_pretty(&report).unwrap()).unwrap();
    println!("{report}");

    let mut found = Vec::new();
    let counted = [
        ("faults in judged streams", &seen.faults),
        ("decode errors", &seen.decode_errors),
        ("stalls", &seen.stalls),
        ("streams that ended", &seen.ended),
    ];
    for (what, count) in counted {
        if get(count) > 0 {
            found.push(format!("{} {what}", get(count)));
        }
    }
    // Two errors on the safe side: what may be chance is no finding.
    let span = last.0 - warm.first().map_or(0.0, |sample| sample.0);
    if span < LONG {
        println!("{span:.0} s are too short to tell whether memory grows");
    } else if slope - 2.0 * error > GROWTH {
        let mib = |bytes: f64| bytes / f64::from(1 << 20);
        found.push(format!("memory grows {:.1} ± {:.1} MiB/h", mib(slope), mib(error)));
    }
    if descriptors[1] > descriptors[0] + 16 {
        found.push(format!("descriptors grow from {} to {}", descriptors[0], descriptors[1]));
    }
    if processes[1] > processes[0] + 2 {
        found.push(format!("processes grow from {} to {}", processes[0], processes[1]));
    }
    found
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
