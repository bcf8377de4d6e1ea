use proptest::prelude::*;

use super::*;
use crate::mpegts::check::{Report, check};
use crate::mpegts::coding::{self, PictureCoding};
use crate::mpegts::demux::{Demuxer, Kind};
use crate::mpegts::packet::{PIDS, Packet};

#[test]
fn a_unit_begins_with_pat_pmt_and_the_key_frame() {
    let unit = unit(Coding::PLAIN, 90_000, 25, 3600, 1000);
    let pids: Vec<u16> =
        unit.bytes.chunks(PACKET).take(3).map(|p| Packet::parse(p).unwrap().pid).collect();
    assert_eq!(pids, [PIDS[0], PIDS[1], PID_VIDEO]);
    let third = Packet::parse(&unit.bytes[2 * PACKET..3 * PACKET]).unwrap();
    assert!(third.random_access);
    assert_eq!(third.pcr, Some((90_000 - PCR_LEAD) * 300));
    assert_eq!(unit.marks[0], Mark { offset: 0, at: 90_000 });
}

#[test]
fn what_goes_in_comes_out() {
    for coding in coding::tests::all() {
        let (pictures, sounds) = content(coding, 1 << 40, 50, 3600, 5000);
        let unit = mux(&parts(coding, &pictures, &sounds, 3600));
        let mut demuxer = Demuxer::new();
        let mut samples = demuxer.push(&unit.bytes);
        samples.extend(demuxer.finish(true));
        let data = |kind| -> Vec<Bytes> {
            samples.iter().filter(|s| s.kind == kind).map(|s| s.data.clone()).collect()
        };
        assert_eq!(data(Kind::Video), pictures.iter().map(|p| p.data.clone()).collect::<Vec<_>>());
        assert_eq!(data(Kind::Audio), sounds.iter().map(|p| p.data.clone()).collect::<Vec<_>>());
        assert_eq!(demuxer.faults(), 0, "{coding:?}");
    }
}

#[test]
fn a_long_hold_keeps_the_clock_running() {
    let coding = Coding::PLAIN;
    let pictures = [picture(coding, 0, 0, true, 500)];
    let unit = mux(&Parts { coding, start: 0, end: 54_000, pictures: &pictures, sounds: &[] });
    assert_clean(&check(&unit.bytes, 0));
    assert_eq!(unit.marks.len(), 15);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn units_join_without_a_trace(
        lengths in proptest::collection::vec((1_usize..110, 0_usize..3000), 1..6),
        rate in 0_usize..4,
        coding in 0_usize..8,
        start in prop_oneof![Just(0_i64), Just((1_i64 << 33) - 200_000), (1_i64 << 47)..(1_i64 << 47) + (1 << 34)],
    ) {
        let step = [3600, 3750, 1500, 3003][rate];
        let coding = coding::tests::all()[coding];
        let mut at = start;
        let mut stream = Vec::new();
        for (pictures, size) in lengths {
            let unit = unit(coding, at, pictures, step, size);
            prop_assert!(unit.marks.windows(2).all(|m| m[0].offset < m[1].offset && m[1].at - m[0].at <= PCR_GAP));
            stream.extend_from_slice(&unit.bytes);
            at += i64::try_from(pictures).unwrap() * step;
        }
        let report = check(&stream, start);
        prop_assert!(report.is_clean(), "{:?}", report.faults);
        let counts = PIDS.map(|pid| stream.chunks(PACKET).filter(|p| {
            let p = Packet::parse(p).unwrap();
            p.pid == pid && p.payload.is_some()
        }).count() % 16);
        prop_assert_eq!(counts, [0; 4]);
    }
}

#[track_caller]
fn assert_clean(report: &Report) {
    assert!(report.is_clean(), "{:?}", report.faults);
}

fn unit(coding: Coding, start: i64, pictures: usize, step: i64, size: usize) -> Unit {
    let (pictures, sounds) = content(coding, start, pictures, step, size);
    mux(&parts(coding, &pictures, &sounds, step))
}

fn parts<'a>(coding: Coding, pictures: &'a [Picture], sounds: &'a [Sound], step: i64) -> Parts<'a> {
    let (start, end) = (pictures[0].dts, pictures[pictures.len() - 1].dts + step);
    Parts { coding, start, end, pictures, sounds }
}

fn content(
    coding: Coding,
    start: i64,
    pictures: usize,
    step: i64,
    size: usize,
) -> (Vec<Picture>, Vec<Sound>) {
    let count = i64::try_from(pictures).unwrap();
    let pictures =
        (0..count).map(|n| picture(coding, start + n * step, step * 2, n == 0, size)).collect();
    let (ticks, data) = (coding.sound.codec.ticks(), coding.sound.silence());
    let grid = |tick: i64| (tick + ticks - 1).div_euclid(ticks);
    let sounds = (grid(start)..grid(start + count * step))
        .map(|m| Sound { pts: m * ticks, data: data.clone() })
        .collect();
    (pictures, sounds)
}

fn picture(coding: Coding, dts: i64, delay: i64, key: bool, size: usize) -> Picture {
    let mut data = match (coding.picture, key) {
        (PictureCoding::H264, true) => {
            vec![0, 0, 1, 9, 0xF0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 1, 0, 0, 1, 0x65]
        }
        (PictureCoding::H264, false) => vec![0, 0, 1, 9, 0xF0, 0, 0, 1, 0x41],
        (PictureCoding::Hevc, true) => [
            &[0, 0, 1, 0x46, 1, 0x50, 0, 0, 1, 0x40, 1, 1, 0, 0, 1, 0x42, 1, 1][..],
            &[0, 0, 1, 0x44, 1, 1, 0, 0, 1, 0x26, 1],
        ]
        .concat(),
        (PictureCoding::Hevc, false) => vec![0, 0, 1, 0x46, 1, 0x50, 0, 0, 1, 2, 1],
    };
    data.extend((0..size).map(|n| u8::try_from(n % 200).unwrap() + 4));
    Picture { pts: dts + delay, dts, data: data.into() }
}
