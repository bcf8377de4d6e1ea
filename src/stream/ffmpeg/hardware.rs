//! The arguments that move decoding and encoding onto a device. PURE.
//!
//! A conform is written for the processor ([`super::Run`]), and [`Hardware::accelerate`] rewrites
//! that: the source is decoded on the device where it can (ffmpeg goes on in software where it
//! cannot), pictures come back to memory, every filter stays what it is, and what they give is
//! encoded on the device. So a rendition has the same frames at the same times whoever made it, and
//! every rule of `args` holds without being said twice. The price is the way through memory.
//!
//! B-frames are off: how deep they reorder differs between devices and the gain is small.

use std::ffi::{OsStr, OsString};

use crate::domain::{Accelerator, VideoCodec};

/// Frames of a test encode, and their rate and size.
pub const TEST_FRAMES: u64 = 100;
const TEST_SOURCE: &str = "testsrc2=s=640x360:r=25";

/// A device to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hardware {
    /// Which kind.
    pub kind: Accelerator,
    /// Which one of several: a path or a number; `None` the first.
    pub device: Option<String>,
}

/// Options of libx264 and libx265 that no other encoder has, or understands otherwise; each with its
/// value.
const OURS: [&str; 12] = [
    "-profile:v",
    "-sc_threshold",
    "-preset",
    "-tune",
    "-crf",
    "-x264-params",
    "-x265-params",
    "-forced-idr",
    "-threads:v",
    "-refs",
    "-bf",
    "-c:v",
];

impl Hardware {
    /// Whether sources are decoded on the device, too.
    pub fn decodes(&self) -> bool {
        !self.decode().is_empty()
    }

    /// A short encode through scaling and upload, with reports of progress on stdout.
    pub fn test(&self, codec: VideoCodec) -> Vec<OsString> {
        let mut args: Vec<OsString> =
            words("-hide_banner -nostdin -loglevel warning -nostats -progress pipe:1");
        args.extend(self.open());
        args.extend(words("-f lavfi -i"));
        args.push(TEST_SOURCE.into());
        args.extend(words(&format!("-frames:v {TEST_FRAMES}")));
        args.push("-vf".into());
        args.push(format!("scale=1280:720,format=yuv420p{}", self.upload()).into());
        args.extend(self.encode(codec, "4000k", "4000k"));
        args.extend(words("-g 50 -f null -"));
        args
    }

    /// Rewrites the arguments of a conform that encodes on the processor; `None` when they do not
    /// encode a picture from a plain chain of filters.
    pub fn accelerate(&self, args: &[OsString]) -> Option<Vec<OsString>> {
        let value = |name: &str| {
            let at = args.iter().position(|word| word == name)?;
            args.get(at + 1).map(OsString::as_os_str)
        };
        let codec = match value("-c:v").and_then(OsStr::to_str) {
            Some("libx264") => VideoCodec::H264,
            Some("libx265") => VideoCodec::Hevc,
            Some(_) | None => return None,
        };
        if self.kind == Accelerator::Software {
            return None;
        }
        value("-vf")?;
        let rate = value("-maxrate")?.to_str()?;
        let buffer = value("-bufsize")?.to_str()?;
        let mut made = self.open();
        let mut input_seen = false;
        let mut words = args.iter();
        while let Some(word) = words.next() {
            match word.to_str() {
                Some("-i") if !input_seen => {
                    input_seen = true;
                    made.extend(self.decode());
                    made.push(word.clone());
                }
                Some("-vf") => {
                    let mut chain = words.next()?.clone();
                    chain.push(self.upload());
                    made.extend([word.clone(), chain]);
                }
                Some("-c:v") => {
                    words.next();
                    made.extend(self.encode(codec, rate, buffer));
                }
                Some("-maxrate" | "-bufsize") => {
                    words.next();
                }
                Some(name) if OURS.contains(&name) => {
                    words.next();
                }
                Some(_) | None => made.push(word.clone()),
            }
        }
        Some(made)
    }

    fn render_node(&self) -> &str {
        self.device.as_deref().unwrap_or("/dev/dri/renderD128")
    }

    /// Opens the device.
    fn open(&self) -> Vec<OsString> {
        let node = self.render_node();
        match self.kind {
            Accelerator::Vaapi => {
                words(&format!("-init_hw_device vaapi=hw:{node} -filter_hw_device hw"))
            }
            Accelerator::Qsv => words(&format!(
                "-init_hw_device vaapi=va:{node} -init_hw_device qsv=hw@va -filter_hw_device hw"
            )),
            Accelerator::Nvenc
            | Accelerator::VideoToolbox
            | Accelerator::Amf
            | Accelerator::V4l2m2m
            | Accelerator::Software => Vec::new(),
        }
    }

    /// Decodes on the device; pictures come back to memory by themselves.
    fn decode(&self) -> Vec<OsString> {
        match self.kind {
            Accelerator::Nvenc => match &self.device {
                Some(card) => words(&format!("-hwaccel cuda -hwaccel_device {card}")),
                None => words("-hwaccel cuda"),
            },
            Accelerator::Vaapi => words("-hwaccel vaapi -hwaccel_device hw"),
            // The same silicon; ffmpeg's own QSV decoders are chosen by codec and cannot fall back.
            Accelerator::Qsv => words("-hwaccel vaapi -hwaccel_device va"),
            Accelerator::VideoToolbox => words("-hwaccel videotoolbox"),
            Accelerator::Amf | Accelerator::V4l2m2m | Accelerator::Software => Vec::new(),
        }
    }

    /// What follows the last filter.
    fn upload(&self) -> &'static str {
        match self.kind {
            Accelerator::Vaapi => ",format=nv12,hwupload",
            Accelerator::Qsv => ",format=nv12,hwupload=extra_hw_frames=64",
            // These take pictures from memory.
            Accelerator::Nvenc
            | Accelerator::VideoToolbox
            | Accelerator::Amf
            | Accelerator::V4l2m2m
            | Accelerator::Software => "",
        }
    }

    fn encode(&self, codec: VideoCodec, rate: &str, buffer: &str) -> Vec<OsString> {
        let profile = match codec {
            VideoCodec::H264 => "-profile:v high",
            VideoCodec::Hevc => "-profile:v main",
        };
        let own = match self.kind {
            Accelerator::Nvenc => {
                let card = self.device.as_deref().map(|card| format!(" -gpu {card}"));
                let card = card.unwrap_or_default();
                format!("{profile} -preset p4 -rc vbr -cq 23 -forced-idr 1 -no-scenecut 1{card}")
            }
            Accelerator::Qsv => {
                let ahead = match codec {
                    VideoCodec::H264 => " -look_ahead 0",
                    VideoCodec::Hevc => "",
                };
                format!("{profile} -preset medium -forced_idr 1{ahead}")
            }
            Accelerator::Vaapi => format!("{profile} -rc_mode VBR"),
            Accelerator::VideoToolbox => format!("{profile} -allow_sw 0"),
            Accelerator::Amf => {
                let groups = match codec {
                    VideoCodec::H264 => "-forced_idr 1",
                    VideoCodec::Hevc => "-header_insertion_mode idr -gops_per_idr 1",
                };
                format!("{profile} -usage transcoding -rc vbr_peak {groups}")
            }
            Accelerator::V4l2m2m => "-num_capture_buffers 64".to_owned(),
            Accelerator::Software => {
                let encoder = self.kind.encoder(codec);
                return words(&format!("-c:v {encoder} -preset superfast -crf 21"));
            }
        };
        let encoder = self.kind.encoder(codec);
        let mut args = words(&format!("-c:v {encoder} {own} -bf 0"));
        // No device has a quality mode that all have; the ceiling is the profile's.
        let average = three_quarters(rate);
        args.extend(words(&format!("-b:v {average} -maxrate {rate} -bufsize {buffer}")));
        args.extend(words(match codec {
            VideoCodec::H264 => "-bsf:v h264_metadata=aud=insert",
            VideoCodec::Hevc => "-bsf:v hevc_metadata=aud=insert",
        }));
        args
    }
}

/// Three quarters of a rate such as `4000k`.
fn three_quarters(rate: &str) -> String {
    match rate.strip_suffix('k').and_then(|number| number.parse::<u64>().ok()) {
        Some(number) => format!("{}k", number * 3 / 4),
        None => rate.to_owned(),
    }
}

/// Fixed words and names that were checked.
fn words(text: &str) -> Vec<OsString> {
    text.split_whitespace().map(OsString::from).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Abilities, AudioTreatment, Effort, Repair, Run, Treatment, VideoTreatment};
    use super::*;
    use crate::domain::{FfmpegRuns, Profile};

    fn arguments(codec: VideoCodec, video: VideoTreatment) -> Vec<OsString> {
        let treatment = Treatment { video, audio: AudioTreatment::Silence };
        let profile = Profile { video_codec: codec, ..Profile::named("720p25").unwrap() };
        let run = Run {
            path: "/media/film.mkv",
            treatment: &treatment,
            profile: &profile,
            from_frame: 100,
            until_frame: None,
            phase: 0,
            effort: Effort::Live,
            threads: 0,
            still: Path::new("/cache/still.png"),
            abilities: Abilities::ALL,
            words: None,
            gain: 0,
            upstream: None,
            tuning: &FfmpegRuns::default(),
        };
        run.arguments()
    }

    fn encoding(codec: VideoCodec) -> Vec<OsString> {
        arguments(codec, VideoTreatment::Encode { repair: Repair::default(), why: String::new() })
    }

    #[test]
    fn every_kind_keeps_filters_and_key_frames_and_nothing_of_x264() {
        let codecs = [VideoCodec::H264, VideoCodec::Hevc];
        for (kind, codec) in
            Accelerator::ALL.into_iter().flat_map(|kind| codecs.map(|codec| (kind, codec)))
        {
            let hardware = Hardware { kind, device: None };
            let plain = encoding(codec);
            let Some(made) = hardware.accelerate(&plain) else {
                assert_eq!(kind, Accelerator::Software);
                continue;
            };
            let line = made.join(OsStr::new(" ")).into_string().unwrap();
            assert!(line.contains(&format!("-c:v {}", kind.encoder(codec))), "{line}");
            for kept in ["-force_key_frames expr:", "-g 100", "fps=fps=25/1:start_time=4", "-an"] {
                assert!(line.contains(kept), "{kept} in {line}");
            }
            for gone in ["x264", "x265", "-crf", "superfast", "-sc_threshold", "-tune"] {
                assert!(!line.contains(gone), "{gone} in {line}");
            }
            assert!(line.contains("-b:v 3000k -maxrate 4000k -bufsize 4000k"), "{line}");
            assert_eq!(line.matches("-hwaccel ").count(), usize::from(hardware.decodes()));
            let before = line.split(" -i ").next().unwrap();
            assert_eq!(before.contains("-hwaccel "), hardware.decodes(), "{line}");
        }
    }

    #[test]
    fn a_device_is_named_where_it_is_opened() {
        let line = |kind, device: &str| {
            let hardware = Hardware { kind, device: Some(device.to_owned()) };
            hardware.test(VideoCodec::H264).join(OsStr::new(" ")).into_string().unwrap()
        };
        let node = "/dev/dri/renderD129";
        assert!(line(Accelerator::Vaapi, node).contains("vaapi=hw:/dev/dri/renderD129"));
        assert!(line(Accelerator::Qsv, node).contains("vaapi=va:/dev/dri/renderD129"));
        assert!(line(Accelerator::Nvenc, "1").contains("-gpu 1"));
    }

    #[test]
    fn what_does_not_encode_is_left_alone() {
        let hardware = Hardware { kind: Accelerator::Nvenc, device: None };
        assert_eq!(hardware.accelerate(&arguments(VideoCodec::H264, VideoTreatment::Copy)), None);
    }
}
