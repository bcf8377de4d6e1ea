//! Those who watch: slow ones, zappers, and those a person shows out.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::app::{App, run};
use crate::support::media::demo_library;
use crate::support::picture::judge;

/// A transport packet.
const PACKET: usize = 188;

#[test]
fn a_slow_client_is_moved_to_now_and_nobody_else_notices() {
    run(async {
        let app = App::prepared_demo().await;
        let number = app.channel("Everything").await.number.to_string();
        // A small buffer in the kernel shows the slowness early. Others that connect meanwhile
        // have it, too, and do not mind.
        let buffers = |size: u32| async move {
            let body = json!({ "buffer_size": size });
            let put = app.operator().request(Method::PUT, "/api/settings/streaming").json(&body);
            assert_eq!(put.send().await.unwrap().status(), StatusCode::OK);
        };
        buffers(65_536).await;
        let mut slow = Wire::open(app, &format!("/iptv/channel/{number}.ts"), "slow").await;
        let mut others = Vec::new();
        for name in ["brisk-1", "brisk-2"] {
            others.push(Wire::open(app, &format!("/iptv/channel/{number}.ts"), name).await);
        }
        buffers(262_144).await;
        let began = app.now_ms();
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let readers: Vec<_> = others
            .into_iter()
            .map(|mut wire| {
                let mut stopped = stopped.clone();
                aside(async move {
                    tokio::select! {
                        () = wire.read_on(usize::MAX) => {}
                        _ = stopped.changed() => {}
                    }
                    wire
                })
            })
            .collect();
        // A tenth of what the stream carries, until it was moved and has read on from there.
        let rate = loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let rate = session(app, "brisk-1").await["bitrate_bps"].as_u64().unwrap();
            if app.now_ms() - began > 3_000 && rate > 0 {
                break rate;
            }
        };
        let sip = usize::try_from(rate / 8 / 10 / 10).unwrap().max(PACKET);
        let deadline = Instant::now() + Duration::from_secs(150);
        while session(app, "slow").await["skips"].as_u64().is_some_and(|skips| skips == 0) {
            assert!(Instant::now() < deadline, "the slow client was never moved");
            slow.read_on(slow.bytes.len() + sip).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        for name in ["brisk-1", "brisk-2"] {
            let brisk = session(app, name).await;
            assert_eq!(brisk["skips"], 0, "{brisk}");
            assert!(brisk["lag_ms"].as_i64().unwrap() < 5_000, "{brisk}");
        }
        // Everything the slow one has been sent is whole packets in a legal order.
        tokio::time::timeout(Duration::from_secs(2), slow.read_on(usize::MAX)).await.ok();
        let report = judge(slow.whole(), began);
        assert_eq!(report.continuity_errors, 0, "{:?}", report.faults);
        stop.send(true).unwrap();
        let mut streams = Vec::new();
        for reader in readers {
            streams.push(reader.await.unwrap());
        }
        for wire in &streams {
            let report = judge(wire.whole(), began);
            assert!(report.is_clean(), "{:?}", report.faults);
        }
        let (one, other) = (streams[0].whole(), streams[1].whole());
        let head = &other[..64 * PACKET];
        let at = one.windows(head.len()).step_by(PACKET).position(|part| part == head);
        let (one, other) = match at {
            Some(at) => (&one[at * PACKET..], other),
            None => {
                let head = &one[..64 * PACKET];
                let mut parts = other.windows(head.len()).step_by(PACKET);
                let at = parts.position(|part| part == head).expect("nothing in common");
                (one, &other[at * PACKET..])
            }
        };
        let shared = one.len().min(other.len());
        assert!(shared > 1_000 * PACKET && one[..shared] == other[..shared], "other bytes");
        let metrics = app.operator().text("/metrics").await;
        let skips = metrics.lines().find_map(|l| l.strip_prefix("exstreamtv_stream_skips_total "));
        assert_ne!(skips, Some("0"), "{metrics}");
    });
}

#[test]
fn fifty_fast_zaps_need_one_tuner_and_leave_nothing_behind() {
    run(async {
        let app = with_tuners(1).await;
        let numbers: Vec<String> =
            app.channels().await.iter().map(|channel| channel.number.to_string()).collect();
        let mut last: Option<Wire> = None;
        for n in 0..50 {
            let path = format!("/auto/v{}", numbers[n % numbers.len()]);
            let before = last.take();
            // Every third player opens before it closes, and some never close at all.
            let (overlapping, closed) = if n % 3 == 0 { (before, None) } else { (None, before) };
            drop(closed);
            // A busy machine sees the closing of the last one later than the opening of the next.
            let began = std::time::Instant::now();
            let mut wire = Wire::open(&app, &path, "zapper").await;
            while wire.status == 503 && began.elapsed() < Duration::from_secs(10) {
                wire = Wire::open(&app, &path, "zapper").await;
            }
            assert_eq!(wire.status, 200, "zap {n} to {path}");
            if n % 10 == 0 {
                wire.read_on(PACKET).await;
            }
            drop(overlapping);
            last = Some(wire);
        }
        // Somebody else finds the tuner taken, and does not take it away.
        let refused = Wire::open(&app, &format!("/auto/v{}", numbers[0]), "neighbour").await;
        assert_eq!(refused.status, 503);
        assert_eq!(sessions(&app, "zapper").await.len(), 1);
        drop(last);
        app.until("the end of the last stream", async || {
            let idle = app.viewer().json("/status.json").await;
            let free =
                idle.as_array().unwrap().iter().all(|tuner| tuner.get("VctNumber").is_none());
            free && app.operator().json("/api/sessions").await == json!([])
        })
        .await;
        app.stop().await;
    });
}

#[test]
fn several_viewers_behind_one_name_are_not_cut_off_for_another() {
    run(async {
        let app = with_tuners(2).await;
        let numbers: Vec<String> =
            app.channels().await.iter().map(|channel| channel.number.to_string()).collect();
        let path = |n: usize| format!("/auto/v{}", numbers[n]);
        let mut server = Vec::new();
        for n in 0..2 {
            let mut wire = Wire::open(&app, &path(n), "media server").await;
            assert_eq!(wire.status, 200);
            server.push(aside(async move { wire.read_on(usize::MAX).await }));
        }
        let third = Wire::open(&app, &path(2), "media server").await;
        assert_eq!(third.status, 503, "a recording must not be cut off");
        // The same channel once more shares the tuner, as for players that probe.
        let probe = Wire::open(&app, &path(0), "media server").await;
        assert_eq!(probe.status, 200);
        for reader in server {
            assert!(!reader.is_finished());
            reader.abort();
        }
        drop(probe);
        app.stop().await;
    });
}

#[test]
fn a_session_that_is_ended_by_hand_frees_its_tuner_and_is_remembered() {
    run(async {
        let app = with_tuners(1).await;
        let number = app.channels().await[0].number.to_string();
        let path = format!("/auto/v{number}");
        // It takes nothing after the first bytes, so its connection stands.
        let wire = Wire::open(&app, &path, "VLC/3.0.20 LibVLC/3.0.20").await;
        let session = session(&app, "VLC/3.0.20 LibVLC/3.0.20").await;
        assert_eq!(
            (&session["client"], &session["via"]),
            (&json!("VLC 3.0.20"), &json!("hdhomerun"))
        );
        assert_eq!(session["channel_number"], json!(number));
        let end = |id: &Value| {
            let path = format!("/api/sessions/{id}");
            let request = app.operator().request(Method::DELETE, &path);
            async move { request.send().await.unwrap().status() }
        };
        assert_eq!(end(&session["id"]).await, StatusCode::NO_CONTENT);
        assert_eq!(end(&session["id"]).await, StatusCode::NOT_FOUND);
        assert_eq!(app.operator().json("/api/sessions").await, json!([]));
        let next = Wire::open(&app, &path, "another").await;
        assert_eq!(next.status, 200, "the tuner is free while the old connection stands");
        // That stands for a second more, not until a write has waited too long.
        let mut wire = wire;
        tokio::time::timeout(Duration::from_secs(20), wire.read_on(usize::MAX)).await.unwrap();
        drop((wire, next));
        let mut found = Value::Null;
        app.until("the history", async || {
            let history = app.operator().json("/api/sessions/history").await;
            found = history
                .as_array()
                .unwrap()
                .iter()
                .find(|s| s["id"] == session["id"])
                .cloned()
                .unwrap_or_default();
            !found.is_null()
        })
        .await;
        assert_eq!(found["ended_why"], "kicked");
        let audit = app.operator().json("/api/agent/audit?limit=1000").await;
        let told = |record: &&Value| record["body"]["what"] == "session_ended";
        let record = audit.as_array().unwrap().iter().find(told).expect("an audit record");
        assert_eq!(record["body"]["session"], session["id"]);
        app.stop().await;
    });
}

#[test]
fn the_throttler_is_changed_while_the_server_runs() {
    run(async {
        let (folder, _) = demo_library().await;
        let app = App::with_library(folder).await;
        let path = "/api/settings/stream-throttler";
        let get = async || app.operator().json(path).await;
        let put = |path: &'static str, body: Value| {
            let request = app.operator().request(Method::PUT, path).json(&body);
            async move {
                let answer = request.send().await.unwrap();
                (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
            }
        };
        let usual = json!({ "enabled": true, "target_bitrate_bps": 4_000_000, "mode": "realtime" });
        assert_eq!(get().await, usual);
        for (body, at) in [
            (json!({ "target_bitrate_bps": 999_999 }), "target_bitrate_bps"),
            (json!({ "target_bitrate_bps": 50_000_001 }), "target_bitrate_bps"),
            (json!({ "mode": "warp" }), "mode"),
            (json!({ "enabled": "yes" }), "enabled"),
            (json!({ "speed": 1 }), "speed"),
        ] {
            let (status, problem) = put(path, body.clone()).await;
            assert_eq!((status, &problem["detail"][0]["loc"][1]), (422, &json!(at)), "{body}");
            assert!(!problem["detail"][0]["fix"].as_str().unwrap().is_empty());
        }
        assert_eq!(get().await, usual, "what is refused changes nothing");
        let (status, _) =
            put(path, json!({ "mode": "burst", "target_bitrate_bps": 50_000_000 })).await;
        assert_eq!(status, 200);
        let now = json!({ "enabled": true, "target_bitrate_bps": 50_000_000, "mode": "burst" });
        assert_eq!(get().await, now);
        for (body, status) in [
            (json!({ "buffer_size": 65_535 }), 422),
            (json!({ "buffer_size": 33_554_433 }), 422),
            (json!({ "read_size": 4_095 }), 422),
            (json!({ "read_size": 1_048_577 }), 422),
            (json!({ "read_size": 4_096, "buffer_size": 65_536 }), 200),
        ] {
            assert_eq!(put("/api/settings/streaming", body.clone()).await.0, status, "{body}");
        }
        let sizes = app.operator().json("/api/settings/streaming").await;
        assert_eq!(sizes, json!({ "buffer_size": 65_536, "read_size": 4_096 }));
        let file = app.config_text();
        for line in ["mode: \"burst\"", "target_bitrate_bps: 50000000", "read_size: 4096"] {
            assert!(file.contains(line), "{line} is not in\n{file}");
        }
        app.stop().await;
    });
}

#[test]
fn limits_and_preparation_are_changed_while_the_server_runs() {
    run(async {
        let app = with_tuners(4).await;
        let put = |path: &'static str, body: Value| {
            let request = app.operator().request(Method::PUT, path).json(&body);
            async move { request.send().await.unwrap().status().as_u16() }
        };
        let (sessions_at, preparation_at) = ("/api/settings/sessions", "/api/settings/preparation");
        let channel = app.channels().await[0].clone();
        let path = format!("/iptv/channel/{}.ts", channel.number);
        let open = async |agent: &str| Wire::open(&app, &path, agent).await;
        let (one, two) = (open("one").await, open("two").await);
        assert_eq!((one.status, two.status), (200, 200));
        assert_eq!(put(sessions_at, json!({ "max_sessions_per_channel": 1 })).await, 200);
        assert_eq!(open("three").await.status, 503, "the limit holds");
        assert_eq!(app.operator().json("/api/sessions").await.as_array().unwrap().len(), 2);
        let more = json!({ "max_sessions_per_channel": 9, "max_sessions_per_user": 2 });
        assert_eq!(put(sessions_at, more).await, 200);
        assert_eq!(open("four").await.status, 429);
        assert_eq!(put(sessions_at, json!({ "lead_seconds": 3 })).await, 200);
        for (path, body) in [
            (sessions_at, json!({ "lead_seconds": 0 })),
            (sessions_at, json!({ "max_sessions_per_channel": 10_001 })),
            (sessions_at, json!({ "speed": 1 })),
            (preparation_at, json!({ "cpu_percent": 0 })),
            (preparation_at, json!({ "ahead_minutes": 1_441 })),
        ] {
            assert_eq!(put(path, body.clone()).await, 422, "{body}");
        }
        let library = async || app.operator().json("/api/preparation").await["library"].clone();
        assert_eq!(library().await, Value::Null);
        let whole = json!({ "whole_library": true, "cpu_percent": 75 });
        assert_eq!(put(preparation_at, whole).await, 200);
        // Viewers are served first; what they wait for may take the machine all the time.
        app.until("a survey of the library", async || {
            library().await["total"].as_u64().is_some_and(|total| total > 0)
        })
        .await;
        assert_eq!(put(preparation_at, json!({ "whole_library": false })).await, 200);
        app.until("its end", async || library().await.is_null()).await;
        let file = app.config_text();
        for line in ["lead_seconds: 3", "ahead_cpu_percent: 75", "max_sessions_per_user: 2"] {
            assert!(file.contains(line), "{line} is not in\n{file}");
        }
        drop((one, two));
        app.stop().await;
    });
}

/// A server of the demo library with so many tuners.
async fn with_tuners(count: u32) -> App {
    let (folder, _) = demo_library().await;
    let app =
        App::with(std::slice::from_ref(folder), |config| config.hdhomerun.tuner_count = count)
            .await;
    app.until_lineup().await;
    app
}

/// Runs a client beside the test.
#[expect(clippy::disallowed_methods, reason = "a client of the test, which ends it")]
fn aside<T: Send + 'static>(
    client: impl Future<Output = T> + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    tokio::spawn(client)
}

/// The sessions of clients with this user agent.
async fn sessions(app: &App, agent: &str) -> Vec<Value> {
    let all = app.operator().json("/api/sessions").await;
    all.as_array().unwrap().iter().filter(|s| s["user_agent"] == agent).cloned().collect()
}

/// The only session of a client, `null` when it has none.
async fn session(app: &App, agent: &str) -> Value {
    sessions(app, agent).await.pop().unwrap_or_default()
}

/// A client that decides itself how fast it reads, with next to nothing in its kernel.
struct Wire {
    socket: TcpStream,
    status: u16,
    /// What came after the head.
    bytes: Vec<u8>,
}

impl Wire {
    /// Asks for `path` and reads the head of the answer.
    async fn open(app: &App, path: &str, agent: &str) -> Self {
        let host = app.base.trim_start_matches("http://");
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(8 * 1024).unwrap();
        let mut socket = socket.connect(host.parse().unwrap()).await.unwrap();
        // HTTP/1.0 asks for bytes without chunks between them.
        let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: {agent}\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { socket, status, bytes: Vec::new() }
    }

    /// Reads until there are `length` bytes in all, or the stream ends.
    async fn read_on(&mut self, length: usize) {
        let mut block = [0; 4_096];
        while self.bytes.len() < length {
            let most = (length - self.bytes.len()).min(block.len());
            match self.socket.read(&mut block[..most]).await {
                Ok(0) | Err(_) => return,
                Ok(count) => self.bytes.extend_from_slice(&block[..count]),
            }
        }
    }

    fn whole(&self) -> &[u8] {
        &self.bytes[..self.bytes.len() / PACKET * PACKET]
    }
}
