//! Subtitle texts beside the picture: what profiles with the rule `sidecar` offer in HLS.
//!
//! The text tracks of a file, and the `.srt`, `.vtt`, `.ass` and `.ssa` files beside it, are taken
//! out once, before the file is on air, and kept in a small file beside the renditions, under media
//! and version. A segment of texts is then a pure function of timeline and these files ([`segment`]).
//!
//! Nothing here is on the way of a viewer: what is not taken out yet is missing, and what a
//! playlist listed without it stays without it.

mod extract;
mod origin;
mod segment;
pub mod webvtt;

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::extract::Means;
pub(in crate::stream) use self::segment::playlist;
pub use self::segment::{
    Language, Lines, NoLanguage, TextError, TextName, body, rendition, report,
};
use self::webvtt::Cue;
use super::OnAir;
use super::ahead::Plans;
use super::store::Store;
use crate::domain::{Media, MediaId, Profile, SubtitleMode, UtcMillis};
use crate::foundation::clock::SharedClock;
use crate::foundation::stop::Stop;

/// How often is looked for texts that are missing.
const LOOK: Duration = Duration::from_secs(2);
/// How long before its air time a file's texts are taken out, in milliseconds.
const AHEAD_MS: i64 = 1_800_000;
/// How long after its air time they are known, in milliseconds: as long as HLS lists it.
const KEEP_MS: i64 = 120_000;
/// Most languages that a channel offers.
const MOST_LANGUAGES: usize = 8;

/// The texts of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Texts {
    /// In the file's order, then those beside it.
    pub tracks: Vec<Track>,
}

/// One track of texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// Its language, if it says.
    pub language: Option<crate::domain::Language>,
    /// Whether it is meant to be shown always.
    pub forced: bool,
    /// Whether the file marks it as the default.
    pub default: bool,
    /// Its cues, in order.
    pub cues: Vec<Cue>,
}

/// A file in one state.
type Key = (MediaId, u64);

/// The texts of what is on air now and soon; see the module.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
    known: RwLock<HashMap<Key, Arc<Texts>>>,
}

impl Shelf {
    /// An empty one; files go to `folder`, which need not exist.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, known: RwLock::default() }
    }

    /// The texts of `media`, if they are known. Memory only.
    pub fn of(&self, media: &Media, profile: &Profile) -> Option<Arc<Texts>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&key(media, profile)).cloned()
    }

    /// Takes texts for known.
    pub fn put(&self, media: &Media, profile: &Profile, texts: Texts) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(key(media, profile), Arc::new(texts));
    }

    fn keep(&self, keys: &BTreeSet<Key>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|key, _| keys.contains(key));
    }
}

/// The languages that a channel offers texts in, in the rule's order; none where it offers none.
///
/// Without languages in the rule these are the ones that its files have.
pub fn offered(on_air: &OnAir, shelf: &Shelf) -> Vec<Language> {
    let rule = &on_air.profile.subtitles;
    if rule.mode != SubtitleMode::Sidecar {
        return Vec::new();
    }
    if !rule.languages.is_empty() {
        let named = rule.languages.iter().take(MOST_LANGUAGES);
        return named.map(|language| Language(Some(language.clone()))).collect();
    }
    let mut languages = BTreeSet::new();
    for media in on_air.media.values() {
        let tracks = media.probe.iter().flat_map(|probe| &probe.subtitles);
        languages.extend(
            tracks
                .filter(|track| !track.is_bitmap())
                .map(|track| Language::of(track.language.as_deref())),
        );
        let beside = shelf.of(media, &on_air.profile);
        let beside = beside.iter().flat_map(|texts| &texts.tracks);
        languages.extend(beside.map(|track| Language(track.language.clone())));
    }
    languages.into_iter().take(MOST_LANGUAGES).collect()
}

/// Takes out the texts of what is on air soon, one file after the other.
pub fn start(
    shelf: Arc<Shelf>,
    means: Means,
    clock: SharedClock,
    stop: &Stop,
    look: impl Fn() -> Plans + Send + Sync + 'static,
) {
    let ending = stop.clone();
    stop.spawn("texts", async move {
        let round = async {
            loop {
                let now = UtcMillis(clock.now_ms());
                let wanted = wanted(&look(), now);
                shelf.keep(&wanted.iter().map(|(media, profile)| key(media, profile)).collect());
                let next =
                    wanted.into_iter().find(|(media, profile)| shelf.of(media, profile).is_none());
                match next {
                    Some((media, profile)) => {
                        let texts =
                            extract::texts(&means, &shelf.folder, &media, key(&media, &profile))
                                .await;
                        shelf.put(&media, &profile, texts);
                    }
                    None => tokio::time::sleep(LOOK).await,
                }
            }
        };
        tokio::select! {
            () = round => {}
            () = ending.requested() => {}
        }
    });
}

/// Whose texts are wanted: what channels that offer texts show now or soon, soonest first.
fn wanted(plans: &Plans, now: UtcMillis) -> Vec<(Arc<Media>, Profile)> {
    let mut wanted = Vec::new();
    for on_air in &plans.channels {
        if on_air.profile.subtitles.mode != SubtitleMode::Sidecar {
            continue;
        }
        let slots = on_air.timeline.slots().iter();
        let near = slots
            .skip_while(|slot| slot.stop.0 < now.0 - KEEP_MS)
            .take_while(|slot| slot.start.0 < now.0 + AHEAD_MS);
        let media = near.filter_map(|slot| Some((slot.start, on_air.media.get(&slot.media?)?)));
        let files = media.filter(|(_, media)| !media.is_live());
        wanted.extend(files.map(|(at, media)| (at, Arc::clone(media), on_air.profile.clone())));
    }
    wanted.sort_by_key(|(at, ..)| *at);
    let mut seen = BTreeSet::new();
    let wanted = wanted.into_iter().filter(|(_, media, profile)| seen.insert(key(media, profile)));
    wanted.map(|(_, media, profile)| (media, profile)).collect()
}

fn key(media: &Media, profile: &Profile) -> Key {
    (media.id, Store::key_of(media, profile).version)
}
