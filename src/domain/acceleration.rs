//! Where pictures can be decoded and encoded, what was chosen, and what tests of it gave.

use serde::{Deserialize, Serialize};

use super::{ChannelId, MediaId, UtcMillis, VideoCodec};

/// A way to encode pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accelerator {
    /// NVIDIA cards.
    Nvenc,
    /// Intel Quick Sync Video.
    Qsv,
    /// VA-API: Intel and AMD on Linux.
    Vaapi,
    /// Apple.
    VideoToolbox,
    /// AMD's own interface.
    Amf,
    /// `Video4Linux` memory-to-memory devices: Raspberry Pi and other small boards.
    V4l2m2m,
    /// The processor.
    Software,
}

impl Accelerator {
    /// All of them, in the order `auto` looks at them.
    pub const ALL: [Self; 7] = [
        Self::Nvenc,
        Self::Qsv,
        Self::VideoToolbox,
        Self::Vaapi,
        Self::Amf,
        Self::V4l2m2m,
        Self::Software,
    ];

    /// Its word in the configuration and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nvenc => "nvenc",
            Self::Qsv => "qsv",
            Self::Vaapi => "vaapi",
            Self::VideoToolbox => "videotoolbox",
            Self::Amf => "amf",
            Self::V4l2m2m => "v4l2m2m",
            Self::Software => "software",
        }
    }

    /// The name of its encoder of a codec in ffmpeg.
    pub fn encoder(self, codec: VideoCodec) -> &'static str {
        let (h264, hevc) = match self {
            Self::Nvenc => ("h264_nvenc", "hevc_nvenc"),
            Self::Qsv => ("h264_qsv", "hevc_qsv"),
            Self::Vaapi => ("h264_vaapi", "hevc_vaapi"),
            Self::VideoToolbox => ("h264_videotoolbox", "hevc_videotoolbox"),
            Self::Amf => ("h264_amf", "hevc_amf"),
            Self::V4l2m2m => ("h264_v4l2m2m", "hevc_v4l2m2m"),
            Self::Software => ("libx264", "libx265"),
        };
        match codec {
            VideoCodec::H264 => h264,
            VideoCodec::Hevc => hevc,
        }
    }

    /// Reads such a word, in any case; `cuda` is another one for `nvenc`.
    pub fn read(word: &str) -> Option<Self> {
        let word = word.trim().to_ascii_lowercase();
        let word = if word == "cuda" { "nvenc" } else { word.as_str() };
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// What is to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceleration {
    /// The processor only.
    Off,
    /// The first kind that passed its test.
    Auto,
    /// This one while it works, else the processor.
    Only(Accelerator),
}

impl Acceleration {
    /// What may be written, for people.
    pub const ALLOWED: &'static str =
        "one of auto, nvenc, cuda, qsv, vaapi, videotoolbox, amf, v4l2m2m, or \"\" for none";

    /// Reads a word of the configuration; the empty one, `none` and `software` mean off.
    pub fn read(word: &str) -> Option<Self> {
        match word.trim().to_ascii_lowercase().as_str() {
            "" | "none" | "software" => Some(Self::Off),
            "auto" => Some(Self::Auto),
            word => Accelerator::read(word).map(Self::Only),
        }
    }

    /// Its word; empty when off.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "",
            Self::Auto => "auto",
            Self::Only(kind) => kind.as_str(),
        }
    }
}

/// What is chosen, with the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccelerationChoice {
    /// For media of every source.
    pub all: Acceleration,
    /// Which device, such as `/dev/dri/renderD128` or the number of a card; `None` the first.
    pub device: Option<String>,
}

impl Default for AccelerationChoice {
    fn default() -> Self {
        Self { all: Acceleration::Auto, device: None }
    }
}

impl AccelerationChoice {
    /// Takes the name of a device: letters, digits and `/ . _ -`, because it goes into options of
    /// ffmpeg where other signs have a meaning.
    pub fn check_device(text: &str) -> Option<String> {
        let text = text.trim();
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
        let good = (1..=100).contains(&text.len()) && text.chars().all(plain);
        let numbered = text.chars().all(|c| c.is_ascii_digit());
        let path = text.starts_with("/dev/") && !text.contains("..");
        (good && (numbered || path)).then(|| text.to_owned())
    }
}

/// What is known of an encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncoderState {
    /// Nothing yet.
    Untested,
    /// This ffmpeg has no such encoder.
    NotBuilt,
    /// The machine has no such device, or the server may not open it.
    NoDevice,
    /// The device is there and the test failed.
    Failed,
    /// The test went well.
    Works,
}

/// The test of one encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EncoderTest {
    /// Which kind.
    pub kind: Accelerator,
    /// What it encodes to.
    #[serde(default)]
    pub codec: VideoCodec,
    /// Its name in ffmpeg.
    pub encoder: String,
    /// What came of it.
    pub state: EncoderState,
    /// Times real time at 1280×720 and 25 frames a second, starting included, when it worked.
    pub speed: Option<f64>,
    /// The device it was tested on, where there is a choice.
    pub device: Option<String>,
    /// Why it cannot be used, in our words.
    pub reason: Option<String>,
    /// What a person can do about that.
    pub fix: Option<String>,
    /// The line of ffmpeg that says so. Text from outside.
    pub said: Option<String>,
    /// When it was tested.
    pub at: UtcMillis,
}

/// What all tests gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EncoderReport {
    /// What it was found on: version of ffmpeg, host and devices. With another one it is stale.
    pub key: String,
    /// The version of ffmpeg.
    pub version: String,
    /// One test a codec and kind, in the order of [`VideoCodec::WORDS`] and [`Accelerator::ALL`].
    pub tests: Vec<EncoderTest>,
}

/// Where one step of a conform runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunsOn {
    /// It is not needed.
    Nothing,
    /// The processor.
    Processor,
    /// This device.
    Device(Accelerator),
}

impl RunsOn {
    /// Its word: `none`, `cpu`, or the kind.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Processor => "cpu",
            Self::Device(kind) => kind.as_str(),
        }
    }
}

/// A run of ffmpeg over a media item, running or over.
#[derive(Debug, Clone, PartialEq)]
pub struct ConformRun {
    /// Its conform.
    pub job: u64,
    /// What is conformed.
    pub media: MediaId,
    /// Its title.
    pub title: String,
    /// Who waits for it; `None` for work ahead.
    pub channel: Option<ChannelId>,
    /// Name of the profile.
    pub profile: String,
    /// Where it is decoded …
    pub decode: RunsOn,
    /// … filtered …
    pub filter: RunsOn,
    /// … and encoded.
    pub encode: RunsOn,
    /// Frames stored.
    pub frames: u64,
    /// Times real time so far; pauses made on purpose do not count.
    pub speed: Option<f64>,
    /// When it began.
    pub began: UtcMillis,
    /// When it ended; `None` while it runs.
    pub ended: Option<UtcMillis>,
    /// How it ended in a word: `done`, `fallback` (gone on with in software) or `ended`.
    pub outcome: Option<&'static str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        for kind in Accelerator::ALL {
            assert_eq!(Accelerator::read(kind.as_str()), Some(kind));
        }
        for choice in [Acceleration::Off, Acceleration::Auto, Acceleration::Only(Accelerator::Qsv)]
        {
            assert_eq!(Acceleration::read(choice.as_str()), Some(choice));
        }
        assert_eq!(Acceleration::read("CUDA"), Some(Acceleration::Only(Accelerator::Nvenc)));
        assert_eq!(Acceleration::read("fast"), None);
    }

    #[test]
    fn a_device_is_a_number_or_a_path_below_dev() {
        let taken = |text| AccelerationChoice::check_device(text).is_some();
        assert!(taken("/dev/dri/renderD128") && taken("0") && taken("/dev/video11"));
        for bad in ["", "renderD128", "/etc/passwd", "/dev/../etc", "0,x=1", "/dev/a b", "0:1"] {
            assert!(!taken(bad), "{bad}");
        }
    }
}
