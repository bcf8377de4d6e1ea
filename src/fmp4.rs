//! Fragmented MP4 (CMAF): the same access units as in transport streams, for the players and codecs
//! that HLS carries in no other way. PURE.
//!
//! An [`init`] segment says what the tracks are; a [`fragment`] is one unit. Fragments in a row
//! play like units in a row: each carries its absolute decoding time, and nothing in it depends on
//! what stood before it. Video is track 1, counted in ticks of 90 kHz; sound is track 2, counted in
//! samples.
//!
//! Deliberately absent: edit lists, encryption, any codec but H.264 and AAC-LC 48 kHz stereo. Another
//! codec is another sample entry and nothing else.

mod boxes;

use crate::mpegts::adts;
use crate::mpegts::h264::{NAL_AUD, NAL_PPS, NAL_SPS, nal_type, nal_units};
use crate::mpegts::unit::{Parts, Picture, Sound};

use self::boxes::{boxed, full};

/// Clock of the video track.
const VIDEO_SCALE: u32 = 90_000;
/// Clock of the sound track.
const AUDIO_SCALE: u32 = 48_000;
/// Samples of an AAC frame.
const FRAME_SAMPLES: u32 = 1_024;
/// Ticks of 90 kHz of one.
const FRAME_TICKS: i64 = 1_920;

/// A sample on which nothing else is needed, and one that needs others.
const KEY: u32 = 0x0200_0000;
const NOT_KEY: u32 = 0x0101_0000;

/// Writes the initialisation segment of pictures that look like `key`, an access unit with its
/// parameter sets; `None` when it has none.
pub fn init(key: &[u8], width: u16, height: u16) -> Option<Vec<u8>> {
    let set = |kind: u8| nal_units(key).find(|nal| nal_type(nal) == Some(kind));
    let (sps, pps) = (set(NAL_SPS)?, set(NAL_PPS)?);
    if sps.len() < 4 {
        return None;
    }
    let mut out = Vec::with_capacity(1_200);
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
        track(out, &Track::video(width, height), |out| picture_entry(out, sps, pps, width, height));
        track(out, &Track::SOUND, sound_entry);
        boxed(out, b"mvex", |out| {
            for id in [1, 2] {
                full(out, b"trex", 0, 0, |out| numbers(out, &[id, 1, 0, 0, 0]));
            }
        });
    });
    Some(out)
}

/// Writes one unit as a fragment; `number` should rise from one to the next.
pub fn fragment(number: u32, parts: &Parts<'_>) -> Vec<u8> {
    let pictures: Vec<Vec<u8>> =
        parts.pictures.iter().map(|picture| lengths(&picture.data)).collect();
    let sounds: Vec<&[u8]> = parts
        .sounds
        .iter()
        .map(|sound| sound.data.get(adts::HEADER..).unwrap_or_default())
        .collect();
    let video: usize = pictures.iter().map(Vec::len).sum();
    let audio: usize = sounds.iter().map(|sound| sound.len()).sum();
    // The length of the header does not depend on the offsets that are written into it.
    let head = |base: usize| {
        let mut out = Vec::with_capacity(256 + 16 * parts.pictures.len() + 8 * sounds.len());
        boxed(&mut out, b"moof", |out| {
            full(out, b"mfhd", 0, 0, |out| numbers(out, &[number]));
            video_run(out, parts, &pictures, base);
            audio_run(out, parts.sounds, &sounds, base + video);
        });
        out
    };
    let mut out = head(head(0).len() + 8);
    boxed(&mut out, b"mdat", |out| {
        out.reserve(video + audio);
        pictures.iter().for_each(|picture| out.extend_from_slice(picture));
        sounds.iter().for_each(|sound| out.extend_from_slice(sound));
    });
    out
}

fn video_run(out: &mut Vec<u8>, parts: &Parts<'_>, data: &[Vec<u8>], offset: usize) {
    let begin = parts.pictures.first().map_or(parts.start, |first| first.dts);
    boxed(out, b"traf", |out| {
        full(out, b"tfhd", 0, 0x02_0000, |out| numbers(out, &[1]));
        full(out, b"tfdt", 1, 0, |out| out.extend(begin.to_be_bytes()));
        // Offset, and of each sample: duration, size, flags, composition offset.
        full(out, b"trun", 1, 0xF01, |out| {
            numbers(out, &[count(data.len()), count(offset)]);
            for (nth, (picture, data)) in parts.pictures.iter().zip(data).enumerate() {
                let Picture { pts, dts, .. } = picture;
                let next = parts.pictures.get(nth + 1).map_or(parts.end, |next| next.dts);
                let flags = if nth == 0 { KEY } else { NOT_KEY };
                numbers(out, &[ticks(next - dts), count(data.len()), flags, ticks(pts - dts)]);
            }
        });
    });
}

fn audio_run(out: &mut Vec<u8>, sounds: &[Sound], data: &[&[u8]], offset: usize) {
    let Some(first) = sounds.first() else { return };
    let begin = first.pts.div_euclid(FRAME_TICKS) * i64::from(FRAME_SAMPLES);
    boxed(out, b"traf", |out| {
        // One duration for all of them.
        full(out, b"tfhd", 0, 0x02_0028, |out| numbers(out, &[2, FRAME_SAMPLES, KEY]));
        full(out, b"tfdt", 1, 0, |out| out.extend(begin.to_be_bytes()));
        full(out, b"trun", 0, 0x201, |out| {
            numbers(out, &[count(data.len()), count(offset)]);
            data.iter().for_each(|sound| numbers(out, &[count(sound.len())]));
        });
    });
}

/// An access unit with lengths instead of start codes, and without delimiters.
fn lengths(annex_b: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(annex_b.len() + 16);
    for nal in nal_units(annex_b).filter(|nal| nal_type(nal) != Some(NAL_AUD)) {
        out.extend(count(nal.len()).to_be_bytes());
        out.extend_from_slice(nal);
    }
    out
}

/// What is different in the headers of the two tracks.
struct Track {
    id: u32,
    scale: u32,
    handler: &'static [u8; 4],
    volume: u16,
    size: (u16, u16),
}

impl Track {
    const SOUND: Self =
        Self { id: 2, scale: AUDIO_SCALE, handler: b"soun", volume: 0x0100, size: (0, 0) };

    fn video(width: u16, height: u16) -> Self {
        Self { id: 1, scale: VIDEO_SCALE, handler: b"vide", volume: 0, size: (width, height) }
    }
}

fn track(out: &mut Vec<u8>, track: &Track, entry: impl FnOnce(&mut Vec<u8>)) {
    let Track { id, scale, handler, volume, size: (width, height) } = *track;
    boxed(out, b"trak", |out| {
        full(out, b"tkhd", 0, 3, |out| {
            numbers(out, &[0, 0, id, 0, 0, 0, 0, 0]);
            out.extend(volume.to_be_bytes());
            out.extend([0, 0]);
            matrix(out);
            numbers(out, &[u32::from(width) << 16, u32::from(height) << 16]);
        });
        boxed(out, b"mdia", |out| {
            full(out, b"mdhd", 0, 0, |out| {
                numbers(out, &[0, 0, scale, 0]);
                // The language `und`.
                out.extend([0x55, 0xC4, 0, 0]);
            });
            full(out, b"hdlr", 0, 0, |out| {
                numbers(out, &[0]);
                out.extend(handler);
                numbers(out, &[0; 3]);
                out.push(0);
            });
            boxed(out, b"minf", |out| {
                match handler {
                    b"vide" => full(out, b"vmhd", 0, 1, |out| out.extend([0; 8])),
                    _ => full(out, b"smhd", 0, 0, |out| out.extend([0; 4])),
                }
                boxed(out, b"dinf", |out| {
                    full(out, b"dref", 0, 0, |out| {
                        numbers(out, &[1]);
                        full(out, b"url ", 0, 1, |_| {});
                    });
                });
                boxed(out, b"stbl", |out| {
                    full(out, b"stsd", 0, 0, |out| {
                        numbers(out, &[1]);
                        entry(out);
                    });
                    for table in [b"stts", b"stsc", b"stco"] {
                        full(out, table, 0, 0, |out| numbers(out, &[0]));
                    }
                    full(out, b"stsz", 0, 0, |out| numbers(out, &[0, 0]));
                });
            });
        });
    });
}

fn picture_entry(out: &mut Vec<u8>, sps: &[u8], pps: &[u8], width: u16, height: u16) {
    boxed(out, b"avc1", |out| {
        out.extend([0, 0, 0, 0, 0, 0, 0, 1]);
        out.extend([0; 16]);
        out.extend(width.to_be_bytes());
        out.extend(height.to_be_bytes());
        numbers(out, &[0x0048_0000, 0x0048_0000, 0]);
        out.extend([0, 1]);
        out.extend([0; 32]);
        out.extend([0, 0x18, 0xFF, 0xFF]);
        boxed(out, b"avcC", |out| {
            out.push(1);
            out.extend_from_slice(&sps[1..4]);
            out.extend([0xFF, 0xE1]);
            sized(out, sps);
            out.push(1);
            sized(out, pps);
            // Profiles from High on say what their samples are: 4:2:0, 8 bits.
            if matches!(sps[1], 100 | 110 | 122 | 144) {
                out.extend([0xFD, 0xF8, 0xF8, 0]);
            }
        });
    });
}

fn sound_entry(out: &mut Vec<u8>) {
    boxed(out, b"mp4a", |out| {
        out.extend([0, 0, 0, 0, 0, 0, 0, 1]);
        out.extend([0; 8]);
        out.extend([0, 2, 0, 16, 0, 0, 0, 0]);
        numbers(out, &[AUDIO_SCALE << 16]);
        full(out, b"esds", 0, 0, |out| {
            // Stream descriptor, decoder configuration: MPEG-4 audio.
            out.extend([3, 25, 0, 2, 0, 4, 17, 0x40, 0x15, 0, 0, 0]);
            numbers(out, &[0, 0]);
            // AAC-LC, 48 kHz, stereo.
            out.extend([5, 2, 0x11, 0x90, 6, 1, 2]);
        });
    });
}

fn sized(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
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
