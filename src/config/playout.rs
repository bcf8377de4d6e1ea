//! `playout`: how far ahead channels are planned.

use crate::domain::Zone;

use super::keys::Keys;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Days that timelines reach into the future; what the guide can show.
    pub build_days: u32,
    /// IANA zone of schedules that name none.
    pub zone: Zone,
}

impl Default for Config {
    fn default() -> Self {
        Self { build_days: 3, zone: Zone::default() }
    }
}

impl Config {
    pub(super) fn read(keys: &mut Keys<'_>) -> Self {
        let default = Self::default();
        Self {
            build_days: keys.number("build_days", 1..=14, default.build_days),
            zone: keys.parsed("time_zone", "a zone such as Europe/Berlin, or UTC", default.zone),
        }
    }
}
