//! EXStreamTV: a media library becomes live TV channels, run by an operator that heals and records.
//!
//! The crate is one package with one arrow: down. Each module may name only those below it;
//! `tests/it/tidy.rs` holds the table and `ARCHITECTURE.md` draws the map.
//!
//! ```text
//! main → cli → app → everything
//!         http   agent   tuner                     who calls us
//!              control                             use cases; the only place that changes anything
//!    storage  stream  library  observe             adapters
//!    schedule  formats  mpegts                     pure cores
//!               domain
//!             foundation
//! ```

pub mod agent;
pub mod app;
pub mod cli;
pub mod config;
pub mod control;
pub mod domain;
pub mod fmp4;
pub mod formats;
pub mod foundation;
pub mod http;
pub mod library;
pub mod mpegts;
pub mod observe;
pub mod schedule;
pub mod storage;
pub mod stream;
pub mod tuner;
