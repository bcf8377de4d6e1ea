//! Composes a channel: which group of pictures is shown from which frame on, and what sounds.
//!
//! A channel is a pure function of its timeline and of what is in the store. Frames are counted
//! from the epoch on the profile's grid; *units* tile them without gap or overlap:
//!
//! - A unit shows one GOP of the slot on air, cut where the slot ends, or a piece of a slate.
//! - A hole of at most [`HOLD_FRAMES`] in front of a GOP belongs to that GOP's unit: the picture
//!   before is held. So is what a complete rendition lacks at the end of its slot, up to
//!   [`TAIL_HOLD_MS`]. Any other hole is *missing*: the caller waits for it or shows the slate.
//! - Slates repeat on their own grid since the epoch, so where a hole begins does not matter. Which
//!   one is shown follows from the timeline and from what the store says of the media.
//! - Sound lies on the grid of its codec (1920 ticks for AAC) since the epoch. A unit carries what is due while its
//!   pictures are *decoded*, so the last sound of an item comes in the next item's first unit.
//!
//! PURE: no clock, no file, no task. What varies is handed in by [`Composer::new`].

use std::cell::{LazyCell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::coding::coding;
use super::rendition::{Gop, GopEntry, ReadError, RenditionIndex, RenditionKey};
use super::slate::id_of;
use crate::domain::{MediaId, Profile, SlateKind, Slot, Timeline, UtcMillis};
use crate::mpegts::coding::Coding;
use crate::mpegts::unit::{self, Parts, Picture, Sound, Unit};

/// Frames of a hole that a held picture covers.
pub const HOLD_FRAMES: i64 = 3;
/// How much a complete rendition may be shorter than its slot without a slate, in milliseconds.
pub const TAIL_HOLD_MS: i64 = 600;

/// A slate that stood in for this long is about a fault and not about a start, in milliseconds.
const LATE_MS: i64 = 15_000;

/// What a unit shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Shows {
    /// The media that is on air.
    Media(MediaId),
    /// The slate that stands in for this media.
    Standby(MediaId),
    /// The slate of a channel with nothing to play.
    NoProgramming,
    /// The same, but the one for all channels, as long as the channel's own is not made.
    Interim,
}

/// Pictures of one GOP at a place in time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Clip {
    /// Which rendition.
    pub key: RenditionKey,
    /// Which GOP of it.
    pub gop: GopEntry,
    /// The absolute frame of the rendition's frame 0.
    pub base: i64,
}

impl Clip {
    /// The absolute frame at which its first picture is shown.
    pub fn shown(&self) -> i64 {
        self.base + self.gop.first_frame
    }
}

/// Audio frames in a row from one GOP, or silence.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AudioRun {
    /// Position of the first on the profile's grid of sound.
    pub grid: i64,
    /// How many.
    pub count: usize,
    /// Where they are, with the index of the first in the GOP; `None` for silence.
    pub from: Option<(RenditionKey, GopEntry, usize)>,
}

/// A unit decided on: enough to make its bytes again, whatever happens to timeline and store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UnitPlan {
    /// Its first frame, since the epoch.
    pub first: i64,
    /// The first frame of the next unit.
    pub end: i64,
    /// What it shows.
    pub shows: Shows,
    /// Its pictures.
    pub clip: Clip,
    /// Its sounds, without gap.
    pub audio: Vec<AudioRun>,
}

/// What comes at a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A unit that begins there.
    Ready(UnitPlan),
    /// Media that is on air and not in the store.
    Missing(Hole),
    /// Nothing is planned: the slate, up to this frame.
    Nothing {
        /// Where something is planned again, if known.
        until: i64,
    },
}

/// A part of a slot that is not in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hole {
    /// The media.
    pub media: MediaId,
    /// Where in the media, in frames.
    pub frame: i64,
    /// The absolute frame at which the hole ends.
    pub until: i64,
    /// Whether the media goes on at `until`, rather than the slot ending there.
    pub goes_on: bool,
}

/// What a channel has at one moment.
pub trait Supply {
    /// What is in the store of this media, or of a slate stored under this id.
    fn index(&self, media: MediaId) -> Option<Arc<RenditionIndex>>;

    /// Whether this media cannot be had, by what the store says.
    fn in_trouble(&self, media: MediaId) -> bool;

    /// The slate of this kind; `None` when there is none yet.
    fn slate(&self, kind: SlateKind) -> Option<Slate>;
}

/// A slate that a channel can show.
#[derive(Debug, Clone)]
pub struct Slate {
    /// What is in the store of it.
    pub index: Arc<RenditionIndex>,
    /// Whether the channel has another one in its place soon.
    pub interim: bool,
}

/// A look-up without more to say, in which slates have the ids of those for all channels.
impl<F: Fn(MediaId) -> Option<Arc<RenditionIndex>>> Supply for F {
    fn index(&self, media: MediaId) -> Option<Arc<RenditionIndex>> {
        self(media)
    }

    fn in_trouble(&self, _: MediaId) -> bool {
        false
    }

    fn slate(&self, kind: SlateKind) -> Option<Slate> {
        let index = self(id_of(kind)).or_else(|| self(id_of(kind.instead())))?;
        Some(Slate { index, interim: false })
    }
}

/// Composes one channel at one moment: the store is looked at once an item.
pub struct Composer<'a> {
    profile: &'a Profile,
    timeline: &'a Timeline,
    supply: &'a dyn Supply,
    /// Units that were really made, in order, without gap; they win over what would be made now.
    recent: &'a [Arc<UnitPlan>],
    seen: RefCell<HashMap<MediaId, Option<Arc<RenditionIndex>>>>,
}

impl std::fmt::Debug for Composer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Composer").field("profile", &self.profile.name).finish_non_exhaustive()
    }
}

/// A slot in absolute frames.
#[derive(Debug, Clone)]
struct Place {
    /// Its first frame.
    start: i64,
    /// The first frame of the next slot.
    stop: i64,
    /// Where its media would have frame 0.
    base: i64,
    /// What it plays, and what of it is in the store.
    media: Option<MediaId>,
    index: Option<Arc<RenditionIndex>>,
}

/// A GOP placed in time, before its sound is chosen.
#[derive(Debug, Clone)]
struct Tile {
    first: i64,
    end: i64,
    media: MediaId,
    clip: Clip,
}

impl<'a> Composer<'a> {
    /// A composer of `timeline` from what `supply` has (media and slates), after `recent`.
    pub fn new(
        profile: &'a Profile,
        timeline: &'a Timeline,
        supply: &'a dyn Supply,
        recent: &'a [Arc<UnitPlan>],
    ) -> Self {
        Self { profile, timeline, supply, recent, seen: RefCell::default() }
    }

    /// Says what comes at `frame`, which is where a unit begins.
    pub fn next(&self, frame: i64) -> Next {
        if let Some(tile) = self.tile_from(frame) {
            return Next::Ready(self.plan(tile));
        }
        let Some(place) = self.place(frame) else {
            let begins = self.timeline.start().map(|start| self.profile.frame_at_or_after(start));
            return Next::Nothing { until: begins.filter(|b| *b > frame).unwrap_or(i64::MAX) };
        };
        let Some(media) = place.media else { return Next::Nothing { until: place.stop } };
        let until = place.gop_from(frame).map(|gop| place.base + gop.first_frame);
        Next::Missing(Hole {
            media,
            frame: frame - place.base,
            until: until.unwrap_or(place.stop),
            goes_on: until.is_some(),
        })
    }

    /// The piece of the slate at `frame`, at most up to `until`; `None` when there is no slate.
    ///
    /// `instead_of` is the media it stands in for; without it the slate says that nothing is
    /// planned.
    pub fn slate(&self, frame: i64, until: i64, instead_of: Option<MediaId>) -> Option<UnitPlan> {
        self.silent_slate(frame, until, instead_of).map(|plan| self.with_audio(plan))
    }

    fn silent_slate(
        &self,
        frame: i64,
        until: i64,
        instead_of: Option<MediaId>,
    ) -> Option<UnitPlan> {
        let slate = self.supply.slate(self.kind(frame, instead_of))?;
        let shows = match instead_of {
            Some(media) => Shows::Standby(media),
            None if slate.interim => Shows::Interim,
            None => Shows::NoProgramming,
        };
        let (gop, into) = slate_at(&slate.index, frame)?;
        let end = (frame + gop.end_frame() - gop.first_frame - into).min(until);
        let clip = Clip { key: slate.index.key.clone(), gop, base: frame - gop.first_frame };
        Some(UnitPlan { first: frame, end, shows, clip, audio: Vec::new() })
    }

    /// Which slate is shown at `frame`, instead of this media or because nothing is planned.
    fn kind(&self, frame: i64, instead_of: Option<MediaId>) -> SlateKind {
        let Some(media) = instead_of else {
            let planned = self.place(frame).is_some();
            return if planned { SlateKind::NoProgramming } else { SlateKind::Offline };
        };
        if self.supply.in_trouble(media) || self.is_late(frame, media) {
            SlateKind::Technical
        } else {
            SlateKind::Starting
        }
    }

    /// Whether a slate was shown instead of `media` for so long before `frame` that viewers are
    /// told.
    fn is_late(&self, frame: i64, media: MediaId) -> bool {
        let shown = self.recent.iter().rev().take_while(|unit| unit.shows == Shows::Standby(media));
        let Some(first) = shown.last() else { return false };
        let joins = self.recent.last().is_some_and(|unit| unit.end == frame);
        joins && frame - first.first >= self.profile.rate.frame_at_or_after(LATE_MS * 90)
    }

    /// What is shown from `frame` on when nothing is waited for; `None` without a slate.
    pub fn next_or_slate(&self, frame: i64) -> Option<UnitPlan> {
        match self.next(frame) {
            Next::Ready(plan) => Some(plan),
            Next::Missing(hole) => self.slate(frame, hole.until, Some(hole.media)),
            Next::Nothing { until } => self.slate(frame, until, None),
        }
    }

    /// The first frame of the unit that shows `frame`: following [`Self::next_or_slate`] from here
    /// or from any earlier such frame comes by the same units.
    pub fn unit_start(&self, frame: i64) -> i64 {
        if let Some(tile) = self.tile_at(frame) {
            return tile.first;
        }
        let place = self.place(frame);
        let begins = match &place {
            Some(place) if place.media.is_some() => self.hole_start(place, frame),
            Some(place) => place.start,
            None => {
                let ends = self.timeline.stop().map(|stop| self.profile.frame_at_or_after(stop));
                ends.filter(|end| *end <= frame).unwrap_or(i64::MIN)
            }
        };
        let slate = self.supply.slate(self.kind(frame, place.and_then(|place| place.media)));
        let into = slate.and_then(|slate| slate_at(&slate.index, frame)).map_or(0, |at| at.1);
        begins.max(frame - into)
    }

    /// Makes the sound of a tile's unit.
    fn plan(&self, tile: Tile) -> UnitPlan {
        let Tile { first, end, media, clip } = tile;
        let shows = Shows::Media(media);
        self.with_audio(UnitPlan { first, end, shows, clip, audio: Vec::new() })
    }

    fn with_audio(&self, mut plan: UnitPlan) -> UnitPlan {
        let window = sounding(self.profile, plan.first, plan.end);
        let mut before: Option<(i64, i64, Option<Clip>)> = None;
        for grid in window {
            let frame = self.profile.rate.frame_at_or_before(grid * self.profile.audio_ticks());
            let shown = if frame >= plan.first {
                Some(&plan.clip)
            } else {
                if !before.as_ref().is_some_and(|(first, end, _)| (*first..*end).contains(&frame)) {
                    before = Some(self.shown_at(frame));
                }
                before.as_ref().and_then(|(_, _, clip)| clip.as_ref())
            };
            let from = shown.and_then(|clip| self.sound(clip, frame, grid));
            append(&mut plan.audio, grid, from);
        }
        plan
    }

    /// The unit that shows `frame`, `(first, end, pictures)`; no pictures where there is no slate.
    fn shown_at(&self, frame: i64) -> (i64, i64, Option<Clip>) {
        let at = self.recent.partition_point(|plan| plan.first <= frame);
        if let Some(plan) = at.checked_sub(1).map(|at| &self.recent[at])
            && frame < plan.end
        {
            return (plan.first, plan.end, Some(plan.clip.clone()));
        }
        if let Some(tile) = self.tile_at(frame) {
            return (tile.first, tile.end, Some(tile.clip));
        }
        let start = self.unit_start(frame);
        let slate = match self.next(start) {
            Next::Ready(_) => None,
            Next::Missing(hole) => self.silent_slate(start, hole.until, Some(hole.media)),
            Next::Nothing { until } => self.silent_slate(start, until, None),
        };
        match slate.filter(|slate| slate.end > frame) {
            Some(slate) => (slate.first, slate.end, Some(slate.clip)),
            None => (frame, frame + 1, None),
        }
    }

    /// Where the audio of grid position `grid` is, while `clip`'s unit shows `frame`.
    fn sound(&self, clip: &Clip, frame: i64, grid: i64) -> Option<(RenditionKey, GopEntry, usize)> {
        if frame >= clip.shown() {
            let index = self.index(clip.key.media).filter(|index| index.key == clip.key)?;
            return find_audio(self.profile, &index, clip.base, frame, grid);
        }
        // The picture of the unit before is held, and its sound goes on.
        let place = self.place(frame)?;
        find_audio(self.profile, place.index.as_deref()?, place.base, frame, grid)
    }

    /// The GOP that begins at `frame`, or so little later that the picture before is held.
    fn tile_from(&self, frame: i64) -> Option<Tile> {
        let mut place = self.place(frame)?;
        loop {
            if let Some(gop) = place.gop_from(frame) {
                let shown = place.base + gop.first_frame;
                if shown > frame + HOLD_FRAMES {
                    return None;
                }
                let tile = self.held(self.tile(&place, &gop)?);
                return (tile.first <= frame).then_some(Tile { first: frame, ..tile });
            }
            if place.media.is_none() || place.stop > frame + HOLD_FRAMES {
                return None;
            }
            place = self.place(place.stop)?;
        }
    }

    /// The GOP whose unit shows `frame`.
    fn tile_at(&self, frame: i64) -> Option<Tile> {
        let covering = self.place(frame).and_then(|place| {
            let gop = place.gop_before(frame)?;
            self.tile(&place, &gop).filter(|tile| frame < tile.end)
        });
        match covering {
            Some(tile) => Some(self.held(tile)),
            None => self.tile_from(frame).map(|tile| self.held(tile)),
        }
    }

    /// The tile with the hold in front of it: all of a hole that is short enough, or nothing.
    fn held(&self, mut tile: Tile) -> Tile {
        tile.first = tile.clip.shown();
        let hold = (0..=HOLD_FRAMES).find(|hold| self.is_occupied(tile.first - 1 - hold));
        if let Some(hold) = hold.filter(|hold| tile.end - tile.first + hold <= self.longest_unit())
        {
            tile.first -= hold;
        }
        tile
    }

    /// Whether `frame` is shown by something of its own, so that nothing is held over it.
    fn is_occupied(&self, frame: i64) -> bool {
        let Some(place) = self.place(frame) else { return true };
        if place.media.is_none() {
            return true;
        }
        let tile = place.gop_before(frame).and_then(|gop| self.tile(&place, &gop));
        tile.is_some_and(|tile| frame < tile.end)
    }

    /// Places a GOP of `place`, without a hold in front.
    fn tile(&self, place: &Place, gop: &GopEntry) -> Option<Tile> {
        let index = place.index.as_ref()?;
        let clip = Clip { key: index.key.clone(), gop: *gop, base: place.base };
        let first = clip.shown();
        let mut end = (place.base + gop.end_frame()).min(place.stop);
        let is_last = index.end_frame.is_some_and(|last| gop.end_frame() >= last);
        let tail = self.profile.rate.frame_at_or_before(TAIL_HOLD_MS * 90);
        if is_last && place.stop - end <= tail && place.stop - first <= self.longest_unit() {
            end = place.stop;
        }
        Some(Tile { first, end, media: place.media?, clip })
    }

    /// Where the hole around `frame` begins.
    fn hole_start(&self, place: &Place, frame: i64) -> i64 {
        let before = place.gop_before(frame).and_then(|gop| self.tile(place, &gop));
        before.map_or(place.start, |tile| tile.end.max(place.start))
    }

    fn place(&self, frame: i64) -> Option<Place> {
        let at = UtcMillis(self.profile.tick_of(frame).div_euclid(90));
        let (slots, nth) = (self.timeline.slots(), self.timeline.index_at(at)?);
        let slot = &slots[nth];
        let base_of = |slot: &Slot| {
            let start = self.profile.frame_at_or_after(slot.start);
            start - self.profile.rate.frame_at_or_after(slot.in_ms * 90)
        };
        let base = base_of(slot);
        // A neighbour through which the same media plays on is the same place: the groups of a
        // broadcast reach across the hours of the guide.
        let plays_on = |other: &&Slot| {
            slot.media.is_some() && other.media == slot.media && base_of(other) == base
        };
        let before = nth.checked_sub(1).and_then(|at| slots.get(at)).filter(plays_on);
        let after = slots.get(nth + 1).filter(plays_on);
        Some(Place {
            start: self.profile.frame_at_or_after(before.unwrap_or(slot).start),
            stop: self.profile.frame_at_or_after(after.unwrap_or(slot).stop),
            base,
            media: slot.media,
            index: slot.media.and_then(|media| self.index(media)),
        })
    }

    fn index(&self, media: MediaId) -> Option<Arc<RenditionIndex>> {
        self.seen.borrow_mut().entry(media).or_insert_with(|| self.supply.index(media)).clone()
    }

    /// Frames of the longest unit: a segment of HLS must hold the start of one.
    fn longest_unit(&self) -> i64 {
        self.profile.rate.frame_at_or_before(Profile::MAX_GOP_MS * 90)
    }
}

impl Place {
    /// The first GOP shown at or after `frame` and in this slot.
    fn gop_from(&self, frame: i64) -> Option<GopEntry> {
        let gop = *self.index.as_ref()?.starting_from(frame.max(self.start) - self.base)?;
        (self.base + gop.first_frame < self.stop).then_some(gop)
    }

    /// The last GOP shown at or before `frame` that begins in this slot.
    fn gop_before(&self, frame: i64) -> Option<GopEntry> {
        let gops = &self.index.as_ref()?.gops;
        let next = gops.partition_point(|gop| self.base + gop.first_frame <= frame);
        let gop = gops[next.checked_sub(1)?];
        (self.base + gop.first_frame >= self.start).then_some(gop)
    }
}

/// The grid positions of the audio in the unit `first..end`.
fn sounding(profile: &Profile, first: i64, end: i64) -> std::ops::Range<i64> {
    let step = profile.audio_ticks();
    let at_or_after = |tick: i64| (tick + step - 1).div_euclid(step);
    at_or_after(decoded(profile, first))..at_or_after(decoded(profile, end))
}

/// When the unit beginning at `frame` begins to be decoded.
pub fn decoded(profile: &Profile, frame: i64) -> i64 {
    profile.tick_of(frame - profile.reorder_frames())
}

/// The GOP of a slate that is due at `frame`, and how many frames of it are over.
fn slate_at(index: &RenditionIndex, frame: i64) -> Option<(GopEntry, i64)> {
    let length = index.gops.last()?.end_frame();
    let at = frame.rem_euclid(length.max(1));
    let gop = index.covering(at)?;
    Some((*gop, at - gop.first_frame))
}

/// Where the audio at `grid` is in a rendition whose frame 0 is `base`.
pub(super) fn find_audio(
    profile: &Profile,
    index: &RenditionIndex,
    base: i64,
    frame: i64,
    grid: i64,
) -> Option<(RenditionKey, GopEntry, usize)> {
    let step = profile.audio_ticks();
    let zero = profile.tick_of(base);
    let next = index.gops.partition_point(|gop| base + gop.first_frame <= frame);
    // Rounding can put an audio frame into the GOP before or after the one shown.
    let near = [next.checked_sub(1), Some(next), next.checked_sub(2)];
    near.into_iter().flatten().filter_map(|at| index.gops.get(at)).find_map(|gop| {
        let first = (zero + gop.audio_tick + step / 2).div_euclid(step);
        let at =
            grid.checked_sub(first).filter(|at| (0..i64::from(gop.audio_frames)).contains(at))?;
        Some((index.key.clone(), *gop, usize::try_from(at).ok()?))
    })
}

/// Adds one grid position to the runs.
pub(super) fn append(
    runs: &mut Vec<AudioRun>,
    grid: i64,
    from: Option<(RenditionKey, GopEntry, usize)>,
) {
    if let Some(last) = runs.last_mut() {
        let goes_on = match (&last.from, &from) {
            (None, None) => true,
            (Some((key, gop, at)), Some((next_key, next_gop, next_at))) => {
                key == next_key && gop == next_gop && at + last.count == *next_at
            }
            (None, Some(_)) | (Some(_), None) => false,
        };
        if goes_on {
            last.count += 1;
            return;
        }
    }
    runs.push(AudioRun { grid, count: 1, from });
}

/// Where the bytes of a unit come from.
pub trait Reader {
    /// Reads a GOP for its pictures.
    ///
    /// # Errors
    /// When it is gone or damaged.
    fn pictures(&mut self, key: &RenditionKey, gop: &GopEntry) -> Result<Arc<Gop>, ReadError>;

    /// Reads the audio frames of a GOP; `None` when they cannot be had, which is silence.
    fn sounds(&mut self, key: &RenditionKey, gop: &GopEntry) -> Option<Arc<[Bytes]>>;
}

/// What a unit shows and sounds, read and placed in time.
#[derive(Debug)]
pub struct Gathered {
    coding: Coding,
    start: i64,
    end: i64,
    pictures: Vec<Picture>,
    sounds: Vec<Sound>,
}

impl Gathered {
    /// For those who write it.
    pub fn parts(&self) -> Parts<'_> {
        let Self { coding, start, end, pictures, sounds } = self;
        Parts { coding: *coding, start: *start, end: *end, pictures, sounds }
    }
}

/// Makes the bytes of a unit.
///
/// # Errors
/// When the pictures cannot be read. Sound that cannot be read is silence.
pub fn mux(plan: &UnitPlan, profile: &Profile, reader: &mut dyn Reader) -> Result<Unit, ReadError> {
    Ok(unit::mux(&gather(plan, profile, reader)?.parts()))
}

/// Reads what a unit is made of.
///
/// # Errors
/// When the pictures cannot be read. Sound that cannot be read is silence.
pub fn gather(
    plan: &UnitPlan,
    profile: &Profile,
    reader: &mut dyn Reader,
) -> Result<Gathered, ReadError> {
    let gop = reader.pictures(&plan.clip.key, &plan.clip.gop)?;
    Ok(Gathered {
        coding: coding(profile),
        start: decoded(profile, plan.first),
        end: decoded(profile, plan.end),
        pictures: pictures(plan, profile, &gop),
        sounds: sounds(&plan.audio, profile, reader),
    })
}

/// Reads audio frames, with silence where there are none.
pub fn sounds(runs: &[AudioRun], profile: &Profile, reader: &mut dyn Reader) -> Vec<Sound> {
    let coding = coding(profile);
    let silence = LazyCell::new(|| coding.sound.silence());
    let mut sounds = Vec::new();
    for run in runs {
        let frames = run
            .from
            .as_ref()
            .and_then(|(key, gop, at)| reader.sounds(key, gop).map(|frames| (frames, *at)));
        for (nth, grid) in (0..run.count).zip(run.grid..) {
            let pts = grid * profile.audio_ticks();
            let frame = frames.as_ref().and_then(|(frames, at)| frames.get(at + nth));
            sounds.push(Sound { pts, data: frame.unwrap_or_else(|| &silence).clone() });
        }
    }
    sounds
}

/// The pictures before the unit's end: the longest part in decode order that needs no other.
fn pictures(plan: &UnitPlan, profile: &Profile, gop: &Gop) -> Vec<Picture> {
    let room = usize::try_from(plan.end - plan.first).unwrap_or(0);
    gop.video
        .iter()
        .take(room)
        .take_while(|picture| plan.clip.base + picture.frame < plan.end)
        .zip(plan.first..)
        .map(|(picture, decoded_at)| Picture {
            pts: profile.tick_of(plan.clip.base + picture.frame),
            dts: decoded(profile, decoded_at),
            data: picture.data.clone(),
        })
        .collect()
}

#[cfg(test)]
mod splices;
#[cfg(test)]
mod tests;
