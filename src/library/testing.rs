//! What the tests of this module share: a runner of real programs and real little files.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::foundation::process::{Command, Finished, ProcessError, Processes};

/// Runs programs without any limit, and counts them.
#[derive(Debug, Default)]
pub(crate) struct Runner {
    running: AtomicUsize,
    most: AtomicUsize,
    runs: AtomicUsize,
}

impl Runner {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Programs run so far.
    pub(crate) fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    /// Most programs that ran at once.
    pub(crate) fn most_at_once(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

#[async_trait::async_trait]
impl Processes for Runner {
    async fn run(&self, command: Command) -> Result<Finished, ProcessError> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        let now = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let program = command.program.to_string_lossy().into_owned();
        #[expect(clippy::disallowed_methods, reason = "a test may run ffprobe without the pool")]
        let child = tokio::process::Command::new(&command.program)
            .args(&command.args)
            .stdin(std::process::Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(command.timeout, child).await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        let output = output
            .map_err(|_| ProcessError::TimedOut {
                program: program.clone(),
                after: command.timeout,
            })?
            .map_err(|source| ProcessError::Start { program, source })?;
        Ok(Finished {
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}

/// Makes a media file with real ffmpeg; `arguments` is everything between `-y` and the name.
pub(crate) fn make(directory: &Path, name: &str, arguments: &str) -> PathBuf {
    let path = directory.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test makes its media without the pool")]
    let output = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-y"])
        .args(arguments.split_whitespace())
        .arg(format!("file:{}", path.display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    path
}

/// Two seconds of picture and sound, small and quick to make.
pub(crate) const SMALL: &str = "-f lavfi -i testsrc=s=64x36:r=25:d=2 -f lavfi -i sine=d=2 \
    -pix_fmt yuv420p -c:v libx264 -preset ultrafast -c:a aac -shortest";
