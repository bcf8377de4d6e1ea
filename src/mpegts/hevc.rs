//! The little of HEVC that splicing needs: which kinds of NAL units an access unit holds.
//!
//! A stream of ours begins its groups with IDR pictures only. Clean random access pictures (CRA)
//! are none: what is shown before them may look back over them.

use super::coding::Role;
use super::h264::nal_units;

/// NAL unit types up to this one are parts of pictures.
const LAST_SLICE: u8 = 31;
/// NAL unit types of IDR pictures.
const NAL_IDR: std::ops::RangeInclusive<u8> = 19..=20;
/// NAL unit type of a video parameter set.
pub const NAL_VPS: u8 = 32;
/// NAL unit type of a sequence parameter set.
pub const NAL_SPS: u8 = 33;
/// NAL unit type of a picture parameter set.
pub const NAL_PPS: u8 = 34;
/// NAL unit type of an access unit delimiter.
pub const NAL_AUD: u8 = 35;

/// The type of a NAL unit.
pub fn nal_type(nal: &[u8]) -> Option<u8> {
    nal.first().map(|header| header >> 1 & 0x3F)
}

/// What a NAL unit is; `None` for an empty one.
pub fn role(nal: &[u8]) -> Option<Role> {
    Some(match nal_type(nal)? {
        kind if NAL_IDR.contains(&kind) => Role::Key,
        0..=LAST_SLICE => Role::Slice,
        NAL_VPS | NAL_SPS => Role::StreamSet,
        NAL_PPS => Role::PictureSet,
        NAL_AUD => Role::Delimiter,
        _ => Role::Other,
    })
}

/// Whether the access unit carries all three parameter sets, so that decoding can begin with it.
pub fn has_parameter_sets(data: &[u8]) -> bool {
    let kinds = nal_units(data).filter_map(nal_type);
    // Parameter sets stand before the slices.
    let before: Vec<u8> = kinds.take_while(|kind| *kind > LAST_SLICE).collect();
    [NAL_VPS, NAL_SPS, NAL_PPS].iter().all(|kind| before.contains(kind))
}

/// What a decoder must be able to do, by a sequence parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// Profile, tier, level and their constraints as the set has them (ISO 23008-2, 7.3.3).
    pub bytes: [u8; 12],
    /// Layers in time.
    pub layers: u8,
    /// Whether one can be left at any picture.
    pub nested: bool,
}

impl Tier {
    /// Reads it from a sequence parameter set, which is a NAL unit; `None` when it is too short.
    pub fn of(sps: &[u8]) -> Option<Self> {
        let plain = without_emulation_prevention(sps.get(2..)?, 13);
        let (first, rest) = plain.split_first()?;
        let bytes = rest.try_into().ok()?;
        Some(Self { bytes, layers: (first >> 1 & 7) + 1, nested: first & 1 == 1 })
    }
}

/// What a decoder of the access unit is called by RFC 6381, such as `hvc1.1.6.L93.B0` (ISO
/// 14496-15, E.3); `None` without a sequence parameter set.
pub fn codec(data: &[u8]) -> Option<String> {
    let sps = nal_units(data).find(|nal| nal_type(nal) == Some(NAL_SPS))?;
    let [profile, c1, c2, c3, c4, constraints @ .., level] = Tier::of(sps)?.bytes;
    let space = ["", "A", "B", "C"].get(usize::from(profile >> 6))?;
    let tier = if profile & 0x20 == 0 { 'L' } else { 'H' };
    let compatible = u32::from_be_bytes([c1, c2, c3, c4]).reverse_bits();
    let mut name = format!("hvc1.{space}{}.{compatible:X}.{tier}{level}", profile & 0x1F);
    let stated = constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    for byte in &constraints[..stated] {
        name.push_str(&format!(".{byte:X}"));
    }
    Some(name)
}

/// The first `count` bytes of what a NAL unit holds, without those that only keep start codes away.
fn without_emulation_prevention(nal: &[u8], count: usize) -> Vec<u8> {
    let mut plain = Vec::with_capacity(count);
    let mut zeros = 0;
    for byte in nal {
        if plain.len() == count {
            break;
        }
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        plain.push(*byte);
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mpegts::coding::PictureCoding;

    /// A key frame as x265 writes it, but for what it shows.
    const KEY: &[u8] = &[
        0, 0, 0, 1, 0x46, 1, 0x50, 0, 0, 0, 1, 0x40, 1, 0x0C, 1, 0xFF, 0, 0, 0, 1, 0x42, 1, 1, 1,
        0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 0x3F, 0xA0, 0, 0, 0, 1, 0x44, 1, 0xC1, 0, 0,
        1, 0x28, 1, 0xAF,
    ];

    #[test]
    fn a_key_frame_is_an_idr_picture_with_all_parameter_sets() {
        let roles: Vec<Role> = nal_units(KEY).filter_map(role).collect();
        let sets = [Role::StreamSet, Role::StreamSet, Role::PictureSet];
        assert_eq!(roles, [&[Role::Delimiter], &sets[..], &[Role::Key]].concat());
        let hevc = PictureCoding::Hevc;
        assert!(hevc.is_key(KEY) && has_parameter_sets(KEY));
        // Without its VPS.
        assert!(!has_parameter_sets(&KEY[16..]));
        // Clean random access, and a picture that is shown before it.
        assert!(!hevc.is_key(&[0, 0, 1, 0x2A, 1, 0xAF]) && !hevc.is_key(&[0, 0, 1, 0x12, 1, 1]));
    }

    #[test]
    fn the_codec_is_what_the_parameter_set_says() {
        assert_eq!(codec(KEY).as_deref(), Some("hvc1.1.6.L63.90"));
        assert_eq!(codec(&KEY[..24]), None);
        let sps = nal_units(KEY).find(|nal| nal_type(nal) == Some(NAL_SPS)).unwrap();
        let tier = Tier::of(sps).unwrap();
        assert_eq!((tier.layers, tier.nested), (1, true));
        assert_eq!(tier.bytes, [1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 0x3F]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(prop_oneof![0_u8..4, any::<u8>()], 0..300)) {
            let _: (bool, Option<String>) = (has_parameter_sets(&bytes), codec(&bytes));
            let _: bool = PictureCoding::Hevc.is_key(&bytes);
        }
    }
}
