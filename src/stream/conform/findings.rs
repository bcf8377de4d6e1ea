//! What is found out about a file once and used by every run: its loudness, its subtitle texts,
//! and what this ffmpeg can do.
//!
//! Findings lie as small files beside the renditions, under media and version, so that a file that
//! changes is looked at anew. They are a cache like everything here.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::OnceCell;

use super::run::{Means, Task};
use crate::domain::AudioLayout;
use crate::foundation::process::{Command, Processes};
use crate::stream::ffmpeg::{Abilities, Effort, loudness, measuring};

/// A file whose sound takes longer to listen to is played as it is.
const LISTEN: Duration = Duration::from_secs(1_800);
/// How long a viewer's job waits for texts, and how long one that nobody waits for.
const READ_LIVE: Duration = Duration::from_secs(10);
const READ_AHEAD: Duration = Duration::from_secs(300);
/// Listing the filters takes a tenth of a second.
const LIST: Duration = Duration::from_secs(20);

/// See the module.
#[derive(Debug)]
pub(super) struct Findings {
    folder: PathBuf,
    abilities: OnceCell<Abilities>,
}

impl Findings {
    /// Keeps what is found in `folder`, which need not exist.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, abilities: OnceCell::new() }
    }

    /// Where they lie.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What this ffmpeg can do; asked once, and everything while it does not say.
    pub(super) async fn abilities(&self, means: &Means) -> Abilities {
        let ask = || async {
            let args = ["-hide_banner", "-filters"].map(OsString::from).to_vec();
            let listed = run(means, args, LIST, 1 << 20).await;
            let abilities = listed.map_or(Abilities::ALL, |(text, _)| Abilities::read(&text));
            for lack in abilities.lacks() {
                tracing::warn!("this ffmpeg lacks {lack}");
            }
            abilities
        };
        *self.abilities.get_or_init(ask).await
    }

    /// The integrated loudness of a track in LUFS, if somebody has listened to it: `Some(None)`
    /// when there is nothing to hear in it.
    pub(super) async fn heard(&self, task: &Task, track: usize) -> Option<Option<f64>> {
        let path = self.path(task, &heard_as(task, track));
        // reason: nobody has listened yet, or the note is lost; then it is listened to again
        let text = tokio::fs::read_to_string(path).await.ok()?;
        Some(text.trim().parse().ok())
    }

    /// Listens to a whole track and notes its loudness; `None` when that could not be done.
    pub(super) async fn listen(
        &self,
        means: &Means,
        task: &Task,
        track: usize,
        downmix: bool,
    ) -> Option<Option<f64>> {
        let mut args = reading(task, "info");
        args.extend(["-map".into(), format!("0:a:{track}").into(), "-vn".into()]);
        args.extend(["-af".into(), measuring(&task.profile, downmix).into()]);
        args.extend(["-f", "null", "-"].map(OsString::from));
        let (_, said) = run(means, args, LISTEN, 1 << 20).await?;
        let heard = loudness(&said);
        let text = heard.map_or_else(|| "silent".to_owned(), |lufs| lufs.to_string());
        self.note(&self.path(task, &heard_as(task, track)), text.as_bytes()).await;
        Some(heard)
    }

    /// The texts of a subtitle track as a file; `None` when they cannot be had.
    pub(super) async fn texts(&self, means: &Means, task: &Task, track: usize) -> Option<PathBuf> {
        let path = self.path(task, &format!("s{track}.ass"));
        if tokio::fs::try_exists(&path).await.unwrap_or(false) {
            return Some(path);
        }
        let mut args = reading(task, "error");
        args.extend(["-map".into(), format!("0:s:{track}").into()]);
        args.extend(["-c:s", "ass", "-f", "ass", "-"].map(OsString::from));
        let patience = if task.effort == Effort::Live { READ_LIVE } else { READ_AHEAD };
        let (texts, _) = run(means, args, patience, 16 << 20).await?;
        if !texts.contains("[Events]") {
            return None;
        }
        self.note(&path, texts.as_bytes()).await.then_some(path)
    }

    /// Writes a finding down; says whether that worked.
    async fn note(&self, path: &Path, bytes: &[u8]) -> bool {
        let fresh = path.with_extension(format!("new-{}", std::process::id()));
        let written = async {
            tokio::fs::create_dir_all(&self.folder).await?;
            tokio::fs::write(&fresh, bytes).await?;
            tokio::fs::rename(&fresh, path).await
        };
        let written = written.await;
        if let Err(error) = &written {
            tracing::warn!(%error, "a finding is not on disk and will be made again");
        }
        written.is_ok()
    }

    fn path(&self, task: &Task, what: &str) -> PathBuf {
        self.folder.join(format!("{}.{:016x}.{what}", task.key.media, task.key.version))
    }
}

/// The finding's name: the same track is of another loudness in another layout.
fn heard_as(task: &Task, track: usize) -> String {
    match task.profile.audio_layout {
        AudioLayout::Stereo => format!("a{track}"),
        AudioLayout::Surround => format!("a{track}-surround"),
    }
}

/// The beginning of arguments that read the task's file.
fn reading(task: &Task, level: &str) -> Vec<OsString> {
    let mut args: Vec<OsString> =
        ["-hide_banner", "-nostdin", "-nostats", "-loglevel", level].map(OsString::from).to_vec();
    args.extend(["-protocol_whitelist", "file,pipe,fd", "-i"].map(OsString::from));
    args.push(format!("file:{}", task.media.path).into());
    args
}

/// Runs ffmpeg to its end and gives what it wrote and said; `None` when it failed.
async fn run(
    means: &Means,
    args: Vec<OsString>,
    timeout: Duration,
    max_output: usize,
) -> Option<(String, String)> {
    let command = Command { program: means.ffmpeg.clone(), args, timeout, max_output };
    let finished = match means.pool.run(command).await {
        Ok(finished) => finished,
        Err(error) => {
            tracing::debug!(%error, "something was not found out");
            return None;
        }
    };
    let output = String::from_utf8_lossy(&finished.stdout).into_owned();
    (finished.code == Some(0)).then_some((output, finished.stderr))
}
