//! The composition root: the only place that knows every component.
//!
//! [`Server::start`] builds everything in order (data folder, database, pool, stream, use cases,
//! operator, tuner, HTTP) and [`Server::stop`] takes it down in the opposite order. The commands
//! of the command line are one call each into this module.

mod channels;
mod commands;
mod config_file;
mod demo;
mod doctor;
mod eval;
mod server;
mod tuners;

pub use commands::main;
pub use server::{Server, StartOptions};
