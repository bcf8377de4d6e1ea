//! A job: run after run until no hole is left.

use std::sync::Arc;

use super::Conformer;
use super::hole::{Hole, next_hole, stated_end};
use super::run::{self, Extras, Feed, Means, RunEnd, Source, Task};
use crate::domain::{Accelerator, ConformEnd, Fact, Profile};
use crate::stream::ffmpeg::{
    self, AudioTreatment, Barred, Effort, Hardware, Treatment, VideoTreatment,
};
use crate::stream::store::StoreError;

/// How much is made in the fastest way, in milliseconds: the next run has begun by the time it is
/// shown.
const OPENING_MS: i64 = 6_000;

impl Conformer {
    /// Makes a rendition, and leaves word in the store when that fails.
    pub(super) async fn work(&self, task: &Task) -> ConformEnd {
        // Held to the end, so that no other server makes the same; what it has made is known then.
        let (shared, key) = (Arc::clone(&self.means.store), task.key.clone());
        let _claim = match tokio::task::spawn_blocking(move || shared.claim(&key)).await {
            Ok(Ok(claim)) => claim,
            Ok(Err(StoreError::MadeElsewhere)) | Err(_) => return ConformEnd::Cancelled,
            Ok(Err(error)) => return ConformEnd::NotStored { reason: error.to_string() },
        };
        self.note_failure(task, false);
        let end = self.fill(task).await;
        self.note_failure(task, super::is_failure(&end));
        end
    }

    /// Fills the holes of a rendition, one run after the other.
    async fn fill(&self, task: &Task) -> ConformEnd {
        let Means { store, .. } = &self.means;
        match tokio::fs::metadata(&task.media.path).await {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if !task.media.is_live() {
                    return ConformEnd::Missing;
                }
            }
            // Anything else ffmpeg will say better.
            Ok(_) | Err(_) => {}
        }
        if task.media.is_live() {
            return self.relay(task).await;
        }
        let mut from = task.from_frame;
        // A device that failed this item is left alone for the rest of it.
        let mut software = false;
        let mut opened = task.effort != Effort::Live;
        // What a copy left out, because a watermark is seen on it.
        let mut marked: Option<Hole> = None;
        loop {
            if task.cancel.is_cancelled() {
                return ConformEnd::Cancelled;
            }
            let notes = store.notes(&task.key);
            let drawn = marked.map(|_| "a watermark is drawn on it");
            let barred = Barred {
                video: drawn.or(notes.copy_barred.as_deref()),
                audio: notes.sound_barred.as_deref(),
            };
            let treatment = match treatment(task, barred) {
                Ok(treatment) => treatment,
                Err(reason) => return ConformEnd::Unusable { reason },
            };
            let stated = stated_end(&task.media, &task.profile);
            let index = store.index_of(&task.key);
            let end = notes.end_frame.or(stated);
            let next = marked.or_else(|| next_hole(index.as_deref(), from, end));
            let Some(mut hole) = next else {
                return ConformEnd::Completed;
            };
            if let Some(other) = self.next_other(task, hole.start) {
                hole.until = Some(hole.until.map_or(other, |until| until.min(other)));
            }
            let mut extras = tokio::select! {
                () = task.cancel.cancelled() => return ConformEnd::Cancelled,
                extras = self.extras(task, &treatment) => extras,
            };
            let hardware = self.hardware(task, &treatment).filter(|_| !software);
            let until = opening(&task.profile, hole, end).filter(|_| !opened && hardware.is_none());
            if let (Some(until), VideoTreatment::Encode { .. }) = (until, &treatment.video) {
                (hole.until, extras.effort) = (Some(until), Effort::Opening);
            }
            opened = true;
            let feed = Feed::File(hardware);
            match run::run(&self.means, task, &treatment, &extras, hole, feed).await {
                RunEnd::Over(ConformEnd::Unusable { reason }) if extras.words.is_some() => {
                    tracing::warn!(
                        media.id = %task.media.id,
                        "media {} goes without subtitles, because {reason}", task.media.id
                    );
                    let noted = store.note(&task.key, |notes| notes.words_barred = Some(reason));
                    if let Err(error) = noted {
                        tracing::warn!(%error, "that is not on disk and will be found out again");
                    }
                }
                RunEnd::Over(end) => return end,
                RunEnd::HardwareFailed { kind, reason } => {
                    software = true;
                    self.report_hardware(task, kind, reason).await;
                }
                RunEnd::Misfit { reason, sound }
                    if sound || treatment.video == VideoTreatment::Copy =>
                {
                    tracing::info!(
                        media.id = %task.media.id,
                        "media {} is encoded, because {reason}", task.media.id
                    );
                    let noted = store.note(&task.key, |notes| {
                        let barred =
                            if sound { &mut notes.sound_barred } else { &mut notes.copy_barred };
                        *barred = Some(reason);
                    });
                    if let Err(error) = noted {
                        tracing::warn!(%error, "that is not on disk and will be found out again");
                    }
                }
                RunEnd::Misfit { reason, .. } => return ConformEnd::Unusable { reason },
                RunEnd::Marked { from, until } => marked = Some(Hole { start: from, until }),
                RunEnd::Filled => {
                    marked = None;
                    from = hole.until.unwrap_or(hole.start);
                }
                RunEnd::Ended { last_ms } => match hole.until {
                    // The source has nothing there; the frames behind the hole may still be missing.
                    Some(until) => {
                        marked = None;
                        from = until;
                    }
                    None => return self.reached_end(task, last_ms),
                },
            }
        }
    }

    /// Finds out what a run needs to know besides the treatment.
    async fn extras(&self, task: &Task, treatment: &Treatment) -> Extras {
        let abilities = self.means.findings.abilities(&self.means).await;
        let words = self.words(task, treatment).await;
        let gain = self.gain(task, treatment).await;
        Extras { abilities, words, gain, effort: task.effort }
    }

    /// The subtitles that become part of the picture, if any can be had.
    async fn words(&self, task: &Task, treatment: &Treatment) -> Option<Source> {
        let VideoTreatment::Encode { repair, .. } = &treatment.video else { return None };
        let burned = repair.subtitles?;
        if self.means.store.notes(&task.key).words_barred.is_some() {
            return None;
        }
        if burned.bitmap {
            return Some(Source::Track(burned.track));
        }
        let texts = self.means.findings.texts(&self.means, task, burned.track).await;
        texts.map(Source::Texts)
    }

    /// What the sound is lifted by; one gain for all of a rendition, whoever begins it.
    ///
    /// A viewer does not wait until a whole file was listened to: without a finding the sound
    /// stays as loud as it is.
    async fn gain(&self, task: &Task, treatment: &Treatment) -> i32 {
        let Means { store, findings, .. } = &self.means;
        let AudioTreatment::Encode { track, downmix } = treatment.audio else { return 0 };
        if task.profile.loudness_lufs.is_none() {
            return 0;
        }
        if let Some(gain) = store.notes(&task.key).gain {
            return gain;
        }
        let heard = match findings.heard(task, track).await {
            None if task.effort == Effort::Background => {
                findings.listen(&self.means, task, track, downmix).await
            }
            heard => heard,
        };
        let gain = heard.flatten().map_or(0, |lufs| ffmpeg::gain(lufs, &task.profile));
        if let Err(error) = store.note(&task.key, |notes| notes.gain = Some(gain)) {
            tracing::warn!(%error, "the gain of media {} is not on disk", task.media.id);
        }
        gain
    }

    /// The device that encodes, if one does: stills and slates are not worth the way to it.
    fn hardware(&self, task: &Task, treatment: &Treatment) -> Option<Hardware> {
        match treatment.video {
            VideoTreatment::Encode { .. } => {
                self.means.encoders.hardware_for(&task.media, task.profile.video_codec)
            }
            VideoTreatment::Copy | VideoTreatment::Still => None,
        }
    }

    /// Tells that a device failed: nothing is retried in secret.
    async fn report_hardware(&self, task: &Task, kind: Accelerator, reason: String) {
        let benched = self.means.encoders.failed(kind, &reason);
        tracing::warn!(
            media.id = %task.media.id,
            "media {} goes on in software, because {} failed: {reason}",
            task.media.id, kind.as_str()
        );
        let fact = Fact::HardwareFailed { job: task.job, kind, reason, benched };
        tokio::select! {
            sent = self.means.facts.send(fact) => {
                if sent.is_err() {
                    tracing::debug!("nobody listens to facts any more");
                }
            }
            () = task.cancel.cancelled() => {}
        }
    }

    /// The file ended: notes its length and judges it.
    fn reached_end(&self, task: &Task, last_ms: Option<i64>) -> ConformEnd {
        let index = self.means.store.index_of(&task.key);
        let Some(last) = index.as_ref().and_then(|index| index.gops.last()) else {
            return ConformEnd::Unusable { reason: "nothing came out of it".to_owned() };
        };
        let end = last.end_frame();
        if let Err(error) = self.means.store.note(&task.key, |notes| notes.end_frame = Some(end)) {
            tracing::warn!(%error, "the length of media {} is not on disk", task.media.id);
        }
        let shown = task.profile.tick_of(end) / 90;
        let got_ms = last_ms.map_or(shown, |last| last.max(shown));
        let wanted_ms = task.media.duration_ms;
        if wanted_ms > 0 && is_truncated(got_ms, wanted_ms) {
            return ConformEnd::Truncated { got_ms, wanted_ms };
        }
        ConformEnd::Completed
    }

    /// Where another job of the same rendition began behind `start`, if one runs.
    fn next_other(&self, task: &Task, start: i64) -> Option<i64> {
        let state = self.state();
        let others = state.jobs.iter().filter(|(id, job)| {
            **id != task.job.job && job.key == task.key && job.from_frame > start
        });
        others.map(|(_, job)| job.from_frame).min()
    }
}

/// The end of what is made in the fastest way before a viewer sees anything; `None` where what is
/// missing is too short to be made in two runs.
fn opening(profile: &Profile, hole: Hole, end: Option<i64>) -> Option<i64> {
    let first = profile.rate.frame_at_or_after(OPENING_MS * 90);
    let end = hole.until.or(end);
    end.is_none_or(|end| end - hole.start > 3 * first).then_some(hole.start + first)
}

/// What is done to the task's media; a slate without a probe is a picture, everything else goes by
/// its probe.
pub(super) fn treatment(task: &Task, barred: Barred<'_>) -> Result<Treatment, String> {
    if task.effort == Effort::Slate && task.media.probe.is_none() {
        return Ok(Treatment { video: VideoTreatment::Still, audio: AudioTreatment::Silence });
    }
    let Some(probe) = &task.media.probe else {
        return Err("it was never probed".to_owned());
    };
    let looped = Some("it is looped");
    let barred = match task.effort {
        Effort::Slate => Barred { video: looped, audio: looped },
        Effort::Opening | Effort::Live | Effort::Background => barred,
    };
    ffmpeg::decide(probe, &task.profile, barred).map_err(|error| error.to_string())
}

/// Whether `got` milliseconds are well short of the `wanted` ones: by two seconds and one percent.
pub(super) fn is_truncated(got: i64, wanted: i64) -> bool {
    wanted - got > 2_000.max(wanted / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_viewer_waits_for_is_made_first_unless_there_is_little_of_it() {
        let profile = Profile::named("720p25").unwrap();
        let check = |start, until, end| opening(&profile, Hole { start, until }, end);
        assert_eq!(check(1_000, None, None), Some(1_150));
        assert_eq!(check(1_000, None, Some(1_451)), Some(1_150));
        assert_eq!(check(1_000, None, Some(1_450)), None);
        assert_eq!(check(1_000, Some(1_200), Some(9_000)), None);
    }
}
