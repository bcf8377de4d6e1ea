//! Whether a source can be taken as it is, and if not, every reason why. PURE.
//!
//! [`copying`] answers by what the probe knows, so a person can be told before anything is made,
//! and so that whoever reads conforming files without ffmpeg decides alike. It can only say that
//! copying is worth trying: group structure and exact frame times show while copying.

use std::fmt;

use crate::domain::{
    AudioCodec, AudioStream, FrameRate, Probe, Profile, SubtitleChoice, SubtitleMode,
    SubtitleStream, VideoCodec, VideoStream, WatermarkMode,
};

/// What becomes of a source on a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copying {
    /// … of its picture.
    pub video: Verdict,
    /// … of its sound.
    pub audio: Verdict,
    /// Which sound track is heard, counted from 0 among the file's sound tracks.
    pub audio_track: Option<usize>,
    /// Which subtitle track becomes part of the picture, counted alike.
    pub burned: Option<usize>,
}

impl Copying {
    /// Whether nothing at all has to be encoded: picture copied, sound copied or absent.
    pub fn is_whole(&self) -> bool {
        self.video == Verdict::Copied && matches!(self.audio, Verdict::Copied | Verdict::Absent)
    }
}

/// What becomes of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// There is none: a still picture or silence stands in.
    Absent,
    /// It is taken as it is.
    Copied,
    /// It is decoded and encoded anew, because of all of these; never empty.
    Encoded(Vec<Obstacle>),
}

/// A reason why a stream is not copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Obstacle {
    /// The profile has everything encoded.
    Forbidden,
    /// Another codec than the profile's.
    Codec,
    /// Another pixel format.
    PixelFormat,
    /// Another picture size.
    Size,
    /// Interlaced, or not known to be progressive.
    Interlaced,
    /// To be turned before it is shown.
    Rotated,
    /// Samples that are not square.
    Anamorphic,
    /// More light than an ordinary screen has.
    Hdr,
    /// A frame rate that varies.
    VariableRate,
    /// Another frame rate.
    Rate,
    /// Key frames too far apart to join or splice.
    LongGroups,
    /// Subtitles become part of the picture.
    Subtitles,
    /// A watermark is drawn on the picture.
    Watermark,
    /// Another codec than the profile's, or another kind of it.
    SoundCodec,
    /// Another sample rate than 48 kHz.
    SampleRate,
    /// Another number of channels than the profile's.
    Channels,
}

impl Obstacle {
    /// A word that does not change, for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Forbidden => "always_encode",
            Self::Codec => "codec",
            Self::PixelFormat => "pixel_format",
            Self::Size => "size",
            Self::Interlaced => "interlaced",
            Self::Rotated => "rotated",
            Self::Anamorphic => "anamorphic",
            Self::Hdr => "hdr",
            Self::VariableRate => "variable_rate",
            Self::Rate => "frame_rate",
            Self::LongGroups => "long_groups",
            Self::Subtitles => "subtitles",
            Self::Watermark => "watermark",
            Self::SoundCodec => "audio_codec",
            Self::SampleRate => "sample_rate",
            Self::Channels => "channels",
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forbidden => "its profile has everything encoded",
            Self::Codec => "it is of another codec",
            Self::PixelFormat => "it is not 8-bit 4:2:0",
            Self::Size => "it is of another size",
            Self::Interlaced => "it may be interlaced",
            Self::Rotated => "it is rotated",
            Self::Anamorphic => "its samples are not square",
            Self::Hdr => "it is HDR",
            Self::VariableRate => "its frame rate varies",
            Self::Rate => "it has another frame rate",
            Self::LongGroups => "its key frames are too far apart",
            Self::Subtitles => "subtitles are burned in",
            Self::Watermark => "a watermark is drawn on it",
            Self::SoundCodec => "its sound is of another codec",
            Self::SampleRate => "its sound is not sampled at 48 kHz",
            Self::Channels => "its sound has another number of channels",
        })
    }
}

/// Says what becomes of a source on `profile`, with every reason.
pub fn copying(probe: &Probe, profile: &Profile) -> Copying {
    let burned = burned_track(&probe.subtitles, profile);
    let heard = heard_track(&probe.audio, profile);
    let verdict = |obstacles: Vec<Obstacle>| match obstacles.is_empty() {
        true => Verdict::Copied,
        false => Verdict::Encoded(obstacles),
    };
    let video = match &probe.video {
        // A voice has a still in place of the picture that it is heard beside.
        Some(_) if profile.sound_only => Verdict::Absent,
        None => Verdict::Absent,
        Some(stream) => verdict(in_picture(stream, profile, burned.is_some())),
    };
    let audio = match heard {
        None => Verdict::Absent,
        Some(track) => verdict(in_sound(&probe.audio[track], profile)),
    };
    // A still has no place for subtitles.
    let burned = burned.filter(|_| video != Verdict::Absent);
    Copying { video, audio, audio_track: heard, burned }
}

/// The sound track that is heard: of the first language of the profile's list that there is, else
/// of the whole file; among these the default one, else the first.
fn heard_track(tracks: &[AudioStream], profile: &Profile) -> Option<usize> {
    let main = |fits: &dyn Fn(&AudioStream) -> bool| {
        let default = tracks.iter().position(|track| fits(track) && track.default);
        default.or_else(|| tracks.iter().position(fits))
    };
    let wanted = profile.audio_languages.iter();
    let spoken = wanted.map(|language| main(&|track| language.is(track.language.as_deref())));
    spoken.flatten().next().or_else(|| main(&|_| true))
}

/// The subtitle track that becomes part of the picture, if any.
fn burned_track(tracks: &[SubtitleStream], profile: &Profile) -> Option<usize> {
    let rule = &profile.subtitles;
    if rule.mode != SubtitleMode::Burn {
        return None;
    }
    let fits = |track: &SubtitleStream| match rule.choice {
        SubtitleChoice::Forced => track.forced,
        SubtitleChoice::Default => track.default,
        // Forced tracks say next to nothing; they are the second choice of who wants to read.
        SubtitleChoice::Language => !track.forced,
    };
    let among = |spoken: &dyn Fn(&SubtitleStream) -> bool| {
        tracks.iter().position(|track| fits(track) && spoken(track))
    };
    if rule.languages.is_empty() {
        return among(&|_| true);
    }
    let mut wanted = rule.languages.iter();
    let found = wanted.find_map(|language| among(&|track| language.is(track.language.as_deref())));
    // A rule by language means it; the others take what carries no language at all.
    let unnamed = || among(&|track| track.language.is_none());
    found.or_else(|| unnamed().filter(|_| rule.choice != SubtitleChoice::Language))
}

fn in_picture(stream: &VideoStream, profile: &Profile, burned: bool) -> Vec<Obstacle> {
    let size = (profile.width, profile.height);
    // Where a watermark comes and goes, only what it is seen on is encoded.
    let is_always_marked =
        profile.watermark.as_ref().is_some_and(|mark| mark.look.mode == WatermarkMode::Permanent);
    // Other profiles of HEVC have tools that many devices lack.
    let is_common = profile.video_codec != VideoCodec::Hevc || stream.codec_profile == "Main";
    let checks = [
        (profile.copy_video, Obstacle::Forbidden),
        (stream.codec == profile.video_codec.as_str(), Obstacle::Codec),
        (stream.pixel_format == "yuv420p" && is_common, Obstacle::PixelFormat),
        ((stream.width, stream.height) == size, Obstacle::Size),
        (stream.progressive, Obstacle::Interlaced),
        (stream.rotation == 0, Obstacle::Rotated),
        (stream.square_pixels, Obstacle::Anamorphic),
        (!(stream.is_hdr() && profile.tone_map), Obstacle::Hdr),
        (stream.constant_rate, Obstacle::VariableRate),
        (same_rate(stream.rate, profile.rate), Obstacle::Rate),
        (stream.gop_ms.is_none_or(|gop| gop <= Profile::MAX_GOP_MS), Obstacle::LongGroups),
        (!burned, Obstacle::Subtitles),
        (!is_always_marked, Obstacle::Watermark),
    ];
    failed(&checks)
}

fn in_sound(stream: &AudioStream, profile: &Profile) -> Vec<Obstacle> {
    let is_of_codec = match profile.audio_codec {
        AudioCodec::Aac => stream.codec == "aac" && stream.codec_profile == "LC",
        AudioCodec::Ac3 => stream.codec == "ac3",
    };
    failed(&[
        (profile.copy_audio, Obstacle::Forbidden),
        (is_of_codec, Obstacle::SoundCodec),
        (stream.sample_rate == 48_000, Obstacle::SampleRate),
        (stream.channels == profile.audio_layout.channels(), Obstacle::Channels),
    ])
}

fn failed(checks: &[(bool, Obstacle)]) -> Vec<Obstacle> {
    checks.iter().filter(|(good, _)| !good).map(|(_, obstacle)| *obstacle).collect()
}

/// Whether two rates are the same but for rounding in a header (one frame in ten minutes).
fn same_rate(a: FrameRate, b: FrameRate) -> bool {
    (a.as_f64() - b.as_f64()).abs() < 1.0 / 600.0
}

#[cfg(test)]
mod tests {
    use super::super::treatment::tests::{conforming, profile, track};
    use super::*;
    use crate::domain::{AudioLayout, Language, SubtitleRule};

    fn languages(codes: &str) -> Vec<Language> {
        codes.split_whitespace().map(|code| code.parse().unwrap()).collect()
    }

    /// Which of the tracks (`eng deu* -`: language, `*` default, `-` none) is heard.
    fn heard(tracks: &str, wanted: &str) -> Option<usize> {
        let stream = |word: &str| AudioStream {
            language: Some(word.trim_matches('*').to_owned()).filter(|word| word != "-"),
            default: word.ends_with('*'),
            ..track("aac", "LC", 2, 48_000)
        };
        let audio = tracks.split_whitespace().map(stream).collect();
        let probe = Probe { audio, ..conforming() };
        let profile = Profile { audio_languages: languages(wanted), ..profile() };
        copying(&probe, &profile).audio_track
    }

    #[test]
    fn the_first_language_that_there_is_is_heard() {
        assert_eq!(heard("eng ger fre", "de en"), Some(1));
        assert_eq!(heard("eng deu* ger", "de"), Some(1));
        assert_eq!(heard("eng ger ger*", "deu"), Some(2));
        assert_eq!(heard("fra eng", "de en"), Some(1));
        assert_eq!(heard("fra jpn*", "de en"), Some(1), "the file's default");
        assert_eq!(heard("- fra", ""), Some(0));
        assert_eq!(heard("", "de"), None);
    }

    /// Which of the tracks (`eng ger!`: `!` forced, `*` default) is burned in.
    fn burned(tracks: &str, choice: SubtitleChoice, wanted: &str) -> Option<usize> {
        let stream = |word: &str| SubtitleStream {
            codec: "subrip".to_owned(),
            language: Some(word.trim_matches(['*', '!']).to_owned()).filter(|word| word != "-"),
            default: word.contains('*'),
            forced: word.contains('!'),
        };
        let subtitles = tracks.split_whitespace().map(stream).collect();
        let probe = Probe { subtitles, ..conforming() };
        let mode = SubtitleMode::Burn;
        let rule = SubtitleRule { mode, choice, languages: languages(wanted) };
        let answer = copying(&probe, &Profile { subtitles: rule, ..profile() });
        let encoded = answer.video == Verdict::Encoded(vec![Obstacle::Subtitles]);
        assert_eq!(encoded, answer.burned.is_some());
        answer.burned
    }

    #[test]
    fn subtitles_are_chosen_by_rule() {
        use SubtitleChoice::{Default, Forced, Language};
        assert_eq!(burned("eng ger! ger", Forced, ""), Some(1));
        assert_eq!(burned("eng ger! eng!", Forced, "en de"), Some(2));
        assert_eq!(burned("eng ger", Forced, ""), None);
        assert_eq!(burned("eng ger*", Default, ""), Some(1));
        assert_eq!(burned("-* ger*", Default, "fr"), Some(0));
        assert_eq!(burned("eng ger! ger", Language, "de"), Some(2));
        assert_eq!(burned("eng fra", Language, "de"), None);
    }

    #[test]
    fn every_reason_is_told() {
        let mut probe = conforming();
        let video = probe.video.as_mut().unwrap();
        video.codec = "hevc".to_owned();
        video.pixel_format = "yuv420p10le".to_owned();
        video.transfer = "smpte2084".to_owned();
        probe.audio = vec![track("ac3", "", 6, 44_100)];
        let answer = copying(&probe, &profile());
        let picture = vec![Obstacle::Codec, Obstacle::PixelFormat, Obstacle::Hdr];
        assert_eq!(answer.video, Verdict::Encoded(picture));
        let sound = vec![Obstacle::SoundCodec, Obstacle::SampleRate, Obstacle::Channels];
        assert_eq!(answer.audio, Verdict::Encoded(sound));
        assert!(!answer.is_whole() && copying(&conforming(), &profile()).is_whole());
    }

    #[test]
    fn a_profile_copies_what_is_coded_as_it_is() {
        let mut probe = conforming();
        let video = probe.video.as_mut().unwrap();
        (video.codec, video.codec_profile) = ("hevc".to_owned(), "Main".to_owned());
        probe.audio = vec![track("ac3", "", 6, 48_000)];
        let theatre = Profile {
            video_codec: VideoCodec::Hevc,
            audio_codec: AudioCodec::Ac3,
            audio_layout: AudioLayout::Surround,
            ..profile()
        };
        assert!(copying(&probe, &theatre).is_whole());
        assert!(!copying(&conforming(), &theatre).is_whole());
        let stereo = Profile { audio_layout: AudioLayout::Stereo, ..theatre.clone() };
        let answer = copying(&probe, &stereo);
        assert_eq!(answer.audio, Verdict::Encoded(vec![Obstacle::Channels]));
        probe.video.as_mut().unwrap().codec_profile = "Rext".to_owned();
        let answer = copying(&probe, &theatre);
        assert_eq!(answer.video, Verdict::Encoded(vec![Obstacle::PixelFormat]));
    }

    #[test]
    fn a_profile_can_have_everything_encoded() {
        let always = Profile { copy_video: false, copy_audio: false, ..profile() };
        let answer = copying(&conforming(), &always);
        assert_eq!(answer.video, Verdict::Encoded(vec![Obstacle::Forbidden]));
        assert_eq!(answer.audio, Verdict::Encoded(vec![Obstacle::Forbidden]));
    }
}
