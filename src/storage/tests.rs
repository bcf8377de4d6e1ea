//! Storage with real files.

mod killed;
mod plans;
mod search;
mod tables;

use std::path::Path;

use rusqlite::Connection;
use tempfile::TempDir;

use super::{Db, StorageError};

/// A database in a folder of its own.
struct Home {
    folder: TempDir,
    db: Db,
}

impl Home {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let db = Db::open(&folder.path().join("test.db")).unwrap();
        Self { folder, db }
    }
}

#[tokio::test]
async fn a_failed_write_leaves_nothing_behind() {
    let home = Home::new();
    let failed = home
        .db
        .write("half a change", |t| {
            t.execute("INSERT INTO settings VALUES ('a', '1')", [])?;
            t.execute("INSERT INTO nowhere VALUES (1)", [])
        })
        .await;
    assert!(matches!(failed, Err(StorageError::Failed { op: "half a change", .. })), "{failed:?}");
    assert_eq!(home.db.setting("a").await.unwrap(), None);
}

#[tokio::test]
async fn a_panic_in_a_write_is_undone_and_the_next_write_works() {
    let home = Home::new();
    let failed: Result<(), _> = home
        .db
        .write("panic", |t| {
            t.execute("INSERT INTO settings VALUES ('a', '1')", [])?;
            panic!("on purpose")
        })
        .await;
    assert!(matches!(failed, Err(StorageError::Panicked { op: "panic" })), "{failed:?}");
    home.db.set_setting("b", "2").await.unwrap();
    assert_eq!(home.db.setting("a").await.unwrap(), None);
    assert_eq!(home.db.setting("b").await.unwrap().as_deref(), Some("2"));
}

#[tokio::test]
async fn a_panic_in_a_read_costs_no_connection() {
    let home = Home::new();
    for _ in 0..10 {
        let failed: Result<(), _> = home.db.read("panic", |_| panic!("on purpose")).await;
        assert!(matches!(failed, Err(StorageError::Panicked { .. })), "{failed:?}");
    }
    assert_eq!(home.db.setting("a").await.unwrap(), None);
}

#[tokio::test]
async fn a_read_after_an_acknowledged_write_sees_it() {
    let home = Home::new();
    for n in 0..50 {
        home.db.set_setting("n", &n.to_string()).await.unwrap();
        assert_eq!(home.db.setting("n").await.unwrap(), Some(n.to_string()));
    }
}

#[tokio::test]
async fn when_the_queue_is_full_writers_wait_and_none_is_lost() {
    let home = Home::new();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let slow = home.db.write("slow", move |_| {
        released.recv().unwrap();
        Ok(())
    });
    // More than the queue holds, all asked for before the slow one may end.
    let waiting = (0..600).map(|n| {
        let db = home.db.clone();
        async move { db.set_setting(&n.to_string(), "x").await.unwrap() }
    });
    let everything = async {
        tokio::join!(futures_util::future::join_all(waiting), async { release.send(()).unwrap() })
    };
    let (slow, _) = tokio::join!(slow, everything);
    slow.unwrap();
    let count = home.db.read("count", |c| {
        c.query_row("SELECT count(*) FROM settings", [], |row| row.get::<_, i64>(0))
    });
    assert_eq!(count.await.unwrap(), 600);
}

#[tokio::test]
async fn a_write_through_a_reader_is_refused() {
    let home = Home::new();
    let refused =
        home.db.read("write", |c| c.execute("INSERT INTO settings VALUES ('a', '1')", [])).await;
    assert!(matches!(refused, Err(StorageError::Failed { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_closed_database_says_so() {
    let home = Home::new();
    let clone = home.db.clone();
    home.db.close().await.unwrap();
    assert!(matches!(clone.set_setting("a", "1").await, Err(StorageError::Closed)));
    assert!(matches!(clone.setting("a").await, Err(StorageError::Closed)));
    let files: Vec<_> = std::fs::read_dir(home.folder.path()).unwrap().collect();
    assert_eq!(files.len(), 1, "the log is folded into the database: {files:?}");
}

#[test]
fn a_file_that_is_no_database_is_called_damaged_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("test.db");
    let text = "this is not a database at all. ".repeat(100);
    std::fs::write(&path, &text).unwrap();
    let refused = Db::open(&path).unwrap_err();
    assert!(matches!(refused, StorageError::Corrupt { .. }), "{refused:?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_damaged_page_is_found_at_open() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("test.db");
    let db = Db::open(&path).unwrap();
    for n in 0..200 {
        db.set_setting(&format!("key {n}"), &"x".repeat(1000)).await.unwrap();
    }
    db.close().await.unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0xA5);
    std::fs::write(&path, bytes).unwrap();
    let refused = Db::open(&path).unwrap_err();
    assert!(matches!(refused, StorageError::Corrupt { .. }), "{refused:?}");
}

#[test]
fn a_database_of_a_later_version_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("test.db");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 9_999).unwrap();
    let refused = Db::open(&path).unwrap_err();
    assert!(matches!(refused, StorageError::Newer { found: 9_999, .. }), "{refused:?}");
    assert!(refused.to_string().contains("schema version 9999"), "{refused}");
}

#[test]
fn a_database_to_look_at_is_not_created() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("test.db");
    assert!(matches!(Db::open_existing(&path), Err(StorageError::Missing { .. })));
    assert!(!path.exists());
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_the_database() {
    use std::os::unix::fs::PermissionsExt;

    let home = Home::new();
    home.db.set_setting("a", "1").await.unwrap();
    for file in std::fs::read_dir(home.folder.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?} has mode {mode:o}", file.path());
    }
}

#[test]
fn migrating_twice_changes_nothing_the_second_time() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("test.db");
    let first = Db::migrate(&path).unwrap();
    let second = Db::migrate(&path).unwrap();
    assert_eq!((first.from, second.from), (0, first.to));
    assert_eq!(second.from, second.to);
}

#[tokio::test]
async fn a_backup_taken_while_writing_is_whole() {
    let home = Home::new();
    let writer = home.db.clone();
    let to = home.folder.path().join("backup.db");
    // Each write keeps `a` and `b` equal; a torn copy would not.
    let writing = async {
        for n in 0..300 {
            writer
                .write("two rows", move |t| {
                    t.execute("INSERT OR REPLACE INTO settings VALUES ('a', ?1)", [n.to_string()])?;
                    t.execute("INSERT OR REPLACE INTO settings VALUES ('b', ?1)", [n.to_string()])
                })
                .await
                .unwrap();
        }
    };
    let backing_up = async {
        for _ in 0..5 {
            home.db.backup(&to).await.unwrap();
            check_pair(&to);
        }
    };
    tokio::join!(writing, backing_up);
    let copy = Db::open(&to).unwrap();
    assert_eq!(copy.setting("a").await.unwrap(), copy.setting("b").await.unwrap());
}

#[track_caller]
fn check_pair(path: &Path) {
    let copy = Connection::open(path).unwrap();
    let values: i64 =
        copy.query_row("SELECT count(DISTINCT value) FROM settings", [], |row| row.get(0)).unwrap();
    assert!(values <= 1, "the copy holds {values} different values");
}
