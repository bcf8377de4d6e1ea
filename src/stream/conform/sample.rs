//! A few groups of a file as ffmpeg copies them, for comparison; nothing is stored.

use std::path::Path;

use bytes::BytesMut;
use tokio::io::AsyncReadExt;

use super::Conformer;
use super::grid::Assembler;
use super::rules::Misfit;
use crate::domain::{FfmpegRuns, Media, Profile};
use crate::mpegts::demux::Demuxer;
use crate::stream::ffmpeg::{self, Abilities, Barred, Effort, Run, VideoTreatment};
use crate::stream::pool::{Priority, Running};
use crate::stream::store::NewGop;

/// Why there are no groups to compare with.
#[derive(Debug, thiserror::Error)]
pub(in crate::stream) enum Uncopied {
    /// They break a rule, so ffmpeg's way would not copy either.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// ffmpeg could not be asked.
    #[error("{0}")]
    Failed(String),
}

/// Bytes read from the pipe at once.
const READ: usize = 256 * 1024;

impl Conformer {
    /// Copies at least `count` groups of `media` around `from_frame` and on, as far as there are;
    /// `phase` is how far its pictures lie behind the grid, if that is known.
    ///
    /// # Errors
    /// When ffmpeg cannot be run or read, or what comes breaks a rule.
    pub(in crate::stream) async fn copied(
        &self,
        media: &Media,
        profile: &Profile,
        from_frame: i64,
        count: usize,
        phase: Option<i64>,
    ) -> Result<Vec<NewGop>, Uncopied> {
        let treatment =
            media.probe.as_ref().map(|probe| ffmpeg::decide(probe, profile, Barred::default()));
        let Some(Ok(treatment)) = treatment else {
            return Err(Uncopied::Failed("there is nothing to play".to_owned()));
        };
        if treatment.video != VideoTreatment::Copy {
            return Err(Uncopied::Failed("its picture is not copied".to_owned()));
        }
        let tuning = FfmpegRuns::default();
        let run = Run {
            path: &media.path,
            treatment: &treatment,
            profile,
            from_frame,
            until_frame: None,
            phase: phase.unwrap_or(0),
            effort: Effort::Background,
            threads: 1,
            still: Path::new(""),
            abilities: Abilities::ALL,
            words: None,
            gain: 0,
            upstream: None,
            tuning: &tuning,
        };
        let (pool, ffmpeg) = (&self.means.pool, self.means.ffmpeg.clone());
        let running = pool.spawn(ffmpeg, run.arguments(), Priority::Background).await;
        let mut running = running.map_err(|error| Uncopied::Failed(error.to_string()))?;
        let mut assembler = Assembler::new(profile, &treatment, phase);
        let taken = take(&mut running, &mut assembler, count).await;
        running.kill();
        taken
    }
}

/// Reads groups until there are enough or the pipe ends.
async fn take(
    running: &mut Running,
    assembler: &mut Assembler,
    count: usize,
) -> Result<Vec<NewGop>, Uncopied> {
    let mut demuxer = Demuxer::new();
    let mut buffer = BytesMut::with_capacity(READ);
    let mut groups = Vec::new();
    let mut stderr_open = true;
    while groups.len() < count {
        buffer.clear();
        // Both reads may be dropped without losing anything.
        let samples = tokio::select! {
            line = running.stderr.recv(), if stderr_open => {
                // What ffmpeg complains about is told when it conforms the file.
                stderr_open = line.is_some();
                continue;
            }
            length = running.stdout.read_buf(&mut buffer) => match length {
                Ok(0) => break,
                Ok(_) => demuxer.push(&buffer),
                Err(error) => return Err(Uncopied::Failed(error.to_string())),
            },
        };
        for sample in samples {
            groups.extend(assembler.push(sample)?);
        }
    }
    if groups.len() < count {
        for sample in demuxer.finish(true) {
            groups.extend(assembler.push(sample)?);
        }
        groups.extend(assembler.finish(false)?);
    }
    Ok(groups)
}
