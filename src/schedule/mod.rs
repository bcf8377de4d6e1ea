//! Plans what a channel plays, slot by slot.
//!
//! The planner is a pure function: rules, catalogue, cursor and a window go in; slots, the moved
//! cursor and the reasons for what was not obvious come out. It reads no clock, no database and no
//! random source, so a plan can be made again from a log.
//!
//! It is total: whatever goes in, the slots are sorted, leave no gap from `from` on, and reach
//! `to`. Where nothing can be played the slots are [`crate::domain::SlotKind::Offline`].
//!
//! Absent on purpose, for now: fixed starts, filler, blocks and time zones.

mod catalogue;
mod choose;
mod cursor;
mod order;
mod plan;
mod replace;
pub mod starter;

pub use catalogue::Catalogue;
pub use choose::{Shelf, resolve, resolve_all};
pub use cursor::Cursor;
pub use plan::{NO_PROGRAMMING, OFFLINE_MS, Plan, Reason, SHORTEST_MS, plan};
pub use replace::replace;
