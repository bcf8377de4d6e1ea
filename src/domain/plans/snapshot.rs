//! What channels played at some moment, and what was passed over.

use serde::{Deserialize, Serialize};

use super::KeptPlayout;
use crate::domain::{ChannelId, Rules, Slot, UtcMillis};

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
    pub slots: Vec<Slot>,
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
    pub slot: Slot,
    /// What was planned after it.
    pub after: Vec<Slot>,
    /// Where the planner stood.
    pub cursor: serde_json::Value,
    /// Whether it was taken back.
    pub cancelled: bool,
}
