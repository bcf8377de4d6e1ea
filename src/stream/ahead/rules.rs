//! What work ahead may take: how far it looks, and its share of the machine. PURE.
//!
//! The share is whole cores, at least one. It is kept in three ways: so many encoders run at a time
//! and no more, each with so many threads, and (where `taskset` is installed) the kernel lets all
//! of them together run on these cores only. They are niced on top of that, so a core that a viewer
//! needs is theirs only when it is idle.

use crate::domain::Preparing;

/// What work ahead may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How far ahead of its air time media is conformed, in milliseconds.
    pub horizon_ms: i64,
    /// Whether all of the library is conformed when nothing else is to be done.
    pub whole_library: bool,
    /// The share of the machine that may be used, in per cent, 1 to 100.
    pub cpu_percent: u32,
}

impl From<Preparing> for Rules {
    fn from(preparing: Preparing) -> Self {
        let Preparing { ahead_minutes, whole_library, cpu_percent } = preparing;
        Self { horizon_ms: i64::from(ahead_minutes) * 60_000, whole_library, cpu_percent }
    }
}

/// A share of the machine in cores, encoders and threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Cores that all encoders together run on.
    pub cores: usize,
    /// Encoders at a time.
    pub jobs: usize,
    /// Threads of each.
    pub threads: usize,
}

/// Cores that one encoder makes good use of.
const CORES_A_JOB: usize = 4;

impl Share {
    /// `percent` of `cores`, rounded down to whole cores but at least one.
    pub fn of(cores: usize, percent: u32) -> Self {
        let percent = usize::try_from(percent.min(100)).unwrap_or(100);
        let cores = (cores * percent / 100).max(1);
        let jobs = (cores / CORES_A_JOB).max(1);
        Self { cores, jobs, threads: cores / jobs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_whole_cores_and_at_least_one() {
        let share = |cores, percent| {
            let Share { cores, jobs, threads } = Share::of(cores, percent);
            (cores, jobs, threads)
        };
        assert_eq!(share(1, 50), (1, 1, 1));
        assert_eq!(share(2, 50), (1, 1, 1));
        assert_eq!(share(8, 50), (4, 1, 4));
        assert_eq!(share(16, 75), (12, 3, 4));
        assert_eq!(share(4, 1), (1, 1, 1));
        assert_eq!(share(64, 100), (64, 16, 4));
    }
}
