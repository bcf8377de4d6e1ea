//! From access units to groups on the profile's grid, or the reason why they do not fit. PURE.
//!
//! Encoded pictures lie on the grid because ffmpeg was told so. Copied pictures are checked one by
//! one: they may lie behind the grid by one constant (the phase, the same in every run of a file,
//! taken off pictures and sound alike), and everything else that a joiner or a splice relies on
//! must hold in them: closed groups of at most four seconds that begin with an IDR, no missing
//! picture, no reordering beyond the profile's, one set of parameters.
//!
//! Sound is laid on the rigid grid of its codec, which begins with the first frame of the run; a
//! source that jitters is straightened, one that has holes gets silence in them, and what overlaps
//! is dropped. A group takes the sound of the time it is shown.

use std::collections::VecDeque;

use bytes::Bytes;

use super::rules::{self, Misfit, PictureGrid};
use crate::domain::Profile;
use crate::mpegts::coding::{Coding, Role, SoundCoding};
use crate::mpegts::demux::{Kind, Sample};
use crate::mpegts::h264;
use crate::stream::coding::coding;
use crate::stream::ffmpeg::{AudioTreatment, ORIGIN_TICKS, Treatment, VideoTreatment};
use crate::stream::rendition::{Gop, VideoUnit};
use crate::stream::store::NewGop;

/// How far the picture may run ahead of the sound before a group goes without the rest of it.
const PATIENCE_TICKS: i64 = 2 * 90_000;

/// Makes groups of the access units of one run.
#[derive(Debug)]
pub(super) struct Assembler {
    profile: Profile,
    coding: Coding,
    copied: bool,
    sound_copied: bool,
    has_audio: bool,
    /// Whether the times of the sound still have the phase in them: ffmpeg takes it off only
    /// where it encodes both.
    sound_raw: bool,
    /// What is taken off the sound where pictures are encoded.
    sound_phase: Option<i64>,
    grid: PictureGrid,
    /// Sound that came before the phase was known.
    early: Vec<Sample>,
    longest: usize,
    parameters: Option<Vec<Bytes>>,
    open: Option<Open>,
    /// Complete but for their sound, with the frame after their last.
    waiting: VecDeque<(Open, i64)>,
    sound: Sound,
    skipped: usize,
    video_dts: i64,
}

/// A group whose next key frame has not come.
#[derive(Debug)]
struct Open {
    first: i64,
    pictures: Vec<VideoUnit>,
}

impl Assembler {
    /// For one run; `phase` is what an earlier copying run found.
    pub(super) fn new(profile: &Profile, treatment: &Treatment, phase: Option<i64>) -> Self {
        let copied = treatment.video == VideoTreatment::Copy;
        let sound_copied = matches!(treatment.audio, AudioTreatment::Copy { .. });
        Self {
            profile: profile.clone(),
            coding: coding(profile),
            copied,
            sound_copied,
            has_audio: treatment.audio != AudioTreatment::Silence,
            sound_raw: copied || sound_copied,
            // Encoded pictures lie on the grid; only the sound may have the phase in it.
            grid: PictureGrid::new(profile, if copied { phase } else { Some(0) }),
            sound_phase: if copied { None } else { Some(phase.unwrap_or(0)) },
            early: Vec::new(),
            longest: rules::longest_group(profile),
            parameters: None,
            open: None,
            waiting: VecDeque::new(),
            sound: Sound::new(profile),
            skipped: 0,
            video_dts: i64::MIN,
        }
    }

    /// How far pictures lie behind the grid; known from the first one on.
    pub(super) fn phase(&self) -> Option<i64> {
        self.sound_phase.or(self.grid.phase())
    }

    /// Takes an access unit and gives the groups that are complete now.
    ///
    /// # Errors
    /// When it breaks a rule; the groups given before are good.
    pub(super) fn push(&mut self, sample: Sample) -> Result<Vec<NewGop>, Misfit> {
        match sample.kind {
            Kind::Video => self.picture(sample)?,
            Kind::Audio => self.early.push(sample),
        }
        self.hear()?;
        Ok(self.complete(false))
    }

    /// Ends the run: gives what is left.
    ///
    /// `torn` says that the source broke off; then a last group with holes is left out.
    ///
    /// # Errors
    /// When the last group breaks a rule.
    pub(super) fn finish(&mut self, torn: bool) -> Result<Vec<NewGop>, Misfit> {
        if let Some(open) = self.open.take() {
            let end = open.pictures.iter().map(|unit| unit.frame + 1).max().unwrap_or(open.first);
            match self.close(open, end) {
                Err(Misfit::Missing) if torn => {}
                closed => closed?,
            }
        }
        Ok(self.complete(true))
    }

    /// Lays sound on its grid as soon as the phase is known.
    ///
    /// What is not a frame of the profile is left out; where sound is copied and begins with one,
    /// all of it is like that.
    fn hear(&mut self) -> Result<(), Misfit> {
        let Some(phase) = self.phase() else { return Ok(()) };
        let phase = if self.sound_raw { phase } else { 0 };
        for sample in self.early.drain(..) {
            if self.coding.sound.is_frame(&sample.data) {
                self.sound.push(sample.pts - ORIGIN_TICKS - phase, sample.data);
            } else if self.sound_copied && self.sound.origin.is_none() {
                return Err(Misfit::Sound);
            }
        }
        Ok(())
    }

    fn picture(&mut self, sample: Sample) -> Result<(), Misfit> {
        let key = self.coding.picture.is_key(&sample.data);
        if self.open.is_none() && !key {
            // A run may begin inside a group; what cannot be decoded is left out.
            self.skipped += 1;
            return if self.skipped > self.longest { Err(Misfit::LongGroup) } else { Ok(()) };
        }
        self.video_dts = self.video_dts.max(sample.dts - ORIGIN_TICKS);
        let frame = self.grid.frame_of(sample.pts - ORIGIN_TICKS)?;
        if key {
            self.check_parameters(&sample.data)?;
            if let Some(open) = self.open.take() {
                self.close(open, frame)?;
            }
            self.open = Some(Open { first: frame, pictures: Vec::new() });
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        rules::check_order(&self.profile, open.first, open.pictures.len(), frame)?;
        open.pictures.push(VideoUnit { frame, data: sample.data });
        if open.pictures.len() > self.longest { Err(Misfit::LongGroup) } else { Ok(()) }
    }

    fn check_parameters(&mut self, key: &Bytes) -> Result<(), Misfit> {
        let coding = self.coding.picture;
        if !coding.has_parameter_sets(key) {
            return Err(Misfit::NoParameters);
        }
        let distinct = rules::distinct(
            h264::nal_units(key)
                .filter(|nal| coding.role(nal) == Some(Role::StreamSet))
                .map(Bytes::copy_from_slice),
        );
        match &self.parameters {
            Some(known) if *known != distinct => Err(Misfit::Changed),
            Some(_) => Ok(()),
            None => {
                self.parameters = Some(distinct);
                Ok(())
            }
        }
    }

    /// Checks a group whose end is known and lets it wait for its sound.
    fn close(&mut self, open: Open, end: i64) -> Result<(), Misfit> {
        let mut shown: Vec<i64> = open.pictures.iter().map(|unit| unit.frame).collect();
        rules::check_group(open.first, &mut shown, end, !self.copied)?;
        self.waiting.push_back((open, end));
        Ok(())
    }

    /// Takes the groups whose sound is there, or will not come.
    fn complete(&mut self, ended: bool) -> Vec<NewGop> {
        let mut ready = Vec::new();
        while let Some((_, end)) = self.waiting.front() {
            let end_tick = self.profile.tick_of(*end);
            let heard = !self.has_audio || self.sound.reached(end_tick);
            if !heard && !ended && self.video_dts < end_tick + PATIENCE_TICKS {
                break;
            }
            let Some((open, end)) = self.waiting.pop_front() else { break };
            let start_tick = self.profile.tick_of(open.first);
            let (audio_tick, audio) = self.sound.take(start_tick, end_tick);
            ready.push(NewGop {
                first_frame: open.first,
                frames: u32::try_from(end - open.first).unwrap_or(u32::MAX),
                audio_tick,
                gop: Gop { video: open.pictures, audio },
            });
        }
        ready
    }
}

/// Sound on its grid.
#[derive(Debug)]
struct Sound {
    profile: Profile,
    coding: SoundCoding,
    /// Tick of frame 0 of the run's grid.
    origin: Option<i64>,
    /// The frame after the last one taken.
    next: i64,
    frames: VecDeque<(i64, Bytes)>,
}

impl Sound {
    fn new(profile: &Profile) -> Self {
        let coding = coding(profile).sound;
        let frames = VecDeque::new();
        Self { profile: profile.clone(), coding, origin: None, next: 0, frames }
    }

    fn push(&mut self, tick: i64, data: Bytes) {
        let step = self.profile.audio_ticks();
        let origin = *self.origin.get_or_insert_with(|| rules::sound_origin(&self.profile, tick));
        let off = tick - (origin + self.next * step);
        // One and a half frames of tolerance, so that jitter does not flip-flop.
        let index = if off.abs() * 2 <= step * 3 {
            self.next
        } else {
            (tick - origin + step / 2).div_euclid(step)
        };
        if index >= self.next {
            self.frames.push_back((index, data));
            self.next = index + 1;
        }
    }

    /// Whether all sound before `tick` is there.
    fn reached(&self, tick: i64) -> bool {
        self.origin.is_some_and(|origin| origin + self.next * self.profile.audio_ticks() >= tick)
    }

    /// Takes the frames that begin in `from..until`, with silence in holes; drops earlier ones.
    fn take(&mut self, from: i64, until: i64) -> (i64, Vec<Bytes>) {
        let step = self.profile.audio_ticks();
        let Some(origin) = self.origin else { return (0, Vec::new()) };
        let mut audio = Vec::new();
        let mut first = None;
        while let Some((index, _)) = self.frames.front() {
            let tick = origin + index * step;
            if tick >= until {
                break;
            }
            let Some((index, data)) = self.frames.pop_front() else { break };
            if tick < from {
                continue;
            }
            let first = *first.get_or_insert(index);
            let place = usize::try_from(index - first).unwrap_or(0);
            audio.resize_with(place, || self.coding.silence());
            audio.push(data);
        }
        (first.map_or(0, |first| origin + first * step), audio)
    }
}

#[cfg(test)]
mod tests;
