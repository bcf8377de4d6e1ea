//! `storage`: the database's backups.

use std::path::PathBuf;

use super::keys::{Keys, path};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Folder for backups; `None` is `backups` in the data folder.
    pub backup_directory: Option<PathBuf>,
    /// Hours between two backups; 0 makes none.
    pub backup_interval_hours: u32,
    /// Backups that are kept; older ones are removed.
    pub backup_keep_count: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { backup_directory: None, backup_interval_hours: 24, backup_keep_count: 7 }
    }
}

impl Config {
    pub(super) fn read(keys: &mut Keys<'_>) -> Self {
        let default = Self::default();
        Self {
            backup_directory: keys.optional("backup_directory", "a folder", path),
            backup_interval_hours: keys.number(
                "backup_interval_hours",
                0..=720,
                default.backup_interval_hours,
            ),
            backup_keep_count: keys.number("backup_keep_count", 1..=365, default.backup_keep_count),
        }
    }
}
