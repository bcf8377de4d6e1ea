//! What people keep of schedules: schedules, blocks, templates, filler presets and decos, which
//! refer to each other, and playouts, which put them on channels.
//!
//! They are written out as one set of [`super::Rules`] before anything is planned; nothing here
//! knows a clock.

mod block;
mod filler;
mod form;
mod playout;
mod schedule;
mod snapshot;
mod taking;

use super::UtcMillis;

pub use block::{
    BlockLine, KeptBlock, KeptBlockGroup, KeptDecoGroup, KeptTemplate, KeptTemplateGroup,
    TemplateLine,
};
pub use filler::{FillerLine, KeptDeco, KeptFiller};
pub use form::{ChannelForm, PlayoutClock};
pub use playout::{KeptBuild, KeptPlayout, PlayoutSource, TemplateUse};
pub use schedule::{FillerIds, KeptItem, KeptSchedule, MultipleMode, PlayoutMode};
pub use snapshot::{ChannelSnapshot, KeptSkip, PlanSnapshot};
pub use taking::{TAKING_WORDS, Taking};

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
