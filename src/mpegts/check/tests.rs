//! Every rule is broken on purpose, and every time the judge must say so in its own words.

use super::*;
use crate::mpegts::coding::Coding;
use crate::mpegts::unit::{Parts, Picture, Sound, discontinuity, mux};

/// Ticks of a frame.
const STEP: i64 = 3_600;
/// Ticks of a frame of sound.
const GRID: i64 = 1_920;
/// Pictures of a unit.
const LENGTH: i64 = 25;
/// PTS − DTS of key frames.
const DELAY: i64 = 5 * STEP;
/// The 33-bit clock wraps in the middle of the second unit.
const START: i64 = (1 << 33) - 36 * STEP;

#[test]
fn a_good_stream_is_clean_across_the_wrap() {
    let report = check(&good(), START);
    assert!(report.is_clean(), "{:?}", report.faults);
    assert_eq!((report.pictures.len(), report.jumps.len()), (75, 0));
    let clock = (START - CLOCK_LAG, START - CLOCK_LAG + 74 * STEP);
    assert_eq!(report.clock, Some(clock));
}

#[test]
fn a_lost_packet_of_any_pid_is_a_continuity_error() {
    for pid in PIDS {
        let mut stream = good();
        let victims = packets(&stream, |packet| packet.pid == pid && packet.payload.is_some());
        // Neither the first, which nothing precedes, nor the last, which nothing follows.
        remove(&mut stream, victims[victims.len() / 2]);
        let report = check(&stream, START);
        assert!(report.continuity_errors > 0, "PID {pid:x}: {:?}", report.faults);
    }
}

#[test]
fn a_packet_twice_is_a_continuity_error() {
    let mut stream = good();
    let packet = stream[40 * PACKET..41 * PACKET].to_vec();
    stream.splice(40 * PACKET..40 * PACKET, packet);
    broken(&stream, "counts");
}

#[test]
fn a_stranger_on_the_wire_is_named() {
    let mut stream = good();
    stream[40 * PACKET + 1] |= 0x0A;
    broken(&stream, "a packet on PID");
}

#[test]
fn a_cut_packet_and_lost_sync_are_named() {
    broken(&good()[..20 * PACKET + 100], "the last packet is cut");
    let mut stream = good();
    stream[30 * PACKET] = 0x46;
    broken(&stream, "no packet begins here");
}

#[test]
fn a_clock_that_pauses_is_named() {
    let units = [unit(START, |_| {}), unit(START + (LENGTH + 1) * STEP, |_| {})];
    broken(&units.concat(), "7200 ticks between clock references");
}

#[test]
fn a_clock_that_is_off_its_picture_is_named() {
    let mut stream = good();
    let at = packets(&stream, |packet| packet.pcr.is_some() && packet.unit_start)[30] * PACKET;
    // The lowest bit of the base: one tick.
    stream[at + 10] ^= 0x80;
    broken(&stream, "at a picture with DTS");
}

#[test]
fn a_clock_off_the_grid_or_on_another_pid_is_named() {
    let mut stream = good();
    let at = packets(&stream, |packet| packet.pcr.is_some())[30] * PACKET;
    stream[at + 11] = 7;
    broken(&stream, "off the 90 kHz grid");
    let mut stream = good();
    let at = packets(&stream, |packet| packet.pcr.is_some())[30] * PACKET;
    stream[at + 2] = 1;
    broken(&stream, "a clock reference on PID 0x101");
}

#[test]
fn rare_tables_are_named() {
    let mut stream = good();
    for at in packets(&stream, |packet| packet.pid == PID_PMT) {
        let key = (0..3).any(|unit| at == starts(&stream)[unit] + 1);
        if !key {
            stream[at * PACKET + 1] = 0x5F;
            stream[at * PACKET + 2] = 0xFF;
        }
    }
    broken(&stream, "ticks between tables on PID 0x1000");
}

#[test]
fn a_key_frame_without_tables_before_it_is_named() {
    let mut stream = good();
    let at = starts(&stream)[1] * PACKET;
    stream[at..at + 2 * PACKET].rotate_left(PACKET);
    broken(&stream, "no PAT and PMT directly before a key frame");
}

#[test]
fn foreign_tables_are_named() {
    for (table, what) in [(0, "the PAT is not ours"), (1, "the PMT is not ours")] {
        let mut stream = good();
        stream[table * PACKET + 12] ^= 1;
        broken(&stream, what);
    }
}

#[test]
fn decoding_times_that_go_back_are_named() {
    with(|pictures, _| pictures[7].dts -= 2 * STEP, "DTS goes from");
    with(|pictures, _| pictures[7].dts = pictures[6].dts, "DTS goes from");
}

#[test]
fn a_picture_shown_before_it_is_decoded_is_named() {
    with(|pictures, _| pictures[20].pts = pictures[20].dts - 1, "PTS");
}

#[test]
fn another_delay_at_a_key_frame_is_named() {
    let what = "PTS − DTS is";
    with(|pictures, _| pictures[0].pts += 2, what);
    with(|pictures, _| pictures[0].pts -= 2, what);
    let later = |pictures: &mut Vec<Picture>, frames: i64| {
        pictures.iter_mut().for_each(|picture| picture.pts += frames * STEP);
    };
    with(|pictures, _| later(pictures, HOLD + 1), what);
    let held =
        [unit(START, |_| {}), unit(START + LENGTH * STEP, |parts| later(&mut parts.0, HOLD))];
    assert!(check(&held.concat(), START).is_clean(), "the picture before is held");
}

#[test]
fn a_group_that_is_not_closed_is_named() {
    with(|pictures, _| pictures[1].pts = pictures[0].pts - STEP, "before its key frame");
    let mut first = unit(START, |parts| parts.0[24].pts += 5 * STEP);
    first.extend(unit(START + LENGTH * STEP, |_| {}));
    broken(&first, "under the group before it");
}

#[test]
fn two_pictures_at_one_instant_are_named() {
    with(|pictures, _| pictures[8].pts = pictures[6].pts, "two pictures at");
}

#[test]
fn a_key_frame_that_does_not_say_so_is_named() {
    let mut stream = good();
    let at = (starts(&stream)[1] + 2) * PACKET;
    stream[at + 5] &= !0x40;
    broken(&stream, "the random access flag and the picture disagree");
}

#[test]
fn a_key_frame_that_cannot_be_decoded_is_named() {
    let bare = bytes::Bytes::from_static(&[0, 0, 1, 9, 0xF0, 0, 0, 1, 0x65, 1, 2, 3, 4]);
    with(|pictures, _| pictures[0].data = bare.clone(), "a key frame without parameter sets");
    let stream = unit(START, |(pictures, _)| pictures[0].data = coded(false));
    broken(&stream, "the stream does not begin with a key frame");
}

#[test]
fn sound_with_a_gap_an_overlap_or_off_its_grid_is_named() {
    with(|_, sounds| drop(sounds.remove(9)), "audio goes from");
    with(|_, sounds| sounds.insert(9, sounds[9].clone()), "audio goes from");
    with(|_, sounds| sounds[9].pts += 1, "audio goes from");
    let stream = unit(START, |(_, sounds)| sounds.iter_mut().for_each(|sound| sound.pts += 1));
    broken(&stream, "off the grid");
}

#[test]
fn sound_that_is_late_or_far_too_early_is_named() {
    for frames in [-40, 60] {
        let shift = |_: &mut Vec<Picture>, sounds: &mut Vec<Sound>| {
            sounds.iter_mut().for_each(|sound| sound.pts += frames * GRID);
        };
        with(shift, "audio for");
    }
}

#[test]
fn sound_of_another_kind_is_named() {
    with(
        |_, sounds| sounds[9].data = bytes::Bytes::from_static(&[0x0B, 0x77, 1, 2, 3, 4, 5, 6]),
        "of another coding or layout",
    );
}

#[test]
fn a_torn_pes_packet_is_named() {
    let mut stream = good();
    let at = packets(&stream, |packet| packet.pid == PID_AUDIO && packet.unit_start)[5] * PACKET;
    let length = 5 + usize::from(stream[at + 4]);
    stream[at + length + 5] ^= 1;
    broken(&stream, "a PES packet of");
    stream[at + length + 2] = 0;
    broken(&stream, "no PES packet on PID 0x101");
}

#[test]
fn a_jump_that_is_announced_is_no_fault_and_is_counted() {
    for later in [900_000, -900_000] {
        let next = unit(START + later, |_| {});
        // A viewer is skipped between two access units: here before the third picture.
        let head = unit(START, |_| {});
        let cut = packets(&head, |packet| packet.pid == PID_PAT)[1] * PACKET;
        let stream = [&head[..cut], &discontinuity(&next), &next].concat();
        let report = check(&stream, START);
        assert!(report.is_clean(), "{:?}", report.faults);
        assert_eq!(report.jumps.len(), 1);
    }
}

#[test]
fn a_jump_that_is_not_announced_is_named() {
    let units = [unit(START, |_| {}), unit(START + 900_000, |_| {})];
    broken(&units.concat(), "ticks between clock references");
}

#[test]
fn a_jump_announced_where_nothing_jumps_is_named() {
    let next = unit(START + LENGTH * STEP, |_| {});
    let stream = [unit(START, |_| {}), discontinuity(&next).to_vec(), next].concat();
    broken(&stream, "a discontinuity is announced and the clock goes on");
}

#[test]
fn a_jump_announced_in_part_is_named() {
    let next = unit(START + 900_000, |_| {});
    for (at, pid) in PIDS.into_iter().enumerate() {
        let mut announced = discontinuity(&next).to_vec();
        announced.drain(at * PACKET..(at + 1) * PACKET);
        let stream = [unit(START, |_| {}), announced, next.clone()].concat();
        broken(&stream, &format!("not announced on PIDs [{pid:x}]"));
    }
    let stream = [unit(START, |_| {}), discontinuity(&[]).to_vec(), next].concat();
    broken(&stream, "without a new clock");
}

#[track_caller]
fn broken(stream: &[u8], what: &str) {
    let report = check(stream, START);
    let named = report.faults.iter().any(|fault| fault.what.contains(what));
    assert!(named, "{what:?} is not among {:?}", report.faults);
}

/// Breaks the second of three units.
#[track_caller]
fn with(change: impl Fn(&mut Vec<Picture>, &mut Vec<Sound>), what: &str) {
    let start = START + LENGTH * STEP;
    let middle = unit(start, |parts| change(&mut parts.0, &mut parts.1));
    let stream = [unit(START, |_| {}), middle, unit(start + LENGTH * STEP, |_| {})].concat();
    broken(&stream, what);
}

fn good() -> Vec<u8> {
    (0..3).flat_map(|n| unit(START + n * LENGTH * STEP, |_| {})).collect()
}

/// A second of pictures with one B picture between two others, and its sound.
fn unit(start: i64, change: impl Fn(&mut (Vec<Picture>, Vec<Sound>))) -> Vec<u8> {
    let end = start + LENGTH * STEP;
    // Decoded 0 2 1 4 3 …, shown in order.
    let shown = |n: i64| if n == 0 { 0 } else { n + if n % 2 == 1 { 1 } else { -1 } };
    let pictures = (0..LENGTH).map(|n| Picture {
        dts: start + n * STEP,
        pts: start + DELAY + shown(n) * STEP,
        data: coded(n == 0),
    });
    let grid = |tick: i64| (tick + GRID - 1).div_euclid(GRID);
    let coding = Coding::PLAIN;
    let data = coding.sound.silence();
    let sounds = (grid(start)..grid(end)).map(|m| Sound { pts: m * GRID, data: data.clone() });
    let mut parts = (pictures.collect(), sounds.collect());
    change(&mut parts);
    mux(&Parts { coding, start, end, pictures: &parts.0, sounds: &parts.1 }).bytes.to_vec()
}

fn coded(key: bool) -> bytes::Bytes {
    let mut data = vec![0, 0, 1, 9, 0xF0];
    let slice: &[u8] =
        if key { &[0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 1, 0, 0, 1, 0x65] } else { &[0, 0, 1, 0x41] };
    data.extend(slice);
    data.resize(600, 0x55);
    data.into()
}

/// Numbers of the packets that are so.
fn packets(stream: &[u8], is: impl Fn(&Packet<'_>) -> bool) -> Vec<usize> {
    let numbered = stream.chunks(PACKET).enumerate();
    numbered.filter(|(_, bytes)| is(&Packet::parse(bytes).unwrap())).map(|(at, _)| at).collect()
}

/// Where units begin.
fn starts(stream: &[u8]) -> Vec<usize> {
    packets(stream, |packet| packet.random_access).into_iter().map(|key| key - 2).collect()
}

fn remove(stream: &mut Vec<u8>, packet: usize) {
    stream.drain(packet * PACKET..(packet + 1) * PACKET);
}
