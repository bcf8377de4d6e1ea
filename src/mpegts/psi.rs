//! The two tables of a stream: PAT (which program) and PMT (which PIDs it has).
//!
//! Ours never change: one program, fixed PIDs, version 0. Sections longer than one packet are not
//! read: neither ffmpeg's pipe nor we write them.

use super::packet::{PACKET, PID_AUDIO, PID_PAT, PID_PMT, PID_VIDEO, SYNC};

/// Stream type of H.264.
pub const TYPE_H264: u8 = 0x1B;
/// Stream type of AAC in ADTS.
pub const TYPE_AAC: u8 = 0x0F;

/// The PAT packet, with continuity counter 0.
pub fn pat_packet() -> [u8; PACKET] {
    // Transport stream 1, version 0, current; program 1 has its map at PID_PMT.
    let [high, low] = PID_PMT.to_be_bytes();
    let body = [0x00, 0x01, 0xC1, 0x00, 0x00, 0x00, 0x01, 0xE0 | high, low];
    table_packet(PID_PAT, 0x00, &body)
}

/// The PMT packet, with continuity counter 0.
pub fn pmt_packet() -> [u8; PACKET] {
    let [video_high, video_low] = PID_VIDEO.to_be_bytes();
    let [audio_high, audio_low] = PID_AUDIO.to_be_bytes();
    // Program 1, version 0, current; PCR on the video PID, no descriptors anywhere.
    #[rustfmt::skip]
    let body = [
        0x00, 0x01, 0xC1, 0x00, 0x00,
        0xE0 | video_high, video_low, 0xF0, 0x00,
        TYPE_H264, 0xE0 | video_high, video_low, 0xF0, 0x00,
        TYPE_AAC, 0xE0 | audio_high, audio_low, 0xF0, 0x00,
    ];
    table_packet(PID_PMT, 0x02, &body)
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

        let pmt = pmt_packet();
        let pmt = Packet::parse(&pmt).unwrap();
        assert_eq!(pmt.pid, PID_PMT);
        let streams = vec![(TYPE_H264, PID_VIDEO), (TYPE_AAC, PID_AUDIO)];
        assert_eq!(read_pmt(pmt.payload.unwrap()), Some(streams));
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
