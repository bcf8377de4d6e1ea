//! `session_manager`: limits of those who watch.

use super::keys::Keys;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Viewers of one channel at a time.
    pub max_sessions_per_channel: usize,
    /// Seconds after which a viewer that takes no bytes is let go.
    pub idle_timeout_seconds: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_sessions_per_channel: 50, idle_timeout_seconds: 300 }
    }
}

impl Config {
    pub(super) fn read(keys: &mut Keys<'_>) -> Self {
        let default = Self::default();
        Self {
            max_sessions_per_channel: keys.number(
                "max_sessions_per_channel",
                1..=10_000,
                default.max_sessions_per_channel,
            ),
            idle_timeout_seconds: keys.number(
                "idle_timeout_seconds",
                10..=86_400,
                default.idle_timeout_seconds,
            ),
        }
    }
}
