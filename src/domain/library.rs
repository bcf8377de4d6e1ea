//! A library: where media comes from.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Details, LibraryId, Media, MediaId, MediaKind, MediaState, Probe, Upstream, UtcMillis,
};

/// What a library holds, which decides how file names are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LibraryKind {
    /// Films.
    Movie,
    /// Shows with seasons and episodes.
    Show,
    /// Music videos.
    Music,
    /// Broadcasts of somebody else: a playlist of addresses (M3U), or one address.
    Live,
    /// A mix: each file is judged by its own name.
    #[default]
    Other,
}

/// A library as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Library {
    /// Its id.
    pub id: LibraryId,
    /// Its name.
    pub name: String,
    /// Absolute path of the folder; of broadcasts the address or the file of their playlist.
    pub path: String,
    /// What it holds.
    pub kind: LibraryKind,
    /// Streams that the provider of broadcasts allows at once; `None` for no limit.
    pub connections: Option<u32>,
    /// When a scan last ended well.
    pub last_scan: Option<UtcMillis>,
}

impl Library {
    /// Where it is, without what may be secret in an address: fit for logs and pages.
    pub fn place(&self) -> String {
        if !self.path.contains("://") {
            return self.path.clone();
        }
        let place = Upstream { url: self.path.clone(), user_agent: None, referrer: None };
        format!("{}/…", place.host())
    }
}

/// A library to be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewLibrary {
    /// Its name, 1–100 characters, one line.
    pub name: String,
    /// Path of the folder; of broadcasts the address or the file of their playlist.
    pub path: String,
    /// What it holds.
    #[serde(default)]
    pub kind: LibraryKind,
    /// Streams that the provider of broadcasts allows at once, 1 to 100; `None` for no limit.
    #[serde(default)]
    pub connections: Option<u32>,
}

/// A file as the last scan left it; what the next scan compares with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFile {
    /// The media item it is.
    pub id: MediaId,
    /// Size in bytes at the last scan.
    pub size: u64,
    /// Modification time at the last scan.
    pub modified: UtcMillis,
    /// [`ScannedMedia::sidecar`] of the last scan.
    pub sidecar: i64,
    /// Its state now.
    pub state: MediaState,
}

/// A file as a scan found it: everything of [`Media`] but the id and the time it was first seen.
///
/// `(library, path)` is unique: storing it updates the item with the same path, which keeps its id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScannedMedia {
    /// The library it belongs to.
    pub library: LibraryId,
    /// Absolute path of the file; of a broadcast its name within the library (`live:…`).
    pub path: String,
    /// Where a broadcast can be had, the best place first; empty for a file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upstreams: Vec<Upstream>,
    /// Size in bytes.
    pub size: u64,
    /// Modification time.
    pub modified: UtcMillis,
    /// Fingerprint of the description files (NFO) that were read with it; 0 when there are none.
    pub sidecar: i64,
    /// What it is.
    pub kind: MediaKind,
    /// Title of the film or the episode; never empty.
    pub title: String,
    /// Show or artist.
    pub show: Option<String>,
    /// Season; 0 holds specials.
    pub season: Option<u32>,
    /// First episode in the file.
    pub episode: Option<u32>,
    /// Last episode in the file, when it holds several.
    pub episode_end: Option<u32>,
    /// Part of a film in several files.
    pub part: Option<u32>,
    /// Edition such as `Director's Cut`.
    pub edition: Option<String>,
    /// Year of release.
    pub year: Option<u32>,
    /// Plot.
    pub plot: Option<String>,
    /// Genres.
    pub genres: Vec<String>,
    /// Age rating as written.
    pub rating: Option<String>,
    /// First shown, `YYYY-MM-DD`.
    pub aired: Option<String>,
    /// Who made it, who is in it and how it was liked.
    pub details: Arc<Details>,
    /// Playing time in milliseconds; 0 when it is not known.
    pub duration_ms: i64,
    /// What ffprobe said; `None` when it could not be read.
    pub probe: Option<Probe>,
    /// Whether it can be played.
    pub state: MediaState,
}

impl ScannedMedia {
    /// A playable file of which nothing is known yet; its title is its name.
    pub fn file(library: LibraryId, path: impl Into<String>) -> Self {
        let path = path.into();
        let name = path.rsplit('/').next().unwrap_or_default();
        let title = name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned();
        Self {
            library,
            path,
            upstreams: Vec::new(),
            size: 0,
            modified: UtcMillis(0),
            sidecar: 0,
            kind: MediaKind::Other,
            title,
            show: None,
            season: None,
            episode: None,
            episode_end: None,
            part: None,
            edition: None,
            year: None,
            plot: None,
            genres: Vec::new(),
            rating: None,
            aired: None,
            details: Arc::default(),
            duration_ms: 0,
            probe: None,
            state: MediaState::Playable,
        }
    }

    /// The media item it becomes.
    pub fn into_media(self, id: MediaId, added: UtcMillis) -> Media {
        Media {
            id,
            library: self.library,
            path: self.path,
            upstreams: self.upstreams,
            size: self.size,
            modified: self.modified,
            kind: self.kind,
            title: self.title,
            show: self.show,
            season: self.season,
            episode: self.episode,
            episode_end: self.episode_end,
            part: self.part,
            edition: self.edition,
            year: self.year,
            plot: self.plot,
            genres: self.genres,
            rating: self.rating,
            aired: self.aired,
            details: self.details,
            duration_ms: self.duration_ms,
            probe: self.probe,
            state: self.state,
            added,
        }
    }
}

/// What a running scan hands over to be stored: at most 50 new or changed files.
#[derive(Debug, Clone, PartialEq)]
pub struct ScanBatch {
    /// The library being read.
    pub library: LibraryId,
    /// The files, each once in a scan.
    pub media: Vec<ScannedMedia>,
}

/// Where a scan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScanState {
    /// Asked for, not begun.
    Started,
    /// Reading files.
    Running,
    /// Done.
    Completed,
    /// Ended without reading everything.
    Failed,
}

/// How far a scan is; published while it runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScanProgress {
    /// The library being read.
    pub library: LibraryId,
    /// Where it stands.
    pub state: ScanState,
    /// Files found so far.
    pub total_files: u64,
    /// Files looked at so far.
    pub scanned_files: u64,
    /// Items that were not known before.
    pub new_items: u64,
    /// Items whose file changed.
    pub changed_items: u64,
    /// Items whose file is gone.
    pub missing_items: u64,
    /// Files that could not be read as media; each is listed with its reason.
    pub errors: u64,
    /// File being read, relative to the library.
    pub current_file: Option<String>,
    /// When it began.
    pub started_at: UtcMillis,
    /// When it ended.
    pub ended_at: Option<UtcMillis>,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}
