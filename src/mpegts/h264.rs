//! The little of H.264 that splicing needs: which kinds of NAL units an access unit holds.

use super::coding::Role;

/// NAL unit type of a picture that is not a key frame.
pub const NAL_SLICE: u8 = 1;
/// NAL unit type of an IDR picture.
pub const NAL_IDR: u8 = 5;
/// NAL unit type of a sequence parameter set.
pub const NAL_SPS: u8 = 7;
/// NAL unit type of a picture parameter set.
pub const NAL_PPS: u8 = 8;
/// NAL unit type of an access unit delimiter.
pub const NAL_AUD: u8 = 9;

/// The NAL units of an Annex B byte stream, without start codes, in order.
pub fn nal_units(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut next = start_code(data, 0);
    std::iter::from_fn(move || {
        let begin = next? + 3;
        next = start_code(data, begin);
        let end = next.unwrap_or(data.len());
        // The zero before a four-byte start code, and trailing zeros, belong to nobody.
        let nal = &data[begin..end];
        let length = nal.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        Some(&nal[..length])
    })
    .filter(|nal| !nal.is_empty())
}

/// The type of a NAL unit.
pub fn nal_type(nal: &[u8]) -> Option<u8> {
    nal.first().map(|header| header & 0x1F)
}

/// What a NAL unit is; `None` for an empty one.
pub fn role(nal: &[u8]) -> Option<Role> {
    Some(match nal_type(nal)? {
        NAL_IDR => Role::Key,
        NAL_SLICE..NAL_IDR => Role::Slice,
        NAL_SPS => Role::StreamSet,
        NAL_PPS => Role::PictureSet,
        NAL_AUD => Role::Delimiter,
        _ => Role::Other,
    })
}

/// Whether the access unit is an IDR picture.
pub fn is_idr(data: &[u8]) -> bool {
    super::coding::PictureCoding::H264.is_key(data)
}

/// Whether the access unit carries both parameter sets, so that decoding can begin with it.
pub fn has_parameter_sets(data: &[u8]) -> bool {
    let mut sps = false;
    let mut pps = false;
    for kind in nal_units(data).filter_map(nal_type) {
        match kind {
            NAL_SPS => sps = true,
            NAL_PPS => pps = true,
            // Parameter sets stand before the slices.
            NAL_SLICE..=NAL_IDR => break,
            _ => {}
        }
    }
    sps && pps
}

/// What a decoder of the access unit is called by RFC 6381, such as `avc1.640028`; `None` without a
/// sequence parameter set.
pub fn codec(data: &[u8]) -> Option<String> {
    let sps = nal_units(data).find(|nal| nal_type(nal) == Some(NAL_SPS))?;
    let [profile, constraints, level] = sps.get(1..4)?.try_into().ok()?;
    Some(format!("avc1.{profile:02x}{constraints:02x}{level:02x}"))
}

/// Whether the access unit begins with an access unit delimiter.
pub fn begins_with_delimiter(data: &[u8]) -> bool {
    nal_units(data).next().and_then(nal_type) == Some(NAL_AUD)
}

/// Where the next `00 00 01` begins at or after `from`.
fn start_code(data: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(window) = data.get(at..at + 3) {
        match window {
            [0, 0, 1] => return Some(at),
            // No start code can begin where its third byte is larger than one.
            &[_, _, third] if third > 1 => at += 3,
            _ => at += 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &[u8] =
        &[0, 0, 0, 1, 9, 0xF0, 0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 3, 0, 0, 1, 0x65, 9];

    #[test]
    fn nal_units_are_found_with_both_start_codes() {
        let kinds: Vec<u8> = nal_units(KEY).filter_map(nal_type).collect();
        assert_eq!(kinds, [NAL_AUD, NAL_SPS, NAL_PPS, NAL_IDR]);
    }

    #[test]
    fn the_codec_is_what_the_parameter_set_says() {
        let key = [0, 0, 0, 1, 9, 0xF0, 0, 0, 0, 1, 0x67, 0x64, 0, 0x28, 0xAC, 0, 0, 1, 0x65, 9];
        assert_eq!(codec(&key).as_deref(), Some("avc1.640028"));
        assert_eq!(codec(&key[..12]), None);
    }

    #[test]
    fn a_key_frame_is_told_from_a_recovery_point() {
        assert!(is_idr(KEY) && has_parameter_sets(KEY) && begins_with_delimiter(KEY));
        let recovery = &[0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 1, 0, 0, 1, 6, 6, 1, 0, 0, 1, 0x41, 7];
        assert!(!is_idr(recovery));
        assert!(has_parameter_sets(recovery));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(0_u8..4, 0..300)) {
            let total: usize = nal_units(&bytes).map(<[u8]>::len).sum();
            prop_assert!(total <= bytes.len());
            let _: (bool, bool) = (is_idr(&bytes), has_parameter_sets(&bytes));
        }
    }
}
