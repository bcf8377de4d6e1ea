//! Reasons: why a plan is not what one might have expected.

use std::collections::BTreeSet;

use crate::domain::{CollectionId, MediaId, UtcMillis};

/// Most reasons that one plan gives; what comes after repeats what was said.
const MOST: usize = 500;

/// Why a plan is not what one might have expected.
///
/// Schedule items are counted from 0, through all forms and alternates, as
/// [`crate::domain::Rules::all_items`] lists them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Reason {
    /// The schedule has no items.
    #[error("the schedule is empty")]
    NoItems,
    /// A schedule item names a collection that does not exist.
    #[error("schedule item {item} names collection {collection}, which does not exist")]
    NoCollection {
        /// Which item.
        item: usize,
        /// The collection.
        collection: CollectionId,
    },
    /// A schedule item's collection has no playable media.
    #[error("schedule item {item} was passed over: collection {collection} has nothing playable")]
    NothingPlayable {
        /// Which item.
        item: usize,
        /// The collection.
        collection: CollectionId,
    },
    /// A schedule item asks for no media at all.
    #[error("schedule item {item} was passed over: it asks for 0 media items")]
    ZeroCount {
        /// Which item.
        item: usize,
    },
    /// A schedule item is never reached, because an earlier one floods.
    #[error("schedule item {item} is never reached: item {flood} before it floods")]
    NeverReached {
        /// Which item.
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
    /// Media was passed over because it would have run into what comes after.
    #[error("media {media} was passed over at {at}: it does not fit before {stop}")]
    PassedOver {
        /// The media.
        media: MediaId,
        /// When it would have begun.
        at: UtcMillis,
        /// What it had to end before.
        stop: UtcMillis,
    },
    /// Nothing of a schedule item fits into the time that is left for it.
    #[error("nothing of schedule item {item} fits between {at} and {stop}")]
    NothingFits {
        /// Which item.
        item: usize,
        /// From here on.
        at: UtcMillis,
        /// Up to here.
        stop: UtcMillis,
    },
    /// A fixed start was kept late, because the programme before it was played to its end.
    #[error("schedule item {item} begins at {at} and not at {due}: a programme ran over")]
    StartedLate {
        /// Which item.
        item: usize,
        /// When it should have begun.
        due: UtcMillis,
        /// When it begins.
        at: UtcMillis,
    },
    /// A fixed start had passed, so the item is left out this time.
    #[error("schedule item {item} is left out: its start at {due} had passed at {at}")]
    StartPassed {
        /// Which item.
        item: usize,
        /// When it should have begun.
        due: UtcMillis,
        /// When its turn came.
        at: UtcMillis,
    },
    /// A slot would have begun later than is allowed, so it is left out.
    #[error("the slot of schedule item {item} is left out: it was {late_ms} ms late at {at}")]
    SlotLate {
        /// Its item.
        item: usize,
        /// When its turn came.
        at: UtcMillis,
        /// By how much it was late.
        late_ms: i64,
    },
    /// All random slots were resting; the one that had rested most was drawn.
    #[error("every random slot was resting at {at}; the one of item {item} was drawn")]
    NoneRested {
        /// Its item.
        item: usize,
        /// When.
        at: UtcMillis,
    },
    /// There is no filler that fits, so the slate is shown.
    #[error("there is no filler that fits between {at} and {stop}")]
    NoFiller {
        /// From here on.
        at: UtcMillis,
        /// Up to here.
        stop: UtcMillis,
    },
    /// No slot or block is laid out for this time.
    #[error("nothing is scheduled between {at} and {stop}")]
    Unscheduled {
        /// From here on.
        at: UtcMillis,
        /// Up to here.
        stop: UtcMillis,
    },
    /// There is nothing to play at all, so the window is off the air.
    #[error("there is nothing to play")]
    OffAir,
}

/// Reasons as they come up, each once.
#[derive(Debug, Default)]
pub(super) struct Reasons {
    list: Vec<Reason>,
    seen: BTreeSet<Reason>,
}

impl Reasons {
    pub(super) fn add(&mut self, reason: Reason) {
        if self.list.len() < MOST && self.seen.insert(reason.clone()) {
            self.list.push(reason);
        }
    }

    pub(super) fn into_list(self) -> Vec<Reason> {
        self.list
    }
}
