//! Whether what was made ahead can be shown: it is looked at before anybody relies on it.
//!
//! A few groups are taken (the first, the last, and two between them), read as a viewer's channel
//! would read them, judged by what splicing needs, and decoded. What was copied and is broken is
//! made once more by encoding; what was encoded and is broken is removed, and its media counts as
//! corrupt. What could not be looked at because there was no process to be had stays as it is, and
//! is looked at when it is made or asked for again.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use super::Conformer;
use super::job::treatment;
use super::rules;
use super::run::Task;
use crate::domain::{ConformEnd, Profile};
use crate::foundation::process::{Command, Processes};
use crate::mpegts::h264;
use crate::stream::ffmpeg::{Barred, Effort, VideoTreatment};
use crate::stream::rendition::{Gop, GopEntry, RenditionIndex, Renditions};

/// How long decoding some seconds may take on a busy machine.
const DECODE: Duration = Duration::from_secs(120);

impl Conformer {
    /// Does a job, and looks at what came of it when nobody waits.
    pub(super) async fn make(&self, task: &Task) -> ConformEnd {
        let end = self.work(task).await;
        let Some(reason) = self.broken(task, &end).await else { return end };
        let store = &self.means.store;
        let notes = store.notes(&task.key);
        let barred =
            Barred { video: notes.copy_barred.as_deref(), audio: notes.sound_barred.as_deref() };
        let copied =
            treatment(task, barred).is_ok_and(|treatment| treatment.video == VideoTreatment::Copy);
        store.discard(&task.key);
        tracing::warn!(
            media.id = %task.media.id,
            "what was made of media {} cannot be shown, because {reason}", task.media.id
        );
        if !copied {
            return ConformEnd::Unusable { reason };
        }
        if let Err(error) = store.note(&task.key, |notes| notes.copy_barred = Some(reason)) {
            tracing::warn!(%error, "that is not on disk and will be found out again");
        }
        let end = self.work(task).await;
        match self.broken(task, &end).await {
            None => end,
            Some(reason) => {
                store.discard(&task.key);
                ConformEnd::Unusable { reason }
            }
        }
    }

    /// What is wrong with what a job made, if anything is and it was made for nobody.
    async fn broken(&self, task: &Task, end: &ConformEnd) -> Option<String> {
        let store = &self.means.store;
        let made = matches!(end, ConformEnd::Completed | ConformEnd::Truncated { .. });
        if !made || task.effort != Effort::Background || store.notes(&task.key).verified {
            return None;
        }
        let index = store.index_of(&task.key)?;
        let (shelf, profile) = (Arc::clone(store), task.profile.clone());
        let looked = tokio::task::spawn_blocking(move || look(&*shelf, &index, &profile)).await;
        let sample = match looked {
            Ok(Ok(sample)) => sample,
            Ok(Err(Flaw::Broken(reason))) => return Some(reason),
            // The store has taken it out of the index: a hole like any other.
            Ok(Err(Flaw::Gone)) | Err(_) => return None,
        };
        match self.decodes(task, sample).await {
            Ok(()) => {
                if let Err(error) = store.note(&task.key, |notes| notes.verified = true) {
                    tracing::debug!(%error, "media {} will be looked at again", task.media.id);
                }
                None
            }
            Err(Flaw::Broken(reason)) => Some(reason),
            Err(Flaw::Gone) => None,
        }
    }

    /// Decodes a sample; every picture of it must come out.
    async fn decodes(&self, task: &Task, sample: Sample) -> Result<(), Flaw> {
        let folder = self.means.findings.folder();
        let place = |kind: &str| folder.join(format!("sample-{}.{kind}", task.job.job));
        let (pictures, sounds) = (place("video"), place("audio"));
        let has_sound = !sample.sounds.is_empty();
        let write = async {
            tokio::fs::create_dir_all(folder).await?;
            tokio::fs::write(&pictures, &sample.pictures).await?;
            tokio::fs::write(&sounds, &sample.sounds).await
        };
        let written = write.await;
        let mut args: Vec<OsString> =
            "-nostdin -hide_banner -v error -xerror".split(' ').map(Into::into).collect();
        let mut input = |path: &std::path::Path| {
            args.extend(["-protocol_whitelist", "file", "-i"].map(OsString::from));
            let mut file = OsString::from("file:");
            file.push(path);
            args.push(file);
        };
        input(&pictures);
        if has_sound {
            input(&sounds);
        }
        args.extend("-map 0:v".split(' ').map(OsString::from));
        if has_sound {
            args.extend("-map 1:a".split(' ').map(OsString::from));
        }
        args.extend("-fps_mode passthrough -f framecrc -".split(' ').map(OsString::from));
        let command = Command {
            program: self.means.ffmpeg.clone(),
            args,
            timeout: DECODE,
            max_output: 1 << 20,
        };
        let answer = match written {
            Ok(()) => self.means.pool.run(command).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        for path in [&pictures, &sounds] {
            if let Err(error) = tokio::fs::remove_file(path).await {
                tracing::debug!(%error, "a sample could not be removed");
            }
        }
        let finished = answer.map_err(|error| {
            tracing::debug!("media {} is not looked at: {error}", task.media.id);
            Flaw::Gone
        })?;
        if finished.code != Some(0) {
            let said: String =
                finished.stderr.lines().next().unwrap_or("").chars().take(160).collect();
            return Err(Flaw::Broken(format!("what was made does not decode: {said}")));
        }
        let out = String::from_utf8_lossy(&finished.stdout);
        let came = out.lines().filter(|line| line.trim_start().starts_with("0,")).count();
        if came != sample.count {
            let count = sample.count;
            return Err(Flaw::Broken(format!("only {came} of {count} pictures decode")));
        }
        Ok(())
    }
}

/// Groups as they are decoded.
#[derive(Debug, Default)]
struct Sample {
    pictures: Vec<u8>,
    sounds: Vec<u8>,
    /// Pictures in it.
    count: usize,
}

/// What stands in the way of relying on a rendition.
#[derive(Debug, PartialEq, Eq)]
enum Flaw {
    /// It cannot be shown.
    Broken(String),
    /// It cannot be looked at now.
    Gone,
}

/// Judges the index, and reads the groups that are to be decoded. Blocks on the disk.
fn look(store: &dyn Renditions, index: &RenditionIndex, profile: &Profile) -> Result<Sample, Flaw> {
    let mut sample = Sample::default();
    for gop in index.gops.iter() {
        if let Some(flaw) = misplaced(gop, profile) {
            return Err(Flaw::Broken(flaw));
        }
    }
    for at in chosen(index.gops.len(), index.key.version) {
        let entry = &index.gops[at];
        let gop = store.read(&index.key, entry).map_err(|_| Flaw::Gone)?;
        if let Some(flaw) = unplayable(entry, &gop) {
            return Err(Flaw::Broken(flaw));
        }
        sample.count += gop.video.len();
        gop.video.iter().for_each(|unit| sample.pictures.extend_from_slice(&unit.data));
        gop.audio.iter().for_each(|frame| sample.sounds.extend_from_slice(frame));
    }
    if sample.count == 0 { Err(Flaw::Gone) } else { Ok(sample) }
}

/// Which groups are decoded: the first, the last, and two by `seed`.
fn chosen(count: usize, seed: u64) -> Vec<usize> {
    let Some(last) = count.checked_sub(1) else { return Vec::new() };
    let by = |seed: u64| usize::try_from(seed % count as u64).unwrap_or(0);
    let mut chosen = vec![0, by(seed), by(seed.rotate_left(29)), last];
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

/// What is wrong with a group's place in time.
fn misplaced(gop: &GopEntry, profile: &Profile) -> Option<String> {
    let step = profile.audio_ticks();
    let first = gop.first_frame;
    // Short holes belong to the group before them.
    if usize::try_from(gop.frames).unwrap_or(usize::MAX) > 2 * rules::longest_group(profile) {
        return Some(format!("the group at frame {first} has {} frames", gop.frames));
    }
    // A group that was cut where another one begins keeps its sound.
    let begin = profile.tick_of(first);
    let end = begin + Profile::MAX_GOP_MS * 90;
    let sounds_until = gop.audio_tick + i64::from(gop.audio_frames) * step;
    let astray = gop.audio_tick < begin - 2 * step || sounds_until > end + 2 * step;
    (gop.audio_frames > 0 && astray)
        .then(|| format!("the sound of the group at frame {first} is somewhere else"))
}

/// What keeps a group from being begun with.
fn unplayable(entry: &GopEntry, gop: &Gop) -> Option<String> {
    let first = entry.first_frame;
    let frames = gop.video.iter().map(|unit| unit.frame);
    if { frames }.any(|frame| frame < first || frame >= entry.end_frame()) {
        return Some(format!("the group at frame {first} shows something else"));
    }
    let key = gop.video.first()?;
    // Another codec than H.264 is judged by its decoder alone.
    let avc = h264::nal_units(&key.data).filter_map(h264::nal_type).any(|nal| nal == h264::NAL_IDR);
    if avc && !h264::has_parameter_sets(&key.data) {
        return Some(format!("the group at frame {first} cannot be begun with"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_and_two_between_are_decoded() {
        assert_eq!(chosen(0, 7), [0_usize; 0]);
        assert_eq!(chosen(1, 7), [0]);
        assert_eq!(chosen(100, 7).first(), Some(&0));
        let chosen = chosen(100, 0x1234_5678_9ABC_DEF0);
        assert_eq!((chosen.len(), chosen.last()), (4, Some(&99)));
    }

    #[test]
    fn sound_belongs_to_the_time_it_is_shown() {
        let profile = Profile::named("360p25").unwrap();
        let gop = |audio_tick, audio_frames| GopEntry {
            first_frame: 50,
            frames: 50,
            audio_tick,
            audio_frames,
            span: 0,
            offset: 0,
            length: 0,
        };
        let check = |gop| misplaced(&gop, &profile).is_none();
        assert!(check(gop(180_000, 93)) && check(gop(0, 0)) && check(gop(179_000, 94)));
        assert!(!check(gop(100_000, 93)) && !check(gop(180_000, 300)));
        assert!(!check(GopEntry { frames: 500, ..gop(0, 0) }));
    }
}
