//! A profile: the one rendition a channel's media is conformed to, and its time grid.
//!
//! Frame times are functions of the frame's number since the epoch, never sums of rounded steps,
//! so that 23.976 frames a second do not drift and a frame has the same time on every node.

mod check;
mod rules;
mod watermark;

use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

pub use self::rules::{
    AudioCodec, AudioLayout, Deinterlace, HlsFormat, Preset, Scaling, SubtitleChoice, SubtitleMode,
    SubtitleRule, VideoCodec,
};
pub use self::watermark::{ImageKind, Mark, Place, StoredWatermark, Watermark, WatermarkMode};
use super::{Language, ProfileId, UtcMillis};

/// Frames per second as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FrameRate {
    /// Frames …
    pub num: u32,
    /// … in this many seconds.
    pub den: u32,
}

impl FrameRate {
    /// The 90 kHz tick of frame `frame`, both counted from the epoch, rounded down.
    pub fn tick_of(self, frame: i64) -> i64 {
        let ticks = i128::from(frame) * 90_000 * i128::from(self.den);
        saturate(ticks.div_euclid(i128::from(self.num)))
    }

    /// The first frame whose tick is at or after `tick`.
    pub fn frame_at_or_after(self, tick: i64) -> i64 {
        let scaled = i128::from(tick) * i128::from(self.num);
        let step = 90_000 * i128::from(self.den);
        let mut frame = saturate(scaled.div_euclid(step));
        while self.tick_of(frame) < tick {
            frame += 1;
        }
        frame
    }

    /// The last frame whose tick is at or before `tick`.
    pub fn frame_at_or_before(self, tick: i64) -> i64 {
        let next = self.frame_at_or_after(tick);
        if self.tick_of(next) == tick { next } else { next - 1 }
    }

    /// Frames a second as a number, for people and for comparisons with a tolerance.
    pub fn as_f64(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }
}

/// i128 to i64; the values here are ticks within ±290,000 years, so nothing saturates in practice.
fn saturate(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

impl fmt::Display for FrameRate {
    /// As people write it: `25`, `29.97`, else the fraction.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match RATES.iter().find(|(_, num, den)| (*num, *den) == (self.num, self.den)) {
            Some((name, ..)) => name.fmt(f),
            None => write!(f, "{}/{}", self.num, self.den),
        }
    }
}

/// The frame rates of profiles.
const RATES: [(&str, u32, u32); 8] = [
    ("23.976", 24_000, 1001),
    ("24", 24, 1),
    ("25", 25, 1),
    ("29.97", 30_000, 1001),
    ("30", 30, 1),
    ("50", 50, 1),
    ("59.94", 60_000, 1001),
    ("60", 60, 1),
];

/// What every rendition of a channel looks like: closed GOPs, 8 bits, sound of 48 kHz.
///
/// Size, rate, codecs and audio layout are the *grid*: what a running stream cannot change; so is the
/// bit rate of AC-3, whose frames are all of one size, and what carries HLS. The rest is *looks*, which may change from one item to the next.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Profile {
    /// Its name, such as `720p25`.
    pub name: String,
    /// Picture width in pixels, even.
    pub width: u32,
    /// Picture height in pixels, even.
    pub height: u32,
    /// The one frame rate.
    pub rate: FrameRate,
    /// How pictures are coded. Profiles stored before there was a choice do not say.
    #[serde(default)]
    pub video_codec: VideoCodec,
    /// How sound is coded.
    #[serde(default)]
    pub audio_codec: AudioCodec,
    /// Where sound comes from.
    #[serde(default)]
    pub audio_layout: AudioLayout,
    /// Ceiling of the video bit rate in kbit/s.
    pub video_kbps: u32,
    /// The decoder's buffer (VBV) in kbit.
    pub buffer_kbit: u32,
    /// How hard the encoder works when nobody waits.
    pub preset: Preset,
    /// Audio bit rate in kbit/s.
    pub audio_kbps: u32,
    /// Integrated loudness that encoded sound is brought to, in LUFS; `None` leaves it alone.
    pub loudness_lufs: Option<i32>,
    /// What is done to interlaced pictures.
    pub deinterlace: Deinterlace,
    /// Whether HDR pictures are mapped to SDR; otherwise they look pale.
    pub tone_map: bool,
    /// What is done to pictures of another shape.
    pub scaling: Scaling,
    /// Whether a picture that conforms is taken as it is.
    pub copy_video: bool,
    /// Whether sound that conforms is taken as it is, whatever its loudness.
    pub copy_audio: bool,
    /// Languages of the sound in order of preference; empty takes the file's default track.
    pub audio_languages: Vec<Language>,
    /// Further languages that HLS offers beside the one that is heard. Profiles stored before there
    /// was a choice do not say.
    #[serde(default)]
    pub audio_renditions: Vec<Language>,
    /// Which subtitles are shown, and how.
    pub subtitles: SubtitleRule,
    /// How HLS carries it. Profiles stored before there was a choice do not say.
    #[serde(default)]
    pub hls_format: HlsFormat,
    /// What is drawn over the picture: the channel's, so it is not stored with the profile.
    #[serde(skip)]
    pub watermark: Option<Mark>,
    /// Whether it is for sound alone, with a still for its picture; see [`Self::voice`].
    #[serde(skip)]
    pub sound_only: bool,
}

impl Profile {
    /// Samples a second of all sound.
    pub const SAMPLE_RATE: i64 = 48_000;

    /// Longest GOP a copied source may have, in milliseconds.
    pub const MAX_GOP_MS: i64 = 4_000;

    /// The profiles that are built in, `{height}p{rate}`. Their order is their ids: append only.
    pub fn all() -> Vec<Self> {
        let sizes = [(640, 360, 1_200), (1280, 720, 4_000), (1920, 1080, 8_000)];
        let mut all = Vec::new();
        for (width, height, video_kbps) in sizes {
            for (name, num, den) in RATES {
                all.push(Self {
                    name: format!("{height}p{name}"),
                    width,
                    height,
                    rate: FrameRate { num, den },
                    video_codec: VideoCodec::H264,
                    audio_codec: AudioCodec::Aac,
                    audio_layout: AudioLayout::Stereo,
                    video_kbps,
                    buffer_kbit: video_kbps,
                    preset: Preset::Veryfast,
                    audio_kbps: 160,
                    loudness_lufs: Some(-16),
                    deinterlace: Deinterlace::Auto,
                    tone_map: true,
                    scaling: Scaling::Pad,
                    copy_video: true,
                    copy_audio: true,
                    audio_languages: Vec::new(),
                    audio_renditions: Vec::new(),
                    subtitles: SubtitleRule::default(),
                    hls_format: HlsFormat::Auto,
                    watermark: None,
                    sound_only: false,
                });
            }
        }
        all
    }

    /// Finds a built-in profile by name, or `None` when there is none.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|profile| profile.name == name)
    }

    /// The frame rates that a profile can have.
    pub fn rates() -> Vec<FrameRate> {
        RATES.map(|(_, num, den)| FrameRate { num, den }).into()
    }

    /// The same as people write them.
    pub fn rate_names() -> Vec<&'static str> {
        RATES.map(|(name, ..)| name).into()
    }

    /// What renditions of this profile are stored under: changes when, and only when, something
    /// changes that shapes their bytes. Its name does not; nor do subtitles that are not burned in.
    ///
    /// Letters, digits, `.` and `-` only, so that it can name a folder.
    pub fn shape(&self) -> String {
        let Self { name: _, width, height, rate, .. } = self;
        format!("{width}x{height}p{rate}-{:016x}", self.looks()).replace('/', "-")
    }

    /// A digest of everything that shapes the bytes besides size and rate.
    fn looks(&self) -> u64 {
        // Taken apart, so that a field that is added has to be thought about here.
        let Self {
            name: _,
            width: _,
            height: _,
            rate: _,
            video_codec,
            audio_codec,
            audio_layout,
            video_kbps,
            buffer_kbit,
            preset,
            audio_kbps,
            loudness_lufs,
            deinterlace,
            tone_map,
            scaling,
            copy_video,
            copy_audio,
            audio_languages,
            audio_renditions: _,
            subtitles,
            hls_format: _,
            watermark,
            sound_only,
        } = self;
        let burned = (subtitles.mode == SubtitleMode::Burn).then_some(subtitles);
        let mut digest = Digest::default();
        digest.add(format_args!("{video_kbps} {buffer_kbit} {} {audio_kbps}", preset.as_str()));
        digest.add(format_args!(" {loudness_lufs:?} {} {tone_map}", deinterlace.as_str()));
        digest.add(format_args!(" {} {copy_video} {copy_audio}", scaling.as_str()));
        for language in audio_languages {
            digest.add(format_args!(" {language}"));
        }
        // What everything was before there was a choice keeps the name that it had then.
        let coding = (video_codec, audio_codec, audio_layout);
        if coding != (&VideoCodec::H264, &AudioCodec::Aac, &AudioLayout::Stereo) {
            let (video, audio) = (video_codec.as_str(), audio_codec.as_str());
            digest.add(format_args!(" as {video} {audio} {}", audio_layout.as_str()));
        }
        if let Some(SubtitleRule { mode: _, choice, languages }) = burned {
            digest.add(format_args!(" burn {}", choice.as_str()));
            for language in languages {
                digest.add(format_args!(" {language}"));
            }
        }
        if *sound_only {
            digest.add(format_args!(" sound"));
        }
        if let Some(mark) = watermark {
            let Mark { look, digest: image, kind: _, file: _ } = mark;
            // A name is not seen.
            let look = Watermark { name: String::new(), ..look.clone() };
            digest.add(format_args!(" mark {image} {look:?}"));
        }
        digest.0
    }

    /// Whether a running stream can go over from this profile to `other`: only the looks differ.
    pub fn flows_into(&self, other: &Self) -> bool {
        self.grid() == other.grid()
    }

    /// What a running stream cannot change, as a text that is the same for the same grid.
    pub fn grid(&self) -> String {
        let Self { width, height, rate: FrameRate { num, den }, .. } = self;
        let (video, audio) = (self.video_codec.as_str(), self.audio_codec.as_str());
        let layout = self.audio_layout.as_str();
        let mut grid = format!("{width}x{height} {num}/{den} {video} {audio} {layout}");
        if self.audio_codec == AudioCodec::Ac3 {
            grid.push_str(&format!(" {}", self.audio_kbps));
        }
        if self.is_fragmented() {
            grid.push_str(" fmp4");
        }
        grid
    }

    /// What sound in `language` is conformed to that is heard beside a picture of this profile: the same
    /// sound on the same grid of frames, with the smallest picture.
    pub fn voice(&self, language: &Language) -> Self {
        let plain = Self::named("360p25").unwrap_or_else(|| self.clone());
        Self {
            name: format!("{}, {language}", self.name),
            width: *Self::WIDTHS.start(),
            height: *Self::HEIGHTS.start(),
            rate: self.rate,
            video_kbps: *Self::VIDEO_KBPS.start(),
            buffer_kbit: *Self::BUFFER_KBIT.start(),
            preset: Preset::Ultrafast,
            audio_codec: self.audio_codec,
            audio_layout: self.audio_layout,
            audio_kbps: self.audio_kbps,
            loudness_lufs: self.loudness_lufs,
            copy_audio: self.copy_audio,
            audio_languages: vec![language.clone()],
            sound_only: true,
            ..plain
        }
    }

    /// Whether HLS carries it in fragmented MP4 rather than in transport streams.
    pub fn is_fragmented(&self) -> bool {
        match self.hls_format {
            HlsFormat::Auto => self.video_codec == VideoCodec::Hevc,
            HlsFormat::Ts => false,
            HlsFormat::Fmp4 => true,
        }
    }

    /// Frames between a key frame's decoding and its showing: 200 ms, at least five frames.
    ///
    /// One constant per profile, so that items with different reorder depth join without a step
    /// in DTS (`PTS − DTS` at every key frame is this many frames).
    pub fn reorder_frames(&self) -> i64 {
        i64::from(self.rate.num / self.rate.den).div_euclid(5).max(5)
    }

    /// How long a frame of sound is in 90 kHz ticks: the step of its grid.
    pub fn audio_ticks(&self) -> i64 {
        self.audio_codec.frame_samples() * 90_000 / Self::SAMPLE_RATE
    }

    /// The first frame of the grid at or after `at`.
    ///
    /// Used for both ends of a slot, so that the next slot begins where this one ended.
    pub fn frame_at_or_after(&self, at: UtcMillis) -> i64 {
        self.rate.frame_at_or_after(at.0 * 90)
    }

    /// When frame `frame` is shown, in 90 kHz ticks since the epoch (not wrapped).
    pub fn tick_of(&self, frame: i64) -> i64 {
        self.rate.tick_of(frame)
    }
}

/// A profile that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedProfile {
    /// Its id.
    pub id: ProfileId,
    /// Whether it is part of the program and cannot be changed.
    pub builtin: bool,
    /// What it is.
    pub profile: Profile,
}

impl ListedProfile {
    /// The built-in profiles, then the stored ones.
    pub fn all(stored: Vec<(ProfileId, Profile)>) -> Vec<Self> {
        let builtin = (1..).zip(Profile::all()).map(|(id, profile)| (ProfileId(id), true, profile));
        let stored = stored.into_iter().map(|(id, profile)| (id, false, profile));
        let all = builtin.chain(stored);
        all.map(|(id, builtin, profile)| Self { id, builtin, profile }).collect()
    }
}

/// FNV-1a over text.
struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    fn add(&mut self, text: fmt::Arguments<'_>) {
        let written = self.write_fmt(text);
        debug_assert!(written.is_ok(), "a digest takes everything");
    }
}

impl Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_day_of_ntsc_film_has_the_right_number_of_frames() {
        let rate = FrameRate { num: 24_000, den: 1001 };
        let day = 86_400 * 90_000;
        assert_eq!(rate.frame_at_or_after(day), 2_071_529);
    }

    #[test]
    fn profiles_are_found_by_name() {
        let profile = Profile::named("720p25").unwrap();
        assert_eq!((profile.width, profile.height, profile.rate.num), (1280, 720, 25));
        assert_eq!(profile.reorder_frames(), 5);
        assert_eq!(Profile::named("720p26"), None);
    }

    #[test]
    fn the_shape_follows_what_shapes_the_bytes_and_nothing_else() {
        let plain = || Profile::named("720p25").unwrap();
        let german = || Language::read("de").unwrap();
        let burn = |choice, languages| SubtitleRule { mode: SubtitleMode::Burn, choice, languages };
        let shaping: [Profile; 19] = [
            plain(),
            Profile { video_codec: VideoCodec::Hevc, ..plain() },
            Profile { audio_codec: AudioCodec::Ac3, ..plain() },
            Profile { audio_layout: AudioLayout::Surround, ..plain() },
            Profile { width: 1278, ..plain() },
            Profile { rate: FrameRate { num: 50, den: 1 }, ..plain() },
            Profile { video_kbps: 3_999, ..plain() },
            Profile { buffer_kbit: 8_000, ..plain() },
            Profile { preset: Preset::Fast, ..plain() },
            Profile { audio_kbps: 128, ..plain() },
            Profile { loudness_lufs: Some(-23), ..plain() },
            Profile { loudness_lufs: None, ..plain() },
            Profile { deinterlace: Deinterlace::Always, ..plain() },
            Profile { tone_map: false, ..plain() },
            Profile { scaling: Scaling::Crop, ..plain() },
            Profile { copy_video: false, ..plain() },
            Profile { copy_audio: false, ..plain() },
            Profile { audio_languages: vec![german()], ..plain() },
            Profile { subtitles: burn(SubtitleChoice::Forced, vec![german()]), ..plain() },
        ];
        let shapes: BTreeSet<String> = shaping.iter().map(Profile::shape).collect();
        assert_eq!(shapes.len(), shaping.len(), "{shapes:?}");
        let safe = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
        assert!(shapes.iter().all(|shape| shape.chars().all(safe)), "{shapes:?}");

        let sidecar = SubtitleRule {
            mode: SubtitleMode::Sidecar,
            ..burn(SubtitleChoice::Language, vec![german()])
        };
        for same in [
            Profile { name: "living room".to_owned(), ..plain() },
            Profile { subtitles: sidecar, ..plain() },
        ] {
            assert_eq!(same.shape(), plain().shape(), "{}", same.name);
        }
    }

    #[test]
    fn only_looks_can_change_while_a_stream_runs() {
        let plain = Profile::named("720p25").unwrap();
        assert!(plain.flows_into(&Profile { video_kbps: 900, ..plain.clone() }));
        assert!(!plain.flows_into(&Profile::named("720p50").unwrap()));
        assert!(!plain.flows_into(&Profile::named("1080p25").unwrap()));
        let hevc = Profile { video_codec: VideoCodec::Hevc, ..plain.clone() };
        let dolby = Profile { audio_codec: AudioCodec::Ac3, ..plain.clone() };
        assert!(!plain.flows_into(&hevc) && !plain.flows_into(&dolby));
        // Frames of AC-3 are of one size, those of AAC are not.
        assert!(
            dolby.flows_into(&dolby)
                && plain.flows_into(&Profile { audio_kbps: 96, ..plain.clone() })
        );
        assert!(!dolby.flows_into(&Profile { audio_kbps: 448, ..dolby.clone() }));
        // A playlist does not go over from one container to the other.
        let fragmented = Profile { hls_format: HlsFormat::Fmp4, ..plain.clone() };
        assert!(!plain.flows_into(&fragmented) && hevc.is_fragmented());
        assert_eq!(plain.shape(), fragmented.shape());
    }

    #[test]
    fn a_voice_is_stored_by_itself_and_sounds_like_its_profile() {
        let plain = Profile::named("720p25").unwrap();
        let [german, french] = ["deu", "fra"].map(|code| plain.voice(&code.parse().unwrap()));
        let shapes = [plain.shape(), german.shape(), french.shape()];
        assert_eq!(shapes.iter().collect::<BTreeSet<_>>().len(), 3, "{shapes:?}");
        assert_eq!((german.rate, german.audio_ticks()), (plain.rate, plain.audio_ticks()));
        let offered = Profile { audio_renditions: german.audio_languages.clone(), ..plain.clone() };
        assert!(plain.flows_into(&offered) && plain.shape() == offered.shape());
        let louder = Profile { loudness_lufs: Some(-23), video_kbps: 900, ..plain.clone() };
        assert_ne!(louder.voice(&"deu".parse().unwrap()).shape(), german.shape());
        let sharper = Profile { video_kbps: 900, ..plain };
        assert_eq!(sharper.voice(&"deu".parse().unwrap()).shape(), german.shape());
    }

    #[test]
    fn a_profile_from_before_there_was_a_choice_of_codecs_keeps_its_renditions() {
        let plain = Profile::named("720p25").unwrap();
        assert_eq!(plain.shape(), "1280x720p25-0163859f0d7f7331");
        let mut json = serde_json::to_value(&plain).unwrap();
        for field in
            ["video_codec", "audio_codec", "audio_layout", "hls_format", "audio_renditions"]
        {
            assert!(json.as_object_mut().unwrap().remove(field).is_some(), "{field}");
        }
        assert_eq!(serde_json::from_value::<Profile>(json).unwrap(), plain);
    }

    #[test]
    fn sound_lies_on_the_grid_of_its_codec() {
        let plain = Profile::named("720p25").unwrap();
        assert_eq!(plain.audio_ticks(), 1_920);
        assert_eq!(Profile { audio_codec: AudioCodec::Ac3, ..plain }.audio_ticks(), 2_880);
    }

    proptest! {
        #[test]
        fn frame_and_tick_are_inverse(frame in -1_000_000_000_i64..1_000_000_000_000, which in 0_usize..24) {
            let rate = Profile::all()[which].rate;
            let tick = rate.tick_of(frame);
            prop_assert_eq!(rate.frame_at_or_after(tick), frame);
            prop_assert_eq!(rate.frame_at_or_before(tick), frame);
            prop_assert!(rate.tick_of(frame + 1) > tick);
        }
    }
}
