//! Access units as a container holds them, made into those that a rendition holds. PURE.
//!
//! Pictures come as NAL units with their lengths in front and parameter sets apart; they leave as
//! Annex B with an access unit delimiter, and with the parameter sets at key frames. AAC comes as
//! bare blocks and leaves with ADTS headers, AC-3 leaves as it comes. Nothing is decoded, and every
//! length that the file states is checked.

use bytes::Bytes;

use super::Fault;
use crate::mpegts::coding::{PictureCoding, Role, SoundCodec, SoundCoding};
use crate::mpegts::{adts, h264, hevc};
use crate::stream::conform::rules::{Misfit, distinct};

const START: [u8; 4] = [0, 0, 0, 1];

/// How the pictures of a track are coded: what `avcC`, `hvcC` or `CodecPrivate` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pictures {
    coding: PictureCoding,
    /// Bytes of a NAL unit's length.
    length_size: usize,
    /// Parameter sets with start codes, as every key frame gets them.
    sets: Bytes,
    /// The same, one by one and bare.
    known: Vec<Bytes>,
}

impl Pictures {
    /// Reads a decoder configuration record; `None` when it is damaged or lacks parameter sets.
    pub(super) fn parse(coding: PictureCoding, record: &[u8]) -> Option<Self> {
        let (lengths, known) = match coding {
            PictureCoding::H264 => avc_sets(record)?,
            PictureCoding::Hevc => hevc_sets(record)?,
        };
        let mut sets = Vec::new();
        for set in &known {
            sets.extend(START);
            sets.extend_from_slice(set);
        }
        let length_size = usize::from(lengths & 3) + 1;
        Some(Self { coding, length_size, sets: sets.into(), known })
    }

    /// Makes an access unit; says whether it is an IDR picture.
    ///
    /// # Errors
    /// When its lengths do not add up, or its parameter sets are not those of the track.
    pub(super) fn unit(&self, sample: &[u8]) -> Result<(Bytes, bool), Fault> {
        let nals = self.split(sample)?;
        let mut roles = nals.iter().filter_map(|nal| self.coding.role(nal));
        let first = roles.find(|role| matches!(role, Role::Key | Role::Slice));
        let idr = first == Some(Role::Key);
        let mut unit = Vec::with_capacity(sample.len() + self.sets.len() + 64);
        unit.extend(START);
        // A delimiter that allows every kind of slice.
        unit.extend_from_slice(match self.coding {
            PictureCoding::H264 => &[0x09, 0xF0],
            PictureCoding::Hevc => &[0x46, 0x01, 0x50],
        });
        if idr {
            unit.extend_from_slice(&self.sets);
        }
        for nal in nals {
            let is_known = || self.known.iter().any(|known| known == nal);
            match self.coding.role(nal) {
                Some(Role::Delimiter) | None => continue,
                Some(Role::StreamSet | Role::PictureSet) if is_known() => continue,
                Some(Role::StreamSet) => return Err(Misfit::Changed.into()),
                Some(Role::PictureSet | Role::Key | Role::Slice | Role::Other) => {}
            }
            unit.extend(START);
            unit.extend_from_slice(nal);
        }
        Ok((unit.into(), idr))
    }

    fn split<'a>(&self, mut sample: &'a [u8]) -> Result<Vec<&'a [u8]>, Fault> {
        let mut nals = Vec::new();
        while !sample.is_empty() {
            let (length, rest) = sample.split_at_checked(self.length_size).ok_or(Fault::Damaged)?;
            let length = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            let (nal, rest) = rest.split_at_checked(length).ok_or(Fault::Damaged)?;
            if !nal.is_empty() {
                nals.push(nal);
            }
            sample = rest;
        }
        Ok(nals)
    }
}

/// The byte with the size of lengths in an `AVCDecoderConfigurationRecord`, and its parameter sets.
fn avc_sets(record: &[u8]) -> Option<(u8, Vec<Bytes>)> {
    let &[1, _, _, _, lengths, counts, ref rest @ ..] = record else { return None };
    let mut rest = rest;
    let mut sets = take_sets(&mut rest, usize::from(counts & 0x1F))?;
    let sps = sets.len();
    let (count, mut rest) = rest.split_first()?;
    sets.extend(take_sets(&mut rest, usize::from(*count))?);
    let kinds: Vec<Option<u8>> = sets.iter().map(|set| h264::nal_type(set)).collect();
    let (sps, pps) = kinds.split_at(sps);
    let good = |kinds: &[Option<u8>], kind| {
        !kinds.is_empty() && kinds.iter().all(|found| *found == Some(kind))
    };
    let whole = good(sps, h264::NAL_SPS) && good(pps, h264::NAL_PPS);
    whole.then(|| (lengths, distinct(sets.into_iter())))
}

/// The same of an `HEVCDecoderConfigurationRecord`.
fn hevc_sets(record: &[u8]) -> Option<(u8, Vec<Bytes>)> {
    let (head, mut rest) = record.split_first_chunk::<23>()?;
    if head[0] != 1 {
        return None;
    }
    let mut sets = Vec::new();
    for _ in 0..head[22] {
        let (array, tail) = rest.split_first_chunk::<3>()?;
        rest = tail;
        let found = take_sets(&mut rest, usize::from(u16::from_be_bytes([array[1], array[2]])))?;
        if found.iter().any(|set| hevc::nal_type(set) != Some(array[0] & 0x3F)) {
            return None;
        }
        // Remarks for the whole stream go with the parameters, as ffmpeg has it.
        let is_slice = |set: &Bytes| !matches!(hevc::nal_type(set), Some(32..=34 | 39..=40));
        if found.iter().any(is_slice) {
            return None;
        }
        sets.extend(found);
    }
    let has = |kind| sets.iter().any(|set| hevc::nal_type(set) == Some(kind));
    let whole = [hevc::NAL_VPS, hevc::NAL_SPS, hevc::NAL_PPS].into_iter().all(has);
    whole.then(|| (head[21], distinct(sets.into_iter())))
}

fn take_sets(rest: &mut &[u8], count: usize) -> Option<Vec<Bytes>> {
    let mut sets = Vec::new();
    for _ in 0..count {
        let (length, tail) = rest.split_first_chunk::<2>()?;
        let (set, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        sets.push(Bytes::copy_from_slice(set));
        *rest = tail;
    }
    Some(sets)
}

/// Whether an `AudioSpecificConfig` says AAC-LC, 48 kHz, the layout of `coding`, 1024 samples a frame.
pub(super) fn is_profile_audio(coding: &SoundCoding, config: &[u8]) -> bool {
    // Five bits of object type, four of rate, four of channels, one of frame length.
    let channels = if coding.surround { 0xB0 } else { 0x90 };
    matches!(config, &[0x11, second, ..] if second & 0xFC == channels)
}

/// Makes a frame of what a container holds of one.
///
/// # Errors
/// When it is longer than a frame can be, or no frame of `coding`.
pub(super) fn sound(coding: &SoundCoding, block: &Bytes) -> Result<Bytes, Fault> {
    match coding.codec {
        SoundCodec::Aac => {
            adts::framed(block, coding.surround).map(Bytes::from).ok_or(Fault::Damaged)
        }
        SoundCodec::Ac3 if coding.is_frame(block) => Ok(block.clone()),
        SoundCodec::Ac3 => Err(Misfit::Sound.into()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mpegts::coding::Coding;

    const RECORD: &[u8] =
        &[1, 100, 0, 31, 0xFF, 0xE1, 0, 3, 0x67, 1, 2, 1, 0, 2, 0x68, 3, 0xFD, 0xF8, 0xF8, 0];

    #[test]
    fn a_key_frame_gets_delimiter_and_parameters_and_others_only_the_delimiter() {
        let avc = Pictures::parse(PictureCoding::H264, RECORD).unwrap();
        let key = [0, 0, 0, 2, 9, 0xF0, 0, 0, 0, 3, 0x67, 1, 2, 0, 0, 0, 2, 0x65, 9];
        let (unit, idr) = avc.unit(&key).unwrap();
        assert!(idr && h264::is_idr(&unit) && h264::has_parameter_sets(&unit));
        let kinds: Vec<u8> = h264::nal_units(&unit).filter_map(h264::nal_type).collect();
        assert_eq!(kinds, [9, 7, 8, 5]);
        let (unit, idr) = avc.unit(&[0, 0, 0, 2, 0x41, 9]).unwrap();
        assert_eq!((&unit[..], idr), (&[0, 0, 0, 1, 9, 0xF0, 0, 0, 0, 1, 0x41, 9][..], false));
    }

    #[test]
    fn other_parameters_and_wrong_lengths_are_faults() {
        let avc = Pictures::parse(PictureCoding::H264, RECORD).unwrap();
        let other = [0, 0, 0, 3, 0x67, 7, 7, 0, 0, 0, 2, 0x65, 9];
        assert!(matches!(avc.unit(&other), Err(Fault::Misfit(Misfit::Changed))));
        assert!(matches!(avc.unit(&[0, 0, 0, 9, 0x41]), Err(Fault::Damaged)));
        assert!(matches!(avc.unit(&[0, 0]), Err(Fault::Damaged)));
    }

    #[test]
    fn a_header_makes_a_frame_of_the_profile() {
        let stereo = Coding::PLAIN.sound;
        let around = SoundCoding { surround: true, ..stereo };
        for coding in [stereo, around] {
            for length in [1, 6, 300, 8_000] {
                let frame = sound(&coding, &vec![7; length].into()).unwrap();
                assert!(coding.is_frame(&frame), "{length}");
            }
            let silence = coding.silence();
            assert_eq!(sound(&coding, &silence.slice(7..)).unwrap(), silence);
        }
        assert!(sound(&stereo, &vec![7; 8_185].into()).is_err());
        assert!(is_profile_audio(&stereo, &[0x11, 0x90, 0x56, 0xE5, 0]));
        assert!(is_profile_audio(&around, &[0x11, 0xB0]));
        // 44.1 kHz, mono, frames of 960 samples, 5.1.
        for other in [[0x12, 0x10], [0x11, 0x88], [0x11, 0x94], [0x11, 0xB0]] {
            assert!(!is_profile_audio(&stereo, &other), "{other:?}");
        }
    }

    #[test]
    fn ac3_is_taken_as_it_is_when_it_is_of_the_profile() {
        let sound_of = |surround| SoundCoding { codec: SoundCodec::Ac3, surround, kbps: 448 };
        let frame = sound_of(true).silence();
        assert_eq!(sound(&sound_of(true), &frame).unwrap(), frame);
        let other = sound(&sound_of(false), &frame);
        assert!(matches!(other, Err(Fault::Misfit(Misfit::Sound))), "{other:?}");
    }

    #[test]
    fn a_key_frame_of_hevc_gets_its_three_sets() {
        let mut record = vec![1; 23];
        (record[21], record[22]) = (3, 4);
        for set in [&[0x40, 1, 7][..], &[0x42, 1, 8], &[0x44, 1, 9], &[0x4E, 1, 5]] {
            record.extend([0x80 | set[0] >> 1, 0, 1, 0, 3]);
            record.extend(set);
        }
        let hevc = Pictures::parse(PictureCoding::Hevc, &record).unwrap();
        let (unit, key) = hevc.unit(&[0, 0, 0, 3, 0x26, 1, 0xAF]).unwrap();
        let coding = PictureCoding::Hevc;
        assert!(key && coding.is_key(&unit) && coding.has_parameter_sets(&unit));
        let kinds: Vec<u8> = h264::nal_units(&unit).filter_map(hevc::nal_type).collect();
        assert_eq!(kinds, [35, 32, 33, 34, 39, 19]);
        let (unit, key) = hevc.unit(&[0, 0, 0, 3, 0x2A, 1, 0xAF]).unwrap();
        assert!(!key && !coding.has_parameter_sets(&unit), "clean random access is no key frame");
        assert_eq!(Pictures::parse(coding, &record[..40]), None, "a set is missing");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(
            record in proptest::collection::vec(any::<u8>(), 0..40),
            sample in proptest::collection::vec(0_u8..12, 0..60),
        ) {
            let coding = if record.first().is_some_and(|first| first % 2 == 0) {
                PictureCoding::H264
            } else {
                PictureCoding::Hevc
            };
            let plain = || Pictures::parse(PictureCoding::H264, RECORD).unwrap();
            let known = Pictures::parse(coding, &record).unwrap_or_else(plain);
            let longest = sample.len() * 5 + known.sets.len() + 6;
            prop_assert!(known.unit(&sample).is_ok_and(|(unit, _)| unit.len() <= longest) || known.unit(&sample).is_err());
        }
    }
}
