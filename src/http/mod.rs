//! What clients see: players, tuners, programs and people, over HTTP.
//!
//! Handlers read a request, call `control` and shape the answer; nothing is decided here but who
//! may ask ([`auth`]) and how it is said. [`mod@router`] is the table of contents.

pub mod api;
pub mod auth;
pub mod base;
pub mod error;
pub mod extract;
pub mod feeds;
pub mod hdhomerun;
pub mod hls;
pub mod layers;
pub mod live;
pub mod metrics;
pub mod net;
mod openapi;
mod originals;
mod range;
pub mod router;
mod serve;
pub mod session;
pub mod state;
mod ui;

pub use router::{openapi, router};
pub use serve::serve;
pub use state::{Lease, Settings, State, TunerState, Tuners, TunersBusy};
