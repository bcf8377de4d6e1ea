//! `session_manager`: limits of those who watch.

use super::keys::Keys;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Viewers of one channel at a time.
    pub max_sessions_per_channel: u32,
    /// Streams that one user may watch at a time; 0 for any number. A user is the name of an API
    /// key, else an address.
    pub max_sessions_per_user: u32,
    /// Seconds after which a viewer that takes no bytes is let go.
    pub idle_timeout_seconds: u32,
    /// Days that ended sessions are remembered; 0 remembers none.
    pub history_days: u32,
    /// Most ended sessions that are remembered.
    pub history_entries: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_sessions_per_channel: 50,
            max_sessions_per_user: 0,
            idle_timeout_seconds: 300,
            history_days: 30,
            history_entries: 10_000,
        }
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
            max_sessions_per_user: keys.number(
                "max_sessions_per_user",
                0..=10_000,
                default.max_sessions_per_user,
            ),
            idle_timeout_seconds: keys.number(
                "idle_timeout_seconds",
                10..=86_400,
                default.idle_timeout_seconds,
            ),
            history_days: keys.number("history_days", 0..=3_650, default.history_days),
            history_entries: keys.number("history_entries", 1..=1_000_000, default.history_entries),
        }
    }
}
