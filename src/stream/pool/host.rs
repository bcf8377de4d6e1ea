//! What the machine has left: memory and descriptors, of the system and of the control group.

use std::fs;
use std::path::Path;

use rustix::process::{Resource, getrlimit};

use super::Limits;

/// Memory that one conform may need.
const BYTES_PER_PROCESS: u64 = 150 * 1024 * 1024;
/// Descriptors that one conform and its viewers may need.
const DESCRIPTORS_PER_PROCESS: u64 = 50;

/// Most processes at once: the configured number, or fewer on a small machine; at least one.
pub(super) fn process_limit(configured: usize) -> usize {
    let by_memory = Memory::read().map_or(u64::MAX, |memory| memory.total / BYTES_PER_PROCESS);
    let by_descriptors = descriptor_limit() / DESCRIPTORS_PER_PROCESS;
    let host = usize::try_from(by_memory.min(by_descriptors)).unwrap_or(usize::MAX);
    configured.min(host).max(1)
}

/// What is in use at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Readings {
    /// Part of the memory in use, 0 to 1.
    pub(super) memory_used: f64,
    /// Descriptors that this process may still open.
    pub(super) descriptors_free: u64,
}

impl Readings {
    /// Reads them; what cannot be read counts as free.
    pub(super) fn take() -> Self {
        let open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        let open = u64::try_from(open).unwrap_or(u64::MAX);
        Self {
            memory_used: Memory::read().map_or(0.0, Memory::used),
            descriptors_free: descriptor_limit().saturating_sub(open),
        }
    }

    /// Why no process may be started, or `None` when one may.
    pub(super) fn objection(self, limits: &Limits) -> Option<&'static str> {
        if self.memory_used > limits.memory_guard {
            return Some("memory");
        }
        (self.descriptors_free < limits.descriptor_reserve).then_some("descriptors")
    }
}

fn descriptor_limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Memory {
    total: u64,
    available: u64,
}

impl Memory {
    /// The tighter of system and control group; `None` off Linux.
    fn read() -> Option<Self> {
        // reason: no /proc means another system, where the guard does not apply.
        let system = Self::of_meminfo(&fs::read_to_string("/proc/meminfo").ok()?)?;
        let group = Self::of_group(Path::new("/sys/fs/cgroup"));
        Some(match group {
            Some(group) if group.total < system.total => group,
            Some(_) | None => system,
        })
    }

    fn of_meminfo(text: &str) -> Option<Self> {
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
        };
        Some(Self { total: field("MemTotal:")?, available: field("MemAvailable:")? })
    }

    /// A control group's own limit; page cache that can go at once does not count as used.
    fn of_group(folder: &Path) -> Option<Self> {
        // reason: a group without a memory limit has no such file, or one that says "max".
        let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
        let total = read("memory.max")?.trim().parse::<u64>().ok()?;
        let current = read("memory.current")?.trim().parse::<u64>().ok()?;
        let stat = read("memory.stat")?;
        let cache = stat.lines().find_map(|line| line.strip_prefix("inactive_file "));
        let cache = cache.and_then(|text| text.trim().parse::<u64>().ok()).unwrap_or(0);
        let used = current.saturating_sub(cache);
        Some(Self { total, available: total.saturating_sub(used) })
    }

    fn used(self) -> f64 {
        if self.total == 0 {
            return 0.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a part of a whole, for a threshold")]
        let part = self.available as f64 / self.total as f64;
        1.0 - part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_machine_objects() {
        let limits = Limits::default();
        let calm = Readings { memory_used: 0.5, descriptors_free: 900 };
        assert_eq!(calm.objection(&limits), None);
        assert_eq!(Readings { memory_used: 0.86, ..calm }.objection(&limits), Some("memory"));
        let few = Readings { descriptors_free: 99, ..calm };
        assert_eq!(few.objection(&limits), Some("descriptors"));
    }

    #[test]
    fn meminfo_is_read() {
        let text = "MemTotal:       1000 kB\nMemFree:         1 kB\nMemAvailable:    250 kB\n";
        let memory = Memory::of_meminfo(text).unwrap();
        assert_eq!(memory, Memory { total: 1_024_000, available: 256_000 });
        assert!((memory.used() - 0.75).abs() < 1e-9);
    }

    #[test]
    fn a_groups_page_cache_is_not_counted_as_used() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("memory.max"), "1000\n").unwrap();
        fs::write(folder.path().join("memory.current"), "900\n").unwrap();
        fs::write(folder.path().join("memory.stat"), "anon 100\ninactive_file 700\n").unwrap();
        let memory = Memory::of_group(folder.path()).unwrap();
        assert_eq!(memory, Memory { total: 1000, available: 800 });
    }
}
