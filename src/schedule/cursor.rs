//! The cursor: where a channel's plan stands, so that planning can go on where it ended.
//!
//! It holds the turn in each schedule, a place in every order in use, what filler was shown when,
//! and a trail: what each planned programme changed. The trail lets an edit throw away what was
//! planned from some instant on and go on from exactly the state of that instant, so that an edit
//! changes only the future.
//!
//! What older builds stored is still read: fields are only ever added.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::order::{Key, Way};
use crate::domain::{CollectionId, MediaId, UtcMillis};

/// Where a channel's plan stands. Stored as JSON; unknown to everyone but the planner.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cursor {
    /// Whose turn it is in the schedule.
    turn: Turn,
    /// The same for the alternates, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    turns: Vec<Turn>,
    places: Vec<Place>,
    /// When filler was shown last.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    aired: BTreeMap<MediaId, UtcMillis>,
    /// What each random slot has had, by schedule and slot.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shares: Vec<((usize, usize), Share)>,
    #[serde(skip_serializing_if = "Last::is_nothing")]
    last: Last,
    /// Oldest first.
    trail: Vec<Step>,
}

/// Whose turn it is, and how much of it was played.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredTurn", into = "StoredTurn")]
pub(super) struct Turn {
    /// Position in the list of items; with shuffled items, in this round's order.
    pub(super) item: usize,
    /// Media played in this turn.
    pub(super) played: u32,
    pub(super) more: More,
}

/// What a plain list of items does not need to know of its turn.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct More {
    /// The item has begun.
    #[serde(rename = "b", skip_serializing_if = "is_default")]
    pub(super) begun: bool,
    /// Media that this turn is to play.
    #[serde(rename = "w", skip_serializing_if = "is_default")]
    pub(super) want: Option<u32>,
    /// End of the item's time.
    #[serde(rename = "u", skip_serializing_if = "is_default")]
    pub(super) until: Option<UtcMillis>,
    /// When the last fixed start was due.
    #[serde(rename = "a", skip_serializing_if = "is_default")]
    pub(super) anchor: Option<UtcMillis>,
    /// How often the list was gone through.
    #[serde(rename = "r", skip_serializing_if = "is_default")]
    pub(super) round: u64,
    /// Up to here time is filled.
    #[serde(rename = "f", skip_serializing_if = "is_default")]
    pub(super) rest: Option<Rest>,
    /// Guide's programme that all of this turn is part of.
    #[serde(rename = "g", skip_serializing_if = "is_default")]
    pub(super) group: Option<UtcMillis>,
    /// The slot or block that is open.
    #[serde(rename = "o", skip_serializing_if = "is_default")]
    pub(super) open: Option<Open>,
    /// All of the list was played, and it is not gone through again.
    #[serde(rename = "e", skip_serializing_if = "is_default")]
    pub(super) over: bool,
    /// How often the same random slot was drawn in a row.
    #[serde(rename = "s", skip_serializing_if = "is_default")]
    pub(super) streak: u32,
    /// End of what was planned last.
    #[serde(rename = "t", skip_serializing_if = "is_default")]
    pub(super) reached: Option<UtcMillis>,
    /// When break content was shown last.
    #[serde(rename = "c", skip_serializing_if = "is_default")]
    pub(super) break_at: Option<UtcMillis>,
}

/// Time that is being filled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rest {
    /// Its end.
    pub(super) until: UtcMillis,
    /// The item is over with it; otherwise it begins after it.
    pub(super) done: bool,
    /// With the slate and nothing else.
    pub(super) empty: bool,
    /// The guide's programme that it is part of.
    pub(super) group: Option<UtcMillis>,
}

/// A slot or block that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Open {
    /// Which one.
    pub(super) slot: usize,
    /// When it was due to begin.
    pub(super) start: UtcMillis,
    /// When it ends.
    pub(super) stop: UtcMillis,
}

/// What a random slot has had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Share {
    pub(super) played_ms: i64,
    pub(super) ended: Option<UtcMillis>,
}

/// What was planned last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Last {
    /// Start of the guide's programme.
    pub(super) group: Option<UtcMillis>,
    /// The programme.
    pub(super) media: Option<MediaId>,
}

impl Last {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// A place in a collection's order. Schedule items with the same collection and order share it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    collection: CollectionId,
    #[serde(flatten)]
    way: Way,
    spot: Spot,
}

/// How far a collection was played.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredSpot", into = "StoredSpot")]
pub(super) struct Spot {
    /// How often the collection was gone through.
    pub(super) round: u64,
    /// Key of what was played last in this round; `None` at its start.
    pub(super) key: Option<Key>,
    /// What was played last.
    pub(super) last: Option<MediaId>,
    /// An item that was put off by one because it would have come twice in a row.
    pub(super) owed: Option<MediaId>,
}

/// A [`Spot`] as it is stored.
type StoredSpot = (u64, Option<Key>, Option<MediaId>, Option<MediaId>);

/// A [`Turn`] as it is stored: short for a plain list.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum StoredTurn {
    Long(usize, u32, More),
    Short(usize, u32),
}

/// What the state was before the programme at `at` was planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredStep", into = "(UtcMillis, Vec<Undo>)")]
struct Step {
    at: UtcMillis,
    undo: Vec<Undo>,
}

/// A [`Step`] as it is stored, now and by builds that knew lists only.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredStep {
    Plain(UtcMillis, Box<Turn>, usize, Box<Spot>),
    Full(UtcMillis, Vec<Undo>),
}

/// One value as it was before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Undo {
    #[serde(rename = "t")]
    Turn(usize, Turn),
    #[serde(rename = "p")]
    Spot(usize, Spot),
    #[serde(rename = "a")]
    Aired(MediaId, Option<UtcMillis>),
    #[serde(rename = "s")]
    Share((usize, usize), Share),
    #[serde(rename = "l")]
    Last(Last),
}

impl Undo {
    /// Whether both are about the same value.
    fn is_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Turn(a, _), Self::Turn(b, _)) | (Self::Spot(a, _), Self::Spot(b, _)) => a == b,
            (Self::Aired(a, _), Self::Aired(b, _)) => a == b,
            (Self::Share(a, _), Self::Share(b, _)) => a == b,
            (Self::Last(_), Self::Last(_)) => true,
            _ => false,
        }
    }
}

impl Cursor {
    /// How long a trail is kept, counted back from the end of the plan; nobody plans further ahead
    /// than two weeks.
    const TRAIL_MS: i64 = 15 * 86_400_000;

    /// The state in which the first programme at or after `at` was planned.
    ///
    /// Plan again from the end of the slot on air with this, and what was played stays played.
    /// Where the trail does not reach back that far, its oldest state is taken. A programme that
    /// filler breaks into parts is planned at once: choose an instant by [`Self::boundary`], or
    /// its parts after `at` are lost.
    #[must_use]
    pub fn rewound(mut self, at: UtcMillis) -> Self {
        while let Some(step) = self.trail.pop_if(|step| step.at >= at) {
            for undo in step.undo.into_iter().rev() {
                self.restore(undo);
            }
        }
        self
    }

    /// The first instant at or after `at` at which a programme with its filler begins; `None`
    /// when none is planned from there on.
    pub fn boundary(&self, at: UtcMillis) -> Option<UtcMillis> {
        let index = self.trail.partition_point(|step| step.at < at);
        self.trail.get(index).map(|step| step.at)
    }

    /// Drops the trail before `at`; nobody will plan anew from before that.
    pub fn forget_before(&mut self, at: UtcMillis) {
        let keep = self.trail.partition_point(|step| step.at < at);
        self.trail.drain(..keep);
    }

    /// Begins the step for what is planned at `at`; everything set from now on belongs to it.
    pub(super) fn begin(&mut self, at: UtcMillis) {
        self.trail.push(Step { at, undo: Vec::new() });
    }

    /// Bounds the trail; called with the end of the plan.
    pub(super) fn trim(&mut self, end: UtcMillis) {
        self.forget_before(end.plus_ms(-Self::TRAIL_MS));
    }

    /// The turn of a schedule: 0 is the main one, then the alternates.
    pub(super) fn turn(&self, schedule: usize) -> Turn {
        match schedule.checked_sub(1) {
            None => self.turn.clone(),
            Some(alternate) => self.turns.get(alternate).cloned().unwrap_or_default(),
        }
    }

    pub(super) fn set_turn(&mut self, schedule: usize, turn: Turn) {
        let before = self.turn(schedule);
        if before != turn {
            self.note(Undo::Turn(schedule, before));
            self.put_turn(schedule, turn);
        }
    }

    /// Index of the place of a collection in an order; made when it is not there.
    ///
    /// Places are only ever added, so that their index stays.
    pub(super) fn place(&mut self, collection: CollectionId, way: Way) -> usize {
        let is = |place: &Place| place.collection == collection && place.way == way;
        if let Some(index) = self.places.iter().position(is) {
            return index;
        }
        self.places.push(Place { collection, way, spot: Spot::default() });
        self.places.len() - 1
    }

    pub(super) fn spot(&self, place: usize) -> Spot {
        self.places.get(place).map(|place| place.spot.clone()).unwrap_or_default()
    }

    pub(super) fn set_spot(&mut self, place: usize, spot: Spot) {
        self.note(Undo::Spot(place, self.spot(place)));
        if let Some(place) = self.places.get_mut(place) {
            place.spot = spot;
        }
    }

    pub(super) fn aired(&self, media: MediaId) -> Option<UtcMillis> {
        self.aired.get(&media).copied()
    }

    pub(super) fn set_aired(&mut self, media: MediaId, at: UtcMillis) {
        self.note(Undo::Aired(media, self.aired(media)));
        self.aired.insert(media, at);
    }

    pub(super) fn share(&self, slot: (usize, usize)) -> Share {
        let found = self.shares.iter().find(|(of, _)| *of == slot);
        found.map(|(_, share)| *share).unwrap_or_default()
    }

    pub(super) fn set_share(&mut self, slot: (usize, usize), share: Share) {
        self.note(Undo::Share(slot, self.share(slot)));
        self.put_share(slot, share);
    }

    pub(super) fn last(&self) -> Last {
        self.last
    }

    pub(super) fn set_last(&mut self, last: Last) {
        self.note(Undo::Last(self.last));
        self.last = last;
    }

    /// Keeps a value as it was before this step; only its first change counts.
    fn note(&mut self, undo: Undo) {
        if let Some(step) = self.trail.last_mut()
            && !step.undo.iter().any(|other| other.is_of(&undo))
        {
            step.undo.push(undo);
        }
    }

    fn restore(&mut self, undo: Undo) {
        match undo {
            Undo::Turn(schedule, turn) => self.put_turn(schedule, turn),
            Undo::Spot(place, spot) => {
                if let Some(place) = self.places.get_mut(place) {
                    place.spot = spot;
                }
            }
            Undo::Aired(media, None) => {
                self.aired.remove(&media);
            }
            Undo::Aired(media, Some(at)) => {
                self.aired.insert(media, at);
            }
            Undo::Share(slot, share) => self.put_share(slot, share),
            Undo::Last(last) => self.last = last,
        }
    }

    fn put_turn(&mut self, schedule: usize, turn: Turn) {
        let Some(alternate) = schedule.checked_sub(1) else {
            self.turn = turn;
            return;
        };
        if self.turns.len() <= alternate {
            self.turns.resize(alternate + 1, Turn::default());
        }
        self.turns[alternate] = turn;
        while self.turns.last().is_some_and(|turn| *turn == Turn::default()) {
            self.turns.pop();
        }
    }

    fn put_share(&mut self, slot: (usize, usize), share: Share) {
        self.shares.retain(|(of, _)| *of != slot);
        if share != Share::default() {
            self.shares.push((slot, share));
            self.shares.sort_unstable_by_key(|(of, _)| *of);
        }
    }
}

impl From<StoredTurn> for Turn {
    fn from(stored: StoredTurn) -> Self {
        let (item, played, more) = match stored {
            StoredTurn::Long(item, played, more) => (item, played, more),
            StoredTurn::Short(item, played) => (item, played, More::default()),
        };
        Self { item, played, more }
    }
}

impl From<Turn> for StoredTurn {
    fn from(turn: Turn) -> Self {
        if turn.more == More::default() {
            return Self::Short(turn.item, turn.played);
        }
        Self::Long(turn.item, turn.played, turn.more)
    }
}

impl From<StoredStep> for Step {
    fn from(stored: StoredStep) -> Self {
        match stored {
            StoredStep::Full(at, undo) => Self { at, undo },
            StoredStep::Plain(at, turn, place, spot) => {
                Self { at, undo: vec![Undo::Turn(0, *turn), Undo::Spot(place, *spot)] }
            }
        }
    }
}

impl From<Step> for (UtcMillis, Vec<Undo>) {
    fn from(step: Step) -> Self {
        (step.at, step.undo)
    }
}

impl From<StoredSpot> for Spot {
    fn from((round, key, last, owed): StoredSpot) -> Self {
        Self { round, key, last, owed }
    }
}

impl From<Spot> for StoredSpot {
    fn from(spot: Spot) -> Self {
        (spot.round, spot.key, spot.last, spot.owed)
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Order;

    #[test]
    fn a_cursor_of_an_older_build_is_read() {
        let stored = r#"{"turn":[1,2],"places":[{"collection":7,"order":"shuffle","spot":[3,[9,"",4],4,null]}],
            "trail":[[1000,[0,1],0,[2,null,null,null]],[2000,[1,1],0,[3,null,4,null]]]}"#;
        let cursor: Cursor = serde_json::from_str(stored).unwrap();
        assert_eq!((cursor.turn(0).item, cursor.turn(0).played), (1, 2));
        let mut same = cursor.clone();
        let way = Way { order: Order::Shuffle, ..Way::default() };
        assert_eq!(same.place(CollectionId(7), way), 0);
        assert_eq!(same.spot(0).round, 3);
        let before = cursor.rewound(UtcMillis(1000));
        assert_eq!((before.turn(0).item, before.turn(0).played), (0, 1));
        assert_eq!(before.spot(0), Spot { round: 2, ..Spot::default() });
    }

    #[test]
    fn everything_that_was_set_is_taken_back() {
        let mut cursor = Cursor::default();
        let place = cursor.place(CollectionId(1), Way::default());
        cursor.begin(UtcMillis(10));
        cursor.set_aired(MediaId(1), UtcMillis(10));
        cursor.set_last(Last { group: Some(UtcMillis(10)), media: None });
        let before = cursor.clone();
        cursor.begin(UtcMillis(20));
        for round in 1..3 {
            cursor.set_spot(place, Spot { round, ..Spot::default() });
            cursor.set_turn(0, Turn { item: 5, ..Turn::default() });
            cursor.set_turn(2, Turn { item: 6, ..Turn::default() });
            cursor.set_aired(MediaId(1), UtcMillis(20));
            cursor.set_aired(MediaId(2), UtcMillis(20));
            cursor.set_share((0, 3), Share { played_ms: 5, ended: None });
            cursor.set_last(Last::default());
        }
        assert_eq!(cursor.boundary(UtcMillis(11)), Some(UtcMillis(20)));
        let text = serde_json::to_string(&cursor).unwrap();
        let cursor: Cursor = serde_json::from_str(&text).unwrap();
        assert_eq!(cursor.rewound(UtcMillis(15)), before);
    }
}
