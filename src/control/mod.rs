//! Use cases: the only place that changes anything.
//!
//! [`Control`] is the facade that `http` and `app` hold. What viewers need (lineup, guide, number
//! to channel) is read from memory; everything that changes something goes to storage first and
//! is published afterwards.

pub mod audit;
mod builds;
mod channels;
mod collections;
mod content;
mod effective;
mod error;
pub mod guard;
pub mod guide;
pub mod incidents;
pub mod ledger;
pub mod libraries;
mod logos;
mod mirror;
mod on_demand;
pub mod operate;
pub mod operations;
pub mod originals;
mod plans;
mod playouts;
mod profiles;
mod programming;
mod resolutions;
mod schedule_files;
mod search;
mod service;
pub mod sessions;
pub mod slates;
mod streams;
mod testcard;
mod transcoding;
pub mod tunables;
mod upkeep;
mod watermarks;
mod write_out;

pub use crate::storage::audit::{AuditFilter, ChainStatus};
pub use crate::storage::incidents::IncidentFilter;
pub use crate::storage::sessions::SessionFilter;
pub use builds::{Step, is_open, media_kind};
pub use collections::{Matched, NewCollection};
pub use content::{Content, NoContent, Repair};
pub use effective::{Effective, RulesFrom, ScheduleFile, effective_rules};
pub use error::ControlError;
pub use on_demand::Position;
pub use plans::{PlanKind, Reference};
pub use playouts::{Aired, Draft, LONGEST_PREVIEW_HOURS, Preview, Skipped};
pub use profiles::Treated;
pub use search::{Choice, Offer, listed_by};
pub use service::{
    Control, Device, Health, IncidentDetail, LineupUnavailable, MediaPage, Options, RestartAnswer,
};
pub use transcoding::FfmpegEdit;
