//! What the machine has left: memory and descriptors, of the system and of the control group.

use std::fs;
use std::io;
use std::path::Path;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Limits;

/// Memory that one conform may need.
const BYTES_PER_PROCESS: u64 = 150 * 1024 * 1024;
/// Descriptors that one conform and its viewers may need.
const DESCRIPTORS_PER_PROCESS: u64 = 50;

/// Raises the number of descriptors to what the system allows this user: the usual 1,024 are meant
/// for programs that call `select`, and would hold only twenty processes with their viewers.
pub(super) fn raise_descriptor_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => tracing::debug!(?current, ?maximum, "more descriptors may be open"),
        Err(error) => tracing::debug!(%error, ?current, "the limit of descriptors stays"),
    }
}

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
    /// Reads them. What this system does not tell counts as free, and what it tells but cannot be
    /// read now counts as used up: out of descriptors, nothing can be read.
    pub(super) fn take() -> Self {
        let open = fs::read_dir("/proc/self/fd").map(Iterator::count);
        let system = fs::read_to_string("/proc/meminfo");
        Self {
            memory_used: system.map_or_else(
                |error| if is_untold(&error) { 0.0 } else { 1.0 },
                |text| Memory::tighter(&text).map_or(1.0, Memory::used),
            ),
            descriptors_free: free(open, descriptor_limit()),
        }
    }

    /// Why no process may be started, or `None` when one may.
    pub(super) fn objection(self, limits: &Limits) -> Option<&'static str> {
        if self.descriptors_free < limits.descriptor_reserve {
            return Some("descriptors");
        }
        // A part that is no number compares with nothing, and then no process is started.
        let has_room = self.memory_used <= limits.memory_guard;
        (!has_room).then_some("memory")
    }
}

/// Descriptors left of `limit` when `open` of them are counted.
fn free(open: io::Result<usize>, limit: u64) -> u64 {
    match open {
        Ok(open) => limit.saturating_sub(u64::try_from(open).unwrap_or(u64::MAX)),
        Err(error) if is_untold(&error) => limit,
        Err(_) => 0,
    }
}

/// Whether the system has no such file at all, as none but Linux has.
fn is_untold(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
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
        Self::tighter(&fs::read_to_string("/proc/meminfo").ok()?)
    }

    /// The tighter of the system's, in the words of `meminfo`, and the control group's.
    fn tighter(meminfo: &str) -> Option<Self> {
        let system = Self::of_meminfo(meminfo)?;
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
    use proptest::prelude::*;

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
    fn what_cannot_be_read_now_counts_as_used_up() {
        let error = |kind: io::ErrorKind| Err(io::Error::from(kind));
        assert_eq!(free(Ok(24), 1_024), 1_000);
        assert_eq!(free(error(io::ErrorKind::NotFound), 1_024), 1_024, "another system");
        assert_eq!(free(Err(io::Error::from_raw_os_error(24)), 1_024), 0, "too many open files");
        let unknown = Readings { memory_used: f64::NAN, descriptors_free: 900 };
        assert_eq!(unknown.objection(&Limits::default()), Some("memory"));
    }

    proptest! {
        #[test]
        fn nothing_starts_above_a_threshold(used in 0.0..=1.0_f64, left in 0..2_000_u64) {
            let limits = Limits::default();
            let readings = Readings { memory_used: used, descriptors_free: left };
            let allowed = used <= limits.memory_guard && left >= limits.descriptor_reserve;
            prop_assert_eq!(readings.objection(&limits).is_none(), allowed);
        }
    }

    #[test]
    fn the_soft_limit_of_descriptors_is_raised_to_the_hard_one() {
        raise_descriptor_limit();
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        assert_eq!(current, maximum);
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
