//! What people keep of schedules: schedules, blocks, templates, filler presets and decos, which
//! refer to each other, and playouts, which put them on channels.
//!
//! They are written out as one set of [`super::Rules`] before anything is planned; nothing here
//! knows a clock.

use serde::{Deserialize, Serialize};

use super::{
    ChannelId, CollectionId, Days, FixedStart, GuideMode, InvalidField, LocalTime, MediaId, Order,
    Origin, Rules, Tail, UtcMillis, Zone,
};

/// Something that is kept, with its id and its times.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept<T> {
    /// Its id; ids of each kind are given away once.
    pub id: i64,
    /// When it was made.
    pub created: UtcMillis,
    /// When it was changed last.
    pub updated: UtcMillis,
    /// What it is.
    pub body: T,
}

/// Where a schedule item or the like takes its media from, in the words of the API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Taking {
    /// `collection`, `playlist`, `smart_collection`, `multi_collection`, `media_item`, `show`,
    /// `season`, `artist` or `search`.
    pub collection_type: String,
    /// The collection, playlist, smart or multi collection.
    pub collection_id: Option<i64>,
    /// The single item.
    pub media_item_id: Option<i64>,
    /// Title of the show or name of the artist.
    pub search_title: Option<String>,
    /// Number of the season.
    pub season_number: Option<u32>,
    /// What is searched for.
    pub search_query: Option<String>,
}

/// The words for where media comes from.
pub const TAKING_WORDS: &str = "collection, playlist, smart_collection, multi_collection, \
    rerun_collection, media_item, show, season, artist or search";

impl Taking {
    /// All of a collection.
    pub fn collection(id: CollectionId) -> Self {
        Self {
            collection_type: "collection".to_owned(),
            collection_id: Some(id.0),
            ..Self::default()
        }
    }

    /// The same as a choice of media.
    ///
    /// # Errors
    /// Names the field that is missing or the word that is unknown.
    pub fn origin(&self) -> Result<Origin, InvalidField> {
        let missing = |field: &str| {
            let problem = format!("{} needs it", self.collection_type);
            InvalidField::new(field, problem, format!("send `{field}`"))
        };
        let title = || {
            let title = self.search_title.clone().map(|title| title.trim().to_owned());
            title.filter(|title| !title.is_empty()).ok_or_else(|| missing("search_title"))
        };
        match self.collection_type.as_str() {
            "collection" | "playlist" | "smart_collection" | "multi_collection"
            | "rerun_collection" => {
                let id = self.collection_id.ok_or_else(|| missing("collection_id"))?;
                Ok(Origin::Collection { id: CollectionId(id) })
            }
            "media_item" => {
                let id = self.media_item_id.or(self.collection_id);
                let id = id.ok_or_else(|| missing("media_item_id"))?;
                Ok(Origin::Media { media: vec![MediaId(id)] })
            }
            "show" | "television_show" => Ok(Origin::Show { title: title()?, season: None }),
            "season" | "television_season" => {
                let season = self.season_number.ok_or_else(|| missing("season_number"))?;
                Ok(Origin::Show { title: title()?, season: Some(season) })
            }
            "artist" => Ok(Origin::Artist { name: title()? }),
            "search" => {
                let query = self.search_query.clone().filter(|query| !query.trim().is_empty());
                let query = query.ok_or_else(|| missing("search_query"))?;
                if let Err(error) = super::Query::parse(&query) {
                    let fix = "see /api/search for the words of a query";
                    return Err(InvalidField::new("search_query", error.to_string(), fix));
                }
                Ok(Origin::Search { query, kind: None })
            }
            other => {
                let problem = format!("{other:?} is not known");
                Err(InvalidField::new("collection_type", problem, format!("use {TAKING_WORDS}")))
            }
        }
    }
}

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

/// A named group of blocks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeptBlockGroup {
    /// Its name.
    pub name: String,
}

/// A named group of templates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeptTemplateGroup {
    /// Its name.
    pub name: String,
}

/// A named group of decos.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeptDecoGroup {
    /// Its name.
    pub name: String,
}

/// A line of a block or template.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BlockLine {
    /// Its id, given away once in its block.
    pub id: i64,
    /// What is played.
    pub taking: Taking,
    /// In which order.
    pub order: Order,
    /// Whether the guide shows it.
    pub include_in_guide: bool,
}

/// Programmes that belong together, in a time of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeptBlock {
    /// Its name.
    pub name: String,
    /// Its group.
    pub group_id: Option<i64>,
    /// When it begins where it is used without a template.
    pub start_time: LocalTime,
    /// How long it is.
    pub duration_minutes: u32,
    /// On which days, where it is used without a template.
    pub days_of_week: Days,
    /// Whether the last programme may run over its end.
    pub run_over: bool,
    /// What it plays.
    pub items: Vec<BlockLine>,
    /// The id that the next new line gets.
    pub next_item: i64,
}

/// What a template puts at a time of day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TemplateLine {
    /// Its id, given away once in its template.
    pub id: i64,
    /// When.
    pub start_time: LocalTime,
    /// A block.
    pub block_id: Option<i64>,
    /// Or something that is played until the next line.
    pub taking: Option<Taking>,
    /// In which order.
    pub order: Order,
}

/// A day laid out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeptTemplate {
    /// Its name.
    pub name: String,
    /// Its group.
    pub group_id: Option<i64>,
    /// Whether it is used.
    pub is_enabled: bool,
    /// What it puts where.
    pub items: Vec<TemplateLine>,
    /// The id that the next new line gets.
    pub next_item: i64,
}

/// What a filler preset chooses from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FillerLine {
    /// Its id, given away once in its preset.
    pub id: i64,
    /// What.
    pub taking: Taking,
    /// How often compared with others.
    pub weight: u32,
    /// Nothing shorter, in seconds.
    pub min_duration_seconds: Option<u32>,
    /// Nothing longer, in seconds.
    pub max_duration_seconds: Option<u32>,
}

/// A filler preset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeptFiller {
    /// Its name.
    pub name: String,
    /// `count`, `duration` or `pad`.
    pub filler_mode: String,
    /// How many.
    pub count: Option<u32>,
    /// How long, in seconds.
    pub duration_seconds: Option<u32>,
    /// Up to which multiple of minutes.
    pub pad_to_minutes: Option<u32>,
    /// `chronological`, `shuffled` or `random`.
    pub playback_order: String,
    /// Whether one may come twice in a break.
    pub allow_repeats: bool,
    /// Minutes that one rests after it was shown.
    pub cooldown_minutes: u32,
    /// Minutes between two breaks of a mid-roll where the media has no break points.
    pub break_every_minutes: u32,
    /// Whether the last may be cut to fit.
    pub trim: bool,
    /// What it chooses from.
    pub items: Vec<FillerLine>,
    /// The id that the next new line gets.
    pub next_item: i64,
}

/// A bumper, commercial or the like, for blocks and templates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeptDeco {
    /// Its name.
    pub name: String,
    /// Its group.
    pub group_id: Option<i64>,
    /// `bumper`, `commercial`, `station_id`, `promo` or `credits`.
    pub deco_type: String,
    /// What is shown.
    pub media_item_id: Option<i64>,
    /// A file of the library, for those who name it by path.
    pub file_path: Option<String>,
    /// Its length where it is known, in seconds.
    pub duration_seconds: Option<u32>,
    /// How long a still is shown, in seconds.
    pub static_duration_seconds: u32,
    /// How often compared with the others of its group.
    pub weight: u32,
}

/// What a playout plays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PlayoutSource {
    /// Nothing yet.
    #[default]
    None,
    /// A schedule.
    Schedule {
        /// Its id.
        schedule: i64,
    },
    /// Templates, each on its days.
    Templates {
        /// Which.
        templates: Vec<TemplateUse>,
    },
    /// What a scripted build left.
    Script {
        /// The script.
        script: Box<super::Script>,
    },
}

/// A template on some days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateUse {
    /// Its id.
    pub template: i64,
    /// On which days.
    #[serde(default)]
    pub days_of_week: Days,
}

/// What a channel plays, instead of its own rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptPlayout {
    /// The channel.
    pub channel: ChannelId,
    /// What is played.
    #[serde(default)]
    pub source: PlayoutSource,
    /// `continuous`, `daily` or `weekly`.
    pub playout_type: String,
    /// Whether it is the one; a channel has at most one active playout.
    pub is_active: bool,
    /// Drives every random choice.
    #[serde(default)]
    pub seed: u64,
}

/// A scripted build: a script that is being written through the API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptBuild {
    /// The playout it is for.
    pub playout: i64,
    /// What clients call it.
    pub token: String,
    /// `building`, `committed` or `cancelled`.
    pub status: String,
    /// When nobody may write any more.
    pub expires: UtcMillis,
    /// What was written so far, in the words of the script.
    pub script: super::Script,
    /// The same in the words of the API, for those who look at it.
    pub log: Vec<serde_json::Value>,
    /// The preset that is shown before items; `None` when pre-rolls are off.
    #[serde(default)]
    pub pre_roll: bool,
    /// Title of the programme that everything is part of.
    #[serde(default)]
    pub group: Option<String>,
}

/// What a channel played at some moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChannelSnapshot {
    /// The channel.
    pub channel: ChannelId,
    /// Its own rules.
    pub rules: Rules,
    /// Its active playout, by id.
    pub playout: Option<i64>,
    /// What that was.
    pub playout_body: Option<KeptPlayout>,
    /// What was planned from then on.
    pub slots: Vec<super::Slot>,
    /// Where its planner stood.
    pub cursor: serde_json::Value,
}

/// What some channels played at some moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanSnapshot {
    /// Who took it.
    pub persona_id: Option<String>,
    /// What it was taken for.
    pub label: Option<String>,
    /// When.
    pub at: UtcMillis,
    /// The channels.
    pub channels: Vec<ChannelSnapshot>,
}

/// Something that was passed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptSkip {
    /// The channel.
    pub channel: ChannelId,
    /// When.
    pub at: UtcMillis,
    /// What was on air, as it was planned.
    pub slot: super::Slot,
    /// What was planned after it.
    pub after: Vec<super::Slot>,
    /// Where the planner stood.
    pub cursor: serde_json::Value,
    /// Whether it was taken back.
    pub cancelled: bool,
}

/// How a channel's clock runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlayoutClock {
    /// As everybody's.
    #[default]
    Continuous,
    /// It stands still while nobody watches.
    OnDemand,
}

/// What a channel is beside its schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelForm {
    /// The channel.
    pub channel: ChannelId,
    /// How its clock runs.
    #[serde(default)]
    pub clock: PlayoutClock,
    /// Where a clock of its own stood when that was stored last, in the channel's time.
    #[serde(default)]
    pub stands_at: Option<UtcMillis>,
    /// The channel whose programme it shows instead of one of its own.
    #[serde(default)]
    pub mirror_of: Option<ChannelId>,
    /// How much later it shows that, in seconds; earlier when negative.
    #[serde(default)]
    pub offset_seconds: i64,
    /// Fillers of everything that does not say its own.
    #[serde(default)]
    pub fillers: FillerIds,
    /// Decos shown between programmes.
    #[serde(default)]
    pub deco_group: Option<i64>,
    /// More of them.
    #[serde(default)]
    pub bumper_group: Option<i64>,
}

impl ChannelForm {
    /// A channel that is nothing special.
    pub fn plain(channel: ChannelId) -> Self {
        Self {
            channel,
            clock: PlayoutClock::default(),
            stands_at: None,
            mirror_of: None,
            offset_seconds: 0,
            fillers: FillerIds::default(),
            deco_group: None,
            bumper_group: None,
        }
    }
}

impl KeptBlockGroup {
    /// A group of this name.
    pub fn from_name(name: String) -> Self {
        Self { name }
    }
}

impl KeptTemplateGroup {
    /// A group of this name.
    pub fn from_name(name: String) -> Self {
        Self { name }
    }
}

impl KeptDecoGroup {
    /// A group of this name.
    pub fn from_name(name: String) -> Self {
        Self { name }
    }
}

impl KeptPlayout {
    /// The playout that is on a channel, without anything special.
    pub fn on(channel: ChannelId, source: PlayoutSource) -> Self {
        let playout_type = "continuous".to_owned();
        let seed = channel.0.unsigned_abs();
        Self { channel, source, playout_type, is_active: true, seed }
    }
}
