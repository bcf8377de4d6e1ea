//! Which table each kind lives in.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::{
    ChannelForm, KeptBlock, KeptBlockGroup, KeptBuild, KeptDeco, KeptDecoGroup, KeptFiller,
    KeptPlayout, KeptSchedule, KeptSkip, KeptTemplate, KeptTemplateGroup, PlanSnapshot,
};

/// Something with a table of its own.
pub trait Plan: Serialize + DeserializeOwned + Clone + Send + 'static {
    /// The table.
    const TABLE: &'static str;

    /// What it goes with when that is deleted.
    fn owner(&self) -> Option<i64> {
        None
    }
}

impl Plan for KeptSchedule {
    const TABLE: &'static str = "schedules";
}
impl Plan for KeptBlockGroup {
    const TABLE: &'static str = "block_groups";
}
impl Plan for KeptBlock {
    const TABLE: &'static str = "blocks";
}
impl Plan for KeptTemplateGroup {
    const TABLE: &'static str = "template_groups";
}
impl Plan for KeptTemplate {
    const TABLE: &'static str = "templates";
}
impl Plan for KeptFiller {
    const TABLE: &'static str = "filler_presets";
}
impl Plan for KeptDecoGroup {
    const TABLE: &'static str = "deco_groups";
}
impl Plan for KeptDeco {
    const TABLE: &'static str = "decos";
}
impl Plan for KeptPlayout {
    const TABLE: &'static str = "playouts";
    fn owner(&self) -> Option<i64> {
        Some(self.channel.0)
    }
}
impl Plan for KeptBuild {
    const TABLE: &'static str = "builds";
    fn owner(&self) -> Option<i64> {
        Some(self.playout)
    }
}
impl Plan for PlanSnapshot {
    const TABLE: &'static str = "plan_snapshots";
}
impl Plan for KeptSkip {
    const TABLE: &'static str = "skips";
    fn owner(&self) -> Option<i64> {
        Some(self.channel.0)
    }
}

impl Plan for ChannelForm {
    const TABLE: &'static str = "channel_forms";
    fn owner(&self) -> Option<i64> {
        Some(self.channel.0)
    }
}
