//! Filler presets and decos.

use serde::{Deserialize, Serialize};

use super::Taking;

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
