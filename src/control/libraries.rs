//! Libraries as a use case: add a folder, scan it, store what the scan finds, remove it.
//!
//! One scan runs at a time and what it finds is stored batch by batch, so that the first files can
//! air while the rest is read. A scan that fails keeps everything that was known.
//!
//! Others follow along through [`Libraries::changes`], which tells that media changed or a scan
//! ended and never what: whoever wakes reads the database, so no change can be missed.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, mpsc, watch};

use crate::domain::check_name;
use crate::domain::{
    InvalidField, Library, LibraryId, LibraryKind, NewLibrary, ScanBatch, ScanProgress, ScanState,
    Upstream, UtcMillis,
};
use crate::formats::playlist::is_playable;
use crate::foundation::clock::SharedClock;
use crate::foundation::process::Processes;
use crate::foundation::reach::Outside;
use crate::foundation::stop::Stop;
use crate::library::scan::{Problem, Scan, ScanError, ScanSummary};
use crate::storage::{Db, StorageError};

/// Why something about a library could not be done.
#[derive(Debug, thiserror::Error)]
pub enum LibrariesError {
    /// A value cannot be taken.
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// There is no such library.
    #[error("library {0} does not exist")]
    NotFound(LibraryId),
    /// It cannot be done as things are.
    #[error("{what}; {fix}")]
    Conflict {
        /// What is in the way.
        what: String,
        /// What to do instead.
        fix: String,
    },
    /// The database could not do it; storage has logged why.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Counters that move when the libraries' media changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes {
    /// Times that stored media changed (a batch stored, files missing, a library removed).
    pub media: u64,
    /// Scans that ran to their end.
    pub scans: u64,
}

/// The use case; cheap to clone.
#[derive(Debug, Clone)]
pub struct Libraries {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    db: Db,
    processes: Arc<dyn Processes>,
    ffprobe: OsString,
    outside: Outside,
    clock: SharedClock,
    stop: Stop,
    /// One scan at a time: two would only fight for the disk and the pool.
    turn: Semaphore,
    scans: Mutex<HashMap<LibraryId, Scanning>>,
    changes: watch::Sender<Changes>,
}

/// The latest scan of a library.
#[derive(Debug)]
struct Scanning {
    progress: ScanProgress,
    problems: Vec<Problem>,
    stop: Stop,
}

impl Libraries {
    /// Puts the use case together; nothing runs until a scan is started.
    pub fn new(
        db: Db,
        processes: Arc<dyn Processes>,
        ffprobe: OsString,
        outside: Outside,
        clock: SharedClock,
        stop: &Stop,
    ) -> Self {
        let inner = Inner {
            db,
            processes,
            ffprobe,
            outside,
            clock,
            stop: stop.child(),
            turn: Semaphore::new(1),
            scans: Mutex::default(),
            changes: watch::Sender::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Wakes when stored media changed or a scan ended.
    pub fn changes(&self) -> watch::Receiver<Changes> {
        self.inner.changes.subscribe()
    }

    /// All libraries, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn list(&self) -> Result<Vec<Library>, LibrariesError> {
        Ok(self.inner.db.list_libraries().await?)
    }

    /// Adds a folder, or a playlist of broadcasts. An empty name takes the folder's or the host's;
    /// a path is stored in its one true form.
    ///
    /// # Errors
    /// When the path is no readable folder, playlist or address, or shares files with another library.
    pub async fn add(&self, new: NewLibrary) -> Result<Library, LibrariesError> {
        let new = checked(new).await?;
        for library in self.list().await? {
            refuse_overlap(&library, &new.path)?;
        }
        let library = self.inner.db.insert_library(new).await.map_err(|problem| match problem {
            // Somebody added the same folder in the meantime.
            StorageError::Conflict { value, .. } => LibrariesError::Conflict {
                what: format!("{value:?} is a library already"),
                fix: "scan that one".to_owned(),
            },
            other => other.into(),
        })?;
        let (id, path) = (library.id, library.place());
        tracing::info!(library.id = %id, library.path = path, "library {id} was added: {path}");
        Ok(library)
    }

    /// Adds a folder, or gives back the library that it is already.
    ///
    /// # Errors
    /// As [`Self::add`], but a folder that is a library already is none.
    pub async fn ensure(&self, new: NewLibrary) -> Result<Library, LibrariesError> {
        let path = checked(new.clone()).await?.path;
        let known = self.list().await?.into_iter().find(|library| library.path == path);
        match known {
            Some(library) => Ok(library),
            None => self.add(new).await,
        }
    }

    /// Removes a library and what is known about its media; the files stay where they are.
    ///
    /// A running scan of it is ended.
    ///
    /// # Errors
    /// When there is none with this id, or it cannot be written.
    pub async fn remove(&self, id: LibraryId) -> Result<(), LibrariesError> {
        self.inner.db.delete_library(id).await.map_err(|problem| not_found(problem, id))?;
        if let Some(scanning) = self.inner.scans().remove(&id) {
            scanning.stop.request();
        }
        self.inner.changed(|changes| changes.media += 1);
        tracing::info!(library.id = %id, "library {id} was removed");
        Ok(())
    }

    /// Starts a scan and answers at once; [`Self::progress`] tells how far it is.
    ///
    /// # Errors
    /// When there is no such library, or a scan of it is running.
    pub async fn start_scan(&self, id: LibraryId) -> Result<ScanProgress, LibrariesError> {
        let all = self.list().await?;
        let library = all.into_iter().find(|library| library.id == id);
        let library = library.ok_or(LibrariesError::NotFound(id))?;
        let stop = self.inner.stop.child();
        let progress = {
            let mut scans = self.inner.scans();
            if scans.get(&id).is_some_and(Scanning::is_running) {
                return Err(LibrariesError::Conflict {
                    what: format!("a scan of library {id} is running"),
                    fix: "wait until it has ended".to_owned(),
                });
            }
            let progress = waiting(id, self.inner.now());
            let scanning =
                Scanning { progress: progress.clone(), problems: Vec::new(), stop: stop.clone() };
            scans.insert(id, scanning);
            progress
        };
        let inner = Arc::clone(&self.inner);
        self.inner.stop.spawn("scan", async move { inner.scan(library, stop).await });
        Ok(progress)
    }

    /// How far the latest scan is, or how it ended; `None` when there was none since the start.
    pub fn progress(&self, id: LibraryId) -> Option<ScanProgress> {
        self.inner.scans().get(&id).map(|scanning| scanning.progress.clone())
    }

    /// What the latest scan could not look at.
    pub fn problems(&self, id: LibraryId) -> Vec<Problem> {
        self.inner.scans().get(&id).map(|scanning| scanning.problems.clone()).unwrap_or_default()
    }
}

impl Inner {
    /// Runs a scan to its end, whatever that is, and notes it.
    async fn scan(&self, library: Library, stop: Stop) {
        let id = library.id;
        let name = library.name.clone();
        let _ending = Ending { inner: self, id };
        let ended = self.scan_and_store(library, &stop).await;
        let now = self.now();
        match ended {
            Ok(ScanSummary { progress, problems, .. }) => {
                tracing::info!(
                    library.id = %id,
                    scan.files = progress.total_files,
                    scan.new = progress.new_items,
                    "library {name:?} was scanned in {} ms: {} files, {} new, {} changed, {} gone, {} unusable",
                    now.since(progress.started_at),
                    progress.total_files,
                    progress.new_items,
                    progress.changed_items,
                    progress.missing_items,
                    progress.errors,
                );
                if let Some(scanning) = self.scans().get_mut(&id) {
                    scanning.progress = ScanProgress { ended_at: Some(now), ..progress };
                    scanning.problems = problems;
                }
                self.changed(|changes| changes.scans += 1);
            }
            Err(failure) => {
                if let Some(scanning) = self.scans().get_mut(&id) {
                    scanning.fail(failure.clone(), now);
                }
                if !stop.is_requested() {
                    tracing::warn!(library.id = %id, "library {name:?} was not scanned: {failure}");
                }
            }
        }
    }

    /// Scans and stores side by side; the error is the text for people.
    async fn scan_and_store(&self, library: Library, stop: &Stop) -> Result<ScanSummary, String> {
        let id = library.id;
        let _turn = tokio::select! {
            turn = self.turn.acquire() => turn.map_err(|closed| closed.to_string())?,
            () = stop.requested() => return Err(with_causes(&ScanError::Stopped)),
        };
        let known = self.db.known_files(id).await.map_err(|problem| with_causes(&problem))?;
        let scan = Scan {
            library,
            known,
            processes: Arc::clone(&self.processes),
            ffprobe: self.ffprobe.clone(),
            clock: Arc::clone(&self.clock),
            outside: self.outside.clone(),
            stop: stop.clone(),
        };
        // When storage is slow the scan waits: what is not stored is not worth reading ahead.
        let (sender, batches) = mpsc::channel(1);
        let report = |progress: &ScanProgress| self.report(progress);
        let (scanned, stored) = tokio::join!(scan.run(report, sender), self.store(batches));
        stored.map_err(|problem| with_causes(&problem))?;
        let summary = scanned.map_err(|problem| with_causes(&problem))?;
        let finish = async {
            if !summary.missing.is_empty() {
                self.db.mark_missing(summary.missing.clone()).await?;
                self.changed(|changes| changes.media += 1);
            }
            self.db.set_last_scan(id, self.now()).await
        };
        finish.await.map_err(|problem| with_causes(&problem))?;
        Ok(summary)
    }

    /// Stores batches as they come; ends early at the first that cannot be stored.
    async fn store(&self, mut batches: mpsc::Receiver<ScanBatch>) -> Result<(), StorageError> {
        while let Some(batch) = batches.recv().await {
            self.db.upsert_media(batch.media, self.now()).await?;
            self.changed(|changes| changes.media += 1);
        }
        Ok(())
    }

    /// Publishes the progress of a running scan; its end is published when all is stored.
    fn report(&self, progress: &ScanProgress) {
        if progress.state == ScanState::Completed {
            return;
        }
        if let Some(scanning) = self.scans().get_mut(&progress.library) {
            scanning.progress = progress.clone();
        }
    }

    fn changed(&self, how: impl FnOnce(&mut Changes)) {
        self.changes.send_modify(how);
    }

    fn now(&self) -> UtcMillis {
        UtcMillis(self.clock.now_ms())
    }

    fn scans(&self) -> MutexGuard<'_, HashMap<LibraryId, Scanning>> {
        // Plain values, whole at every moment: a panic elsewhere cannot have left them half done.
        self.scans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the progress of a scan whose task broke off, so that it is not in the way of the next.
struct Ending<'a> {
    inner: &'a Inner,
    id: LibraryId,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let now = self.inner.now();
        let mut scans = self.inner.scans();
        if let Some(scanning) = scans.get_mut(&self.id).filter(|scanning| scanning.is_running()) {
            scanning.fail("it broke off; the log says why".to_owned(), now);
        }
    }
}

impl Scanning {
    fn fail(&mut self, failure: String, now: UtcMillis) {
        self.progress.state = ScanState::Failed;
        self.progress.current_file = None;
        self.progress.ended_at = Some(now);
        self.progress.failure = Some(failure);
    }

    fn is_running(&self) -> bool {
        match self.progress.state {
            ScanState::Started | ScanState::Running => true,
            ScanState::Completed | ScanState::Failed => false,
        }
    }
}

fn waiting(library: LibraryId, now: UtcMillis) -> ScanProgress {
    ScanProgress {
        library,
        state: ScanState::Started,
        total_files: 0,
        scanned_files: 0,
        new_items: 0,
        changed_items: 0,
        missing_items: 0,
        errors: 0,
        current_file: None,
        started_at: now,
        ended_at: None,
        failure: None,
    }
}

/// Checks name and path, and resolves the path.
async fn checked(new: NewLibrary) -> Result<NewLibrary, InvalidField> {
    if let Some(connections) = new.connections
        && !(1..=100).contains(&connections)
    {
        let problem = format!("{connections} streams at once are not possible");
        let fix = "write 1 to 100, or leave it out when the provider sets no limit";
        return Err(InvalidField::new("connections", problem, fix));
    }
    if new.path.contains("://") {
        return checked_address(new);
    }
    let written = new.path.clone();
    let is_playlist = new.kind == LibraryKind::Live;
    let readable =
        move || if is_playlist { readable_file(&written) } else { readable_folder(&written) };
    let path = tokio::task::spawn_blocking(readable)
        .await
        .unwrap_or_else(|ended| Err(bad_path(&new.path, &format!("cannot be checked: {ended}"))))?;
    let folder = Path::new(&path).file_name().map(|name| name.to_string_lossy().into_owned());
    let name = match new.name.trim() {
        "" => folder.unwrap_or_default().chars().take(100).collect(),
        name => name.to_owned(),
    };
    let name = check_name(&name)?;
    Ok(NewLibrary { name, path, ..new })
}

/// Checks the address of a playlist or a broadcast; whether it answers shows the scan.
fn checked_address(new: NewLibrary) -> Result<NewLibrary, InvalidField> {
    let path = new.path.trim().to_owned();
    let place = Upstream { url: path.clone(), user_agent: None, referrer: None };
    if new.kind != LibraryKind::Live {
        let problem = format!("{} is an address, not a folder", place.host());
        let fix = "choose the kind \"live\" for the address of a playlist or a broadcast";
        return Err(InvalidField::new("path", problem, fix));
    }
    if !is_playable(&path) {
        let problem = format!("{} is no address that can be relayed", place.host());
        let fix = "write an http, https, rtsp, rtmp, srt, udp or rtp address with a host";
        return Err(InvalidField::new("path", problem, fix));
    }
    let name = match new.name.trim() {
        "" => place.host().split_once("://").map_or_else(String::new, |(_, host)| host.to_owned()),
        name => name.to_owned(),
    };
    Ok(NewLibrary { name: check_name(&name)?, path, ..new })
}

/// The absolute path of a playlist, if it is a readable file. Blocks.
fn readable_file(written: &str) -> Result<String, InvalidField> {
    let fix = "write the address of a playlist, or the full path of one that the server can read";
    let bad = |problem: &str| InvalidField::new("path", format!("{written:?} {problem}"), fix);
    let path = std::fs::canonicalize(written).map_err(|problem| bad(&problem.to_string()))?;
    if !path.is_file() {
        return Err(bad("is not a file"));
    }
    std::fs::File::open(&path).map_err(|problem| bad(&format!("cannot be read: {problem}")))?;
    path.into_os_string().into_string().map_err(|_| bad("is not valid UTF-8"))
}

/// The absolute path of a folder without links and `..`, if it can be read. Blocks.
fn readable_folder(written: &str) -> Result<String, InvalidField> {
    if written.trim().is_empty() {
        return Err(InvalidField::new("path", "the path is empty", FIX));
    }
    let path: PathBuf = std::fs::canonicalize(written).map_err(|problem| {
        let missing = problem.kind() == std::io::ErrorKind::NotFound;
        bad_path(written, &if missing { "does not exist".to_owned() } else { problem.to_string() })
    })?;
    if !path.is_dir() {
        return Err(bad_path(written, "is not a folder"));
    }
    if path.parent().is_none() {
        return Err(bad_path(written, "is the whole file system"));
    }
    std::fs::read_dir(&path)
        .map_err(|problem| bad_path(written, &format!("cannot be read: {problem}")))?;
    path.into_os_string().into_string().map_err(|_| bad_path(written, "is not valid UTF-8"))
}

const FIX: &str = "write the full path of a folder with media that the server can read";

fn bad_path(written: &str, problem: &str) -> InvalidField {
    InvalidField::new("path", format!("{written:?} {problem}"), FIX)
}

/// A file belongs to one library, so libraries do not lie in each other.
fn refuse_overlap(library: &Library, path: &str) -> Result<(), LibrariesError> {
    let (have, want) = (Path::new(&library.path), Path::new(path));
    let Library { name, path: theirs, .. } = library;
    let (what, fix) = if have == want {
        (format!("{path:?} is the library {name:?} already"), "scan that one".to_owned())
    } else if want.starts_with(have) {
        (
            format!("{path:?} lies in the library {name:?} ({theirs:?})"),
            "its files are in that library; scan it".to_owned(),
        )
    } else if have.starts_with(want) {
        (
            format!("the library {name:?} ({theirs:?}) lies in {path:?}"),
            "remove that library first, or choose another folder".to_owned(),
        )
    } else {
        return Ok(());
    };
    Err(LibrariesError::Conflict { what, fix })
}

fn not_found(problem: StorageError, id: LibraryId) -> LibrariesError {
    match problem {
        StorageError::NotFound => LibrariesError::NotFound(id),
        other => other.into(),
    }
}

/// An error with everything behind it on one line, for the progress that people read.
fn with_causes(problem: &dyn std::error::Error) -> String {
    let mut text = problem.to_string();
    let mut cause = problem.source();
    while let Some(problem) = cause {
        text = format!("{text}: {problem}");
        cause = problem.source();
    }
    text
}

#[cfg(test)]
mod tests;
