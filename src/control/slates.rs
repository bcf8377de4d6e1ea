//! Use cases on slates: what channels show while they show no programme.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io::Cursor;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::domain::{
    ChannelId, ImageKind, InvalidField, MediaState, SlateArt, SlateForm, SlateKind, StoredSlate,
};
use crate::foundation::process::Command;
use crate::library::probe::probe;
use crate::stream::OwnSlates;

use super::Control;
use super::error::ControlError;
use super::operations::Actor;
use super::programming::Replan;

/// Most bytes of a picture.
pub const PICTURE_MOST: usize = 8 << 20;
/// Most bytes of a clip.
pub const CLIP_MOST: usize = 32 << 20;
/// Sides a picture may have, in pixels.
const SIDES: std::ops::RangeInclusive<u32> = 16..=4_096;
/// How long a clip may be, in milliseconds.
const CLIP_MS: std::ops::RangeInclusive<i64> = 1_000..=60_000;
/// Containers of clips: others can name further files.
const CONTAINERS: [&str; 3] = ["mp4", "matroska", "mpegts"];
/// Size of the pictures people look at.
const PREVIEW: (u32, u32) = (960, 540);
/// A clip whose first picture takes longer is given up.
const PREVIEW_WITHIN: Duration = Duration::from_secs(15);

impl Control {
    /// What the operator put in the place of slates, for all channels and for single ones.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn slates(&self) -> Result<Vec<StoredSlate>, ControlError> {
        self.db().list_slates().await.map_err(ControlError::storage("the slates"))
    }

    /// Puts a picture or a clip in the place of a slate, of one channel or of all.
    ///
    /// # Errors
    /// When there is no such channel, the bytes are nothing that can be shown, or storage fails.
    pub async fn set_slate(
        &self,
        actor: &Actor,
        channel: Option<ChannelId>,
        kind: SlateKind,
        bytes: Vec<u8>,
    ) -> Result<SlateArt, ControlError> {
        if let Some(id) = channel {
            self.channel(id).await?;
        }
        let art = match ImageKind::of(&bytes) {
            Some(ImageKind::Png) => decoded(SlateForm::Png, bytes.clone()).await?,
            Some(ImageKind::Jpeg) => decoded(SlateForm::Jpeg, bytes.clone()).await?,
            Some(ImageKind::Gif | ImageKind::Webp) => {
                return Err(unfit("a GIF or WebP file").into());
            }
            None => self.clip(&bytes).await?,
        };
        let folder = self.slates_folder();
        write(folder, &art.file(), bytes).await.map_err(failed)?;
        let stored = self.db().set_slate(channel, kind, &art).await;
        stored.map_err(ControlError::storage("the slate"))?;
        let body = json!({"what": "slate_set", "channel": channel, "slate": kind.as_str()});
        self.record_change(actor, body).await;
        self.refresh(Replan::Extend).await?;
        self.sweep_slates().await;
        Ok(art)
    }

    /// Shows our own slate again, on one channel or on all.
    ///
    /// # Errors
    /// When there is no such channel or storage fails.
    pub async fn reset_slate(
        &self,
        actor: &Actor,
        channel: Option<ChannelId>,
        kind: SlateKind,
    ) -> Result<(), ControlError> {
        if let Some(id) = channel {
            self.channel(id).await?;
        }
        let reset = self.db().reset_slate(channel, kind).await;
        reset.map_err(ControlError::storage("the slate"))?;
        let body = json!({"what": "slate_reset", "channel": channel, "slate": kind.as_str()});
        self.record_change(actor, body).await;
        self.refresh(Replan::Extend).await?;
        self.sweep_slates().await;
        Ok(())
    }

    /// A picture of a slate as viewers see it, on one channel or on one that has nothing of its
    /// own.
    ///
    /// # Errors
    /// When there is no such channel, or its file cannot be read.
    pub async fn slate_preview(
        &self,
        channel: Option<ChannelId>,
        kind: SlateKind,
    ) -> Result<(ImageKind, Vec<u8>), ControlError> {
        let named = match channel {
            Some(id) => Some(self.channel(id).await?),
            None => None,
        };
        let stored = self.slates().await?;
        if let Some(art) = chosen(&stored, channel, kind) {
            let form = match art.form {
                SlateForm::Jpeg => ImageKind::Jpeg,
                SlateForm::Png | SlateForm::Clip => ImageKind::Png,
            };
            let read = tokio::fs::read(self.slates_folder().join(art.preview())).await;
            return Ok((form, read.map_err(failed)?));
        }
        let logo = named.as_ref().and_then(|channel| self.logos().find(channel.logo.as_deref()?));
        let drawn = tokio::task::spawn_blocking(move || {
            let (width, height) = PREVIEW;
            match named {
                Some(channel) => {
                    let logo =
                        logo.as_ref().map(|(digest, path)| (digest.as_str(), path.as_path()));
                    let slates = OwnSlates::drawn(&channel, logo);
                    slates.of(kind).and_then(|slate| slate.preview(width, height))
                }
                None => OwnSlates::preview_for_all(kind, width, height),
            }
        });
        let drawn = drawn.await.map_err(failed)?;
        Ok((ImageKind::Png, drawn.ok_or_else(|| failed("there is no picture of it"))?))
    }

    /// Takes a clip, if it can be shown, and makes a picture of it.
    async fn clip(&self, bytes: &[u8]) -> Result<SlateArt, ControlError> {
        let folder = self.slates_folder();
        let digest = hex::encode(Sha256::digest(bytes));
        let trial = format!("{digest}.trial");
        write(folder, &trial, bytes.to_vec()).await.map_err(failed)?;
        let path = folder.join(&trial);
        let taken = self.look_at_clip(&path, digest, bytes.len()).await;
        if let Err(error) = tokio::fs::remove_file(&path).await {
            tracing::debug!(%error, "an upload stays at {}", path.display());
        }
        taken
    }

    async fn look_at_clip(
        &self,
        path: &Path,
        digest: String,
        length: usize,
    ) -> Result<SlateArt, ControlError> {
        let (processes, ffmpeg, ffprobe) = self.media_programs();
        let probed = probe(&*processes, &ffprobe, path).await.map_err(failed)?;
        let Some(found) = probed.probe.filter(|_| probed.state == MediaState::Playable) else {
            return Err(unfit(&format!("{length} bytes that are neither picture nor video")).into());
        };
        let known = found.container.split(',').any(|name| CONTAINERS.contains(&name));
        let Some(video) = found.video.clone().filter(|_| known) else {
            return Err(unfit("a file without a picture, or of another kind").into());
        };
        if !CLIP_MS.contains(&probed.duration_ms) {
            let problem = format!("it lasts {} ms", probed.duration_ms);
            return Err(InvalidField::new("file", problem, "send 1 to 60 seconds").into());
        }
        let art = SlateArt {
            digest,
            form: SlateForm::Clip,
            bytes: length as u64,
            width: video.width,
            height: video.height,
            duration_ms: probed.duration_ms,
            probe: Some(found),
        };
        let preview = path.with_file_name(art.preview());
        let fresh = path.with_extension("new.png");
        let (width, height) = PREVIEW;
        let mut args: Vec<OsString> = Vec::new();
        args.extend("-nostdin -v error -y -protocol_whitelist file -i".split(' ').map(Into::into));
        args.push(file(path));
        let shrink = format!("scale={width}:{height}:force_original_aspect_ratio=decrease");
        args.extend(
            ["-vf", &shrink, "-frames:v", "1", "-f", "image2", "-update", "1"].map(Into::into),
        );
        args.push(file(&fresh));
        let command =
            Command { program: ffmpeg, args, timeout: PREVIEW_WITHIN, max_output: 64 * 1024 };
        let drawn = processes.run(command).await.map_err(failed)?;
        if drawn.code != Some(0) || tokio::fs::rename(&fresh, &preview).await.is_err() {
            return Err(unfit("a video whose pictures cannot be decoded").into());
        }
        Ok(art)
    }

    /// Removes files that no slate names any more.
    async fn sweep_slates(&self) {
        let Ok(stored) = self.slates().await else { return };
        let named: HashSet<String> =
            stored.iter().flat_map(|slate| [slate.art.file(), slate.art.preview()]).collect();
        let folder = self.slates_folder().to_owned();
        let swept = tokio::task::spawn_blocking(move || {
            for entry in std::fs::read_dir(folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    continue;
                }
                let name = entry.file_name().to_string_lossy().into_owned();
                // What is being taken in has no name yet.
                let taken_in = name.ends_with(".trial") || name.contains(".new");
                if !taken_in && !named.contains(&name) {
                    std::fs::remove_file(entry.path())?;
                }
            }
            Ok::<_, std::io::Error>(())
        });
        if let Ok(Err(error)) = swept.await {
            tracing::warn!(%error, "old slates stay in the data folder");
        }
    }
}

/// What stands in the place of a slate: the channel's own, else that for all.
pub(super) fn chosen(
    stored: &[StoredSlate],
    channel: Option<ChannelId>,
    kind: SlateKind,
) -> Option<&SlateArt> {
    let of = |whose: Option<ChannelId>| {
        stored.iter().find(|slate| slate.kind == kind && slate.channel == whose)
    };
    channel.and_then(|id| of(Some(id))).or_else(|| of(None)).map(|slate| &slate.art)
}

/// The same off the runtime's threads.
async fn decoded(form: SlateForm, bytes: Vec<u8>) -> Result<SlateArt, ControlError> {
    let taken = tokio::task::spawn_blocking(move || picture(form, &bytes)).await;
    Ok(taken.map_err(failed)??)
}

/// Takes a picture, if it can be decoded.
fn picture(form: SlateForm, bytes: &[u8]) -> Result<SlateArt, InvalidField> {
    if bytes.len() > PICTURE_MOST {
        let problem = format!("a picture of {} bytes", bytes.len());
        return Err(InvalidField::new("file", problem, "send at most 8 MiB"));
    }
    let format = match form {
        SlateForm::Png | SlateForm::Clip => image::ImageFormat::Png,
        SlateForm::Jpeg => image::ImageFormat::Jpeg,
    };
    let sized = image::ImageReader::with_format(Cursor::new(bytes), format).into_dimensions();
    let (width, height) = sized.map_err(|_| unfit("a picture that cannot be read"))?;
    if !SIDES.contains(&width) || !SIDES.contains(&height) {
        let problem = format!("a picture of {width}×{height}");
        let fix = format!("send one with sides of {} to {} pixels", SIDES.start(), SIDES.end());
        return Err(InvalidField::new("file", problem, fix));
    }
    let decoded = image::load_from_memory_with_format(bytes, format);
    decoded.map_err(|_| unfit("a picture that breaks off or is damaged"))?;
    let digest = hex::encode(Sha256::digest(bytes));
    let bytes = bytes.len() as u64;
    Ok(SlateArt { digest, form, bytes, width, height, duration_ms: 0, probe: None })
}

fn unfit(what: &str) -> InvalidField {
    let fix = "send a PNG or JPEG picture of at most 8 MiB, or an MP4, Matroska, WebM or MPEG-TS \
               clip of at most 32 MiB and 60 seconds";
    InvalidField::new("file", what, fix)
}

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ControlError {
    ControlError::Failed { what: "the slate".to_owned(), source: error.into() }
}

/// Writes a file whole or not at all.
async fn write(folder: &Path, name: &str, bytes: Vec<u8>) -> std::io::Result<()> {
    tokio::fs::create_dir_all(folder).await?;
    let fresh = folder.join(format!("{name}.new"));
    tokio::fs::write(&fresh, bytes).await?;
    tokio::fs::rename(&fresh, folder.join(name)).await
}

/// A path as ffmpeg takes it, whatever it begins with.
fn file(path: &Path) -> OsString {
    let mut name = OsString::from("file:");
    name.push(path);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_one_that_can_be_decoded() {
        let mut png = Vec::new();
        let small = image::RgbImage::from_pixel(20, 30, image::Rgb([1, 2, 3]));
        small.write_to(&mut Cursor::new(&mut png), image::ImageFormat::Png).unwrap();
        let art = picture(SlateForm::Png, &png).unwrap();
        assert_eq!((art.width, art.height, art.duration_ms), (20, 30, 0));
        assert_eq!(art.file(), format!("{}.png", art.digest));
        let cut = &png[..png.len() - 20];
        assert_eq!(picture(SlateForm::Png, cut).unwrap_err().field, "file");
        let mut thin = Vec::new();
        let line = image::RgbImage::new(15, 3_000);
        line.write_to(&mut Cursor::new(&mut thin), image::ImageFormat::Png).unwrap();
        assert!(picture(SlateForm::Png, &thin).unwrap_err().problem.contains("15×3000"));
    }

    #[test]
    fn a_channels_own_goes_before_that_for_all() {
        let art = |digest: &str| SlateArt {
            digest: digest.to_owned(),
            form: SlateForm::Png,
            bytes: 1,
            width: 16,
            height: 16,
            duration_ms: 0,
            probe: None,
        };
        let one = Some(ChannelId(1));
        let stored = [(None, "all"), (one, "one")].map(|(channel, digest)| StoredSlate {
            channel,
            kind: SlateKind::Offline,
            art: art(digest),
        });
        let digest = |channel, kind| chosen(&stored, channel, kind).map(|art| art.digest.as_str());
        assert_eq!(digest(one, SlateKind::Offline), Some("one"));
        assert_eq!(digest(Some(ChannelId(2)), SlateKind::Offline), Some("all"));
        assert_eq!(digest(None, SlateKind::Offline), Some("all"));
        assert_eq!(digest(one, SlateKind::Starting), None);
    }
}
