//! How a profile looks from outside, and how one is written.

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::domain::{
    AudioCodec, AudioLayout, Channel, Deinterlace, FrameRate, HlsFormat, InvalidField, Language,
    ListedProfile, ListedResolution, Preset, Profile, Scaling, SubtitleChoice, SubtitleMode,
    SubtitleRule, VideoCodec,
};

/// A profile: what media is conformed to.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Profile)]
pub struct ProfileView {
    /// Its id.
    pub id: i64,
    /// Its name, which channels refer to.
    pub name: String,
    /// Whether it is part of the program and cannot be changed.
    pub builtin: bool,
    /// Whether it was chosen for channels that name no profile; while none was, they get the one
    /// that fits the library.
    pub is_default: bool,
    /// Ids of the channels that use it.
    pub channels: Vec<i64>,
    /// Width of the picture in pixels.
    pub width: u32,
    /// Height of the picture in pixels.
    pub height: u32,
    /// The named picture size that it has, if one is like it.
    pub resolution_id: Option<i64>,
    /// Frames a second, such as `25` or `29.97`.
    pub framerate: String,
    /// Codec of the picture: `h264` or `hevc`.
    pub video_format: &'static str,
    /// Ceiling of the video bit rate in kbit/s.
    pub video_bitrate: u32,
    /// The decoder's buffer (VBV) in kbit.
    pub video_buffer_size: u32,
    /// How hard the encoder works when nobody waits: a preset of x264 and x265.
    pub video_preset: &'static str,
    /// Codec of the sound: `aac` or `ac3`.
    pub audio_format: &'static str,
    /// Audio bit rate in kbit/s.
    pub audio_bitrate: u32,
    /// Channels of the sound: 2 (stereo) or 6 (5.1).
    pub audio_channels: u32,
    /// Sample rate of the sound in Hz.
    pub audio_sample_rate: u32,
    /// Loudness that encoded sound is brought to, in LUFS; `null` leaves it alone.
    pub loudness_target: Option<i32>,
    /// `auto` (what is marked as interlaced), `off` or `always`.
    pub deinterlace: &'static str,
    /// Whether HDR pictures are mapped to SDR.
    pub tone_map: bool,
    /// What is done to pictures of another shape: `pad`, `crop` or `stretch`.
    pub scaling_behavior: &'static str,
    /// Whether a picture that conforms is taken as it is.
    pub copy_video: bool,
    /// Whether sound that conforms is taken as it is, whatever its loudness.
    pub copy_audio: bool,
    /// Languages of the sound in order of preference (ISO 639-2); empty takes the default track.
    pub audio_languages: Vec<String>,
    /// Further languages that HLS offers beside the one that is heard, at most 3.
    pub audio_renditions: Vec<String>,
    /// Which subtitles are shown, and how.
    pub subtitles: SubtitlesView,
    /// How HLS carries it: `ts`, `fmp4`, or `auto` (fragmented MP4 for HEVC, else transport streams).
    pub hls_format: &'static str,
    /// What its renditions are stored under: changes when, and only when, their bytes do.
    pub shape: String,
}

/// Which subtitles are shown, and how.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Subtitles)]
pub struct SubtitlesView {
    /// `none`, `burn` (into the picture) or `sidecar` (offered beside it).
    pub mode: &'static str,
    /// `forced`, `default` or `language`.
    pub choice: &'static str,
    /// Languages in order of preference (ISO 639-2).
    pub languages: Vec<String>,
}

impl ProfileView {
    /// The view of a profile, given the name of the default one, if any, all channels, and all named
    /// picture sizes.
    pub fn new(
        listed: ListedProfile,
        default: Option<&str>,
        channels: &[Channel],
        sizes: &[ListedResolution],
    ) -> Self {
        let ListedProfile { id, builtin, profile } = listed;
        let users = channels.iter().filter(|channel| channel.profile == profile.name);
        let codes = |languages: &[Language]| languages.iter().map(Language::to_string).collect();
        Self {
            id: id.0,
            builtin,
            is_default: default == Some(profile.name.as_str()),
            channels: users.map(|channel| channel.id.0).collect(),
            width: profile.width,
            height: profile.height,
            resolution_id: sizes
                .iter()
                .map(|listed| (listed.id.0, &listed.resolution))
                .find(|(_, size)| (size.width, size.height) == (profile.width, profile.height))
                .map(|(id, _)| id),
            framerate: profile.rate.to_string(),
            video_format: profile.video_codec.as_str(),
            video_bitrate: profile.video_kbps,
            video_buffer_size: profile.buffer_kbit,
            video_preset: profile.preset.as_str(),
            audio_format: profile.audio_codec.as_str(),
            audio_bitrate: profile.audio_kbps,
            audio_channels: profile.audio_layout.channels(),
            audio_sample_rate: 48_000,
            loudness_target: profile.loudness_lufs,
            deinterlace: profile.deinterlace.as_str(),
            tone_map: profile.tone_map,
            scaling_behavior: profile.scaling.as_str(),
            copy_video: profile.copy_video,
            copy_audio: profile.copy_audio,
            audio_languages: codes(&profile.audio_languages),
            audio_renditions: codes(&profile.audio_renditions),
            subtitles: SubtitlesView {
                mode: profile.subtitles.mode.as_str(),
                choice: profile.subtitles.choice.as_str(),
                languages: codes(&profile.subtitles.languages),
            },
            hls_format: profile.hls_format.as_str(),
            shape: profile.shape(),
            name: profile.name,
        }
    }
}

/// A profile to be made, or changes to one; what is left out stays as it is.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileWrite {
    /// Its name, one line without slashes; needed when one is made.
    #[schema(min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// Width of the picture in pixels, even.
    #[schema(minimum = 160, maximum = 3840)]
    pub width: Option<i64>,
    /// Height of the picture in pixels, even.
    #[schema(minimum = 90, maximum = 2160)]
    pub height: Option<i64>,
    /// A named picture size by id, in place of width and height.
    pub resolution_id: Option<i64>,
    /// Frames a second: 23.976, 24, 25, 29.97, 30, 50, 59.94 or 60, as text or as a number.
    #[serde(default, deserialize_with = "rate")]
    #[schema(value_type = Option<String>)]
    pub framerate: Option<String>,
    /// Codec of the picture: `h264` or `hevc`.
    pub video_format: Option<String>,
    /// Ceiling of the video bit rate in kbit/s.
    #[schema(minimum = 100, maximum = 50_000)]
    pub video_bitrate: Option<i64>,
    /// The decoder's buffer (VBV) in kbit.
    #[schema(minimum = 100, maximum = 100_000)]
    pub video_buffer_size: Option<i64>,
    /// A preset of x264 and x265 from `ultrafast` to `slower`.
    #[serde(alias = "quality_preset")]
    pub video_preset: Option<String>,
    /// Codec of the sound: `aac` or `ac3`.
    pub audio_format: Option<String>,
    /// Audio bit rate in kbit/s; 48 to 320 for AAC in stereo. Left out when codec or channels change,
    /// it becomes what is usual for them.
    #[schema(minimum = 48, maximum = 640)]
    pub audio_bitrate: Option<i64>,
    /// Channels of the sound: 2 (stereo) or 6 (5.1).
    pub audio_channels: Option<i64>,
    /// Loudness that encoded sound is brought to, in LUFS; `null` leaves it alone.
    #[serde(default, alias = "audio_loudness_target", deserialize_with = "given")]
    #[schema(value_type = Option<i64>, minimum = -31, maximum = -8)]
    pub loudness_target: Option<Option<i64>>,
    /// `auto` (what is marked as interlaced), `off` or `always`.
    pub deinterlace: Option<String>,
    /// Whether HDR pictures are mapped to SDR.
    pub tone_map: Option<bool>,
    /// `pad` (or `scale_and_pad`), `crop` or `stretch`.
    #[serde(alias = "scaling_mode")]
    pub scaling_behavior: Option<String>,
    /// Whether a picture that conforms is taken as it is.
    pub copy_video: Option<bool>,
    /// Whether sound that conforms is taken as it is.
    pub copy_audio: Option<bool>,
    /// Languages of the sound in order of preference, as ISO 639-1 or 639-2.
    #[schema(max_items = 8)]
    pub audio_languages: Option<Vec<String>>,
    /// Further languages that HLS offers beside the one that is heard; each is prepared ahead. Items
    /// that lack one give their own sound.
    #[schema(max_items = 3)]
    pub audio_renditions: Option<Vec<String>>,
    /// Which subtitles are shown, and how.
    pub subtitles: Option<SubtitlesWrite>,
    /// How HLS carries it: `ts`, `fmp4`, or `auto` (fragmented MP4 for HEVC, else transport streams).
    /// Changing what carries it ends the streams of those who watch; they tune again.
    pub hls_format: Option<String>,
}

/// Changes to the rule for subtitles; what is left out stays as it is.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubtitlesWrite {
    /// `none`, `burn` (into the picture) or `sidecar` (offered beside it).
    pub mode: Option<String>,
    /// `forced`, `default` or `language`.
    pub choice: Option<String>,
    /// Languages in order of preference, as ISO 639-1 or 639-2.
    #[schema(max_items = 8)]
    pub languages: Option<Vec<String>>,
}

impl ProfileWrite {
    /// A new profile: the built-in `720p25` with these changes.
    ///
    /// # Errors
    /// Every field that cannot be taken, and a name that is missing.
    pub fn made(self) -> Result<Profile, Vec<InvalidField>> {
        let plain = Profile::named("720p25").or_else(|| Profile::all().into_iter().next());
        let Some(plain) = plain else { return Err(Vec::new()) };
        // Without a bit rate the buffer follows the one that was asked for.
        let buffer = self.video_buffer_size.or(self.video_bitrate);
        let named = self.name.clone().unwrap_or_default();
        Self { video_buffer_size: buffer, name: Some(named), ..self }.applied(plain)
    }

    /// `profile` with these changes.
    ///
    /// # Errors
    /// Every field that cannot be taken.
    pub fn applied(self, mut profile: Profile) -> Result<Profile, Vec<InvalidField>> {
        let mut wrong = Vec::new();
        set(&mut profile.name, self.name);
        for (target, value, field) in [
            (&mut profile.width, self.width, "width"),
            (&mut profile.height, self.height, "height"),
            (&mut profile.video_kbps, self.video_bitrate, "video_bitrate"),
            (&mut profile.buffer_kbit, self.video_buffer_size, "video_buffer_size"),
            (&mut profile.audio_kbps, self.audio_bitrate, "audio_bitrate"),
        ] {
            let Some(value) = value else { continue };
            match u32::try_from(value) {
                Ok(value) => *target = value,
                Err(_) => wrong.push(InvalidField::new(
                    field,
                    format!("{value} is outside the limits"),
                    "see /openapi.json for the limits",
                )),
            }
        }
        if let Some(lufs) = self.loudness_target {
            // What does not fit is out of range all the more.
            profile.loudness_lufs = lufs.map(|lufs| i32::try_from(lufs).unwrap_or(i32::MAX));
        }
        if let Some(text) = self.framerate {
            match Profile::rates().into_iter().find(|rate| rate.to_string() == text) {
                Some(rate) => profile.rate = rate,
                None => wrong.push(unknown("framerate", &text, &Profile::rate_names())),
            }
        }
        set(&mut profile.tone_map, self.tone_map);
        set(&mut profile.copy_video, self.copy_video);
        set(&mut profile.copy_audio, self.copy_audio);
        let scaling = self.scaling_behavior.map(|word| match word.as_str() {
            "scale_and_pad" => "pad".to_owned(),
            _ => word,
        });
        word(&mut profile.preset, self.video_preset, "video_preset", &mut wrong);
        word(&mut profile.deinterlace, self.deinterlace, "deinterlace", &mut wrong);
        word(&mut profile.scaling, scaling, "scaling_behavior", &mut wrong);
        languages(
            &mut profile.audio_languages,
            self.audio_languages,
            "audio_languages",
            &mut wrong,
        );
        languages(
            &mut profile.audio_renditions,
            self.audio_renditions,
            "audio_renditions",
            &mut wrong,
        );
        if let Some(rule) = self.subtitles {
            let SubtitleRule { mode, choice, languages: spoken } = &mut profile.subtitles;
            word(mode, rule.mode, "subtitles.mode", &mut wrong);
            word(choice, rule.choice, "subtitles.choice", &mut wrong);
            languages(spoken, rule.languages, "subtitles.languages", &mut wrong);
        }
        word(&mut profile.video_codec, self.video_format, "video_format", &mut wrong);
        word(&mut profile.hls_format, self.hls_format, "hls_format", &mut wrong);
        let before = (profile.audio_codec, profile.audio_layout);
        word(&mut profile.audio_codec, self.audio_format, "audio_format", &mut wrong);
        if let Some(count) = self.audio_channels {
            match AudioLayout::with_channels(count) {
                Some(layout) => profile.audio_layout = layout,
                None => wrong.push(unknown("audio_channels", &count.to_string(), &["2", "6"])),
            }
        }
        let after = (profile.audio_codec, profile.audio_layout);
        if after != before && self.audio_bitrate.is_none() {
            (_, profile.audio_kbps) = Profile::audio_rates(after.0, after.1);
        }
        let named = |field: &InvalidField| wrong.iter().any(|known| known.field == field.field);
        let more: Vec<InvalidField> =
            profile.mistakes().into_iter().filter(|field| !named(field)).collect();
        wrong.extend(more);
        if wrong.is_empty() { Ok(profile) } else { Err(wrong) }
    }
}

/// A value of a closed list.
trait Word: Sized {
    const WORDS: &'static [&'static str];
    fn read(word: &str) -> Option<Self>;
}

macro_rules! words {
    ($($name:ident),+) => {
        $(impl Word for $name {
            const WORDS: &'static [&'static str] = $name::WORDS;

            fn read(word: &str) -> Option<Self> {
                $name::read(word)
            }
        })+
    };
}

words!(
    VideoCodec,
    AudioCodec,
    Preset,
    Deinterlace,
    Scaling,
    SubtitleMode,
    SubtitleChoice,
    HlsFormat
);

fn set<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}

fn word<T: Word>(
    target: &mut T,
    value: Option<String>,
    field: &str,
    wrong: &mut Vec<InvalidField>,
) {
    let Some(value) = value else { return };
    match T::read(&value) {
        Some(read) => *target = read,
        None => wrong.push(unknown(field, &value, T::WORDS)),
    }
}

fn languages(
    target: &mut Vec<Language>,
    codes: Option<Vec<String>>,
    field: &str,
    wrong: &mut Vec<InvalidField>,
) {
    let Some(codes) = codes else { return };
    let mut read: Vec<Language> = Vec::new();
    for code in codes {
        match code.parse::<Language>() {
            Ok(language) if read.contains(&language) => {}
            Ok(language) => read.push(language),
            Err(error) => wrong.push(InvalidField::new(field, error.problem, error.fix)),
        }
    }
    *target = read;
}

fn unknown(field: &str, value: &str, known: &[&str]) -> InvalidField {
    let fix = format!("use {}", known.join(", "));
    InvalidField::new(field, format!("{value:?} is not known"), fix)
}

/// A field that was sent, `null` included.
fn given<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Option<i64>>, D::Error> {
    Option::<i64>::deserialize(input).map(Some)
}

/// Reads a frame rate written as text, number or fraction.
fn rate<'de, D: Deserializer<'de>>(input: D) -> Result<Option<String>, D::Error> {
    let text = match serde_json::Value::deserialize(input)? {
        serde_json::Value::Null => return Ok(None),
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    let text = text.trim();
    let text = text.strip_suffix(".0").unwrap_or(text);
    let fraction = text.split_once('/').and_then(|(num, den)| {
        Some(FrameRate { num: num.parse().ok()?, den: den.parse().ok()? }.to_string())
    });
    Ok(Some(fraction.unwrap_or_else(|| text.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(json: &str) -> ProfileWrite {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_is_left_out_is_as_before_and_null_switches_loudness_off() {
        let made = write(r#"{"name":"Attic","width":640,"height":360,"video_bitrate":900}"#).made();
        let made = made.unwrap();
        assert_eq!((made.width, made.video_kbps, made.buffer_kbit), (640, 900, 900));
        assert_eq!(made.loudness_lufs, Some(-16));
        let edited = write(r#"{"loudness_target":null,"subtitles":{"mode":"burn"}}"#);
        let edited = edited.applied(made.clone()).unwrap();
        assert_eq!((edited.loudness_lufs, edited.subtitles.mode), (None, SubtitleMode::Burn));
        assert_eq!(edited.subtitles.choice, SubtitleChoice::Forced);
        assert_eq!(write("{}").applied(edited.clone()).unwrap(), edited);
    }

    #[test]
    fn a_rate_is_text_a_number_or_a_fraction() {
        for (text, num) in [
            ("25", 25),
            ("\"25\"", 25),
            ("29.97", 30_000),
            ("\"30000/1001\"", 30_000),
            ("60.0", 60),
        ] {
            let json = format!(r#"{{"name":"a","framerate":{text}}}"#);
            assert_eq!(write(&json).made().unwrap().rate.num, num, "{text}");
        }
    }

    #[test]
    fn the_words_of_the_ancestor_are_taken() {
        let json = r#"{"name":"a","scaling_behavior":"scale_and_pad","quality_preset":"medium",
            "video_format":"h264","audio_format":"aac","audio_channels":2}"#;
        let made = write(json).made().unwrap();
        assert_eq!((made.scaling, made.preset), (Scaling::Pad, Preset::Medium));
    }

    #[test]
    fn a_bit_rate_that_is_left_out_follows_codec_and_layout() {
        let made = write(r#"{"name":"a","audio_format":"ac3","audio_channels":6}"#).made().unwrap();
        assert_eq!(made.audio_kbps, 448);
        let back = write(r#"{"audio_channels":2}"#).applied(made.clone()).unwrap();
        assert_eq!((back.audio_codec, back.audio_kbps), (AudioCodec::Ac3, 192));
        let kept = write(r#"{"audio_format":"ac3","audio_channels":6}"#).applied(made).unwrap();
        assert_eq!(kept.audio_kbps, 448);
        let low =
            write(r#"{"name":"a","audio_channels":6,"audio_bitrate":64}"#).made().unwrap_err();
        assert_eq!((low[0].field.as_str(), low.len()), ("audio_bitrate", 1));
    }

    #[test]
    fn all_mistakes_come_at_once() {
        let json = r#"{"width":-1,"height":91,"framerate":26,"video_preset":"placebo",
            "audio_format":"opus","audio_languages":["german"],"loudness_target":0,
            "subtitles":{"mode":"paint","choice":"language"}}"#;
        let wrong = write(json).made().unwrap_err();
        let fields: Vec<&str> = wrong.iter().map(|field| field.field.as_str()).collect();
        for field in [
            "name",
            "width",
            "height",
            "framerate",
            "video_preset",
            "audio_format",
            "audio_languages",
            "loudness_target",
            "subtitles.mode",
        ] {
            assert!(fields.contains(&field), "{field} is not among {fields:?}");
        }
    }
}
