//! What a channel is beside its schedule.

use serde::{Deserialize, Serialize};

use super::FillerIds;
use crate::domain::{ChannelId, UtcMillis};

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
