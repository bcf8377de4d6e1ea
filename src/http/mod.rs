//! What clients see: players, tuners, programs and people, over HTTP.
//!
//! Handlers read a request, call `control` and shape the answer; nothing is decided here but who
//! may ask ([`auth`]) and how it is said.

pub mod auth;
pub mod base;
pub mod error;
pub mod extract;
pub mod layers;
pub mod net;
mod serve;

pub use serve::serve;
