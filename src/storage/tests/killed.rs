//! What a process that is killed while it writes leaves behind.
//!
//! The test starts its own binary again as a child: the child writes and says after each
//! acknowledgement what was acknowledged; the parent kills it and compares.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Stdio};

use tempfile::TempDir;

use super::super::Db;

/// Tells the child where the database is; its absence makes the helper test do nothing.
const CHILD: &str = "EXSTREAMTV_TEST_WRITE_UNTIL_KILLED";

#[tokio::test]
async fn whatever_was_acknowledged_before_a_kill_is_there_and_the_chain_of_writes_is_whole() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("test.db");
    let mut last = 0;
    for round in 1..=5 {
        last = write_until_killed(&path, last, 40 * round);
        let db = Db::open(&path).unwrap();
        let rows = db
            .read("count", |c| {
                c.query_row("SELECT count(*), max(CAST(key AS INTEGER)) FROM settings", [], |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
                })
            })
            .await
            .unwrap();
        // The write in flight may be there or not; it is never there by half or out of order.
        assert!(rows.0 == rows.1 && (last..=last + 1).contains(&rows.0), "{rows:?}, not {last}");
        last = rows.0;
        db.close().await.unwrap();
    }
}

/// Lets a child write from `last` on, kills it after `enough` acknowledgements, and returns the
/// last one that it gave.
fn write_until_killed(path: &Path, mut last: i64, enough: i64) -> i64 {
    #[expect(clippy::disallowed_methods, reason = "the test kills this very binary")]
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "--nocapture", "--test-threads=1"])
        .arg("storage::tests::killed::writes_until_killed")
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = Killed(command.spawn().unwrap());
    let output = child.0.stdout.take().unwrap();
    let until = last + enough;
    for line in BufReader::new(output).lines() {
        let line = line.unwrap();
        let Some(number) = line.strip_prefix("acknowledged ") else { continue };
        last = number.parse().unwrap();
        if last == until {
            child.0.kill().unwrap();
        }
    }
    assert!(last >= until, "the child ended by itself at {last}");
    last
}

/// A child that does not outlive the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may be dead already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The child. Run by itself it does nothing.
#[tokio::test]
async fn writes_until_killed() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let db = Db::open(Path::new(&path)).unwrap();
    let last: i64 = db
        .read("count", |c| c.query_row("SELECT count(*) FROM settings", [], |row| row.get(0)))
        .await
        .unwrap();
    for n in last + 1.. {
        db.set_setting(&n.to_string(), &"x".repeat(500)).await.unwrap();
        // Not `println!`: the line must leave the process before the next write begins.
        let mut output = std::io::stdout().lock();
        writeln!(output, "acknowledged {n}").unwrap();
        output.flush().unwrap();
    }
}
