//! PURE  Decides which part of a stored timeline stays and from when on it is planned anew.
//!
//! What viewers are about to see is never changed under them: a new plan begins at the end of a
//! slot, unless the slot only says that there is nothing to play.

use crate::domain::{Slot, SlotKind, UtcMillis};

/// Why a timeline is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Time went on: plan as far ahead as wanted.
    Extend,
    /// Rules or media changed: keep what is on air, plan the rest anew.
    Changed,
}

/// What is to be planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Upkeep {
    /// Everything is planned far enough.
    Keep,
    /// Plan from `from` on with the stored cursor; nothing stored is lost.
    Append {
        /// End of what is stored.
        from: UtcMillis,
    },
    /// Drop stored slots that begin at or after `from` and plan from there; the cursor has to be
    /// worked out from the slots that stay.
    Replace {
        /// Where the new plan begins.
        from: UtcMillis,
    },
    /// An offline slot that has begun is cut at `from`, and a new plan begins there.
    CutOffline {
        /// Start of the offline slot.
        slot_start: UtcMillis,
        /// Where the new plan begins.
        from: UtcMillis,
    },
}

/// Slots that begin sooner than this are already on their way to viewers.
const COMMITTED_MS: i64 = 30_000;

/// Longest time without planning that is caught up; after a longer one planning begins at now.
const CATCH_UP_MS: i64 = 14 * 86_400_000;

/// Decides for one channel; `until` is how far ahead it should be planned.
pub(crate) fn decide(
    stored: &[Slot],
    has_content: bool,
    reason: Reason,
    now: UtcMillis,
    until: UtcMillis,
) -> Upkeep {
    let minute = UtcMillis(now.0 - now.0.rem_euclid(60_000));
    let Some(last) = stored.last() else {
        return Upkeep::Append { from: minute };
    };
    if now.since(last.stop) > CATCH_UP_MS {
        return Upkeep::Replace { from: minute };
    }
    let on_air = stored.iter().find(|slot| slot.contains(now));
    if let Some(slot) = on_air
        && has_content
        && slot.kind == SlotKind::Offline
    {
        return Upkeep::CutOffline { slot_start: slot.start, from: now };
    }
    // An offline slot still to come is a plan made without content as well.
    let stale = stored.iter().find(|slot| slot.start > now && slot.kind == SlotKind::Offline);
    if has_content && let Some(slot) = stale {
        return Upkeep::Replace { from: slot.start };
    }
    if reason == Reason::Changed {
        let committed = now.plus_ms(COMMITTED_MS);
        // A programme and its filler are planned at once, so they stay or go together.
        let begins = |slot: &&Slot| slot.start >= committed && slot.guide_group.is_none();
        let from = stored.iter().find(begins).map_or(last.stop, |slot| slot.start);
        return Upkeep::Replace { from };
    }
    if last.stop < until { Upkeep::Append { from: last.stop } } else { Upkeep::Keep }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn an_empty_timeline_begins_at_the_minute() {
        check("", true, Reason::Extend, 90_000, Upkeep::Append { from: UtcMillis(60_000) });
    }

    #[test]
    fn a_full_timeline_is_kept() {
        check("p 0 100", true, Reason::Extend, HOUR, Upkeep::Keep);
    }

    #[test]
    fn a_short_timeline_is_continued_at_its_end() {
        let at = UtcMillis(2 * HOUR);
        check("p 0 1, p 1 2", true, Reason::Extend, HOUR, Upkeep::Append { from: at });
    }

    #[test]
    fn a_change_keeps_the_programme_on_air() {
        let at = UtcMillis(2 * HOUR);
        check(
            "p 0 1, p 1 2, p 2 90",
            true,
            Reason::Changed,
            HOUR + 5,
            Upkeep::Replace { from: at },
        );
    }

    #[test]
    fn a_change_keeps_a_programme_that_is_about_to_begin() {
        let at = UtcMillis(3 * HOUR);
        let now = 2 * HOUR - 10_000;
        check("p 1 2, p 2 3, p 3 90", true, Reason::Changed, now, Upkeep::Replace { from: at });
    }

    #[test]
    fn content_ends_an_offline_slot_at_once() {
        let now = UtcMillis(HOUR + 7);
        let want = Upkeep::CutOffline { slot_start: UtcMillis(HOUR), from: now };
        check("o 0 1, o 1 2, o 2 90", true, Reason::Extend, now.0, want);
    }

    #[test]
    fn without_content_an_offline_plan_is_kept() {
        check("o 0 1, o 1 90", false, Reason::Extend, HOUR + 7, Upkeep::Keep);
    }

    #[test]
    fn after_a_long_pause_planning_begins_at_now() {
        let now = 40 * 24 * HOUR;
        check("p 0 1", true, Reason::Extend, now, Upkeep::Replace { from: UtcMillis(now) });
    }

    /// Reads `kind from to` in hours, `p` for a programme and `o` for offline.
    #[track_caller]
    fn check(slots: &str, has_content: bool, reason: Reason, now: i64, expected: Upkeep) {
        let mut stored = Vec::new();
        for line in slots.split(',').filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let hours = |word: &str| UtcMillis(word.parse::<i64>().unwrap() * HOUR);
            stored.push(Slot {
                start: hours(words[1]),
                stop: hours(words[2]),
                media: None,
                in_ms: 0,
                kind: if words[0] == "o" { SlotKind::Offline } else { SlotKind::Programme },
                title: String::new(),
                guide_group: None,
                custom_title: None,
            });
        }
        let until = UtcMillis(now + 24 * HOUR);
        assert_eq!(decide(&stored, has_content, reason, UtcMillis(now), until), expected);
    }
}
