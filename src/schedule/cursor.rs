//! The cursor: where a channel's plan stands, so that planning can go on where it ended.
//!
//! It holds the turn in the schedule, a place in every order in use, and a trail: what each
//! planned slot changed. The trail lets an edit throw away what was planned from some instant on
//! and go on from exactly the state of that instant, so that an edit changes only the future.

use serde::{Deserialize, Serialize};

use super::order::Key;
use crate::domain::{CollectionId, MediaId, Order, UtcMillis};

/// Where a channel's plan stands. Stored as JSON; unknown to everyone but the planner.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cursor {
    /// Whose turn it is in the schedule.
    pub(super) turn: Turn,
    pub(super) places: Vec<Place>,
    /// Oldest first.
    trail: Vec<Step>,
}

/// Whose turn it is, and how much of it was played.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(usize, u32)", into = "(usize, u32)")]
pub(super) struct Turn {
    /// Position in the schedule.
    pub(super) item: usize,
    /// Media played in this turn.
    pub(super) played: u32,
}

/// A place in a collection's order. Schedule items with the same collection and order share it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    collection: CollectionId,
    order: Order,
    pub(super) spot: Spot,
}

/// How far a collection was played.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
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
type Stored = (u64, Option<Key>, Option<MediaId>, Option<MediaId>);

/// What the state was before the slot at `0` was planned: the turn, and the place that slot moved.
///
/// A tuple, because there is one for every slot of the plan and it is stored as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Step(UtcMillis, Turn, usize, Spot);

impl Cursor {
    /// How long a trail is kept, counted back from the end of the plan; nobody plans further ahead
    /// than two weeks.
    const TRAIL_MS: i64 = 15 * 86_400_000;

    /// The state in which the first slot at or after `at` was planned.
    ///
    /// Plan again from the end of the slot on air with this, and what was played stays played.
    /// Where the trail does not reach back that far, its oldest state is taken.
    #[must_use]
    pub fn rewound(mut self, at: UtcMillis) -> Self {
        while let Some(Step(_, turn, place, spot)) = self.trail.pop_if(|step| step.0 >= at) {
            self.turn = turn;
            // Places are only ever added, so that their index stays.
            if let Some(place) = self.places.get_mut(place) {
                place.spot = spot;
            }
        }
        self
    }

    /// Drops the trail before `at`; nobody will plan anew from before that.
    pub fn forget_before(&mut self, at: UtcMillis) {
        let keep = self.trail.partition_point(|step| step.0 < at);
        self.trail.drain(..keep);
    }

    /// Index of the place of a collection in an order; made when it is not there.
    pub(super) fn place(&mut self, collection: CollectionId, order: Order) -> usize {
        if let Some(index) = self.places.iter().position(|place| place.is(collection, order)) {
            return index;
        }
        self.places.push(Place::new(collection, order));
        self.places.len() - 1
    }

    /// Notes the state before the slot at `at`, which will move place `place`.
    pub(super) fn note(&mut self, at: UtcMillis, turn: Turn, place: usize) {
        self.trail.push(Step(at, turn, place, self.places[place].spot.clone()));
    }

    /// Bounds the trail; called with the end of the plan.
    pub(super) fn trim(&mut self, end: UtcMillis) {
        self.forget_before(end.plus_ms(-Self::TRAIL_MS));
    }
}

impl Place {
    fn new(collection: CollectionId, order: Order) -> Self {
        Self { collection, order, spot: Spot::default() }
    }

    fn is(&self, collection: CollectionId, order: Order) -> bool {
        self.collection == collection && self.order == order
    }
}

impl From<(usize, u32)> for Turn {
    fn from((item, played): (usize, u32)) -> Self {
        Self { item, played }
    }
}

impl From<Turn> for (usize, u32) {
    fn from(turn: Turn) -> Self {
        (turn.item, turn.played)
    }
}

impl From<Stored> for Spot {
    fn from((round, key, last, owed): Stored) -> Self {
        Self { round, key, last, owed }
    }
}

impl From<Spot> for Stored {
    fn from(spot: Spot) -> Self {
        (spot.round, spot.key, spot.last, spot.owed)
    }
}
