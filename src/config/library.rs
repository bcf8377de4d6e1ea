//! `library`: where media comes from.

use std::path::PathBuf;

use super::keys::{Keys, path};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Folders that become libraries at start, if they are none yet.
    pub paths: Vec<PathBuf>,
    /// Minutes between two scans of a library; 0 scans only when asked to.
    pub scan_interval_minutes: u32,
    /// Whether broadcasts may be taken from this machine itself.
    pub own_machine: bool,
    /// Authorities that the certificates of sources are checked against (PEM); `None` for those of
    /// the system.
    pub ca_file: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self { paths: Vec::new(), scan_interval_minutes: 60, own_machine: false, ca_file: None }
    }
}

impl Config {
    pub(super) fn read(keys: &mut Keys<'_>) -> Self {
        let default = Self::default();
        Self {
            paths: keys.list("paths", "folders such as [/srv/films, /srv/shows]", path),
            scan_interval_minutes: keys.number(
                "scan_interval_minutes",
                0..=10_080,
                default.scan_interval_minutes,
            ),
            own_machine: keys.switch("own_machine", default.own_machine),
            ca_file: keys.optional("ca_file", "a file", path),
        }
    }
}
