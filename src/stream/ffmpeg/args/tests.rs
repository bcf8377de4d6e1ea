use super::*;
use crate::stream::ffmpeg::Repair;

/// The arguments of a run on 720p25, as one line; [`list`] breaks it before each option.
fn line(treatment: &Treatment, change: impl FnOnce(&mut Run<'_>)) -> String {
    let profile = Profile::named("720p25").unwrap();
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
    let treatment = treatment(encode(), AudioTreatment::Encode { track: 0 });
    let live = line(&treatment, |run| {
        run.from_frame = 100;
        run.until_frame = Some(200);
        run.effort = Effort::Live;
    });
    insta::assert_snapshot!(list(&live));
}

#[test]
fn a_song_gets_a_still_that_is_decoded_once() {
    let treatment = treatment(VideoTreatment::Still, AudioTreatment::Encode { track: 0 });
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

#[test]
fn a_path_is_one_argument_and_never_an_option_or_a_protocol() {
    let treatment = treatment(VideoTreatment::Copy, AudioTreatment::Silence);
    for path in ["-i", "concat:a|b", "http://host/x", "/a b/ü'\"$;\u{1}.mkv"] {
        let profile = Profile::named("720p25").unwrap();
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
