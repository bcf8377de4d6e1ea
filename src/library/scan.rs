//! Scans a library: what is new, what changed, what is gone.
//!
//! A file whose size, time and descriptions are as they were is not touched again, so that ten
//! thousand unchanged files cost only the walk. New and changed ones are probed two at a time and
//! handed over in small batches as they come, so that the first programmes can air while the rest
//! is still being read.
//!
//! Invariant: a scan that cannot see the library says so and takes nothing away. An unmounted share
//! is an empty folder, and an empty folder where files were known is a failure, not a deletion.

mod describe;

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::StreamExt;
use tokio::sync::{mpsc, watch};

use crate::domain::{
    KnownFile, Library, LibraryKind, MediaId, MediaState, ScanBatch, ScanProgress, ScanState,
    ScannedMedia, UtcMillis,
};
use crate::formats::nfo::{self, Nfo};
use crate::foundation::clock::SharedClock;
use crate::foundation::process::{ProcessError, Processes};
use crate::foundation::reach::Outside;
use crate::foundation::stop::Stop;
use crate::library::broadcasts::{self, BroadcastError};
use crate::library::names;
use crate::library::probe::{Probed, probe};
use crate::library::walk::{Found, WalkError, Walked, walk};

pub use crate::library::walk::Problem;

/// Probes at once: enough to keep a disk busy, few enough to leave the channels alone.
const PROBES: usize = 2;
/// Files in a batch at most.
const BATCH: usize = 50;
/// A batch that is not full is handed over after this long.
const BATCH_MS: i64 = 2_000;
/// Unchanged files between two reports of progress.
const REPORT_EVERY: u64 = 200;
/// Largest description that is read.
const NFO_BYTES: u64 = 1 << 20;
/// Most problems that are listed; the count goes on.
const PROBLEMS: usize = 1_000;
/// Never the fingerprint of real descriptions: the next scan reads the file again.
const READ_AGAIN: i64 = -1;

/// Everything a scan needs.
#[derive(Debug, Clone)]
pub struct Scan {
    /// What to scan.
    pub library: Library,
    /// What is stored of it, by path.
    pub known: HashMap<String, KnownFile>,
    /// Who runs ffprobe.
    pub processes: Arc<dyn Processes>,
    /// ffprobe's name or path.
    pub ffprobe: OsString,
    /// For the times in the progress.
    pub clock: SharedClock,
    /// How the sources of broadcasts are asked.
    pub outside: Outside,
    /// Ends the scan early.
    pub stop: Stop,
}

/// What a scan that ran to its end has to say.
#[derive(Debug, Clone, PartialEq)]
pub struct ScanSummary {
    /// The last progress.
    pub progress: ScanProgress,
    /// Media whose files are gone.
    pub missing: Vec<MediaId>,
    /// What could not be looked at, at most a thousand; unplayable media is in the batches.
    pub problems: Vec<Problem>,
}

/// Why a scan ended before it had seen everything. What was handed over before stays good.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The folder is gone or may not be read.
    #[error("the folder {path} cannot be read")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The folder is empty and was not: most likely a disk or share is not mounted.
    #[error(
        "the folder {path} is empty but {held} files were known; mount the disk or share, \
         or remove the library"
    )]
    Emptied {
        /// Which.
        path: String,
        /// Files known before.
        held: usize,
    },
    /// ffprobe cannot be started, so nothing could be learnt about any file.
    #[error("ffprobe cannot be run")]
    NoProbe(#[source] ProcessError),
    /// The playlist of the broadcasts cannot be had.
    #[error(transparent)]
    Broadcasts(#[from] BroadcastError),
    /// The playlist is empty and was not: most likely the provider is in trouble.
    #[error(
        "the playlist is empty but {held} broadcasts were known; look at it in a browser, \
         or remove the library"
    )]
    NoBroadcasts {
        /// Broadcasts known before.
        held: usize,
    },
    /// It was asked to stop, or nobody takes the batches any more.
    #[error("the scan was stopped")]
    Stopped,
}

impl Scan {
    /// Runs the scan, reporting to `progress` and handing new and changed files to `batches`.
    ///
    /// Waits when the receiver is slow. Dropping the future ends the running probes.
    ///
    /// # Errors
    /// When the library cannot be seen, ffprobe cannot be run, or it was stopped.
    pub async fn run(
        mut self,
        progress: impl Fn(&ScanProgress),
        batches: mpsc::Sender<ScanBatch>,
    ) -> Result<ScanSummary, ScanError> {
        let mut report = ScanProgress {
            library: self.library.id,
            state: ScanState::Running,
            total_files: 0,
            scanned_files: 0,
            new_items: 0,
            changed_items: 0,
            missing_items: 0,
            errors: 0,
            current_file: None,
            started_at: self.now(),
            ended_at: None,
            failure: None,
        };
        progress(&report);
        if self.library.kind == LibraryKind::Live {
            return self.tune_in(report, progress, batches).await;
        }
        let walked = self.look(&mut report, &progress).await?;
        let missing = gone(&self.known, &walked);
        report.errors = walked.problems.len() as u64;
        report.missing_items = missing.len() as u64;

        let mut problems = walked.problems;
        problems.truncate(PROBLEMS);
        let jobs = self.changed(walked.files, &mut report, &progress);
        self.read_all(jobs, &mut report, &mut problems, &progress, &batches).await?;

        report.state = ScanState::Completed;
        report.current_file = None;
        report.ended_at = Some(self.now());
        progress(&report);
        Ok(ScanSummary { progress: report, missing, problems })
    }

    /// Reads the broadcasts of a playlist; those that it does not name any more are missing.
    async fn tune_in(
        &self,
        mut report: ScanProgress,
        progress: impl Fn(&ScanProgress),
        batches: mpsc::Sender<ScanBatch>,
    ) -> Result<ScanSummary, ScanError> {
        let found = tokio::select! {
            found = broadcasts::read(&self.library, &self.outside) => found?,
            () = self.stop.requested() => return Err(ScanError::Stopped),
        };
        let held = self.known.values().filter(|known| known.state != MediaState::Missing).count();
        if found.is_empty() && held > 0 {
            return Err(ScanError::NoBroadcasts { held });
        }
        report.total_files = found.len() as u64;
        report.scanned_files = report.total_files;
        let named: HashSet<&str> = found.iter().map(|media| media.path.as_str()).collect();
        let gone = |(path, known): &(&String, &KnownFile)| {
            known.state != MediaState::Missing && !named.contains(path.as_str())
        };
        let mut missing: Vec<MediaId> =
            self.known.iter().filter(gone).map(|(_, known)| known.id).collect();
        missing.sort_unstable();
        report.missing_items = missing.len() as u64;
        let mut media = Vec::new();
        for broadcast in found {
            match self.known.get(&broadcast.path) {
                Some(known)
                    if known.sidecar == broadcast.sidecar && known.state != MediaState::Missing => {
                }
                Some(_) => {
                    report.changed_items += 1;
                    media.push(broadcast);
                }
                None => {
                    report.new_items += 1;
                    media.push(broadcast);
                }
            }
        }
        for part in media.chunks(BATCH) {
            let batch = ScanBatch { library: self.library.id, media: part.to_vec() };
            batches.send(batch).await.map_err(|_| ScanError::Stopped)?;
        }
        report.state = ScanState::Completed;
        report.ended_at = Some(self.now());
        progress(&report);
        Ok(ScanSummary { progress: report, missing, problems: Vec::new() })
    }

    fn now(&self) -> UtcMillis {
        UtcMillis(self.clock.now_ms())
    }

    /// Walks the folder off the runtime, and refuses to believe that everything is gone.
    async fn look(
        &self,
        report: &mut ScanProgress,
        progress: &impl Fn(&ScanProgress),
    ) -> Result<Walked, ScanError> {
        let (count, mut counted) = watch::channel(0_u64);
        let (root, kind) = (PathBuf::from(&self.library.path), self.library.kind);
        let stop = self.stop.clone();
        let walking = tokio::task::spawn_blocking(move || {
            let found = |files| {
                count.send_replace(files);
            };
            walk(&root, kind, || stop.is_requested(), found)
        });
        while counted.changed().await.is_ok() {
            report.total_files = *counted.borrow_and_update();
            progress(report);
        }
        let path = || self.library.path.clone();
        let walked = match walking.await {
            Ok(Ok(walked)) => walked,
            Ok(Err(WalkError::Root(source))) => {
                return Err(ScanError::Unreadable { path: path(), source });
            }
            Ok(Err(WalkError::Stopped)) => return Err(ScanError::Stopped),
            Err(ended) => {
                let source = std::io::Error::other(ended);
                return Err(ScanError::Unreadable { path: path(), source });
            }
        };
        let held = self.known.values().filter(|file| file.state != MediaState::Missing).count();
        if walked.is_empty && held > 0 {
            return Err(ScanError::Emptied { path: path(), held });
        }
        report.total_files = walked.files.len() as u64;
        Ok(walked)
    }

    /// The files that have to be read, in order; all others are counted as looked at.
    fn changed(
        &mut self,
        files: Vec<Found>,
        report: &mut ScanProgress,
        progress: &impl Fn(&ScanProgress),
    ) -> Vec<Found> {
        let mut jobs = Vec::new();
        for found in files {
            match self.known.get(&found.path) {
                Some(known) if is_unchanged(known, &found) => {
                    report.scanned_files += 1;
                    let bad = matches!(
                        known.state,
                        MediaState::Corrupt { .. } | MediaState::Unsupported { .. }
                    );
                    report.errors += u64::from(bad);
                    if report.scanned_files.is_multiple_of(REPORT_EVERY) {
                        progress(report);
                    }
                }
                Some(_) | None => jobs.push(found),
            }
        }
        jobs
    }

    /// Reads the files two at a time and hands them over.
    async fn read_all(
        &self,
        jobs: Vec<Found>,
        report: &mut ScanProgress,
        problems: &mut Vec<Problem>,
        progress: &impl Fn(&ScanProgress),
        batches: &mpsc::Sender<ScanBatch>,
    ) -> Result<(), ScanError> {
        let library = self.library.id;
        let mut media = Vec::new();
        let mut handed_over = self.now();
        let mut readings =
            futures_util::stream::iter(jobs).map(|found| self.read(found)).buffer_unordered(PROBES);
        loop {
            // Nothing is lost when the stop wins: an unread file is new to the next scan.
            let reading = tokio::select! {
                biased;
                () = self.stop.requested() => return Err(ScanError::Stopped),
                reading = readings.next() => reading,
            };
            let Some(reading) = reading else { break };
            let (scanned, troubles) = reading.map_err(ScanError::NoProbe)?;
            report.scanned_files += 1;
            match self.known.contains_key(&scanned.path) {
                true => report.changed_items += 1,
                false => report.new_items += 1,
            }
            report.errors += u64::from(scanned.state != MediaState::Playable);
            report.current_file = relative(&self.library, &scanned.path);
            let room = PROBLEMS.saturating_sub(problems.len());
            problems.extend(troubles.into_iter().take(room));
            media.push(scanned);
            progress(report);
            if media.len() >= BATCH || self.now().since(handed_over) >= BATCH_MS {
                let batch = ScanBatch { library, media: std::mem::take(&mut media) };
                batches.send(batch).await.map_err(|_| ScanError::Stopped)?;
                handed_over = self.now();
            }
        }
        if !media.is_empty() {
            let batch = ScanBatch { library, media };
            batches.send(batch).await.map_err(|_| ScanError::Stopped)?;
        }
        Ok(())
    }

    /// Reads one file: its name, its descriptions, and what ffprobe says.
    async fn read(&self, found: Found) -> Result<(ScannedMedia, Vec<Problem>), ProcessError> {
        let mut problems = Vec::new();
        let own = description(found.nfo.clone(), &mut problems).await;
        let show = description(found.show_nfo.clone(), &mut problems).await;
        let library = &self.library;
        let root = Path::new(&library.path).file_name().map(|name| name.to_string_lossy());
        let named = names::read(&found.relative, library.kind, &root.unwrap_or_default());
        let told = describe::describe(named, own, show, library.kind);
        let probed = match unreadable_by_itself(&found) {
            Some(state) => Probed { state, probe: None, duration_ms: 0, lasting: true },
            None => probe(&*self.processes, &self.ffprobe, Path::new(&found.path)).await?,
        };
        let named = told.named;
        let scanned = ScannedMedia {
            library: library.id,
            path: found.path,
            upstreams: Vec::new(),
            size: found.size,
            modified: found.modified,
            sidecar: if probed.lasting { found.sidecar } else { READ_AGAIN },
            kind: named.kind,
            title: named.title,
            show: named.show,
            season: named.season,
            episode: named.episode,
            episode_end: named.episode_end,
            part: named.part,
            edition: named.edition,
            year: named.year,
            plot: told.plot,
            genres: told.genres,
            rating: told.rating,
            aired: named.aired,
            details: Arc::new(told.details),
            duration_ms: probed.duration_ms,
            probe: probed.probe,
            state: probed.state,
        };
        Ok((scanned, problems))
    }
}

/// Whether a file needs no second look. One that was missing does: it may be another now.
fn is_unchanged(known: &KnownFile, found: &Found) -> bool {
    known.size == found.size
        && known.modified == found.modified
        && known.sidecar == found.sidecar
        && known.state != MediaState::Missing
}

/// The known files that are gone, not counting what lies where the walk could not look.
fn gone(known: &HashMap<String, KnownFile>, walked: &Walked) -> Vec<MediaId> {
    let seen: HashSet<&str> = walked.files.iter().map(|found| found.path.as_str()).collect();
    let hidden =
        |path: &str| walked.unreadable.iter().any(|folder| Path::new(path).starts_with(folder));
    let mut gone: Vec<MediaId> = known
        .iter()
        .filter(|(path, file)| file.state != MediaState::Missing && !seen.contains(path.as_str()))
        .filter(|(path, _)| !hidden(path))
        .map(|(_, file)| file.id)
        .collect();
    gone.sort_unstable();
    gone
}

/// What can be told without ffprobe.
fn unreadable_by_itself(found: &Found) -> Option<MediaState> {
    if found.size == 0 {
        return Some(MediaState::Corrupt { reason: "the file is empty".to_owned() });
    }
    if found.path.to_lowercase().ends_with(".iso") {
        let reason = "a disc image; copy the film out of it".to_owned();
        return Some(MediaState::Unsupported { reason });
    }
    None
}

/// Reads a description off the runtime; one that cannot be read is a problem and counts for nothing.
async fn description(path: Option<PathBuf>, problems: &mut Vec<Problem>) -> Option<Nfo> {
    let path = path?;
    let name = path.to_string_lossy().into_owned();
    let reading = tokio::task::spawn_blocking(move || -> Result<Option<Nfo>, String> {
        use std::io::Read;
        let file = std::fs::File::open(&path).map_err(|problem| problem.to_string())?;
        let mut bytes = Vec::new();
        file.take(NFO_BYTES).read_to_end(&mut bytes).map_err(|problem| problem.to_string())?;
        nfo::parse(&bytes).map(nfo::merge).map_err(|problem| problem.to_string())
    });
    let read = reading.await.unwrap_or_else(|ended| Err(ended.to_string()));
    read.unwrap_or_else(|reason| {
        problems.push(Problem { path: name, reason });
        None
    })
}

fn relative(library: &Library, path: &str) -> Option<String> {
    let relative = Path::new(path).strip_prefix(&library.path).ok()?;
    relative.to_str().map(str::to_owned)
}

#[cfg(test)]
mod tests;
