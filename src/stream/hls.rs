//! HLS: the same units as in the endless stream, cut into segments by the clock. PURE.
//!
//! Segment `n` is all units whose first frame is shown within `n·4 s .. (n+1)·4 s` since the epoch,
//! so its number and its bytes are the same after a restart and on another node. No unit is longer
//! than 4 s, so no segment is empty and none is longer than 8 s.
//!
//! The bytes of a segment can still be others at another time or on another node: where media came
//! late a slate was shown, a plan may be edited, and a rendition may be made again. Therefore its
//! name carries a print of everything that its bytes depend on: two segments of one name have the
//! same bytes, always and everywhere, and a cache may keep them for ever.
//!
//! Transport streams or fragmented MP4 carry the very same units ([`Container`]). An initialisation
//! segment of the latter is called by its bytes; a playlist names another one where a segment's first
//! group has other parameter sets, and needs no discontinuity tag for it, as nothing else changes.
//!
//! Deliberately absent: discontinuity tags. Timestamps go on across items, and one profile is one
//! codec configuration.

mod init;
mod master;
mod name;
pub mod part;

use std::fmt::{self, Write};
use std::ops::Range;
use std::sync::Arc;

pub use self::init::InitName;
pub use self::master::{Variant, master};
pub use self::name::{Container, NoSegmentName, SegmentName};
use self::part::{Newest, Part};
use super::compose::{Composer, Shows, UnitPlan};
use crate::domain::{Profile, UtcMillis};

/// Length of a segment's window, in milliseconds.
pub const SEGMENT_MS: i64 = 4_000;
/// What the playlist promises no segment is longer than, in seconds.
pub const TARGET_SECONDS: i64 = 8;
/// Where players begin, in seconds before the end of the playlist, which is ahead of the clock.
///
/// A player may look at the playlist every target duration only, so it needs that much and a
/// segment in hand; more would only make it later against the guide.
const START_SECONDS: i64 = 14;
/// How many segments a playlist lists.
const LISTED: i64 = 8;
/// How many are listed even if they show nothing but the slate.
const LISTED_AT_LEAST: i64 = 2;
/// Ticks of a segment's window.
const SEGMENT: i64 = SEGMENT_MS * 90;

/// How far back from the end of a playlist the parts of segments are listed, in ticks.
const PARTS_BACK: i64 = 3 * TARGET_SECONDS * 90_000;

/// What a playlist is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For every player: whole segments, read from a little before now.
    Plain,
    /// For players that know parts: read at now.
    LowLatency,
}

impl Form {
    /// The name of such a playlist.
    pub fn file(self) -> &'static str {
        match self {
            Self::Plain => "live.m3u8",
            Self::LowLatency => "low.m3u8",
        }
    }
}

/// Whether anywhere in `units` a slate stands in for media, or for the channel's own slate.
pub fn stands_in(units: &[Arc<UnitPlan>]) -> bool {
    units.iter().any(|unit| matches!(unit.shows, Shows::Standby(_) | Shows::Interim))
}

/// The number of the fragment that begins with `frame`: it rises, but for where 32 bits are full.
pub fn fragment_number(frame: i64) -> u32 {
    u32::try_from(frame.rem_euclid(1 << 32)).unwrap_or_default()
}

/// The number of the segment that holds the unit whose first frame is shown at `tick`.
pub fn segment_of(tick: i64) -> i64 {
    tick.div_euclid(SEGMENT)
}

/// The ticks in which the units of segment `n` begin.
pub fn window(n: i64) -> Range<i64> {
    n * SEGMENT..(n + 1) * SEGMENT
}

/// The units of segment `n` among `units` (in order), or `None` when they do not hold all of it.
pub fn segment(profile: &Profile, units: &[Arc<UnitPlan>], n: i64) -> Option<Vec<Arc<UnitPlan>>> {
    let begun = part::begun(profile, units, n)?;
    let ends = begun.last().is_some_and(|last| profile.tick_of(last.end) >= window(n).end);
    ends.then_some(begun)
}

/// The units that show `from..to` (absolute frames) if nothing is waited for; fewer when there is
/// no slate.
pub fn compose(composer: &Composer<'_>, from: i64, to: i64) -> Vec<Arc<UnitPlan>> {
    let mut units = Vec::new();
    let mut at = composer.unit_start(from);
    while at < to {
        let Some(unit) = composer.next_or_slate(at) else { break };
        at = unit.end;
        units.push(Arc::new(unit));
    }
    units
}

/// The units from `from`, where one begins, up to the one that shows `to` if nothing is waited
/// for, and where that one begins. Without a slate there may be fewer.
pub fn bridge(composer: &Composer<'_>, from: i64, to: i64) -> (Vec<Arc<UnitPlan>>, i64) {
    let mut units = Vec::new();
    let mut at = from;
    loop {
        match composer.next_or_slate(at) {
            Some(unit) if unit.end <= to => {
                at = unit.end;
                units.push(Arc::new(unit));
            }
            Some(_) => return (units, at),
            None => return (units, composer.unit_start(to)),
        }
    }
}

/// The numbers of the segments to list, given what was shown lately.
///
/// Reaches back from the newest whole segment as far as `units` do, at most [`LISTED`] segments,
/// not before `floor`, and not into a time when the slate stood in for media: who tunes to a
/// channel that is just getting ready should not begin with that. Who has read all before `next`
/// gets what follows, whatever it is.
pub fn listed(
    profile: &Profile,
    units: &[Arc<UnitPlan>],
    floor: i64,
    next: Option<i64>,
) -> Range<i64> {
    let Some(last) = units.last() else { return 0..0 };
    let end = segment_of(profile.tick_of(last.end));
    let mut first = end;
    while first > floor && end - first < LISTED {
        let Some(segment) = segment(profile, units, first - 1) else { break };
        let follows = next.is_some_and(|next| first > next);
        if stands_in(&segment) && end - first >= LISTED_AT_LEAST && !follows {
            break;
        }
        first -= 1;
    }
    first..end
}

/// The units that segments `listed`, and the one that is not whole, begin with.
pub fn beginnings(
    profile: &Profile,
    units: &[Arc<UnitPlan>],
    listed: &Range<i64>,
) -> Vec<Arc<UnitPlan>> {
    let first = |n| part::begun(profile, units, n)?.into_iter().next();
    (listed.start..=listed.end).filter_map(first).collect()
}

/// Writes the playlist of the segments `listed`, which `units` hold; channels lead by `lead_ms`.
///
/// `init` says which initialisation segment one that begins with a unit needs.
pub fn playlist(
    profile: &Profile,
    units: &[Arc<UnitPlan>],
    listed: Range<i64>,
    form: Form,
    lead_ms: i64,
    init: &dyn Fn(&UnitPlan) -> Option<InitName>,
) -> String {
    let mut map = Map { init, last: None };
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:{TARGET_SECONDS}\n\
         #EXT-X-MEDIA-SEQUENCE:{}\n#EXT-X-INDEPENDENT-SEGMENTS\n",
        listed.start
    );
    match form {
        Form::Plain => {
            text.push_str("#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES\n");
            line(&mut text, format_args!("#EXT-X-START:TIME-OFFSET=-{START_SECONDS}"));
        }
        Form::LowLatency => {
            // The end of the playlist is ahead of the clock by the lead, less a part and up to a
            // group more; the standard wants three parts at least.
            let hold = Seconds((lead_ms + 2_000).max(4_000) * 90);
            let longest = Seconds(part::longest(profile));
            line(
                &mut text,
                format_args!(
                    "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={hold}\n\
                     #EXT-X-PART-INF:PART-TARGET={longest}"
                ),
            );
        }
    }
    let newest = (form == Form::LowLatency).then(|| part::newest(profile, units)).flatten();
    for n in listed.clone() {
        let Some(units) = segment(profile, units, n) else { break };
        let (Some(first), Some(last)) = (units.first(), units.last()) else { break };
        if newest.as_ref().is_some_and(|newest| newest.n == n) {
            break;
        }
        let name = SegmentName::of(n, profile, &units);
        let (begin, stop) = (profile.tick_of(first.first), profile.tick_of(last.end));
        map.name(&mut text, first);
        date(&mut text, begin);
        if form == Form::LowLatency && window(n).end > window(listed.end).start - PARTS_BACK {
            list_parts(&mut text, n, profile, &units, &part::parts(profile, &units, true));
        }
        line(&mut text, format_args!("#EXTINF:{},\n{name}", Seconds(stop - begin)));
    }
    if let Some(Newest { n, begun, listed, hinted }) = &newest {
        if let Some(first) = begun.first() {
            map.name(&mut text, first);
        }
        if let Some(first) = listed.first() {
            date(&mut text, profile.tick_of(first.frames.start));
        }
        list_parts(&mut text, *n, profile, begun, listed);
        let name = part::name(*n, profile, begun, hinted);
        line(&mut text, format_args!("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{name}\""));
    }
    text
}

/// Says which initialisation segment holds for what follows, where that changes.
struct Map<'a> {
    init: &'a dyn Fn(&UnitPlan) -> Option<InitName>,
    last: Option<InitName>,
}

impl Map<'_> {
    fn name(&mut self, text: &mut String, first: &UnitPlan) {
        let Some(name) = (self.init)(first).filter(|name| self.last != Some(*name)) else { return };
        line(text, format_args!("#EXT-X-MAP:URI=\"{name}\""));
        self.last = Some(name);
    }
}

/// Says when what follows is shown.
fn date(text: &mut String, tick: i64) {
    let at = UtcMillis(tick.div_euclid(90));
    line(text, format_args!("#EXT-X-PROGRAM-DATE-TIME:{at}"));
}

fn list_parts(
    text: &mut String,
    n: i64,
    profile: &Profile,
    begun: &[Arc<UnitPlan>],
    parts: &[Part],
) {
    for part in parts {
        let name = part::name(n, profile, begun, part);
        let Range { start, end } = part.frames;
        let length = Seconds(profile.tick_of(end) - profile.tick_of(start));
        let independent = if part.independent { ",INDEPENDENT=YES" } else { "" };
        line(text, format_args!("#EXT-X-PART:DURATION={length},URI=\"{name}\"{independent}"));
    }
}

fn line(text: &mut String, line: fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let written = writeln!(text, "{line}");
    debug_assert!(written.is_ok());
}

/// Ticks (not negative), written as seconds with five decimals.
pub(super) struct Seconds(pub i64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:05}", self.0 / 90_000, self.0 % 90_000 * 10 / 9)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{HlsFormat, MediaId};
    use crate::stream::fake::{FakeStore, Layout, timeline};

    /// 1,700,000,000 s is the beginning of a segment.
    const START: i64 = 1_700_000_000_000;

    #[test]
    fn a_playlist_names_whole_segments_up_to_the_edge() {
        let units = units(&[(2, 50, 20)], START - 40_000, START + 7_000);
        let profile = profile();
        let listed = listed(&profile, &units, i64::MIN, None);
        let now = START / SEGMENT_MS;
        assert_eq!(listed, now - 7..now + 1);
        let last_two = listed.end - 2..listed.end;
        let text = playlist(&profile, &units, last_two, Form::Plain, 7_000, &|_| None);
        let name = |n| SegmentName::of(n, &profile, &segment(&profile, &units, n).unwrap());
        let (one, two) = (name(listed.end - 2), name(listed.end - 1));
        let expected = format!(
            "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:8\n\
            #EXT-X-MEDIA-SEQUENCE:424999999\n#EXT-X-INDEPENDENT-SEGMENTS\n\
            #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES\n#EXT-X-START:TIME-OFFSET=-14\n\
            #EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:17.000Z\n#EXTINF:4.00000,\n{one}\n\
            #EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:21.000Z\n#EXTINF:4.00000,\n{two}\n"
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn a_name_is_the_same_for_the_same_units_and_another_for_others() {
        let profile = profile();
        let n = START / SEGMENT_MS;
        let name = |items: &[(i64, u32, usize)]| {
            let units = units(items, START - 20_000, START + 20_000);
            SegmentName::of(n, &profile, &segment(&profile, &units, n).unwrap())
        };
        assert_eq!(name(&[(2, 50, 20)]), name(&[(2, 50, 20)]));
        assert_ne!(name(&[(2, 50, 20)]), name(&[(3, 50, 20)]), "another item");
        assert_ne!(name(&[(2, 50, 20)]), name(&[(2, 25, 40)]), "other groups");
        assert_ne!(name(&[(2, 50, 20)]), name(&[]), "the slate");
    }

    #[test]
    fn a_fragmented_playlist_names_a_beginning_where_it_changes() {
        let profile = Profile { hls_format: HlsFormat::Fmp4, ..profile() };
        let units = units(&[(2, 50, 20)], START - 40_000, START + 7_000);
        let end = listed(&profile, &units, i64::MIN, None).end;
        let change = profile.frame_at_or_after(UtcMillis((end - 2) * SEGMENT_MS));
        let init = |unit: &UnitPlan| Some(InitName(u64::from(unit.first >= change)));
        let text = playlist(&profile, &units, end - 4..end, Form::LowLatency, 7_000, &init);
        let of = |n| text.lines().position(|line| line.contains(&format!("init-{n:016x}.mp4")));
        let (one, two) = (of(0).unwrap(), of(1).unwrap());
        let segment = |n: i64| {
            let is = |line: &str| line.starts_with(&format!("{n}-")) && line.ends_with(".m4s");
            text.lines().position(is).unwrap()
        };
        assert!(
            one < segment(end - 4) && segment(end - 3) < two && two < segment(end - 2),
            "{text}"
        );
        assert_eq!(text.matches("#EXT-X-MAP:").count(), 2, "{text}");
        assert_eq!(text.matches(".ts").count(), 0, "{text}");
        let firsts = beginnings(&profile, &units, &(end - 4..end));
        assert_eq!(firsts.len(), 5, "with the one that is not whole");
    }

    #[test]
    fn a_playlist_never_reaches_back_before_its_floor() {
        let units = units(&[(2, 50, 20)], START - 40_000, START + 7_000);
        let floor = START / SEGMENT_MS - 2;
        assert_eq!(listed(&profile(), &units, floor, None), floor..floor + 3);
    }

    #[test]
    fn a_cold_channel_lists_two_segments_of_slate() {
        let units = units(&[], START - 40_000, START + 1_000);
        assert_eq!(listed(&profile(), &units, i64::MIN, None).count(), 2);
    }

    proptest! {
        #[test]
        fn every_segment_has_a_beginning_and_is_not_longer_than_promised(
            items in proptest::collection::vec((2_i64..5, 1_u32..101, 1_usize..12), 1..8),
        ) {
            let units = units(&items, START - 60_000, START + 20_000);
            let profile = profile();
            for n in START / SEGMENT_MS - 14..START / SEGMENT_MS + 4 {
                let segment = segment(&profile, &units, n).unwrap();
                prop_assert!(!segment.is_empty());
                let frames: i64 = segment.iter().map(|unit| unit.end - unit.first).sum();
                prop_assert!(frames <= TARGET_SECONDS * 25);
            }
        }
    }

    #[test]
    fn parts_come_before_their_segment_and_keep_their_names() {
        let profile = profile();
        // Ends in the middle of the segment that begins at START.
        let early = units(&[(2, 50, 20)], START - 40_000, START + 2_500);
        let late = units(&[(2, 50, 20)], START - 40_000, START + 9_000);
        let text = |units: &[Arc<UnitPlan>]| {
            let listed = listed(&profile, units, i64::MIN, None);
            playlist(&profile, units, listed, Form::LowLatency, 7_000, &|_| None)
        };
        let parts = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| line.starts_with("#EXT-X-PART:"));
            lines.map(str::to_owned).collect()
        };
        let (early, late) = (text(&early), text(&late));
        assert!(early.contains("PART-HOLD-BACK=9.00000\n#EXT-X-PART-INF:PART-TARGET=1.00001\n"));
        assert!(early.contains("#EXT-X-PART:DURATION=1.00000,URI=\""));
        let (early, late) = (parts(&early), parts(&late));
        // Nothing whole comes after these.
        let last = early.last().unwrap();
        let at = late.iter().position(|line| line == last).expect("it keeps its name");
        let before = early.len().min(at + 1);
        assert_eq!(late[at + 1 - before..=at], early[early.len() - before..]);
        assert!(late.len() > at + 3, "and others follow");
    }

    #[test]
    fn the_units_of_ntsc_fit_their_parts() {
        let profile = Profile::named("360p29.97").unwrap();
        assert_eq!(part::frames_of_part(&profile), 30);
        let length = |first: i64| profile.tick_of(first + 30) - profile.tick_of(first);
        assert!((0..1_000).all(|first| length(first) <= part::longest(&profile)));
    }

    fn profile() -> Profile {
        Profile::named("360p25").unwrap()
    }

    /// Items of `(media, frames of a GOP, GOPs)` in turn from a minute before [`START`].
    fn units(items: &[(i64, u32, usize)], from: i64, to: i64) -> Vec<Arc<UnitPlan>> {
        let profile = profile();
        let store = FakeStore::with_slates(&profile);
        let mut slots = Vec::new();
        for (n, (media, frames, gops)) in items.iter().enumerate() {
            let id = media * 100 + i64::try_from(n).unwrap();
            store.put(MediaId(id), &profile, &Layout::even(*gops, *frames));
            let length = i64::from(*frames) * i64::try_from(*gops).unwrap() * 40;
            slots.push((Some(id), 0, length));
        }
        if slots.is_empty() {
            slots.push((Some(1), 0, 60_000));
        }
        let all = slots.clone();
        while slots.iter().map(|slot| slot.2).sum::<i64>() < 120_000 {
            slots.extend(&all);
        }
        let timeline = timeline(START - 61_000, &slots);
        let lookup = |media| store.get(media);
        let composer = Composer::new(&profile, &timeline, &lookup, &[]);
        let frame = |ms| profile.frame_at_or_after(UtcMillis(ms));
        compose(&composer, frame(from) - 1, frame(to))
    }
}
