//! Children on record, so that the next start can end what `kill -9` of the server left.
//!
//! One file a child, named by its process id, holding the system's boot id and the child's start
//! time: together they tell a leftover from a stranger that was given the same id since.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process_group};

/// The folder of records.
#[derive(Debug, Clone)]
pub(super) struct Registry {
    folder: PathBuf,
}

impl Registry {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Records a child; without a record it would only lose the second of two safety nets.
    pub(super) fn add(&self, pid: u32) {
        let Some(identity) = identity(pid) else { return };
        if let Err(error) = fs::write(self.path(pid), identity) {
            tracing::warn!(%error, pid, "could not record a child process");
        }
    }

    pub(super) fn remove(&self, pid: u32) {
        match fs::remove_file(self.path(pid)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(%error, pid, "could not strike a child from the record"),
        }
    }

    /// Kills every recorded process that is still the one recorded; says how many there were.
    pub(super) fn kill_leftovers(&self) -> usize {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) => {
                tracing::warn!(%error, "could not read the process registry");
                return 0;
            }
        };
        let mut killed = 0;
        for entry in entries.flatten() {
            // reason: a file of another name is not ours; it stays.
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // reason: an unreadable record proves nothing, so nothing is killed for it.
            let recorded = fs::read_to_string(entry.path()).ok();
            if recorded.is_some() && recorded == identity(pid) && signal_group(pid, Signal::KILL) {
                killed += 1;
            }
            self.remove(pid);
        }
        killed
    }

    fn path(&self, pid: u32) -> PathBuf {
        self.folder.join(pid.to_string())
    }
}

/// Sends `signal` to a child's process group; `false` when the group is gone.
pub(super) fn signal_group(pid: u32, signal: Signal) -> bool {
    let group = i32::try_from(pid).ok().and_then(Pid::from_raw);
    group.is_some_and(|group| kill_process_group(group, signal).is_ok())
}

/// Boot id and start time of a process; `None` when it is not there (or off Linux).
fn identity(pid: u32) -> Option<String> {
    // reason: a process that is gone has no files in /proc, and that is the answer.
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(format!("{} {}\n", boot.trim(), start_time(&stat)?))
}

/// Field 22 of a stat line; the name in field 2 may hold spaces and brackets.
fn start_time(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use std::os::unix::process::{CommandExt, ExitStatusExt};

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "stands for the child of an earlier server")]
    fn sleeper() -> Child {
        Command::new("sleep").arg("60").process_group(0).stdin(Stdio::null()).spawn().unwrap()
    }

    #[test]
    fn a_leftover_is_killed_and_struck() {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::open(folder.path()).unwrap();
        let mut child = sleeper();
        registry.add(child.id());
        assert_eq!(registry.kill_leftovers(), 1);
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_stranger_with_a_recycled_id_is_spared() {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::open(folder.path()).unwrap();
        let mut child = sleeper();
        let other = identity(child.id()).unwrap().replace('\n', "1\n");
        fs::write(folder.path().join(child.id().to_string()), other).unwrap();
        assert_eq!(registry.kill_leftovers(), 0);
        assert!(child.try_wait().unwrap().is_none(), "still running");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4 5 6 7 8 9 10 11 12 20 0 1 0 4242 99 1";
        assert_eq!(start_time(stat), Some(4242));
    }
}
