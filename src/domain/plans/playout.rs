//! Playouts: what plays on which channel.

use serde::{Deserialize, Serialize};

use crate::domain::{ChannelId, Days, Script, UtcMillis};

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
        script: Box<Script>,
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
    pub script: Script,
    /// The same in the words of the API, for those who look at it.
    pub log: Vec<serde_json::Value>,
    /// The preset that is shown before items; `None` when pre-rolls are off.
    #[serde(default)]
    pub pre_roll: bool,
    /// Title of the programme that everything is part of.
    #[serde(default)]
    pub group: Option<String>,
}

impl KeptPlayout {
    /// The playout that is on a channel, without anything special.
    pub fn on(channel: ChannelId, source: PlayoutSource) -> Self {
        let playout_type = "continuous".to_owned();
        let seed = channel.0.unsigned_abs();
        Self { channel, source, playout_type, is_active: true, seed }
    }
}
