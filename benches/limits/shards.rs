//! The shards of `make bench`: each measures some rows and can be run alone.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use exstreamtv::foundation::clock::{Clock, SystemClock};
use exstreamtv::mpegts::check::check;
use exstreamtv::mpegts::demux::{Demuxer, Kind as Sample};
use exstreamtv::mpegts::packet::PACKET;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::load::{Level, level, quiet, slope};
use super::media::{Kind, PROFILE, ffmpeg, library, root};
use super::results::{self, Results, Row};
use super::server::Server;
use super::setting;
use super::viewers::{Crowd, glimpse, until_moving};

const ALL: [&str; 9] =
    ["start", "plan", "tune", "cold", "join", "heal", "guide", "viewers", "channels"];

/// Runs the shards that `BENCH` names, or all; whether all of them could be run.
pub async fn run() -> bool {
    let wanted = std::env::var("BENCH").unwrap_or_else(|_| ALL.join(","));
    let wanted: Vec<&str> = wanted.split(',').collect();
    let unknown: Vec<_> = wanted.iter().filter(|name| !ALL.contains(name)).collect();
    assert!(unknown.is_empty(), "BENCH knows {ALL:?}, not {unknown:?}");
    let base = std::env::var_os("BASE").map(PathBuf::from);
    let base = base.map(|path| {
        results::load(&path).unwrap_or_else(|| panic!("{} holds no results", path.display()))
    });
    let path = results::place("limits.json");
    let mut results = Results::resume(&path);
    for shard in wanted {
        let began = Instant::now();
        let rows = match shard {
            "start" => start().await,
            "plan" => super::plan::plan(),
            "tune" => tune().await,
            "cold" => cold().await,
            "join" => join().await,
            "heal" => super::heal::heal().await,
            "guide" => super::guide::guide().await,
            "viewers" => viewers().await,
            _ => channels().await,
        };
        results.take(rows, &path);
        println!("{shard}: {:.0} s", began.elapsed().as_secs_f64());
    }
    results.print(base.as_ref());
    println!("\nkept in {}", path.display());
    true
}

/// How many channels the prepared server has.
fn channel_count() -> usize {
    usize::try_from(setting("BENCH_CHANNELS", 200)).unwrap()
}

/// A server with everything prepared that is on air in the next two hours.
async fn prepared() -> (Server, Vec<String>) {
    let library = library(Kind::Conforming, setting("BENCH_CLIP_SECONDS", 300));
    let data = root().join("data");
    fs::create_dir_all(&data).unwrap();
    let server = Server::start(&data, &[&library], &[]).await;
    let numbers = server.channels(channel_count(), PROFILE).await;
    server.prepared().await;
    (server, numbers)
}

async fn start() -> Vec<Row> {
    let mut ready = Vec::new();
    let mut idle = 0.0;
    for _ in 0..5 {
        let folder = tempfile::tempdir_in(root()).unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        let server = Server::start(&data, &[], &[]).await;
        ready.push(ms(server.ready_after));
        tokio::time::sleep(Duration::from_secs(2)).await;
        idle = mib(server.reading().rss);
        server.stop().await;
    }
    // Once to make it, once to measure it.
    let (server, numbers) = prepared().await;
    server.stop().await;
    let data = root().join("data");
    let server = Server::start(&data, &[], &[]).await;
    let again = ms(server.ready_after);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let full = mib(server.reading().rss);
    server.stop().await;
    let many = format!("with {} channels", numbers.len());
    vec![
        Row::many("start.ready", "start to ready, empty", "ms", ready, [Some(300.0), None]),
        Row::one("start.idle", "idle memory, empty", "MiB", idle, Some(40.0)),
        Row::one("start.ready_full", &format!("start to ready, {many}"), "ms", again, Some(300.0)),
        Row::one("start.idle_full", &format!("idle memory, {many}"), "MiB", full, None),
    ]
}

async fn tune() -> Vec<Row> {
    let (server, numbers) = prepared().await;
    let mut chance = StdRng::seed_from_u64(8411);
    let count = usize::try_from(setting("BENCH_TUNES", 200)).unwrap();
    let mut rows = Vec::new();
    for (key, what) in [("idle", "nobody watches"), ("running", "somebody watches")] {
        let mut times = Vec::new();
        for (nth, number) in numbers.iter().cycle().take(count).enumerate() {
            tokio::time::sleep(Duration::from_millis(chance.random_range(0..40))).await;
            times.push(ms(glimpse(&server.host, number, nth, 1).await.first_picture));
        }
        let (key, what) = (format!("tune.{key}"), format!("tune, prepared, {what}: first IDR"));
        rows.push(Row::many(&key, &what, "ms", times, [Some(10.0), Some(50.0)]));
    }
    let mut clients = Vec::new();
    for number in numbers.iter().cycle().take(20) {
        let url = format!("http://{}/iptv/channel/{number}.ts", server.host);
        let began = Instant::now();
        let args = ["-i", &url, "-frames:v", "1", "-f", "null", "-"];
        let output = tokio::task::block_in_place(|| ffmpeg(&args));
        clients.push(ms(began.elapsed()));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let what = "ffmpeg, from its start to its first picture";
    rows.push(Row::many("tune.ffmpeg", what, "ms", clients, [Some(400.0), None]));
    server.stop().await;
    rows
}

async fn cold() -> Vec<Row> {
    let kinds = [
        ("copy", Kind::Conforming, setting("BENCH_CLIP_SECONDS", 300), 700.0),
        ("transcode", Kind::Foreign, 60, 1_500.0),
    ];
    let mut rows = Vec::new();
    for (key, kind, seconds, target) in kinds {
        let library = library(kind, seconds);
        let (mut bytes, mut pictures) = (Vec::new(), Vec::new());
        for nth in 0..usize::try_from(setting("BENCH_COLD", 5)).unwrap() {
            let folder = tempfile::tempdir_in(root()).unwrap();
            let (data, media) = (folder.path().join("data"), folder.path().join("media"));
            fs::create_dir(&data).unwrap();
            fs::create_dir(&media).unwrap();
            fs::copy(library.join("Clip 1.mp4"), media.join("Clip 1.mp4")).unwrap();
            let settings = [("STREAMING__AHEAD_MINUTES", "0")];
            let server = Server::start(&data, &[&media], &settings).await;
            server.channels(2, PROFILE).await;
            // The slates, and what is on air, which is prepared whoever watches.
            server.prepared().await;
            fs::copy(library.join("Clip 2.mp4"), media.join("Clip 2.mp4")).unwrap();
            // The new channel is tuned before anybody has had time to prepare what it plays.
            let number = &server.channel_of("Clip 2.mp4", PROFILE).await;
            let (first_byte, picture) = until_moving(&server.host, number, nth).await;
            bytes.push(ms(first_byte));
            pictures.push(ms(picture));
            server.stop().await;
        }
        let what = format!("tune, unprepared, {key}: first byte");
        rows.push(Row::many(&format!("cold.{key}.byte"), &what, "ms", bytes, [Some(50.0), None]));
        let what = format!("tune, unprepared, {key}: first picture of the media");
        let targets = [Some(target), None];
        rows.push(Row::many(&format!("cold.{key}.picture"), &what, "ms", pictures, targets));
    }
    rows
}

async fn join() -> Vec<Row> {
    let (server, numbers) = prepared().await;
    let clock = SystemClock::start();
    let mut chance = StdRng::seed_from_u64(33);
    let few = &numbers[..numbers.len().min(20)];
    let count = usize::try_from(setting("BENCH_JOINS", 1_000)).unwrap();
    let (mut errors, mut faults, mut late) = (0, 0, 0);
    let mut keys = Vec::new();
    let mut times = Vec::new();
    for nth in 0..count {
        tokio::time::sleep(Duration::from_millis(chance.random_range(0..30))).await;
        let number = few.choose(&mut chance).unwrap();
        let seen = glimpse(&server.host, number, nth, 25).await;
        times.push(ms(seen.first_picture));
        let whole = &seen.bytes[..seen.bytes.len() / PACKET * PACKET];
        let report = check(whole, clock.now_ms() * 90);
        errors += report.continuity_errors;
        faults += report.faults.len();
        if let Some(fault) = report.faults.first() {
            println!("join {nth} of channel {number}: {fault:?}");
        }
        late += usize::from(!report.pictures.first().is_some_and(|p| p.key && p.packet == 2));
        let samples = Demuxer::new().push(whole);
        let key = samples.into_iter().find(|sample| sample.kind == Sample::Video);
        keys.extend_from_slice(&key.expect("a picture").data);
    }
    server.stop().await;
    let file = tempfile::NamedTempFile::new_in(root()).unwrap();
    fs::write(file.path(), keys).unwrap();
    let path = file.path().to_str().unwrap();
    // One line for each decoded picture.
    let args =
        ["-xerror", "-f", "h264", "-i", path, "-fps_mode", "passthrough", "-f", "framecrc", "-"];
    let decoded = tokio::task::block_in_place(|| ffmpeg(&args));
    print!("{}", String::from_utf8_lossy(&decoded.stderr));
    let pictures = String::from_utf8_lossy(&decoded.stdout);
    let pictures = pictures.lines().filter(|line| !line.starts_with('#')).count();
    let joins = format!("{count} joins at random instants");
    let zero = Some(0.0);
    vec![
        Row::many(
            "join.time",
            &format!("{joins}: first IDR"),
            "ms",
            times,
            [Some(10.0), Some(50.0)],
        ),
        Row::one("join.errors", &format!("{joins}: continuity errors"), "", num(errors), zero),
        Row::one(
            "join.faults",
            &format!("{joins}: faults of any kind"),
            "",
            num(faults as u64),
            zero,
        ),
        Row::one(
            "join.late",
            &format!("{joins}: not from PAT, PMT, IDR"),
            "",
            num(late as u64),
            zero,
        ),
        Row::one(
            "join.undecodable",
            &format!("{joins}: first frames that do not decode"),
            "",
            num(count.abs_diff(pictures) as u64),
            zero,
        ),
    ]
}

async fn viewers() -> Vec<Row> {
    let (server, numbers) = prepared().await;
    let time = Duration::from_secs(setting("BENCH_SECONDS", 12));
    let mut crowd = Crowd::new();
    let mut levels = Vec::new();
    for count in counts("BENCH_VIEWERS", &[1, 10, 100, 500]) {
        levels.push(level(&server, &mut crowd, count, |_| &numbers[0], time).await);
    }
    crowd.leave().await;
    server.stop().await;
    let mut rows = level_rows("viewers", "viewers of a channel", &levels);
    let cpu = slope(&levels, |level| level.cpu);
    rows.push(Row::one("viewers.cpu", "processor for a viewer", "%", cpu, Some(0.03)));
    #[expect(clippy::cast_precision_loss, reason = "memory, for people")]
    let memory = slope(&levels, |level| level.rss as f64) / 1024.0;
    rows.push(Row::one("viewers.memory", "memory for a viewer", "KiB", memory, Some(64.0)));
    rows
}

async fn channels() -> Vec<Row> {
    let (server, numbers) = prepared().await;
    let time = Duration::from_secs(setting("BENCH_SECONDS", 12));
    let mut crowd = Crowd::new();
    let mut levels = Vec::new();
    for count in counts("BENCH_WATCHED", &[1, 10, 50, 200]) {
        let count = count.min(numbers.len());
        levels.push(level(&server, &mut crowd, count, |nth| &numbers[nth], time).await);
    }
    crowd.leave().await;
    let left = Instant::now();
    quiet(&server, Duration::from_secs(60)).await;
    let ended = left.elapsed().as_secs_f64();
    // What the last ones held is given back in the seconds after.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let after = server.reading();
    server.stop().await;
    let mut rows = level_rows("channels", "channels with a viewer each", &levels);
    let cpu = slope(&levels, |level| level.cpu);
    let what = "processor for a channel and its viewer";
    rows.push(Row::one("channels.cpu", what, "%", cpu, Some(0.1 + 0.03)));
    #[expect(clippy::cast_precision_loss, reason = "memory, for people")]
    let memory = slope(&levels, |level| level.rss as f64) / f64::from(1 << 20);
    rows.push(Row::one("channels.memory", "memory for a channel", "MiB", memory, Some(12.0)));
    rows.push(Row::one("channels.linger", "until all have ended", "s", ended, None));
    rows.push(Row::one("channels.after", "memory 10 s after that", "MiB", mib(after.rss), None));
    rows
}

/// The levels that `name` lists, or the usual ones.
fn counts(name: &str, usual: &[usize]) -> Vec<usize> {
    std::env::var(name).map_or(usual.to_vec(), |text| {
        text.split(',').map(|count| count.parse().expect("numbers with commas")).collect()
    })
}

fn level_rows(key: &str, what: &str, levels: &[Level]) -> Vec<Row> {
    let mut rows = Vec::new();
    for level in levels {
        let Level { count, cpu, rss, pss, descriptors, children, rate, troubles } = *level;
        let key = format!("{key}.{count:03}");
        let mut add = |name: &str, what: String, unit: &str, value: f64, target| {
            rows.push(Row::one(&format!("{key}.{name}"), &what, unit, value, target));
        };
        add("cpu", format!("{count} {what}: processor"), "%", cpu, None);
        add("rss", format!("{count} {what}: resident"), "MiB", mib(rss), None);
        add("pss", format!("{count} {what}: its share"), "MiB", mib(pss), None);
        add("fd", format!("{count} {what}: descriptors"), "", num(descriptors as u64), None);
        add("children", format!("{count} {what}: processes below"), "", num(children as u64), None);
        add("rate", format!("{count} {what}: what one gets"), "Mbit/s", rate, None);
        let troubles = num(troubles.iter().sum());
        add(
            "troubles",
            format!("{count} {what}: stalled, ended, refused"),
            "",
            troubles,
            Some(0.0),
        );
    }
    rows
}

pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn mib(bytes: u64) -> f64 {
    num(bytes) / f64::from(1 << 20)
}

#[expect(clippy::cast_precision_loss, reason = "counts, for people")]
fn num(count: u64) -> f64 {
    count as f64
}
