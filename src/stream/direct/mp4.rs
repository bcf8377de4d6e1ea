//! MP4 and `QuickTime`: samples by the tables of `moov`.
//!
//! The tables are read once ([`open`]) and checked sample by sample against the rules of copying.
//! What stays in memory is where each group begins in them ([`Mark`](super::grouping::Mark)); reading a group looks its
//! rows up in the file again, so that a film of two hours costs some hundred kilobytes and not
//! some megabytes.
//!
//! One edit list is honoured: an empty edit in front (a late start) and then one that plays all of
//! the track from its first picture on, or cuts the priming of the sound. Any other one,
//! several descriptions of samples and sound that is not evenly spaced are left to ffmpeg.

use std::ops::Range;

use super::boxes::{Head, Rows, Spread, be32, be64, boxes, child, path};
use super::film::{Layout, Plan, Request, Samples, ticks};
use super::grouping::{Grouped, Grouping};
use super::source::Source;
use super::units::{Pictures, is_profile_audio};
use super::{Fault, Unfit, fragments};
use crate::domain::{AudioCodec, Profile};
use crate::mpegts::coding::{PictureCoding, SoundCodec};
use crate::stream::coding::coding;
use crate::stream::conform::rules;

/// The largest `moov` that is read: a day of film has a tenth of it.
const MAX_MOOV: u64 = 128 << 20;
/// Boxes beside each other at the top of a file, beyond which it is not an ordinary one.
const MAX_TOP: usize = 1_000;
/// Samples of a track: a day at 60 pictures a second.
const MAX_SAMPLES: u32 = 6_000_000;
/// A sample beyond this is not one.
const MAX_SAMPLE: u32 = 16 << 20;

/// The tables as far as reading needs them: where they are in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tables {
    /// Where `moov`'s content begins in the file; rows are counted from there.
    base: u64,
    /// Size of every sample, or 0 when each has its own.
    fixed: u32,
    sizes: Rows,
    chunks: Rows,
    runs: Rows,
}

/// Where in the tables a sample is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    sample: u32,
    /// Its chunk, from 0.
    chunk: u32,
    /// The samples that are left in that chunk, with this one.
    left: u32,
    /// The run of equal chunks.
    run: u32,
    /// Where its bytes begin.
    offset: u64,
}

/// Reads the tables of the file and says what groups it is made of.
///
/// # Errors
/// When it is not an MP4 file that can be read in process.
pub(super) fn open(source: &dyn Source, request: &Request<'_>) -> Result<Plan, Unfit> {
    let (base, moov) = find_moov(source, request.stamp.size)?;
    let whole = 0..moov.len();
    let movie_scale = path(&moov, &whole, &[b"mvhd"])
        .and_then(|range| scale_of(&moov, &range))
        .ok_or(Unfit::Kind("its header is damaged"))?;
    if child(&moov, &whole, b"mvex").is_some() {
        let tracks: Vec<(u32, Track)> = boxes(&moov, whole)
            .filter(|found| found.kind == *b"trak")
            .filter_map(|found| {
                let id = fragments::track_id(&moov, &found.content)?;
                Some((id, Track::parse(&moov, &found.content, movie_scale)?))
            })
            .collect();
        return fragments::open(source, request, &moov, &tracks);
    }
    let tracks: Vec<Track> = boxes(&moov, whole)
        .filter(|found| found.kind == *b"trak")
        .filter_map(|found| Track::parse(&moov, &found.content, movie_scale))
        .collect();
    let video = tracks.iter().find(|track| track.kind == Kind::Video);
    let video = video.ok_or(Unfit::Kind("it has no picture"))?;
    let mut sounds = tracks.iter().filter(|track| track.kind == Kind::Audio);
    let audio = match request.audio {
        Some(which) => Some(sounds.nth(which).ok_or(Unfit::Kind("its sound is not found"))?),
        None => None,
    };
    let begins = tracks.iter().filter_map(|track| track.begins(&moov)).min();
    let zero = begins.ok_or(Unfit::Kind("its tables are damaged"))?;
    Builder { moov: &moov, base, request, zero }.build(video, audio)
}

/// Reads the samples of a group.
///
/// # Errors
/// When the disk fails or the tables are not what they were.
pub(super) fn samples(
    source: &dyn Source,
    tables: &Tables,
    from: &Place,
    count: u32,
) -> Result<Vec<Range<u64>>, Fault> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let rows = |rows: &Rows, first: u32, most: u32| -> Result<(Vec<u8>, Rows), Fault> {
        let count = most.min(rows.count.saturating_sub(first));
        let length = usize::try_from(count).map_err(|_| Fault::Damaged)? * rows.width;
        let at = rows.at + usize::try_from(first).map_err(|_| Fault::Damaged)? * rows.width;
        let bytes = source.bytes_at(tables.base + at as u64, length)?;
        Ok((bytes, Rows { at: 0, count, width: rows.width }))
    };
    let (sizes, size_rows) = match tables.fixed {
        0 => rows(&tables.sizes, from.sample, count)?,
        _ => (Vec::new(), Rows { at: 0, count: 0, width: 4 }),
    };
    // Every chunk holds a sample, so there are no more of them than samples.
    let (chunks, chunk_rows) = rows(&tables.chunks, from.chunk, count)?;
    let (runs, run_rows) = rows(&tables.runs, from.run, count.saturating_add(1))?;
    let mut walk = Walk {
        fixed: tables.fixed,
        sizes: (&sizes, size_rows, from.sample),
        chunks: (&chunks, chunk_rows, from.chunk),
        runs: (&runs, run_rows, from.run),
        place: *from,
    };
    let mut found = Vec::new();
    for _ in 0..count {
        let size = walk.size().ok_or(Fault::Damaged)?;
        let begin = walk.place.offset;
        found.push(begin..begin.checked_add(u64::from(size)).ok_or(Fault::Damaged)?);
        walk.step().ok_or(Fault::Damaged)?;
    }
    Ok(found)
}

/// Finds `moov` among the boxes of a file and reads it; gives where its content begins.
fn find_moov(source: &dyn Source, size: u64) -> Result<(u64, Vec<u8>), Unfit> {
    let mut at = 0_u64;
    for _ in 0..MAX_TOP {
        let room = usize::try_from(size.saturating_sub(at).min(16)).unwrap_or(16);
        let head = Head::parse(&source.bytes_at(at, room)?);
        let head = head.ok_or(Unfit::Kind("it has no table of samples"))?;
        let length = head.length.unwrap_or(size - at);
        let next = at.checked_add(length).filter(|next| *next <= size);
        let next = next.ok_or(Unfit::Kind("it is cut off"))?;
        if head.kind == *b"moov" {
            if length > MAX_MOOV {
                return Err(Unfit::Kind("its tables are too large"));
            }
            let length = usize::try_from(length).unwrap_or(0).saturating_sub(head.header);
            let base = at + head.header as u64;
            return Ok((base, source.bytes_at(base, length)?));
        }
        at = next;
    }
    Err(Unfit::Kind("it has no table of samples"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Video,
    Audio,
    Other,
}

/// What a track plays of its media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edit {
    /// From `from` (in its own scale) on, after `empty` ticks of nothing, for `length` ticks.
    Plain { empty: i64, from: i64, length: Option<i64> },
    /// Anything else.
    Other,
}

impl Edit {
    /// All of the media, from its first sample on.
    pub(super) const NONE: Self = Self::Plain { empty: 0, from: 0, length: None };
}

#[derive(Debug)]
pub(super) struct Track {
    pub(super) kind: Kind,
    pub(super) scale: i64,
    pub(super) edit: Edit,
    description: Range<usize>,
    times: Rows,
    offsets: Option<Rows>,
    keys: Option<Rows>,
    runs: Rows,
    fixed: u32,
    sizes: Rows,
    chunks: Rows,
}

impl Track {
    fn parse(moov: &[u8], track: &Range<usize>, movie_scale: i64) -> Option<Self> {
        let media = child(moov, track, b"mdia")?;
        let handler = moov.get(child(moov, &media, b"hdlr")?)?;
        let kind = match handler.get(8..12)? {
            b"vide" => Kind::Video,
            b"soun" => Kind::Audio,
            _ => Kind::Other,
        };
        let stbl = path(moov, &media, &[b"minf", b"stbl"])?;
        let rows = |kind: &[u8; 4], width| {
            child(moov, &stbl, kind).and_then(|range| Rows::of(moov, &range, 4, width))
        };
        let sizes = child(moov, &stbl, b"stsz")?;
        let fixed = be32(moov.get(sizes.clone())?, 4)?;
        let sizes = match fixed {
            0 => Rows::of(moov, &sizes, 8, 4)?,
            _ => Rows { at: 0, count: be32(moov.get(sizes)?, 8)?, width: 4 },
        };
        Some(Self {
            kind,
            scale: scale_of(moov, &child(moov, &media, b"mdhd")?)?,
            edit: edit(moov, track, movie_scale),
            description: child(moov, &stbl, b"stsd")?,
            times: rows(b"stts", 8)?,
            offsets: rows(b"ctts", 8),
            keys: rows(b"stss", 4),
            runs: rows(b"stsc", 12)?,
            fixed,
            sizes,
            chunks: rows(b"stco", 4).or_else(|| rows(b"co64", 8))?,
        })
    }

    /// When the first of it is presented, in ticks; `None` for what does not count.
    fn begins(&self, moov: &[u8]) -> Option<i64> {
        let Edit::Plain { empty, from, .. } = self.edit else { return None };
        match self.kind {
            Kind::Other => None,
            // What is cut off the front of sound is decoded and thrown away.
            Kind::Audio => Some(empty + ticks(from.min(0), self.scale)),
            Kind::Video => {
                let first = self.times(moov).take(64).map(|(_, shown)| shown).min()?;
                Some(empty + ticks(first - from, self.scale))
            }
        }
    }

    /// Decoding and showing time of every sample, in its own scale.
    fn times<'a>(&self, moov: &'a [u8]) -> impl Iterator<Item = (i64, i64)> + use<'a> {
        let steps = Spread::new(moov, self.times);
        let mut offsets = self.offsets.map(|rows| Spread::new(moov, rows));
        let mut decoded = 0_i64;
        steps.map(move |step| {
            let offset = offsets.as_mut().and_then(Iterator::next).unwrap_or(0);
            // The offset is signed in newer files, and no older one has such large ones.
            let shown = decoded + i64::from(offset.cast_signed());
            let now = decoded;
            decoded += i64::from(step);
            (now, shown)
        })
    }

    fn walk<'a>(&self, moov: &'a [u8]) -> Option<Walk<'a>> {
        let mut walk = Walk {
            fixed: self.fixed,
            sizes: (moov, self.sizes, 0),
            chunks: (moov, self.chunks, 0),
            runs: (moov, self.runs, 0),
            place: Place::default(),
        };
        walk.enter()?;
        Some(walk)
    }

    /// The description of its samples, when there is exactly one and it is of type `kind`.
    fn description(&self, moov: &[u8], kind: &[u8; 4]) -> Option<Range<usize>> {
        let count = be32(moov.get(self.description.clone())?, 4)?;
        let entry = child(moov, &(self.description.start + 8..self.description.end), kind)?;
        // No run of chunks may name another description.
        let one = (0..self.runs.count)
            .all(|run| self.runs.row(moov, run).and_then(|row| be32(row, 8)) == Some(1));
        (count == 1 && one).then_some(entry)
    }
}

fn scale_of(moov: &[u8], header: &Range<usize>) -> Option<i64> {
    let header = moov.get(header.clone())?;
    let at = if header.first()? == &1 { 20 } else { 12 };
    let scale = i64::from(be32(header, at)?);
    (scale > 0).then_some(scale)
}

fn edit(moov: &[u8], track: &Range<usize>, movie_scale: i64) -> Edit {
    let Some(list) = path(moov, track, &[b"edts", b"elst"]) else {
        return Edit::NONE;
    };
    read_edit(moov, &list, movie_scale).unwrap_or(Edit::Other)
}

fn read_edit(moov: &[u8], list: &Range<usize>, movie_scale: i64) -> Option<Edit> {
    let wide = moov.get(list.clone())?.first()? == &1;
    let rows = Rows::of(moov, list, 4, if wide { 20 } else { 12 })?;
    let entry = |index| {
        let row = rows.row(moov, index)?;
        let (length, from, rate) = if wide {
            (i64::try_from(be64(row, 0)?).ok()?, be64(row, 8)?.cast_signed(), be32(row, 16)?)
        } else {
            (i64::from(be32(row, 0)?), i64::from(be32(row, 4)?.cast_signed()), be32(row, 8)?)
        };
        (rate == 1 << 16 && length < 1 << 40).then_some((ticks(length, movie_scale), from))
    };
    let (empty, (length, from)) = match rows.count {
        0 => return Some(Edit::Plain { empty: 0, from: 0, length: None }),
        1 => (0, entry(0)?),
        2 => {
            let (empty, nothing) = entry(0)?;
            if nothing != -1 {
                return None;
            }
            (empty, entry(1)?)
        }
        _ => return None,
    };
    let length = (length > 0).then_some(length);
    (0..1 << 40).contains(&from).then_some(Edit::Plain { empty, from, length })
}

/// Goes from sample to sample. Every table comes with the number of its first row.
struct Walk<'a> {
    fixed: u32,
    sizes: (&'a [u8], Rows, u32),
    chunks: (&'a [u8], Rows, u32),
    runs: (&'a [u8], Rows, u32),
    place: Place,
}

impl Walk<'_> {
    /// Size of the sample it is at; `None` behind the last one.
    fn size(&self) -> Option<u32> {
        let size = match self.fixed {
            0 => {
                let (bytes, rows, base) = self.sizes;
                be32(rows.row(bytes, self.place.sample.checked_sub(base)?)?, 0)?
            }
            fixed => fixed,
        };
        (self.place.left > 0 && size <= MAX_SAMPLE).then_some(size)
    }

    /// Goes to the next sample; behind the last one nothing is left in the place.
    fn step(&mut self) -> Option<()> {
        let size = self.size()?;
        self.place.sample += 1;
        self.place.left -= 1;
        self.place.offset = self.place.offset.checked_add(u64::from(size))?;
        if self.place.left == 0 {
            self.place.chunk += 1;
            let next = self.run(self.place.run + 1).map(|(first, _)| first);
            if next.is_some_and(|first| first.saturating_sub(1) <= self.place.chunk) {
                self.place.run += 1;
            }
            // Without another chunk the place stays empty, and asking for its size fails.
            if self.enter().is_none() {
                self.place.left = 0;
            }
        }
        Some(())
    }

    /// Begins the chunk it is at.
    fn enter(&mut self) -> Option<()> {
        let (bytes, rows, base) = self.chunks;
        let row = rows.row(bytes, self.place.chunk.checked_sub(base)?)?;
        self.place.offset = if rows.width == 8 { be64(row, 0)? } else { u64::from(be32(row, 0)?) };
        let (_, count) = self.run(self.place.run)?;
        self.place.left = count;
        (count > 0).then_some(())
    }

    /// First chunk (from 1) and samples in each chunk of a run.
    fn run(&self, run: u32) -> Option<(u32, u32)> {
        let (bytes, rows, base) = self.runs;
        let row = rows.row(bytes, run.checked_sub(base)?)?;
        Some((be32(row, 0)?, be32(row, 4)?))
    }
}

/// Makes the groups of a file.
struct Builder<'a> {
    moov: &'a [u8],
    base: u64,
    request: &'a Request<'a>,
    /// Media time zero, in ticks of the tracks' time.
    zero: i64,
}

impl Builder<'_> {
    fn build(&self, video: &Track, audio: Option<&Track>) -> Result<Plan, Unfit> {
        if (self.zero / 90 - self.request.start_ms).abs() > 1 {
            return Err(Unfit::Kind("its start is not where ffprobe sees it"));
        }
        let pictures = pictures_of(self.moov, video, self.request.profile)
            .ok_or(Unfit::Kind("its picture is described in another way"))?;
        let mut grouped = self.pictures(video)?;
        if let Some(audio) = audio {
            self.sounds(audio, &mut grouped)?;
        }
        let Grouped { groups, marks, phase } = grouped;
        let tables = |track: &Track| Tables {
            base: self.base,
            fixed: track.fixed,
            sizes: track.sizes,
            chunks: track.chunks,
            runs: track.runs,
        };
        let samples = Samples { video: tables(video), audio: audio.map(tables), marks };
        Ok(Plan { pictures, groups, phase, layout: Layout::Mp4(samples) })
    }

    /// Checks all pictures by the rules of copying, and groups them.
    fn pictures(&self, track: &Track) -> Result<Grouped<Place>, Unfit> {
        const DAMAGED: Unfit = Unfit::Kind("its tables are damaged");
        let profile = self.request.profile;
        let Edit::Plain { empty, from, length } = track.edit else {
            return Err(Unfit::Kind("it is edited"));
        };
        let count = track.sizes.count;
        if count > MAX_SAMPLES || track.fixed != 0 {
            return Err(Unfit::Kind("its table of sizes is of another form"));
        }
        let first = track.times(self.moov).take(64).map(|(_, shown)| shown).min();
        if first.is_none_or(|first| first < from) {
            return Err(Unfit::Kind("its beginning is cut off by an edit"));
        }
        let mut grouping = Grouping::new(profile);
        let mut keys = Keys::new(self.moov, track.keys);
        let mut walk = track.walk(self.moov).ok_or(DAMAGED)?;
        let mut times = track.times(self.moov);
        let mut last_tick = 0;
        for sample in 0..count {
            let (_, shown) = times.next().ok_or(DAMAGED)?;
            walk.size().ok_or(DAMAGED)?;
            let tick = empty + ticks(shown - from, track.scale) - self.zero;
            last_tick = last_tick.max(tick);
            grouping.push(walk.place, tick, keys.is_key(sample))?;
            walk.step().ok_or(DAMAGED)?;
        }
        let grouped = grouping.finish()?;
        // The list rounds to the movie's scale.
        let played = last_tick + self.zero - empty;
        if length.is_some_and(|length| length + rate_ticks(profile) < played) {
            return Err(Unfit::Kind("its end is cut off by an edit"));
        }
        Ok(grouped)
    }

    /// Gives every group the sound of the time it is shown.
    fn sounds(&self, track: &Track, grouped: &mut Grouped<Place>) -> Result<(), Unfit> {
        const DAMAGED: Unfit = Unfit::Kind("its tables are damaged");
        let profile = self.request.profile;
        let step = profile.audio_ticks();
        let Edit::Plain { empty, from, length } = track.edit else {
            return Err(Unfit::Kind("its sound is edited"));
        };
        if !is_profile_sound(self.moov, track, self.request.profile) {
            return Err(Unfit::Kind("its sound is described in another way"));
        }
        let mut count = i64::from(track.sizes.count);
        // Frames of AC-3 are all of one size.
        let of_one_size = track.fixed != 0 && profile.audio_codec == AudioCodec::Aac;
        if track.sizes.count > MAX_SAMPLES || of_one_size {
            return Err(Unfit::Kind("its table of sizes is of another form"));
        }
        // The last frame may be stated shorter than it is.
        let even = track
            .times(self.moov)
            .take(track.sizes.count.try_into().unwrap_or(0))
            .zip(0_i64..)
            .all(|((_, shown), nth)| {
                i128::from(shown) * 90_000 == i128::from(nth * step) * i128::from(track.scale)
            });
        if !even {
            return Err(Unfit::Kind("its sound is not evenly spaced"));
        }
        let begins = empty - ticks(from, track.scale) - self.zero;
        if let Some(length) = length {
            let played = (length + ticks(from, track.scale) + step - 1).div_euclid(step);
            if count - played > 90_000 / step {
                return Err(Unfit::Kind("its sound is cut off by an edit"));
            }
            count = count.min(played);
        }
        let origin = rules::sound_origin(profile, begins - grouped.phase);
        let nth = |tick: i64| (tick - origin + step - 1).div_euclid(step).clamp(0, count);
        let mut walk = track.walk(self.moov).ok_or(DAMAGED)?;
        for (group, mark) in grouped.groups.iter_mut().zip(grouped.marks.iter_mut()) {
            let start = nth(profile.tick_of(group.first_frame));
            let end = nth(profile.tick_of(group.end_frame));
            while i64::from(walk.place.sample) < start {
                walk.step().ok_or(DAMAGED)?;
            }
            mark.audio = walk.place;
            if end > start {
                group.audio_tick = origin + start * step;
                group.audio_frames = u32::try_from(end - start).map_err(|_| DAMAGED)?;
            }
        }
        Ok(())
    }
}

/// How the pictures of a track are coded, if that is how the profile's are.
pub(super) fn pictures_of(moov: &[u8], track: &Track, profile: &Profile) -> Option<Pictures> {
    let coding = coding(profile).picture;
    let (entries, record): (&[&[u8; 4]], _) = match coding {
        PictureCoding::H264 => (&[b"avc1"], b"avcC"),
        PictureCoding::Hevc => (&[b"hvc1", b"hev1"], b"hvcC"),
    };
    entries.iter().find_map(|entry| {
        let range = track.description(moov, entry)?;
        let config = child(moov, &(range.start + 78..range.end), record)?;
        Pictures::parse(coding, moov.get(config)?)
    })
}

/// Whether a track's sound is described as the profile's is coded.
pub(super) fn is_profile_sound(moov: &[u8], track: &Track, profile: &Profile) -> bool {
    let coding = coding(profile).sound;
    match coding.codec {
        SoundCodec::Aac => {
            let config = track.description(moov, b"mp4a").and_then(|range| {
                // QuickTime's has a longer description with the rest in a box of its own.
                let boxes = match moov.get(range.start + 8..range.start + 10)? {
                    [0, 0] => range.start + 28..range.end,
                    [0, 1] => child(moov, &(range.start + 44..range.end), b"wave")?,
                    _ => return None,
                };
                audio_config(moov.get(child(moov, &boxes, b"esds")?)?)
            });
            config.is_some_and(|config| is_profile_audio(&coding, config))
        }
        // What it is exactly stands in every frame.
        SoundCodec::Ac3 => track.description(moov, b"ac-3").is_some(),
    }
}

/// The samples that `moov` itself names, of a file whose fragments go on with them; `None` when its
/// tables are damaged or too long for that.
pub(super) fn table_samples(moov: &[u8], track: &Track) -> Option<Vec<fragments::Sample>> {
    /// The first fragment of a file, not all of a film.
    const MOST: u32 = 100_000;
    let count = track.sizes.count;
    if count == 0 {
        return Some(Vec::new());
    }
    if count > MOST {
        return None;
    }
    let mut keys = Keys::new(moov, track.keys);
    let mut walk = track.walk(moov)?;
    let mut times = track.times(moov);
    let mut samples = Vec::new();
    for sample in 0..count {
        let (decoded, shown) = times.next()?;
        let (size, offset) = (walk.size()?, walk.place.offset);
        let key = keys.is_key(sample);
        samples.push(fragments::Sample { decoded, shown, offset, size, key });
        walk.step()?;
    }
    Some(samples)
}

fn rate_ticks(profile: &Profile) -> i64 {
    profile.rate.tick_of(1)
}

/// Which samples are key frames.
struct Keys<'a> {
    moov: &'a [u8],
    rows: Option<Rows>,
    next: u32,
}

impl<'a> Keys<'a> {
    fn new(moov: &'a [u8], rows: Option<Rows>) -> Self {
        Self { moov, rows, next: 0 }
    }

    /// Whether `sample` is one; to be asked in order. Without a table all are.
    fn is_key(&mut self, sample: u32) -> bool {
        let Some(rows) = self.rows else { return true };
        let number = |row: u32| rows.row(self.moov, row).and_then(|row| be32(row, 0));
        while number(self.next).is_some_and(|key| key.saturating_sub(1) < sample) {
            self.next += 1;
        }
        number(self.next).is_some_and(|key| key.checked_sub(1) == Some(sample))
    }
}

/// The `AudioSpecificConfig` in the content of an `esds` box.
fn audio_config(esds: &[u8]) -> Option<&[u8]> {
    let (tag, body) = descriptor(esds.get(4..)?)?;
    let flags = *body.get(2).filter(|_| tag == 3)?;
    let mut at = 3;
    at += if flags & 0x80 != 0 { 2 } else { 0 };
    at += if flags & 0x40 != 0 { 1 + usize::from(*body.get(at)?) } else { 0 };
    at += if flags & 0x20 != 0 { 2 } else { 0 };
    let (tag, body) = descriptor(body.get(at..)?)?;
    // 0x40 is MPEG-4 audio.
    let (&[0x40], true) = (body.get(..1)?, tag == 4) else { return None };
    let (tag, config) = descriptor(body.get(13..)?)?;
    (tag == 5).then_some(config)
}

/// Takes an MPEG-4 descriptor: its tag and its body.
fn descriptor(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let mut length = 0_usize;
    for (count, byte) in rest.iter().take(4).enumerate() {
        length = length << 7 | usize::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            return Some((*tag, rest.get(count + 1..count + 1 + length)?));
        }
    }
    None
}
