//! Forms of a schedule beside the plain list: time slots, random slots, blocks by templates.

use serde::{Deserialize, Serialize};

use super::{Daypart, Days, FillerPreset, Fillers, LocalTime, ScheduleItem, ScheduleOptions, When};

/// In which form a schedule is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Form {
    /// The list of items, from the top and again.
    #[default]
    Items,
    /// What begins at which time of day.
    TimeSlots(TimeSlots),
    /// What is drawn by lot.
    RandomSlots(RandomSlots),
    /// Blocks, laid out by the templates of the day.
    Blocks {
        /// The first that holds on a day, by priority, makes the day.
        templates: Vec<DatedTemplate>,
    },
}

/// A day or a week by the clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeSlots {
    /// In any order; where two overlap the higher priority wins, then the later start.
    pub slots: Vec<TimeSlot>,
    /// How late a slot may begin because the programme before it runs over, in milliseconds.
    /// A slot that would begin later than this is left out.
    pub lateness_ms: i64,
    /// Every programme ends on a multiple of so many minutes; 0 does not pad.
    pub pad_minutes: u32,
}

/// What begins at a time of day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeSlot {
    /// When it begins.
    pub start_time: LocalTime,
    /// How long it is, in milliseconds; left out: until the next slot, a day at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
    /// On which days it begins.
    #[serde(default, skip_serializing_if = "Days::is_all")]
    pub days_of_week: Days,
    /// What is played; its mode says how much, [`super::Mode::Flood`] fills the slot.
    pub item: ScheduleItem,
    /// What a programme that does not fit does.
    #[serde(default)]
    pub flex: Flex,
    /// What the rest of the slot is filled with.
    #[serde(default)]
    pub padding: Padding,
    /// Which of two overlapping slots is played: the higher one.
    #[serde(default)]
    pub priority: i32,
    /// Whether it goes on where other slots of the same collection stand.
    #[serde(default)]
    pub link: Link,
}

/// What happens to a programme that runs over the end of its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flex {
    /// It is not begun unless it runs over by no more than the allowed lateness.
    #[default]
    Extend,
    /// It is cut at the end.
    Cut,
    /// It is played to its end, and what comes after begins that much later.
    Shift,
}

/// What the rest of a slot is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// Tail filler, then fallback filler.
    #[default]
    Filler,
    /// The slate.
    #[serde(alias = "black")]
    None,
    /// The last programme again, cut at the end.
    Loop,
    /// The slot after it begins at once.
    Next,
}

/// Where slots of one collection stand in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// Each goes on where any of them ended.
    #[default]
    Continue,
    /// This one counts for itself, so that it shows again what the others showed.
    Rerun,
}

/// What is drawn by lot, again and again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomSlots {
    /// What may be drawn.
    pub slots: Vec<RandomSlot>,
    /// How it is drawn.
    pub pick: Pick,
    /// Every programme ends on a multiple of so many minutes; 0 does not pad.
    pub pad_minutes: u32,
    /// The same slot at most so many times in a row, where there is another; 0 does not count.
    pub max_consecutive: u32,
}

/// What may be drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomSlot {
    /// What is played; its mode says how much of it.
    pub item: ScheduleItem,
    /// How often compared with the others; 0 counts as 1.
    #[serde(default = "one")]
    pub weight: u32,
    /// How long it rests after it ended, in milliseconds.
    #[serde(default)]
    pub cooldown_ms: i64,
    /// Slots of one group rest together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<u32>,
    /// Only drawn in this part of the day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daypart: Option<Daypart>,
}

/// How a random slot is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// By lot, as the weights say.
    #[default]
    Random,
    /// The one that has had the least time for its weight, so that the shares come out as the
    /// weights say.
    Balance,
}

/// Which template makes the days on which it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatedTemplate {
    /// On which days.
    #[serde(default)]
    pub when: When,
    /// The lowest number wins, then the earlier in the list.
    #[serde(default)]
    pub priority: i32,
    /// The day.
    pub blocks: Vec<PlacedBlock>,
}

/// A block in a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlacedBlock {
    /// When it begins.
    pub start_time: LocalTime,
    /// What it is.
    pub block: Block,
}

/// Programmes that belong together, in their order, in a time of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// How long it is, in milliseconds.
    pub duration_ms: i64,
    /// Played once from the top; give each a mode, [`super::Mode::One`] is one programme.
    pub items: Vec<ScheduleItem>,
    /// Whether the last programme may run over the block's end.
    #[serde(default)]
    pub stop_scheduling: StopScheduling,
}

/// When a block takes no more programmes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopScheduling {
    /// Where the next would run over its end.
    #[default]
    BeforeDurationEnd,
    /// Where the last did run over its end.
    AfterDurationEnd,
}

/// Another schedule for some days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alternate {
    /// On which days; a programme begun before midnight is played to its end.
    #[serde(default)]
    pub when: When,
    /// The lowest number wins, then the earlier in the list.
    #[serde(default)]
    pub priority: i32,
    /// Its items, where its form is the list.
    #[serde(default)]
    pub items: Vec<ScheduleItem>,
    /// How the list is gone through.
    #[serde(default)]
    pub options: ScheduleOptions,
    /// Its form.
    #[serde(default)]
    pub form: Form,
    /// Its fillers.
    #[serde(default, skip_serializing_if = "Fillers::is_empty")]
    pub fillers: Fillers,
}

/// What dresses the channel at some times, over what the schedule says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Deco {
    /// On which days.
    pub when: When,
    /// In which part of the day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daypart: Option<Daypart>,
    /// The lowest number wins, then the earlier in the list.
    pub priority: i32,
    /// What fills what is left of slots, blocks and durations.
    pub default_filler: Dress,
    /// What is played where nothing else is.
    pub dead_air: Dress,
    /// What is played around the programmes of blocks and slots.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub breaks: Vec<BreakContent>,
}

/// What a deco says about one thing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case", deny_unknown_fields)]
pub enum Dress {
    /// Nothing: as the schedule says.
    #[default]
    Inherit,
    /// None at all.
    None,
    /// This.
    Override {
        /// What to play.
        filler: FillerPreset,
    },
}

/// Filler at a place of a block or slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakContent {
    /// Where.
    #[serde(default)]
    pub place: BreakPlace,
    /// At least so long after the break before it, in minutes; 0 at every place.
    #[serde(default)]
    pub frequency_minutes: u32,
    /// What.
    pub filler: FillerPreset,
}

/// Where break content is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakPlace {
    /// Between two programmes.
    #[default]
    BetweenItems,
    /// Before the first.
    BlockStart,
    /// After the last, when there is room.
    BlockFinish,
}

fn one() -> u32 {
    1
}
