//! Plans what a channel plays, slot by slot.
//!
//! The planner is a pure function: rules, catalogue, cursor and a window go in; slots, the moved
//! cursor and the reasons for what was not obvious come out. It reads no clock, no database and no
//! random source, so a plan can be made again from a log.
//!
//! It is total: whatever goes in, the slots are sorted, leave no gap from `from` on, and reach
//! `to`. Where nothing can be played the slots are [`crate::domain::SlotKind::Offline`].
//!
//! Times of day are read in the channel's zone; what days that skip or repeat an hour do is said by
//! one module (`zone`). All chance comes from the seed (`dice`).
//!
//! Absent on purpose: anything about how media looks. A plan says what is on air, not how.

mod catalogue;
mod choose;
mod cursor;
mod deck;
mod dice;
mod exact;
mod order;
mod pantry;
mod plan;
mod planner;
mod reason;
mod replace;
mod run;
mod slots;
pub mod starter;
mod story;
mod take;
mod windows;
mod zone;

pub use catalogue::Catalogue;
pub use choose::{Shelf, resolve, resolve_all};
pub use cursor::Cursor;
pub use plan::{NO_PROGRAMMING, OFFLINE_MS, Plan, SHORTEST_MS, plan};
pub use reason::Reason;
pub use replace::replace;

#[cfg(test)]
mod tests;
