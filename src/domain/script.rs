//! Scripts: what a channel plays as a list of directives, from a schedule file or a scripted build.
//!
//! A script is what both forms come to after they were read: keys are indexes, times are numbers,
//! every reference leads somewhere. It is written out as rules before it is planned, so there is
//! one planner for everything.

use serde::{Deserialize, Serialize};

use super::{CollectionId, MediaId, MediaKind, Order};

/// What a channel plays, directive by directive.
///
/// Invariant: every index leads to a content or a sequence, and no sequence contains itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Script {
    /// Its name.
    pub name: String,
    /// What it is about, for people.
    #[serde(default)]
    pub description: String,
    /// Drives every random choice.
    #[serde(default)]
    pub seed: u64,
    /// IANA zone that times of day are meant in; `None` for the server's.
    #[serde(default)]
    pub zone: Option<String>,
    /// What directives draw from.
    pub contents: Vec<ScriptContent>,
    /// What directives are grouped into.
    pub sequences: Vec<ScriptSequence>,
    /// Played one after the other.
    pub main: Vec<usize>,
    /// Whether `main` begins again at its end; else the channel is off the air after it.
    pub repeat: bool,
}

/// Something to draw from, with a place of its own in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptContent {
    /// Its key in the file; unique.
    pub key: String,
    /// Where the media comes from.
    pub source: Origin,
    /// In which order it is played.
    #[serde(default)]
    pub order: Order,
}

/// Where media comes from: a collection, or a choice that is made on the spot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Origin {
    /// A collection by its name, compared without case.
    Named {
        /// The name.
        name: String,
    },
    /// A collection by its id.
    Collection {
        /// The id.
        id: CollectionId,
    },
    /// All episodes of a show, or of one of its seasons.
    Show {
        /// Its title, compared without case.
        title: String,
        /// Only this season.
        #[serde(default)]
        season: Option<u32>,
    },
    /// What a search finds.
    Search {
        /// The query, as in a smart collection.
        query: String,
        /// Only this kind.
        #[serde(default)]
        kind: Option<MediaKind>,
    },
    /// Everything of an artist.
    Artist {
        /// The name, compared without case.
        name: String,
    },
    /// Just these.
    Media {
        /// Their ids, in order.
        media: Vec<MediaId>,
    },
    /// Several collections, one after the other.
    Several {
        /// Their ids.
        ids: Vec<CollectionId>,
    },
}

/// A named list of directives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScriptSequence {
    /// Its key in the file; unique.
    pub key: String,
    /// What it does.
    pub items: Vec<Directive>,
}

/// What an item that is played looks like in the guide.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Billing {
    /// Shown in the place of the media's title.
    #[serde(default)]
    pub title: Option<String>,
    /// Whether it is filler, which the guide does not show.
    #[serde(default)]
    pub filler: bool,
}

/// How a stretch of time is filled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stuffing {
    /// Drawn from first.
    pub content: Option<usize>,
    /// Drawn from when that is empty or nothing of it fits.
    #[serde(default)]
    pub fallback: Option<usize>,
    /// How many items that are too long may be passed over for each one that fits.
    pub discard_attempts: u32,
    /// Whether the last item is cut at the end of the stretch instead of being left out.
    #[serde(default)]
    pub trim: bool,
    /// How its items look in the guide.
    #[serde(default)]
    pub billing: Billing,
}

/// How many items are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "skip", rename_all = "snake_case")]
pub enum SkipBy {
    /// So many.
    Items {
        /// How many.
        count: u32,
    },
    /// As many as there are, divided by `by`.
    Share {
        /// At least 1.
        by: u32,
    },
    /// Any number, drawn from the seed.
    Random,
}

/// One thing a script does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Directive {
    /// Plays a content once through.
    All {
        /// Which.
        content: usize,
        /// How it looks in the guide.
        #[serde(default)]
        billing: Billing,
    },
    /// Plays so many items of a content.
    Count {
        /// Which.
        content: usize,
        /// How many, at least 1.
        count: u32,
        /// How they look in the guide.
        #[serde(default)]
        billing: Billing,
    },
    /// Plays for so long.
    Duration {
        /// How long, in milliseconds, at least 1,000.
        ms: i64,
        /// With what.
        with: Stuffing,
    },
    /// Fills up to the next multiple of so many minutes of the local day.
    PadToNext {
        /// 1–1440.
        minutes: u32,
        /// With what.
        with: Stuffing,
    },
    /// Fills up to a time of day.
    PadUntil {
        /// Seconds after local midnight, 0–86,399.
        at: u32,
        /// When that time is past already: whether tomorrow's is meant; else nothing happens.
        tomorrow: bool,
        /// With what.
        with: Stuffing,
    },
    /// Shows nothing until a time of day.
    WaitUntil {
        /// Seconds after local midnight, 0–86,399.
        at: u32,
        /// When that time is past already: whether tomorrow's is meant; else nothing happens.
        tomorrow: bool,
    },
    /// Passes over items of a content.
    Skip {
        /// Which.
        content: usize,
        /// How many.
        by: SkipBy,
    },
    /// Does what another sequence says.
    Sequence {
        /// Which.
        sequence: usize,
    },
    /// Does another sequence's items from here on in an order drawn from the seed.
    ShuffleSequence {
        /// Which.
        sequence: usize,
    },
    /// From now on does a sequence before every item; `None` ends that.
    PreRoll {
        /// Which.
        sequence: Option<usize>,
    },
    /// From now on breaks programmes for a sequence; `None` ends that.
    MidRoll {
        /// Which.
        sequence: Option<usize>,
        /// Minutes between two breaks where the media has no break points of its own.
        every_minutes: u32,
    },
    /// From now on does a sequence after every item; `None` ends that.
    PostRoll {
        /// Which.
        sequence: Option<usize>,
    },
    /// From now on leaves the channel's own pre-roll filler out, or shows it again.
    OwnPreRoll {
        /// Whether it is shown.
        on: bool,
    },
    /// From now on shows everything as one programme with this title; `None` ends that.
    Group {
        /// Its title.
        title: Option<String>,
    },
}
