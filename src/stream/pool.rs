//! The process pool: every child process of the server starts here and ends here.
//!
//! Three things can go wrong with children, and each has its own file: too many of them
//! ([`gate`]: who may start, and in which order), a machine that has no room for another
//! ([`host`]: memory and descriptors), and children that outlive their server ([`spawner`] ties
//! them to one thread by a parent-death signal, [`registry`] lets the next start find those that
//! still slipped away).
//!
//! Two priorities: a viewer waits for [`Priority::Live`]; [`Priority::Background`] runs niced and
//! leaves one place free. A child is a process group of its own. Whoever drops his [`Running`]
//! has killed it: SIGTERM to the group, two seconds, SIGKILL, and it is always reaped.
//!
//! Absent on purpose: retries. Who wants a process again asks again.

mod gate;
mod host;
mod lines;
mod registry;
mod spawner;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::io::AsyncReadExt;
use tokio::process::{ChildStderr, ChildStdout};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::gate::{Gate, Slot};
use self::spawner::Spawner;
use crate::foundation::process::{Command, Finished, ProcessError, Processes};
use crate::foundation::stop::Stop;

/// How long a viewer's process waits for a place before it is refused.
const LIVE_PATIENCE: Duration = Duration::from_secs(5);
/// How long a background process waits for memory or descriptors before it is refused.
const BACKGROUND_PATIENCE: Duration = Duration::from_secs(30);
/// How much of stderr [`Finished`] keeps.
const STDERR_TAIL: usize = 8 * 1024;
/// Lines of stderr that wait for a reader; more are counted and left out.
const STDERR_LINES: usize = 256;

/// What the pool may use.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Most processes at once; memory and descriptors may allow fewer.
    pub max_processes: usize,
    /// Most processes started in a second.
    pub spawns_per_second: u32,
    /// No process is started while more than this part of the memory is in use.
    pub memory_guard: f64,
    /// Descriptors that must stay free for viewers and the database.
    pub descriptor_reserve: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_processes: 16,
            spawns_per_second: 5,
            memory_guard: 0.85,
            descriptor_reserve: 100,
        }
    }
}

/// Who waits for a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// A viewer: started before all others, at normal priority.
    Live,
    /// Nobody: niced, idle on the disk, and never in the last free place.
    Background,
}

/// What the pool does at this moment, and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolLoad {
    /// Processes running.
    pub running: usize,
    /// Those of them that nobody waits for (work ahead, probes).
    pub background: usize,
    /// Most that may run.
    pub limit: usize,
    /// Requests waiting for a place.
    pub waiting: usize,
    /// Processes started so far.
    pub started: u64,
    /// Requests refused so far, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
}

/// Why the pool could not start.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The folder for the registry cannot be used.
    #[error("use {path} for the process registry")]
    RunDir {
        /// Which folder.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The thread that starts processes could not be made.
    #[error("start the spawner thread")]
    Thread(#[source] std::io::Error),
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// Exit code, if it exited.
    pub code: Option<i32>,
    /// Signal that ended it, if one did.
    pub signal: Option<i32>,
}

/// A running process whose output is read while it runs; killed when dropped.
#[derive(Debug)]
pub struct Running {
    /// Its process id, also the id of its group.
    pub pid: u32,
    /// What it writes; the pipe holds 1 MiB where the system allows.
    pub stdout: ChildStdout,
    /// Its stderr as lines of at most 2 KiB without control characters. Text from outside.
    pub stderr: mpsc::Receiver<String>,
    end: End,
}

impl Running {
    /// Asks for its end; [`Self::wait`] tells when it came.
    pub fn kill(&self) {
        self.end.kill.cancel();
    }

    /// Waits for its end. Safe to drop and call again.
    pub async fn wait(&mut self) -> Exit {
        self.end.wait().await
    }
}

/// The end of a process, seen from its owner.
#[derive(Debug)]
struct End {
    kill: CancellationToken,
    exit: watch::Receiver<Option<Exit>>,
    _killed_on_drop: DropGuard,
}

impl End {
    async fn wait(&mut self) -> Exit {
        match self.exit.wait_for(Option::is_some).await {
            Ok(exit) => exit.unwrap_or(Exit { code: None, signal: None }),
            // The reaper went away with the runtime, which kills what is left.
            Err(_) => Exit { code: None, signal: None },
        }
    }
}

/// A process just started, its pipes not yet read.
struct Started {
    pid: u32,
    stdout: ChildStdout,
    stderr: ChildStderr,
    end: End,
}

/// Starts processes inside limits and ends all of them.
#[derive(Debug)]
pub struct Pool {
    limits: Limits,
    gate: Arc<Gate>,
    all: DefaultDirectRateLimiter,
    /// Background first passes this slower bucket, so that a live start always finds a token.
    background: DefaultDirectRateLimiter,
    rejected: Mutex<BTreeMap<&'static str, u64>>,
    spawner: Spawner,
    stop: Stop,
}

impl Pool {
    /// Starts the pool and kills what an earlier server left behind; needs a tokio runtime.
    ///
    /// `run_dir` holds one small file a child. One server per folder: the caller holds the lock.
    ///
    /// # Errors
    /// When the folder cannot be written or the thread cannot be started.
    pub fn start(limits: Limits, stop: &Stop, run_dir: &Path) -> Result<Arc<Self>, PoolError> {
        let in_dir = |source| PoolError::RunDir { path: run_dir.display().to_string(), source };
        let registry = registry::Registry::open(&run_dir.join("children")).map_err(in_dir)?;
        let killed = registry.kill_leftovers();
        if killed > 0 {
            tracing::warn!(killed, "killed {killed} processes that an earlier run left behind");
        }
        host::raise_descriptor_limit();
        let limit = host::process_limit(limits.max_processes);
        let spawner = Spawner::start(registry, stop.clone()).map_err(PoolError::Thread)?;
        let rate = limits.spawns_per_second.max(1);
        Ok(Arc::new(Self {
            gate: Gate::new(limit),
            all: RateLimiter::direct(Quota::per_second(at_least_one(rate))),
            background: RateLimiter::direct(
                Quota::per_second(at_least_one(rate - 1)).allow_burst(at_least_one(rate / 2)),
            ),
            rejected: Mutex::default(),
            spawner,
            stop: stop.clone(),
            limits,
        }))
    }

    /// Lets background processes run on so many cores only, all of them together, as far as the
    /// system can do that; those that run already stay where they are.
    pub fn confine_background(&self, cores: usize) {
        self.spawner.confine_background(cores);
    }

    /// Whether `program` is there to be started.
    pub fn has_program(&self, program: &OsStr) -> bool {
        spawner::find_program(program).is_some()
    }

    /// What the pool does at this moment, and did.
    pub fn load(&self) -> PoolLoad {
        let rejected = self.rejected.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let gate = self.gate.load();
        PoolLoad {
            running: gate.live + gate.background,
            background: gate.background,
            limit: gate.limit,
            waiting: gate.waiting,
            started: self.spawner.started(),
            rejected,
        }
    }

    /// Starts a process whose output is read while it runs, when its turn has come.
    ///
    /// # Errors
    /// When the limits refuse it (a live one waits at most five seconds for a place) or it cannot
    /// be started.
    pub async fn spawn(
        &self,
        program: OsString,
        args: Vec<OsString>,
        priority: Priority,
    ) -> Result<Running, ProcessError> {
        let Started { pid, stdout, stderr, end } = self.begin(program, args, priority).await?;
        if let Err(error) = rustix::pipe::fcntl_setpipe_size(&stdout, 1 << 20) {
            tracing::debug!(%error, "the output pipe keeps its size");
        }
        let (lines, receiver) = mpsc::channel(STDERR_LINES);
        self.stop.spawn("stderr", lines::pump(stderr, lines));
        Ok(Running { pid, stdout, stderr: receiver, end })
    }

    /// Waits for a place, memory, descriptors and a token, then starts the process.
    async fn begin(
        &self,
        program: OsString,
        args: Vec<OsString>,
        priority: Priority,
    ) -> Result<Started, ProcessError> {
        let refuse = |reason| self.refuse(reason);
        if self.stop.is_requested() {
            return Err(refuse("stopping"));
        }
        let slot = self.place(priority).await.map_err(refuse)?;
        self.room(priority).await.map_err(refuse)?;
        if priority == Priority::Background {
            self.background.until_ready().await;
        }
        self.all.until_ready().await;
        let name = program.to_string_lossy().into_owned();
        match self.spawner.spawn(program, args, priority, slot).await {
            Some(Ok(started)) => Ok(started),
            Some(Err(source)) => Err(ProcessError::Start { program: name, source }),
            None => Err(self.refuse("stopping")),
        }
    }

    async fn place(&self, priority: Priority) -> Result<Slot, &'static str> {
        let waiting = self.gate.enter(priority).ok_or("capacity")?;
        let place = match priority {
            Priority::Live => tokio::time::timeout(LIVE_PATIENCE, waiting).await,
            Priority::Background => Ok(waiting.await),
        };
        place.ok().flatten().ok_or("capacity")
    }

    /// Waits until the machine has room, the longer the less it matters.
    async fn room(&self, priority: Priority) -> Result<(), &'static str> {
        let patience = match priority {
            Priority::Live => Duration::ZERO,
            Priority::Background => BACKGROUND_PATIENCE,
        };
        let give_up = tokio::time::Instant::now() + patience;
        loop {
            let Some(reason) = host::Readings::take().objection(&self.limits) else {
                return Ok(());
            };
            if tokio::time::Instant::now() >= give_up || self.stop.is_requested() {
                return Err(reason);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    fn refuse(&self, reason: &'static str) -> ProcessError {
        let mut rejected = self.rejected.lock().unwrap_or_else(PoisonError::into_inner);
        *rejected.entry(reason).or_default() += 1;
        ProcessError::Refused { reason }
    }
}

#[async_trait]
impl Processes for Pool {
    async fn run(&self, command: Command) -> Result<Finished, ProcessError> {
        let Command { program, args, timeout, max_output } = command;
        let name = program.to_string_lossy().into_owned();
        let mut started = self.begin(program, args, Priority::Background).await?;
        let run = async {
            let stdout = read_all(&mut started.stdout, &name, max_output);
            let stderr = async { Ok(read_tail(&mut started.stderr).await) };
            let (stdout, stderr) = tokio::try_join!(stdout, stderr)?;
            Ok(Finished { code: started.end.wait().await.code, stdout, stderr })
        };
        let answer = tokio::time::timeout(timeout, run).await;
        // Dropping `started` kills the process if it still runs.
        answer.unwrap_or_else(|_| {
            Err(ProcessError::TimedOut { program: name.clone(), after: timeout })
        })
    }
}

fn at_least_one(rate: u32) -> NonZeroU32 {
    NonZeroU32::new(rate).unwrap_or(NonZeroU32::MIN)
}

/// Reads to the end, at most `limit` bytes.
async fn read_all(
    from: &mut ChildStdout,
    program: &str,
    limit: usize,
) -> Result<Vec<u8>, ProcessError> {
    let program = program.to_owned();
    let mut bytes = Vec::new();
    let cap = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    match from.take(cap).read_to_end(&mut bytes).await {
        Ok(_) if bytes.len() > limit => Err(ProcessError::TooMuchOutput { program, limit }),
        Ok(_) => Ok(bytes),
        Err(source) => Err(ProcessError::Read { program, source }),
    }
}

/// Reads to the end and keeps the last [`STDERR_TAIL`] bytes; a read error ends it early.
async fn read_tail(from: &mut ChildStderr) -> String {
    let mut kept = Vec::new();
    let mut block = [0; 4096];
    while let Ok(count) = from.read(&mut block).await {
        if count == 0 {
            break;
        }
        kept.extend_from_slice(&block[..count]);
        let extra = kept.len().saturating_sub(STDERR_TAIL);
        kept.drain(..extra);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(test)]
mod tests;
