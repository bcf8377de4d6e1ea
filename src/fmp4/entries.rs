//! The sample entries: what a decoder is told before it gets the first picture or sound.

use super::boxes::{boxed, full};
use super::{AUDIO_SCALE, numbers};
use crate::mpegts::coding::{PictureCoding, Role, SoundCodec, SoundCoding};
use crate::mpegts::h264::{nal_type, nal_units};
use crate::mpegts::{ac3, hevc};

/// The parameter sets of pictures, sorted out.
pub(super) enum ParameterSets<'a> {
    H264 { sps: &'a [u8], pps: &'a [u8] },
    Hevc { sets: [&'a [u8]; 3], tier: hevc::Tier },
}

impl<'a> ParameterSets<'a> {
    /// Those that `key` carries; `None` when it lacks one.
    pub(super) fn of(coding: PictureCoding, key: &'a [u8]) -> Option<Self> {
        match coding {
            PictureCoding::H264 => {
                let set = |role| nal_units(key).find(|nal| coding.role(nal) == Some(role));
                let (sps, pps) = (set(Role::StreamSet)?, set(Role::PictureSet)?);
                (sps.len() >= 4 && nal_type(sps).is_some()).then_some(Self::H264 { sps, pps })
            }
            PictureCoding::Hevc => {
                let set = |kind| nal_units(key).find(|nal| hevc::nal_type(nal) == Some(kind));
                let sets = [set(hevc::NAL_VPS)?, set(hevc::NAL_SPS)?, set(hevc::NAL_PPS)?];
                Some(Self::Hevc { sets, tier: hevc::Tier::of(sets[1])? })
            }
        }
    }
}

pub(super) fn picture_entry(
    out: &mut Vec<u8>,
    sets: &ParameterSets<'_>,
    (width, height): (u16, u16),
) {
    let kind = match sets {
        ParameterSets::H264 { .. } => b"avc1",
        ParameterSets::Hevc { .. } => b"hvc1",
    };
    boxed(out, kind, |out| {
        out.extend([0, 0, 0, 0, 0, 0, 0, 1]);
        out.extend([0; 16]);
        out.extend(width.to_be_bytes());
        out.extend(height.to_be_bytes());
        numbers(out, &[0x0048_0000, 0x0048_0000, 0]);
        out.extend([0, 1]);
        out.extend([0; 32]);
        out.extend([0, 0x18, 0xFF, 0xFF]);
        match sets {
            ParameterSets::H264 { sps, pps } => boxed(out, b"avcC", |out| avc(out, sps, pps)),
            ParameterSets::Hevc { sets, tier } => boxed(out, b"hvcC", |out| hvc(out, sets, tier)),
        }
    });
}

fn avc(out: &mut Vec<u8>, sps: &[u8], pps: &[u8]) {
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
}

fn hvc(out: &mut Vec<u8>, sets: &[&[u8]; 3], tier: &hevc::Tier) {
    out.push(1);
    out.extend_from_slice(&tier.bytes);
    // Any segmentation, any parallelism; 4:2:0, 8 bits; the rate is said nowhere.
    out.extend([0xF0, 0, 0xFC, 0xFD, 0xF8, 0xF8, 0, 0]);
    // Layers in time, whether they nest, and lengths of four bytes.
    out.push(tier.layers << 3 | u8::from(tier.nested) << 2 | 3);
    out.push(3);
    for (kind, set) in [hevc::NAL_VPS, hevc::NAL_SPS, hevc::NAL_PPS].into_iter().zip(sets) {
        // Complete, as `hvc1` wants it.
        out.extend([0x80 | kind, 0, 1]);
        sized(out, set);
    }
}

pub(super) fn sound_entry(out: &mut Vec<u8>, sound: SoundCoding) {
    let channels = if sound.surround { 6 } else { 2 };
    let kind = match sound.codec {
        SoundCodec::Aac => b"mp4a",
        SoundCodec::Ac3 => b"ac-3",
    };
    boxed(out, kind, |out| {
        out.extend([0, 0, 0, 0, 0, 0, 0, 1]);
        out.extend([0; 8]);
        out.extend([0, channels, 0, 16, 0, 0, 0, 0]);
        numbers(out, &[AUDIO_SCALE << 16]);
        match sound.codec {
            SoundCodec::Aac => full(out, b"esds", 0, 0, |out| {
                // Stream descriptor, decoder configuration: MPEG-4 audio.
                out.extend([3, 25, 0, 2, 0, 4, 17, 0x40, 0x15, 0, 0, 0]);
                numbers(out, &[0, 0]);
                // AAC-LC, 48 kHz, and the channels.
                out.extend([5, 2, 0x11, 0x80 | channels << 3, 6, 1, 2]);
            }),
            SoundCodec::Ac3 => boxed(out, b"dac3", |out| {
                out.extend(ac3::description(sound.surround, sound.kbps));
            }),
        }
    });
}

fn sized(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}
