//! Finds the media files of a folder, with the descriptions (NFO) that belong to them. Blocks.
//!
//! Left out: hidden files and folders, samples, trailers and other extras, and what the recycle
//! bins and thumbnailers of file servers leave behind. Links are followed, loops end. A folder that
//! cannot be read is listed, so that nobody takes its files for deleted.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use walkdir::{DirEntry, WalkDir};

use crate::domain::{LibraryKind, UtcMillis};

/// Files with sound and picture, as far as their names say.
const VIDEO: [&str; 30] = [
    "3g2", "3gp", "asf", "avi", "divx", "dv", "f4v", "flv", "iso", "m2ts", "m2v", "m4v", "mkv",
    "mov", "mp4", "mpeg", "mpg", "mts", "mxf", "nut", "ogm", "ogv", "rm", "rmvb", "ts", "vob",
    "webm", "wmv", "wtv", "y4m",
];
/// Files with sound only; not taken in film and show libraries, where they are theme music.
const AUDIO: [&str; 11] =
    ["aac", "ac3", "flac", "m4a", "mka", "mp3", "oga", "ogg", "opus", "wav", "wma"];
/// Folders that never hold programmes.
const SKIPPED: [&str; 10] = [
    "#recycle",
    "$recycle.bin",
    "@eadir",
    "@recycle",
    "__macosx",
    "lost+found",
    "sample",
    "samples",
    "system volume information",
    "trailers",
];
/// Folders that hold extras when they lie in the folder of a film or show.
const EXTRAS: [&str; 8] = [
    "behind the scenes",
    "deleted scenes",
    "extras",
    "featurettes",
    "interviews",
    "scenes",
    "shorts",
    "trailer",
];
/// Ends of file names that mark extras.
const EXTRA_ENDS: [&str; 10] = [
    "-behindthescenes",
    "-deleted",
    "-featurette",
    "-interview",
    "-sample",
    ".sample",
    "_sample",
    "-scene",
    "-trailer",
    "_trailer",
];

/// A media file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Absolute path.
    pub(super) path: String,
    /// Path below the library, `/` between folders.
    pub(super) relative: String,
    pub(super) size: u64,
    pub(super) modified: UtcMillis,
    /// Its own description.
    pub(super) nfo: Option<PathBuf>,
    /// The description of its show.
    pub(super) show_nfo: Option<PathBuf>,
    /// Changes with either description; 0 when there is none.
    pub(super) sidecar: i64,
}

/// Something in the library that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Absolute path; bytes that are no text are replaced.
    pub path: String,
    /// In a few words.
    pub reason: String,
}

/// Everything a walk saw.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// The media files, sorted by path.
    pub(super) files: Vec<Found>,
    pub(super) problems: Vec<Problem>,
    /// Paths that could not be looked at: what was known at or below them is not gone.
    pub(super) unreadable: Vec<String>,
    /// Whether the library's folder holds nothing at all, hidden files apart.
    pub(super) is_empty: bool,
}

/// Why a walk gave nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum WalkError {
    #[error("the library's folder cannot be read")]
    Root(#[source] std::io::Error),
    #[error("stopped")]
    Stopped,
}

/// Walks `root`, telling `found` now and then how many files there are.
pub(super) fn walk(
    root: &Path,
    kind: LibraryKind,
    stopped: impl Fn() -> bool,
    found: impl Fn(u64),
) -> Result<Walked, WalkError> {
    // Asked first, because walkdir reports a root it cannot open like any other folder.
    let mut entries = std::fs::read_dir(root).map_err(WalkError::Root)?;
    let mut walked = Walked { is_empty: true, ..Walked::default() };
    let hidden = |name: &str| name.starts_with('.') || name == "lost+found";
    if entries.any(|entry| entry.is_ok_and(|e| !hidden(&e.file_name().to_string_lossy()))) {
        walked.is_empty = false;
    }

    let mut media: Vec<DirEntry> = Vec::new();
    let mut notes: HashMap<PathBuf, Vec<DirEntry>> = HashMap::new();
    let tree = WalkDir::new(root).follow_links(true).sort_by_file_name();
    for entry in tree.into_iter().filter_entry(is_wanted) {
        if stopped() {
            return Err(WalkError::Stopped);
        }
        let entry = match entry {
            Ok(entry) => entry,
            Err(problem) => {
                walked.note(&problem);
                continue;
            }
        };
        if !entry.file_type().is_file() {
            continue;
        }
        match extension(&entry).as_str() {
            "nfo" => {
                let folder = entry.path().parent().unwrap_or(root).to_owned();
                notes.entry(folder).or_default().push(entry);
            }
            extension if is_media(extension, kind) => {
                media.push(entry);
                if media.len().is_multiple_of(100) {
                    found(media.len() as u64);
                }
            }
            _ => {}
        }
    }
    found(media.len() as u64);

    let mut in_folder: HashMap<PathBuf, usize> = HashMap::new();
    for entry in &media {
        *in_folder.entry(folder_of(entry).to_owned()).or_default() += 1;
    }
    for entry in media {
        let alone = in_folder.get(folder_of(&entry)) == Some(&1);
        walked.take(&entry, root, &notes, alone);
    }
    Ok(walked)
}

impl Walked {
    fn note(&mut self, problem: &walkdir::Error) {
        if problem.loop_ancestor().is_some() {
            tracing::debug!(error = problem as &dyn std::error::Error, "a link leads in a circle");
            return;
        }
        let path = problem.path().unwrap_or_else(|| Path::new("")).to_string_lossy().into_owned();
        let dangling =
            problem.io_error().map(std::io::Error::kind) == Some(std::io::ErrorKind::NotFound);
        let reason = match dangling {
            true => "a link that leads nowhere".to_owned(),
            false => problem.io_error().map_or_else(|| problem.to_string(), ToString::to_string),
        };
        // A dangling link is a file that is gone; anything else may still be there.
        if !dangling {
            self.unreadable.push(path.clone());
        }
        self.problems.push(Problem { path, reason });
    }

    fn take(
        &mut self,
        entry: &DirEntry,
        root: &Path,
        notes: &HashMap<PathBuf, Vec<DirEntry>>,
        alone: bool,
    ) {
        let (Some(path), Some(relative)) =
            (entry.path().to_str(), entry.path().strip_prefix(root).ok().and_then(Path::to_str))
        else {
            let path = entry.path().to_string_lossy().into_owned();
            let reason = "its name is not valid UTF-8; rename it".to_owned();
            self.problems.push(Problem { path, reason });
            return;
        };
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            Err(problem) => return self.note(&problem),
        };
        let folder = folder_of(entry);
        let nfo = own_nfo(entry, notes.get(folder), alone);
        let show_nfo = folder
            .ancestors()
            .take_while(|folder| folder.starts_with(root))
            .find_map(|folder| named(notes.get(folder)?, "tvshow.nfo"));
        self.files.push(Found {
            path: path.to_owned(),
            relative: relative.to_owned(),
            size: metadata.len(),
            modified: modified(&metadata),
            sidecar: fingerprint(&[nfo, show_nfo]),
            nfo: nfo.map(|entry| entry.path().to_owned()),
            show_nfo: show_nfo.map(|entry| entry.path().to_owned()),
        });
    }
}

/// Whether to look at a file, or to go into a folder.
fn is_wanted(entry: &DirEntry) -> bool {
    if entry.depth() == 0 {
        return true;
    }
    let name = entry.file_name().to_string_lossy().to_lowercase();
    if name.starts_with('.') {
        // A file that is only an extension (`.mkv`) is hidden as well.
        return false;
    }
    if entry.file_type().is_dir() {
        let extras = entry.depth() > 1 && EXTRAS.contains(&name.as_str());
        return !extras && !SKIPPED.contains(&name.as_str());
    }
    let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
    stem != "sample" && stem != "theme" && !EXTRA_ENDS.iter().any(|end| stem.ends_with(end))
}

fn is_media(extension: &str, kind: LibraryKind) -> bool {
    let audio = match kind {
        LibraryKind::Movie | LibraryKind::Show => false,
        LibraryKind::Music | LibraryKind::Live | LibraryKind::Other => AUDIO.contains(&extension),
    };
    audio || VIDEO.contains(&extension)
}

fn extension(entry: &DirEntry) -> String {
    entry.path().extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default()
}

fn folder_of(entry: &DirEntry) -> &Path {
    entry.path().parent().unwrap_or_else(|| Path::new(""))
}

/// `film.nfo` of `film.mkv`; `movie.nfo` or `<folder>.nfo` where the file is `alone` in its folder.
fn own_nfo<'a>(
    entry: &DirEntry,
    notes: Option<&'a Vec<DirEntry>>,
    alone: bool,
) -> Option<&'a DirEntry> {
    let notes = notes?;
    let stem = entry.path().file_stem()?.to_string_lossy().to_lowercase();
    let own = named(notes, &format!("{stem}.nfo"));
    if own.is_some() || !alone {
        return own;
    }
    let folder = folder_of(entry).file_name().map(|name| name.to_string_lossy().to_lowercase());
    named(notes, "movie.nfo")
        .or_else(|| named(notes, "musicvideo.nfo"))
        .or_else(|| named(notes, &format!("{}.nfo", folder?)))
}

fn named<'a>(notes: &'a [DirEntry], name: &str) -> Option<&'a DirEntry> {
    notes.iter().find(|entry| entry.file_name().to_string_lossy().to_lowercase() == name)
}

/// A number that changes with the names, sizes and times of the descriptions; 0 without any.
fn fingerprint(notes: &[Option<&DirEntry>]) -> i64 {
    let mut hasher = crc32fast::Hasher::new();
    let mut any = false;
    for entry in notes.iter().flatten() {
        any = true;
        hasher.update(entry.path().as_os_str().as_encoded_bytes());
        // A description that cannot be looked at counts as one of another time.
        if let Ok(metadata) = entry.metadata() {
            hasher.update(&metadata.len().to_le_bytes());
            hasher.update(&modified(&metadata).0.to_le_bytes());
        }
    }
    // The number in front counts what is read of descriptions, so that they are read once more when
    // that grows.
    if any { (2 << 32) | i64::from(hasher.finalize()) } else { 0 }
}

/// Modification time; the epoch where the file system keeps none.
fn modified(metadata: &std::fs::Metadata) -> UtcMillis {
    let Ok(at) = metadata.modified() else { return UtcMillis(0) };
    let ms = |span: std::time::Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    match at.duration_since(UNIX_EPOCH) {
        Ok(since) => UtcMillis(ms(since)),
        Err(before) => UtcMillis(-ms(before.duration())),
    }
}

#[cfg(test)]
mod tests;
