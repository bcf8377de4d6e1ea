//! Planning a window: the way in.

use super::catalogue::Catalogue;
use super::cursor::Cursor;
use super::planner::Planner;
use super::reason::Reason;
use crate::domain::{MediaId, Rules, Slot, SlotKind, UtcMillis};

/// Title of a slot in which there is nothing to play.
pub const NO_PROGRAMMING: &str = "No programming";

/// Length of a slot in which there is nothing to play, in milliseconds.
pub const OFFLINE_MS: i64 = 3_600_000;

/// Shortest media that is put on air, in milliseconds.
pub const SHORTEST_MS: i64 = 1_000;

/// What a channel plays in a window, and where its plan stands after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Sorted, without gap, from the window's start to its end or beyond (programmes are planned
    /// whole).
    pub slots: Vec<Slot>,
    /// To go on from the end of the last slot.
    pub cursor: Cursor,
    /// What was not obvious, each reason once, in the order met.
    pub reasons: Vec<Reason>,
}

/// Plans `from..to`, going on where `cursor` stands.
///
/// The last programme may end after `to`; go on from its end. Planning in two windows gives the
/// slots and the cursor of planning once. With nothing to play the slots are off air, an hour each.
pub fn plan(
    rules: &Rules,
    catalogue: &Catalogue,
    cursor: Cursor,
    from: UtcMillis,
    to: UtcMillis,
) -> Plan {
    let mut planner = Planner::new(rules, catalogue, cursor);
    let mut slots: Vec<Slot> = Vec::new();
    let mut at = from;
    while at < to {
        let before = slots.len();
        planner.next(at, &mut slots);
        // Every step plans something; were it not so, the slate would be better than no end.
        if slots.len() == before {
            slots.push(off_air(at));
        }
        at = slots.last().map_or(to, |slot| slot.stop);
    }
    planner.cursor.trim(at);
    let reasons = planner.reasons.into_list();
    Plan { slots, cursor: planner.cursor, reasons }
}

/// An hour in which there is nothing to play.
pub(super) fn off_air(at: UtcMillis) -> Slot {
    Slot::new(at, at.plus_ms(OFFLINE_MS), None, NO_PROGRAMMING.to_owned())
}

/// A slot that plays `media` from its beginning, or a broadcast as it is at that time.
pub(super) fn programme_slot(
    catalogue: &Catalogue,
    media: MediaId,
    start: UtcMillis,
    stop: UtcMillis,
) -> Slot {
    let item = catalogue.media.get(&media);
    let title = item.map_or_else(String::new, |item| item.label());
    // A broadcast has no beginning: its media time is the time of day.
    let in_ms = if item.is_some_and(|item| item.is_live()) { start.0 } else { 0 };
    Slot { in_ms, kind: SlotKind::Programme, ..Slot::new(start, stop, Some(media), title) }
}

#[cfg(test)]
pub(super) mod tests;
