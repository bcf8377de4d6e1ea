//! The configuration: `config.yaml` and the environment become one typed, checked value.
//!
//! One file holds one section: its keys, defaults and ranges, next to each other. Reading goes
//! through [`keys::Keys`], which collects *every* mistake before it gives up, so that a file is
//! put right in one go. A key nobody knows is kept and reported as a warning with the nearest
//! known one: a typo is seen, and a file of another version still starts the server.
//!
//! Precedence: defaults, then the file, then `EXSTREAMTV_SECTION__KEY`, then the command line
//! (which `cli` applies). `config.example.yaml` holds every key with its default; a test keeps it
//! equal to the code. [`set()`] writes a single key and leaves the rest of the file as it is.
//!
//! Deliberately absent: includes, `${VAR}` expansion, reloading. Secrets that should not be in
//! the file come from the environment.

use std::path::PathBuf;

pub mod ai_agent;
mod edit;
mod env;
pub mod ffmpeg;
pub mod guide;
pub mod hdhomerun;
mod keys;
pub mod library;
mod load;
mod nearest;
pub mod playout;
pub mod security;
pub mod server;
pub mod session_manager;
mod set;
pub mod storage;
pub mod stream_throttler;
pub mod streaming;

#[cfg(test)]
mod tests;

pub use env::environment;
pub use load::{Loaded, load};
pub use set::{SetError, set, set_all};

/// Everything that can be configured, checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    /// The file it was read from; `None` where there is none (yet).
    pub file: Option<PathBuf>,
    /// Where the server listens and how it names itself in URLs.
    pub server: server::Config,
    /// The database's backups.
    pub storage: storage::Config,
    /// Where media comes from.
    pub library: library::Config,
    /// The programs that convert and probe media, and their limits.
    pub ffmpeg: ffmpeg::Config,
    /// How channels are made and sent.
    pub streaming: streaming::Config,
    /// How viewers that fell behind catch up.
    pub stream_throttler: stream_throttler::Config,
    /// Limits of those who watch.
    pub session_manager: session_manager::Config,
    /// The tuner that clients find on the network.
    pub hdhomerun: hdhomerun::Config,
    /// How far ahead channels are planned.
    pub playout: playout::Config,
    /// The programme guide.
    pub guide: guide::Config,
    /// Who may do what.
    pub security: security::Config,
    /// The operator that heals.
    pub ai_agent: ai_agent::Config,
}

impl Config {
    fn read(source: &mut keys::Source) -> Self {
        Self {
            file: None,
            server: source.section("server", server::Config::read),
            storage: source.section("storage", storage::Config::read),
            library: source.section("library", library::Config::read),
            ffmpeg: source.section("ffmpeg", ffmpeg::Config::read),
            streaming: source.section("streaming", streaming::Config::read),
            stream_throttler: source.section("stream_throttler", stream_throttler::read),
            session_manager: source.section("session_manager", session_manager::Config::read),
            hdhomerun: source.section("hdhomerun", hdhomerun::Config::read),
            playout: source.section("playout", playout::Config::read),
            guide: source.section("guide", guide::Config::read),
            security: source.section("security", security::Config::read),
            ai_agent: source.section("ai_agent", ai_agent::Config::read),
        }
    }
}
