use super::*;
use crate::mpegts::adts;
use crate::stream::ffmpeg::Repair;

const FRAME: i64 = 3_600;

/// Bytes of a picture: a key frame with parameters, or none.
fn picture(key: bool, sps: u8) -> Bytes {
    let bytes: &[u8] = if key {
        &[0, 0, 0, 1, 9, 0xF0, 0, 0, 1, 0x67, sps, 0, 0, 1, 0x68, 3, 0, 0, 1, 0x65, 9]
    } else {
        &[0, 0, 0, 1, 9, 0xF0, 0, 0, 1, 0x41, 9]
    };
    Bytes::copy_from_slice(bytes)
}

fn video(tick: i64, key: bool) -> Sample {
    let pts = ORIGIN_TICKS + tick;
    Sample { kind: Kind::Video, pts, dts: pts - 2 * FRAME, data: picture(key, 1) }
}

fn audio(tick: i64) -> Sample {
    let pts = ORIGIN_TICKS + tick;
    Sample { kind: Kind::Audio, pts, dts: pts, data: Bytes::from_static(&adts::SILENCE) }
}

fn assembler(copied: bool, has_audio: bool) -> Assembler {
    with_phase(copied, has_audio, None)
}

fn with_phase(copied: bool, has_audio: bool, phase: Option<i64>) -> Assembler {
    let video = if copied {
        VideoTreatment::Copy
    } else {
        VideoTreatment::Encode { repair: Repair::default(), why: String::new() }
    };
    let audio = if has_audio { AudioTreatment::Copy { track: 0 } } else { AudioTreatment::Silence };
    Assembler::new(&Profile::named("360p25").unwrap(), &Treatment { video, audio }, phase)
}

/// Copies pictures given as frame numbers in decode order, `!` marking key frames, and lists the
/// groups as `first+frames(pictures)`, or says what does not fit.
fn copy(pictures: &str) -> String {
    let mut assembler = assembler(true, false);
    let mut groups = Vec::new();
    let mut run = || -> Result<(), Misfit> {
        for word in pictures.split(' ') {
            let frame: i64 = word.trim_end_matches('!').parse().unwrap();
            groups.extend(assembler.push(video(frame * FRAME, word.ends_with('!')))?);
        }
        groups.extend(assembler.finish(false)?);
        Ok(())
    };
    let answer = run();
    let mut list: Vec<String> = groups
        .iter()
        .map(|new| format!("{}+{}({})", new.first_frame, new.frames, new.gop.video.len()))
        .collect();
    if let Err(misfit) = answer {
        list.push(format!("{misfit:?}"));
    }
    list.join(" ")
}

#[test]
fn closed_groups_pass() {
    assert_eq!(copy("0! 3 1 2 4! 6 5 7"), "0+4(4) 4+4(4)");
    assert_eq!(copy("8 9 10! 11 12! 13"), "10+2(2) 12+2(2)", "a run may begin inside a group");
}

#[test]
fn whatever_a_splice_could_not_rely_on_is_found() {
    assert_eq!(copy("0! 1 4! 2 3 5"), "Missing");
    assert_eq!(copy("4! 5 2 6! 7"), "OpenGroup");
    assert_eq!(copy("0! 1 4 2! 3"), "OpenGroup");
    assert_eq!(copy("0! 1 3 4! 5"), "Missing");
    assert_eq!(copy("0! 1 1 3 4! 5"), "Missing");
    assert_eq!(copy("0! 1 2! 3 5"), "0+2(2) Missing");
    assert_eq!(copy("0! 7 6 5 4 3 2 1 8!"), "Reordered");
    assert_eq!(copy("0! 6 5 4 3 2 1 7!"), "0+7(7) 7+1(1)");
    let long: Vec<String> = (1..=101).map(|frame| frame.to_string()).collect();
    assert_eq!(copy(&format!("0! {}", long.join(" "))), "LongGroup");
    assert_eq!(copy(&format!("{} 200 201", long.join(" "))), "LongGroup");
}

#[test]
fn a_constant_phase_is_taken_off_and_kept_for_later_runs() {
    let mut first = assembler(true, true);
    let mut groups = Vec::new();
    for frame in 0..4 {
        groups.extend(first.push(audio(1_000 + frame * 1920)).unwrap());
        groups.extend(first.push(video(1_000 + frame * FRAME, frame % 2 == 0)).unwrap());
    }
    groups.extend(first.finish(false).unwrap());
    assert_eq!(first.phase(), Some(1_000));
    assert_eq!((groups[0].first_frame, groups[0].audio_tick), (0, 0));
    let mut second = with_phase(true, false, first.phase());
    second.push(video(1_045 + 50 * FRAME, true)).unwrap();
    assert_eq!(second.finish(false).unwrap()[0].first_frame, 50);
    let mut other = with_phase(true, false, Some(-1_000));
    assert_eq!(other.push(video(1_000, true)), Err(Misfit::OffGrid));
}

#[test]
fn an_encoding_run_after_a_copying_one_goes_on_in_its_time() {
    let mut run = with_phase(false, true, Some(1_000));
    run.push(audio(1_000 + 10 * 1920)).unwrap();
    run.push(video(5 * FRAME, true)).unwrap();
    let groups = run.finish(false).unwrap();
    assert_eq!((groups[0].first_frame, groups[0].audio_tick), (5, 10 * 1920));
}

#[test]
fn the_torn_end_of_a_file_is_left_out() {
    let mut run = assembler(true, false);
    let mut groups = Vec::new();
    for (frame, key) in [(0, true), (1, false), (2, true), (5, false), (3, false)] {
        groups.extend(run.push(video(frame * FRAME, key)).unwrap());
    }
    groups.extend(run.finish(true).unwrap());
    assert_eq!(groups.len(), 1);
}

#[test]
fn uneven_pictures_do_not_fit() {
    let mut assembler = assembler(true, false);
    assembler.push(video(0, true)).unwrap();
    assembler.push(video(FRAME + 800, false)).unwrap();
    assert_eq!(assembler.push(video(2 * FRAME + 1_000, false)), Err(Misfit::OffGrid));
}

#[test]
fn a_change_of_parameters_does_not_fit() {
    let mut assembler = assembler(true, false);
    assembler.push(video(0, true)).unwrap();
    let changed = Sample { data: picture(true, 2), ..video(FRAME, true) };
    assert_eq!(assembler.push(changed), Err(Misfit::Changed));
}

#[test]
fn sound_follows_the_picture_it_is_heard_with() {
    let mut assembler = assembler(false, true);
    let mut groups = Vec::new();
    // Two groups of 80 ms; a frame of sound is 21.3 ms, the first one is before the picture.
    for index in -1..9 {
        groups.extend(assembler.push(audio(index * 1920)).unwrap());
    }
    for frame in 0..5 {
        groups.extend(assembler.push(video(frame * FRAME, frame % 2 == 0)).unwrap());
    }
    assert_eq!(groups.len(), 2);
    groups.extend(assembler.finish(false).unwrap());
    let list: Vec<(i64, usize)> =
        groups.iter().map(|new| (new.audio_tick, new.gop.audio.len())).collect();
    assert_eq!(list, [(0, 4), (4 * 1920, 4), (8 * 1920, 1)]);
}

#[test]
fn a_group_waits_for_its_sound_but_not_for_ever() {
    let mut assembler = assembler(false, true);
    assembler.push(audio(0)).unwrap();
    for frame in 0..=53 {
        let groups = assembler.push(video(frame * FRAME, frame % 2 == 0)).unwrap();
        assert!(groups.is_empty(), "frame {frame}");
    }
    let groups = assembler.push(video(54 * FRAME, true)).unwrap();
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].gop.audio.len(), 1);
}

#[test]
fn sound_is_straightened_filled_and_thinned() {
    let mut sound = Sound::new(&Profile::named("360p25").unwrap());
    sound.push(60, Bytes::from_static(b"snaps to zero"));
    let frame = |byte: u8| Bytes::from(vec![byte]);
    sound.push(1_920 + 90, frame(1)); // jitter
    sound.push(2 * 1_920 - 90, frame(2));
    sound.push(2 * 1_920 - 1_500, frame(9)); // overlaps
    sound.push(5 * 1_920, frame(5)); // two are missing
    let (tick, frames) = sound.take(1_920, 100_000);
    assert_eq!(tick, 1_920);
    let silence = Bytes::from_static(&adts::SILENCE);
    assert_eq!(frames, [frame(1), frame(2), silence.clone(), silence, frame(5)]);
}
