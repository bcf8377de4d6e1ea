//! The binary: what it prints, how it ends, and what is left when it is killed.

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::app::run;
use crate::support::media::kinds_of_source;
use crate::support::programs;

const BINARY: &str = env!("CARGO_BIN_EXE_exstreamtv");

#[test]
fn port_zero_prints_where_it_listens_and_sigterm_ends_with_zero() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Running::serve(folder.path(), &[]);
    assert!(server.get("/api/health/live").is_ok());
    server.signal(Signal::TERM);
    assert_eq!(server.wait(), Some(0));
}

#[test]
fn a_killed_server_starts_again_with_its_channels_and_an_intact_audit() {
    let folder = tempfile::tempdir().unwrap();
    let library = kinds_of_source().to_str().unwrap();
    let server = Running::serve(folder.path(), &["--library", library]);
    let before = server.until_lineup();
    server.signal(Signal::KILL);
    drop(server);

    let again = Running::serve(folder.path(), &[]);
    assert_eq!(again.until_lineup(), before);
    drop(again);
    let data = folder.path().to_str().unwrap();
    let verify = programs::run(BINARY, &["audit", "verify", "--data-dir", data]);
    assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stdout));
}

#[test]
fn a_session_that_was_open_when_the_server_was_killed_is_closed_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let library = kinds_of_source().to_str().unwrap();
    let server = Running::serve(folder.path(), &["--library", library]);
    let first = server.until_lineup()[0].split('"').nth(1).unwrap().to_owned();
    let mut wire = std::net::TcpStream::connect(server.base.trim_start_matches("http://")).unwrap();
    write!(wire, "GET /iptv/channel/{first}.ts HTTP/1.0\r\nHost: x\r\n\r\n").unwrap();
    wire.read_exact(&mut [0; 64]).unwrap();
    let db = rusqlite::Connection::open(folder.path().join("exstreamtv.db")).unwrap();
    let open = || -> i64 {
        let count = "SELECT count(*) FROM sessions WHERE ended_ms IS NULL";
        db.query_row(count, [], |row| row.get(0)).unwrap()
    };
    let began = Instant::now();
    while open() == 0 {
        assert!(began.elapsed() < Duration::from_secs(60), "the session was never written");
        std::thread::sleep(Duration::from_millis(100));
    }
    server.signal(Signal::KILL);
    drop((server, wire));

    let again = Running::serve(folder.path(), &[]);
    again.until_lineup();
    assert_eq!(open(), 0);
    let history = again.get("/api/sessions/history").unwrap();
    assert!(history.contains("\"ended_why\":\"lost\""), "{history}");
}

#[test]
fn a_killed_server_leaves_no_process_and_the_next_start_strikes_them_all() {
    let folder = tempfile::tempdir().unwrap();
    let library = kinds_of_source().to_str().unwrap();
    let server = Running::serve(folder.path(), &["--library", library]);
    // Probes first, then what is prepared ahead: there is always something running.
    let record = folder.path().join("run/children");
    let began = Instant::now();
    let recorded = || -> Vec<u32> {
        let names = std::fs::read_dir(&record).into_iter().flatten().flatten();
        names.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
    };
    while recorded().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(60), "nothing is started");
        std::thread::sleep(Duration::from_millis(5));
    }
    server.signal(Signal::KILL);
    drop(server);
    let left = recorded();
    let began = Instant::now();
    while left.iter().any(|pid| is_alive(*pid)) {
        assert!(began.elapsed() < Duration::from_secs(30), "{left:?} outlive their server");
        std::thread::sleep(Duration::from_millis(20));
    }

    // One that slipped away all the same, as without a parent-death signal.
    #[expect(clippy::disallowed_methods, reason = "stands for the child of an earlier server")]
    let mut command = std::process::Command::new("sleep");
    let mut orphan = command.arg("300").process_group(0).stdin(Stdio::null()).spawn().unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", orphan.id())).unwrap();
    let began_at = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let line = format!("{} {began_at}\n", boot.trim());
    std::fs::write(record.join(orphan.id().to_string()), line).unwrap();

    let again = Running::serve(folder.path(), &[]);
    assert!(again.get("/api/health/live").is_ok());
    assert_eq!(orphan.wait().unwrap().signal(), Some(9));
    let struck = recorded();
    assert!(!struck.contains(&orphan.id()) && left.iter().all(|pid| !struck.contains(pid)));
}

fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[test]
fn a_mistake_in_the_configuration_is_told_before_a_port_is_bound() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, "server:\n  port: 99999\nstreaming:\n  lead_seconds: 0\n").unwrap();
    let (data, file) = (folder.path().to_str().unwrap(), file.to_str().unwrap());
    let output = programs::run(BINARY, &["serve", "--data-dir", data, "--config", file]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("server.port") && said.contains("streaming.lead_seconds"), "{said}");
}

/// The binary, serving.
struct Running {
    child: Child,
    base: String,
    /// Kept open: a server whose output nobody takes may end.
    _output: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn serve(data: &Path, more: &[&str]) -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the server, not a child of it")]
        let mut child = std::process::Command::new(BINARY)
            .args(["serve", "--port", "0", "--host", "127.0.0.1", "--data-dir"])
            .arg(data)
            .args(more)
            .env("EXSTREAMTV_HDHOMERUN__UDP_PORT", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let base = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                line.split_whitespace().find(|w| w.starts_with("http://")).map(String::from)
            })
            .expect("the server prints its address");
        Self { child, base: base.trim_end_matches('/').to_owned(), _output: lines }
    }

    fn get(&self, path: &str) -> Result<String, String> {
        let url = format!("{}{path}", self.base);
        run(async {
            let answer = reqwest::get(&url).await.and_then(reqwest::Response::error_for_status);
            answer
                .map_err(|error| error.to_string())?
                .text()
                .await
                .map_err(|error| error.to_string())
        })
    }

    /// The line-up, once there is one; without addresses, which change with the port.
    fn until_lineup(&self) -> Vec<String> {
        let began = Instant::now();
        loop {
            let lineup = self.get("/lineup.json").unwrap_or_default();
            let entries: Vec<serde_json::Value> = serde_json::from_str(&lineup).unwrap_or_default();
            if !entries.is_empty() {
                return entries
                    .iter()
                    .map(|e| format!("{} {}", e["GuideNumber"], e["GuideName"]))
                    .collect();
            }
            assert!(began.elapsed() < Duration::from_secs(60), "no line-up: {lineup}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // reason: it may have ended by itself.
        self.child.kill().ok();
        self.child.wait().unwrap();
    }
}
