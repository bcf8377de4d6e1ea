//! The slates: what is shown while media is not ready, or when there is none.
//!
//! Every profile in use gets one of each [`SlateKind`] first, for all channels ([`Cards`]): with
//! them every channel can answer at once, however many there are. A channel's own, with its name
//! ([`OwnSlates`]), are made when it is watched or about to show one ([`mod@keep`]), at idle priority,
//! and are looked up like media: under a digest of what shapes them, so a renamed channel gets new
//! ones. Which of the four is shown follows from timeline and store.
//!
//! Slates are stored like any other rendition, in groups of one second without reordering, which
//! the composer loops. Those for all channels are never dropped, a channel's own are.
//!
//! A further picture stands in for that of songs.

mod canvas;
mod card;
mod geometry;
mod keep;
mod lettering;
mod own;
mod reason;
mod testcard;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub(super) use self::keep::{Keeping, keep};
pub use self::own::{OwnSlate, OwnSlates};
pub(super) use self::reason::reason;
use super::conform::Conformer;
use super::rendition::{
    Renditions, SLATE_NO_PROGRAMMING, SLATE_OFFLINE, SLATE_STANDBY, SLATE_TECHNICAL,
};
use super::store::Store;
use crate::domain::{ConformEnd, Media, MediaId, Profile, SlateKind, UtcMillis};

/// Changes when slates look different although nothing of a channel changed.
const RECIPE: i64 = 2;

/// A test card that takes longer is given up.
const CLIP_WITHIN: Duration = Duration::from_secs(120);

const SOUND: &[u8] = include_bytes!("../../assets/slate/sound.png");

/// A slate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SlateError {
    /// Its picture could not be drawn or written.
    #[error("the slate could not be drawn")]
    Draw(#[source] io::Error),
    /// The clip of the test card could not be made.
    #[error("the test card could not be made: {0}")]
    Clip(String),
    /// Its conform failed.
    #[error("the slate could not be conformed: {0:?}")]
    Conform(ConformEnd),
}

/// The id that the slate of this kind for all channels is stored under.
pub fn id_of(kind: SlateKind) -> MediaId {
    match kind {
        SlateKind::Starting => SLATE_STANDBY,
        SlateKind::Technical => SLATE_TECHNICAL,
        SlateKind::NoProgramming => SLATE_NO_PROGRAMMING,
        SlateKind::Offline => SLATE_OFFLINE,
    }
}

/// The pictures as files, where ffmpeg can read them.
#[derive(Debug, Clone)]
pub struct Cards {
    folder: PathBuf,
}

impl Cards {
    /// Writes the picture for songs into `folder`. Blocks on the disk.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn install(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let cards = Self { folder: folder.to_owned() };
        fs::write(cards.sound(), SOUND)?;
        Ok(cards)
    }

    /// The picture for sound without picture.
    pub fn sound(&self) -> PathBuf {
        self.folder.join("sound.png")
    }

    /// Makes the slates of `profile` for all channels, unless they are in the store.
    ///
    /// # Errors
    /// When one of them fails.
    pub async fn conform(
        &self,
        conformer: &Conformer,
        store: &Store,
        profile: &Profile,
    ) -> Result<(), SlateError> {
        let mut failed = Ok(());
        // One after the other, the ones that are needed soonest first.
        for kind in [
            SlateKind::Starting,
            SlateKind::NoProgramming,
            SlateKind::Technical,
            SlateKind::Offline,
        ] {
            let slate = OwnSlate::for_all(kind);
            let key = Store::key_of(slate.media(), profile);
            if store.slate(id_of(kind), profile).is_some_and(|index| index.key == key) {
                continue;
            }
            failed = failed.and(self.make(conformer, &slate, profile, true).await);
        }
        failed
    }

    /// Makes a slate; at idle priority unless it is `urgent`.
    ///
    /// # Errors
    /// When that fails. That somebody else makes it, or needs the machine more, is no failure.
    pub(super) async fn make(
        &self,
        conformer: &Conformer,
        slate: &OwnSlate,
        profile: &Profile,
        urgent: bool,
    ) -> Result<(), SlateError> {
        let mut files = Files::default();
        let mut media = slate.media().clone();
        if let Some(drawn) = self.draw(slate, profile).await? {
            media.path = drawn.to_string_lossy().into_owned();
            files.0.push(drawn);
        }
        if slate.is_test_card() {
            let card = PathBuf::from(&media.path);
            let clip = card.with_extension("mkv");
            files.0.push(clip.clone());
            let args = testcard::arguments(profile, &card, &clip);
            conformer.run(args, CLIP_WITHIN).await.map_err(SlateError::Clip)?;
            media.path = clip.to_string_lossy().into_owned();
            media.probe = Some(testcard::probe(profile));
        }
        if media.duration_ms == 0 {
            media.duration_ms = second(profile);
        }
        match conformer.slate(&Arc::new(media), profile, urgent).await {
            ConformEnd::Completed | ConformEnd::Cancelled | ConformEnd::Truncated { .. } => Ok(()),
            end => Err(SlateError::Conform(end)),
        }
    }

    /// Draws a slate into a file, if it is one that is drawn.
    async fn draw(
        &self,
        slate: &OwnSlate,
        profile: &Profile,
    ) -> Result<Option<PathBuf>, SlateError> {
        let (id, version) = (slate.media().id, slate.media().size);
        let name = format!("{id}-{version:016x}-{}", profile.shape());
        let path = self.folder.join(format!("{name}.ppm"));
        let fresh = self.folder.join(format!("{name}-{}.new", std::process::id()));
        let (slate, profile) = (slate.clone(), profile.clone());
        let written = tokio::task::spawn_blocking(move || {
            let Some(drawn) = slate.drawn(&profile) else { return Ok(None) };
            // Whole or not at all: another server may draw the same.
            fs::write(&fresh, drawn.to_ppm())?;
            fs::rename(&fresh, &path)?;
            Ok(Some(path))
        });
        let written = written.await.map_err(|error| SlateError::Draw(io::Error::other(error)))?;
        written.map_err(SlateError::Draw)
    }
}

/// Files that are not needed any more in a moment.
#[derive(Debug, Default)]
struct Files(Vec<PathBuf>);

impl Drop for Files {
    fn drop(&mut self) {
        for path in &self.0 {
            if let Err(error) = fs::remove_file(path) {
                tracing::debug!(%error, "a drawn slate stays at {}", path.display());
            }
        }
    }
}

/// Whole frames of a second, in milliseconds: one group, which is the same every time.
fn second(profile: &Profile) -> i64 {
    let frames = i64::from(profile.rate.num / profile.rate.den).max(1);
    profile.tick_of(frames) / 90
}

/// A slate as media: what is shown goes into its version.
fn media(id: MediaId, digest: u64, title: &str) -> Media {
    Media {
        size: digest,
        modified: UtcMillis(RECIPE),
        title: title.to_owned(),
        duration_ms: 0,
        ..Media::file(id, String::new())
    }
}
