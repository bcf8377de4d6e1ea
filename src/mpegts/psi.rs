//! The two tables of a stream: PAT (which program) and PMT (which PIDs it has).
//!
//! Ours never change while a stream lasts: one program, fixed PIDs, version 0. Codecs that MPEG does
//! not know or knew late say their name in a registration descriptor, as ATSC has it.
//!
//!  Sections longer than one packet are not
//! read: neither ffmpeg's pipe nor we write them.

use super::coding::{Coding, PictureCoding, SoundCodec};
use super::packet::{PACKET, PID_AUDIO, PID_PAT, PID_PMT, PID_VIDEO, SYNC};

/// The PAT packet, with continuity counter 0.
pub fn pat_packet() -> [u8; PACKET] {
    // Transport stream 1, version 0, current; program 1 has its map at PID_PMT.
    let [high, low] = PID_PMT.to_be_bytes();
    let body = [0x00, 0x01, 0xC1, 0x00, 0x00, 0x00, 0x01, 0xE0 | high, low];
    table_packet(PID_PAT, 0x00, &body)
}

/// The PMT packet, with continuity counter 0.
pub fn pmt_packet(coding: Coding) -> [u8; PACKET] {
    let [video_high, video_low] = PID_VIDEO.to_be_bytes();
    // Program 1, version 0, current; PCR on the video PID.
    let mut body = vec![0x00, 0x01, 0xC1, 0x00, 0x00, 0xE0 | video_high, video_low, 0xF0, 0x00];
    let pictures = match coding.picture {
        PictureCoding::H264 => &[][..],
        PictureCoding::Hevc => b"HEVC",
    };
    let sounds = match coding.sound.codec {
        SoundCodec::Aac => &[][..],
        SoundCodec::Ac3 => b"AC-3",
    };
    for (kind, pid, name) in [
        (coding.picture.stream_type(), PID_VIDEO, pictures),
        (coding.sound.codec.stream_type(), PID_AUDIO, sounds),
    ] {
        let [high, low] = pid.to_be_bytes();
        let described = if name.is_empty() { Vec::new() } else { [&[0x05, 4], name].concat() };
        let length = u8::try_from(described.len()).unwrap_or(0);
        body.extend([kind, 0xE0 | high, low, 0xF0, length]);
        body.extend(described);
    }
    table_packet(PID_PMT, 0x02, &body)
}

/// The codecs that a map of ours names; `None` for any other map.
pub fn coding_of(payload: &[u8]) -> Option<(PictureCoding, SoundCodec)> {
    let streams = read_pmt(payload)?;
    let [(video, PID_VIDEO), (audio, PID_AUDIO)] = streams.as_slice() else { return None };
    Some((picture_coding(*video)?, sound_codec(*audio)?))
}

/// The coding of pictures with this stream type.
pub fn picture_coding(stream_type: u8) -> Option<PictureCoding> {
    PictureCoding::ALL.into_iter().find(|coding| coding.stream_type() == stream_type)
}

/// The codec of sound with this stream type.
pub fn sound_codec(stream_type: u8) -> Option<SoundCodec> {
    SoundCodec::ALL.into_iter().find(|codec| codec.stream_type() == stream_type)
}

fn table_packet(pid: u16, table_id: u8, body: &[u8]) -> [u8; PACKET] {
    let mut section = vec![table_id, 0xB0, u8::try_from(body.len() + 4).unwrap_or(u8::MAX)];
    section.extend_from_slice(body);
    section.extend_from_slice(&crc32(&section).to_be_bytes());

    let [high, low] = pid.to_be_bytes();
    let mut packet = [0xFF; PACKET];
    packet[..5].copy_from_slice(&[SYNC, 0x40 | high, low, 0x10, 0x00]);
    packet[5..5 + section.len()].copy_from_slice(&section);
    packet
}

/// Finds the PID of the first program's map in the payload of a PAT packet.
pub fn read_pat(payload: &[u8]) -> Option<u16> {
    let body = section_body(payload, 0x00)?;
    body.get(5..)?.chunks_exact(4).find_map(|entry| {
        let program = u16::from_be_bytes([entry[0], entry[1]]);
        (program != 0).then(|| u16::from_be_bytes([entry[2] & 0x1F, entry[3]]))
    })
}

/// Lists `(stream type, PID)` in the payload of a PMT packet.
pub fn read_pmt(payload: &[u8]) -> Option<Vec<(u8, u16)>> {
    let body = section_body(payload, 0x02)?;
    let program_info = usize::from(u16::from_be_bytes([*body.get(7)? & 0x0F, *body.get(8)?]));
    let mut streams = Vec::new();
    let mut rest = body.get(9 + program_info..)?;
    while let Some(&[kind, pid_high, pid_low, info_high, info_low]) = rest.get(..5) {
        streams.push((kind, u16::from_be_bytes([pid_high & 0x1F, pid_low])));
        let info = usize::from(u16::from_be_bytes([info_high & 0x0F, info_low]));
        let Some(next) = rest.get(5 + info..) else { break };
        rest = next;
    }
    Some(streams)
}

/// The part of a section between its length and its checksum, if the checksum is right.
fn section_body(payload: &[u8], table_id: u8) -> Option<&[u8]> {
    let section = payload.get(1 + usize::from(*payload.first()?)..)?;
    let length = usize::from(u16::from_be_bytes([*section.get(1)? & 0x0F, *section.get(2)?]));
    let whole = section.get(..3 + length)?;
    let sound = whole[0] == table_id && length >= 9 && crc32(whole) == 0;
    sound.then(|| &whole[3..whole.len() - 4])
}

/// The checksum of MPEG sections: of a section with its own checksum it is 0.
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte) << 24;
        for _ in 0..8 {
            let carry = crc & 0x8000_0000 != 0;
            crc <<= 1;
            if carry {
                crc ^= 0x04C1_1DB7;
            }
        }
    }
    crc
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mpegts::packet::Packet;

    #[test]
    fn our_tables_are_read_back() {
        let pat = pat_packet();
        let pat = Packet::parse(&pat).unwrap();
        assert_eq!((pat.pid, pat.unit_start, pat.counter), (PID_PAT, true, 0));
        assert_eq!(read_pat(pat.payload.unwrap()), Some(PID_PMT));

        for coding in crate::mpegts::coding::tests::all() {
            let pmt = pmt_packet(coding);
            let pmt = Packet::parse(&pmt).unwrap();
            assert_eq!(pmt.pid, PID_PMT);
            let codecs = (coding.picture, coding.sound.codec);
            assert_eq!(coding_of(pmt.payload.unwrap()), Some(codecs));
        }
        let plain = pmt_packet(Coding::PLAIN);
        let streams = vec![(0x1B, PID_VIDEO), (0x0F, PID_AUDIO)];
        assert_eq!(read_pmt(&plain[4..]), Some(streams));
    }

    #[test]
    fn ac3_says_its_name_as_atsc_has_it() {
        let sound = crate::mpegts::coding::SoundCoding {
            codec: SoundCodec::Ac3,
            surround: true,
            kbps: 448,
        };
        let pmt = pmt_packet(Coding { sound, ..Coding::PLAIN });
        let stream = [0x81, 0xE1, 0x01, 0xF0, 6, 0x05, 4, b'A', b'C', b'-', b'3'];
        assert!(pmt.windows(stream.len()).any(|window| window == stream), "{pmt:x?}");
    }

    #[test]
    fn the_checksum_is_the_known_one() {
        assert_eq!(crc32(b"123456789"), 0x0376_E6E7);
    }

    #[test]
    fn a_flipped_bit_is_refused() {
        let mut pat = pat_packet();
        pat[14] ^= 0x10;
        assert_eq!(read_pat(&pat[4..]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..184)) {
            let _: Option<u16> = read_pat(&bytes);
            let _: Option<Vec<(u8, u16)>> = read_pmt(&bytes);
        }
    }
}
