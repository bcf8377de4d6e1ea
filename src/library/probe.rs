//! Asks ffprobe what is in a file, once, at scan time, so that nothing probes on the tune path.
//!
//! One run gives the container, the streams and the packets of the first seconds; from the packets
//! come the key-frame distance and whether the frame rate really is constant. Only a file without a
//! stated length is read through to measure it. Every run has a time limit, goes through the
//! process pool and may open nothing but files: a playlist dressed up as a video reaches no network.
//!
//! A file that cannot be read is a result, never an error: its reason is in our words, because
//! what ffprobe prints is text from outside.

mod answer;

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::Duration;

use crate::domain::{MediaState, Probe};
use crate::foundation::process::{Command, Finished, ProcessError, Processes};

use answer::Answer;

/// A file that takes longer is given up.
const TIME_LIMIT: Duration = Duration::from_secs(20);
/// Seconds at the front of a file whose packets are looked at.
const SAMPLE_SECONDS: u32 = 12;
/// Enough for the packets of twelve seconds, many tracks included.
const SAMPLE_OUTPUT: usize = 16 << 20;
/// Enough for the times of all packets of ten hours.
const MEASURE_OUTPUT: usize = 64 << 20;
/// Media shorter than this is not worth a slot.
const SHORTEST_MS: i64 = 1_000;

/// What came of a probe.
#[derive(Debug, Clone, PartialEq)]
pub struct Probed {
    /// Whether it can be played.
    pub state: MediaState,
    /// What is in it; `None` when it could not be read.
    pub probe: Option<Probe>,
    /// Playing time in milliseconds; 0 when it is not known.
    pub duration_ms: i64,
    /// Whether the answer would be the same tomorrow; a time-out or a full pool is not.
    pub lasting: bool,
}

impl Probed {
    fn corrupt(reason: &str) -> Self {
        Self::failed(MediaState::Corrupt { reason: reason.to_owned() })
    }

    fn failed(state: MediaState) -> Self {
        Self { state, probe: None, duration_ms: 0, lasting: true }
    }
}

/// Probes the file at the absolute `path`.
///
/// # Errors
/// Only when ffprobe itself cannot be started; what is wrong with the file is in the answer.
pub async fn probe(
    processes: &dyn Processes,
    ffprobe: &OsStr,
    path: &Path,
) -> Result<Probed, ProcessError> {
    read(processes, ffprobe, path).await.or_else(|problem| match problem {
        ProcessError::TimedOut { .. } => {
            let reason = format!("not read within {} s", TIME_LIMIT.as_secs());
            Ok(Probed { lasting: false, ..Probed::corrupt(&reason) })
        }
        ProcessError::TooMuchOutput { .. } => {
            Ok(Probed::corrupt("it has too many packets a second"))
        }
        ProcessError::Refused { .. } | ProcessError::Read { .. } => {
            tracing::warn!(error = &problem as &dyn std::error::Error, "a probe did not end");
            Ok(Probed { lasting: false, ..Probed::corrupt("it was not probed for want of room") })
        }
        ProcessError::Start { .. } => Err(problem),
    })
}

async fn read(
    processes: &dyn Processes,
    ffprobe: &OsStr,
    path: &Path,
) -> Result<Probed, ProcessError> {
    let interval = format!("%+{SAMPLE_SECONDS}");
    let args = ["-of", "json=c=1", "-show_entries", answer::ENTRIES, "-read_intervals", &interval];
    let finished = run(processes, ffprobe, path, &args, SAMPLE_OUTPUT).await?;
    if finished.code != Some(0) {
        let (reason, lasting) = reason_of(&finished);
        return Ok(Probed { lasting, ..Probed::corrupt(reason) });
    }
    let Some(answer) = Answer::read(&finished.stdout) else {
        return Ok(Probed::corrupt("what is in it cannot be told"));
    };
    let probe = match answer.probe() {
        Ok(probe) => probe,
        Err(state) => return Ok(Probed::failed(state)),
    };
    let mut duration_ms = answer.duration_ms();
    if duration_ms == 0 {
        let stream = if probe.video.is_some() { "V:0" } else { "a:0" };
        duration_ms = measure(processes, ffprobe, path, stream).await?;
    }
    let state = match duration_ms {
        0 => MediaState::Corrupt { reason: "its playing time is not known".to_owned() },
        ..SHORTEST_MS => MediaState::Unsupported { reason: "shorter than one second".to_owned() },
        _ => MediaState::Playable,
    };
    Ok(Probed { state, probe: Some(probe), duration_ms, lasting: true })
}

/// Reads all packet times of a stream, for files that do not state their length.
async fn measure(
    processes: &dyn Processes,
    ffprobe: &OsStr,
    path: &Path,
    stream: &str,
) -> Result<i64, ProcessError> {
    let entries = "packet=pts_time,duration_time";
    let args = ["-of", "csv=p=0", "-select_streams", stream, "-show_entries", entries];
    let finished = run(processes, ffprobe, path, &args, MEASURE_OUTPUT).await?;
    Ok(answer::measured_ms(&finished.stdout))
}

async fn run(
    processes: &dyn Processes,
    ffprobe: &OsStr,
    path: &Path,
    args: &[&str],
    max_output: usize,
) -> Result<Finished, ProcessError> {
    let mut all: Vec<OsString> =
        ["-hide_banner", "-v", "error", "-protocol_whitelist", "file"].map(Into::into).into();
    all.extend(args.iter().map(Into::into));
    // The prefix keeps names with a colon from being taken for a protocol.
    let mut input = OsString::from("file:");
    input.push(path);
    all.extend(["-i".into(), input]);
    let program = ffprobe.to_owned();
    let command = Command { program, args: all, timeout: TIME_LIMIT, max_output };
    processes.run(command).await
}

/// Our words for why ffprobe gave up, and whether that will be so tomorrow.
fn reason_of(finished: &Finished) -> (&'static str, bool) {
    const KNOWN: [(&str, &str, bool); 6] = [
        ("moov atom not found", "its index is missing; the file is not complete", true),
        ("Permission denied", "it may not be read", false),
        ("No such file", "it is gone", false),
        ("Input/output error", "the disk cannot read it", false),
        ("End of file", "it ends before it begins", true),
        ("Invalid data found", "it is damaged or not a media file", true),
    ];
    if finished.code.is_none() {
        return ("ffprobe was killed while reading it", false);
    }
    let known = KNOWN.iter().find(|(printed, ..)| finished.stderr.contains(printed));
    known.map_or(("ffprobe cannot read it", true), |(_, ours, lasting)| (ours, *lasting))
}

#[cfg(test)]
mod tests;
