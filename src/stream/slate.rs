//! The slates: what is shown while media is not ready, or when there is none.
//!
//! Their pictures are in the binary. Each profile that is in use gets them conformed once, as
//! renditions of four seconds in groups of one second without reordering, which the composer
//! loops; they are stored like any other rendition and never dropped. A third card stands in for
//! the picture of songs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::conform::Conformer;
use super::rendition::{Renditions, SLATE_NO_PROGRAMMING, SLATE_STANDBY};
use super::store::Store;
use crate::domain::{ConformEnd, Media, MediaId, Profile, UtcMillis};

/// How long a slate is; it is looped.
const LENGTH_MS: i64 = 4_000;
/// Changes when slates are to be made anew although their pictures stay.
const RECIPE: i64 = 1;

const STANDBY: &[u8] = include_bytes!("../../assets/slate/standby.png");
const NO_PROGRAMMING: &[u8] = include_bytes!("../../assets/slate/no-programming.png");
const SOUND: &[u8] = include_bytes!("../../assets/slate/sound.png");

/// A slate could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the slate could not be conformed: {end:?}")]
pub struct SlateError {
    /// How its conform ended.
    pub end: ConformEnd,
}

/// The pictures as files, where ffmpeg can read them.
#[derive(Debug, Clone)]
pub struct Cards {
    folder: PathBuf,
}

impl Cards {
    /// Writes the pictures into `folder`. Blocks on the disk.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn install(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let cards = Self { folder: folder.to_owned() };
        for (name, bytes) in [("standby", STANDBY), ("no-programming", NO_PROGRAMMING)] {
            fs::write(cards.path(name), bytes)?;
        }
        fs::write(cards.sound(), SOUND)?;
        Ok(cards)
    }

    /// The picture for sound without picture.
    pub fn sound(&self) -> PathBuf {
        self.path("sound")
    }

    /// Makes both slates of `profile`, unless they are in the store.
    ///
    /// # Errors
    /// When one of them fails.
    pub async fn conform(
        &self,
        conformer: &Conformer,
        store: &Store,
        profile: &Profile,
    ) -> Result<(), SlateError> {
        let standby = self.make(conformer, store, profile, SLATE_STANDBY);
        let nothing = self.make(conformer, store, profile, SLATE_NO_PROGRAMMING);
        let (standby, nothing) = tokio::join!(standby, nothing);
        standby.and(nothing)
    }

    async fn make(
        &self,
        conformer: &Conformer,
        store: &Store,
        profile: &Profile,
        which: MediaId,
    ) -> Result<(), SlateError> {
        let media = self.media(which);
        let key = Store::key_of(&media, profile);
        if store.slate(which, profile).is_some_and(|index| index.key == key) {
            return Ok(());
        }
        match conformer.slate(&Arc::new(media), profile).await {
            ConformEnd::Completed => Ok(()),
            end => Err(SlateError { end }),
        }
    }

    /// A slate as media, whose version follows its picture.
    fn media(&self, which: MediaId) -> Media {
        let (name, bytes) = if which == SLATE_NO_PROGRAMMING {
            ("no-programming", NO_PROGRAMMING)
        } else {
            ("standby", STANDBY)
        };
        Media {
            size: u64::from(crc32fast::hash(bytes)),
            modified: UtcMillis(RECIPE),
            title: name.to_owned(),
            duration_ms: LENGTH_MS,
            ..Media::file(which, self.path(name).to_string_lossy().into_owned())
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.png"))
    }
}
