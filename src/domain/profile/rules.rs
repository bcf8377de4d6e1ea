//! What a profile does to pictures and sound that come in another shape.

use serde::{Deserialize, Serialize};

use super::super::Language;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$value_doc])* $value,)+
        }

        impl $name {
            /// Every value, as it is written.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word for it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $word,)+
                }
            }

            /// The value for a word, or `None`.
            pub fn read(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$value),)+
                    _ => None,
                }
            }
        }
    };
}

pub(super) use words;

words!(
    /// How hard x264 works on a picture; faster is earlier in the list.
    Preset {
        /// Least work.
        Ultrafast = "ultrafast",
        /// See x264.
        Superfast = "superfast",
        /// See x264.
        Veryfast = "veryfast",
        /// See x264.
        Faster = "faster",
        /// See x264.
        Fast = "fast",
        /// See x264.
        Medium = "medium",
        /// See x264.
        Slow = "slow",
        /// See x264.
        Slower = "slower",
    }
);

words!(
    /// How pictures are coded.
    VideoCodec {
        /// What every client plays.
        H264 = "h264",
        /// Half the bits for the same picture; 8 bits a sample.
        Hevc = "hevc",
    }
);

impl Default for VideoCodec {
    /// H.264.
    fn default() -> Self {
        Self::H264
    }
}

words!(
    /// How sound is coded.
    AudioCodec {
        /// AAC-LC.
        Aac = "aac",
        /// Dolby Digital, which receivers take as it is.
        Ac3 = "ac3",
    }
);

impl AudioCodec {
    /// Samples of a frame.
    pub fn frame_samples(self) -> i64 {
        match self {
            Self::Aac => 1_024,
            Self::Ac3 => 1_536,
        }
    }
}

impl Default for AudioCodec {
    /// AAC.
    fn default() -> Self {
        Self::Aac
    }
}

words!(
    /// Where sound comes from.
    AudioLayout {
        /// Left and right.
        Stereo = "stereo",
        /// All around: five loudspeakers and one for the lowest notes (5.1).
        Surround = "surround",
    }
);

impl AudioLayout {
    /// How many channels it has.
    pub fn channels(self) -> u32 {
        match self {
            Self::Stereo => 2,
            Self::Surround => 6,
        }
    }

    /// The layout with so many channels; `None` when it is not one of ours.
    pub fn with_channels(channels: i64) -> Option<Self> {
        match channels {
            2 => Some(Self::Stereo),
            6 => Some(Self::Surround),
            _ => None,
        }
    }
}

impl Default for AudioLayout {
    /// Stereo.
    fn default() -> Self {
        Self::Stereo
    }
}

words!(
    /// How HLS carries pictures and sound.
    HlsFormat {
        /// In fragmented MP4 where players want it for the codec (HEVC), else in transport streams.
        Auto = "auto",
        /// In transport streams.
        Ts = "ts",
        /// In fragmented MP4.
        Fmp4 = "fmp4",
    }
);

impl Default for HlsFormat {
    /// As the codec wants it.
    fn default() -> Self {
        Self::Auto
    }
}

words!(
    /// What is done to interlaced pictures.
    Deinterlace {
        /// Pictures that are marked as interlaced are made progressive.
        Auto = "auto",
        /// Nothing.
        Off = "off",
        /// All pictures are treated as interlaced, for files that are marked wrongly.
        Always = "always",
    }
);

words!(
    /// What is done to a picture of another shape.
    Scaling {
        /// All of it is shown, with bars.
        Pad = "pad",
        /// The screen is filled and what is beyond its edges is lost.
        Crop = "crop",
        /// The screen is filled and shapes are distorted.
        Stretch = "stretch",
    }
);

words!(
    /// What is done with subtitles.
    SubtitleMode {
        /// They are left out.
        None = "none",
        /// They become part of the picture.
        Burn = "burn",
        /// They stay out of the picture; streams that carry texts offer them.
        Sidecar = "sidecar",
    }
);

words!(
    /// Which subtitles are shown.
    SubtitleChoice {
        /// Those that are marked as forced: foreign dialogue and signs.
        Forced = "forced",
        /// Those that the file marks as its default.
        Default = "default",
        /// Those in one of the languages asked for, the first one first.
        Language = "language",
    }
);

/// Which subtitles are shown, and how.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SubtitleRule {
    /// What is done with them.
    pub mode: SubtitleMode,
    /// Which ones.
    pub choice: SubtitleChoice,
    /// Languages in order of preference; empty takes any language.
    pub languages: Vec<Language>,
}

impl Default for SubtitleRule {
    /// None.
    fn default() -> Self {
        Self { mode: SubtitleMode::None, choice: SubtitleChoice::Forced, languages: Vec::new() }
    }
}
