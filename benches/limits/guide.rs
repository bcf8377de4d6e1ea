//! The guide of 1,000 channels for a week: what building it costs, and how soon it is handed out.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use exstreamtv::domain::{
    Actor, Collection, CollectionId, Details, MediaKind, NewChannel, NewLibrary, ScannedMedia,
    Selector, UtcMillis,
};
use exstreamtv::storage::Db;
use serde_json::{Value, json};

use super::media::{PROFILE, root};
use super::results::Row;
use super::server::Server;
use super::setting;

/// Half an hour each, so that a week has 336 of them on a channel.
const LENGTH_MS: i64 = 1_800_000;
/// Media in the library.
const MEDIA: u32 = 2_000;
const DAYS: u64 = 7;

/// See the module.
pub async fn guide() -> Vec<Row> {
    let folder = tempfile::tempdir_in(root()).unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let channels = setting("BENCH_GUIDE_CHANNELS", 1_000);
    fill(&data, channels).await;
    let days = DAYS.to_string();
    let server = Server::start(&data, &[], &[("PLAYOUT__BUILD_DAYS", &days)]).await;
    let report = built(&server, channels).await;
    let programmes = report["programme_count"].as_u64().unwrap();
    println!("{programmes} programmes in {} bytes", report["xml_bytes"]);
    assert!(programmes >= channels * DAYS * 48, "{report}");
    let (mut cpu, mut extra, mut wall) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..5 {
        // What the last build left over is given back before the next one is looked at.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let before = server.reading().rss;
        let highest = Highest::watch(server.pid());
        let report = server.post("/api/guide/rebuild", &json!({})).await;
        let most = highest.stop();
        cpu.push(seconds(&report["cpu_ms"]));
        wall.push(seconds(&report["took_ms"]));
        extra.push(mib(most.saturating_sub(before)));
    }
    let (mut plain, mut zipped) = (Vec::new(), Vec::new());
    let client = reqwest::Client::builder().no_gzip().build().unwrap();
    for _ in 0..20 {
        for (times, coding) in [(&mut plain, "identity"), (&mut zipped, "gzip")] {
            let url = format!("http://{}/iptv/xmltv.xml", server.host);
            let began = Instant::now();
            let request = client.get(url).header("accept-encoding", coding);
            let mut answer = request.send().await.unwrap();
            assert!(answer.chunk().await.unwrap().is_some_and(|chunk| !chunk.is_empty()));
            times.push(began.elapsed().as_secs_f64() * 1000.0);
        }
    }
    server.stop().await;
    let what = format!("guide of {channels} channels, {programmes} programmes");
    vec![
        Row::many("guide.cpu", &format!("{what}: processor"), "s", cpu, [Some(1.5), None]),
        Row::many("guide.wall", &format!("{what}: build"), "s", wall, [None, None]),
        Row::many(
            "guide.memory",
            &format!("{what}: memory more"),
            "MiB",
            extra,
            [Some(64.0), None],
        ),
        Row::many("guide.plain", "guide: first byte, plain", "ms", plain, [Some(5.0), None]),
        Row::many("guide.gzip", "guide: first byte, gzip", "ms", zipped, [Some(5.0), None]),
    ]
}

/// Waits until the guide has all channels, each with its week.
async fn built(server: &Server, channels: u64) -> Value {
    let began = Instant::now();
    loop {
        let report = server.get("/api/guide/report").await;
        if report["channels"].as_u64() == Some(channels) && report["built_at"].is_string() {
            return report;
        }
        assert!(began.elapsed() < Duration::from_secs(600), "no guide: {report}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// A library of which only the descriptions exist, and channels that play all of it.
async fn fill(data: &Path, channels: u64) {
    let db = Db::open(&data.join("exstreamtv.db")).unwrap();
    let path = data.join("media").to_str().unwrap().to_owned();
    let library = NewLibrary {
        name: "Bench".into(),
        path,
        kind: serde_json::from_value(json!("show")).unwrap(),
        connections: None,
    };
    let library = db.insert_library(library).await.unwrap();
    let actor = |name: &str| Actor { name: name.to_owned(), role: Some("Themselves".into()) };
    let details = Arc::new(Details {
        directors: vec!["Somebody Who Directs".into()],
        actors: ["First Actor", "Second Actor", "Third Actor"].map(actor).into(),
        stars: Some(74),
        ..Details::default()
    });
    let item = |n: u32| {
        let (show, episode) = (n / 100, n % 100);
        ScannedMedia {
            size: 1,
            kind: MediaKind::Episode,
            title: format!("The Episode of {n} Things & More"),
            show: Some(format!("The Show of Number {show}")),
            season: Some(episode / 20 + 1),
            episode: Some(episode % 20 + 1),
            plot: Some(format!(
                "In episode {n} somebody looks for something that nobody has lost, finds \"it\", and \
                 learns that {show} friends are worth more than <anything> that can be looked for."
            )),
            genres: vec!["Comedy".into(), "Drama".into()],
            rating: Some("TV-14".into()),
            aired: Some(format!("{}-06-{:02}", 1990 + show, episode % 28 + 1)),
            details: Arc::clone(&details),
            duration_ms: LENGTH_MS,
            ..ScannedMedia::file(library.id, format!("{}/{n}.mp4", library.path))
        }
    };
    let now = UtcMillis(1_795_305_600_000);
    db.upsert_media((0..MEDIA).map(item).collect(), now).await.unwrap();
    let selector: Selector = serde_json::from_value(json!({"type": "filter"})).unwrap();
    let (id, name) = (CollectionId(0), "Everything".to_owned());
    let everything =
        Collection { id, name, description: None, selector, created: now, updated: now };
    let collection = db.insert_collection(everything).await.unwrap();
    let channel = |n: u64| {
        let items =
            json!([{"collection": collection, "order": "shuffle", "mode": {"type": "flood"}}]);
        let rules = json!({"seed": n, "items": items});
        let new =
            json!({"name": format!("Channel of Number {n}"), "profile": PROFILE, "rules": rules});
        serde_json::from_value::<NewChannel>(new).unwrap()
    };
    db.insert_channels((1..=channels).map(channel).collect(), PROFILE).await.unwrap();
}

/// Watches how much memory a process takes at most.
struct Highest {
    most: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl Highest {
    fn watch(pid: u32) -> Self {
        let (most, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (seen, end) = (Arc::clone(&most), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                let text = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
                let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
                seen.fetch_max(pages.unwrap_or(0) * 4096, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        Self { most, over, thread }
    }

    fn stop(self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.most.load(Ordering::Relaxed)
    }
}

#[expect(clippy::cast_precision_loss, reason = "memory, for a table")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn seconds(ms: &Value) -> f64 {
    ms.as_f64().expect("the system tells processor time") / 1000.0
}
