//! Whether both ways of copying give the same: what is read in process, and what ffmpeg writes.
//!
//! Every file that is read in process is compared once, at its beginning and in its middle, in the
//! background and soon after it was opened. A file that differs is barred from this way, for as
//! long as it stays the same, and the difference is logged.
//!
//! Pictures must be the same NAL units on the same frames, but for delimiters and parameter sets,
//! which either way puts in its own places. Sound must be the same frames at the same times, but
//! for the rounding of a container's clock.

use std::sync::Arc;

use bytes::Bytes;

use super::film::Film;
use super::{Shelf, State};
use crate::domain::{Media, Profile};
use crate::mpegts::coding::{Coding, PictureCoding, Role, SoundCoding};
use crate::mpegts::h264;
use crate::stream::coding::coding;
use crate::stream::conform::{Conformer, Uncopied};
use crate::stream::rendition::{Gop, GopEntry};
use crate::stream::store::{NewGop, Store};

/// Groups compared at each place.
const GROUPS: usize = 2;
/// What rounding between two clocks may move sound, in ticks.
const ROUNDING: i64 = 2;

impl Shelf {
    /// Compares `media` with ffmpeg's copy of it, unless that was done; bars it when they differ.
    pub async fn verify(
        self: &Arc<Self>,
        conformer: &Conformer,
        media: &Arc<Media>,
        profile: &Profile,
    ) {
        let key = Store::key_of(media, profile);
        let Some(film) = self.film(&key).filter(|film| !film.is_checked()) else { return };
        // Also when ffmpeg cannot be asked now: once a start of the server is enough.
        film.set_checked();
        let reason = match self.compare(&film, conformer, media, profile).await {
            Ok(None) => {
                if let Err(error) = self.store.note(&key, |notes| notes.direct_checked = true) {
                    tracing::debug!(%error, "media {} will be compared again", media.id);
                }
                return;
            }
            Ok(Some(difference)) => difference,
            Err(Uncopied::Misfit(misfit)) => misfit.to_string(),
            Err(Uncopied::Failed(reason)) => {
                tracing::debug!(media.id = %media.id, "media {} is not compared: {reason}", media.id);
                return;
            }
        };
        tracing::warn!(
            media.id = %media.id,
            "media {} is not read in process any more, because ffmpeg's copy differs: {reason}",
            media.id
        );
        let noted = self.store.note(&key, |notes| notes.direct_barred = Some(reason.clone()));
        if let Err(error) = noted {
            tracing::warn!(%error, "that is not on disk and will be found out again");
        }
        self.put(&key, State::Unfit { reason, until_ms: None });
        self.store.wake();
    }

    /// Whether `media` is read in process and was not compared yet.
    pub fn is_unchecked(&self, media: &Media, profile: &Profile) -> bool {
        self.film(&Store::key_of(media, profile)).is_some_and(|film| !film.is_checked())
    }

    /// The first difference at the beginning or in the middle.
    async fn compare(
        self: &Arc<Self>,
        film: &Arc<Film>,
        conformer: &Conformer,
        media: &Media,
        profile: &Profile,
    ) -> Result<Option<String>, Uncopied> {
        let gops = &film.index.gops;
        let middle = gops.get(gops.len() / 2).map_or(0, |gop| gop.first_frame);
        for (from, phase) in [(0, None), (middle, Some(film.phase()))] {
            let copies = conformer.copied(media, profile, from, GROUPS, phase).await?;
            if copies.is_empty() && from == 0 {
                return Ok(Some("ffmpeg finds nothing to copy".to_owned()));
            }
            let (film, shelf, coding) = (Arc::clone(film), Arc::clone(self), coding(profile));
            let compared = tokio::task::spawn_blocking(move || {
                // A run that begins inside the file lacks some of its first sound.
                copies.iter().zip([from == 0].into_iter().chain(std::iter::repeat(true))).find_map(
                    |(copy, whole)| {
                        let Some(entry) = film.index.covering(copy.first_frame) else {
                            return Some(format!("there is nothing at frame {}", copy.first_frame));
                        };
                        match film.read(&*shelf.files, &*shelf.clock, entry) {
                            Ok(gop) => difference(coding, entry, &gop, copy, whole),
                            Err(fault) => Some(fault.to_string()),
                        }
                    },
                )
            });
            let found = compared.await.map_err(|_panic| Uncopied::Failed("a panic".to_owned()))?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

/// The first difference between a group read in process and the copy of it, in words.
///
/// Without `whole` the copy may lack sound.
pub(super) fn difference(
    coding: Coding,
    entry: &GopEntry,
    read: &Gop,
    copy: &NewGop,
    whole: bool,
) -> Option<String> {
    let place = entry.first_frame;
    if (entry.first_frame, entry.frames) != (copy.first_frame, copy.frames) {
        let (here, there) = (entry.frames, copy.frames);
        return Some(format!(
            "the group at frame {place} has {here} frames, its copy at {} {there}",
            copy.first_frame
        ));
    }
    let frames = |gop: &Gop| gop.video.iter().map(|unit| unit.frame).collect::<Vec<i64>>();
    if frames(read) != frames(&copy.gop) {
        return Some(format!("the group at frame {place} has another order"));
    }
    for (unit, copied) in read.video.iter().zip(&copy.gop.video) {
        if !coded(coding.picture, &unit.data).eq(coded(coding.picture, &copied.data)) {
            return Some(format!("the picture of frame {} has other bytes", unit.frame));
        }
    }
    if whole { sound_difference(coding.sound, entry, &read.audio, copy) } else { None }
}

/// The first difference in sound; a missing frame is silence either way.
fn sound_difference(
    coding: SoundCoding,
    entry: &GopEntry,
    read: &[Bytes],
    copy: &NewGop,
) -> Option<String> {
    let step = coding.codec.ticks();
    let (place, copied) = (entry.first_frame, &copy.gop.audio);
    let apart = match (read.is_empty(), copied.is_empty()) {
        (false, false) => entry.audio_tick - copy.audio_tick,
        (true, _) | (_, true) => 0,
    };
    let shift = (apart + step / 2).div_euclid(step);
    if (apart - shift * step).abs() > ROUNDING {
        return Some(format!("the sound at frame {place} is off by {apart} ticks"));
    }
    // Places count from the first frame read; the copy's first one is `shift` places before.
    let frame = |all: &[Bytes], at: i64| {
        let found = usize::try_from(at).ok().and_then(|at| all.get(at)).cloned();
        found.unwrap_or_else(|| coding.silence())
    };
    let length = |all: &[Bytes]| i64::try_from(all.len()).unwrap_or(0);
    let places = (-shift).min(0)..length(read).max(length(copied) - shift);
    let differs = { places }.find(|at| frame(read, *at) != frame(copied, at + shift));
    differs.map(|at| format!("frame {at} of the sound at frame {place} has other bytes"))
}

/// The NAL units of an access unit that belong to its picture.
fn coded(coding: PictureCoding, unit: &[u8]) -> impl Iterator<Item = &[u8]> {
    h264::nal_units(unit).filter(move |nal| {
        !matches!(coding.role(nal), Some(Role::Delimiter | Role::StreamSet | Role::PictureSet))
    })
}
