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
pub(super) struct Turn {
    /// Position in the schedule.
    pub(super) item: usize,
    /// Media played in this turn.
    pub(super) played: u32,
}

/// A place in a collection's order. Schedule items with the same collection and order share it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) collection: CollectionId,
    pub(super) order: Order,
    /// How often the collection was gone through.
    pub(super) round: u64,
    /// Key of what was played last in this round; `None` at its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<Key>,
    /// What was played last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last: Option<MediaId>,
    /// An item that was put off by one because it would have come twice in a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) owed: Option<MediaId>,
}

/// What the state was before the slot at `at` was planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Step {
    at: UtcMillis,
    turn: Turn,
    /// The place that slot moved; the trail never removes a place, a fresh one stands for it.
    place: Place,
}

impl Cursor {
    /// How long a trail is kept, counted back from the end of the plan.
    const TRAIL_MS: i64 = 30 * 86_400_000;

    /// The state in which the first slot at or after `at` was planned.
    ///
    /// Plan again from the end of the slot on air with this, and what was played stays played.
    /// Where the trail does not reach back that far, its oldest state is taken.
    #[must_use]
    pub fn rewound(mut self, at: UtcMillis) -> Self {
        while let Some(step) = self.trail.pop_if(|step| step.at >= at) {
            self.turn = step.turn;
            match self
                .places
                .iter_mut()
                .find(|place| place.is(step.place.collection, step.place.order))
            {
                Some(place) => *place = step.place,
                None => self.places.push(step.place),
            }
        }
        self
    }

    /// Drops the trail before `at`; nobody will plan anew from before that.
    pub fn forget_before(&mut self, at: UtcMillis) {
        let keep = self.trail.partition_point(|step| step.at < at);
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
        self.trail.push(Step { at, turn, place: self.places[place].clone() });
    }

    /// Bounds the trail; called with the end of the plan.
    pub(super) fn trim(&mut self, end: UtcMillis) {
        self.forget_before(end.plus_ms(-Self::TRAIL_MS));
    }
}

impl Place {
    pub(super) fn new(collection: CollectionId, order: Order) -> Self {
        Self { collection, order, round: 0, key: None, last: None, owed: None }
    }

    fn is(&self, collection: CollectionId, order: Order) -> bool {
        self.collection == collection && self.order == order
    }
}
