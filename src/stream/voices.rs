//! Sound in other languages beside a channel's own, which HLS offers to choose from.
//!
//! An item that speaks a language that its profile names in `audio_renditions` is conformed a second
//! time for it, ahead of its air time: as sound without picture, for which a small still stands in, so
//! that whatever makes, keeps and finds renditions treats it as any other ([`Voice`]). A segment in
//! that language is the very units of the channel's segment with other sounds ([`plan`]), as packed
//! audio ([`packed`]). What lacks the language, and what is not made yet, gives its own sound.
//!
//! What a playlist listed is kept with what the channel was decided to show, so that a name never
//! changes: sound that is made later is heard from the next segment on.
//!
//! Deliberately absent: voices in fragmented MP4, where picture and sound would have to be apart.

mod packed;
mod plan;
mod serve;

use std::collections::HashMap;
use std::sync::Arc;

use super::OnAir;
use crate::domain::{Language, Media, MediaId, Profile};

pub(super) use self::packed::{playlist, rendition, report};

/// What of a channel is to be conformed for one language.
#[derive(Debug, Clone)]
pub struct Voice {
    /// As what.
    pub profile: Profile,
    /// The items that speak it besides what they are heard in.
    pub media: HashMap<MediaId, Arc<Media>>,
}

impl Voice {
    /// Every voice of what a channel plays.
    pub fn all(on_air: &OnAir) -> Vec<Self> {
        let of = |language: &Language| {
            let speaks = |media: &&Arc<Media>| speaks(media, &on_air.profile, language);
            let media = on_air.media.values().filter(speaks);
            Self {
                profile: on_air.profile.voice(language),
                media: media.map(|media| (media.id, Arc::clone(media))).collect(),
            }
        };
        offered(on_air).iter().map(of).collect()
    }
}

/// The languages that a channel offers beside its own.
pub(super) fn offered(on_air: &OnAir) -> &[Language] {
    match on_air.profile.is_fragmented() {
        true => &[],
        false => &on_air.profile.audio_renditions,
    }
}

/// Whether an item has sound in `language` and is heard in another one.
fn speaks(media: &Media, profile: &Profile, language: &Language) -> bool {
    let Some(probe) = media.probe.as_ref().filter(|_| !media.is_live()) else { return false };
    // Nearly every item is told by this.
    if !probe.audio.iter().any(|track| language.is(track.language.as_deref())) {
        return false;
    }
    let heard = |profile: &Profile| super::ffmpeg::copying(probe, profile).audio_track;
    let voice = heard(&profile.voice(language));
    let track = voice.and_then(|track| probe.audio.get(track));
    track.is_some_and(|track| language.is(track.language.as_deref())) && voice != heard(profile)
}

/// The key that a row keeps the segments of a voice under, beside those of texts.
pub(super) fn key(language: &Language) -> String {
    format!("sound-{language}")
}
