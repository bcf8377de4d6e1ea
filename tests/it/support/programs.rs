//! Runs programs that tests judge by, such as ffmpeg.

use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;

use exstreamtv::foundation::process::Processes;
use exstreamtv::foundation::stop::Stop;
use exstreamtv::stream::pool::{Limits, Pool};

/// Runs a program to its end and gives back all it wrote.
#[track_caller]
pub fn run(program: &str, args: &[&str]) -> Output {
    #[expect(clippy::disallowed_methods, reason = "a judge is not a child of the server")]
    let output = std::process::Command::new(program).args(args).stdin(Stdio::null()).output();
    output
        .unwrap_or_else(|error| panic!("{program}: {error}; scripts/packages.sh test installs it"))
}

/// Runs ffmpeg, which must succeed and say nothing, and gives back its stdout.
#[track_caller]
pub fn ffmpeg(args: &[&str]) -> Vec<u8> {
    let all = [&["-nostdin", "-hide_banner", "-nostats", "-v", "warning"], args].concat();
    let output = run("ffmpeg", &all);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "ffmpeg {}: {said}", all.join(" "));
    output.stdout
}

/// A process pool for tests that call a part of the library without a server.
pub fn pool(stop: &Stop, run_dir: &Path) -> Arc<dyn Processes> {
    let limits = Limits {
        max_processes: 8,
        spawns_per_second: 50,
        memory_guard: 0.98,
        descriptor_reserve: 10,
    };
    Pool::start(limits, stop, run_dir).unwrap()
}
