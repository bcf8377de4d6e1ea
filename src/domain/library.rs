//! A library: where media comes from.

use serde::{Deserialize, Serialize};

use super::{LibraryId, UtcMillis};

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
    /// Absolute path of the folder.
    pub path: String,
    /// What it holds.
    pub kind: LibraryKind,
    /// When a scan last ended well.
    pub last_scan: Option<UtcMillis>,
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
