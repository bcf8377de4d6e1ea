//! Gives playlists of what is on air, and waits for what their readers ask for.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::channel::{DiskReader, Live, composing};
use super::coding::coding;
use super::compose::{Reader, Shows, UnitPlan};
use super::core::Core;
use super::hls::{Container, Form, Variant, master, part};
use super::sessions::VIA_HLS;
use super::texts::{self, TextError, TextName};
use super::{JoinError, OnAir, ViewerInfo, hls, inits, voices};
use crate::domain::{ChannelId, Language, MediaId};
use crate::mpegts::coding::PictureCoding;

/// A place in the future of a playlist that its reader waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// The number of a segment.
    pub segment: i64,
    /// A part of it; `None` waits for the whole segment.
    pub part: Option<u32>,
}

/// Why a playlist cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaylistError {
    /// Its reader cannot be let in.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// There is nothing to list yet.
    #[error("the first segment is not made yet")]
    NotYet,
    /// What is wished for will not be there for long.
    #[error("the newest segment that may be waited for is {newest}")]
    TooFar {
        /// What may be asked for.
        newest: i64,
    },
    /// The channel offers neither texts nor sound in that language.
    #[error("there is nothing in that language")]
    NoTexts,
    /// What is wished for did not come within three target durations.
    #[error("what was waited for is not made yet")]
    Late,
}

/// What comes of looking at what could be listed.
enum Listing {
    /// The playlist, and what it was not kept waiting for.
    Text { text: String, unread: Vec<Arc<UnitPlan>> },
    /// What these units begin with has to be known first.
    Lacks(Vec<Arc<UnitPlan>>),
}

/// How long a reader waits for the first segment.
const FIRST_WITHIN: Duration = Duration::from_secs(5);
/// How long a reader may wait for what it wishes: the standard's bound.
const WISH_WITHIN: Duration = Duration::from_secs(3 * hls::TARGET_SECONDS.unsigned_abs());
/// How far back a channel looks when it begins: what is listed, and the segment that is not whole.
const LOOK_BACK_MS: i64 = 10 * hls::SEGMENT_MS;

impl Core {
    /// The playlist of this moment, or of when it holds `wish`; its reader counts as a viewer.
    ///
    /// Players give up on a playlist without segments, so the first one is waited for.
    pub(super) async fn playlist(
        self: &Arc<Self>,
        channel: ChannelId,
        who: ViewerInfo,
        form: Form,
        wish: Option<Wish>,
    ) -> Result<String, PlaylistError> {
        let live = self.read_by(channel, who)?;
        let text = self.learnt(&live, FIRST_WITHIN, || self.list(&live, form)).await;
        let text = text.ok_or(PlaylistError::NotYet)?;
        let Some(wish) = wish else { return Ok(text) };
        let newest = whole(&live) + 1;
        if wish.segment > newest {
            return Err(PlaylistError::TooFar { newest });
        }
        // With too many who wait already, the answer is what there is now.
        let Ok(_permit) = self.waiters.try_acquire() else { return Ok(text) };
        let grown = || holds(&live, form, wish).then(|| self.list(&live, form)).flatten();
        self.learnt(&live, WISH_WITHIN, grown).await.ok_or(PlaylistError::Late)
    }

    /// As [`Self::once`], and reads what has to be known before something can be listed.
    async fn learnt(
        self: &Arc<Self>,
        live: &Live,
        longest: Duration,
        look: impl Fn() -> Option<Listing>,
    ) -> Option<String> {
        let looking = async {
            loop {
                match self.once(live, longest, &look).await? {
                    Listing::Text { text, unread } => {
                        self.learn_beside(&live.profile, &unread);
                        return Some(text);
                    }
                    Listing::Lacks(units) => {
                        if !self.learn_all(&live.profile, &units).await {
                            tokio::time::sleep(inits::BETWEEN).await;
                        }
                    }
                }
            }
        };
        // Who has waited that long is told so.
        timeout(longest, looking).await.unwrap_or(None)
    }

    /// The playlist of a channel's texts in `language`, likewise.
    pub(super) async fn texts_playlist(
        self: &Arc<Self>,
        channel: ChannelId,
        who: ViewerInfo,
        language: &texts::Language,
        wish: Option<Wish>,
    ) -> Result<String, PlaylistError> {
        let live = self.read_by(channel, who)?;
        if !texts::offered(&live.on_air.load(), &self.texts).contains(language) {
            return Err(PlaylistError::NoTexts);
        }
        let list = || {
            let (_, listed) = live.row.listable(&live.profile)?;
            let noted = listed.clone();
            let make = |n| self.text_of(&live.on_air.load(), language, n);
            let texts = live.row.texts(&language.to_string(), listed, make)?;
            live.row.note_listed(noted);
            (!texts.is_empty()).then(|| texts::playlist(&texts))
        };
        self.beside(&live, wish, list).await
    }

    /// The playlist of a channel's sound in another language, likewise.
    pub(super) async fn voice_playlist(
        self: &Arc<Self>,
        channel: ChannelId,
        who: ViewerInfo,
        language: &Language,
        wish: Option<Wish>,
    ) -> Result<String, PlaylistError> {
        let live = self.read_by(channel, who)?;
        if !voices::offered(&live.on_air.load()).contains(language) {
            return Err(PlaylistError::NoTexts);
        }
        let list = || {
            let (units, listed) = live.row.listable(&live.profile)?;
            let noted = listed.clone();
            let make = |n| self.voice_of(&live.on_air.load(), &units, language, n);
            let kept = live.row.texts(&voices::key(language), listed, make)?;
            live.row.note_listed(noted);
            voices::playlist(&live.profile, language, &kept)
        };
        self.beside(&live, wish, list).await
    }

    /// What `list` gives of what is heard or read beside a channel, now or when it holds `wish`.
    async fn beside(
        &self,
        live: &Live,
        wish: Option<Wish>,
        list: impl Fn() -> Option<String>,
    ) -> Result<String, PlaylistError> {
        let text = self.once(live, FIRST_WITHIN, &list).await.ok_or(PlaylistError::NotYet)?;
        let Some(wish) = wish else { return Ok(text) };
        let newest = whole(live) + 1;
        if wish.segment > newest {
            return Err(PlaylistError::TooFar { newest });
        }
        let Ok(_permit) = self.waiters.try_acquire() else { return Ok(text) };
        let grown = || holds(live, Form::Plain, wish).then(&list).flatten();
        self.once(live, WISH_WITHIN, grown).await.ok_or(PlaylistError::Late)
    }

    /// The texts of segment `n` as timeline and store have them now.
    fn text_of(&self, on_air: &OnAir, language: &texts::Language, n: i64) -> String {
        let find = |media: MediaId| self.texts.of(on_air.media.get(&media)?, &on_air.profile);
        let OnAir { profile, timeline, .. } = on_air;
        texts::body(&texts::Lines { profile, timeline, texts: &find }, language, n)
    }

    /// A segment of texts: as it was listed, else as it is now.
    pub(super) fn texts_segment(
        &self,
        channel: ChannelId,
        name: &TextName,
    ) -> Result<String, TextError> {
        let (on_air, _) = self.window(channel, name.n)?;
        let row = self.decisions.row(channel, &on_air.profile);
        let listed = row.text(name.n, &name.language.to_string());
        let body = match &listed {
            Some(text) => text.body.clone(),
            None if texts::offered(&on_air, &self.texts).contains(&name.language) => {
                self.text_of(&on_air, &name.language, name.n)
            }
            None => return Err(TextError::NoTexts),
        };
        let now = TextName::of(name.n, &name.language, &body);
        if now == *name { Ok(body) } else { Err(TextError::Renamed(now)) }
    }

    /// The channel, which counts `who` as a viewer of HLS from now on.
    fn read_by(
        self: &Arc<Self>,
        channel: ChannelId,
        who: ViewerInfo,
    ) -> Result<Arc<Live>, JoinError> {
        let who = ViewerInfo { via: VIA_HLS, ..who };
        let known = self.live(channel).filter(|live| live.sessions.seen_again(&who, live.now_ms()));
        let live = match known {
            Some(live) => live,
            None => self.enter(channel, who)?.0,
        };
        live.look_back(&*self.renditions, LOOK_BACK_MS);
        Ok(live)
    }

    /// Looks at every change of what `live` shows until `look` finds something; `None` after
    /// `longest`, or when the channel has ended.
    async fn once<T>(
        &self,
        live: &Live,
        longest: Duration,
        look: impl Fn() -> Option<T>,
    ) -> Option<T> {
        let mut told = live.row.told();
        let looking = async {
            loop {
                if let Some(found) = look() {
                    return Some(found);
                }
                // The row is held here, so it is never dropped; an ended channel adds nothing.
                if live.has_ended() || told.changed().await.is_err() {
                    return None;
                }
            }
        };
        tokio::select! {
            // reason: who has waited that long is told so.
            found = timeout(longest, looking) => found.ok().flatten(),
            () = self.stop.requested() => None,
        }
    }

    /// The playlist of what is decided; `None` without a segment.
    fn list(&self, live: &Live, form: Form) -> Option<Listing> {
        let (units, listed) = live.row.listable(&live.profile)?;
        let noted = listed.clone();
        let last = listed.end - 1;
        let firsts = match Container::of(&live.profile) {
            Container::Ts => Vec::new(),
            Container::Fmp4 => hls::beginnings(&live.profile, &units, &listed),
        };
        let any = firsts.iter().find_map(|unit| self.inits.of(unit));
        let unread: Vec<_> =
            firsts.iter().filter(|unit| self.inits.of(unit).is_none()).cloned().collect();
        // Without any beginning nothing can be played; without some of them the rest can be.
        let now_ms = self.clock.now_ms();
        let is_awaited = |unit: &Arc<UnitPlan>| self.inits.is_awaited(unit, now_ms);
        if !unread.is_empty() && (any.is_none() || unread.iter().any(is_awaited)) {
            return Some(Listing::Lacks(unread));
        }
        let init = |unit: &UnitPlan| any.and_then(|any| self.inits.of(unit).or(Some(any)));
        let lead_ms = self.keeping().lead_ms;
        let mut text = hls::playlist(&live.profile, &units, listed, form, lead_ms, &init);
        if form == Form::LowLatency {
            for language in texts::offered(&live.on_air.load(), &self.texts) {
                text.push_str(&texts::report(&language, last));
            }
            for language in voices::offered(&live.on_air.load()) {
                text.push_str(&voices::report(language, last));
            }
        }
        if !text.contains("#EXTINF") {
            return None;
        }
        live.row.note_listed(noted);
        Some(Listing::Text { text, unread })
    }

    /// What players choose a stream by; starts nothing.
    pub(super) async fn master(&self, channel: ChannelId, form: Form) -> Option<String> {
        let (on_air, live) = {
            let channels = self.lock();
            let entry = channels.get(&channel)?;
            (Arc::clone(&entry.on_air), entry.live.clone())
        };
        let mut units = live.map_or_else(Vec::new, |live| live.row.units());
        if units.is_empty() {
            let frame = |ms: i64| on_air.profile.rate.frame_at_or_before(ms * 90);
            let now_ms = self.clock.now_ms();
            let (from, to) = (frame(now_ms), frame(now_ms + self.keeping().lead_ms));
            units = composing(&on_air, &*self.renditions, &[], |c| hls::compose(c, from, to));
        }
        let picture = self.codec_of(coding(&on_air.profile).picture, &units).await;
        let variant = Variant::of(&on_air.profile, &units, picture);
        let texts = texts::offered(&on_air, &self.texts);
        Some(master(&on_air.profile, &variant, form, &texts, voices::offered(&on_air)))
    }

    /// What codec a player needs for `units`: the highest that their first pictures name.
    async fn codec_of(&self, coding: PictureCoding, units: &[Arc<UnitPlan>]) -> Option<String> {
        let mut firsts: Vec<Arc<UnitPlan>> = Vec::new();
        for unit in units.iter().rev() {
            let known = firsts.iter().any(|first| first.clip.key == unit.clip.key);
            if !known && matches!(unit.shows, Shows::Media(_)) && firsts.len() < 4 {
                firsts.push(Arc::clone(unit));
            }
        }
        firsts.extend(units.first().filter(|_| firsts.is_empty()).cloned());
        let mut reader = DiskReader::new(Arc::clone(&self.renditions));
        let read = tokio::task::spawn_blocking(move || {
            let codec = |unit: &Arc<UnitPlan>| {
                // reason: what cannot be read now says nothing, and another name will do.
                let gop = reader.pictures(&unit.clip.key, &unit.clip.gop).ok()?;
                coding.name(&gop.video.first()?.data)
            };
            firsts.iter().filter_map(codec).max_by(|a, b| demand(a).cmp(&demand(b)))
        });
        read.await.unwrap_or_default()
    }
}

/// What orders the RFC 6381 names of one codec by what they ask of a decoder.
///
/// The level of HEVC is a decimal number of any length; the rest may be compared as text.
fn demand(name: &str) -> (u32, &str) {
    let level = name.strip_prefix("hvc1.").and_then(|rest| rest.split('.').nth(2));
    let level = level.and_then(|level| level.get(1..)?.parse().ok()); // reason: then it has none
    (level.unwrap_or(0), name)
}

/// The number of the first segment that is not whole yet.
fn whole(live: &Live) -> i64 {
    live.row.end_tick().map_or(i64::MIN, hls::segment_of)
}

/// Whether a playlist of `form` lists what is wished for.
fn holds(live: &Live, form: Form, wish: Wish) -> bool {
    if form == Form::Plain {
        return wish.segment < whole(live);
    }
    let newest = part::newest(&live.profile, &live.row.units());
    // A part after the last one of a segment is the first one of the next.
    newest.is_some_and(|newest| {
        let part = wish.part.unwrap_or(u32::MAX);
        (wish.segment, part) < (newest.n, newest.hinted.number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_higher_level_asks_for_more() {
        check_demand(["hvc1.1.6.L93.90", "hvc1.1.6.L120.90"], "hvc1.1.6.L120.90");
        check_demand(["hvc1.1.6.H123.B0", "hvc1.1.6.L90.90"], "hvc1.1.6.H123.B0");
        check_demand(["avc1.640028", "avc1.64001f"], "avc1.640028");
    }

    #[track_caller]
    fn check_demand(names: [&str; 2], highest: &str) {
        assert_eq!(names.into_iter().max_by_key(|name| demand(name)), Some(highest));
        assert_eq!(names.into_iter().rev().max_by_key(|name| demand(name)), Some(highest));
    }
}
