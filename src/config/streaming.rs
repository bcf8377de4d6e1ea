//! `streaming`: how channels are made and sent.

use std::path::PathBuf;

use super::keys::{Keys, path};
use crate::domain::{Preparing, Profile, StreamBuffers};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Profile of channels that name none; `None` (`auto`) fits it to the library.
    pub default_profile: Option<Profile>,
    /// Seconds of media a joiner gets at once.
    pub lead_seconds: u32,
    /// Seconds a channel goes on after its last viewer.
    pub linger_seconds: u32,
    /// Folder of the renditions; `None` is `cache` in the data folder.
    pub cache_directory: Option<PathBuf>,
    /// Gigabytes (10⁹ bytes) the renditions may take.
    pub cache_gb: u32,
    /// How media is made ready before it is on air.
    pub preparing: Preparing,
    /// How much a client's connection is given at once.
    pub buffers: StreamBuffers,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            default_profile: None,
            lead_seconds: 7,
            linger_seconds: 30,
            cache_directory: None,
            cache_gb: 20,
            preparing: Preparing::default(),
            buffers: StreamBuffers::default(),
        }
    }
}

impl Config {
    pub(super) fn read(keys: &mut Keys<'_>) -> Self {
        let default = Self::default();
        let profile = |text: &str| match text {
            "auto" => Some(None),
            name => Profile::named(name).map(Some),
        };
        Self {
            default_profile: keys.checked(
                "default_profile",
                "auto, or a size and rate such as 720p25 or 1080p29.97",
                default.default_profile,
                profile,
            ),
            lead_seconds: keys.number("lead_seconds", 1..=15, default.lead_seconds),
            linger_seconds: keys.number("linger_seconds", 0..=3_600, default.linger_seconds),
            cache_directory: keys.optional("cache_directory", "a folder", path),
            cache_gb: keys.number("cache_gb", 1..=100_000, default.cache_gb),
            preparing: Preparing {
                ahead_minutes: keys.number(
                    "ahead_minutes",
                    0..=1_440,
                    default.preparing.ahead_minutes,
                ),
                whole_library: keys.switch("ahead_library", default.preparing.whole_library),
                cpu_percent: keys.number(
                    "ahead_cpu_percent",
                    1..=100,
                    default.preparing.cpu_percent,
                ),
            },
            buffers: StreamBuffers {
                buffer_size: keys.number(
                    "buffer_size",
                    65_536..=33_554_432,
                    default.buffers.buffer_size,
                ),
                read_size: keys.number("read_size", 4_096..=1_048_576, default.buffers.read_size),
            },
        }
    }
}
