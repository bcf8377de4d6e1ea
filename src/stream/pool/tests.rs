use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

fn pool(max_processes: usize, spawns_per_second: u32) -> (Arc<Pool>, Stop, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let stop = Stop::new();
    let limits = Limits { max_processes, spawns_per_second, ..Limits::default() };
    let pool = Pool::start(limits, &stop, folder.path()).unwrap();
    (pool, stop, folder)
}

fn words(line: &str) -> (OsString, Vec<OsString>) {
    let mut words = line.split(' ').map(OsString::from);
    (words.next().unwrap(), words.collect())
}

async fn spawn(pool: &Pool, line: &str, priority: Priority) -> Result<Running, ProcessError> {
    let (program, args) = words(line);
    pool.spawn(program, args, priority).await
}

fn command(line: &str, timeout_ms: u64, max_output: usize) -> Command {
    let (program, args) = words(line);
    Command { program, args, timeout: Duration::from_millis(timeout_ms), max_output }
}

fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

async fn idle(pool: &Pool) {
    while pool.load().running > 0 {
        tokio::task::yield_now().await;
    }
}

/// Waits in real time for what another process does.
fn eventually(mut what: impl FnMut() -> bool) -> bool {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(10) {
        if what() {
            return true;
        }
        std::thread::yield_now();
    }
    false
}

#[tokio::test]
async fn a_program_runs_to_its_end() {
    let (pool, _stop, _folder) = pool(4, 50);
    let finished = pool.run(command("echo hello", 5_000, 100)).await.unwrap();
    assert_eq!((finished.code, finished.stdout), (Some(0), b"hello\n".to_vec()));
    let failed = pool.run(command("ls /does/not/exist", 5_000, 100)).await.unwrap();
    assert!(failed.code.is_some_and(|code| code != 0));
    assert!(failed.stderr.contains("No such file"), "{}", failed.stderr);
    assert_eq!(pool.load().started, 2);
    idle(&pool).await;
}

#[tokio::test]
async fn a_missing_program_is_a_start_error() {
    let (pool, _stop, _folder) = pool(4, 50);
    let error = pool.run(command("no-such-program-here", 1_000, 1)).await.unwrap_err();
    assert!(matches!(error, ProcessError::Start { .. }), "{error}");
    assert_eq!(pool.load().running, 0);
}

#[tokio::test]
async fn a_slow_program_and_a_chatty_one_are_ended() {
    let (pool, _stop, _folder) = pool(4, 50);
    let slow = pool.run(command("sleep 60", 50, 1)).await.unwrap_err();
    assert!(matches!(slow, ProcessError::TimedOut { .. }), "{slow}");
    let chatty = pool.run(command("yes", 5_000, 1000)).await.unwrap_err();
    assert!(matches!(chatty, ProcessError::TooMuchOutput { .. }), "{chatty}");
    idle(&pool).await;
}

#[tokio::test]
async fn dropping_a_process_kills_its_whole_group() {
    let (pool, _stop, folder) = pool(4, 50);
    let args = vec!["-c".into(), "sleep 60 & echo $!; wait".into()];
    let mut running = pool.spawn("bash".into(), args, Priority::Live).await.unwrap();
    let mut line = [0; 16];
    let count = running.stdout.read(&mut line).await.unwrap();
    let grandchild: u32 = String::from_utf8_lossy(&line[..count]).trim().parse().unwrap();
    assert!(is_alive(grandchild));
    assert_eq!(std::fs::read_dir(folder.path().join("children")).unwrap().count(), 1);
    drop(running);
    idle(&pool).await;
    assert!(eventually(|| !is_alive(grandchild)));
    assert_eq!(std::fs::read_dir(folder.path().join("children")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_deaf_process_is_killed_after_the_grace() {
    let (pool, _stop, _folder) = pool(4, 50);
    let args = vec!["-c".into(), "trap '' TERM; echo ready; while true; do sleep 1; done".into()];
    let mut running = pool.spawn("bash".into(), args, Priority::Live).await.unwrap();
    let mut line = [0; 16];
    assert!(running.stdout.read(&mut line).await.unwrap() > 0);
    running.kill();
    assert_eq!(running.wait().await, Exit { code: None, signal: Some(9) });
}

#[tokio::test]
async fn stderr_comes_as_lines() {
    let (pool, _stop, _folder) = pool(4, 50);
    let args = vec!["-c".into(), "echo one >&2; printf 'two\\033' >&2".into()];
    let mut running = pool.spawn("bash".into(), args, Priority::Live).await.unwrap();
    assert_eq!(running.stderr.recv().await.as_deref(), Some("one"));
    assert_eq!(running.stderr.recv().await.as_deref(), Some("two\u{fffd}"));
    assert_eq!(running.wait().await, Exit { code: Some(0), signal: None });
}

#[tokio::test]
async fn background_is_niced_and_live_is_not() {
    let (pool, _stop, _folder) = pool(4, 50);
    let finished = pool.run(command("nice", 5_000, 100)).await.unwrap();
    assert_eq!(finished.stdout, b"15\n");
    let mut running = spawn(&pool, "nice", Priority::Live).await.unwrap();
    let mut line = String::new();
    running.stdout.read_to_string(&mut line).await.unwrap();
    assert_eq!(line, "0\n");
}

#[tokio::test]
async fn starts_are_spread_by_the_token_bucket() {
    let (pool, _stop, _folder) = pool(20, 10);
    let begin = Instant::now();
    for _ in 0..15 {
        spawn(&pool, "true", Priority::Live).await.unwrap();
    }
    assert!(begin.elapsed() >= Duration::from_millis(400), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_viewer_who_finds_no_place_is_refused_and_counted() {
    let (pool, _stop, _folder) = pool(1, 50);
    let _running = spawn(&pool, "sleep 60", Priority::Live).await.unwrap();
    let refused = spawn(&pool, "sleep 60", Priority::Live).await.unwrap_err();
    assert!(matches!(refused, ProcessError::Refused { reason: "capacity" }), "{refused}");
    assert_eq!(pool.load().rejected["capacity"], 1);
    assert_eq!(pool.load().running, 1);
}

#[tokio::test]
async fn stopping_ends_every_child() {
    let (pool, stop, _folder) = pool(4, 50);
    let running = spawn(&pool, "sleep 60", Priority::Live).await.unwrap();
    let pid = running.pid;
    assert_eq!(stop.drain(Duration::from_secs(10)).await, 0);
    assert!(!is_alive(pid));
    let refused = spawn(&pool, "true", Priority::Live).await.unwrap_err();
    assert!(matches!(refused, ProcessError::Refused { reason: "stopping" }), "{refused}");
}

/// Processes come, are killed, dropped and end by themselves, in an order of chance.
#[tokio::test]
async fn whatever_happens_the_limits_hold_and_everything_is_reaped() {
    const LIMIT: usize = 3;
    const RATE: u32 = 20;
    let began = Instant::now();
    let (pool, _stop, folder) = pool(LIMIT, RATE);
    let mut chance = StdRng::seed_from_u64(4);
    let mut pids = Vec::new();
    let mut running: Vec<Running> = Vec::new();
    for _ in 0..60 {
        match chance.random_range(0..6) {
            0 => drop(running.pop()),
            1 => running.iter().for_each(Running::kill),
            2 => {
                let asked = pool.run(command("true", 5_000, 1));
                // Given up in the middle, at whatever it waits for.
                drop(tokio::time::timeout(Duration::from_millis(20), asked).await);
            }
            what if running.len() < LIMIT => {
                let line = if what == 3 { "true" } else { "sleep 60" };
                let child = spawn(&pool, line, Priority::Live).await.unwrap();
                pids.push(child.pid);
                running.push(child);
            }
            _ => running.clear(),
        }
        let load = pool.load();
        assert!(load.running <= LIMIT, "{load:?}");
        let most = f64::from(RATE) * (began.elapsed().as_secs_f64() + 1.0);
        assert!(u32::try_from(load.started).is_ok_and(|n| f64::from(n) <= most + 1.0), "{load:?}");
    }
    drop(running);
    idle(&pool).await;
    assert!(eventually(|| pids.iter().all(|pid| !is_alive(*pid))));
    assert_eq!(std::fs::read_dir(folder.path().join("children")).unwrap().count(), 0);
}

/// Set in the copy of this test binary that stands for a server.
const HELPER: &str = "POOL_TEST_HELPER";

#[test]
fn no_child_outlives_a_server_that_was_killed() {
    assert!(kill_a_server_and_see_its_child_go(None));
}

/// The signal that ties a child to its server is armed by the child's first program; here that
/// program takes its time, and the server is gone before.
#[test]
fn a_child_whose_server_went_before_the_signal_was_armed_ends_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let slow = folder.path().join("setpriv");
    std::fs::write(&slow, "#!/bin/sh\nPATH=/usr/bin:/bin\nsleep 0.2\nexec setpriv \"$@\"\n")
        .unwrap();
    std::fs::set_permissions(&slow, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert!(kill_a_server_and_see_its_child_go(Some(folder.path())));
}

#[expect(clippy::disallowed_methods, reason = "the parent is killed from outside")]
fn kill_a_server_and_see_its_child_go(first_in_path: Option<&std::path::Path>) -> bool {
    let this = std::env::current_exe().unwrap();
    let name = "stream::pool::tests::the_server_that_will_be_killed";
    let path = std::env::var_os("PATH").unwrap();
    let path = first_in_path
        .map(std::path::Path::to_owned)
        .into_iter()
        .chain(std::env::split_paths(&path));
    let mut server = std::process::Command::new(this)
        .args(["--exact", name, "--nocapture"])
        .env("PATH", std::env::join_paths(path).unwrap())
        .env(HELPER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let pid = lines.find_map(|line| line.unwrap().split("child=").nth(1)?.trim().parse().ok());
    let pid: u32 = pid.unwrap();
    assert!(is_alive(pid));
    server.kill().unwrap();
    server.wait().unwrap();
    eventually(|| !is_alive(pid))
}

#[tokio::test]
async fn the_server_that_will_be_killed() {
    if std::env::var_os(HELPER).is_none() {
        return;
    }
    let (pool, _stop, _folder) = pool(4, 50);
    let running = spawn(&pool, "sleep 60", Priority::Background).await.unwrap();
    std::io::Write::write_all(
        &mut std::io::stdout(),
        format!("\nchild={}\n", running.pid).as_bytes(),
    )
    .unwrap();
    // Ends with the pipe of whoever waits for it, should the kill never come.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    std::future::pending::<()>().await;
}
