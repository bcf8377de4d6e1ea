//! `ffmpeg`: the programs that convert and probe media, and their limits.

use super::keys::{Keys, program};

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Name or path of ffmpeg.
    pub path: String,
    /// Name or path of ffprobe.
    pub ffprobe_path: String,
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
            path: "ffmpeg".to_owned(),
            ffprobe_path: "ffprobe".to_owned(),
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
            path: keys.checked("path", "a program such as ffmpeg", default.path, program),
            ffprobe_path: keys.checked(
                "ffprobe_path",
                "a program such as ffprobe",
                default.ffprobe_path,
                program,
            ),
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
