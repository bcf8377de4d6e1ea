//! A real server as a process of its own, and what the system says about it.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_exstreamtv");

/// The binary, serving; ended when dropped.
pub struct Server {
    child: Child,
    /// Such as `127.0.0.1:40123`.
    pub host: String,
    /// From the start of the process to its first answer.
    pub ready_after: Duration,
    http: reqwest::Client,
    /// Kept open: a server whose output nobody takes may end.
    _output: Lines<BufReader<ChildStdout>>,
}

impl Server {
    /// Starts it on `data` with settings such as `("STREAMING__AHEAD_MINUTES", "0")`, and waits for
    /// its first answer.
    pub async fn start(data: &Path, libraries: &[&Path], settings: &[(&str, &str)]) -> Self {
        let began = Instant::now();
        #[expect(clippy::disallowed_methods, reason = "this is the server, not a child of it")]
        let mut command = Command::new(BINARY);
        command.args(["serve", "--port", "0", "--host", "127.0.0.1", "--data-dir"]).arg(data);
        for library in libraries {
            command.arg("--library").arg(library);
        }
        command.env("EXSTREAMTV_HDHOMERUN__UDP_PORT", "0");
        command.env("EXSTREAMTV_SESSION_MANAGER__MAX_SESSIONS_PER_CHANNEL", "10000");
        command.env("EXSTREAMTV_PLAYOUT__BUILD_DAYS", "1");
        for (key, value) in settings {
            command.env(format!("EXSTREAMTV_{key}"), value);
        }
        let log = fs::File::create(data.with_extension("log")).unwrap();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(log))
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let found = lines.by_ref().map_while(Result::ok).find_map(|line| {
            line.split_whitespace().find_map(|word| word.strip_prefix("http://").map(String::from))
        });
        let host = found.expect("the server prints its address");
        let host = host.trim_end_matches('/').to_owned();
        let http = reqwest::Client::new();
        let url = format!("http://{host}/api/health/live");
        while http.get(&url).send().await.is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let ready_after = began.elapsed();
        Self { child, host, ready_after, http, _output: lines }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self.http.get(format!("http://{}{path}", self.host)).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "GET {path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    pub async fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.http.post(format!("http://{}{path}", self.host)).json(body);
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "POST {path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Waits, at most `limit`, until the line-up is there; gives the numbers of its channels.
    pub async fn line_up(&self, limit: Duration) -> Vec<String> {
        let began = Instant::now();
        loop {
            let lineup = self.get("/lineup.json").await;
            let numbers = lineup.as_array().unwrap().iter();
            let numbers: Vec<String> =
                numbers.map(|entry| entry["GuideNumber"].as_str().unwrap().to_owned()).collect();
            if !numbers.is_empty() {
                return numbers;
            }
            assert!(began.elapsed() < limit, "no line-up after {limit:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Makes channels until there are `count`, all of them playing everything in an order of their
    /// own on `profile`; gives their numbers.
    pub async fn channels(&self, count: usize, profile: &str) -> Vec<String> {
        self.line_up(Duration::from_secs(120)).await;
        let collections = self.get("/api/collections").await;
        let collection = collections.as_array().unwrap()[0]["id"].clone();
        let made = self.get("/api/channels").await.as_array().unwrap().len();
        for nth in made..count {
            let item =
                json!({"collection": collection, "order": "shuffle", "mode": {"type": "flood"}});
            let rules = json!({"seed": nth, "items": [item]});
            let name = format!("Bench {nth}");
            let channel = json!({"name": name, "profile": profile, "rules": rules});
            self.post("/api/channels", &channel).await;
        }
        self.line_up(Duration::from_secs(120)).await
    }

    /// Scans for a new file and makes a channel that plays nothing else; gives its number.
    pub async fn channel_of(&self, file: &str, profile: &str) -> String {
        let libraries = self.get("/api/libraries").await;
        let library = libraries.as_array().unwrap()[0]["id"].clone();
        self.post(&format!("/api/libraries/local/{library}/scan"), &json!({})).await;
        let began = Instant::now();
        let media = loop {
            let media = self.get("/api/media").await;
            let items = media["items"].as_array().or(media.as_array()).cloned().unwrap_or_default();
            let is_it = |item: &&Value| item["url"].as_str().is_some_and(|p| p.ends_with(file));
            if let Some(item) = items.iter().find(is_it) {
                break item["id"].clone();
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{file} is not found: {media}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let selector = json!({"type": "manual", "media": [media]});
        let collection = json!({"name": file, "selector": selector});
        let collection = self.post("/api/collections", &collection).await["id"].clone();
        let item =
            json!({"collection": collection, "order": "chronological", "mode": {"type": "flood"}});
        let rules = json!({"seed": 1, "items": [item]});
        let channel = json!({"name": file, "profile": profile, "rules": rules});
        let made = self.post("/api/channels", &channel).await;
        made["number"].as_str().expect("the number of the channel").to_owned()
    }

    /// Waits until nothing has been prepared for a while.
    pub async fn prepared(&self) {
        let mut quiet_since = Instant::now();
        let mut started = Value::Null;
        let began = Instant::now();
        while quiet_since.elapsed() < Duration::from_secs(5) {
            assert!(began.elapsed() < Duration::from_secs(600), "preparing does not end");
            let pool = self.get("/api/health/detailed").await["pool"].clone();
            let running = pool["active_processes"].as_u64().expect("the number of processes");
            let busy = running > 0 || pool["started_total"] != started;
            if busy {
                quiet_since = Instant::now();
                started = pool["started_total"].clone();
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// What the system says about it now.
    pub fn reading(&self) -> Reading {
        Reading::take(self.pid())
    }

    /// Ends it as an operator would; it must end well.
    pub async fn stop(mut self) {
        signal(self.pid(), Signal::TERM);
        let ended = tokio::task::block_in_place(|| self.child.wait().unwrap());
        assert!(ended.success(), "the server ended with {ended}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // reason: it may have ended by itself.
        self.child.kill().ok();
        // reason: it was waited for, or it is gone now.
        self.child.wait().ok();
    }
}

/// Sends a signal; the process may be gone.
pub fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    // reason: it may have ended in between.
    kill_process(pid, signal).ok();
}

/// A process at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    pub at: Instant,
    /// Processor time used so far, in seconds.
    pub cpu: f64,
    /// Resident memory, and the share of it that is its own, in bytes.
    pub rss: u64,
    pub pss: u64,
    pub descriptors: usize,
    /// Processes below it.
    pub children: usize,
}

impl Reading {
    pub fn take(pid: u32) -> Self {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the server runs");
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        // Linux counts in hundredths, whatever its own tick is.
        #[expect(clippy::cast_precision_loss, reason = "seconds of processor time")]
        let cpu = ticks as f64 / 100.0;
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let field = |name: &str| {
            let line = rollup.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            number.unwrap_or(0) << 10
        };
        Self {
            at: Instant::now(),
            cpu,
            rss: field("Rss:"),
            pss: field("Pss:"),
            descriptors: fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count),
            children: children(pid).len(),
        }
    }
}

/// All processes below `root` with their names.
pub fn children(root: u32) -> Vec<(u32, String)> {
    let mut parents: HashMap<u32, (u32, String)> = HashMap::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // reason: it may have ended in between.
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let Some((head, tail)) = stat.rsplit_once(')') else { continue };
        let name = head.split_once('(').map_or("", |(_, name)| name).to_owned();
        let mut fields = tail.split_whitespace();
        let (state, parent) = (fields.next(), fields.next().and_then(|text| text.parse().ok()));
        if let (Some(parent), false) = (parent, state == Some("Z")) {
            parents.insert(pid, (parent, name));
        }
    }
    let below = |mut pid: u32| {
        while let Some((parent, _)) = parents.get(&pid) {
            if *parent == root {
                return true;
            }
            pid = *parent;
        }
        false
    };
    let found = parents.iter().filter(|(pid, _)| below(**pid));
    found.map(|(pid, (_, name))| (*pid, name.clone())).collect()
}
