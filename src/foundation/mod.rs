//! What everything stands on: the clock, task ownership, child-process contract, secrets, logs.

pub mod canonical;
pub mod clock;
pub mod files;
pub mod process;
pub mod reach;
pub mod secrets;
pub mod stop;
pub mod telemetry;
