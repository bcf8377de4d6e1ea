//! How a stream is coded: what its tables say, and how its access units are told apart.
//!
//! One stream has one coding for ever, so there is one map of it and one grid of sound.

use bytes::Bytes;

use super::{ac3, adts, h264, hevc};

/// How pictures and sound of a stream are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Coding {
    /// The pictures.
    pub picture: PictureCoding,
    /// The sound.
    pub sound: SoundCoding,
}

impl Coding {
    /// H.264 with AAC-LC in stereo: what every client plays.
    pub const PLAIN: Self = Self {
        picture: PictureCoding::H264,
        sound: SoundCoding { codec: SoundCodec::Aac, surround: false, kbps: 160 },
    };
}

/// How pictures are coded; all of them as Annex B.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PictureCoding {
    /// H.264.
    H264,
    /// HEVC, also known as H.265.
    Hevc,
}

/// What a NAL unit is to those who join and splice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It says that an access unit begins.
    Delimiter,
    /// Parameters of all that follows; another one is another stream.
    StreamSet,
    /// Parameters of pictures.
    PictureSet,
    /// A part of a picture that decoding can begin with, and that nothing after it looks back over.
    Key,
    /// A part of any other picture.
    Slice,
    /// Anything else.
    Other,
}

impl PictureCoding {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::H264, Self::Hevc];

    /// Its stream type in the map.
    pub fn stream_type(self) -> u8 {
        match self {
            Self::H264 => 0x1B,
            Self::Hevc => 0x24,
        }
    }

    /// What a NAL unit is; `None` for an empty one.
    pub fn role(self, nal: &[u8]) -> Option<Role> {
        match self {
            Self::H264 => h264::role(nal),
            Self::Hevc => hevc::role(nal),
        }
    }

    /// Whether an access unit is a picture that decoding can begin with (IDR).
    pub fn is_key(self, data: &[u8]) -> bool {
        // The first slice decides: all slices of an IDR picture are IDR slices.
        let mut roles = h264::nal_units(data).filter_map(|nal| self.role(nal));
        roles.find(|role| matches!(role, Role::Key | Role::Slice)) == Some(Role::Key)
    }

    /// Whether an access unit carries all parameter sets, so that decoding can begin with it.
    pub fn has_parameter_sets(self, data: &[u8]) -> bool {
        match self {
            Self::H264 => h264::has_parameter_sets(data),
            Self::Hevc => hevc::has_parameter_sets(data),
        }
    }

    /// What a decoder of the access unit is called by RFC 6381; `None` without its parameters.
    pub fn name(self, data: &[u8]) -> Option<String> {
        match self {
            Self::H264 => h264::codec(data),
            Self::Hevc => hevc::codec(data),
        }
    }
}

/// A codec of sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SoundCodec {
    /// AAC-LC in ADTS.
    Aac,
    /// AC-3.
    Ac3,
}

/// A frame of sound at the front of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoundFrame {
    /// Its length in bytes.
    pub length: usize,
    /// How long it plays, in 90 kHz ticks rounded down.
    pub ticks: i64,
}

impl SoundCodec {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Aac, Self::Ac3];
    /// Bytes that [`Self::frame`] needs to read a header of either codec.
    pub const HEADER: usize = 7;

    /// Its stream type in the map; AC-3's is that of ATSC, which tuners and players expect.
    pub fn stream_type(self) -> u8 {
        match self {
            Self::Aac => 0x0F,
            Self::Ac3 => 0x81,
        }
    }

    /// The stream id of its PES packets: audio, or private for what is not of MPEG.
    pub fn stream_id(self) -> u8 {
        match self {
            Self::Aac => 0xC0,
            Self::Ac3 => 0xBD,
        }
    }

    /// How long a frame of 48 kHz plays, in 90 kHz ticks: the step of the grid.
    pub fn ticks(self) -> i64 {
        match self {
            Self::Aac => 1_920,
            Self::Ac3 => 2_880,
        }
    }

    /// What a decoder is called by RFC 6381.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aac => "mp4a.40.2",
            Self::Ac3 => "ac-3",
        }
    }

    /// The frame at the front of `bytes`, of any rate and layout; `None` when none begins there.
    pub fn frame(self, bytes: &[u8]) -> Option<SoundFrame> {
        match self {
            Self::Aac => adts::Header::parse(bytes)
                .map(|header| SoundFrame { length: header.length, ticks: header.ticks() }),
            Self::Ac3 => ac3::Header::parse(bytes)
                .map(|header| SoundFrame { length: header.length, ticks: header.ticks() }),
        }
    }
}

/// How sound is coded: 48 kHz, one layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SoundCoding {
    /// By which codec.
    pub codec: SoundCodec,
    /// Whether it comes from all around (5.1) rather than from left and right.
    pub surround: bool,
    /// Bit rate of silence where the codec's frames are all of one size, in kbit/s.
    pub kbps: u32,
}

impl SoundCoding {
    /// Whether `frame` is exactly one frame of this coding.
    pub fn is_frame(&self, frame: &[u8]) -> bool {
        match self.codec {
            SoundCodec::Aac => adts::is_frame(frame, self.surround),
            SoundCodec::Ac3 => ac3::is_frame(frame, self.surround),
        }
    }

    /// One frame of silence.
    pub fn silence(&self) -> Bytes {
        match (self.codec, self.surround) {
            (SoundCodec::Aac, false) => Bytes::from_static(&adts::SILENCE),
            (SoundCodec::Aac, true) => Bytes::from_static(&adts::SURROUND_SILENCE),
            (SoundCodec::Ac3, surround) => ac3::silence(surround, self.kbps).into(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Every coding that a profile can have.
    pub(crate) fn all() -> Vec<Coding> {
        let mut all = Vec::new();
        for picture in PictureCoding::ALL {
            for (codec, surround, kbps) in [
                (SoundCodec::Aac, false, 160),
                (SoundCodec::Aac, true, 384),
                (SoundCodec::Ac3, false, 192),
                (SoundCodec::Ac3, true, 448),
            ] {
                all.push(Coding { picture, sound: SoundCoding { codec, surround, kbps } });
            }
        }
        all
    }

    #[test]
    fn silence_is_one_frame_of_its_coding_and_of_no_other() {
        for one in all() {
            let silence = one.sound.silence();
            let frame = one.sound.codec.frame(&silence).unwrap();
            assert_eq!((frame.length, frame.ticks), (silence.len(), one.sound.codec.ticks()));
            for other in all() {
                let same = (one.sound.codec, one.sound.surround)
                    == (other.sound.codec, other.sound.surround);
                assert_eq!(other.sound.is_frame(&silence), same, "{one:?} as {other:?}");
            }
        }
    }
}
