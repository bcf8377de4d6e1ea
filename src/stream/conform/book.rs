//! The book of one run: where it runs and how fast, and whether a device is to blame for its end.

use std::sync::Arc;

use super::run::{Means, RunEnd, Task};
use crate::domain::{ConformEnd, Fact, RunsOn};
use crate::stream::encoders::{RunNote, beginning};
use crate::stream::ffmpeg::{
    AudioTreatment, Effort, Hardware, Treatment, VideoTreatment, encoders,
};

/// Lines kept of a run on a device that has given nothing yet.
const KEPT_LINES: usize = 64;

/// See the module.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) note: Arc<RunNote>,
    hardware: Option<Hardware>,
    /// What ffmpeg said before the first picture of a run on a device: should the processor take
    /// over, it says nothing about the source.
    lines: Vec<String>,
    came: bool,
}

impl Book {
    /// Opens the book when the run begins.
    pub(super) fn open(
        means: &Means,
        task: &Task,
        treatment: &Treatment,
        hardware: Option<&Hardware>,
    ) -> Self {
        let device = hardware.map(|hardware| RunsOn::Device(hardware.kind));
        let encode = device.unwrap_or(RunsOn::Processor);
        let decode = device.filter(|_| hardware.is_some_and(Hardware::decodes));
        let sound_only = match treatment.audio {
            AudioTreatment::Encode { .. } => RunsOn::Processor,
            AudioTreatment::Copy { .. } | AudioTreatment::Silence => RunsOn::Nothing,
        };
        let places = match treatment.video {
            VideoTreatment::Copy => (sound_only, sound_only, sound_only),
            VideoTreatment::Encode { .. } | VideoTreatment::Still => {
                (decode.unwrap_or(RunsOn::Processor), RunsOn::Processor, encode)
            }
        };
        let now = means.clock.now_ms();
        let run = beginning(task.job, &task.media, &task.profile, now, places);
        let note = means.encoders.note_run(run, &task.profile, now);
        Self { note, hardware: hardware.cloned(), lines: Vec::new(), came: false }
    }

    /// Takes a line of ffmpeg; gives it back when it is to be reported now.
    pub(super) fn hear(&mut self, line: String) -> Option<String> {
        if self.hardware.is_none() {
            return Some(line);
        }
        if encoders::decodes_in_software(&line) {
            self.note.decodes_here();
        }
        if self.came {
            return Some(line);
        }
        if self.lines.len() < KEPT_LINES {
            self.lines.push(line);
        }
        None
    }

    /// Frames are in the store.
    pub(super) fn stored(&mut self, means: &Means, frames: u64) {
        if let Some(hardware) = self.hardware.as_ref().filter(|_| !self.came) {
            means.encoders.worked(hardware.kind);
        }
        self.came = true;
        self.note.stored(frames, means.clock.now_ms());
    }

    /// Closes the book: a run on a device that gave nothing failed because of the device, unless
    /// it ended on purpose or for lack of something else.
    pub(super) fn close(self, means: &Means, task: &Task, end: RunEnd) -> RunEnd {
        let now = means.clock.now_ms();
        let may_blame = match &end {
            RunEnd::Misfit { .. } => true,
            // Nothing came although the file went to its end: the device swallowed it.
            RunEnd::Ended { .. } => !self.came,
            RunEnd::Over(ConformEnd::Exited { signal: None, .. } | ConformEnd::Unusable { .. }) => {
                !self.came
            }
            RunEnd::Over(_)
            | RunEnd::Filled
            | RunEnd::Marked { .. }
            | RunEnd::HardwareFailed { .. } => false,
        };
        if let Some(hardware) = self.hardware.as_ref().filter(|_| may_blame) {
            self.note.ended("fallback", now);
            let explained = encoders::explain(hardware.kind, &self.lines.join("\n"));
            let reason = match &end {
                _ if explained.certain => explained.reason.to_owned(),
                RunEnd::Misfit { reason, .. } => format!("what it gave cannot be used: {reason}"),
                _ => "it gave no picture".to_owned(),
            };
            return RunEnd::HardwareFailed { kind: hardware.kind, reason };
        }
        let good = matches!(end, RunEnd::Filled | RunEnd::Ended { .. });
        self.note.ended(if good { "done" } else { "ended" }, now);
        if task.effort != Effort::Slate {
            for line in self.lines {
                // As for every other line: a full queue loses it.
                if means.facts.try_send(Fact::StderrLine { job: task.job, line }).is_err() {
                    tracing::debug!("a line of ffmpeg was not reported");
                }
            }
        }
        end
    }
}
