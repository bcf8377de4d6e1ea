//! What has to be done to a source so that it becomes a rendition. PURE.
//!
//! Copying costs almost nothing and loses nothing, so whatever conforms already is copied. The
//! probe can only say that copying is *worth trying*: GOP structure and exact frame times show
//! while copying, and `conform` then falls back to encoding (`barred`).

use super::copying::{Obstacle, Verdict, copying};
use crate::domain::{Deinterlace, Probe, Profile};

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
        /// What is made right on the way.
        repair: Repair,
        /// Why it could not be copied, for people.
        why: String,
    },
    /// There is none: a still picture stands in.
    Still,
}

/// What is made right in a picture that is encoded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repair {
    /// Which pictures are made progressive.
    pub deinterlace: Weave,
    /// How the light is coded that is mapped to an ordinary screen's.
    pub tone_map: Option<Light>,
    /// The subtitle track that becomes part of it.
    pub subtitles: Option<Burned>,
}

/// How HDR pictures are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Light {
    /// By the nit (HDR10).
    Pq,
    /// As broadcasters do (HLG).
    Hlg,
}

/// Which pictures are made progressive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Weave {
    /// None.
    #[default]
    None,
    /// Those that are marked as interlaced.
    Marked,
    /// All.
    All,
}

/// A subtitle track that becomes part of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burned {
    /// Counted from 0 among the file's subtitle tracks.
    pub track: usize,
    /// Whether it holds pictures rather than text.
    pub bitmap: bool,
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
        /// Whether it has more channels than the profile.
        downmix: bool,
    },
    /// There is none: the rendition stores no audio and the muxer plays silence.
    Silence,
}

/// Why copying was given up earlier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Barred<'a> {
    /// … of the picture.
    pub video: Option<&'a str>,
    /// … of the sound.
    pub audio: Option<&'a str>,
}

/// The source holds neither picture nor sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is neither picture nor sound in the file")]
pub struct NothingToPlay;

/// Decides what a source needs to become a rendition of `profile`.
///
/// # Errors
/// When there is nothing to play.
pub fn decide(
    probe: &Probe,
    profile: &Profile,
    barred: Barred<'_>,
) -> Result<Treatment, NothingToPlay> {
    let answer = copying(probe, profile);
    let track = answer.audio_track.unwrap_or_default();
    let audio = match &answer.audio {
        Verdict::Absent => AudioTreatment::Silence,
        Verdict::Copied if barred.audio.is_none() => AudioTreatment::Copy { track },
        Verdict::Copied | Verdict::Encoded(_) => {
            let most = profile.audio_layout.channels();
            let downmix = probe.audio.get(track).is_some_and(|stream| stream.channels > most);
            AudioTreatment::Encode { track, downmix }
        }
    };
    let why = match (&answer.video, barred.video) {
        (Verdict::Absent, _) if audio == AudioTreatment::Silence => return Err(NothingToPlay),
        (Verdict::Absent, _) => return Ok(Treatment { video: VideoTreatment::Still, audio }),
        (Verdict::Copied, None) => return Ok(Treatment { video: VideoTreatment::Copy, audio }),
        (Verdict::Copied, Some(barred)) => barred.to_owned(),
        (Verdict::Encoded(obstacles), _) => {
            obstacles.first().map(Obstacle::to_string).unwrap_or_default()
        }
    };
    let video = VideoTreatment::Encode { repair: repair(probe, profile, answer.burned), why };
    Ok(Treatment { video, audio })
}

fn repair(probe: &Probe, profile: &Profile, burned: Option<usize>) -> Repair {
    let Some(stream) = &probe.video else { return Repair::default() };
    let deinterlace = match profile.deinterlace {
        Deinterlace::Auto if stream.progressive => Weave::None,
        Deinterlace::Auto => Weave::Marked,
        Deinterlace::Off => Weave::None,
        Deinterlace::Always => Weave::All,
    };
    let subtitles = burned
        .and_then(|track| Some(Burned { track, bitmap: probe.subtitles.get(track)?.is_bitmap() }));
    let light = if stream.transfer == "arib-std-b67" { Light::Hlg } else { Light::Pq };
    let tone_map = (profile.tone_map && stream.is_hdr()).then_some(light);
    Repair { deinterlace, tone_map, subtitles }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::{AudioStream, FrameRate, VideoStream};

    /// A source that can be copied to 720p25.
    pub(in crate::stream::ffmpeg) fn conforming() -> Probe {
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
                transfer: String::new(),
                gop_ms: Some(2_000),
            }),
            audio: vec![track("aac", "LC", 2, 48_000)],
            subtitles: Vec::new(),
        }
    }

    pub(in crate::stream::ffmpeg) fn track(
        codec: &str,
        profile: &str,
        channels: u32,
        sample_rate: u32,
    ) -> AudioStream {
        AudioStream {
            codec: codec.to_owned(),
            codec_profile: profile.to_owned(),
            channels,
            sample_rate,
            language: None,
            default: false,
        }
    }

    pub(in crate::stream::ffmpeg) fn profile() -> Profile {
        Profile::named("720p25").unwrap()
    }

    /// Changes the picture of a conforming source and gives the reason why it is encoded.
    fn why(change: impl FnOnce(&mut VideoStream)) -> Option<String> {
        let mut probe = conforming();
        change(probe.video.as_mut().unwrap());
        match decide(&probe, &profile(), Barred::default()).unwrap().video {
            VideoTreatment::Encode { why, .. } => Some(why),
            VideoTreatment::Copy | VideoTreatment::Still => None,
        }
    }

    #[test]
    fn a_conforming_source_is_copied() {
        let treatment = decide(&conforming(), &profile(), Barred::default()).unwrap();
        let audio = AudioTreatment::Copy { track: 0 };
        assert_eq!(treatment, Treatment { video: VideoTreatment::Copy, audio });
        assert_eq!(why(|video| video.gop_ms = None), None);
        assert_eq!(why(|video| video.rate = FrameRate { num: 25_001, den: 1_000 }), None);
    }

    #[test]
    fn every_deviation_has_its_reason() {
        assert_eq!(why(|v| v.codec = "hevc".into()).unwrap(), "it is of another codec");
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
        let barred = Barred { video: Some("open GOP"), audio: Some("not as its header says") };
        let treatment = decide(&conforming(), &profile(), barred).unwrap();
        let why = "open GOP".to_owned();
        assert_eq!(treatment.video, VideoTreatment::Encode { repair: Repair::default(), why });
        assert_eq!(treatment.audio, AudioTreatment::Encode { track: 0, downmix: false });
    }

    #[test]
    fn the_default_track_is_taken_and_only_stereo_lc_is_copied() {
        let audio = |tracks: Vec<AudioStream>| {
            let probe = Probe { audio: tracks, ..conforming() };
            decide(&probe, &profile(), Barred::default()).unwrap().audio
        };
        let mut second = track("aac", "LC", 2, 48_000);
        second.default = true;
        let first = track("ac3", "", 6, 48_000);
        assert_eq!(audio(vec![first.clone(), second]), AudioTreatment::Copy { track: 1 });
        assert_eq!(audio(vec![first]), AudioTreatment::Encode { track: 0, downmix: true });
        let he = track("aac", "HE-AAC", 2, 48_000);
        assert_eq!(audio(vec![he]), AudioTreatment::Encode { track: 0, downmix: false });
        let cd = track("aac", "LC", 2, 44_100);
        assert_eq!(audio(vec![cd]), AudioTreatment::Encode { track: 0, downmix: false });
        assert_eq!(audio(Vec::new()), AudioTreatment::Silence);
    }

    #[test]
    fn a_song_gets_a_still_and_an_empty_file_nothing() {
        let song = Probe { video: None, ..conforming() };
        assert_eq!(
            decide(&song, &profile(), Barred::default()).unwrap().video,
            VideoTreatment::Still
        );
        let nothing = Probe { video: None, audio: Vec::new(), ..conforming() };
        assert_eq!(decide(&nothing, &profile(), Barred::default()), Err(NothingToPlay));
    }
}
