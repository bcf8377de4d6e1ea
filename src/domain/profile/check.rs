//! What a profile may hold: every mistake at once, each with its limits.

use std::ops::RangeInclusive;

use super::super::{InvalidField, check_name};
use super::{AudioCodec, AudioLayout, Profile, SubtitleChoice, SubtitleMode};

/// Languages that a list may name.
const LANGUAGES: usize = 8;
/// Languages that may be heard beside the first.
const VOICES: usize = 3;

impl Profile {
    /// Least and greatest width in pixels.
    pub const WIDTHS: RangeInclusive<u32> = 160..=3840;
    /// Least and greatest height in pixels.
    pub const HEIGHTS: RangeInclusive<u32> = 90..=2160;
    /// Least and greatest video bit rate in kbit/s.
    pub const VIDEO_KBPS: RangeInclusive<u32> = 100..=50_000;
    /// Least and greatest decoder buffer in kbit.
    pub const BUFFER_KBIT: RangeInclusive<u32> = 100..=100_000;
    /// Least and greatest audio bit rate in kbit/s, of all codecs and layouts.
    pub const AUDIO_KBPS: RangeInclusive<u32> = 48..=640;
    /// Quietest and loudest target in LUFS.
    pub const LUFS: RangeInclusive<i32> = -31..=-8;

    /// Least and greatest audio bit rate of this codec and layout, and what is usual.
    pub fn audio_rates(codec: AudioCodec, layout: AudioLayout) -> (RangeInclusive<u32>, u32) {
        match (codec, layout) {
            (AudioCodec::Aac, AudioLayout::Stereo) => (48..=320, 160),
            (AudioCodec::Aac, AudioLayout::Surround) => (128..=640, 384),
            (AudioCodec::Ac3, AudioLayout::Stereo) => (96..=640, 192),
            (AudioCodec::Ac3, AudioLayout::Surround) => (224..=640, 448),
        }
    }

    /// Everything about this profile that cannot be taken, by the field names of the API.
    pub fn mistakes(&self) -> Vec<InvalidField> {
        let mut wrong = Vec::new();
        let (audio_rates, _) = Self::audio_rates(self.audio_codec, self.audio_layout);
        wrong.extend(check_name(&self.name).err());
        if self.name.contains(['/', '\\']) {
            let fix = "write a name without slashes";
            wrong.push(InvalidField::new("name", "the name holds a slash", fix));
        }
        for (field, value, range) in [
            ("width", self.width, Self::WIDTHS),
            ("height", self.height, Self::HEIGHTS),
            ("video_bitrate", self.video_kbps, Self::VIDEO_KBPS),
            ("video_buffer_size", self.buffer_kbit, Self::BUFFER_KBIT),
            ("audio_bitrate", self.audio_kbps, audio_rates),
        ] {
            if !range.contains(&value) {
                wrong.push(outside(field, value, &range));
            } else if matches!(field, "width" | "height") && value % 2 == 1 {
                let problem = format!("{value} is odd");
                wrong.push(InvalidField::new(field, problem, "write an even number of pixels"));
            }
        }
        if let Some(lufs) = self.loudness_lufs.filter(|lufs| !Self::LUFS.contains(lufs)) {
            let mut field = outside("loudness_target", lufs, &Self::LUFS);
            field.fix.push_str(" LUFS, or null to leave loudness as it is");
            wrong.push(field);
        }
        if !Self::rates().contains(&self.rate) {
            let fix = format!("use one of {}", Self::rate_names().join(", "));
            let problem = format!("{} is not a frame rate of ours", self.rate);
            wrong.push(InvalidField::new("framerate", problem, fix));
        }
        for (field, languages) in [
            ("audio_languages", &self.audio_languages),
            ("subtitles.languages", &self.subtitles.languages),
        ] {
            if languages.len() > LANGUAGES {
                let problem = format!("{} languages are too many", languages.len());
                wrong.push(InvalidField::new(field, problem, format!("name at most {LANGUAGES}")));
            }
        }
        let voices = &self.audio_renditions;
        let mut refuse = |problem: String, fix: &str| {
            wrong.push(InvalidField::new("audio_renditions", problem, fix));
        };
        if voices.len() > VOICES {
            let problem = format!("{} languages are too many", voices.len());
            refuse(problem, "name at most 3: each is prepared by itself");
        }
        if let Some(own) = self.audio_languages.first().filter(|own| voices.contains(own)) {
            let problem = format!("{own} is the first of audio_languages and heard anyway");
            refuse(problem, "leave it out");
        }
        if !voices.is_empty() && self.is_fragmented() {
            let problem = "there are no further languages in fragmented MP4".to_owned();
            refuse(problem, "set hls_format to ts, or name none");
        }
        let rule = &self.subtitles;
        let by_language = rule.choice == SubtitleChoice::Language;
        if rule.mode != SubtitleMode::None && by_language && rule.languages.is_empty() {
            let problem = "subtitles are chosen by language and none is named";
            let fix = "name at least one language, such as [\"eng\"]";
            wrong.push(InvalidField::new("subtitles.languages", problem, fix));
        }
        wrong
    }
}

fn outside<T: std::fmt::Display>(field: &str, value: T, range: &RangeInclusive<T>) -> InvalidField {
    let problem = format!("{value} is outside the limits");
    InvalidField::new(field, problem, format!("use {} to {}", range.start(), range.end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{FrameRate, HlsFormat, SubtitleRule, VideoCodec};

    #[test]
    fn what_is_built_in_is_good() {
        for profile in Profile::all() {
            assert_eq!(profile.mistakes(), [], "{}", profile.name);
        }
    }

    #[test]
    fn further_languages_are_few_others_and_not_in_fragments() {
        let plain = Profile::named("720p25").unwrap();
        let codes = |codes: &str| codes.split(' ').map(|code| code.parse().unwrap()).collect();
        let problems = |profile: Profile| -> Vec<String> {
            profile.mistakes().into_iter().map(|mistake| mistake.problem).collect()
        };
        let good = Profile { audio_renditions: codes("deu fra"), ..plain.clone() };
        assert_eq!(problems(good.clone()), [""; 0]);
        let bad = Profile {
            audio_renditions: codes("eng deu fra ita"),
            audio_languages: codes("eng deu"),
            hls_format: HlsFormat::Fmp4,
            ..plain
        };
        assert_eq!(problems(bad).len(), 3);
        let hevc = Profile { video_codec: VideoCodec::Hevc, ..good };
        assert_eq!(problems(hevc.clone()).len(), 1);
        assert_eq!(problems(Profile { hls_format: HlsFormat::Ts, ..hevc }).len(), 0);
    }

    #[test]
    fn every_mistake_is_told_at_once_with_its_limits() {
        let bad = Profile {
            name: String::new(),
            width: 641,
            height: 4_000,
            rate: FrameRate { num: 26, den: 1 },
            video_kbps: 0,
            buffer_kbit: 1_000_000,
            audio_kbps: 10,
            loudness_lufs: Some(-2),
            subtitles: SubtitleRule {
                mode: SubtitleMode::Burn,
                choice: SubtitleChoice::Language,
                languages: Vec::new(),
            },
            ..Profile::named("720p25").unwrap()
        };
        let fields: Vec<String> = bad.mistakes().into_iter().map(|field| field.field).collect();
        assert_eq!(
            fields,
            [
                "name",
                "width",
                "height",
                "video_bitrate",
                "video_buffer_size",
                "audio_bitrate",
                "loudness_target",
                "framerate",
                "subtitles.languages"
            ]
        );
        let lufs = &bad.mistakes()[6];
        assert_eq!(lufs.fix, "use -31 to -8 LUFS, or null to leave loudness as it is");
    }
}
