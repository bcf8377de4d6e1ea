//! One group of pictures as bytes in a span file. PURE.
//!
//! ```text
//! header (48 bytes, little endian)
//!   0 magic "EXG1"   4 crc32 of bytes 8..48
//!   8 first frame   16 first audio tick   24 frames   28 pictures   32 sounds
//!  36 body length   40 crc32 of the body  44 zero
//! body
//!   for each picture: frame − first frame (i32), length (u32)
//!   for each sound:   length (u32)
//!   the pictures, the sounds
//! ```
//!
//! The header has a checksum of its own, so that the index is rebuilt without reading pictures.

use bytes::{Buf, Bytes};

use crate::stream::rendition::{Gop, VideoUnit};

/// Length of a header.
pub(super) const HEADER: usize = 48;
const MAGIC: &[u8; 4] = b"EXG1";
/// A group beyond this is not a group: 4 s at the highest rate are a tenth of it.
const MAX_BODY: u32 = 256 << 20;

/// A group of pictures to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGop {
    /// First frame shown, counted from the start of the media.
    pub first_frame: i64,
    /// Frames it covers.
    pub frames: u32,
    /// Time of its first audio frame, in ticks after media time zero.
    pub audio_tick: i64,
    /// Pictures and sounds.
    pub gop: Gop,
}

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) first_frame: i64,
    pub(super) audio_tick: i64,
    pub(super) frames: u32,
    pub(super) pictures: u32,
    pub(super) sounds: u32,
    pub(super) body: u32,
    body_crc: u32,
}

impl Header {
    /// Reads a header; `None` when it is damaged or impossible.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEADER] = bytes.first_chunk()?;
        let (magic, mut rest) = bytes.split_first_chunk::<4>()?;
        let crc = rest.get_u32_le();
        if magic != MAGIC || crc != crc32fast::hash(rest) {
            return None;
        }
        let header = Self {
            first_frame: rest.get_i64_le(),
            audio_tick: rest.get_i64_le(),
            frames: rest.get_u32_le(),
            pictures: rest.get_u32_le(),
            sounds: rest.get_u32_le(),
            body: rest.get_u32_le(),
            body_crc: rest.get_u32_le(),
        };
        let table = 8 * u64::from(header.pictures) + 4 * u64::from(header.sounds);
        let possible = header.pictures > 0
            && header.frames > 0
            && header.body <= MAX_BODY
            && table <= u64::from(header.body);
        possible.then_some(header)
    }

    /// Length of the whole record.
    pub(super) fn record(&self) -> u32 {
        // The header is short and `parse` bounds the body, so this does not saturate.
        self.body.saturating_add(48)
    }
}

/// Why a group cannot be written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the group is empty, larger than 256 MiB or holds a frame out of reach")]
pub struct Unwritable;

/// Writes a record.
///
/// # Errors
/// When the group has no picture or does not fit the format.
pub(super) fn write(new: &NewGop) -> Result<Vec<u8>, Unwritable> {
    let Gop { video, audio } = &new.gop;
    let payload: usize = video.iter().map(|unit| unit.data.len()).sum::<usize>()
        + audio.iter().map(Bytes::len).sum::<usize>();
    let body = 8 * video.len() + 4 * audio.len() + payload;
    let body = u32::try_from(body).map_err(|_| Unwritable)?;
    if video.is_empty() || new.frames == 0 || body > MAX_BODY {
        return Err(Unwritable);
    }
    // All counts and lengths below are smaller than the body, which fits.
    let short = |length: usize| u32::try_from(length).map_err(|_| Unwritable);
    let mut bytes = vec![0; HEADER];
    bytes.reserve(usize::try_from(body).unwrap_or(0));
    for unit in video {
        let offset = i32::try_from(unit.frame - new.first_frame).map_err(|_| Unwritable)?;
        bytes.extend(offset.to_le_bytes());
        bytes.extend(short(unit.data.len())?.to_le_bytes());
    }
    for sound in audio {
        bytes.extend(short(sound.len())?.to_le_bytes());
    }
    for unit in video {
        bytes.extend_from_slice(&unit.data);
    }
    for sound in audio {
        bytes.extend_from_slice(sound);
    }
    let mut header = Vec::with_capacity(HEADER - 8);
    header.extend(new.first_frame.to_le_bytes());
    header.extend(new.audio_tick.to_le_bytes());
    header.extend(new.frames.to_le_bytes());
    header.extend(short(video.len())?.to_le_bytes());
    header.extend(short(audio.len())?.to_le_bytes());
    header.extend(body.to_le_bytes());
    header.extend(crc32fast::hash(&bytes[HEADER..]).to_le_bytes());
    header.extend(0_u32.to_le_bytes());
    bytes[..4].copy_from_slice(MAGIC);
    bytes[4..8].copy_from_slice(&crc32fast::hash(&header).to_le_bytes());
    bytes[8..HEADER].copy_from_slice(&header);
    Ok(bytes)
}

/// Reads a record; pictures and sounds share its memory. `None` when anything is wrong with it.
pub(super) fn read(record: &Bytes) -> Option<Gop> {
    let header = Header::parse(record)?;
    let body = record.slice(HEADER..);
    if u32::try_from(body.len()) != Ok(header.body) || crc32fast::hash(&body) != header.body_crc {
        return None;
    }
    let pictures = usize::try_from(header.pictures).ok()?;
    let sounds = usize::try_from(header.sounds).ok()?;
    // `Header::parse` made sure that the table fits the body.
    let mut table = body.slice(..8 * pictures + 4 * sounds);
    let mut payload = body.slice(8 * pictures + 4 * sounds..);
    let mut take = |length: u32| {
        let length = usize::try_from(length).ok()?;
        (length <= payload.len()).then(|| payload.split_to(length))
    };
    let mut video = Vec::with_capacity(pictures);
    for _ in 0..pictures {
        let frame = header.first_frame.checked_add(i64::from(table.get_i32_le()))?;
        video.push(VideoUnit { frame, data: take(table.get_u32_le())? });
    }
    let mut audio = Vec::with_capacity(sounds);
    for _ in 0..sounds {
        audio.push(take(table.get_u32_le())?);
    }
    Some(Gop { video, audio })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn gops() -> impl Strategy<Value = NewGop> {
        let unit = (0_i64..200, proptest::collection::vec(any::<u8>(), 0..40));
        let sound = proptest::collection::vec(any::<u8>(), 0..20);
        (
            0_i64..1_000_000_000,
            1_u32..300,
            any::<i64>(),
            proptest::collection::vec(unit, 1..20),
            proptest::collection::vec(sound, 0..20),
        )
            .prop_map(|(first_frame, frames, audio_tick, video, audio)| NewGop {
                first_frame,
                frames,
                audio_tick,
                gop: Gop {
                    video: video
                        .into_iter()
                        .map(|(at, data)| VideoUnit { frame: first_frame + at, data: data.into() })
                        .collect(),
                    audio: audio.into_iter().map(Bytes::from).collect(),
                },
            })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(new in gops()) {
            let bytes = write(&new).unwrap();
            let header = Header::parse(&bytes).unwrap();
            prop_assert_eq!(header.record() as usize, bytes.len());
            prop_assert_eq!(header.first_frame, new.first_frame);
            prop_assert_eq!(header.audio_tick, new.audio_tick);
            prop_assert_eq!(read(&bytes.into()), Some(new.gop));
        }

        #[test]
        fn a_flipped_bit_is_always_found(new in gops(), at in any::<prop::sample::Index>(), bit in 0..8) {
            let mut bytes = write(&new).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1_u8 << bit;
            prop_assert_eq!(read(&bytes.into()), None);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(read(&bytes.into()), None);
        }
    }

    #[test]
    fn an_empty_group_is_not_written() {
        let gop = Gop { video: Vec::new(), audio: Vec::new() };
        let new = NewGop { first_frame: 0, frames: 1, audio_tick: 0, gop };
        assert_eq!(write(&new), Err(Unwritable));
    }
}
