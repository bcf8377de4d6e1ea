//! The one thread that starts processes, and the tasks that reap them.
//!
//! Linux ties a parent-death signal to the *thread* that forked. So all children are forked by
//! one thread that lives as long as anything can ask it for a child, and `setpriv` arms the
//! signal without unsafe code of ours. When the server dies in whatever way, the thread dies, and
//! the kernel kills every child. A server that died *before* the signal was armed would send none,
//! so once it is armed the child looks who its parent is, and ends when that is no longer us.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rustix::process::Signal;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::gate::Slot;
use super::registry::{Registry, signal_group};
use super::{End, Exit, Priority, Started};
use crate::foundation::stop::Stop;

/// Time between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);

/// The handle of the thread; it ends when the handle and all of its children are gone.
#[derive(Debug)]
pub(super) struct Spawner {
    requests: mpsc::Sender<Request>,
    started: Arc<AtomicU64>,
    /// Cores of background processes; 0 for all.
    background: Arc<AtomicUsize>,
}

struct Request {
    program: OsString,
    args: Vec<OsString>,
    priority: Priority,
    slot: Slot,
    /// Kept by the reaper: the thread must outlive the child.
    keep: mpsc::Sender<Request>,
    reply: oneshot::Sender<io::Result<Started>>,
}

impl Spawner {
    pub(super) fn start(registry: Registry, stop: Stop) -> io::Result<Self> {
        let (requests, inbox) = mpsc::channel::<Request>();
        let started = Arc::new(AtomicU64::new(0));
        let background = Arc::new(AtomicUsize::new(0));
        let worker = Worker {
            runtime: Handle::current(),
            registry,
            stop,
            wrappers: Wrappers::find(),
            started: Arc::clone(&started),
            background: Arc::clone(&background),
        };
        std::thread::Builder::new().name("spawner".to_owned()).spawn(move || {
            for request in inbox {
                worker.serve(request);
            }
        })?;
        Ok(Self { requests, started, background })
    }

    /// Starts a process; `None` when the thread is gone.
    pub(super) async fn spawn(
        &self,
        program: OsString,
        args: Vec<OsString>,
        priority: Priority,
        slot: Slot,
    ) -> Option<io::Result<Started>> {
        let (reply, answer) = oneshot::channel();
        let keep = self.requests.clone();
        let request = Request { program, args, priority, slot, keep, reply };
        // reason: a thread that is gone takes no request and gives no answer.
        self.requests.send(request).ok()?;
        answer.await.ok()
    }

    pub(super) fn confine_background(&self, cores: usize) {
        self.background.store(cores, Ordering::Relaxed);
    }

    pub(super) fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }
}

struct Worker {
    runtime: Handle,
    registry: Registry,
    stop: Stop,
    wrappers: Wrappers,
    started: Arc<AtomicU64>,
    background: Arc<AtomicUsize>,
}

impl Worker {
    fn serve(&self, request: Request) {
        let Request { program, args, priority, slot, keep, reply } = request;
        if reply.is_closed() || self.stop.is_requested() {
            return;
        }
        let runtime = self.runtime.enter();
        let started = self.fork(&program, &args, priority).map(|(child, mut started)| {
            self.registry.add(started.pid);
            self.started.fetch_add(1, Ordering::Relaxed);
            let (report, exit) = watch::channel(None);
            started.end.exit = exit;
            let reaper = Reaper {
                child,
                pid: started.pid,
                kill: started.end.kill.clone(),
                stop: self.stop.clone(),
                registry: self.registry.clone(),
                report,
                _slot: slot,
                _thread: keep,
            };
            self.stop.spawn("reaper", reaper.run());
            started
        });
        // A caller who went away drops what was started, and so kills it.
        drop(reply.send(started));
        drop(runtime);
    }

    fn fork(
        &self,
        program: &OsStr,
        args: &[OsString],
        priority: Priority,
    ) -> io::Result<(Child, Started)> {
        let program = find_program(program)
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such program"))?;
        let mut words = self.wrappers.words(priority, self.background.load(Ordering::Relaxed));
        words.push(program.into_os_string());
        #[expect(clippy::disallowed_methods, reason = "the one place that starts processes")]
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true).env("LC_ALL", "C");
        // What a child asks outside goes the way it is told to.
        command.env_remove("no_proxy").env_remove("NO_PROXY");
        for (name, _) in env::vars_os() {
            // Our own settings may hold secrets, which are no business of a child.
            if name.to_string_lossy().starts_with("EXSTREAMTV_") {
                command.env_remove(name);
            }
        }
        let mut child = command.spawn()?;
        let missing = || io::Error::other("a pipe of the child is missing");
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().ok_or_else(missing)?;
        let pid = child.id().ok_or_else(missing)?;
        let kill = CancellationToken::new();
        let (_, exit) = watch::channel(None);
        let end = End { kill: kill.clone(), exit, _killed_on_drop: kill.drop_guard() };
        Ok((child, Started { pid, stdout, stderr, end }))
    }
}

/// Becomes the program in `$1…` if the parent is still process `$0`. The text is constant: what is
/// run and its arguments are never part of it.
const IF_PARENT_LIVES: &str = r#"[ "$PPID" = "$0" ] && exec "$@""#;

/// Programs that start other programs: parent-death signal, processor and disk priority.
#[derive(Debug)]
struct Wrappers {
    setpriv: Option<PathBuf>,
    shell: Option<PathBuf>,
    nice: Option<PathBuf>,
    ionice: Option<PathBuf>,
    taskset: Option<PathBuf>,
    /// The cores that this process may run on.
    cores: Vec<usize>,
}

impl Wrappers {
    fn find() -> Self {
        let find = |name: &str| find_program(OsStr::new(name));
        let found = Self {
            setpriv: find("setpriv"),
            shell: find("/bin/sh"),
            nice: find("nice"),
            ionice: find("ionice"),
            taskset: find("taskset"),
            cores: allowed_cores(),
        };
        if found.setpriv.is_none() {
            tracing::warn!(
                "setpriv (util-linux) is not installed: children of a server that is killed are \
                 only ended by its next start"
            );
        }
        found
    }

    fn words(&self, priority: Priority, background_cores: usize) -> Vec<OsString> {
        let mut words = Vec::new();
        let mut add = |program: &Option<PathBuf>, args: &[&str]| {
            if let Some(program) = program {
                words.push(program.clone().into_os_string());
                words.extend(args.iter().map(OsString::from));
            }
        };
        add(&self.setpriv, &["--pdeathsig", "KILL"]);
        if self.setpriv.is_some() {
            add(&self.shell, &["-c", IF_PARENT_LIVES, &std::process::id().to_string()]);
        }
        if priority == Priority::Background {
            add(&self.nice, &["-n", "15"]);
            add(&self.ionice, &["-t", "-c", "3"]);
            // The last ones: much of what a system does by itself is done on the first.
            if (1..self.cores.len()).contains(&background_cores) {
                let last = &self.cores[self.cores.len() - background_cores..];
                let last: Vec<String> = last.iter().map(usize::to_string).collect();
                add(&self.taskset, &["-c", &last.join(",")]);
            }
        }
        words
    }
}

/// The cores that this process may run on; none where the system does not say.
fn allowed_cores() -> Vec<usize> {
    // reason: without it nothing is confined, which is what no core at all means here
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    list.map(core_list).unwrap_or_default()
}

/// Reads `0-3,6`.
fn core_list(text: &str) -> Vec<usize> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        // reason: what is no number names no core
        Some(first.parse().ok()?..=last.parse::<usize>().ok()?.min(4_095))
    };
    text.trim().split(',').filter_map(range).flatten().collect()
}

/// Finds a program as the shell would; a path is taken as it is. `None` when it cannot be run.
pub(super) fn find_program(program: &OsStr) -> Option<PathBuf> {
    let runs = |path: &Path| {
        // reason: a file that cannot be looked at cannot be run either.
        let meta = path.metadata().ok()?;
        (meta.is_file() && meta.permissions().mode() & 0o111 != 0).then(|| path.to_owned())
    };
    let path = Path::new(program);
    if path.components().count() > 1 {
        return runs(&std::path::absolute(path).ok()?);
    }
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).find_map(|folder| runs(&folder.join(path)))
}

/// Owns a child from its start until it is reaped.
struct Reaper {
    child: Child,
    pid: u32,
    kill: CancellationToken,
    stop: Stop,
    registry: Registry,
    report: watch::Sender<Option<Exit>>,
    _slot: Slot,
    _thread: mpsc::Sender<Request>,
}

impl Reaper {
    async fn run(mut self) {
        let status = tokio::select! {
            status = self.child.wait() => status,
            () = self.kill.cancelled() => self.end().await,
            () = self.stop.requested() => self.end().await,
        };
        // What the child started itself goes with it; mostly there is nothing.
        signal_group(self.pid, Signal::KILL);
        self.registry.remove(self.pid);
        let exit = match status {
            Ok(status) => Exit { code: status.code(), signal: status.signal() },
            Err(error) => {
                tracing::error!(%error, pid = self.pid, "could not reap a child process");
                Exit { code: None, signal: None }
            }
        };
        self.report.send_replace(Some(exit));
    }

    async fn end(&mut self) -> io::Result<std::process::ExitStatus> {
        signal_group(self.pid, Signal::TERM);
        if let Ok(status) = tokio::time::timeout(GRACE, self.child.wait()).await {
            return status;
        }
        signal_group(self.pid, Signal::KILL);
        self.child.wait().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_cores_is_read() {
        assert_eq!(core_list("\t0-2,6\n"), [0, 1, 2, 6]);
        assert_eq!(core_list("x,3,5-"), [3]);
    }

    #[test]
    fn background_processes_are_confined_to_their_cores() {
        let path = || Some(PathBuf::from("/bin/x"));
        let wrappers = Wrappers {
            setpriv: None,
            shell: None,
            nice: None,
            ionice: None,
            taskset: path(),
            cores: vec![0, 2, 3, 5],
        };
        let words = |priority, cores| wrappers.words(priority, cores);
        assert_eq!(words(Priority::Background, 2), ["/bin/x", "-c", "3,5"]);
        for all in [0, 4, 9] {
            assert!(words(Priority::Background, all).is_empty());
        }
        assert!(words(Priority::Live, 2).is_empty());
    }
}
