//! `ffmpeg`: the programs that convert and probe media, their limits, and what they run on.

use super::keys::{Keys, program};
use crate::domain::{Acceleration, AccelerationChoice};

/// What may be written for one source.
const SOURCE: &str = "none, or one of the words of hwaccel";

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Name or path of ffmpeg.
    pub path: String,
    /// Name or path of ffprobe.
    pub ffprobe_path: String,
    /// What decodes and encodes pictures.
    pub hwaccel: Acceleration,
    /// Which device, where there are several.
    pub hwaccel_device: Option<String>,
    /// What decodes and encodes media from `YouTube`, where that differs.
    pub youtube_hwaccel: Option<Acceleration>,
    /// … from archive.org.
    pub archive_org_hwaccel: Option<Acceleration>,
    /// … from Plex.
    pub plex_hwaccel: Option<Acceleration>,
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
            hwaccel: Acceleration::Auto,
            hwaccel_device: None,
            youtube_hwaccel: None,
            archive_org_hwaccel: None,
            plex_hwaccel: None,
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
        let read = Acceleration::read;
        Self {
            path: keys.checked("path", "a program such as ffmpeg", default.path, program),
            ffprobe_path: keys.checked(
                "ffprobe_path",
                "a program such as ffprobe",
                default.ffprobe_path,
                program,
            ),
            hwaccel: keys.word_or_empty("hwaccel", Acceleration::ALLOWED, default.hwaccel, read),
            hwaccel_device: keys.optional(
                "hwaccel_device",
                "a device such as /dev/dri/renderD128, or the number of a card",
                AccelerationChoice::check_device,
            ),
            youtube_hwaccel: keys.optional("youtube_hwaccel", SOURCE, read),
            archive_org_hwaccel: keys.optional("archive_org_hwaccel", SOURCE, read),
            plex_hwaccel: keys.optional("plex_hwaccel", SOURCE, read),
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
