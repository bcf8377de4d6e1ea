//! Items of every kind joined at random: each join must be invisible to a strict receiver.
//!
//! Real composer, real muxer, and [`check`], which knows neither. What the access units hold says
//! which frame or instant of their item they are, so that sound can be compared with pictures.
//! `make fuzz` sets `SPLICES` to run more of them.

use std::fmt::Write;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::tests::World;
use super::*;
use crate::domain::{AudioCodec, AudioLayout, VideoCodec};
use crate::mpegts::check::check;
use crate::mpegts::demux::{Demuxer, Kind};
use crate::mpegts::packet::unwrap_near;
use crate::stream::fake::{Layout, read_label, timeline};

/// Twenty seconds before the 33-bit clock wraps, in 2025.
const START: i64 = 18_546 * (1 << 33) / 90 - 20_000;
/// Slots of one channel, before another profile and other items are drawn.
const SLOTS: usize = 100;
/// Ticks of the longest frame of sound.
const MOST: i64 = 2_880;
/// Splices without `SPLICES`.
const FEW: usize = 1_000;

#[test]
fn ten_thousand_random_splices_leave_no_trace() {
    let splices = std::env::var("SPLICES").map_or(FEW, |count| count.parse().unwrap());
    let mut seen = Seen::default();
    for seed in 0.. {
        let scene = Scene::draw(seed);
        if let Err(what) = scene.judge(&mut seen) {
            panic!("{what}\n{}", scene.describe());
        }
        if seen.splices >= splices {
            break;
        }
    }
    assert!(seen.wraps * 2 > seen.streams && seen.slates > seen.splices / 4, "{seen:?}");
    assert!(seen.skew <= MOST / 2, "{seen:?}");
}

#[test]
fn sound_that_is_not_with_its_pictures_is_caught() {
    let scene = Scene::draw(3);
    let units = scene.world.units(&timeline(START, &scene.slots), START, 60);
    let stream = scene.world.bytes(&units);
    let into = |by| scene.slots.iter().map(move |&(media, into, time)| (media, into + by, time));
    let skew = |by| {
        let slots: Vec<_> = into(by).collect();
        scene.skew(&timeline(START, &slots), &units, &stream)
    };
    assert!(skew(0).is_ok());
    assert!(skew(90).is_err());
}

/// What a run came across.
#[derive(Debug, Default)]
struct Seen {
    /// Joins of two items, or of two places of one.
    splices: usize,
    /// Joins of an item and a slate.
    slates: usize,
    /// Streams in which the 33-bit clock wraps.
    wraps: usize,
    streams: usize,
    pictures: usize,
    sounds: usize,
    /// Largest distance of sound from its pictures, in ticks.
    skew: i64,
}

/// A channel of random items.
struct Scene {
    seed: u64,
    world: World,
    slots: Vec<(Option<i64>, i64, i64)>,
    layouts: Vec<Layout>,
}

impl Scene {
    fn draw(seed: u64) -> Self {
        let mut chance = StdRng::seed_from_u64(seed);
        let rates = ["23.976", "24", "25", "29.97", "30", "50", "59.94", "60"];
        let profile = format!("360p{}", rates.choose(&mut chance).unwrap());
        let layouts: Vec<Layout> = (0..8).map(|kind| layout(kind, &mut chance)).collect();
        let numbered: Vec<(i64, Layout)> = (1..).zip(layouts.iter().cloned()).collect();
        let profile = Profile {
            video_codec: *[VideoCodec::H264, VideoCodec::Hevc].choose(&mut chance).unwrap(),
            audio_codec: *[AudioCodec::Aac, AudioCodec::Ac3].choose(&mut chance).unwrap(),
            audio_layout: *[AudioLayout::Stereo, AudioLayout::Surround]
                .choose(&mut chance)
                .unwrap(),
            ..Profile::named(&profile).unwrap()
        };
        let world = World::of(profile, &numbered);
        let slot = |chance: &mut StdRng| {
            let media = chance.random_range(1..=8);
            let index = world.index(MediaId(media));
            let frames = index.gops.last().map_or(1, GopEntry::end_frame);
            let length = world.profile.tick_of(frames).div_euclid(90).max(40);
            let into = if chance.random_bool(0.5) { 0 } else { chance.random_range(0..length) };
            let rest = length - into;
            let time = match chance.random_range(0..10) {
                // To its end, or what rounding leaves of it.
                0..4 => rest + chance.random_range(-20..=20),
                // Left before its end.
                4..8 => chance.random_range(0..=rest),
                // The last picture is held, or the slate fills the slot.
                8 => rest + chance.random_range(0..=900),
                _ => return (None, 0, chance.random_range(30..=1_500)),
            };
            (Some(media), into, time.max(30))
        };
        let slots = (0..SLOTS).map(|_| slot(&mut chance)).collect();
        Self { seed, world, slots, layouts }
    }

    /// Looks at one stream of the channel.
    fn judge(&self, seen: &mut Seen) -> Result<(), String> {
        let profile = &self.world.profile;
        let timeline = timeline(START, &self.slots);
        let mut units = self.world.units(&timeline, START, 6 * SLOTS);
        let end = profile.frame_at_or_after(timeline.stop().unwrap());
        units.retain(|unit| unit.first < end);
        let gap = units.windows(2).find(|pair| pair[0].end != pair[1].first);
        if let Some([one, other]) = gap {
            return Err(format!("a hole between {one:?} and {other:?}"));
        }
        let stream = self.world.bytes(&units);
        let near = decoded(profile, units[0].first);
        let report = check(&stream, near);
        if !report.is_clean() {
            return Err(format!("{:?}", report.faults));
        }
        if !report.jumps.is_empty() {
            return Err("a discontinuity is announced".to_owned());
        }
        // Every picture and every sound that was due is there.
        let last = units[units.len() - 1].end;
        let due = sounding(profile, units[0].first, last);
        let due = usize::try_from(due.end - due.start).unwrap();
        if report.sounds.len() != due {
            return Err(format!("{} sounds instead of {due}", report.sounds.len()));
        }
        for pair in units.windows(2) {
            let media = |unit: &UnitPlan| matches!(unit.shows, Shows::Media(_));
            let goes_on =
                pair[0].clip.key == pair[1].clip.key && pair[0].clip.base == pair[1].clip.base;
            match [&pair[0], &pair[1]].map(media) {
                [true, true] => seen.splices += usize::from(!goes_on),
                [false, false] => {}
                [true, false] | [false, true] => seen.slates += 1,
            }
        }
        let wrap = |tick: i64| tick.div_euclid(1 << 33);
        seen.wraps += usize::from(wrap(near) != wrap(decoded(profile, last)));
        seen.streams += 1;
        seen.pictures += report.pictures.len();
        seen.sounds += report.sounds.len();
        seen.skew = seen.skew.max(self.skew(&timeline, &units, &stream)?);
        Ok(())
    }

    /// The largest distance of a sound from where its item's pictures say that it belongs.
    fn skew(&self, timeline: &Timeline, units: &[UnitPlan], stream: &[u8]) -> Result<i64, String> {
        let profile = &self.world.profile;
        let mut demuxer = Demuxer::new();
        let mut samples = demuxer.push(stream);
        samples.extend(demuxer.finish(true));
        let mut largest = 0;
        for sample in samples {
            let pts = unwrap_near(sample.pts, START * 90);
            // Silence has no label; the pictures of everything do.
            let Some((kind, media, number)) = read_label(&sample.data) else {
                if sample.kind == Kind::Video {
                    return Err("a picture without a label".to_owned());
                }
                continue;
            };
            // Sound belongs to the unit on air when it sounds, pictures to the one they are in.
            let frame = profile.rate.frame_at_or_before(pts);
            let at = units.partition_point(|unit| unit.first <= frame);
            let Some(unit) = at.checked_sub(1).map(|at| &units[at]) else {
                continue;
            };
            if kind == 'v' {
                let expected = profile.tick_of(unit.clip.base + number);
                if (unit.clip.key.media.0, expected) != (media, pts) {
                    return Err(format!("picture {number} of {media} at {pts} in {unit:?}"));
                }
                continue;
            }
            // Under a held picture sounds what is due.
            let at = UtcMillis(profile.tick_of(frame).div_euclid(90));
            let slot = timeline.at(at).filter(|slot| slot.media == Some(MediaId(media)));
            let Some(slot) = slot else { return Err(format!("sound of {media} at {pts}")) };
            let base = profile.frame_at_or_after(slot.start)
                - profile.rate.frame_at_or_after(slot.in_ms * 90);
            let off = (pts - profile.tick_of(base) - number).abs();
            if off > profile.audio_ticks() / 2 {
                return Err(format!("sound {number} of {media} at {pts} is {off} off in {unit:?}"));
            }
            largest = largest.max(off);
        }
        Ok(largest)
    }

    fn describe(&self) -> String {
        let Profile { name, video_codec, audio_codec, audio_layout, .. } = &self.world.profile;
        let mut text = format!("seed {} on {name} ", self.seed);
        writeln!(text, "{video_codec:?} {audio_codec:?} {audio_layout:?}").unwrap();
        for (media, layout) in (1..).zip(&self.layouts) {
            writeln!(text, "  media {media}: {layout:?}").unwrap();
        }
        for slot in &self.slots {
            writeln!(text, "  slot {slot:?}").unwrap();
        }
        text
    }
}

/// An item of one of eight kinds.
fn layout(kind: usize, chance: &mut StdRng) -> Layout {
    let count = chance.random_range(1..6);
    let frames = |chance: &mut StdRng| {
        let longest = *[9, 50, 95].choose(chance).unwrap();
        chance.random_range(1..=longest)
    };
    let gops = (0..count).map(|_| (0, frames(chance), 0)).collect();
    let any = Layout {
        gops,
        b_pictures: chance.random_range(0..4),
        audio_from: Some(chance.random_range(-3_000..9_000)),
        complete: true,
        every: 1,
    };
    match kind {
        // Sound of any offset, B pictures of any depth.
        0 | 1 => any,
        // Video only.
        2 => Layout { audio_from: None, ..any },
        // Sound only: long groups of a still, of which only the first picture is coded anew.
        3 => Layout { gops: vec![(0, 48, 47); count], b_pictures: 0, ..any },
        // One frame.
        4 => Layout { gops: vec![(0, 1, 0)], ..any },
        // Truncated: the end was never reached, and pieces are missing.
        5 => {
            let hole = |chance: &mut StdRng| *[0, 0, 2, 3, 4, 30].choose(chance).unwrap();
            let gops = (0..count).map(|_| (hole(chance), frames(chance), 0)).collect();
            Layout { gops, complete: false, ..any }
        }
        // A lower frame rate laid on the grid: every second or third frame has a picture.
        6 => Layout { every: chance.random_range(2..4), ..any },
        // Pictures that end before their group does.
        _ => {
            let gops = (0..count).map(|_| (0, frames(chance), chance.random_range(0..3))).collect();
            Layout { gops, ..any }
        }
    }
}
