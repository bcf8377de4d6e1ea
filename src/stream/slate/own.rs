//! What stands in on one channel.
//!
//! Plain data, but for a logo, which is read from its file when it is drawn.

use std::hash::Hasher;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::canvas::Canvas;
use super::card::{self, Face};
use super::{id_of, media, testcard};
use crate::domain::{Channel, Media, MediaId, Profile, SlateArt, SlateKind};
use crate::stream::fnv::Fnv;

/// Ids of drawn slates begin here and go down, eight to a channel.
const DRAWN: i64 = -1_000;
/// Ids of pictures and clips begin here and go down.
const ART: i64 = -(1 << 48);
/// The id of the test card, which is one for all channels.
const TEST_CARD: MediaId = MediaId(-9);

/// The slates of a channel; none of its own by default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OwnSlates {
    slates: Option<Arc<[OwnSlate; 4]>>,
}

/// One slate: what it is stored under, and how it comes about.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnSlate {
    media: Media,
    look: Look,
}

#[derive(Debug, Clone, PartialEq)]
enum Look {
    /// Drawn by us, with a channel's face or without.
    Drawn { kind: SlateKind, face: Option<Name> },
    /// A picture or a clip as it is in its file.
    File,
    /// The test card.
    TestCard,
}

/// Who speaks.
#[derive(Debug, Clone, PartialEq)]
struct Name {
    number: String,
    name: String,
    hue: usize,
    logo: Option<PathBuf>,
}

impl OwnSlates {
    /// The slates of `channel`, drawn with its number and name, and its logo if there is one: the
    /// digest of its file, and where that is.
    pub fn drawn(channel: &Channel, logo: Option<(&str, &Path)>) -> Self {
        let hue = usize::try_from(channel.id.0.rem_euclid(8)).unwrap_or_default();
        let number = channel.number.to_string();
        let slates = SlateKind::ALL.map(|kind| {
            let mut digest = Fnv::default();
            for part in
                [kind.as_str(), &number, &channel.name, logo.map_or("", |(digest, _)| digest)]
            {
                digest.write(part.as_bytes());
                digest.write(&[0]);
            }
            digest.write(&hue.to_le_bytes());
            let id = MediaId(DRAWN - channel.id.0 * 8 + id_of(kind).0);
            let face = Name {
                number: number.clone(),
                name: channel.name.clone(),
                hue,
                logo: logo.map(|(_, path)| path.to_owned()),
            };
            OwnSlate {
                media: media(id, digest.finish(), kind.as_str()),
                look: Look::Drawn { kind, face: Some(face) },
            }
        });
        Self { slates: Some(Arc::new(slates)) }
    }

    /// The test card in the place of all of them.
    pub fn test_card() -> Self {
        let media = Media { duration_ms: testcard::LENGTH_MS, ..media(TEST_CARD, 0, "test card") };
        let slate = OwnSlate { media, look: Look::TestCard };
        Self { slates: Some(Arc::new(SlateKind::ALL.map(|_| slate.clone()))) }
    }

    /// The same with the operator's `art`, whose file lies in `folder`, in the place of one slate.
    ///
    /// Channels with the same art in the same place share what is stored of it.
    #[must_use]
    pub fn with(self, kind: SlateKind, art: &SlateArt, folder: &Path) -> Self {
        let Some(slates) = self.slates else { return self };
        let mut slates = Arc::unwrap_or_clone(slates);
        let mut digest = Fnv::default();
        digest.write(art.digest.as_bytes());
        let digest = digest.finish();
        let place = i64::try_from(digest >> 26).unwrap_or_default();
        let id = MediaId(ART - place * 8 + id_of(kind).0);
        let media = Media {
            path: folder.join(art.file()).to_string_lossy().into_owned(),
            probe: art.probe.clone(),
            duration_ms: art.duration_ms,
            ..media(id, digest, kind.as_str())
        };
        for (of, slate) in SlateKind::ALL.iter().zip(&mut slates) {
            if *of == kind {
                *slate = OwnSlate { media: media.clone(), look: Look::File };
            }
        }
        Self { slates: Some(Arc::new(slates)) }
    }

    /// The channel's own slate of this kind, if it has any.
    pub fn of(&self, kind: SlateKind) -> Option<&OwnSlate> {
        let slates = self.slates.as_ref()?;
        SlateKind::ALL.iter().zip(slates.iter()).find(|(of, _)| **of == kind).map(|(_, own)| own)
    }

    /// The slate of this kind that any channel can show, as a PNG file.
    pub fn preview_for_all(kind: SlateKind, width: u32, height: u32) -> Option<Vec<u8>> {
        OwnSlate::for_all(kind).preview(width, height)
    }

    /// The channel's own slate that is stored under `id`.
    pub fn stored_as(&self, id: MediaId) -> Option<&OwnSlate> {
        self.slates.as_ref()?.iter().find(|slate| slate.media.id == id)
    }
}

impl OwnSlate {
    /// The slate of this kind that any channel can show.
    pub(super) fn for_all(kind: SlateKind) -> Self {
        let media = media(id_of(kind), 0, kind.as_str());
        Self { media, look: Look::Drawn { kind, face: None } }
    }

    /// The slate as media: its id and version say what is stored.
    pub fn media(&self) -> &Media {
        &self.media
    }

    pub(in crate::stream) fn is_test_card(&self) -> bool {
        self.look == Look::TestCard
    }

    /// Draws it, if it is drawn. Reads the logo, if it has one.
    pub(super) fn drawn(&self, profile: &Profile) -> Option<Canvas> {
        match &self.look {
            Look::Drawn { .. } => self.card(profile.width, profile.height),
            Look::TestCard => Some(testcard::draw(profile)),
            Look::File => None,
        }
    }

    fn card(&self, width: u32, height: u32) -> Option<Canvas> {
        match &self.look {
            Look::Drawn { kind, face } => {
                let logo = face.as_ref().and_then(|face| read_logo(face.logo.as_deref()?));
                let face = face.as_ref().map(|face| Face {
                    number: &face.number,
                    name: &face.name,
                    hue: face.hue,
                    logo: logo.as_ref(),
                });
                Some(card::draw(width, height, *kind, face.as_ref()))
            }
            Look::File | Look::TestCard => None,
        }
    }

    /// What it looks like as a PNG file, if it is drawn. Reads the logo, if it has one.
    pub fn preview(&self, width: u32, height: u32) -> Option<Vec<u8>> {
        self.card(width, height)?.to_png()
    }
}

/// Reads a logo; without it the card has the name alone.
fn read_logo(path: &Path) -> Option<image::RgbaImage> {
    match image::open(path) {
        Ok(logo) => Some(logo.to_rgba8()),
        Err(error) => {
            tracing::warn!(%error, "the logo at {} is not drawn", path.display());
            None
        }
    }
}
