//! The contract for child processes: every one goes through a [`Processes`].
//!
//! The pool behind it lives in `stream`; `library` probes media through this trait, so that the
//! two adapters do not know each other.

use std::ffi::OsString;
use std::time::Duration;

/// A program to run to its end.
#[derive(Debug, Clone)]
pub struct Command {
    /// Program name or path; never a shell.
    pub program: OsString,
    /// Its arguments, one each.
    pub args: Vec<OsString>,
    /// Killed with its whole process group after this long.
    pub timeout: Duration,
    /// Output beyond this many bytes is an error.
    pub max_output: usize,
}

/// What a finished program left.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Exit code, or `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: Vec<u8>,
    /// The last 8 KiB it wrote to stderr. Text from outside.
    pub stderr: String,
}

/// Why a program did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The pool's limits do not allow another process now.
    #[error("no process may be started: {reason}")]
    Refused {
        /// `memory`, `descriptors`, `capacity`, `rate` or `stopping`.
        reason: &'static str,
    },
    /// The program could not be started.
    #[error("start {program}")]
    Start {
        /// Which program.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It ran too long and was killed.
    #[error("{program} did not end within {after:?}")]
    TimedOut {
        /// Which program.
        program: String,
        /// The limit.
        after: Duration,
    },
    /// It wrote more than it may.
    #[error("{program} wrote more than {limit} bytes")]
    TooMuchOutput {
        /// Which program.
        program: String,
        /// The limit.
        limit: usize,
    },
    /// Reading its output failed.
    #[error("read the output of {program}")]
    Read {
        /// Which program.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Runs programs inside the limits of the process pool.
#[async_trait::async_trait]
pub trait Processes: std::fmt::Debug + Send + Sync {
    /// Runs a program to its end at low priority, waiting for its turn in the pool.
    ///
    /// # Errors
    /// When it may not start, cannot start, takes too long or writes too much. A non-zero exit
    /// is not an error here: see [`Finished::code`].
    async fn run(&self, command: Command) -> Result<Finished, ProcessError>;
}
