//! Rules: what a channel plays, before any clock is looked at.

use serde::{Deserialize, Serialize};

use super::CollectionId;

/// In which order a collection is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// By first airing or year, then title.
    #[default]
    Chronological,
    /// By show, season and episode.
    SeasonEpisode,
    /// A new permutation each round, drawn from the seed; no item twice in a row.
    Shuffle,
    /// As the collection lists them.
    Listed,
}

/// How much of a collection is played before the next schedule item has its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Mode {
    /// On and on; the next schedule item is reached only at its fixed start.
    #[default]
    Flood,
    /// One media item.
    One,
    /// This many media items.
    Multiple {
        /// How many, at least 1.
        count: u32,
    },
}

/// One line of a channel's schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleItem {
    /// What is played.
    pub collection: CollectionId,
    /// In which order.
    #[serde(default)]
    pub order: Order,
    /// How much of it.
    #[serde(default)]
    pub mode: Mode,
}

/// What a channel plays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Drives every random choice, so that a plan can be made again.
    #[serde(default)]
    pub seed: u64,
    /// The schedule, gone through from the top and again.
    #[serde(default)]
    pub items: Vec<ScheduleItem>,
}
