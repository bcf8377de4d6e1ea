//! A timeline: what a channel plays when. Stream and guide both read this and nothing else.
//!
//! Invariant: the slots are sorted, do not overlap and leave no gap.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{MediaId, UtcMillis};

/// What a slot is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotKind {
    /// A programme of the guide.
    Programme,
    /// Filler before a programme.
    PreRoll,
    /// Filler in a break of a programme.
    MidRoll,
    /// Filler after a programme.
    PostRoll,
    /// Filler up to the next start.
    Tail,
    /// Filler where nothing else fits or is there.
    Fallback,
    /// The schedule leaves this time empty: the slate. There is content, but not for now.
    Pause,
    /// Nothing to play: the slate, with the reason in the title. It ends when content comes.
    Offline,
}

impl SlotKind {
    /// Whether media is played that is no programme.
    pub fn is_filler(self) -> bool {
        match self {
            Self::PreRoll | Self::MidRoll | Self::PostRoll | Self::Tail | Self::Fallback => true,
            Self::Programme | Self::Pause | Self::Offline => false,
        }
    }
}

/// Media at a time.
///
/// A slot owns its first millisecond and not its last: at the boundary the later slot is on air.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// When it begins.
    pub start: UtcMillis,
    /// When it ends; later than `start`.
    pub stop: UtcMillis,
    /// What is played; `None` for the slate.
    pub media: Option<MediaId>,
    /// Where in the media it begins, in milliseconds.
    pub in_ms: i64,
    /// What it is for.
    pub kind: SlotKind,
    /// Title at the time of planning; the guide looks up the rest by media.
    pub title: String,
    /// Start of the guide's programme that it is part of; `None` for a programme of its own.
    ///
    /// Slots of one programme follow one another. The first of kind [`SlotKind::Programme`] among
    /// them says what the programme is, else the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guide_group: Option<UtcMillis>,
    /// Title of the guide's programme instead of the media's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_title: Option<String>,
}

impl Slot {
    /// Media from its beginning as a programme of its own, or the slate.
    pub fn new(start: UtcMillis, stop: UtcMillis, media: Option<MediaId>, title: String) -> Self {
        let kind = if media.is_some() { SlotKind::Programme } else { SlotKind::Offline };
        Self { start, stop, media, in_ms: 0, kind, title, guide_group: None, custom_title: None }
    }

    /// Where in the media it ends, in milliseconds.
    pub fn out_ms(&self) -> i64 {
        self.in_ms.saturating_add(self.duration_ms())
    }

    /// Start of the guide's programme that it belongs to.
    pub fn programme_start(&self) -> UtcMillis {
        self.guide_group.unwrap_or(self.start)
    }

    /// Length in milliseconds.
    pub fn duration_ms(&self) -> i64 {
        self.stop.since(self.start)
    }

    /// Whether `at` lies in the slot.
    pub fn contains(&self, at: UtcMillis) -> bool {
        self.start <= at && at < self.stop
    }
}

/// Why a list of slots is not a timeline.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimelineError {
    /// A slot that ends before or when it begins.
    #[error("the slot at {start} ends at {stop}")]
    Empty {
        /// Its start.
        start: UtcMillis,
        /// Its stop.
        stop: UtcMillis,
    },
    /// A slot that does not begin where the one before it ended.
    #[error("a slot ends at {stop} and the next begins at {start}")]
    Broken {
        /// End of the earlier slot.
        stop: UtcMillis,
        /// Start of the later one.
        start: UtcMillis,
    },
}

/// A channel's slots: sorted, without gap, without overlap. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeline {
    slots: Arc<[Slot]>,
}

impl Timeline {
    /// Takes the slots if they keep the invariant.
    ///
    /// # Errors
    /// The first place where they do not.
    pub fn new(slots: Vec<Slot>) -> Result<Self, TimelineError> {
        for slot in &slots {
            if slot.stop <= slot.start {
                return Err(TimelineError::Empty { start: slot.start, stop: slot.stop });
            }
        }
        for pair in slots.windows(2) {
            if pair[0].stop != pair[1].start {
                return Err(TimelineError::Broken { stop: pair[0].stop, start: pair[1].start });
            }
        }
        Ok(Self { slots: slots.into() })
    }

    /// All slots in order.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// First instant planned, or `None` when nothing is.
    pub fn start(&self) -> Option<UtcMillis> {
        self.slots.first().map(|slot| slot.start)
    }

    /// End of what is planned, or `None` when nothing is.
    pub fn stop(&self) -> Option<UtcMillis> {
        self.slots.last().map(|slot| slot.stop)
    }

    /// Position in [`Self::slots`] of the slot on air at `at`, or `None` outside the timeline.
    pub fn index_at(&self, at: UtcMillis) -> Option<usize> {
        let next = self.slots.partition_point(|slot| slot.start <= at);
        let index = next.checked_sub(1)?;
        self.slots[index].contains(at).then_some(index)
    }

    /// The slot on air at `at`, or `None` outside the timeline.
    pub fn at(&self, at: UtcMillis) -> Option<&Slot> {
        self.index_at(at).map(|index| &self.slots[index])
    }

    /// The slots that touch `from..to`.
    pub fn between(&self, from: UtcMillis, to: UtcMillis) -> &[Slot] {
        let first = self.slots.partition_point(|slot| slot.stop <= from);
        let last = self.slots.partition_point(|slot| slot.start < to);
        &self.slots[first..last.max(first)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_slot_owns_the_boundary() {
        let timeline = timeline("news 0 600, film 600 5400");
        assert_eq!(timeline.at(UtcMillis(599)).map(|s| s.title.as_str()), Some("news"));
        assert_eq!(timeline.at(UtcMillis(600)).map(|s| s.title.as_str()), Some("film"));
        assert_eq!(timeline.at(UtcMillis(5400)), None);
        assert_eq!(timeline.at(UtcMillis(-1)), None);
    }

    #[test]
    fn a_gap_is_refused() {
        let slots = slots("news 0 600, film 601 5400");
        let broken = TimelineError::Broken { stop: UtcMillis(600), start: UtcMillis(601) };
        assert_eq!(Timeline::new(slots), Err(broken));
    }

    #[test]
    fn a_window_takes_what_it_touches() {
        let timeline = timeline("a 0 10, b 10 20, c 20 30");
        let titles = |from, to| -> Vec<String> {
            timeline
                .between(UtcMillis(from), UtcMillis(to))
                .iter()
                .map(|s| s.title.clone())
                .collect()
        };
        assert_eq!(titles(10, 20), ["b"]);
        assert_eq!(titles(9, 21), ["a", "b", "c"]);
        assert_eq!(titles(30, 40), Vec::<String>::new());
    }

    fn timeline(text: &str) -> Timeline {
        Timeline::new(slots(text)).unwrap()
    }

    /// Reads `title start stop, …`.
    fn slots(text: &str) -> Vec<Slot> {
        let slot = |line: &str| {
            let mut words = line.split_whitespace();
            let mut word = || words.next().unwrap();
            Slot {
                title: word().to_owned(),
                start: UtcMillis(word().parse().unwrap()),
                stop: UtcMillis(word().parse().unwrap()),
                media: None,
                in_ms: 0,
                kind: SlotKind::Programme,
                guide_group: None,
                custom_title: None,
            }
        };
        text.split(',').map(slot).collect()
    }
}
