//! From what the stream measures about itself to incidents: what is wrong, with what, since when.
//!
//! ```text
//! Fact → Detectors (rules, stderr patterns) → Signal → Book (dedup, hysteresis) → Change
//! ```
//!
//! Everything here is a pure function of facts and the instant they were seen: no clock, no disk,
//! bounded memory. Lines of foreign text end here: what leaves is a template id, a cause and a
//! count. Absent on purpose: statistics over lines that no pattern knows; they are counted only.

mod book;
mod detect;
mod patterns;
mod template;

pub use book::{Book, Change, ChangeKind, Entry, REOPEN_MS};
pub use detect::{Detectors, Signal, SignalKind};
pub use patterns::{Pattern, PatternPack, PatternsError, Severity};
pub use template::{Template, Templates, mask, template_id};
