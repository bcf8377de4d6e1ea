//! ffmpeg as a pure function: what a source needs, and the arguments that do it.
//!
//! [`decide`] compares a probe with a profile, [`Run`] turns the answer into arguments. Nothing
//! here starts anything, so that every case is a row in a table test.

mod abilities;
mod args;
mod copying;
pub mod encoders;
mod hardware;
mod picture;
mod sound;
mod treatment;
mod upstream;

pub use abilities::Abilities;
pub use args::{Effort, ORIGIN_TICKS, Run, Words};
pub use copying::{Copying, Obstacle, Verdict, copying};
pub use hardware::{Hardware, TEST_FRAMES};
pub use sound::{gain, loudness, measuring};
pub use treatment::{
    AudioTreatment, Barred, Burned, Light, NothingToPlay, Repair, Treatment, VideoTreatment, Weave,
    decide,
};
pub use upstream::{Inlet, relayed};
