//! Matroska: groups by the cues, samples by the blocks that lie there.
//!
//! A Matroska file has no table of samples. Its cues say where key frames are, and that makes the
//! index; which pictures and sounds a group holds shows when its blocks are read, and then the
//! rules of copying are checked, too. The first and the last group are looked at when the file is
//! opened. Sound is expected on its rigid grid: frames are put where their times say, and silence
//! is put where one is missing.
//!
//! Files without cues for their picture, live recordings (clusters of unstated size), compressed
//! or encrypted tracks are left to ffmpeg.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;

use super::ebml::{Block, Element, LONGEST_HEAD, elements, find, unsigned};
use super::film::{Group, Layout, Plan, Request};
use super::source::Source;
use super::units::{self, Pictures, is_profile_audio};
use super::{Fault, Unfit};
use crate::domain::Profile;
use crate::mpegts::coding::{PictureCoding, SoundCodec};
use crate::stream::coding::coding;
use crate::stream::conform::rules::{self, Misfit};
use crate::stream::rendition::{Gop, GopEntry, VideoUnit};

const EBML: u32 = 0x1A45_DFA3;
const SEGMENT: u32 = 0x1853_8067;
const SEEK_HEAD: u32 = 0x114D_9B74;
const INFO: u32 = 0x1549_A966;
const TRACKS: u32 = 0x1654_AE6B;
const CUES: u32 = 0x1C53_BB6B;
const CLUSTER: u32 = 0x1F43_B675;
const TIMESTAMP: u32 = 0xE7;
const SIMPLE_BLOCK: u32 = 0xA3;
const BLOCK_GROUP: u32 = 0xA0;
const BLOCK: u32 = 0xA1;

/// Elements beside each other at the top, beyond which it is not an ordinary file.
const MAX_TOP: usize = 200;
/// The largest of the tables: the cues of a day are a tenth of it.
const MAX_TABLE: u64 = 16 << 20;
/// Elements walked over for one group: 4 s of film are a tenth of it.
const MAX_STEPS: usize = 20_000;
/// A block beyond this is not one.
const MAX_BLOCK: u64 = 16 << 20;
/// How far behind a group its last sound is looked for, in bytes.
const TAIL: u64 = 8 << 20;
/// Bytes read at once.
const READ: u64 = 512 << 10;

/// Groups of a Matroska file.
#[derive(Debug)]
pub(super) struct Clusters {
    video: u64,
    audio: Option<u64>,
    clock: Clock,
    /// Where the grid of sound begins, in ticks of the rendition.
    origin: i64,
    /// How long a frame of sound is, in ticks.
    step: i64,
    cues: Box<[Cue]>,
    size: u64,
}

/// Where a key frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cue {
    /// Its time in units of the file.
    time: i64,
    /// Where its cluster begins in the file.
    cluster: u64,
    /// Where its block begins in the content of the cluster; 0 when that is not stated.
    inside: u64,
}

/// From times of the file to ticks of the rendition.
#[derive(Debug, Clone, Copy)]
struct Clock {
    /// Nanoseconds of a unit.
    scale: i64,
    /// What is taken off: media time zero and the phase, in ticks.
    zero: i64,
    /// What is taken off sound in addition, in ticks: its decoder's delay.
    delay: i64,
}

impl Clock {
    fn video(&self, time: i64) -> i64 {
        ticks(time, self.scale) - self.zero
    }

    fn audio(&self, time: i64) -> i64 {
        self.video(time) - self.delay
    }
}

/// A time in units of `scale` nanoseconds, in ticks, rounded to the nearest.
fn ticks(time: i64, scale: i64) -> i64 {
    let nanoseconds = i128::from(time) * i128::from(scale);
    let ticks = (nanoseconds * 9 + 50_000).div_euclid(100_000);
    i64::try_from(ticks).unwrap_or(i64::MAX / 4)
}

/// Reads head and cues of the file and says what groups it is made of.
///
/// # Errors
/// When it is not a Matroska file that can be read in process.
pub(super) fn open(source: &dyn Source, request: &Request<'_>) -> Result<Plan, Unfit> {
    const NO_CUES: Unfit = Unfit::Kind("it has no list of key frames");
    let top = Top::read(source, request.stamp.size)?;
    let scale = match find(&top.info, 0x2A_D7B1) {
        Some(scale) => unsigned(scale).and_then(|scale| i64::try_from(scale).ok()),
        None => Some(1_000_000),
    };
    let scale = scale.filter(|scale| (1..=1_000_000_000).contains(scale));
    let scale = scale.ok_or(Unfit::Kind("its header is damaged"))?;
    let tracks: Vec<Track<'_>> = elements(&top.tracks)
        .filter(|(id, _)| *id == 0xAE)
        .filter_map(|(_, entry)| Track::parse(entry))
        .collect();
    let video = tracks.iter().find(|track| track.kind == 1);
    let video = video.ok_or(Unfit::Kind("it has no picture"))?;
    let mut sounds = tracks.iter().filter(|track| track.kind == 2);
    let audio = match request.audio {
        Some(which) => Some(sounds.nth(which).ok_or(Unfit::Kind("its sound is not found"))?),
        None => None,
    };
    if video.is_wrapped || audio.is_some_and(|track| track.is_wrapped) {
        return Err(Unfit::Kind("its tracks are compressed"));
    }
    let coding = coding(request.profile);
    let name: &[u8] = match coding.picture {
        PictureCoding::H264 => b"V_MPEG4/ISO/AVC",
        PictureCoding::Hevc => b"V_MPEGH/ISO/HEVC",
    };
    let pictures = Some(video).filter(|track| track.codec == name);
    let pictures = pictures.and_then(|track| Pictures::parse(coding.picture, track.private));
    let pictures = pictures.ok_or(Unfit::Kind("its picture is described in another way"))?;
    let fits = |track: &Track<'_>| match coding.sound.codec {
        SoundCodec::Aac => {
            track.codec == b"A_AAC" && is_profile_audio(&coding.sound, track.private)
        }
        // What it is exactly stands in every frame.
        SoundCodec::Ac3 => track.codec == b"A_AC3",
    };
    if audio.is_some_and(|track| !fits(track)) {
        return Err(Unfit::Kind("its sound is described in another way"));
    }
    let cues = read_cues(&top, video.number);
    let first = *cues.first().ok_or(NO_CUES)?;

    let begins = beginnings(source, &tracks, first.cluster, request.stamp.size)?;
    let delay = audio.map_or(0, |track| ticks(track.delay, 1));
    let begin = |track: &Track<'_>| begins.get(&track.number).map(|time| ticks(*time, scale));
    // Whether the delay counts depends on who wrote the file; ffprobe has seen the result.
    let candidates = [true, false].map(|counts| {
        let delay = |track: &Track<'_>| if counts { ticks(track.delay, 1) } else { 0 };
        tracks.iter().filter_map(|track| Some(begin(track)? - delay(track))).min().unwrap_or(0)
    });
    let zero = candidates.iter().find(|zero| (*zero / 90 - request.start_ms).abs() <= 1);
    let zero = *zero.ok_or(Unfit::Kind("its start is not where ffprobe sees it"))?;

    let mut grid = rules::PictureGrid::new(request.profile, None);
    let mut frames = Vec::with_capacity(cues.len());
    for cue in &cues {
        frames.push(grid.frame_of(ticks(cue.time, scale) - zero)?);
    }
    if begins.get(&video.number) != Some(&first.time) {
        return Err(Unfit::Kind("its first key frame is not listed"));
    }
    if audio.is_some_and(|track| !begins.contains_key(&track.number)) {
        return Err(Unfit::Kind("its sound does not begin with its picture"));
    }
    let clock = Clock { scale, zero: zero + grid.phase().unwrap_or(0), delay };
    let sound = audio.and_then(|track| begins.get(&track.number));
    let step = request.profile.audio_ticks();
    let origin = |time: &i64| rules::sound_origin(request.profile, clock.audio(*time));
    let origin = sound.map_or(0, origin);
    let audio = audio.map(|track| track.number);
    let size = request.stamp.size;
    let (video, cues) = (video.number, cues.into());
    let clusters = Clusters { video, audio, clock, origin, step, cues, size };
    let groups = clusters.groups(source, request.profile, &frames)?;
    let phase = grid.phase().unwrap_or(0);
    Ok(Plan { pictures, groups, phase, layout: Layout::Matroska(clusters) })
}

impl Clusters {
    /// Gives every group its length and its sound; looks at the first and the last one.
    fn groups(
        &self,
        source: &dyn Source,
        profile: &Profile,
        frames: &[i64],
    ) -> Result<Vec<Group>, Unfit> {
        let step = self.step;
        let longest = rules::longest_group(profile);
        let mut groups = Vec::with_capacity(frames.len());
        for pair in frames.windows(2) {
            if pair[1] <= pair[0] {
                return Err(Misfit::Missing.into());
            }
            groups.push(Group::new(pair[0], pair[1]));
        }
        let last = *frames.last().ok_or(Unfit::Kind("it has no list of key frames"))?;
        let number = frames.len() - 1;
        let found = self.walk(source, number, i64::MAX, self.cues[number].inside)?;
        let mut end = last;
        for time in &found.pictures {
            end = end.max(self.frame(profile, *time)? + 1);
        }
        groups.push(Group::new(last, end));
        // What the last group holds no sound of may still have had some before.
        let until = found.sounds.keys().last().map_or(i64::MAX, |index| index + 1);
        for group in &mut groups {
            let long = usize::try_from(group.end_frame - group.first_frame).unwrap_or(usize::MAX);
            if long > longest {
                return Err(Misfit::LongGroup.into());
            }
            if self.audio.is_none() {
                continue;
            }
            let nth = |frame: i64| {
                let off = profile.tick_of(frame) - self.origin + step - 1;
                off.div_euclid(step).clamp(0, until)
            };
            let (start, stop) = (nth(group.first_frame), nth(group.end_frame));
            if stop > start {
                group.audio_tick = self.origin + start * step;
                group.audio_frames = u32::try_from(stop - start).unwrap_or(0);
            }
        }
        let group = groups[number];
        self.check(profile, group.first_frame, group.end_frame, &found.pictures)?;
        let (group, pictures) = (groups[0], i64::MIN);
        let found = self.walk(source, 0, pictures, self.cues[0].inside)?;
        self.check(profile, group.first_frame, group.end_frame, &found.pictures)?;
        Ok(groups)
    }

    /// Bytes of memory they take.
    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.cues)
    }

    /// Reads one group.
    ///
    /// # Errors
    /// When it breaks a rule or cannot be read.
    pub(super) fn read(
        &self,
        source: &dyn Source,
        units: &Pictures,
        profile: &Profile,
        number: usize,
        gop: &GopEntry,
    ) -> Result<Gop, Fault> {
        let coding = coding(profile).sound;
        let wanted = match gop.audio_frames {
            0 => 0..0,
            frames => {
                let first = (gop.audio_tick - self.origin).div_euclid(self.step);
                first..first + i64::from(frames)
            }
        };
        let cue = self.cues.get(number).ok_or(Fault::Damaged)?;
        let mut found = self.walk(source, number, wanted.end, cue.inside)?;
        if cue.inside > 0 && !wanted.is_empty() && !found.sounds.contains_key(&wanted.start) {
            // Its first sound lies before the key frame.
            let before = self.walk(source, number, wanted.end, 0)?;
            found.sounds.extend(before.sounds);
        }
        let order = self.check(profile, gop.first_frame, gop.end_frame(), &found.pictures)?;
        let mut video = Vec::with_capacity(order.len());
        for (sample, frame) in found.samples.iter().zip(order) {
            let (data, idr) = units.unit(sample)?;
            if video.is_empty() && !idr {
                return Err(Misfit::LongGroup.into());
            }
            video.push(VideoUnit { frame, data });
        }
        let audio = wanted.map(|index| match found.sounds.get(&index) {
            Some(block) => units::sound(&coding, block),
            None => Ok(coding.silence()),
        });
        Ok(Gop { video, audio: audio.collect::<Result<_, _>>()? })
    }

    /// Checks the pictures of a group by the rules of copying; gives their frames.
    fn check(
        &self,
        profile: &Profile,
        first: i64,
        end: i64,
        pictures: &[i64],
    ) -> Result<Vec<i64>, Misfit> {
        let mut order = Vec::with_capacity(pictures.len());
        for time in pictures {
            let frame = self.frame(profile, *time)?;
            rules::check_order(profile, first, order.len(), frame)?;
            order.push(frame);
        }
        rules::check_group(first, &mut order.clone(), end, false)?;
        Ok(order)
    }

    fn frame(&self, profile: &Profile, time: i64) -> Result<i64, Misfit> {
        rules::PictureGrid::new(profile, Some(0)).frame_of(self.clock.video(time))
    }

    /// Collects the pictures of a group, and the sounds on its way up to `until`, from `inside`
    /// its cluster on.
    fn walk(
        &self,
        source: &dyn Source,
        number: usize,
        until: i64,
        inside: u64,
    ) -> Result<Found, Fault> {
        let cue = self.cues.get(number).ok_or(Fault::Damaged)?;
        let next = self.cues.get(number + 1);
        let until = if self.audio.is_some() { until } else { i64::MIN };
        let stop = next.map_or(self.size, |next| (next.cluster + next.inside).saturating_add(TAIL));
        let expected = next.map_or(READ, |next| {
            (next.cluster + next.inside).saturating_sub(cue.cluster + inside).saturating_add(READ)
        });
        let mut blocks = Blocks::at(source, cue.cluster, inside, self.size, expected)?;
        let mut found = Found::default();
        let (mut begun, mut over) = (false, false);
        while !(over && found.last_sound >= until.saturating_sub(1)) && blocks.at < stop {
            let Some((block, time, content)) = blocks.next()? else { break };
            if block.track == self.video && !over {
                let frame = content.slice(block.frames.first().cloned().unwrap_or(0..0));
                begun |= time == cue.time;
                over = begun && next.is_some_and(|next| time == next.time);
                if begun && !over {
                    found.pictures.push(time);
                    found.samples.push(frame);
                }
            } else if Some(block.track) == self.audio {
                self.hear(&block, time, &content, &mut found)?;
            }
        }
        Ok(found)
    }

    fn hear(
        &self,
        block: &Block,
        time: i64,
        content: &Bytes,
        found: &mut Found,
    ) -> Result<(), Fault> {
        let tick = self.clock.audio(time) - self.origin;
        let index = (tick + self.step / 2).div_euclid(self.step);
        // A quarter of a frame.
        if (tick - index * self.step).abs() > self.step / 4 {
            return Err(Misfit::OffGrid.into());
        }
        for (index, frame) in (index..).zip(&block.frames) {
            found.sounds.entry(index).or_insert_with(|| content.slice(frame.clone()));
            found.last_sound = found.last_sound.max(index);
        }
        Ok(())
    }
}

/// What was found of a group.
#[derive(Debug)]
struct Found {
    /// Times of its pictures, in decode order.
    pictures: Vec<i64>,
    samples: Vec<Bytes>,
    /// Sounds by their place on the grid.
    sounds: BTreeMap<i64, Bytes>,
    last_sound: i64,
}

impl Default for Found {
    fn default() -> Self {
        let (pictures, samples, sounds) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { pictures, samples, sounds, last_sound: i64::MIN }
    }
}

/// The first time of every track of picture or sound, as far as they begin with the first cluster.
fn beginnings(
    source: &dyn Source,
    tracks: &[Track<'_>],
    cluster: u64,
    size: u64,
) -> Result<BTreeMap<u64, i64>, Unfit> {
    let mut blocks = Blocks::at(source, cluster, 0, size, READ)?;
    let counted = |track: &&Track<'_>| track.kind == 1 || track.kind == 2;
    let wanted: Vec<u64> = tracks.iter().filter(counted).map(|track| track.number).collect();
    let mut begins = BTreeMap::new();
    while begins.len() < wanted.len() && blocks.at < cluster.saturating_add(TAIL) {
        let Some((block, time, _)) = blocks.next()? else { break };
        if wanted.contains(&block.track) {
            begins.entry(block.track).or_insert(time);
        }
    }
    Ok(begins)
}

/// The tables at the top of a file.
#[derive(Debug, Default)]
struct Top {
    /// Where the segment's content begins; cues count from there.
    base: u64,
    info: Vec<u8>,
    tracks: Vec<u8>,
    cues: Vec<u8>,
}

impl Top {
    fn read(source: &dyn Source, size: u64) -> Result<Self, Unfit> {
        const DAMAGED: Unfit = Unfit::Kind("its header is damaged");
        let head = element_at(source, 0, size)?.filter(|head| head.id == EBML).ok_or(DAMAGED)?;
        let length = head.length.filter(|length| *length < 4_096).ok_or(DAMAGED)?;
        let at = head.header as u64 + length;
        let segment =
            element_at(source, at, size)?.filter(|head| head.id == SEGMENT).ok_or(DAMAGED)?;
        let mut top = Self { base: at + segment.header as u64, ..Self::default() };
        let mut seek = Vec::new();
        let mut at = top.base;
        for _ in 0..MAX_TOP {
            let Some(head) = element_at(source, at, size)?.filter(|head| head.id != CLUSTER) else {
                break;
            };
            let length = head.length.ok_or(DAMAGED)?;
            let content = at + head.header as u64;
            match head.id {
                SEEK_HEAD => seek.extend(table(source, content, length, size)?),
                INFO => top.info = table(source, content, length, size)?,
                TRACKS => top.tracks = table(source, content, length, size)?,
                CUES => top.cues = table(source, content, length, size)?,
                _ => {}
            }
            at = content.checked_add(length).ok_or(DAMAGED)?;
        }
        if top.cues.is_empty() {
            top.cues = top.seek_cues(source, &seek, size)?;
        }
        Ok(top)
    }

    /// Reads the cues at the end of a file by the list at its beginning.
    fn seek_cues(&self, source: &dyn Source, seek: &[u8], size: u64) -> Result<Vec<u8>, Unfit> {
        let place = elements(seek).filter(|(id, _)| *id == 0x4DBB).find_map(|(_, entry)| {
            let what = find(entry, 0x53AB).and_then(unsigned)?;
            (what == u64::from(CUES)).then(|| find(entry, 0x53AC).and_then(unsigned))?
        });
        let at = place.and_then(|place| self.base.checked_add(place)).filter(|at| *at < size);
        let Some(at) = at else { return Ok(Vec::new()) };
        match element_at(source, at, size)? {
            Some(Element { id: CUES, header, length: Some(length) }) => {
                table(source, at + header as u64, length, size)
            }
            Some(_) | None => Ok(Vec::new()),
        }
    }
}

/// The head of the element at `at`; `None` at the end of the file.
fn element_at(source: &dyn Source, at: u64, size: u64) -> io::Result<Option<Element>> {
    let room = size.saturating_sub(at).min(LONGEST_HEAD as u64);
    let bytes = source.bytes_at(at, usize::try_from(room).unwrap_or(0))?;
    Ok(Element::parse(&bytes))
}

fn table(source: &dyn Source, at: u64, length: u64, size: u64) -> Result<Vec<u8>, Unfit> {
    if length > MAX_TABLE || at.checked_add(length).is_none_or(|end| end > size) {
        return Err(Unfit::Kind("its tables are cut off or too large"));
    }
    Ok(source.bytes_at(at, usize::try_from(length).unwrap_or(0))?)
}

/// The key frames of track `video`, by time.
fn read_cues(top: &Top, video: u64) -> Vec<Cue> {
    let mut cues: Vec<Cue> = elements(&top.cues)
        .filter(|(id, _)| *id == 0xBB)
        .filter_map(|(_, point)| {
            let time = find(point, 0xB3).and_then(unsigned).filter(|time| *time < 1 << 40)?;
            let mut places = elements(point).filter(|(id, _)| *id == 0xB7);
            let (_, place) =
                places.find(|(_, place)| find(place, 0xF7).and_then(unsigned) == Some(video))?;
            let cluster = find(place, 0xF1).and_then(unsigned)?;
            let inside = find(place, 0xF0).and_then(unsigned).unwrap_or(0);
            Some(Cue {
                time: i64::try_from(time).ok()?,
                cluster: top.base.checked_add(cluster)?,
                inside: if inside < 1 << 40 { inside } else { 0 },
            })
        })
        .collect();
    cues.sort_by_key(|cue| cue.time);
    cues.dedup_by_key(|cue| cue.time);
    cues
}

#[derive(Debug)]
struct Track<'a> {
    number: u64,
    kind: u64,
    codec: &'a [u8],
    private: &'a [u8],
    /// What its decoder is late, in nanoseconds.
    delay: i64,
    /// Whether its frames are compressed or encrypted.
    is_wrapped: bool,
}

impl<'a> Track<'a> {
    fn parse(entry: &'a [u8]) -> Option<Self> {
        let delay = find(entry, 0x56AA).and_then(unsigned).unwrap_or(0);
        Some(Self {
            number: find(entry, 0xD7).and_then(unsigned)?,
            kind: find(entry, 0x83).and_then(unsigned)?,
            codec: find(entry, 0x86)?,
            private: find(entry, 0x63A2).unwrap_or_default(),
            delay: i64::try_from(delay).ok().filter(|delay| *delay < 1_000_000_000)?,
            is_wrapped: find(entry, 0x6D80).is_some(),
        })
    }
}

/// Goes from block to block through the clusters.
struct Blocks<'a> {
    source: &'a dyn Source,
    /// Where it is in the file.
    at: u64,
    size: u64,
    buffer: Bytes,
    buffer_at: u64,
    time: Option<i64>,
    steps: usize,
}

impl<'a> Blocks<'a> {
    /// From `inside` the cluster at `cluster` on; reads `expected` bytes at first.
    fn at(
        source: &'a dyn Source,
        cluster: u64,
        inside: u64,
        size: u64,
        expected: u64,
    ) -> Result<Self, Fault> {
        let head = element_at(source, cluster, size)?;
        let head = head.filter(|head| head.id == CLUSTER && head.length.is_some());
        let content = cluster + head.ok_or(Fault::Damaged)?.header as u64;
        let mut blocks = Self {
            source,
            at: content,
            size,
            buffer: Bytes::new(),
            buffer_at: content,
            time: None,
            steps: 0,
        };
        if inside > 0 {
            // The time of the cluster stands before its first block.
            blocks.fill(256)?;
            blocks.time = elements(&blocks.buffer)
                .take_while(|(id, _)| ![SIMPLE_BLOCK, BLOCK_GROUP].contains(id))
                .find(|(id, _)| *id == TIMESTAMP)
                .and_then(|(_, time)| time_of(time));
            blocks.time.ok_or(Fault::Damaged)?;
            blocks.at = content.checked_add(inside).ok_or(Fault::Damaged)?;
        }
        blocks.fill(expected.min(super::film::MAX_GROUP))?;
        Ok(blocks)
    }

    /// The next block, its time and its content; `None` at the end.
    fn next(&mut self) -> Result<Option<(Block, i64, Bytes)>, Fault> {
        while self.at < self.size {
            self.steps += 1;
            if self.steps > MAX_STEPS {
                return Err(Fault::Damaged);
            }
            let Some(head) = Element::parse(self.bytes(LONGEST_HEAD as u64)?) else {
                return Err(Fault::Damaged);
            };
            let length = head.length.ok_or(Fault::Damaged)?;
            let content = self.at + head.header as u64;
            let end = content.checked_add(length).ok_or(Fault::Damaged)?;
            match head.id {
                CLUSTER | BLOCK_GROUP => {
                    if head.id == CLUSTER {
                        self.time = None;
                    }
                    self.at = content;
                }
                TIMESTAMP | SIMPLE_BLOCK | BLOCK => {
                    if length > MAX_BLOCK || end > self.size {
                        return Err(Fault::Damaged);
                    }
                    self.at = content;
                    let bytes = self.slice(length)?;
                    self.at = end;
                    if head.id == TIMESTAMP {
                        self.time = time_of(&bytes);
                        continue;
                    }
                    let block = Block::parse(&bytes).ok_or(Fault::Damaged)?;
                    let cluster = self.time.ok_or(Fault::Damaged)?;
                    let time = cluster + i64::from(block.time);
                    return Ok(Some((block, time, bytes)));
                }
                _ => self.at = end,
            }
        }
        Ok(None)
    }

    /// Up to `length` bytes from where it is.
    fn bytes(&mut self, length: u64) -> Result<&[u8], Fault> {
        let length = length.min(self.size - self.at);
        if self.at + length > self.buffer_at + self.buffer.len() as u64 || self.at < self.buffer_at
        {
            self.fill(READ.max(length))?;
        }
        let from = usize::try_from(self.at - self.buffer_at).map_err(io::Error::other)?;
        let until = from + usize::try_from(length).map_err(io::Error::other)?;
        self.buffer.get(from..until).ok_or(Fault::Damaged)
    }

    /// `length` bytes from where it is, which are in the file.
    fn slice(&mut self, length: u64) -> Result<Bytes, Fault> {
        self.bytes(length)?;
        let from = usize::try_from(self.at - self.buffer_at).map_err(io::Error::other)?;
        let until = from + usize::try_from(length).map_err(io::Error::other)?;
        Ok(self.buffer.slice(from..until))
    }

    fn fill(&mut self, length: u64) -> Result<(), Fault> {
        let length = length.min(self.size.saturating_sub(self.at));
        let length = usize::try_from(length).map_err(io::Error::other)?;
        self.buffer = self.source.bytes_at(self.at, length)?.into();
        self.buffer_at = self.at;
        Ok(())
    }
}

fn time_of(content: &[u8]) -> Option<i64> {
    unsigned(content).and_then(|time| i64::try_from(time).ok()).filter(|time| *time < 1 << 40)
}
