//! Whole plans: rules as they are stored go in, and what is on air when comes out.

mod filler;
mod forms;
mod properties;
mod starts;

use super::plan::tests::catalogue;
use super::zone::Wall;
use super::{Catalogue, Cursor, Plan, plan};
use crate::domain::{Rules, Slot, SlotKind, Timeline, UtcMillis};

/// Reads rules as they are stored.
fn rules(json: &str) -> Rules {
    serde_json::from_str(json).unwrap()
}

fn utc(text: &str) -> UtcMillis {
    UtcMillis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

/// Plans from one instant to another.
fn plan_between(rules: &Rules, catalogue: &Catalogue, from: &str, to: &str) -> Plan {
    plan(rules, catalogue, Cursor::default(), utc(from), utc(to))
}

/// Plans and compares what is on air: `local time, kind, media`, a slot each.
///
/// Kinds: `p` programme, `<` before it, `|` in it, `>` after it, `t` tail, `f` fallback, `-` pause,
/// `x` off air. A `+` is part of the guide's programme that is already on.
#[track_caller]
fn check(rules: &Rules, catalogue: &Catalogue, from: &str, to: &str, expected: &[&str]) -> Plan {
    let plan = plan_between(rules, catalogue, from, to);
    Timeline::new(plan.slots.clone()).unwrap();
    assert_eq!(lines(rules, &plan.slots), expected, "{:#?}", plan.reasons);
    plan
}

fn lines(rules: &Rules, slots: &[Slot]) -> Vec<String> {
    let wall = Wall::new(&rules.zone);
    slots.iter().map(|slot| line(&wall, slot)).collect()
}

fn line(wall: &Wall, slot: &Slot) -> String {
    let time = wall.time(slot.start).to_string();
    let time = time.strip_suffix(":00").unwrap_or(&time);
    let kind = match slot.kind {
        SlotKind::Programme => "p",
        SlotKind::PreRoll => "<",
        SlotKind::MidRoll => "|",
        SlotKind::PostRoll => ">",
        SlotKind::Tail => "t",
        SlotKind::Fallback => "f",
        SlotKind::Pause => "-",
        SlotKind::Offline => "x",
    };
    let part = if slot.programme_start() == slot.start { "" } else { "+" };
    match slot.media {
        Some(media) => format!("{time} {kind}{part} {media}"),
        None => format!("{time} {kind}{part}"),
    }
}
