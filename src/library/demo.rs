//! Makes the demo library: sixteen small items, drawn and composed by ffmpeg alone.
//!
//! Whoever tries the server for the first time has channels to look at in seconds, and every test
//! of the whole server has pictures that say what they are: each carries a [`strip`] with its
//! number and time. Nothing is downloaded and nothing is shipped as media.
//!
//! Each file is written beside the library and renamed into it when it is whole, so that a scan
//! never sees half a file and an interrupted run goes on where it stopped.

mod catalogue;
mod picture;
mod sound;
pub mod strip;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::foundation::process::{Command, ProcessError, Processes};

use catalogue::{ITEMS, Item, Master, SHOW, SHOW_PLOT, Work};

/// What was made; also written as `demo.json` into the library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demo {
    /// The items that exist, in the order of making.
    pub items: Vec<DemoItem>,
}

/// One item of the demo library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DemoItem {
    /// Its number on the strip.
    pub id: u8,
    /// Its title.
    pub title: String,
    /// Its path inside the library.
    pub path: String,
    /// Playing time in milliseconds.
    pub duration_ms: i64,
    /// Whether it can go on air by copying on a 720p25 channel.
    pub ready: bool,
}

/// Why the demo library could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// There is no font to draw the titles with.
    #[error("no DejaVu Sans font was found; install the package fonts-dejavu-core")]
    NoFont,
    /// The folder cannot be written.
    #[error("write {path}")]
    Write {
        /// What was written.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// ffmpeg could not be run.
    #[error("make the demo item {title:?}")]
    Process {
        /// Which item.
        title: String,
        /// Why.
        #[source]
        source: ProcessError,
    },
    /// ffmpeg ran and could not make the item.
    #[error("ffmpeg could not make the demo item {title:?} (exit code {code:?}): {stderr}")]
    Ffmpeg {
        /// Which item.
        title: String,
        /// Its exit code.
        code: Option<i32>,
        /// The end of what it said.
        stderr: String,
    },
}

/// Makes what is missing of the demo library in `dir`, calling `progress(done, of, title)`.
///
/// Returns early only when nothing can be made at all; an item that this ffmpeg cannot make (an
/// encoder may be missing) is logged and left out.
///
/// # Errors
/// When there is no font, the folder cannot be written, or not a single item could be made.
pub async fn generate(
    dir: &Path,
    processes: Arc<dyn Processes>,
    ffmpeg: OsString,
    progress: impl Fn(usize, usize, &str),
) -> Result<Demo, DemoError> {
    let fonts = Fonts::find().ok_or(DemoError::NoFont)?;
    write_show(dir).await?;
    let workshop = dir.join(".making");
    create_folder(&workshop).await?;

    // Boxed, so that the whole is a future that may move between threads.
    let mut jobs = Vec::with_capacity(ITEMS.len());
    for item in &ITEMS {
        jobs.push(make(item, dir, &workshop, &fonts, &processes, &ffmpeg).boxed());
    }
    // Encoders run on one thread each, so this many fill the machine.
    let at_once = std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(1, 4));
    let mut made = futures_util::stream::iter(jobs).buffered(at_once);
    let mut demo = Demo { items: Vec::new() };
    let mut failure = None;
    let mut done = 0;
    while let Some(outcome) = made.next().await {
        done += 1;
        match outcome {
            Ok(item) => {
                progress(done, ITEMS.len(), &item.title);
                demo.items.push(item);
            }
            Err(error) => {
                warn!(error = %error, "a demo item could not be made: {error}");
                failure = Some(error);
            }
        }
    }
    if let (true, Some(error)) = (demo.items.is_empty(), failure) {
        return Err(error);
    }
    // An empty folder that stays behind does no harm; the next run uses it again.
    if let Err(error) = tokio::fs::remove_dir(&workshop).await {
        warn!(error = %error, "the folder {} stays behind", workshop.display());
    }
    let manifest = serde_json::to_vec_pretty(&demo).unwrap_or_default();
    write(&dir.join("demo.json"), &manifest).await?;
    Ok(demo)
}

/// Makes one item unless it is there.
async fn make(
    item: &Item,
    dir: &Path,
    workshop: &Path,
    fonts: &Fonts,
    processes: &Arc<dyn Processes>,
    ffmpeg: &OsString,
) -> Result<DemoItem, DemoError> {
    let relative = item.path();
    let path = dir.join(&relative);
    let made = DemoItem {
        id: item.id,
        title: item.title.to_owned(),
        path: relative,
        duration_ms: i64::from(item.seconds) * 1000,
        ready: item.master == Master::Ready,
    };
    if tokio::fs::try_exists(&path).await.unwrap_or(false) {
        return Ok(made);
    }
    // The NFO comes first, so that a scan that finds the item also finds what it is about.
    if let Some(folder) = path.parent() {
        create_folder(folder).await?;
    }
    write(&path.with_extension("nfo"), item.nfo().as_bytes()).await?;

    let extension = path.extension().unwrap_or_default();
    let part = workshop.join(item.id.to_string()).with_extension(extension);
    let command = Command {
        program: ffmpeg.clone(),
        args: picture::arguments(item, fonts, &part),
        timeout: Duration::from_secs(300),
        max_output: 64 * 1024,
    };
    let title = || item.title.to_owned();
    let finished = processes
        .run(command)
        .await
        .map_err(|source| DemoError::Process { title: title(), source })?;
    if finished.code != Some(0) {
        return Err(DemoError::Ffmpeg {
            title: title(),
            code: finished.code,
            stderr: finished.stderr.trim().to_owned(),
        });
    }
    tokio::fs::rename(&part, &path).await.map_err(|source| DemoError::Write { path, source })?;
    Ok(made)
}

/// Writes what is known of the show as a whole.
async fn write_show(dir: &Path) -> Result<(), DemoError> {
    debug_assert!(ITEMS.iter().any(|item| matches!(item.work, Work::Episode { .. })));
    let folder = dir.join("Shows").join(SHOW);
    create_folder(&folder).await?;
    let nfo = format!(
        "<tvshow><title>{SHOW}</title><plot>{SHOW_PLOT}</plot><genre>Drama</genre></tvshow>\n"
    );
    write(&folder.join("tvshow.nfo"), nfo.as_bytes()).await
}

async fn create_folder(path: &Path) -> Result<(), DemoError> {
    let written = tokio::fs::create_dir_all(path).await;
    written.map_err(|source| DemoError::Write { path: path.to_owned(), source })
}

async fn write(path: &Path, bytes: &[u8]) -> Result<(), DemoError> {
    let written = tokio::fs::write(path, bytes).await;
    written.map_err(|source| DemoError::Write { path: path.to_owned(), source })
}

/// The fonts that titles are drawn with.
#[derive(Debug, Clone)]
struct Fonts {
    plain: PathBuf,
    bold: PathBuf,
}

impl Fonts {
    /// Looks where the systems that we know keep DejaVu Sans.
    fn find() -> Option<Self> {
        const FOLDERS: [&str; 6] = [
            "/usr/share/fonts/truetype/dejavu",
            "/usr/share/fonts/dejavu-sans-fonts",
            "/usr/share/fonts/dejavu",
            "/usr/share/fonts/TTF",
            "/usr/local/share/fonts",
            "/opt/homebrew/share/fonts",
        ];
        FOLDERS.iter().map(Path::new).find_map(|folder| {
            let plain = folder.join("DejaVuSans.ttf");
            let bold = folder.join("DejaVuSans-Bold.ttf");
            (plain.is_file() && bold.is_file()).then_some(Self { plain, bold })
        })
    }
}
