//! Filler: what is played around, within and between programmes.

use serde::{Deserialize, Serialize};

use super::{CollectionId, Daypart};

/// Fillers for the places around a programme; a place left out takes what is one level up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fillers {
    /// Before each programme.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pre_roll: Option<FillerPreset>,
    /// In its breaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mid_roll: Option<FillerPreset>,
    /// After each programme.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_roll: Option<FillerPreset>,
    /// What is left before a fixed start, or of a duration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail: Option<FillerPreset>,
    /// Where nothing else fits or is there; it is repeated and cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<FillerPreset>,
}

impl Fillers {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// All presets that are said.
    pub fn presets(&self) -> impl Iterator<Item = &FillerPreset> {
        [&self.pre_roll, &self.mid_roll, &self.post_roll, &self.tail, &self.fallback]
            .into_iter()
            .flatten()
    }
}

/// What to fill with, and how much.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FillerPreset {
    /// Its name; the guide shows it where filler takes long enough to be a programme.
    pub name: String,
    /// How much. Tail and fallback fill what is left, whatever is said here.
    pub mode: FillerMode,
    /// What is chosen from.
    pub sources: Vec<FillerSource>,
    /// Which one comes next.
    pub order: FillerOrder,
    /// Whether one may come twice in the same break.
    pub allow_repeats: bool,
    /// How long one rests after it was shown on this channel, in milliseconds.
    pub cooldown_ms: i64,
    /// The last one may be cut to fit exactly; otherwise what nothing fits into stays empty.
    pub trim: bool,
    /// Whether the guide shows it by itself; otherwise it is part of the programme beside it.
    pub in_guide: bool,
    /// Where a mid-roll breaks the programme.
    pub breaks: Breaks,
    /// Played before each break of this filler (`back soon`), when there is room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opener: Option<CollectionId>,
    /// Played after each break of this filler, when there is room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closer: Option<CollectionId>,
}

/// How much filler is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum FillerMode {
    /// So many.
    Count {
        /// How many.
        count: u32,
    },
    /// As many as fit in a time.
    Duration {
        /// The time in milliseconds.
        duration_ms: i64,
    },
    /// Up to the next multiple of so many minutes on the wall's clock; nothing when it is one.
    Pad {
        /// 1–1440; 15 is the quarter of an hour.
        minutes: u32,
    },
}

impl Default for FillerMode {
    fn default() -> Self {
        Self::Count { count: 1 }
    }
}

/// Which filler comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FillerOrder {
    /// One of those that were not shown for longest.
    #[default]
    #[serde(alias = "shuffle")]
    Shuffled,
    /// Any, but not the one shown last.
    Random,
    /// The one that was not shown for longest, by age where none was shown.
    Chronological,
}

/// Filler of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FillerSource {
    /// Where it is from.
    pub collection: CollectionId,
    /// How often it is chosen compared with other sources; 0 counts as 1.
    #[serde(default = "one")]
    pub weight: u32,
    /// Nothing shorter, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_ms: Option<i64>,
    /// Nothing longer, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ms: Option<i64>,
    /// Only in this part of the day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daypart: Option<Daypart>,
}

impl FillerSource {
    /// Everything of a collection, at any time.
    pub fn of(collection: CollectionId) -> Self {
        Self { collection, weight: 1, min_ms: None, max_ms: None, daypart: None }
    }
}

/// Where a programme is broken for a mid-roll.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Breaks {
    /// At the break points stored with the media, where there are any.
    pub stored_points: bool,
    /// Otherwise once in so many minutes, in equal parts; 0 never.
    pub every_minutes: u32,
    /// A part is never shorter than this, in milliseconds.
    pub shortest_part_ms: i64,
}

impl Default for Breaks {
    /// At stored points only, with parts of two minutes or more.
    fn default() -> Self {
        Self { stored_points: true, every_minutes: 0, shortest_part_ms: 120_000 }
    }
}

fn one() -> u32 {
    1
}
