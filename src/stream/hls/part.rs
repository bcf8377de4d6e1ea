//! Parts: pieces of a segment of about a second, which can be had before the segment is whole. PURE.
//!
//! A part is cut out of the bytes of its segment where a picture begins, so the parts of a segment
//! in a row are the segment. Like a segment it is called after all that its bytes depend on; that
//! is the units it touches, so its name is the same before and after its segment is whole.

use std::ops::Range;
use std::sync::Arc;

use super::name::{Container, SegmentName, print};
use super::{segment_of, window};
use crate::domain::Profile;
use crate::mpegts::unit::Unit;
use crate::stream::compose::{UnitPlan, decoded};

/// A part of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its number in the segment, from 0.
    pub number: u32,
    /// The frames it shows.
    pub frames: Range<i64>,
    /// Whether a group of pictures begins in it.
    pub independent: bool,
}

/// Frames of every part of a segment but its last.
pub fn frames_of_part(profile: &Profile) -> i64 {
    let (num, den) = (i64::from(profile.rate.num), i64::from(profile.rate.den));
    ((num + den / 2) / den).max(1)
}

/// No part is longer than this, in ticks.
pub fn longest(profile: &Profile) -> i64 {
    profile.tick_of(frames_of_part(profile)) + 1
}

/// The units of segment `n` that `units` (in order) hold so far, up to a gap; `None` when its
/// beginning is not among them.
pub fn begun(profile: &Profile, units: &[Arc<UnitPlan>], n: i64) -> Option<Vec<Arc<UnitPlan>>> {
    let window = window(n);
    let begins = |unit: &UnitPlan| profile.tick_of(unit.first);
    let from = units.partition_point(|unit| begins(unit) < window.start);
    let first = units.get(from).filter(|first| begins(first) < window.end)?;
    let joins = from.checked_sub(1).is_some_and(|before| units[before].end == first.first);
    if begins(first) > window.start && !joins {
        return None;
    }
    let mut begun = vec![Arc::clone(first)];
    for unit in units[from + 1..].iter().take_while(|unit| begins(unit) < window.end) {
        if begun.last().is_some_and(|last| last.end != unit.first) {
            break;
        }
        begun.push(Arc::clone(unit));
    }
    Some(begun)
}

/// The end of a playlist with parts.
///
/// The very newest part is not listed but hinted at: it is there already, so the hint is kept, and
/// its name is known, which is made of what it shows.
#[derive(Debug)]
pub struct Newest {
    /// The number of the segment that has it.
    pub n: i64,
    /// The units of that segment so far.
    pub begun: Vec<Arc<UnitPlan>>,
    /// Its parts that are listed.
    pub listed: Vec<Part>,
    /// The newest one.
    pub hinted: Part,
}

/// Where a playlist with parts of `units` ends; `None` when there is no part.
pub fn newest(profile: &Profile, units: &[Arc<UnitPlan>]) -> Option<Newest> {
    let end = segment_of(profile.tick_of(units.last()?.end));
    [(end, false), (end - 1, true)].into_iter().find_map(|(n, whole)| {
        let begun = begun(profile, units, n)?;
        let mut listed = parts(profile, &begun, whole);
        let hinted = listed.pop()?;
        Some(Newest { n, begun, listed, hinted })
    })
}

/// The parts of a segment that `begun` holds all frames of; with `whole` its rest is a part too.
pub fn parts(profile: &Profile, begun: &[Arc<UnitPlan>], whole: bool) -> Vec<Part> {
    let (Some(first), Some(last)) = (begun.first(), begun.last()) else { return Vec::new() };
    let step = frames_of_part(profile);
    let mut parts = Vec::new();
    for (number, start) in (0_u32..).zip((first.first..last.end).step_by(step_by(step))) {
        let stop = start + step;
        if stop > last.end && !whole {
            break;
        }
        let frames = start..stop.min(last.end);
        let independent = begun.iter().any(|unit| frames.contains(&unit.first));
        parts.push(Part { number, frames, independent });
    }
    parts
}

/// The units that `part` shows something of.
pub fn touched(begun: &[Arc<UnitPlan>], part: &Part) -> Vec<Arc<UnitPlan>> {
    let touches = |unit: &UnitPlan| unit.first < part.frames.end && part.frames.start < unit.end;
    begun.iter().filter(|unit| touches(unit)).cloned().collect()
}

/// What `part` of segment `n` is called.
pub fn name(n: i64, profile: &Profile, begun: &[Arc<UnitPlan>], part: &Part) -> SegmentName {
    let print = print(profile, &touched(begun, part), Some(&part.frames));
    SegmentName { n, part: Some(part.number), print, container: Container::of(profile) }
}

/// Where in the bytes of `unit`, made of `plan`, its share of `frames` lies.
pub fn cut(profile: &Profile, plan: &UnitPlan, unit: &Unit, frames: &Range<i64>) -> Range<usize> {
    let at = |frame: i64| {
        if frame <= plan.first {
            return 0;
        }
        let tick = decoded(profile, frame);
        let mark = unit.marks.iter().find(|mark| frame < plan.end && mark.at >= tick);
        mark.map_or(unit.bytes.len(), |mark| mark.offset)
    };
    at(frames.start)..at(frames.end)
}

fn step_by(step: i64) -> usize {
    usize::try_from(step).unwrap_or(1).max(1)
}
