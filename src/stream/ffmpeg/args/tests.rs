use super::*;
use crate::stream::ffmpeg::{Light, Repair, Weave};

/// The arguments of a run on 720p25, as one line; [`list`] breaks it before each option.
fn line(treatment: &Treatment, change: impl FnOnce(&mut Run<'_>)) -> String {
    let profile = Profile::named("720p25").unwrap();
    let tuning = FfmpegRuns::default();
    let mut run = Run {
        path: "/media/-film 'a' .mkv",
        treatment,
        profile: &profile,
        from_frame: 0,
        until_frame: None,
        phase: 0,
        effort: Effort::Background,
        threads: 2,
        still: Path::new("/cache/still.png"),
        abilities: Abilities::ALL,
        words: None,
        gain: 0,
        upstream: None,
        tuning: &tuning,
    };
    change(&mut run);
    let words: Vec<String> =
        run.arguments().iter().map(|word| word.to_string_lossy().into_owned()).collect();
    words.join(" ")
}

fn list(line: &str) -> String {
    line.replace(" -", "\n-")
}

fn treatment(video: VideoTreatment, audio: AudioTreatment) -> Treatment {
    Treatment { video, audio }
}

fn encode() -> VideoTreatment {
    VideoTreatment::Encode { repair: Repair::default(), why: "it is rotated".to_owned() }
}

#[test]
fn a_copy_decodes_nothing_and_seeks_to_the_key_frame_before() {
    let treatment = treatment(VideoTreatment::Copy, AudioTreatment::Copy { track: 1 });
    insta::assert_snapshot!(list(&line(&treatment, |run| run.from_frame = 100)));
}

#[test]
fn an_encode_pins_its_first_frame_and_looks_back_a_second() {
    let treatment = treatment(encode(), AudioTreatment::Encode { track: 0, downmix: false });
    let live = line(&treatment, |run| {
        run.from_frame = 100;
        run.until_frame = Some(200);
        run.effort = Effort::Live;
    });
    insta::assert_snapshot!(list(&live));
}

#[test]
fn a_song_gets_a_still_that_is_decoded_once() {
    let treatment =
        treatment(VideoTreatment::Still, AudioTreatment::Encode { track: 0, downmix: false });
    insta::assert_snapshot!(list(&line(&treatment, |_| {})));
}

#[test]
fn a_source_without_sound_asks_for_none() {
    let treatment = treatment(encode(), AudioTreatment::Silence);
    let line = line(&treatment, |_| {});
    assert!(line.contains(" -an ") && !line.contains("-map 0:a"), "{line}");
}

#[test]
fn fields_are_woven_or_kept_by_the_rate() {
    let repair = Repair { deinterlace: Weave::Marked, ..Repair::default() };
    let video = VideoTreatment::Encode { repair, why: String::new() };
    let treatment = treatment(video, AudioTreatment::Silence);
    assert!(line(&treatment, |_| {}).contains("bwdif=mode=send_frame:deint=interlaced,fps="));
    let profile = Profile::named("720p50").unwrap();
    let mut fast = String::new();
    line(&treatment, |run| {
        fast = format!("{:?}", Run { profile: &profile, ..*run }.arguments());
    });
    assert!(fast.contains("bwdif=mode=send_field"));
}

/// The filters for a picture that is encoded with `repair`.
fn picture(repair: Repair, change: impl FnOnce(&mut Run<'_>)) -> String {
    let video = VideoTreatment::Encode { repair, why: String::new() };
    line(&treatment(video, AudioTreatment::Silence), change)
}

#[test]
fn light_is_mapped_between_size_and_shape_where_ffmpeg_can() {
    let repair = Repair { tone_map: Some(Light::Hlg), ..Repair::default() };
    let mapped = picture(repair, |_| {});
    let order = ["scale=", "zscale=tin=arib-std-b67", "tonemap=tonemap=hable", "pad="];
    let places: Vec<usize> = order.iter().map(|word| mapped.find(word).unwrap()).collect();
    assert!(places.is_sorted(), "{mapped}");
    let few = Abilities { tone_map: false, ..Abilities::ALL };
    assert!(!picture(repair, |run| run.abilities = few).contains("tonemap"));
}

#[test]
fn words_are_drawn_on_the_finished_picture() {
    let texts = picture(Repair::default(), |run| {
        run.words = Some(Words::Texts(Path::new("/cache/a:1.ass")));
    });
    assert!(texts.contains(r"format=yuv420p,subtitles=filename=/cache/a\\:1.ass -c:v"), "{texts}");
    let pictures = picture(Repair::default(), |run| run.words = Some(Words::Track(2)));
    assert!(pictures.contains("-filter_complex [0:V:0]fps=") && pictures.contains("[0:s:2]scale="));
    assert!(pictures.contains("[picture] -map [picture] ") && !pictures.contains("-map 0:V:0"));
}

#[test]
fn surround_is_mixed_down_and_loudness_limited() {
    let sound = |downmix, gain| {
        let audio = AudioTreatment::Encode { track: 0, downmix };
        line(&treatment(encode(), audio), |run| run.gain = gain)
    };
    let mixed = sound(true, -305);
    assert!(
        mixed.contains("center_mix_level=0.7071") && mixed.contains("volume=-3.05dB,alimiter=")
    );
    let plain = sound(false, 0);
    assert!(!plain.contains("volume") && !plain.contains("alimiter"), "{plain}");
    assert!(!sound(false, -700).contains("alimiter"), "what is turned down does not clip");
}

#[test]
fn what_was_set_comes_last_and_where_a_device_encodes_not_at_all() {
    let tuning = FfmpegRuns {
        log_level: crate::domain::LogLevel::Verbose,
        threads: 3,
        extra: crate::domain::ExtraFlags::read("-crf 18 -tune grain").unwrap(),
    };
    let treatment = treatment(encode(), AudioTreatment::Silence);
    let set = |effort| {
        let mut words = String::new();
        line(&treatment, |run| {
            let arguments = Run { tuning: &tuning, effort, ..*run }.arguments();
            words = arguments.join(std::ffi::OsStr::new(" ")).into_string().unwrap();
        });
        words
    };
    let ahead = set(Effort::Background);
    assert!(
        ahead.contains("-loglevel verbose ") && ahead.contains("-threads:v 3 -crf 18 -tune grain ")
    );
    assert!(!set(Effort::Slate).contains("grain"));
    assert!(set(Effort::Opening).contains("-preset ultrafast "));
    assert!(set(Effort::Live).contains("-preset superfast "));
}

#[test]
fn hevc_and_other_sound_have_encoders_of_their_own() {
    let audio = AudioTreatment::Encode { track: 0, downmix: false };
    let treatment = treatment(encode(), audio);
    let mut words = String::new();
    line(&treatment, |run| {
        let theatre = Profile {
            video_codec: VideoCodec::Hevc,
            audio_codec: AudioCodec::Ac3,
            audio_layout: crate::domain::AudioLayout::Surround,
            audio_kbps: 440,
            ..run.profile.clone()
        };
        let arguments = Run { profile: &theatre, from_frame: 100, ..*run }.arguments();
        words = arguments.join(std::ffi::OsStr::new(" ")).into_string().unwrap();
    });
    insta::assert_snapshot!(list(&words));
}

#[test]
fn a_path_is_one_argument_and_never_an_option_or_a_protocol() {
    let treatment = treatment(VideoTreatment::Copy, AudioTreatment::Silence);
    for path in ["-i", "concat:a|b", "http://host/x", "/a b/ü'\"$;\u{1}.mkv"] {
        let profile = Profile::named("720p25").unwrap();
        let tuning = FfmpegRuns::default();
        let run = Run {
            path,
            treatment: &treatment,
            profile: &profile,
            from_frame: 0,
            until_frame: None,
            phase: 0,
            effort: Effort::Live,
            threads: 0,
            still: Path::new("/cache/still.png"),
            abilities: Abilities::ALL,
            words: None,
            gain: 0,
            upstream: None,
            tuning: &tuning,
        };
        let args = run.arguments();
        let at = args.iter().position(|word| word == "-i").unwrap();
        assert_eq!(args[at + 1], OsString::from(format!("file:{path}")));
    }
}

#[test]
fn ticks_are_written_to_the_microsecond() {
    assert_eq!(seconds(0), "0.000000");
    assert_eq!(seconds(90_001), "1.000011");
    assert_eq!(seconds(7_507), "0.083411");
    assert_eq!(seconds(-1_890), "-0.021000");
}
