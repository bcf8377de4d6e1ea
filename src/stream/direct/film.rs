//! A file that is read in process: its groups, and how one of them is read.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use bytes::Bytes;

use super::fragments::Fragments;
use super::grouping::Marks;
use super::source::{Files, Source, Stamp};
use super::units::{self, Pictures};
use super::{Fault, SPAN, Unfit, matroska, mp4};
use crate::domain::{Media, Profile};
use crate::foundation::clock::Clock;
use crate::stream::coding::coding;
use crate::stream::conform::rules::Misfit;
use crate::stream::ffmpeg::{self, AudioTreatment, Barred, VideoTreatment};
use crate::stream::rendition::{Gop, GopEntry, RenditionIndex, RenditionKey, VideoUnit};

/// The most bytes of a group: 4 s at 100 Mbit/s.
pub(super) const MAX_GROUP: u64 = 64 << 20;
/// Bytes between two samples that are read along rather than skipped.
const READ_ALONG: u64 = 256 << 10;

/// What is asked of a container's reader.
pub(super) struct Request<'a> {
    pub(super) profile: &'a Profile,
    /// Which of the sound tracks, from 0; `None` for silence.
    pub(super) audio: Option<usize>,
    /// Where ffprobe saw the file begin.
    pub(super) start_ms: i64,
    pub(super) stamp: Stamp,
}

/// What a container's reader found.
pub(super) struct Plan {
    pub(super) pictures: Pictures,
    pub(super) groups: Vec<Group>,
    /// How far the pictures lie behind the grid, in ticks.
    pub(super) phase: i64,
    pub(super) layout: Layout,
}

/// One group in media time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) first_frame: i64,
    pub(super) end_frame: i64,
    pub(super) audio_tick: i64,
    pub(super) audio_frames: u32,
}

impl Group {
    /// A group without sound.
    pub(super) fn new(first_frame: i64, end_frame: i64) -> Self {
        Self { first_frame, end_frame, audio_tick: 0, audio_frames: 0 }
    }
}

/// How groups are found in the file.
#[derive(Debug)]
pub(super) enum Layout {
    Mp4(Samples),
    Fragments(Fragments),
    Matroska(matroska::Clusters),
}

/// Groups of an MP4 file.
#[derive(Debug)]
pub(super) struct Samples {
    pub(super) video: mp4::Tables,
    pub(super) audio: Option<mp4::Tables>,
    pub(super) marks: Marks<mp4::Place>,
}

/// A file that is read in process.
#[derive(Debug)]
pub(super) struct Film {
    pub(super) index: Arc<RenditionIndex>,
    path: Box<Path>,
    profile: Profile,
    phase: i64,
    checked: AtomicBool,
    /// Since when a read is under way, by the server's clock; 0 while none is.
    reading_since: AtomicI64,
    stamp: Stamp,
    pictures: Pictures,
    layout: Layout,
}

impl Film {
    /// Reads the tables of `media`. Blocks on the disk.
    ///
    /// # Errors
    /// When it does not conform, is of another kind, or cannot be read.
    pub(super) fn open(
        files: &dyn Files,
        media: &Media,
        profile: &Profile,
        key: RenditionKey,
    ) -> Result<Self, Unfit> {
        let audio = wanted(media, profile)?;
        let path: Box<Path> = Path::new(&media.path).into();
        let source = files.open(&path)?;
        let stamp = source.stamp()?;
        if stamp != (Stamp { size: media.size, modified_ms: media.modified.0 }) {
            return Err(Unfit::Kind("it has changed since it was scanned"));
        }
        let start_ms = media.probe.as_ref().map_or(0, |probe| probe.start_ms);
        let request = Request { profile, audio, start_ms, stamp };
        let head = source.bytes_at(0, usize::try_from(stamp.size.min(12)).unwrap_or(0))?;
        let plan = match head.as_slice() {
            [_, _, _, _, b'f', b't', b'y', b'p', ..] => mp4::open(&*source, &request)?,
            [0x1A, 0x45, 0xDF, 0xA3, ..] => matroska::open(&*source, &request)?,
            _ => return Err(Unfit::Kind("it is of another kind of file")),
        };
        let gops = plan.groups.iter().zip(0..).map(|(group, number)| GopEntry {
            first_frame: group.first_frame,
            frames: u32::try_from(group.end_frame - group.first_frame).unwrap_or(u32::MAX),
            audio_tick: group.audio_tick,
            audio_frames: group.audio_frames,
            span: SPAN,
            offset: number,
            length: 0,
        });
        let end_frame = plan.groups.last().map(|group| group.end_frame);
        let index = Arc::new(RenditionIndex { key, gops: gops.collect(), end_frame });
        let Plan { pictures, phase, layout, .. } = plan;
        let (profile, checked) = (profile.clone(), AtomicBool::new(false));
        let reading_since = AtomicI64::new(0);
        Ok(Self { index, path, profile, phase, checked, reading_since, stamp, pictures, layout })
    }

    /// Reads one group. Blocks on the disk.
    ///
    /// # Errors
    /// When the file is not what it was, breaks a rule, or cannot be read.
    pub(super) fn read(
        &self,
        files: &dyn Files,
        clock: &dyn Clock,
        gop: &GopEntry,
    ) -> Result<Gop, Fault> {
        let number = usize::try_from(gop.offset).map_err(|_| Fault::Damaged)?;
        if self.index.gops.get(number) != Some(gop) {
            return Err(Fault::Changed);
        }
        let source = self.watched(clock, || files.open(&self.path))?;
        let source = Watched { source, film: self, clock };
        let source: &dyn Source = &source;
        self.check_stamp(source)?;
        let read = match &self.layout {
            Layout::Mp4(samples) => self.read_samples(source, samples, number, gop),
            Layout::Fragments(fragments) => self.read_fragments(source, fragments, number, gop),
            Layout::Matroska(clusters) => {
                clusters.read(source, &self.pictures, &self.profile, number, gop)
            }
        };
        // What was read while the file was written to is worth nothing.
        self.check_stamp(source)?;
        read
    }

    /// How far its pictures lie behind the grid, in ticks.
    pub(super) fn phase(&self) -> i64 {
        self.phase
    }

    /// Whether it was compared with ffmpeg's copy, or that is under way.
    pub(super) fn is_checked(&self) -> bool {
        self.checked.load(Ordering::Relaxed)
    }

    /// Says that it was compared.
    pub(super) fn set_checked(&self) {
        self.checked.store(true, Ordering::Relaxed);
    }

    /// Since when a read of it is under way.
    pub(super) fn reading_since(&self) -> Option<i64> {
        Some(self.reading_since.load(Ordering::Relaxed)).filter(|since| *since > 0)
    }

    /// Does something that may take as long as a disk takes to wake up.
    fn watched<T>(&self, clock: &dyn Clock, read: impl FnOnce() -> T) -> T {
        // Of two reads the first one counts, and whichever ends says that the disk answers.
        let (none, now) = (0, clock.now_ms());
        let order = Ordering::Relaxed;
        if self.reading_since.load(order) == none {
            self.reading_since.store(now, order);
        }
        let answer = read();
        self.reading_since.store(none, order);
        answer
    }

    /// Bytes of memory it takes, about.
    pub(super) fn memory(&self) -> usize {
        let layout = match &self.layout {
            Layout::Mp4(samples) => samples.marks.memory(),
            Layout::Fragments(fragments) => fragments.memory(),
            Layout::Matroska(clusters) => clusters.memory(),
        };
        size_of::<Self>() + size_of_val(&*self.index.gops) + layout
    }

    fn check_stamp(&self, source: &dyn Source) -> Result<(), Fault> {
        if source.stamp()? == self.stamp { Ok(()) } else { Err(Fault::Changed) }
    }

    fn read_samples(
        &self,
        source: &dyn Source,
        samples: &Samples,
        number: usize,
        gop: &GopEntry,
    ) -> Result<Gop, Fault> {
        let mark = samples.marks.get(number).ok_or(Fault::Damaged)?;
        let pattern = samples.marks.pattern(number).ok_or(Fault::Damaged)?;
        let pictures = u32::try_from(pattern.len()).map_err(|_| Fault::Damaged)?;
        let mut ranges = mp4::samples(source, &samples.video, &mark.video, pictures)?;
        if let Some(tables) = &samples.audio {
            ranges.extend(mp4::samples(source, tables, &mark.audio, gop.audio_frames)?);
        }
        self.gop_of(source, &ranges, pattern, gop)
    }

    fn read_fragments(
        &self,
        source: &dyn Source,
        fragments: &Fragments,
        number: usize,
        gop: &GopEntry,
    ) -> Result<Gop, Fault> {
        let pattern = fragments.pattern(number).ok_or(Fault::Damaged)?;
        let sounds = usize::try_from(gop.audio_frames).map_err(|_| Fault::Damaged)?;
        let ranges = fragments.ranges(source, number, pattern.len(), sounds)?;
        self.gop_of(source, &ranges, pattern, gop)
    }

    /// Reads pictures, which are shown as `pattern` says, and sounds.
    fn gop_of(
        &self,
        source: &dyn Source,
        ranges: &[Range<u64>],
        pattern: &[u8],
        gop: &GopEntry,
    ) -> Result<Gop, Fault> {
        let bytes = gather(source, ranges, self.stamp.size)?;
        let (pictures, sounds) = bytes.split_at_checked(pattern.len()).ok_or(Fault::Damaged)?;
        let mut video = Vec::with_capacity(pictures.len());
        for (sample, shown) in pictures.iter().zip(pattern) {
            let (data, idr) = self.pictures.unit(sample)?;
            if video.is_empty() && !idr {
                return Err(Misfit::LongGroup.into());
            }
            video.push(VideoUnit { frame: gop.first_frame + i64::from(*shown), data });
        }
        let coding = coding(&self.profile).sound;
        let audio = sounds.iter().map(|block| units::sound(&coding, block));
        Ok(Gop { video, audio: audio.collect::<Result<_, _>>()? })
    }
}

/// A file whose reads are watched.
struct Watched<'a> {
    source: Box<dyn Source>,
    film: &'a Film,
    clock: &'a dyn Clock,
}

impl Source for Watched<'_> {
    fn stamp(&self) -> io::Result<Stamp> {
        self.film.watched(self.clock, || self.source.stamp())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.film.watched(self.clock, || self.source.read_at(buffer, offset))
    }
}

/// The sound track that is copied; the picture must be copied, too.
///
/// # Errors
/// With the reason why something must be encoded.
pub(super) fn wanted(media: &Media, profile: &Profile) -> Result<Option<usize>, Unfit> {
    if media.is_live() {
        return Err(Unfit::Kind("it is a broadcast"));
    }
    if profile.watermark.is_some() {
        return Err(Unfit::Kind("a watermark is drawn on it"));
    }
    let probe = media.probe.as_ref().ok_or(Unfit::Kind("it was never probed"))?;
    let treatment = ffmpeg::decide(probe, profile, Barred::default())
        .map_err(|_nothing| Unfit::Kind("there is neither picture nor sound in it"))?;
    match treatment.video {
        VideoTreatment::Copy => {}
        VideoTreatment::Encode { why, .. } => return Err(Unfit::Treated(why)),
        VideoTreatment::Still => return Err(Unfit::Kind("it has no picture")),
    }
    match treatment.audio {
        AudioTreatment::Copy { track } => Ok(Some(track)),
        AudioTreatment::Silence => Ok(None),
        AudioTreatment::Encode { .. } => Err(Unfit::Kind("its sound is encoded")),
    }
}

/// Reads many ranges of a file in few reads; neighbours share memory.
fn gather(source: &dyn Source, ranges: &[Range<u64>], size: u64) -> Result<Vec<Bytes>, Fault> {
    let total: u64 = ranges.iter().map(|range| range.end - range.start).sum();
    if total > MAX_GROUP || ranges.iter().any(|range| range.end > size) {
        return Err(Fault::Damaged);
    }
    let mut order: Vec<usize> = (0..ranges.len()).collect();
    order.sort_by_key(|at| ranges[*at].start);
    let mut bytes = vec![Bytes::new(); ranges.len()];
    let mut rest = order.as_slice();
    while let Some(first) = rest.first() {
        let start = ranges[*first].start;
        let mut end = ranges[*first].end;
        let mut count = 0;
        for at in rest {
            let next = &ranges[*at];
            if next.start > end + READ_ALONG || next.end.max(end) - start > 2 * MAX_GROUP {
                break;
            }
            end = end.max(next.end);
            count += 1;
        }
        // The first one always goes along, so that this ends.
        let (now, later) = rest.split_at(count.max(1));
        let length = usize::try_from(end - start).map_err(io::Error::other)?;
        let read = Bytes::from(source.bytes_at(start, length)?);
        for at in now {
            let place = |offset: u64| usize::try_from(offset - start).map_err(io::Error::other);
            bytes[*at] = read.slice(place(ranges[*at].start)?..place(ranges[*at].end)?);
        }
        rest = later;
    }
    Ok(bytes)
}

/// A time in `scale` units a second, in ticks, rounded to the nearest.
pub(super) fn ticks(time: i64, scale: i64) -> i64 {
    let scaled = i128::from(time) * 90_000 + i128::from(scale) / 2;
    i64::try_from(scaled.div_euclid(i128::from(scale.max(1)))).unwrap_or(i64::MAX / 4)
}
