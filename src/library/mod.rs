//! Libraries: which media there is, what it is called and whether it can be played.
//!
//! [`scan`] walks a folder and hands over what is new or changed; [`names`] reads titles from file
//! and folder names; [`probe`] asks ffprobe; [`fetch`] asks others over http, within bounds; [`demo`]
//! makes a library to try it on. Nothing here stores anything: `control` does.

pub mod broadcasts;
pub mod demo;
pub mod fetch;
pub mod names;
pub mod probe;
pub mod scan;
mod walk;

#[cfg(test)]
pub(crate) mod testing;
