//! What clients see: players, tuners, programs and people, over HTTP.
//!
//! Handlers read a request, call `control` and shape the answer; nothing is decided here but who
//! may ask ([`auth`]) and how it is said. [`router`] is the table of contents.

pub mod api;
pub mod auth;
pub mod base;
pub mod error;
pub mod extract;
mod feeds;
mod hdhomerun;
pub mod layers;
mod live;
mod metrics;
pub mod net;
mod openapi;
pub mod router;
mod serve;
mod session;
pub mod state;
mod ui;

pub use router::{openapi, router};
pub use serve::serve;
pub use state::{Lease, Settings, State, TunerState, Tuners, TunersBusy};
