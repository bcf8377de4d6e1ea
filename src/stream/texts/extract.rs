//! Takes the texts out of a file and of the files beside it, once.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::origin::{Origin, files_beside};
use super::webvtt;
use super::{Key, Texts, Track};
use crate::domain::{Media, SubtitleStream};
use crate::foundation::process::{Command, Processes};

/// Reading a whole film for its texts takes minutes on a slow disk.
const PATIENCE: Duration = Duration::from_secs(600);
/// Tracks of a file that are taken out, and files beside it.
const MOST_TRACKS: usize = 16;

/// What runs ffmpeg.
#[derive(Debug, Clone)]
pub struct Means {
    /// The program.
    pub ffmpeg: OsString,
    /// What starts it.
    pub processes: Arc<dyn Processes>,
}

/// The texts of `media`: as they were taken out before, or else now. None when that fails.
pub(super) async fn texts(means: &Means, folder: &Path, media: &Media, key: Key) -> Texts {
    let (id, version) = key;
    let path = folder.join(format!("{id}.{version:016x}.json"));
    let beside = PathBuf::from(&media.path);
    let (read, folder) = (path.clone(), folder.to_owned());
    let looking = move || {
        if let Err(error) = fs::create_dir_all(&folder) {
            tracing::warn!(%error, "there is no folder for texts");
        }
        (kept(&read), files_beside(&beside))
    };
    let looked = tokio::task::spawn_blocking(looking).await;
    let Ok((kept, beside)) = looked else { return Texts::default() };
    if let Some(texts) = kept {
        return texts;
    }
    let mut origins = inside(media);
    origins.extend(beside);
    let mut texts = Texts::default();
    // One look at a file gives all of its tracks.
    let mut by_file: BTreeMap<PathBuf, Vec<Origin>> = BTreeMap::new();
    for origin in origins.into_iter().take(MOST_TRACKS) {
        by_file.entry(origin.file.clone()).or_default().push(origin);
    }
    for (file, origins) in by_file {
        texts.tracks.extend(tracks(means, &path, &file, origins).await);
    }
    let written = texts.clone();
    let writing = tokio::task::spawn_blocking(move || note(&path, &written)).await;
    if let Ok(Err(error)) = writing {
        tracing::warn!(%error, "the texts of media {id} are not on disk and will be taken out again");
    }
    texts
}

/// The text tracks of the file itself.
fn inside(media: &Media) -> Vec<Origin> {
    let tracks = media.probe.iter().flat_map(|probe| probe.subtitles.iter().enumerate());
    let texts = tracks.filter(|(_, stream)| !stream.is_bitmap());
    let origin = |(track, stream): (usize, &SubtitleStream)| Origin {
        file: PathBuf::from(&media.path),
        track,
        language: super::Language::of(stream.language.as_deref()).0,
        forced: stream.forced,
        default: stream.default,
    };
    texts.map(origin).collect()
}

/// Reads `origins`, which are all in `file`, with one run of ffmpeg.
async fn tracks(means: &Means, path: &Path, file: &Path, origins: Vec<Origin>) -> Vec<Track> {
    let mut args: Vec<OsString> =
        ["-hide_banner", "-nostdin", "-nostats", "-y", "-loglevel", "error"]
            .map(OsString::from)
            .into();
    args.extend(["-protocol_whitelist", "file,pipe,fd", "-i"].map(OsString::from));
    let mut address = OsString::from("file:");
    address.push(file);
    args.push(address);
    let drafts: Vec<PathBuf> = origins
        .iter()
        .map(|origin| path.with_extension(format!("{}.{}.vtt", origin.track, std::process::id())))
        .collect();
    for (origin, draft) in origins.iter().zip(&drafts) {
        args.extend(["-map".into(), OsString::from(format!("0:s:{}", origin.track))]);
        args.extend(["-c:s", "webvtt", "-f", "webvtt"].map(OsString::from));
        args.push(draft.into());
    }
    let program = means.ffmpeg.clone();
    let command = Command { program, args, timeout: PATIENCE, max_output: 1 << 16 };
    match means.processes.run(command).await {
        Ok(finished) if finished.code == Some(0) => {}
        Ok(finished) => {
            let said = finished.stderr.lines().last().unwrap_or("it says nothing").to_owned();
            tracing::info!("no texts come from {}: {said}", file.display());
        }
        Err(error) => tracing::info!(%error, "no texts come from {}", file.display()),
    }
    let reading = tokio::task::spawn_blocking(move || {
        let texts = drafts.iter().map(|draft| {
            // reason: a track that cannot be taken out is one without texts.
            let text = fs::read_to_string(draft).unwrap_or_default();
            // reason: it may never have been made.
            fs::remove_file(draft).ok();
            text
        });
        texts.collect::<Vec<String>>()
    });
    let texts = reading.await.unwrap_or_default();
    let read = origins.into_iter().zip(texts).map(|(origin, text)| Track {
        language: origin.language,
        forced: origin.forced,
        default: origin.default,
        cues: webvtt::read(&text),
    });
    read.filter(|track| !track.cues.is_empty()).collect()
}

fn kept(path: &Path) -> Option<Texts> {
    let bytes = fs::read(path).ok()?; // reason: they were not taken out yet
    let texts = serde_json::from_slice(&bytes);
    texts.inspect_err(|error| tracing::warn!(%error, "{} is damaged", path.display())).ok()
}

fn note(path: &Path, texts: &Texts) -> io::Result<()> {
    let draft = path.with_extension(format!("new-{}", std::process::id()));
    fs::write(&draft, serde_json::to_vec(texts)?)?;
    fs::rename(&draft, path)
}
