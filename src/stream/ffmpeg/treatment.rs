//! What has to be done to a source so that it becomes a rendition. PURE.
//!
//! Copying costs almost nothing and loses nothing, so whatever conforms already is copied. The
//! probe can only say that copying is *worth trying*: GOP structure and exact frame times show
//! while copying, and `conform` then falls back to encoding (`barred`).

use crate::domain::{AudioStream, FrameRate, Probe, Profile, VideoStream};

/// What is done to a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Treatment {
    /// … to its picture.
    pub video: VideoTreatment,
    /// … to its sound.
    pub audio: AudioTreatment,
}

/// What is done to the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VideoTreatment {
    /// Taken as it is.
    Copy,
    /// Decoded and encoded anew.
    Encode {
        /// Whether interlaced pictures may occur.
        deinterlace: bool,
        /// Why it could not be copied, for people.
        why: String,
    },
    /// There is none: a still picture stands in.
    Still,
}

/// What is done to the sound. `track` counts the file's audio streams from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioTreatment {
    /// Taken as it is.
    Copy {
        /// Which one.
        track: usize,
    },
    /// Decoded and encoded anew.
    Encode {
        /// Which one.
        track: usize,
    },
    /// There is none: the rendition stores no audio and the muxer plays silence.
    Silence,
}

/// The source holds neither picture nor sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is neither picture nor sound in the file")]
pub struct NothingToPlay;

/// Decides what a source needs to become a rendition of `profile`.
///
/// `barred` says why copying its picture was given up earlier, if it was.
///
/// # Errors
/// When there is nothing to play.
pub fn decide(
    probe: &Probe,
    profile: &Profile,
    barred: Option<&str>,
) -> Result<Treatment, NothingToPlay> {
    let audio = match main_track(&probe.audio) {
        None => AudioTreatment::Silence,
        Some((track, stream)) if is_profile_audio(stream) => AudioTreatment::Copy { track },
        Some((track, _)) => AudioTreatment::Encode { track },
    };
    let video = match &probe.video {
        None if audio == AudioTreatment::Silence => return Err(NothingToPlay),
        None => VideoTreatment::Still,
        Some(stream) => {
            let obstacle = obstacle(stream, profile).map(str::to_owned);
            match obstacle.or_else(|| barred.map(str::to_owned)) {
                None => VideoTreatment::Copy,
                Some(why) => VideoTreatment::Encode { deinterlace: !stream.progressive, why },
            }
        }
    };
    Ok(Treatment { video, audio })
}

/// The track a viewer expects: the default one, else the first.
fn main_track(tracks: &[AudioStream]) -> Option<(usize, &AudioStream)> {
    let default = tracks.iter().position(|track| track.default).unwrap_or(0);
    tracks.get(default).map(|track| (default, track))
}

fn is_profile_audio(stream: &AudioStream) -> bool {
    stream.codec == "aac"
        && stream.codec_profile == "LC"
        && stream.sample_rate == 48_000
        && stream.channels == 2
}

/// The first reason why the picture cannot be copied, or `None` when it looks as if it could.
fn obstacle(stream: &VideoStream, profile: &Profile) -> Option<&'static str> {
    let max_gop = Profile::MAX_GOP_MS;
    let checks = [
        (stream.codec == "h264", "it is not H.264"),
        (stream.pixel_format == "yuv420p", "it is not 8-bit 4:2:0"),
        ((stream.width, stream.height) == (profile.width, profile.height), "it is of another size"),
        (stream.progressive, "it may be interlaced"),
        (stream.rotation == 0, "it is rotated"),
        (stream.square_pixels, "its samples are not square"),
        (stream.constant_rate, "its frame rate varies"),
        (same_rate(stream.rate, profile.rate), "it has another frame rate"),
        (stream.gop_ms.is_none_or(|gop| gop <= max_gop), "its key frames are too far apart"),
    ];
    checks.iter().find(|(good, _)| !good).map(|(_, why)| *why)
}

/// Whether two rates are the same but for rounding in a header (one frame in ten minutes).
fn same_rate(a: FrameRate, b: FrameRate) -> bool {
    (a.as_f64() - b.as_f64()).abs() < 1.0 / 600.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source that can be copied to 720p25.
    fn conforming() -> Probe {
        Probe {
            container: "matroska,webm".to_owned(),
            start_ms: 0,
            video: Some(VideoStream {
                codec: "h264".to_owned(),
                codec_profile: "High".to_owned(),
                width: 1280,
                height: 720,
                pixel_format: "yuv420p".to_owned(),
                rate: FrameRate { num: 25, den: 1 },
                constant_rate: true,
                progressive: true,
                rotation: 0,
                square_pixels: true,
                gop_ms: Some(2_000),
            }),
            audio: vec![track("aac", "LC", 2, 48_000)],
        }
    }

    fn track(codec: &str, profile: &str, channels: u32, sample_rate: u32) -> AudioStream {
        AudioStream {
            codec: codec.to_owned(),
            codec_profile: profile.to_owned(),
            channels,
            sample_rate,
            language: None,
            default: false,
        }
    }

    fn profile() -> Profile {
        Profile::named("720p25").unwrap()
    }

    /// Changes the picture of a conforming source and gives the reason why it is encoded.
    fn why(change: impl FnOnce(&mut VideoStream)) -> Option<String> {
        let mut probe = conforming();
        change(probe.video.as_mut().unwrap());
        match decide(&probe, &profile(), None).unwrap().video {
            VideoTreatment::Encode { why, .. } => Some(why),
            VideoTreatment::Copy | VideoTreatment::Still => None,
        }
    }

    #[test]
    fn a_conforming_source_is_copied() {
        let treatment = decide(&conforming(), &profile(), None).unwrap();
        let audio = AudioTreatment::Copy { track: 0 };
        assert_eq!(treatment, Treatment { video: VideoTreatment::Copy, audio });
        assert_eq!(why(|video| video.gop_ms = None), None);
        assert_eq!(why(|video| video.rate = FrameRate { num: 25_001, den: 1_000 }), None);
    }

    #[test]
    fn every_deviation_has_its_reason() {
        assert_eq!(why(|v| v.codec = "hevc".into()).unwrap(), "it is not H.264");
        assert_eq!(
            why(|v| v.pixel_format = "yuv420p10le".into()).unwrap(),
            "it is not 8-bit 4:2:0"
        );
        assert_eq!(why(|v| v.width = 1278).unwrap(), "it is of another size");
        assert_eq!(why(|v| v.progressive = false).unwrap(), "it may be interlaced");
        assert_eq!(why(|v| v.rotation = 90).unwrap(), "it is rotated");
        assert_eq!(why(|v| v.square_pixels = false).unwrap(), "its samples are not square");
        assert_eq!(why(|v| v.constant_rate = false).unwrap(), "its frame rate varies");
        let film = FrameRate { num: 24_000, den: 1001 };
        assert_eq!(why(|v| v.rate = film).unwrap(), "it has another frame rate");
        assert_eq!(why(|v| v.gop_ms = Some(10_000)).unwrap(), "its key frames are too far apart");
    }

    #[test]
    fn what_was_given_up_once_is_encoded() {
        let treatment = decide(&conforming(), &profile(), Some("open GOP")).unwrap();
        let why = "open GOP".to_owned();
        assert_eq!(treatment.video, VideoTreatment::Encode { deinterlace: false, why });
    }

    #[test]
    fn the_default_track_is_taken_and_only_stereo_lc_is_copied() {
        let audio = |tracks: Vec<AudioStream>| {
            let probe = Probe { audio: tracks, ..conforming() };
            decide(&probe, &profile(), None).unwrap().audio
        };
        let mut second = track("aac", "LC", 2, 48_000);
        second.default = true;
        let first = track("ac3", "", 6, 48_000);
        assert_eq!(audio(vec![first.clone(), second]), AudioTreatment::Copy { track: 1 });
        assert_eq!(audio(vec![first]), AudioTreatment::Encode { track: 0 });
        let he = track("aac", "HE-AAC", 2, 48_000);
        assert_eq!(audio(vec![he]), AudioTreatment::Encode { track: 0 });
        let cd = track("aac", "LC", 2, 44_100);
        assert_eq!(audio(vec![cd]), AudioTreatment::Encode { track: 0 });
        assert_eq!(audio(Vec::new()), AudioTreatment::Silence);
    }

    #[test]
    fn a_song_gets_a_still_and_an_empty_file_nothing() {
        let song = Probe { video: None, ..conforming() };
        assert_eq!(decide(&song, &profile(), None).unwrap().video, VideoTreatment::Still);
        let nothing = Probe { video: None, audio: Vec::new(), ..conforming() };
        assert_eq!(decide(&nothing, &profile(), None), Err(NothingToPlay));
    }
}
