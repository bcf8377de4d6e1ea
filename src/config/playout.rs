//! `playout`: how far ahead channels are planned.

use super::keys::Keys;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Days that timelines reach into the future; what the guide can show.
    pub build_days: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { build_days: 3 }
    }
}

impl Config {
    pub(super) fn read(keys: &mut Keys<'_>) -> Self {
        Self { build_days: keys.number("build_days", 1..=14, Self::default().build_days) }
    }
}
