//! The planner itself.

use std::collections::BTreeSet;

use super::catalogue::Catalogue;
use super::cursor::{Cursor, Turn};
use super::order::Deck;
use crate::domain::{CollectionId, MediaId, Mode, Rules, ScheduleItem, Slot, SlotKind, UtcMillis};

/// Title of a slot in which there is nothing to play.
pub const NO_PROGRAMMING: &str = "No programming";

/// Length of a slot in which there is nothing to play, in milliseconds.
pub const OFFLINE_MS: i64 = 3_600_000;

/// Shortest media that is put on air, in milliseconds.
pub const SHORTEST_MS: i64 = 1_000;

/// What a channel plays in a window, and where its plan stands after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Sorted, without gap, from the window's start to its end or beyond (media is not cut).
    pub slots: Vec<Slot>,
    /// To go on from the end of the last slot.
    pub cursor: Cursor,
    /// What was not obvious, each reason once, in the order met.
    pub reasons: Vec<Reason>,
}

/// Why a plan is not what one might have expected.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Reason {
    /// The schedule has no items.
    #[error("the schedule is empty")]
    NoItems,
    /// A schedule item names a collection that does not exist.
    #[error("schedule item {item} names collection {collection}, which does not exist")]
    NoCollection {
        /// Position in the schedule, from 0.
        item: usize,
        /// The collection.
        collection: CollectionId,
    },
    /// A schedule item's collection has no playable media.
    #[error("schedule item {item} was passed over: collection {collection} has nothing playable")]
    NothingPlayable {
        /// Position in the schedule, from 0.
        item: usize,
        /// The collection.
        collection: CollectionId,
    },
    /// A schedule item asks for no media at all.
    #[error("schedule item {item} was passed over: it asks for 0 media items")]
    ZeroCount {
        /// Position in the schedule, from 0.
        item: usize,
    },
    /// A schedule item is never reached, because an earlier one floods.
    #[error("schedule item {item} is never reached: item {flood} before it floods")]
    NeverReached {
        /// Position in the schedule, from 0.
        item: usize,
        /// The item that floods.
        flood: usize,
    },
    /// The schedule has become shorter than the place in it; it begins from the top.
    #[error("the schedule begins from the top: it has {items} items and stood at {item}")]
    StartedOver {
        /// Where it stood, from 0.
        item: usize,
        /// How many items there are.
        items: usize,
    },
    /// Media is left out because it is too short or its length is not known.
    #[error("media {media} is left out: it lasts {duration_ms} ms")]
    TooShort {
        /// The media.
        media: MediaId,
        /// Its length.
        duration_ms: i64,
    },
    /// An item was put off by one, because it would have played twice in a row.
    #[error("media {media} was put off by one at {at}: it had just been played")]
    PutOff {
        /// The media.
        media: MediaId,
        /// The slot that another item took.
        at: UtcMillis,
    },
    /// There is nothing to play at all, so the window is off the air.
    #[error("there is nothing to play")]
    OffAir,
}

/// Plans `from..to`, going on where `cursor` stands.
///
/// The last slot may end after `to`; go on from its end. Planning in two windows gives the slots
/// and the cursor of planning once. With nothing to play the slots are off air, an hour each.
pub fn plan(
    rules: &Rules,
    catalogue: &Catalogue,
    cursor: Cursor,
    from: UtcMillis,
    to: UtcMillis,
) -> Plan {
    let mut planner = Planner::new(rules, catalogue, cursor);
    let mut slots = Vec::new();
    let mut at = from;
    while at < to {
        let slot = planner.next_slot(at);
        at = slot.stop;
        slots.push(slot);
    }
    planner.cursor.trim(at);
    Plan { slots, cursor: planner.cursor, reasons: planner.reasons.list }
}

struct Planner<'a> {
    lines: Vec<Line>,
    /// One for each collection and order in use, with its place in the cursor.
    decks: Vec<(Deck, usize)>,
    catalogue: &'a Catalogue,
    cursor: Cursor,
    reasons: Reasons,
}

/// A schedule item made ready: how much of which deck.
struct Line {
    /// Media items in a turn; `None` plays on and on.
    count: Option<u32>,
    /// `None` when there is nothing to play.
    deck: Option<usize>,
}

#[derive(Default)]
struct Reasons {
    list: Vec<Reason>,
    seen: BTreeSet<Reason>,
}

impl Reasons {
    fn add(&mut self, reason: Reason) {
        if self.seen.insert(reason.clone()) {
            self.list.push(reason);
        }
    }
}

impl<'a> Planner<'a> {
    fn new(rules: &Rules, catalogue: &'a Catalogue, cursor: Cursor) -> Self {
        let mut planner =
            Self { lines: vec![], decks: vec![], catalogue, cursor, reasons: Reasons::default() };
        for (index, item) in rules.items.iter().enumerate() {
            let count = match item.mode {
                Mode::Flood => None,
                Mode::One => Some(1),
                Mode::Multiple { count } | Mode::Skip { count } => Some(count),
                // The planner does not know the others yet.
                Mode::CollectionSize
                | Mode::MultiEpisodeGroupSize
                | Mode::Duration { .. }
                | Mode::PadToNext { .. }
                | Mode::PadUntil { .. }
                | Mode::WaitUntil { .. } => Some(1),
            };
            let deck = planner.deck(index, item, rules.seed);
            if count == Some(0) {
                planner.reasons.add(Reason::ZeroCount { item: index });
            }
            planner.lines.push(Line { count, deck });
        }
        planner.explain_the_unreachable();
        let turn = planner.cursor.turn;
        let items = planner.lines.len();
        if items == 0 {
            planner.reasons.add(Reason::NoItems);
        }
        if turn.item >= items {
            if turn.item > 0 {
                planner.reasons.add(Reason::StartedOver { item: turn.item, items });
            }
            planner.cursor.turn = Turn::default();
        }
        planner
    }

    /// The deck of a schedule item, shared with those that play the same in the same order.
    fn deck(&mut self, index: usize, item: &ScheduleItem, seed: u64) -> Option<usize> {
        let collection = item.collection;
        let Some(ids) = self.catalogue.collections.get(&collection) else {
            self.reasons.add(Reason::NoCollection { item: index, collection });
            return None;
        };
        let place = self.cursor.place(collection, item.order);
        if let Some(deck) = self.decks.iter().position(|(_, of)| *of == place) {
            return Some(deck);
        }
        let (deck, too_short) = Deck::new(collection, item.order, seed, ids, &self.catalogue.media);
        for media in too_short {
            self.reasons.add(Reason::TooShort { media, duration_ms: self.duration_ms(media) });
        }
        if deck.is_empty() {
            self.reasons.add(Reason::NothingPlayable { item: index, collection });
            return None;
        }
        self.decks.push((deck, place));
        Some(self.decks.len() - 1)
    }

    fn explain_the_unreachable(&mut self) {
        let floods = |line: &Line| line.count.is_none() && line.deck.is_some();
        let Some(flood) = self.lines.iter().position(floods) else { return };
        for item in flood + 1..self.lines.len() {
            self.reasons.add(Reason::NeverReached { item, flood });
        }
    }

    fn duration_ms(&self, media: MediaId) -> i64 {
        self.catalogue.media.get(&media).map_or(0, |item| item.duration_ms)
    }

    /// Plans the slot that begins at `at`.
    fn next_slot(&mut self, at: UtcMillis) -> Slot {
        // Every line is asked at most once, and the one whose turn it is twice: it may be over.
        for _ in 0..=self.lines.len() {
            let turn = self.cursor.turn;
            let Some(line) = self.lines.get(turn.item) else { break };
            let over = line.count.is_some_and(|count| turn.played >= count);
            let Some(deck) = line.deck.filter(|_| !over) else {
                self.pass_on();
                continue;
            };
            let (deck, place) = &mut self.decks[deck];
            self.cursor.note(at, turn, *place);
            let Some(draw) = deck.draw(&mut self.cursor.places[*place].spot) else { break };
            if let Some(media) = draw.put_off {
                self.reasons.add(Reason::PutOff { media, at });
            }
            // Saturates in a flood that has gone on for four thousand million items; no harm.
            self.cursor.turn.played = turn.played.saturating_add(1);
            return self.programme(at, draw.media);
        }
        self.reasons.add(Reason::OffAir);
        Slot {
            start: at,
            stop: at.plus_ms(OFFLINE_MS),
            media: None,
            in_ms: 0,
            kind: SlotKind::Offline,
            title: NO_PROGRAMMING.to_owned(),
            guide_group: None,
            custom_title: None,
        }
    }

    fn pass_on(&mut self) {
        let next = (self.cursor.turn.item + 1) % self.lines.len();
        self.cursor.turn = Turn { item: next, played: 0 };
    }

    fn programme(&self, at: UtcMillis, media: MediaId) -> Slot {
        programme_slot(self.catalogue, media, at, at.plus_ms(self.duration_ms(media)))
    }
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
    Slot {
        start,
        stop,
        media: Some(media),
        in_ms,
        kind: SlotKind::Programme,
        title,
        guide_group: None,
        custom_title: None,
    }
}

#[cfg(test)]
mod tests;
