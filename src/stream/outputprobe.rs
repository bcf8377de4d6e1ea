//! Looks at what a running channel really sends, for the operator's verifier.
//!
//! It takes the bytes from the ring as a viewer would get them, judges them with the strict
//! checker, and lets ffmpeg decode a second of them. It shares no state with the task that made
//! them, so that "fixed" is not said by the one who is to be fixed.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use super::channel::Live;
use super::compose::Shows;
use crate::domain::{MediaId, UtcMillis};
use crate::foundation::process::{Command, ProcessError, Processes};
use crate::mpegts::check::check;

/// Units decoded at most.
const DECODED: usize = 2;
/// Faults named at most.
const NAMED: usize = 5;

/// What a channel sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputProbe {
    /// When it was looked at.
    pub at: UtcMillis,
    /// Units found from the one on air on.
    pub units: usize,
    /// Pictures in them.
    pub pictures: usize,
    /// What they are ahead of now, in milliseconds; negative when the channel is late.
    pub headroom_ms: i64,
    /// Continuity errors.
    pub continuity_errors: u64,
    /// All faults the checker found.
    pub faults: usize,
    /// The first few, in words.
    pub first_faults: Vec<String>,
    /// The media shown at the end of what is ready; `None` for a slate.
    pub media: Option<MediaId>,
    /// Whether that is the slate that stands in for media.
    pub on_slate: bool,
    /// What ffmpeg complained about when decoding; `None` when it did not.
    pub decode_error: Option<String>,
}

impl OutputProbe {
    /// Whether a viewer gets a clean stream of the media that is due.
    pub fn is_healthy(&self) -> bool {
        self.units > 0
            && self.headroom_ms > 0
            && self.faults == 0
            && !self.on_slate
            && self.decode_error.is_none()
    }
}

/// Why the output could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The channel does not run.
    #[error("the channel is not running")]
    NotRunning,
    /// The piece to be decoded could not be written.
    #[error("write a piece of the stream to {path}")]
    Write {
        /// Where.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The decoder could not be run.
    #[error("decode a piece of the stream")]
    Decode(#[from] ProcessError),
}

/// Looks at what `live` has from the unit on air on.
pub(super) async fn probe(
    live: &Live,
    processes: &dyn Processes,
    ffmpeg: &OsStr,
    folder: &Path,
) -> Result<OutputProbe, ProbeError> {
    let now_ms = live.now_ms();
    let frame = live.profile.rate.frame_at_or_before(now_ms * 90);
    let recent = live.recent();
    let on_air = recent.iter().rev().find(|unit| unit.first <= frame);
    let from = on_air.or(recent.first()).map_or(i64::MAX, |unit| live.profile.tick_of(unit.first));
    let units = live.ring.units_from(from);

    let report = check(&units.concat(), now_ms * 90);
    let newest = recent.last().map(|unit| unit.shows);
    let decode_error = match units.len() {
        0 => Some("nothing to decode".to_owned()),
        count => {
            let piece = units[count.saturating_sub(DECODED)..].concat();
            decode(piece, processes, ffmpeg, folder, live.channel.0).await?
        }
    };
    Ok(OutputProbe {
        at: UtcMillis(now_ms),
        units: units.len(),
        pictures: report.pictures.len(),
        headroom_ms: live.edge_ms() - now_ms,
        continuity_errors: report.continuity_errors,
        faults: report.faults.len(),
        first_faults: report.faults.iter().take(NAMED).map(|fault| fault.what.clone()).collect(),
        media: match newest {
            Some(Shows::Media(media)) => Some(media),
            Some(Shows::Standby(_) | Shows::NoProgramming | Shows::Interim) | None => None,
        },
        on_slate: matches!(newest, Some(Shows::Standby(_))),
        decode_error,
    })
}

/// Decodes `piece`; gives what the decoder complained about, if it did.
async fn decode(
    piece: Vec<u8>,
    processes: &dyn Processes,
    ffmpeg: &OsStr,
    folder: &Path,
    channel: i64,
) -> Result<Option<String>, ProbeError> {
    let path = folder.join(format!("probe-{channel}.ts"));
    let failed = |source| ProbeError::Write { path: path.display().to_string(), source };
    tokio::fs::create_dir_all(folder).await.map_err(failed)?;
    tokio::fs::write(&path, piece).await.map_err(failed)?;
    let mut args: Vec<std::ffi::OsString> =
        "-nostdin -hide_banner -v error -xerror -f mpegts -i".split(' ').map(Into::into).collect();
    args.push(path.clone().into());
    args.extend("-t 1 -f null -".split(' ').map(Into::into));
    let command = Command {
        program: ffmpeg.to_owned(),
        args,
        timeout: Duration::from_secs(20),
        max_output: 1 << 16,
    };
    let finished = processes.run(command).await;
    if let Err(error) = tokio::fs::remove_file(&path).await {
        tracing::debug!(%error, "a probed piece of stream could not be removed");
    }
    let finished = finished?;
    let complaint = finished.stderr.lines().next().unwrap_or("").chars().take(200).collect();
    let clean = finished.code == Some(0) && finished.stderr.trim().is_empty();
    Ok((!clean).then_some(complaint))
}
