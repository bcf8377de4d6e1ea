//! Backups: copies of the database taken while it is in use.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::db::{check, create_private, file_error};
use super::readers::open_reader;
use super::{Db, StorageError};
use crate::domain::UtcMillis;
use crate::foundation::files;

const PREFIX: &str = "exstreamtv-";
const SUFFIX: &str = ".db";

impl Db {
    /// Writes a copy of the committed state of this moment to `to`, while reading and writing go
    /// on; replaces `to` only when the copy is whole and on the disk.
    ///
    /// The copy is one self-contained file. A later [`Self::open`] takes it as it is.
    ///
    /// # Errors
    /// When it cannot be written or does not pass SQLite's check; `to` is as it was then.
    pub async fn backup(&self, to: &Path) -> Result<(), StorageError> {
        let (from, to) = (Arc::clone(&self.path), to.to_owned());
        aside("backup", move || copy_database(&from, &to)).await
    }

    /// Writes a backup named after `now` into `folder`, which is made if it is not there, and
    /// keeps the latest `keep` of its kind, at least the new one.
    ///
    /// # Errors
    /// As [`Self::backup`]; old backups are removed only after the new one is on the disk.
    pub async fn backup_into(
        &self,
        folder: &Path,
        keep: usize,
        now: UtcMillis,
    ) -> Result<PathBuf, StorageError> {
        let (from, folder) = (Arc::clone(&self.path), folder.to_owned());
        // Colons are no good in file names everywhere.
        let name = format!("{PREFIX}{now}{SUFFIX}").replace(':', "-");
        aside("backup", move || {
            fs::create_dir_all(&folder).map_err(file_error("make the backup folder", &folder))?;
            let to = folder.join(name);
            copy_database(&from, &to)?;
            drop_oldest(&folder, keep.max(1)).map_err(file_error("remove old backups", &folder))?;
            Ok(to)
        })
        .await
    }
}

/// Runs blocking work on a thread for it and logs its fault once.
async fn aside<T: Send + 'static>(
    op: &'static str,
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    let done = tokio::task::spawn_blocking(work).await;
    let result = done.unwrap_or(Err(StorageError::Panicked { op }));
    if let Err(error) = &result {
        error.log(op);
    }
    result
}

/// Copies the database at `from` beside `to`, checks the copy and puts it in place.
pub(super) fn copy_database(from: &Path, to: &Path) -> Result<(), StorageError> {
    let part = files::part_of(to);
    match fs::remove_file(&part) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            return Err(file_error("remove an unfinished backup", &part)(e));
        }
        _ => {}
    }
    create_private(&part)?;
    let source = open_reader(from)?;
    let copy = || -> rusqlite::Result<Connection> {
        let mut target = Connection::open(&part)?;
        let backup = Backup::new(&source, &mut target)?;
        // All pages in one step: a read transaction holds one state for the copy, while with
        // several steps every write would make it start again.
        while backup.step(-1)? != StepResult::Done {
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(backup);
        // Without the log's companions, the copy is one file.
        target.pragma_update(None, "journal_mode", "DELETE")?;
        Ok(target)
    };
    let target = copy().map_err(|e| StorageError::of("backup", e))?;
    check(&target)?;
    target.close().map_err(|(_, e)| StorageError::of("backup", e))?;
    files::put_in_place(&part, to).map_err(file_error("put the backup in place", to))
}

/// Removes all but the latest `keep` backups; what is named otherwise stays.
fn drop_oldest(folder: &Path, keep: usize) -> io::Result<()> {
    let mut backups = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX)) {
            backups.push(path);
        }
    }
    // The names hold the time in an order that text sorts.
    backups.sort();
    let old = backups.len().saturating_sub(keep);
    backups[..old].iter().try_for_each(fs::remove_file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_latest_backups_are_kept_and_other_files_are_left_alone() {
        let folder = tempfile::TempDir::new().unwrap();
        let db = Db::open(&folder.path().join("test.db")).unwrap();
        let backups = folder.path().join("backups");
        fs::create_dir(&backups).unwrap();
        fs::write(backups.join("mine.db"), "").unwrap();
        for day in 0..4 {
            let now = UtcMillis(1_763_800_000_000 + day * 86_400_000);
            let made = db.backup_into(&backups, 2, now).await.unwrap();
            assert!(made.is_file());
        }
        let names = fs::read_dir(&backups).unwrap().map(|e| e.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        let kept =
            ["exstreamtv-2025-11-24T08-26-40.000Z.db", "exstreamtv-2025-11-25T08-26-40.000Z.db"];
        assert_eq!(names, [kept[0], kept[1], "mine.db"]);
    }
}
