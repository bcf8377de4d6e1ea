//! `ffmpeg`: the programs that convert and probe media, their limits, and what they run on.

use super::keys::Keys;
use crate::domain::FfmpegSettings;

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// What people can change while the server runs.
    pub settings: FfmpegSettings,
    /// Processes at a time; 0 chooses by memory, descriptors and cores.
    pub max_processes: usize,
    /// Processes started in a second.
    pub spawns_per_second: u32,
    /// Share of memory in use above which no process is started.
    pub memory_guard_threshold: f64,
    /// File descriptors kept free.
    pub fd_guard_reserve: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            settings: FfmpegSettings::default(),
            max_processes: 0,
            spawns_per_second: 5,
            memory_guard_threshold: 0.85,
            fd_guard_reserve: 100,
        }
    }
}

impl Config {
    pub(super) fn read(keys: &mut Keys<'_>) -> Self {
        let default = Self::default();
        Self {
            settings: settings(keys),
            max_processes: keys.number("max_processes", 0..=1_000, default.max_processes),
            spawns_per_second: keys.number("spawns_per_second", 1..=100, default.spawns_per_second),
            memory_guard_threshold: keys.share(
                "memory_guard_threshold",
                0.5..=0.99,
                default.memory_guard_threshold,
            ),
            fd_guard_reserve: keys.number(
                "fd_guard_reserve",
                10..=10_000,
                default.fd_guard_reserve,
            ),
        }
    }
}

/// Reads what [`FfmpegSettings`] lists, each by its own rule.
fn settings(keys: &mut Keys<'_>) -> FfmpegSettings {
    let mut settings = FfmpegSettings::default();
    for (key, _, allowed) in FfmpegSettings::KEYS {
        let before = settings.clone();
        let taken = |word: &str| {
            let mut after = before.clone();
            after.set(key, word).then_some(after)
        };
        match key {
            "threads" => {
                let most = i64::from(FfmpegSettings::MAX_THREADS);
                settings.runs.threads = keys.number(key, 0..=most, before.runs.threads);
            }
            // Empty means something here: nothing.
            "hwaccel" => {
                settings = keys.word_or_empty(key, allowed, before.clone(), taken);
            }
            _ => settings = keys.checked(key, allowed, before.clone(), taken),
        }
    }
    settings
}
