//! Access units as a container holds them, made into those that a rendition holds. PURE.
//!
//! Pictures come as NAL units with their lengths in front and parameter sets apart; they leave as
//! Annex B with an access unit delimiter, and with the parameter sets at key frames. Sound comes as
//! bare AAC blocks and leaves with ADTS headers. Nothing is decoded, and every length that the file
//! states is checked.

use bytes::Bytes;

use super::Fault;
use crate::mpegts::{adts, h264};
use crate::stream::conform::rules::{Misfit, distinct};

/// A delimiter that allows every kind of slice.
const DELIMITER: [u8; 6] = [0, 0, 0, 1, 0x09, 0xF0];
const START: [u8; 4] = [0, 0, 0, 1];

/// How the pictures of a track are coded: what `avcC` or `CodecPrivate` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Avc {
    /// Bytes of a NAL unit's length.
    length_size: usize,
    /// Parameter sets with start codes, as every key frame gets them.
    sets: Bytes,
    /// The same, one by one and bare.
    sps: Vec<Bytes>,
    pps: Vec<Bytes>,
}

impl Avc {
    /// Reads a decoder configuration record; `None` when it is damaged or without parameter sets.
    pub(super) fn parse(record: &[u8]) -> Option<Self> {
        let &[1, _, _, _, lengths, counts, ref rest @ ..] = record else { return None };
        let mut rest = rest;
        let sps = take_sets(&mut rest, usize::from(counts & 0x1F), h264::NAL_SPS)?;
        let (count, mut rest) = rest.split_first()?;
        let pps = take_sets(&mut rest, usize::from(*count), h264::NAL_PPS)?;
        if sps.is_empty() || pps.is_empty() {
            return None;
        }
        let mut sets = Vec::new();
        for set in sps.iter().chain(&pps) {
            sets.extend(START);
            sets.extend_from_slice(set);
        }
        let length_size = usize::from(lengths & 3) + 1;
        Some(Self { length_size, sets: sets.into(), sps, pps })
    }

    /// Makes an access unit; says whether it is an IDR picture.
    ///
    /// # Errors
    /// When its lengths do not add up, or its parameter sets are not those of the track.
    pub(super) fn unit(&self, sample: &[u8]) -> Result<(Bytes, bool), Fault> {
        let nals = self.split(sample)?;
        let kinds = || nals.iter().filter_map(|nal| h264::nal_type(nal));
        let idr = kinds().find(|kind| (h264::NAL_SLICE..=h264::NAL_IDR).contains(kind))
            == Some(h264::NAL_IDR);
        let mut unit = Vec::with_capacity(sample.len() + self.sets.len() + 64);
        unit.extend(DELIMITER);
        if idr {
            unit.extend_from_slice(&self.sets);
        }
        for nal in nals {
            match h264::nal_type(nal) {
                Some(h264::NAL_AUD) | None => continue,
                Some(h264::NAL_SPS) if self.sps.iter().any(|known| known == nal) => continue,
                Some(h264::NAL_SPS) => return Err(Misfit::Changed.into()),
                Some(h264::NAL_PPS) if self.pps.iter().any(|known| known == nal) => continue,
                Some(_) => {}
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

fn take_sets(rest: &mut &[u8], count: usize, kind: u8) -> Option<Vec<Bytes>> {
    let mut sets = Vec::new();
    for _ in 0..count {
        let (length, tail) = rest.split_first_chunk::<2>()?;
        let (set, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        if h264::nal_type(set) != Some(kind) {
            return None;
        }
        sets.push(Bytes::copy_from_slice(set));
        *rest = tail;
    }
    Some(distinct(sets.into_iter()))
}

/// Whether an `AudioSpecificConfig` says AAC-LC, 48 kHz, stereo, 1024 samples a frame.
pub(super) fn is_profile_audio(config: &[u8]) -> bool {
    // Five bits of object type, four of rate, four of channels, one of frame length.
    matches!(config, &[0x11, second, ..] if second & 0xFC == 0x90)
}

/// Puts the header in front of a bare AAC block of what every rendition carries.
///
/// # Errors
/// When it is longer than a frame can be.
pub(super) fn sound(block: &[u8]) -> Result<Bytes, Fault> {
    let length = block.len() + adts::HEADER;
    let [.., high, low] = length.to_be_bytes();
    if block.is_empty() || length > 0x1FFF {
        return Err(Fault::Damaged);
    }
    let mut frame = Vec::with_capacity(length);
    let header = [0xFF, 0xF1, 0x4C, 0x80 | high >> 3, high << 5 | low >> 3, low << 5 | 0x1F, 0xFC];
    frame.extend(header);
    frame.extend_from_slice(block);
    Ok(frame.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RECORD: &[u8] =
        &[1, 100, 0, 31, 0xFF, 0xE1, 0, 3, 0x67, 1, 2, 1, 0, 2, 0x68, 3, 0xFD, 0xF8, 0xF8, 0];

    #[test]
    fn a_key_frame_gets_delimiter_and_parameters_and_others_only_the_delimiter() {
        let avc = Avc::parse(RECORD).unwrap();
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
        let avc = Avc::parse(RECORD).unwrap();
        let other = [0, 0, 0, 3, 0x67, 7, 7, 0, 0, 0, 2, 0x65, 9];
        assert!(matches!(avc.unit(&other), Err(Fault::Misfit(Misfit::Changed))));
        assert!(matches!(avc.unit(&[0, 0, 0, 9, 0x41]), Err(Fault::Damaged)));
        assert!(matches!(avc.unit(&[0, 0]), Err(Fault::Damaged)));
    }

    #[test]
    fn a_header_makes_a_frame_of_the_profile() {
        for length in [1, 6, 300, 8_000] {
            assert!(adts::is_profile_frame(&sound(&vec![7; length]).unwrap()), "{length}");
        }
        assert_eq!(sound(&adts::SILENCE[7..]).unwrap(), adts::SILENCE[..]);
        assert!(sound(&[7; 8_185]).is_err());
        assert!(is_profile_audio(&[0x11, 0x90, 0x56, 0xE5, 0]));
        // 44.1 kHz, mono, frames of 960 samples.
        for other in [[0x12, 0x10], [0x11, 0x88], [0x11, 0x94]] {
            assert!(!is_profile_audio(&other), "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(
            record in proptest::collection::vec(any::<u8>(), 0..40),
            sample in proptest::collection::vec(0_u8..12, 0..60),
        ) {
            let known = Avc::parse(&record).unwrap_or(Avc::parse(RECORD).unwrap());
            let longest = sample.len() * 5 + known.sets.len() + 6;
            prop_assert!(known.unit(&sample).is_ok_and(|(unit, _)| unit.len() <= longest) || known.unit(&sample).is_err());
        }
    }
}
