//! `guide`: the programme guide.

use super::keys::Keys;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Hours of the past that the guide keeps.
    pub past_hours: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { past_hours: 4 }
    }
}

impl Config {
    pub(super) fn read(keys: &mut Keys<'_>) -> Self {
        Self { past_hours: keys.number("past_hours", 0..=48, Self::default().past_hours) }
    }
}
