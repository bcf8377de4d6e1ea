//! Blocks, templates and groups of them.

use serde::{Deserialize, Serialize};

use super::Taking;
use crate::domain::{Days, LocalTime, Order};

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
