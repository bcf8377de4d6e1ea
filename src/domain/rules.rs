//! Rules: what a channel plays, before any clock is looked at.
//!
//! They are complete in themselves: presets, templates and alternates are written out in them, and
//! the planner looks nothing up but which media a collection holds. What older builds stored
//! (`{"seed", "items"}`) is still read.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    Alternate, CollectionId, Days, Deco, Dress, FillerPreset, Fillers, Form, LocalTime, Selector,
    Zone,
};

/// In which order a collection is played.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// By first airing or year, then title.
    #[default]
    Chronological,
    /// By show, season and episode.
    SeasonEpisode,
    /// A new permutation each round, drawn from the seed; no item twice in a row.
    #[serde(alias = "shuffled")]
    Shuffle,
    /// As the collection lists them.
    #[serde(alias = "custom")]
    Listed,
    /// Any item at any time, but none twice in a row.
    Random,
    /// Shows mixed by lot, each in its own order.
    ShuffleInOrder,
    /// One of each show in turn, each in its own order.
    Rotating,
    /// Runs of consecutive episodes of a show, the runs mixed by lot.
    #[serde(alias = "multiepisode_shuffle")]
    MultiEpisodeShuffle,
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
    /// As many media items as the collection holds.
    CollectionSize,
    /// As many media items as the next multi-part story has parts.
    MultiEpisodeGroupSize,
    /// For so long.
    Duration {
        /// How long, in milliseconds.
        duration_ms: i64,
        /// What becomes of what is left.
        #[serde(default)]
        tail: Tail,
        /// How many media items that do not fit may be passed over for one that does.
        #[serde(default)]
        discard_attempts: u32,
    },
    /// Up to the next multiple of so many minutes on the wall's clock.
    PadToNext {
        /// 1–1440.
        minutes: u32,
        /// What becomes of what is left.
        #[serde(default)]
        tail: Tail,
        /// As in [`Self::Duration`].
        #[serde(default)]
        discard_attempts: u32,
    },
    /// Up to a time of day; nothing is played when it has just passed.
    PadUntil {
        /// The time.
        time: LocalTime,
        /// Whether a time that has passed means tomorrow's; otherwise the item is passed over.
        #[serde(default)]
        tomorrow: bool,
        /// What becomes of what is left.
        #[serde(default)]
        tail: Tail,
        /// As in [`Self::Duration`].
        #[serde(default)]
        discard_attempts: u32,
    },
    /// Nothing of the collection: the time up to a time of day is filled.
    WaitUntil {
        /// The time.
        time: LocalTime,
        /// Whether a time that has passed means tomorrow's; otherwise nothing is waited for.
        #[serde(default)]
        tomorrow: bool,
    },
    /// Nothing is played: so many media items are passed over.
    Skip {
        /// How many.
        count: u32,
    },
}

/// What becomes of the end of a duration that nothing fits into any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tail {
    /// The last programme is begun all the same, and cut.
    #[default]
    Trim,
    /// The next schedule item begins early.
    None,
    /// The slate.
    Offline,
    /// Tail filler, then fallback filler.
    Filler,
}

/// When a schedule item begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Start {
    /// When the item before it is over.
    #[default]
    Dynamic,
    /// At a time of day.
    Fixed {
        /// The time.
        time: LocalTime,
        /// On which days.
        #[serde(default, skip_serializing_if = "Days::is_all")]
        days_of_week: Days,
        /// What is done when it cannot be kept; left out: as the schedule says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        behavior: Option<FixedStart>,
    },
}

/// What a fixed start does to what is before it, and when its time has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FixedStart {
    /// Kept to the second: what would run into it is not begun, and the gap is filled. When the
    /// time has passed all the same, it waits for the next time.
    #[default]
    #[serde(alias = "wait_for_next", alias = "strict")]
    Fill,
    /// The programme before it is played to its end, then it begins at once, however late.
    #[serde(alias = "flexible")]
    StartImmediately,
    /// The programme before it is played to its end; an item whose time has passed is left out.
    #[serde(alias = "skip_item")]
    Skip,
    /// As [`Self::Skip`], and its time up to the next fixed start is filled.
    SkipAndFill,
}

/// How the guide shows what an item plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuideMode {
    /// Each programme by itself, under the item's title if it has one.
    #[default]
    #[serde(alias = "custom")]
    Normal,
    /// All programmes of one turn as a single one.
    Group,
    /// As part of the programme before.
    #[serde(alias = "hide", alias = "ignore")]
    Filler,
}

/// Shows (or seasons) of a collection are played one after another, each for a while.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(default, deny_unknown_fields)]
pub struct Marathon {
    /// What belongs together.
    pub group_by: GroupBy,
    /// How many items of one group in a row; 0 plays all of it.
    pub batch_size: u32,
    /// Whether the groups come by lot, anew each round; otherwise by name.
    pub shuffle_groups: bool,
}

/// What belongs together.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    /// A show, or an artist.
    #[default]
    Show,
    /// A season of a show.
    Season,
    /// All of the collection.
    Collection,
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
    /// When it begins.
    #[serde(default, skip_serializing_if = "is_default")]
    pub start: Start,
    /// How the guide shows it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub guide_mode: GuideMode,
    /// Title in the guide instead of the media's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_title: Option<String>,
    /// Shows one after another instead of all mixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marathon: Option<Marathon>,
    /// Its fillers; what is left out is as the schedule says.
    #[serde(default, skip_serializing_if = "Fillers::is_empty")]
    pub fillers: Fillers,
    /// Stands by itself: it does not go on where other items of the same collection and order are.
    #[serde(default, skip_serializing_if = "is_default")]
    pub own_place: bool,
}

impl ScheduleItem {
    /// A line that says no more than what is played, in which order and how much of it.
    pub fn new(collection: CollectionId, order: Order, mode: Mode) -> Self {
        Self {
            collection,
            order,
            mode,
            start: Start::default(),
            guide_mode: GuideMode::default(),
            custom_title: None,
            marathon: None,
            fillers: Fillers::default(),
            own_place: false,
        }
    }
}

/// How a list of schedule items is gone through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleOptions {
    /// Parts of a story stay together and in order where the order is a shuffle.
    pub keep_multi_part_episodes: bool,
    /// Whether parts may be of different shows of the collection.
    pub treat_collections_as_shows: bool,
    /// The items come in another order each time through.
    pub shuffle_schedule_items: bool,
    /// Each collection begins anywhere and not at its beginning.
    pub random_start_point: bool,
    /// What items with a fixed start do that do not say it themselves.
    pub fixed_start_time_behavior: FixedStart,
    /// Whether the list begins again after its end; otherwise the channel is then filled.
    pub repeat: bool,
}

impl Default for ScheduleOptions {
    fn default() -> Self {
        Self {
            keep_multi_part_episodes: false,
            treat_collections_as_shows: false,
            shuffle_schedule_items: false,
            random_start_point: false,
            fixed_start_time_behavior: FixedStart::default(),
            repeat: true,
        }
    }
}

/// What a channel plays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Drives every random choice, so that a plan can be made again.
    pub seed: u64,
    /// The schedule, gone through from the top and again, where the form is the list.
    pub items: Vec<ScheduleItem>,
    /// How the list is gone through.
    #[serde(skip_serializing_if = "is_default")]
    pub options: ScheduleOptions,
    /// The zone of every time of day.
    #[serde(skip_serializing_if = "is_default")]
    pub zone: Zone,
    /// In which form the schedule is written.
    #[serde(skip_serializing_if = "is_default")]
    pub form: Form,
    /// Fillers of everything that does not say its own.
    #[serde(skip_serializing_if = "Fillers::is_empty")]
    pub fillers: Fillers,
    /// Other schedules for some days.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alternates: Vec<Alternate>,
    /// What dresses the channel at some times.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub decos: Vec<Deco>,
    /// Collections that are only these rules' own, by ids below zero.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub inline: BTreeMap<CollectionId, Selector>,
}

impl Rules {
    /// A list of items and nothing else.
    pub fn of_items(seed: u64, items: Vec<ScheduleItem>) -> Self {
        Self { seed, items, ..Self::default() }
    }

    /// Every schedule item, of all forms and alternates, in the order in which reasons count them.
    pub fn all_items(&self) -> Vec<&ScheduleItem> {
        let mut all: Vec<&ScheduleItem> = Vec::new();
        add_items(&mut all, &self.items, &self.form);
        for alternate in &self.alternates {
            add_items(&mut all, &alternate.items, &alternate.form);
        }
        all
    }

    /// Every filler preset that is named anywhere.
    pub fn presets(&self) -> Vec<&FillerPreset> {
        let mut all: Vec<&FillerPreset> = self.fillers.presets().collect();
        for item in self.all_items() {
            all.extend(item.fillers.presets());
        }
        for alternate in &self.alternates {
            all.extend(alternate.fillers.presets());
        }
        for deco in &self.decos {
            for dress in [&deco.default_filler, &deco.dead_air] {
                if let Dress::Override { filler } = dress {
                    all.push(filler);
                }
            }
            all.extend(deco.breaks.iter().map(|content| &content.filler));
        }
        all
    }

    /// Collections that programmes are taken from.
    pub fn programme_collections(&self) -> BTreeSet<CollectionId> {
        self.all_items().into_iter().map(|item| item.collection).collect()
    }

    /// Collections that filler is taken from.
    pub fn filler_collections(&self) -> BTreeSet<CollectionId> {
        let of = |preset: &FillerPreset| {
            let sources: Vec<CollectionId> = preset.sources.iter().map(|s| s.collection).collect();
            sources.into_iter().chain(preset.opener).chain(preset.closer).collect::<Vec<_>>()
        };
        self.presets().into_iter().flat_map(of).collect()
    }

    /// Every collection that a plan draws on; those of [`Self::inline`] are among them.
    pub fn collections(&self) -> BTreeSet<CollectionId> {
        let mut all = self.programme_collections();
        all.extend(self.filler_collections());
        all
    }
}

fn add_items<'a>(all: &mut Vec<&'a ScheduleItem>, items: &'a [ScheduleItem], form: &'a Form) {
    match form {
        Form::Items => all.extend(items),
        Form::TimeSlots(slots) => all.extend(slots.slots.iter().map(|slot| &slot.item)),
        Form::RandomSlots(slots) => all.extend(slots.slots.iter().map(|slot| &slot.item)),
        Form::Blocks { templates } => {
            let placed = templates.iter().flat_map(|template| &template.blocks);
            all.extend(placed.flat_map(|placed| &placed.block.items));
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_older_builds_are_read_and_written_as_they_were() {
        let text = r#"{"seed":7,"items":[{"collection":3,"order":"shuffle","mode":{"type":"multiple","count":2}},{"collection":4,"order":"chronological","mode":{"type":"flood"}}]}"#;
        let rules: Rules = serde_json::from_str(text).unwrap();
        assert_eq!(rules.items[0].mode, Mode::Multiple { count: 2 });
        assert_eq!(serde_json::to_string(&rules).unwrap(), text);
        assert_eq!(serde_json::from_str::<Rules>("{}").unwrap(), Rules::default());
    }

    #[test]
    fn rules_with_everything_survive_storage() {
        let text = r#"{"seed":1,"zone":"Europe/Berlin","items":[
            {"collection":1,"start":{"type":"fixed","time":"20:15","behavior":"strict"},
             "mode":{"type":"duration","duration_ms":3600000,"tail":"filler"},"order":"rotating",
             "guide_mode":"hide","custom_title":"Late","marathon":{"batch_size":2},
             "fillers":{"mid_roll":{"mode":{"type":"pad","minutes":15},"sources":[{"collection":9}]}}}],
            "form":{"type":"blocks","templates":[{"when":{"season":{"from":"11-15","to":"01-06"}},
             "blocks":[{"start_time":"06:00","block":{"duration_ms":1800000,"items":[{"collection":2,"mode":{"type":"one"}}]}}]}]},
            "alternates":[{"when":{"days_of_week":65},"form":{"type":"time_slots","slots":[
             {"start_time":"08:00:30","item":{"collection":5}}]}}],
            "decos":[{"dead_air":{"mode":"override","filler":{"sources":[{"collection":6}],"opener":7}}}],
            "inline":{"-1":{"type":"manual","media":[4]}}}"#;
        let rules: Rules = serde_json::from_str(text).unwrap();
        let again = serde_json::to_string(&rules).unwrap();
        assert_eq!(serde_json::from_str::<Rules>(&again).unwrap(), rules);
        let ids = |set: BTreeSet<CollectionId>| set.iter().map(|id| id.0).collect::<Vec<_>>();
        assert_eq!(ids(rules.programme_collections()), [2, 5]);
        assert_eq!(ids(rules.filler_collections()), [6, 7]);
    }
}
