//! Fragmented MP4: samples by the tables of `moof`.
//!
//! What `moov` says of samples itself (nothing, or those of the first fragment) is followed by
//! fragments, each with runs of samples of its own. All of them are read once and checked sample by
//! sample against the rules of copying; what stays in memory is where each fragment begins and in
//! which of them a group does. Reading a group reads its fragments' tables again.
//!
//! `sidx`, `mfra` and the like are passed over: they say where fragments are, and every fragment is
//! looked at anyway. Fragments that are out of order, that leave a gap in the sound or do not follow
//! each other in time are left to ffmpeg, and so is a file whose `moov` has samples that fragments
//! go on from with an edit list. What ffmpeg writes with `empty_moov`, reordered pictures and neither
//! `delay_moov` nor `cmaf` has such a gap behind the first frame of its sound.

use std::ops::Range;

use super::boxes::{Head, be32, be64, boxes, child, path};
use super::film::{Layout, Plan, Request, ticks};
use super::grouping::{Grouped, Grouping, Marks};
use super::mp4::{Edit, Kind, Track, is_profile_sound, pictures_of, table_samples};
use super::source::Source;
use super::{Fault, Unfit};
use crate::domain::Profile;
use crate::stream::conform::rules;

/// Boxes at the top of a file: a day in fragments of half a second, with their media.
const MAX_TOP: usize = 500_000;
/// The largest `moof` that is read.
const MAX_MOOF: u64 = 4 << 20;
/// Samples of a fragment.
const MAX_RUN: u32 = 100_000;
/// Samples of a track in all: a day at 60 pictures a second.
const MAX_SAMPLES: usize = 6_000_000;
/// A sample beyond this is not one.
const MAX_SAMPLE: u32 = 16 << 20;
/// Not a key frame, or one that depends on others.
const NO_KEY: u32 = 0x0101_0000;

const DAMAGED: Unfit = Unfit::Kind("its fragments are damaged");

/// A sample, in the time of its track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) decoded: i64,
    pub(super) shown: i64,
    pub(super) offset: u64,
    pub(super) size: u32,
    pub(super) key: bool,
}

impl Sample {
    fn range(&self) -> Option<Range<u64>> {
        Some(self.offset..self.offset.checked_add(u64::from(self.size))?)
    }
}

/// What fragments leave unsaid of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Defaults {
    track: u32,
    duration: u32,
    size: u32,
    flags: u32,
}

/// Where a sample is: in which part of the file, and which one of its track there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spot {
    part: u32,
    sample: u32,
}

/// Groups of a fragmented file.
#[derive(Debug)]
pub(super) struct Fragments {
    /// Where the fragments begin, in order; the first part is what `moov` itself says.
    parts: Box<[u64]>,
    /// Samples that `moov` itself names, as a rule none.
    first: [Box<[Sample]>; 2],
    defaults: [Option<Defaults>; 2],
    marks: Marks<Spot>,
}

impl Fragments {
    /// The order of the pictures of group `number`.
    pub(super) fn pattern(&self, number: usize) -> Option<&[u8]> {
        self.marks.pattern(number)
    }

    /// Where the pictures of a group are, and then its sounds.
    ///
    /// # Errors
    /// When the disk fails or the tables are not what they were.
    pub(super) fn ranges(
        &self,
        source: &dyn Source,
        number: usize,
        pictures: usize,
        sounds: usize,
    ) -> Result<Vec<Range<u64>>, Fault> {
        let mark = self.marks.get(number).ok_or(Fault::Damaged)?;
        let mut ranges = self.from(source, 0, mark.video, pictures)?;
        ranges.extend(self.from(source, 1, mark.audio, sounds)?);
        Ok(ranges)
    }

    /// `count` samples of a track from a spot on.
    fn from(
        &self,
        source: &dyn Source,
        which: usize,
        from: Spot,
        count: usize,
    ) -> Result<Vec<Range<u64>>, Fault> {
        let mut ranges = Vec::new();
        let (mut part, mut skip) = (from.part, usize::try_from(from.sample).unwrap_or(usize::MAX));
        while ranges.len() < count {
            let samples = match usize::try_from(part).unwrap_or(usize::MAX).checked_sub(1) {
                None => self.first[which].to_vec(),
                Some(at) => {
                    let begins = *self.parts.get(at).ok_or(Fault::Damaged)?;
                    let defaults = self.defaults[which].ok_or(Fault::Damaged)?;
                    let moof = read_moof(source, begins, u64::MAX)?.ok_or(Fault::Damaged)?;
                    runs(&moof.content, begins, &defaults, 0).ok_or(Fault::Damaged)?.0
                }
            };
            let left = count - ranges.len();
            for sample in samples.iter().skip(skip).take(left) {
                ranges.push(sample.range().ok_or(Fault::Damaged)?);
            }
            skip = 0;
            part += 1;
        }
        Ok(ranges)
    }

    /// Bytes of memory it takes, about.
    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.parts)
            + self.first.iter().map(|samples| size_of_val(&**samples)).sum::<usize>()
            + self.marks.memory()
    }
}

/// A fragment's tables.
struct Moof {
    content: Vec<u8>,
}

/// Reads the `moof` at `at`; `None` when there is another box.
fn read_moof(source: &dyn Source, at: u64, end: u64) -> Result<Option<Moof>, Fault> {
    let room = usize::try_from(end.saturating_sub(at).min(16)).unwrap_or(16);
    let Some(head) = Head::parse(&source.bytes_at(at, room)?) else { return Ok(None) };
    let Some(length) = head.length.filter(|length| head.kind == *b"moof" && *length <= MAX_MOOF)
    else {
        return Ok(None);
    };
    let length = usize::try_from(length).unwrap_or(0).saturating_sub(head.header);
    let content = source.bytes_at(at + head.header as u64, length)?;
    Ok(Some(Moof { content }))
}

/// The samples of one track in a fragment, and the decoding time after the last; `next` is where
/// they begin when the fragment does not say. `None` when it is damaged.
fn runs(
    moof: &[u8],
    begins: u64,
    defaults: &Defaults,
    next: i64,
) -> Option<(Vec<Sample>, i64, bool)> {
    let mut samples = Vec::new();
    let mut decoded = next;
    let mut timed = false;
    // Where the data of a track without a base of its own begins: behind that of the one before.
    let mut implied = begins;
    let mut claimed = 0_u32;
    for traf in boxes(moof, 0..moof.len()).filter(|found| found.kind == *b"traf") {
        let header = moof.get(child(moof, &traf.content, b"tfhd")?)?;
        let flags = be32(header, 0)? & 0x00FF_FFFF;
        let is_ours = be32(header, 4)? == defaults.track;
        let mut at = 8;
        let mut base = if flags & 0x2_0000 != 0 { begins } else { implied };
        if flags & 1 != 0 {
            base = be64(header, at)?;
            at += 8;
        }
        at += if flags & 2 != 0 { 4 } else { 0 };
        let mut default = *defaults;
        for (flag, field) in
            [(8, &mut default.duration), (0x10, &mut default.size), (0x20, &mut default.flags)]
        {
            if flags & flag != 0 {
                *field = be32(header, at)?;
                at += 4;
            }
        }
        if let Some(time) = child(moof, &traf.content, b"tfdt").filter(|_| is_ours) {
            let time = moof.get(time)?;
            let stated = match time.first()? {
                0 => u64::from(be32(time, 4)?),
                _ => be64(time, 4)?,
            };
            decoded = i64::try_from(stated).ok().filter(|stated| *stated < 1 << 50)?;
            timed = true;
        }
        let mut offset = base;
        for run in boxes(moof, traf.content.clone()).filter(|found| found.kind == *b"trun") {
            let bytes = moof.get(run.content)?;
            // A run without fields costs nothing, however long it claims to be.
            claimed = claimed.checked_add(be32(bytes, 4)?).filter(|all| *all <= MAX_RUN)?;
            offset = trun(bytes, base, offset, &default, |mut sample| {
                if is_ours {
                    sample.shown += decoded;
                    sample.decoded += decoded;
                    samples.push(sample);
                }
            })
            .map(|(offset, lasts)| {
                decoded += if is_ours { lasts } else { 0 };
                offset
            })?;
        }
        implied = offset;
    }
    Some((samples, decoded, timed))
}

/// Reads a run: gives every sample, its times from the beginning of the run, and at the end where
/// its data ends and how long it lasts.
fn trun(
    bytes: &[u8],
    base: u64,
    follows: u64,
    default: &Defaults,
    mut give: impl FnMut(Sample),
) -> Option<(u64, i64)> {
    let version = *bytes.first()?;
    let flags = be32(bytes, 0)? & 0x00FF_FFFF;
    let count = be32(bytes, 4)?;
    let mut at = 8;
    let mut offset = follows;
    if flags & 1 != 0 {
        offset = base.checked_add_signed(i64::from(be32(bytes, at)?.cast_signed()))?;
        at += 4;
    }
    let mut first_flags = None;
    if flags & 4 != 0 {
        first_flags = Some(be32(bytes, at)?);
        at += 4;
    }
    let fields = [0x100, 0x200, 0x400, 0x800].iter().filter(|flag| flags & **flag != 0).count();
    let room = bytes.len().checked_sub(at)?;
    if count > MAX_RUN || usize::try_from(count).ok()?.checked_mul(4 * fields)? > room {
        return None;
    }
    let mut decoded = 0_i64;
    for nth in 0..count {
        let mut take = |flag: u32, otherwise: u32| {
            if flags & flag == 0 {
                return Some(otherwise);
            }
            at += 4;
            be32(bytes, at - 4)
        };
        let duration = take(0x100, default.duration)?;
        let size = take(0x200, default.size)?;
        let stated = take(0x400, default.flags)?;
        let shift = take(0x800, 0)?;
        let flags = first_flags.filter(|_| nth == 0).unwrap_or(stated);
        // The shift is signed from version 1 on, and no older file has such large ones.
        let shift = if version == 0 && shift >> 31 == 0 {
            i64::from(shift)
        } else {
            i64::from(shift.cast_signed())
        };
        if size > MAX_SAMPLE {
            return None;
        }
        give(Sample { decoded, shown: decoded + shift, offset, size, key: flags & NO_KEY == 0 });
        decoded += i64::from(duration);
        offset = offset.checked_add(u64::from(size))?;
    }
    Some((offset, decoded))
}

/// Reads the tables of a fragmented file and says what groups it is made of.
///
/// # Errors
/// When it is not one that can be read in process.
pub(super) fn open(
    source: &dyn Source,
    request: &Request<'_>,
    moov: &[u8],
    tracks: &[(u32, Track)],
) -> Result<Plan, Unfit> {
    let whole = 0..moov.len();
    let mut all = tracks.iter();
    let video = all.find(|(_, track)| track.kind == Kind::Video);
    let (video_id, video) = video.ok_or(Unfit::Kind("it has no picture"))?;
    let mut sounds = tracks.iter().filter(|(_, track)| track.kind == Kind::Audio);
    let audio = match request.audio {
        Some(which) => Some(sounds.nth(which).ok_or(Unfit::Kind("its sound is not found"))?),
        None => None,
    };
    let mvex = child(moov, &whole, b"mvex").ok_or(DAMAGED)?;
    let of = |track: u32| defaults(moov, &mvex, track);
    let ids = [of(*video_id), audio.and_then(|(id, _)| of(*id))];
    if ids[0].is_none() || audio.is_some() != ids[1].is_some() {
        return Err(DAMAGED);
    }
    let table = |track: Option<&Track>| match track {
        Some(track) => table_samples(moov, track).ok_or(DAMAGED),
        None => Ok(Vec::new()),
    };
    let first = [table(Some(video))?, table(audio.map(|(_, track)| track))?];
    let edited = |track: &Track| track.edit != Edit::NONE;
    if !first[0].is_empty() && (edited(video) || audio.is_some_and(|(_, track)| edited(track))) {
        return Err(Unfit::Kind("it is edited and fragmented"));
    }
    let mut lists = [Listed::new(&first[0]), Listed::new(&first[1])];
    let parts = walk(source, request.stamp.size, &ids, &mut lists)?;
    let [mut pictures, sounds] = lists;
    // Where pictures may be shown before they are decoded, ffmpeg and the probe delay all of them.
    let early = pictures.samples.iter().map(|(_, sample)| sample.decoded - sample.shown).max();
    let delay = early.filter(|early| *early > 0 && video.edit == Edit::NONE).unwrap_or(0);
    pictures.samples.iter_mut().for_each(|(_, sample)| sample.shown += delay);
    // Time zero of the file: the first of anything, the priming of the sound included, as nothing
    // is cut off the samples of fragments.
    let begins = |track: &Track, list: &Listed| {
        let Edit::Plain { empty, from, .. } = track.edit else { return None };
        let first = list.samples.iter().take(64).map(|(_, sample)| sample.shown).min()?;
        Some(empty + ticks(first - from, track.scale))
    };
    let audio = audio.map(|(_, track)| track);
    let zero = [begins(video, &pictures), audio.and_then(|track| begins(track, &sounds))];
    let zero = zero.into_iter().flatten().min().ok_or(Unfit::Kind("its tables are damaged"))?;
    if (zero / 90 - request.start_ms).abs() > 1 {
        return Err(Unfit::Kind("its start is not where ffprobe sees it"));
    }
    let coded = pictures_of(moov, video, request.profile)
        .ok_or(Unfit::Kind("its picture is described in another way"))?;
    let mut grouped = picture_groups(request.profile, video, &pictures, zero)?;
    if let Some(track) = audio {
        if !is_profile_sound(moov, track, request.profile) {
            return Err(Unfit::Kind("its sound is described in another way"));
        }
        sound_groups(request.profile, track, &sounds, zero, &mut grouped)?;
    }
    let Grouped { groups, marks, phase } = grouped;
    let layout = Layout::Fragments(Fragments {
        parts: parts.into(),
        first: first.map(Into::into),
        defaults: ids,
        marks,
    });
    Ok(Plan { pictures: coded, groups, phase, layout })
}

/// All samples of a track and where they are.
struct Listed {
    samples: Vec<(Spot, Sample)>,
    /// Decoding time after the last.
    next: i64,
    /// Bytes of those in fragments.
    bytes: u64,
}

impl Listed {
    fn new(first: &[Sample]) -> Self {
        let spot = |sample| Spot { part: 0, sample };
        let samples = (0..).map(spot).zip(first.iter().copied()).collect();
        // Fragments that go on from there say when they begin.
        Self { samples, next: first.last().map_or(0, |last| last.decoded), bytes: 0 }
    }
}

/// Goes through the boxes of the file; gives where the fragments begin.
fn walk(
    source: &dyn Source,
    size: u64,
    ids: &[Option<Defaults>; 2],
    lists: &mut [Listed; 2],
) -> Result<Vec<u64>, Unfit> {
    let mut parts = Vec::new();
    let mut at = 0_u64;
    for _ in 0..MAX_TOP {
        if size.saturating_sub(at) < 8 {
            break;
        }
        let room = usize::try_from((size - at).min(16)).unwrap_or(16);
        let head = Head::parse(&source.bytes_at(at, room)?).ok_or(DAMAGED)?;
        let length = head.length.unwrap_or(size - at);
        let next = at.checked_add(length).filter(|next| *next <= size);
        let next = next.ok_or(Unfit::Kind("it is cut off"))?;
        if head.kind == *b"moof" {
            let moof = read_moof(source, at, size)?.ok_or(DAMAGED)?;
            parts.push(at);
            let part = u32::try_from(parts.len()).map_err(|_| DAMAGED)?;
            for (defaults, list) in ids.iter().zip(lists.iter_mut()) {
                let Some(defaults) = defaults else { continue };
                let untimed = part == 1 && !list.samples.is_empty();
                let (samples, after, timed) =
                    runs(&moof.content, at, defaults, list.next).ok_or(DAMAGED)?;
                if untimed && !timed && !samples.is_empty() {
                    return Err(Unfit::Kind("its fragments do not say when they begin"));
                }
                list.bytes += samples.iter().map(|sample| u64::from(sample.size)).sum::<u64>();
                // No file holds more samples than bytes, whatever it claims.
                if list.bytes > size || samples.iter().any(|sample| sample.size == 0) {
                    return Err(DAMAGED);
                }
                let spot = |sample| Spot { part, sample };
                list.samples.extend((0..).map(spot).zip(samples));
                list.next = after;
                if list.samples.len() > MAX_SAMPLES {
                    return Err(Unfit::Kind("it has too many samples"));
                }
            }
        }
        at = next;
    }
    for list in lists {
        let inside = |sample: &Sample| sample.range().is_some_and(|range| range.end <= size);
        if !list.samples.iter().all(|(_, sample)| inside(sample)) {
            return Err(Unfit::Kind("it is cut off"));
        }
    }
    Ok(parts)
}

/// What `trex` says of a track.
fn defaults(moov: &[u8], mvex: &Range<usize>, track: u32) -> Option<Defaults> {
    boxes(moov, mvex.clone()).filter(|found| found.kind == *b"trex").find_map(|found| {
        let trex = moov.get(found.content)?;
        let field = |at| be32(trex, at);
        (field(4)? == track).then_some(())?;
        Some(Defaults { track, duration: field(12)?, size: field(16)?, flags: field(20)? })
    })
}

/// The id of a track.
pub(super) fn track_id(moov: &[u8], track: &Range<usize>) -> Option<u32> {
    let header = moov.get(path(moov, track, &[b"tkhd"])?)?;
    be32(header, if header.first()? == &1 { 20 } else { 12 })
}

/// Checks all pictures by the rules of copying, and groups them.
fn picture_groups(
    profile: &Profile,
    track: &Track,
    list: &Listed,
    zero: i64,
) -> Result<Grouped<Spot>, Unfit> {
    let Edit::Plain { empty, from, .. } = track.edit else {
        return Err(Unfit::Kind("it is edited"));
    };
    let first = list.samples.iter().take(64).map(|(_, sample)| sample.shown).min();
    if first.is_none_or(|first| first < from) {
        return Err(Unfit::Kind("its beginning is cut off by an edit"));
    }
    let mut grouping = Grouping::new(profile);
    let mut before = i64::MIN;
    for (spot, sample) in &list.samples {
        if sample.decoded <= before {
            return Err(Unfit::Kind("its fragments are out of order"));
        }
        before = sample.decoded;
        let tick = empty + ticks(sample.shown - from, track.scale) - zero;
        grouping.push(*spot, tick, sample.key)?;
    }
    grouping.finish()
}

/// Gives every group the sound of the time it is shown.
fn sound_groups(
    profile: &Profile,
    track: &Track,
    list: &Listed,
    zero: i64,
    grouped: &mut Grouped<Spot>,
) -> Result<(), Unfit> {
    let step = profile.audio_ticks();
    let Edit::Plain { empty, from, .. } = track.edit else {
        return Err(Unfit::Kind("its sound is edited"));
    };
    let Some((_, head)) = list.samples.first() else { return Ok(()) };
    let even = list.samples.iter().zip(0_i64..).all(|((_, sample), nth)| {
        let since = i128::from(sample.shown - head.shown);
        since * 90_000 == i128::from(nth * step) * i128::from(track.scale)
    });
    if !even {
        return Err(Unfit::Kind("its sound is not evenly spaced"));
    }
    let count = i64::try_from(list.samples.len()).unwrap_or(i64::MAX);
    let begins = empty + ticks(head.shown - from, track.scale) - zero;
    let origin = rules::sound_origin(profile, begins - grouped.phase);
    let nth = |tick: i64| (tick - origin + step - 1).div_euclid(step).clamp(0, count);
    for (group, mark) in grouped.groups.iter_mut().zip(grouped.marks.iter_mut()) {
        let start = nth(profile.tick_of(group.first_frame));
        let end = nth(profile.tick_of(group.end_frame));
        let Some((spot, _)) = usize::try_from(start).ok().and_then(|at| list.samples.get(at))
        else {
            continue;
        };
        if end > start {
            mark.audio = *spot;
            group.audio_tick = origin + start * step;
            group.audio_frames = u32::try_from(end - start).map_err(|_| DAMAGED)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACK: Defaults = Defaults { track: 1, duration: 512, size: 7, flags: 0 };

    /// A box of `kind` around `content`.
    fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len() + 8).unwrap();
        [&length.to_be_bytes()[..], kind, content].concat()
    }

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn a_run_takes_what_it_states_and_the_rest_from_the_defaults() {
        let head = boxed(b"tfhd", &words(&[0x2_0000, 1]));
        let time = boxed(b"tfdt", &words(&[0, 9_000]));
        // Data offset, flags of the first, then size and shift of each of two samples.
        let run = boxed(b"trun", &words(&[0x0100_0A05, 2, 100, 0, 10, 1_024, 20, 0]));
        let traf = boxed(b"traf", &[head, time, run].concat());
        let other = boxed(b"traf", &boxed(b"tfhd", &words(&[0, 2])));
        let moof = [other, traf].concat();
        let (samples, next, timed) = runs(&moof, 5_000, &TRACK, 1).unwrap();
        let sample =
            |decoded, shown, offset, size| Sample { decoded, shown, offset, size, key: true };
        let expected = [sample(9_000, 10_024, 5_100, 10), sample(9_512, 9_512, 5_110, 20)];
        assert_eq!((samples.as_slice(), next, timed), (&expected[..], 10_024, true));
    }

    #[test]
    fn a_run_that_claims_more_than_it_holds_is_damaged() {
        let head = boxed(b"tfhd", &words(&[0x2_0000, 1]));
        let run = |count| boxed(b"trun", &words(&[0x200, count, 10, 20]));
        let moof = |count| boxed(b"traf", &[head.clone(), run(count)].concat());
        assert_eq!(runs(&moof(2), 0, &TRACK, 0).unwrap().0.len(), 2);
        assert!(runs(&moof(3), 0, &TRACK, 0).is_none());
        assert!(runs(&moof(u32::MAX), 0, &TRACK, 0).is_none());
        // Without any field of its own a run costs no bytes, so there is a bound.
        let bare = |count| boxed(b"trun", &words(&[0, count]));
        let moof = boxed(b"traf", &[head.clone(), bare(MAX_RUN + 1)].concat());
        assert!(runs(&moof, 0, &TRACK, 0).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(
            bytes in proptest::collection::vec(prop_oneof![0_u8..8, any::<u8>()], 0..300),
            begins in prop_oneof![0_u64..100, Just(u64::MAX - 3)],
        ) {
            runs(&bytes, begins, &TRACK, 0);
            let head = boxed(b"tfhd", &words(&[0x2_0000, 1]));
            let moof = boxed(b"traf", &[head, boxed(b"trun", &bytes), boxed(b"tfdt", &bytes)].concat());
            if let Some((samples, ..)) = runs(&moof, begins, &TRACK, 0) {
                for sample in samples {
                    sample.range();
                }
            }
            trun(&bytes, begins, begins, &TRACK, |_| {});
        }
    }
}
