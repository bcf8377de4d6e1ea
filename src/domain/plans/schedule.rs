//! Schedules and their lines.

use serde::{Deserialize, Serialize};

use super::Taking;
use crate::domain::{Days, FixedStart, GuideMode, LocalTime, Order, Rules, Tail, Zone};

/// How much of a collection a schedule item plays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlayoutMode {
    /// One item.
    #[default]
    One,
    /// So many.
    Multiple,
    /// For so long.
    Duration,
    /// On and on.
    Flood,
}

/// What `multiple` counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MultipleMode {
    /// `multiple_count`.
    #[default]
    Count,
    /// As many as the collection holds.
    #[serde(alias = "playlist_item_size")]
    CollectionSize,
    /// As many as the next story has parts.
    MultiEpisodeGroupSize,
}

/// Filler presets by their ids.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FillerIds {
    /// Before each programme.
    pub pre_roll: Option<i64>,
    /// In its breaks.
    pub mid_roll: Option<i64>,
    /// After each programme.
    pub post_roll: Option<i64>,
    /// What is left before a fixed start, or of a duration.
    pub tail: Option<i64>,
    /// Where nothing else is.
    pub fallback: Option<i64>,
}

impl FillerIds {
    /// All that are named, with the field that names them.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, i64)> {
        let all = [
            ("pre_roll_filler_id", self.pre_roll),
            ("mid_roll_filler_id", self.mid_roll),
            ("post_roll_filler_id", self.post_roll),
            ("tail_filler_id", self.tail),
            ("fallback_filler_id", self.fallback),
        ];
        all.into_iter().filter_map(|(field, id)| Some((field, id?)))
    }
}

/// A line of a schedule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeptItem {
    /// Its id, given away once in its schedule.
    pub id: i64,
    /// What is played.
    pub taking: Taking,
    /// In which order.
    pub order: Order,
    /// How much of it.
    pub mode: PlayoutMode,
    /// What `multiple` counts.
    pub multiple_mode: MultipleMode,
    /// How many.
    pub multiple_count: Option<u32>,
    /// How long, in minutes.
    pub duration_minutes: Option<u32>,
    /// What becomes of the rest of a duration.
    pub tail: Tail,
    /// How many items that do not fit may be passed over for one that does.
    pub discard_to_fill_attempts: u32,
    /// A fixed start; left out: when the item before is over.
    pub start_time: Option<LocalTime>,
    /// On which days it starts.
    pub days_of_week: Days,
    /// What a fixed start does that cannot be kept.
    pub fixed_start: Option<FixedStart>,
    /// Title in the guide.
    pub custom_title: Option<String>,
    /// How the guide shows it.
    pub guide_mode: GuideMode,
    /// How many of a show in a row, when shows come one after another.
    pub marathon_batch_size: Option<u32>,
    /// What belongs together then: `show`, `season` or `collection`.
    pub marathon_group_by: Option<String>,
    /// Its fillers.
    pub fillers: FillerIds,
}

/// A schedule: a list of lines, or rules written in full.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeptSchedule {
    /// Its name.
    pub name: String,
    /// Parts of a story stay together.
    pub keep_multi_part_episodes_together: bool,
    /// Parts may be of different shows of a collection.
    pub treat_collections_as_shows: bool,
    /// The lines come in another order each time.
    pub shuffle_schedule_items: bool,
    /// Collections begin anywhere.
    pub random_start_point: bool,
    /// What fixed starts do that cannot be kept.
    pub fixed_start_time_behavior: FixedStart,
    /// Zone of its times of day; left out: the server's.
    pub zone: Option<Zone>,
    /// Its lines in their order.
    pub items: Vec<KeptItem>,
    /// The id that the next new line gets.
    pub next_item: i64,
    /// Time slots, random slots, alternates and everything else that a line cannot say. Its own
    /// items come after the lines.
    pub rules: Option<Rules>,
}
