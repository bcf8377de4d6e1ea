//! ffmpeg as a pure function: what a source needs, and the arguments that do it.
//!
//! [`decide`] compares a probe with a profile, [`Run`] turns the answer into arguments. Nothing
//! here starts anything, so that every case is a row in a table test.

mod args;
mod copying;
mod treatment;

pub use args::{Effort, ORIGIN_TICKS, Run};
pub use copying::{Copying, Obstacle, Verdict, copying};
pub use treatment::{
    AudioTreatment, Burned, NothingToPlay, Repair, Treatment, VideoTreatment, Weave, decide,
};
