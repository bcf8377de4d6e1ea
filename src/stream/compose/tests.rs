use proptest::prelude::*;

use super::*;
use crate::domain::AudioCodec;
use crate::mpegts::check::check;
use crate::mpegts::demux::{Demuxer, Kind};
use crate::stream::fake::{FakeReader, FakeStore, Layout, read_label, timeline};
use crate::stream::rendition::{
    SLATE_NO_PROGRAMMING, SLATE_OFFLINE, SLATE_STANDBY, SLATE_TECHNICAL,
};

/// In 2025, a few seconds before the 33-bit wrap.
const START: i64 = 18_546 * (1 << 33) / 90 - 10_000;

#[test]
fn items_follow_each_other_without_a_hole() {
    let world = World::new("360p25", &[(1, Layout::even(5, 50)), (2, Layout::even(5, 50))]);
    let timeline = timeline(START, &[(Some(1), 0, 10_000), (Some(2), 0, 10_000)]);
    let units = world.units(&timeline, START, 10);
    let shows: Vec<(Shows, i64)> = units.iter().map(|u| (u.shows, u.end - u.first)).collect();
    let expected = [1, 2].map(|id| [(Shows::Media(MediaId(id)), 50); 5]).concat();
    assert_eq!(shows, expected);
    assert_eq!(units[5].audio.len(), 2, "the first item sounds on into the second's first unit");
}

#[test]
fn a_slot_end_cuts_a_group_of_pictures() {
    let world = World::new("360p25", &[(1, Layout::even(5, 50)), (2, Layout::even(5, 50))]);
    let timeline = timeline(START, &[(Some(1), 0, 3_000), (Some(2), 0, 10_000)]);
    let units = world.units(&timeline, START, 3);
    let lengths: Vec<i64> = units.iter().map(|u| u.end - u.first).collect();
    assert_eq!(lengths, [50, 25, 50]);
    let shown = world.labels(&units[1..2]);
    assert!(shown.iter().filter(|l| l.0 == 'v').all(|l| l.2 < 75));
    assert!(shown.iter().filter(|l| l.0 == 'v').count() >= 23);
}

#[test]
fn a_short_hole_is_held_and_a_long_one_is_missing() {
    let layout = |hole| Layout { gops: vec![(0, 50, 0), (hole, 50, 0)], ..Layout::even(0, 1) };
    let world = World::new("360p25", &[(1, layout(3)), (2, layout(4))]);
    let short = timeline(START, &[(Some(1), 0, 4_000)]);
    let first = Profile::named("360p25").unwrap().frame_at_or_after(UtcMillis(START));
    let Next::Ready(unit) = world.with(&short, |c| c.next(first + 50)) else { panic!("held") };
    assert_eq!((unit.first, unit.end, unit.clip.shown()), (first + 50, first + 100, first + 53));
    let long = timeline(START, &[(Some(2), 0, 8_000)]);
    let missing = Hole { media: MediaId(2), frame: 50, until: first + 54, goes_on: true };
    assert_eq!(world.with(&long, |c| c.next(first + 50)), Next::Missing(missing));
}

#[test]
fn an_item_a_little_too_short_holds_its_last_picture() {
    let world = World::new("360p25", &[(1, Layout::even(2, 50)), (2, Layout::even(2, 50))]);
    let timeline = timeline(START, &[(Some(1), 0, 4_560), (Some(2), 0, 4_000)]);
    let units = world.units(&timeline, START, 3);
    let lengths: Vec<i64> = units.iter().map(|u| u.end - u.first).collect();
    assert_eq!(lengths, [50, 64, 50]);
}

#[test]
fn a_group_reaches_across_slots_that_play_the_same_media_on() {
    let world = World::new("360p25", &[(1, Layout::even(9, 50)), (2, Layout::even(9, 50))]);
    let on = timeline(START, &[(Some(1), 0, 3_000), (Some(1), 3_000, 3_000), (Some(2), 0, 9_000)]);
    let units = world.units(&on, START, 4);
    let lengths: Vec<i64> = units.iter().map(|unit| unit.end - unit.first).collect();
    assert_eq!(lengths, [50, 50, 50, 50], "as if it were one slot of six seconds");
    let again = timeline(START, &[(Some(1), 0, 3_000), (Some(1), 0, 3_000)]);
    let units = world.units(&again, START, 3);
    let lengths: Vec<i64> = units.iter().map(|unit| unit.end - unit.first).collect();
    assert_eq!(lengths, [50, 25, 50], "the same media from its beginning is another showing");
}

#[test]
fn nothing_planned_is_the_slate_until_something_is() {
    let world = World::new("360p25", &[(1, Layout::even(2, 50))]);
    let timeline = timeline(START, &[(None, 0, 1_500), (Some(1), 0, 4_000)]);
    let units = world.units(&timeline, START - 2_000, 6);
    let last = units.last().unwrap();
    assert_eq!(last.shows, Shows::Media(MediaId(1)));
    assert!(units[..4].iter().all(|u| u.shows == Shows::NoProgramming));
}

#[test]
fn what_was_shown_decides_what_sounds() {
    let world = World::new("360p25", &[(1, Layout::even(5, 50))]);
    let timeline = timeline(START, &[(Some(1), 0, 10_000)]);
    let first = world.profile.frame_at_or_after(UtcMillis(START));
    let slate = |from| {
        let unit = world.with(&timeline, |c| c.slate(from, first + 50, Some(MediaId(1))));
        Arc::new(unit.unwrap())
    };
    let lookup = |media| world.store.get(media);
    let mut recent = vec![slate(first + 30)];
    while recent[recent.len() - 1].end < first + 50 {
        recent.push(slate(recent[recent.len() - 1].end));
    }
    let composer = Composer::new(&world.profile, &timeline, &lookup, &recent);
    let Next::Ready(unit) = composer.next(first + 50) else { panic!("ready") };
    assert_eq!(unit.audio[0].from, None);
    assert!(unit.audio[1].from.is_some());
}

#[test]
fn a_slate_is_about_a_fault_when_media_is_late_or_cannot_be_had() {
    let world = World::new("360p25", &[]);
    let profile = &world.profile;
    let faulty = Layout { b_pictures: 0, audio_from: None, ..Layout::even(4, 25) };
    world.store.put(SLATE_TECHNICAL, profile, &faulty);
    let timeline = timeline(START, &[(Some(1), 0, 60_000)]);
    let first = profile.frame_at_or_after(UtcMillis(START));
    let lookup = |media| world.store.get(media);
    let mut recent: Vec<Arc<UnitPlan>> = Vec::new();
    while recent.len() < 20 {
        let at = recent.last().map_or(first, |unit| unit.end);
        let composer = Composer::new(profile, &timeline, &lookup, &recent);
        recent.push(Arc::new(composer.next_or_slate(at).unwrap()));
    }
    let shown = |unit: &Arc<UnitPlan>| (unit.clip.key.media, unit.first - first >= 15 * 25);
    assert!(
        recent
            .iter()
            .map(shown)
            .all(|(slate, late)| { slate == if late { SLATE_TECHNICAL } else { SLATE_STANDBY } })
    );
    assert!(recent.iter().all(|unit| unit.shows == Shows::Standby(MediaId(1))));

    struct Trouble<'a>(&'a World);
    impl Supply for Trouble<'_> {
        fn index(&self, media: MediaId) -> Option<Arc<RenditionIndex>> {
            self.0.store.get(media)
        }
        fn in_trouble(&self, media: MediaId) -> bool {
            media == MediaId(1)
        }
        fn slate(&self, kind: SlateKind) -> Option<Slate> {
            Some(Slate { index: self.0.store.get(id_of(kind))?, interim: true })
        }
    }
    let trouble = Trouble(&world);
    let composer = Composer::new(profile, &timeline, &trouble, &[]);
    let unit = composer.next_or_slate(first).unwrap();
    assert_eq!(unit.clip.key.media, SLATE_TECHNICAL, "at once");
    let none = Timeline::default();
    let composer = Composer::new(profile, &none, &trouble, &[]);
    assert_eq!(composer.next_or_slate(first), None, "no slate of this kind and nothing instead");
    world.store.put(SLATE_OFFLINE, profile, &faulty);
    let unit = composer.next_or_slate(first).unwrap();
    assert_eq!((unit.shows, unit.clip.key.media), (Shows::Interim, SLATE_OFFLINE));
}

proptest! {
    #[test]
    fn any_channel_is_a_clean_stream(scene in scene(), from in 0_i64..20_000) {
        let world = &scene.world;
        let units = world.units(&scene.timeline, START + from, 24);
        prop_assert!(units.windows(2).all(|pair| pair[0].end == pair[1].first));
        prop_assert!(units.iter().all(|u| u.first < u.end && u.end - u.first <= world.longest()));
        let stream = world.bytes(&units);
        let near = decoded(&world.profile, units[0].first);
        let report = check(&stream, near);
        prop_assert!(report.is_clean(), "{:?}", report.faults);
        world.check_times(&scene.timeline, &stream)?;
    }

    #[test]
    fn a_unit_is_the_same_wherever_one_begins(scene in scene(), from in 0_i64..20_000, later in 0_i64..15_000) {
        let world = &scene.world;
        let units = world.units(&scene.timeline, START + from, 60);
        let others = world.units(&scene.timeline, START + from + later, 3);
        for other in &others {
            let same = units.iter().find(|unit| unit.first == other.first);
            prop_assert_eq!(Some(other), same);
            prop_assert_eq!(world.bytes(std::slice::from_ref(other)), world.bytes(std::slice::from_ref(same.unwrap())));
        }
    }

    #[test]
    fn a_unit_shows_the_frame_it_is_found_by(scene in scene(), from in 0_i64..30_000) {
        let world = &scene.world;
        let frame = world.profile.frame_at_or_after(UtcMillis(START + from));
        world.with(&scene.timeline, |composer| {
            let start = composer.unit_start(frame);
            let unit = composer.next_or_slate(start).unwrap();
            prop_assert!(start <= frame && frame < unit.end, "{} {} {}", start, frame, unit.end);
            prop_assert_eq!(composer.unit_start(start), start);
            Ok(())
        })?;
    }
}

struct Scene {
    world: World,
    timeline: Timeline,
}

impl std::fmt::Debug for Scene {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} from {START}", self.world.profile.name)?;
        for slot in self.timeline.slots() {
            let (media, length) = (slot.media.map(|m| m.0), slot.duration_ms());
            writeln!(f, "  slot {media:?} in {} for {length}", slot.in_ms)?;
        }
        for media in 1..4 {
            let index = self.world.store.get(MediaId(media)).unwrap();
            writeln!(f, "  media {media} ends {:?}", index.end_frame)?;
            for gop in index.gops.iter() {
                let GopEntry { first_frame, frames, audio_tick, audio_frames, .. } = gop;
                writeln!(f, "    {first_frame}+{frames} audio {audio_tick} {audio_frames}")?;
            }
        }
        Ok(())
    }
}

/// Three media of any layout on any profile, in a timeline that wraps while it plays.
fn scene() -> impl Strategy<Value = Scene> {
    let gop = (
        prop_oneof![6 => Just(0_i64), 1 => 1_i64..4, 1 => 4_i64..60],
        prop_oneof![1_u32..10, 10_u32..60, 60_u32..95],
        prop_oneof![3 => Just(0_u32), 1 => 1_u32..3],
    );
    let layout = (
        proptest::collection::vec(gop, 1..8),
        0_usize..4,
        proptest::option::of(-3_000_i64..9_000),
        any::<bool>(),
    )
        .prop_map(|(gops, b_pictures, audio_from, complete)| Layout {
            gops,
            b_pictures,
            audio_from,
            complete,
            every: 1,
        });
    let slot = (
        proptest::option::weighted(0.9, 1_i64..4),
        prop_oneof![Just(0_i64), 0_i64..3_000],
        prop_oneof![500_i64..12_000, 3_900_i64..4_100],
    );
    let profile =
        prop_oneof![Just("360p23.976"), Just("360p25"), Just("360p29.97"), Just("360p50")];
    let codec = prop_oneof![Just(AudioCodec::Aac), Just(AudioCodec::Ac3)];
    let layouts = proptest::collection::vec(layout, 3);
    (profile, codec, layouts, proptest::collection::vec(slot, 1..6)).prop_map(
        |(profile, audio_codec, layouts, slots)| {
            let media: Vec<(i64, Layout)> = (1..).zip(layouts).collect();
            let profile = Profile { audio_codec, ..Profile::named(profile).unwrap() };
            let world = World::of(profile, &media);
            // A clip in the place of a slate has sound.
            let second = world.profile.rate.frame_at_or_after(90_000);
            let second = u32::try_from(second).unwrap();
            let clip = Layout { b_pictures: 0, ..Layout::even(3, second) };
            world.store.put(SLATE_NO_PROGRAMMING, &world.profile, &clip);
            Scene { world, timeline: timeline(START, &slots) }
        },
    )
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) profile: Profile,
    store: Arc<FakeStore>,
}

impl World {
    pub(super) fn new(profile: &str, media: &[(i64, Layout)]) -> Self {
        Self::of(Profile::named(profile).unwrap(), media)
    }

    pub(super) fn of(profile: Profile, media: &[(i64, Layout)]) -> Self {
        let store = FakeStore::with_slates(&profile);
        for (id, layout) in media {
            store.put(MediaId(*id), &profile, layout);
        }
        Self { profile, store }
    }

    pub(super) fn index(&self, media: MediaId) -> Arc<RenditionIndex> {
        self.store.get(media).unwrap()
    }

    fn longest(&self) -> i64 {
        self.profile.rate.frame_at_or_before(Profile::MAX_GOP_MS * 90)
    }

    fn with<T>(&self, timeline: &Timeline, f: impl FnOnce(&Composer<'_>) -> T) -> T {
        let lookup = |media| self.store.get(media);
        f(&Composer::new(&self.profile, timeline, &lookup, &[]))
    }

    /// `count` units from the one on air at `ms`.
    pub(super) fn units(&self, timeline: &Timeline, ms: i64, count: usize) -> Vec<UnitPlan> {
        self.with(timeline, |composer| {
            let mut at = composer.unit_start(self.profile.frame_at_or_after(UtcMillis(ms)));
            let next = || {
                let unit = composer.next_or_slate(at).unwrap();
                at = unit.end;
                unit
            };
            std::iter::repeat_with(next).take(count).collect()
        })
    }

    pub(super) fn bytes(&self, units: &[UnitPlan]) -> Vec<u8> {
        let mut reader = FakeReader(Arc::clone(&self.store));
        let one = |unit| mux(unit, &self.profile, &mut reader).unwrap().bytes.to_vec();
        units.iter().map(one).collect::<Vec<_>>().concat()
    }

    fn labels(&self, units: &[UnitPlan]) -> Vec<(char, i64, i64)> {
        let mut demuxer = Demuxer::new();
        let mut samples = demuxer.push(&self.bytes(units));
        samples.extend(demuxer.finish(true));
        samples.iter().filter_map(|sample| read_label(&sample.data)).collect()
    }

    /// Every picture and every sound is where the timeline puts it.
    fn check_times(&self, timeline: &Timeline, stream: &[u8]) -> Result<(), TestCaseError> {
        let mut demuxer = Demuxer::new();
        let mut samples = demuxer.push(stream);
        samples.extend(demuxer.finish(true));
        for sample in samples {
            let Some((kind, media, number)) = read_label(&sample.data) else {
                prop_assert_eq!(sample.kind, Kind::Audio, "a picture without a label");
                continue;
            };
            if media < 0 {
                continue;
            }
            // The demuxer knows the time modulo 2³³ only.
            let near = START * 90;
            let pts = crate::mpegts::packet::unwrap_near(sample.pts, near);
            let expected =
                timeline.slots().iter().filter(|slot| slot.media == Some(MediaId(media)));
            let distance = |slot: &Slot| {
                let base = self.profile.frame_at_or_after(slot.start)
                    - self.profile.rate.frame_at_or_after(slot.in_ms * 90);
                let true_tick = match kind {
                    'v' => self.profile.tick_of(base + number),
                    _ => self.profile.tick_of(base) + number,
                };
                (pts - true_tick).abs()
            };
            let off = expected.map(distance).min().unwrap();
            prop_assert!(
                off <= if kind == 'v' { 0 } else { self.profile.audio_ticks() / 2 },
                "{kind} of {media} off by {off}"
            );
        }
        Ok(())
    }
}
