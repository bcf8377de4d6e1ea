//! AC-3 frames (ATSC A/52), and the frame of silence that fills every gap.
//!
//! All frames of a stream of AC-3 are of one size, so silence is made for the bit rate that the
//! rest has: what a silent frame holds, zeros up to its size, and both checksums.
//!
//! Deliberately absent: E-AC-3, which is another codec.

/// Bytes of a frame that [`Header::parse`] looks at.
pub const HEADER: usize = 7;

/// Bit rates in kbit/s.
const RATES: [u32; 19] =
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];

/// Samples of a frame.
const SAMPLES: i64 = 1_536;

/// What a frame of silence in stereo holds from its sixth byte on, up to the zeros.
///
/// Made once with `ffmpeg -f lavfi -i anullsrc=r=48000:cl=stereo -c:a ac3 -b:a 32k -f ac3`: a higher rate
/// would spend its bits on coding nothing more finely.
const STEREO: &[u8] = &[
    0x40, 0x43, 0xE1, 0x06, 0xF0, 0x01, 0x08, 0x08, 0x08, 0x21, 0x01, 0x01, 0x04, 0x57, 0x1F, 0x3E,
    0x7C, 0xF9, 0xF3, 0xE7, 0xCF, 0x9F, 0x3E, 0x7C, 0xFB, 0xFE, 0x75, 0x7C, 0xF9, 0xF3, 0xE7, 0xCF,
    0x9F, 0x3E, 0x7C, 0xF8, 0xFF, 0x9D, 0x5F, 0x3E, 0x7C, 0xF9, 0xF3, 0xE7, 0xCF, 0x9F, 0x3E, 0x32,
    0xFE, 0xDE, 0x4C, 0x99, 0x20, 0x00, 0x00, 0xF1, 0xE3, 0x5A, 0xD6, 0x80, 0x03, 0x5A, 0xC3, 0x00,
    0x00, 0x00, 0x07, 0x8F, 0x1A, 0xD6, 0xB4, 0x00, 0x1A, 0xD6, 0x18, 0x00, 0x00, 0x00, 0x3C, 0x78,
    0xD6, 0xB5, 0xA0, 0x00, 0xD6, 0xB0, 0xC0, 0x00, 0x00, 0x01, 0xE3, 0xC6, 0xB5, 0xAD, 0x00, 0x06,
    0xB5, 0x86, 0x00, 0x00, 0x00, 0x0F, 0x1E, 0x35, 0xAD, 0x68, 0x00, 0x35, 0xAC, 0x30, 0x00, 0x00,
    0x00, 0x78, 0xF1, 0xAD, 0x6B, 0x40, 0x01, 0xAD, 0x60,
];
/// The same for 5.1, with `-b:a 64k`.
const SURROUND: &[u8] = &[
    0x40, 0xEB, 0xF8, 0x40, 0x3E, 0xFE, 0x00, 0x42, 0x02, 0x02, 0x08, 0x40, 0x40, 0x41, 0x08, 0x08,
    0x08, 0x21, 0x01, 0x01, 0x04, 0x20, 0x20, 0x20, 0x55, 0x5E, 0x3E, 0x7C, 0xF9, 0xF3, 0xE7, 0xCF,
    0x9F, 0x3E, 0x7C, 0xF9, 0xF7, 0xFC, 0xEA, 0xF9, 0xF3, 0xE7, 0xCF, 0x9F, 0x3E, 0x7C, 0xF9, 0xF1,
    0xFF, 0x3A, 0xBE, 0x7C, 0xF9, 0xF3, 0xE7, 0xCF, 0x9F, 0x3E, 0x7C, 0x7F, 0xCE, 0xAF, 0x9F, 0x3E,
    0x7C, 0xF9, 0xF3, 0xE7, 0xCF, 0x9F, 0x1F, 0xF3, 0xAB, 0xE7, 0xCF, 0x9F, 0x3E, 0x7C, 0xF9, 0xF3,
    0xE7, 0xC7, 0xFC, 0xEA, 0xF9, 0xF3, 0xE7, 0xCF, 0x9F, 0x3E, 0x7C, 0xF9, 0xF1, 0xFF, 0x3A, 0xE5,
    0xFD, 0xB4, 0x89, 0x12, 0x24, 0x48, 0x91, 0x24, 0x00, 0x07, 0x78, 0xD6, 0xB4, 0x07, 0x6B, 0x40,
    0x77, 0x8D, 0x68, 0x0E, 0xD6, 0xB4, 0x07, 0x78, 0xD6, 0x80, 0xE0, 0xF8, 0x00, 0x00, 0x00, 0x07,
    0x78, 0xD6, 0xB4, 0x07, 0x6B, 0x40, 0x77, 0x8D, 0x68, 0x0E, 0xD6, 0xB4, 0x07, 0x78, 0xD6, 0x80,
    0xE0, 0xF8, 0x00, 0x00, 0x00, 0x07, 0x78, 0xD6, 0xB4, 0x07, 0x6B, 0x40, 0x77, 0x8D, 0x68, 0x0E,
    0xD6, 0xB4, 0x07, 0x78, 0xD6, 0x80, 0xE0, 0xF8, 0x00, 0x00, 0x00, 0x07, 0x78, 0xD6, 0xB4, 0x07,
    0x6B, 0x40, 0x77, 0x8D, 0x68, 0x0E, 0xD6, 0xB4, 0x07, 0x78, 0xD6, 0x80, 0xE0, 0xF8, 0x00, 0x00,
    0x00, 0x07, 0x78, 0xD6, 0xB4, 0x07, 0x6B, 0x40, 0x77, 0x8D, 0x68, 0x0E, 0xD6, 0xB4, 0x07, 0x78,
    0xD6, 0x80, 0xE0, 0xF8, 0x00, 0x00, 0x00, 0x07, 0x78, 0xD6, 0xB4, 0x07, 0x6B, 0x40, 0x77, 0x8D,
    0x68, 0x0E, 0xD6, 0xB4, 0x07, 0x78, 0xD6, 0x80, 0xE0,
];

/// What the header of a frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Samples a second.
    pub sample_rate: u32,
    /// Which loudspeakers there are: 2 is left and right, 7 is three in front and two behind.
    pub mode: u8,
    /// Whether there is one for the lowest notes.
    pub low: bool,
    /// Length of the frame.
    pub length: usize,
}

impl Header {
    /// Reads the header at the front of `bytes`, or `None` when no frame begins there.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let &[0x0B, 0x77, _, _, size, stream, mode] = bytes.get(..HEADER)? else { return None };
        let (rate, code) = (size >> 6, usize::from(size & 0x3F));
        let kbps = *RATES.get(code / 2)?;
        // Words of 16 bits; at 44.1 kHz every second code has one more.
        let (sample_rate, words) = match rate {
            0 => (48_000, kbps * 2),
            1 => (44_100, kbps * 320 / 147 + u32::from(code % 2 == 1)),
            2 => (32_000, kbps * 3),
            _ => return None,
        };
        // Higher versions are other codecs.
        if stream >> 3 > 8 {
            return None;
        }
        let mode_bits = mode;
        let mode = mode >> 5;
        // Levels of what is mixed stand in front of the flag, if there is something to mix.
        let center = if mode & 1 != 0 && mode != 1 { 2 } else { 0 };
        let surround = if mode & 4 != 0 { 2 } else { 0 };
        let dolby = if mode == 2 { 2 } else { 0 };
        let low = mode_bits >> (4 - center - surround - dolby) & 1 == 1;
        let length = usize::try_from(words * 2).ok()?;
        Some(Self { sample_rate, mode, low, length })
    }

    /// How long the frame plays, in 90 kHz ticks rounded down.
    pub fn ticks(&self) -> i64 {
        SAMPLES * 90_000 / i64::from(self.sample_rate)
    }
}

/// Whether `frame` is exactly one frame of 48 kHz, in stereo or in 5.1.
pub fn is_frame(frame: &[u8], surround: bool) -> bool {
    let layout = if surround { (7, true) } else { (2, false) };
    Header::parse(frame).is_some_and(|header| {
        (header.mode, header.low) == layout
            && (header.sample_rate, header.length) == (48_000, frame.len())
    })
}

/// The bit rate nearest to `kbps`.
pub fn nearest_rate(kbps: u32) -> u32 {
    RATES.into_iter().min_by_key(|rate| rate.abs_diff(kbps)).unwrap_or(192)
}

/// What a stream of 48 kHz and about `kbps` says of itself in MP4 (ETSI TS 102 366, F.4): sample
/// rate, version, kind of service, loudspeakers, bit rate.
pub fn description(surround: bool, kbps: u32) -> [u8; 3] {
    let kbps = nearest_rate(kbps);
    let rate = RATES.iter().position(|rate| *rate == kbps).unwrap_or(0);
    let (mode, low) = if surround { (7, 1) } else { (2, 0) };
    let bits = 8 << 17 | mode << 11 | low << 10 | rate << 5;
    let [.., a, b, c] = bits.to_be_bytes();
    [a, b, c]
}

/// A frame of silence, 48 kHz, for a stream of about `kbps`.
pub fn silence(surround: bool, kbps: u32) -> Vec<u8> {
    let content = if surround { SURROUND } else { STEREO };
    let kbps = nearest_rate(kbps);
    let code = RATES.iter().position(|rate| *rate == kbps).unwrap_or(0) * 2;
    let length = usize::try_from(kbps * 4).unwrap_or(0).max(content.len() + 7);
    let mut frame = vec![0; length];
    frame[..2].copy_from_slice(&[0x0B, 0x77]);
    frame[4] = u8::try_from(code).unwrap_or(0);
    frame[5..5 + content.len()].copy_from_slice(content);

    // The first checksum stands in front of the five eighths that it is of.
    let eighths = ((length >> 2) + (length >> 4)) << 1;
    let behind = checksum(&frame[4..eighths]);
    let first = unwound(behind, 8 * (eighths - 2));
    frame[2..4].copy_from_slice(&first.to_be_bytes());
    let whole = checksum(&frame[2..length - 2]);
    frame[length - 2..].copy_from_slice(&whole.to_be_bytes());
    frame
}

/// The checksum of A/52: of bytes with their own checksum it is 0.
fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |mut crc, byte| {
        crc ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            crc = crc << 1 ^ if crc & 0x8000 != 0 { 0x8005 } else { 0 };
        }
        crc
    })
}

/// The value that stands for `crc` when `bits` bits come after where it stood: the checksum's
/// steps taken back.
fn unwound(crc: u16, bits: usize) -> u16 {
    (0..bits).fold(crc, |crc, _| crc >> 1 ^ if crc & 1 != 0 { 0xC002 } else { 0 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn silence_is_a_frame_of_every_rate_with_both_checksums() {
        for kbps in RATES.into_iter().filter(|kbps| *kbps >= 96) {
            for surround in [false, true] {
                let frame = silence(surround, kbps);
                assert!(is_frame(&frame, surround) && !is_frame(&frame, !surround));
                assert_eq!(frame.len(), usize::try_from(kbps).unwrap() * 4);
                let eighths = ((frame.len() >> 2) + (frame.len() >> 4)) << 1;
                assert_eq!(checksum(&frame[2..eighths]), 0, "{kbps} {surround}");
                assert_eq!(checksum(&frame[2..]), 0, "{kbps} {surround}");
            }
        }
        assert_eq!(silence(false, 200), silence(false, 192));
    }

    #[test]
    fn lengths_are_those_of_the_standard() {
        let length =
            |size: u8| Header::parse(&[0x0B, 0x77, 0, 0, size, 0x40, 0x40]).unwrap().length;
        // 48 kHz, 44.1 kHz with both codes, 32 kHz; 192 and 32 kbit/s.
        assert_eq!([20, 0x40 | 20, 0x40 | 21, 0x80 | 20].map(length), [768, 834, 836, 1_152]);
        assert_eq!([0, 0x40, 0x41, 0x80].map(length), [128, 138, 140, 192]);
        assert_eq!(Header::parse(&[0x0B, 0x77, 0, 0, 20, 0x80, 0x40]), None, "E-AC-3");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
            let mut bytes = bytes;
            bytes.splice(0..0, [0x0B, 0x77]);
            if let Some(header) = Header::parse(&bytes) {
                prop_assert!(header.length >= 128 && header.ticks() >= 2_880);
            }
        }
    }
}
