//! Fragmented MP4 (CMAF): the same access units as in transport streams, for the players and codecs
//! that HLS carries in no other way. PURE.
//!
//! An [`init`] segment says what the tracks are; a [`fragment`] is a unit, or a piece of one. Fragments
//! in a row play like units in a row: each carries its absolute decoding time, and nothing in it
//! depends on what stood before it. Video is track 1, counted in ticks of 90 kHz; sound is track 2,
//! counted in samples.
//!
//! Key frames keep their parameter sets, although the initialisation segment has them too: a segment
//! in which one item ends and another begins then plays without another initialisation segment.
//!
//! Deliberately absent: edit lists and encryption.

mod boxes;
mod entries;
mod track;

use std::ops::Range;

use crate::mpegts::adts;
use crate::mpegts::coding::{PictureCoding, Role, SoundCodec, SoundCoding};
use crate::mpegts::h264::nal_units;
use crate::mpegts::unit::{Parts, Picture, Sound};

use self::boxes::{boxed, full};
use self::entries::{ParameterSets, picture_entry, sound_entry};
use self::track::{Track, track};

/// Clock of the video track.
const VIDEO_SCALE: u32 = 90_000;
/// Clock of the sound track.
const AUDIO_SCALE: u32 = 48_000;

/// A sample on which nothing else is needed, and one that needs others.
const KEY: u32 = 0x0200_0000;
const NOT_KEY: u32 = 0x0101_0000;

/// What pictures look like.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// How they are coded.
    pub coding: PictureCoding,
    /// An access unit with its parameter sets.
    pub key: &'a [u8],
    /// Width in pixels.
    pub width: u16,
    /// Height in pixels.
    pub height: u16,
}

/// Writes the initialisation segment of pictures, of sound, or of both; `None` when the key frame
/// lacks its parameter sets.
pub fn init(pictures: Option<Look<'_>>, sound: Option<SoundCoding>) -> Option<Vec<u8>> {
    let pictures = match pictures {
        Some(look) => Some((look, ParameterSets::of(look.coding, look.key)?)),
        None => None,
    };
    let mut out = Vec::with_capacity(1_400);
    boxed(&mut out, b"ftyp", |out| {
        out.extend(b"iso6");
        out.extend(0_u32.to_be_bytes());
        out.extend(b"iso6cmfcmp41");
    });
    boxed(&mut out, b"moov", |out| {
        full(out, b"mvhd", 0, 0, |out| {
            numbers(out, &[0, 0, 1_000, 0, 0x0001_0000]);
            out.extend([1, 0, 0, 0]);
            numbers(out, &[0, 0]);
            matrix(out);
            numbers(out, &[0; 6]);
            numbers(out, &[3]);
        });
        if let Some((look, sets)) = &pictures {
            let size = (look.width, look.height);
            track(out, &Track::video(size), |out| picture_entry(out, sets, size));
        }
        if let Some(sound) = sound {
            track(out, &Track::SOUND, |out| sound_entry(out, sound));
        }
        boxed(out, b"mvex", |out| {
            let ids = [pictures.as_ref().map(|_| 1), sound.map(|_| 2)];
            for id in ids.into_iter().flatten() {
                full(out, b"trex", 0, 0, |out| numbers(out, &[id, 1, 0, 0, 0]));
            }
        });
    });
    Some(out)
}

/// Writes what of a unit is decoded `within` these ticks as a fragment; nothing when that is nothing.
///
/// `number` should rise from one to the next. Fragments of one unit, cut anywhere, in a row are the
/// unit.
pub fn fragment(number: u32, parts: &Parts<'_>, within: &Range<i64>) -> Vec<u8> {
    let coding = parts.coding;
    let pictures: Vec<Sample> = samples(parts, within);
    let sounds: Vec<&Sound> =
        parts.sounds.iter().filter(|sound| within.contains(&sound.pts)).collect();
    if pictures.is_empty() && sounds.is_empty() {
        return Vec::new();
    }
    let payload = |sound: &Sound| -> Range<usize> {
        let begin = match coding.sound.codec {
            SoundCodec::Aac => adts::HEADER.min(sound.data.len()),
            SoundCodec::Ac3 => 0,
        };
        begin..sound.data.len()
    };
    let video: usize = pictures.iter().map(|picture| picture.data.len()).sum();
    let audio: usize = sounds.iter().map(|sound| payload(sound).len()).sum();
    // The length of the header does not depend on the offsets that are written into it.
    let head = |base: usize| {
        let mut out = Vec::with_capacity(256 + 16 * pictures.len() + 8 * sounds.len());
        boxed(&mut out, b"moof", |out| {
            full(out, b"mfhd", 0, 0, |out| numbers(out, &[number]));
            video_run(out, &pictures, base);
            let sizes = sounds.iter().map(|sound| payload(sound).len());
            let begin = sounds.first().map(|sound| sound.pts);
            audio_run(out, coding.sound.codec, begin, sizes, base + video);
        });
        out
    };
    let mut out = head(head(0).len() + 8);
    boxed(&mut out, b"mdat", |out| {
        out.reserve(video + audio);
        pictures.iter().for_each(|picture| out.extend_from_slice(&picture.data));
        sounds.iter().for_each(|sound| out.extend_from_slice(&sound.data[payload(sound)]));
    });
    out
}

/// A picture as its track has it.
struct Sample {
    dts: i64,
    /// Until the next one is decoded.
    length: i64,
    /// From its decoding to its showing.
    waits: i64,
    is_key: bool,
    data: Vec<u8>,
}

/// The pictures of a unit that are decoded `within` these ticks.
fn samples(parts: &Parts<'_>, within: &Range<i64>) -> Vec<Sample> {
    let nexts = parts.pictures.iter().skip(1).map(|next| next.dts).chain([parts.end]);
    let all = parts.pictures.iter().zip(nexts).enumerate();
    let due = all.filter(|(_, (picture, _))| within.contains(&picture.dts));
    due.map(|(nth, (Picture { pts, dts, data }, next))| Sample {
        dts: *dts,
        length: next - dts,
        waits: pts - dts,
        is_key: nth == 0,
        data: lengths(parts.coding.picture, data),
    })
    .collect()
}

fn video_run(out: &mut Vec<u8>, pictures: &[Sample], offset: usize) {
    let Some(first) = pictures.first() else { return };
    boxed(out, b"traf", |out| {
        full(out, b"tfhd", 0, 0x02_0000, |out| numbers(out, &[1]));
        full(out, b"tfdt", 1, 0, |out| out.extend(first.dts.to_be_bytes()));
        // Offset, and of each sample: duration, size, flags, composition offset.
        full(out, b"trun", 1, 0xF01, |out| {
            numbers(out, &[count(pictures.len()), count(offset)]);
            for Sample { dts: _, length, waits, is_key, data } in pictures {
                let flags = if *is_key { KEY } else { NOT_KEY };
                numbers(out, &[ticks(*length), count(data.len()), flags, ticks(*waits)]);
            }
        });
    });
}

fn audio_run(
    out: &mut Vec<u8>,
    codec: SoundCodec,
    begin: Option<i64>,
    sizes: impl ExactSizeIterator<Item = usize>,
    offset: usize,
) {
    let Some(begin) = begin else { return };
    let samples = ticks(codec.ticks() * i64::from(AUDIO_SCALE) / i64::from(VIDEO_SCALE));
    let begin = begin.div_euclid(codec.ticks()) * i64::from(samples);
    boxed(out, b"traf", |out| {
        // One duration for all of them.
        full(out, b"tfhd", 0, 0x02_0028, |out| numbers(out, &[2, samples, KEY]));
        full(out, b"tfdt", 1, 0, |out| out.extend(begin.to_be_bytes()));
        full(out, b"trun", 0, 0x201, |out| {
            numbers(out, &[count(sizes.len()), count(offset)]);
            sizes.for_each(|size| numbers(out, &[count(size)]));
        });
    });
}

/// An access unit with lengths instead of start codes, and without delimiters.
fn lengths(coding: PictureCoding, annex_b: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(annex_b.len() + 16);
    for nal in nal_units(annex_b).filter(|nal| coding.role(nal) != Some(Role::Delimiter)) {
        out.extend(count(nal.len()).to_be_bytes());
        out.extend_from_slice(nal);
    }
    out
}

/// The identity.
fn matrix(out: &mut Vec<u8>) {
    numbers(out, &[0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000]);
}

fn numbers(out: &mut Vec<u8>, numbers: &[u32]) {
    out.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
}

/// A number of bytes or samples; a unit has some megabytes at most.
fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A length of time in a unit, never negative.
fn ticks(length: i64) -> u32 {
    u32::try_from(length).unwrap_or(0)
}

#[cfg(test)]
mod tests;
