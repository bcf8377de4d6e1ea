//! AAC frames with their ADTS headers, and the frame of silence that fills every gap.

/// Length of an ADTS header without checksum.
pub const HEADER: usize = 7;

/// One AAC-LC frame, 48 kHz stereo, of silence: 1024 samples, 1920 ticks.
///
/// Made once with `ffmpeg -f lavfi -i anullsrc=r=48000:cl=stereo -c:a aac -f adts`, second frame.
pub const SILENCE: [u8; 13] =
    [0xFF, 0xF1, 0x4C, 0x80, 0x01, 0xBF, 0xFC, 0x21, 0x10, 0x04, 0x60, 0x8C, 0x1C];

/// The same in 5.1, with `cl=5.1`.
pub const SURROUND_SILENCE: [u8; 26] = [
    0xFF, 0xF1, 0x4D, 0x80, 0x03, 0x5F, 0xFC, 0x01, 0x18, 0x20, 0x01, 0x08, 0x80, 0x23, 0x04, 0x60,
    0x23, 0x10, 0x04, 0x60, 0x8C, 0x0C, 0x23, 0x00, 0x00, 0xE0,
];

/// What an ADTS header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// MPEG-4 audio object type; 2 is AAC-LC.
    pub object_type: u8,
    /// Samples a second.
    pub sample_rate: u32,
    /// Channel configuration; 2 is stereo, 0 means "in the payload".
    pub channels: u8,
    /// Length of the frame with its header.
    pub length: usize,
    /// Raw blocks of 1024 samples in the frame, 1 nearly always.
    pub blocks: u8,
}

impl Header {
    /// Reads the header at the front of `bytes`, or `None` when no frame begins there.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        const RATES: [u32; 13] = [
            96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025,
            8_000, 7_350,
        ];
        let &[a, b, c, d, e, f, g] = bytes.get(..HEADER)? else { return None };
        // Twelve bits of sync; the layer is always 0.
        if a != 0xFF || b & 0xF6 != 0xF0 {
            return None;
        }
        let length = usize::from(d & 0x03) << 11 | usize::from(e) << 3 | usize::from(f >> 5);
        let header = Self {
            object_type: (c >> 6) + 1,
            sample_rate: *RATES.get(usize::from(c >> 2 & 0x0F))?,
            channels: (c & 1) << 2 | d >> 6,
            length,
            blocks: (g & 0x03) + 1,
        };
        (length >= HEADER).then_some(header)
    }

    /// How long the frame plays, in 90 kHz ticks rounded down.
    pub fn ticks(&self) -> i64 {
        i64::from(self.blocks) * 1024 * 90_000 / i64::from(self.sample_rate)
    }

    /// Whether it is what renditions carry: AAC-LC, 48 kHz, one block a frame; in stereo or 5.1.
    pub fn is_profile_audio(&self, surround: bool) -> bool {
        let channels = channels(surround);
        (self.object_type, self.sample_rate, self.channels, self.blocks) == (2, 48_000, channels, 1)
    }
}

/// Whether `frame` is exactly one frame of what renditions carry, in stereo or 5.1.
pub fn is_frame(frame: &[u8], surround: bool) -> bool {
    Header::parse(frame).is_some_and(|h| h.is_profile_audio(surround) && h.length == frame.len())
}

/// Puts the header in front of a bare block of AAC-LC, 48 kHz; `None` when it is empty or longer
/// than a frame can be.
pub fn framed(block: &[u8], surround: bool) -> Option<Vec<u8>> {
    let length = block.len() + HEADER;
    let [.., high, low] = length.to_be_bytes();
    if block.is_empty() || length > 0x1FFF {
        return None;
    }
    let channels = channels(surround);
    let mut frame = Vec::with_capacity(length);
    frame.extend([0xFF, 0xF1, 0x4C | channels >> 2, channels << 6 | high >> 3]);
    frame.extend([high << 5 | low >> 3, low << 5 | 0x1F, 0xFC]);
    frame.extend_from_slice(block);
    Some(frame)
}

/// The channel configuration.
fn channels(surround: bool) -> u8 {
    if surround { 6 } else { 2 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn silence_is_a_frame_of_the_profile() {
        assert!(is_frame(&SILENCE, false) && is_frame(&SURROUND_SILENCE, true));
        assert_eq!(Header::parse(&SILENCE).unwrap().ticks(), 1920);
    }

    #[test]
    fn other_rates_are_told_apart() {
        let mut frame = SILENCE;
        frame[2] = 0x50;
        let header = Header::parse(&frame).unwrap();
        assert_eq!((header.sample_rate, header.is_profile_audio(false)), (44_100, false));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
            if let Some(header) = Header::parse(&bytes) {
                prop_assert!(header.length >= HEADER);
            }
        }
    }
}
