use proptest::prelude::*;

use super::*;
use crate::mpegts::check::{Report, check};
use crate::mpegts::demux::{Demuxer, Kind};
use crate::mpegts::packet::{PIDS, Packet};

#[test]
fn a_unit_begins_with_pat_pmt_and_the_key_frame() {
    let unit = unit(90_000, 25, 3600, 1000);
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
    let (pictures, sounds) = content(1 << 40, 50, 3600, 5000);
    let unit = mux(&parts(&pictures, &sounds, 3600));
    let mut demuxer = Demuxer::new();
    let mut samples = demuxer.push(&unit.bytes);
    samples.extend(demuxer.finish(true));
    let data = |kind| -> Vec<Bytes> {
        samples.iter().filter(|s| s.kind == kind).map(|s| s.data.clone()).collect()
    };
    assert_eq!(data(Kind::Video), pictures.iter().map(|p| p.data.clone()).collect::<Vec<_>>());
    assert_eq!(data(Kind::Audio), sounds.iter().map(|p| p.data.clone()).collect::<Vec<_>>());
    assert_eq!(demuxer.faults(), 0);
}

#[test]
fn a_long_hold_keeps_the_clock_running() {
    let pictures = [picture(0, 0, true, 500)];
    let unit = mux(&Parts { start: 0, end: 54_000, pictures: &pictures, sounds: &[] });
    assert_clean(&check(&unit.bytes, 0));
    assert_eq!(unit.marks.len(), 15);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn units_join_without_a_trace(
        lengths in proptest::collection::vec((1_usize..110, 0_usize..3000), 1..6),
        rate in 0_usize..4,
        start in prop_oneof![Just(0_i64), Just((1_i64 << 33) - 200_000), (1_i64 << 47)..(1_i64 << 47) + (1 << 34)],
    ) {
        let step = [3600, 3750, 1500, 3003][rate];
        let mut at = start;
        let mut stream = Vec::new();
        for (pictures, size) in lengths {
            let unit = unit(at, pictures, step, size);
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

fn unit(start: i64, pictures: usize, step: i64, size: usize) -> Unit {
    let (pictures, sounds) = content(start, pictures, step, size);
    mux(&parts(&pictures, &sounds, step))
}

fn parts<'a>(pictures: &'a [Picture], sounds: &'a [Sound], step: i64) -> Parts<'a> {
    let (start, end) = (pictures[0].dts, pictures[pictures.len() - 1].dts + step);
    Parts { start, end, pictures, sounds }
}

fn content(start: i64, pictures: usize, step: i64, size: usize) -> (Vec<Picture>, Vec<Sound>) {
    let count = i64::try_from(pictures).unwrap();
    let pictures = (0..count).map(|n| picture(start + n * step, step * 2, n == 0, size)).collect();
    let grid = |tick: i64| (tick + 1919).div_euclid(1920);
    let sounds =
        (grid(start)..grid(start + count * step)).map(|m| Sound::silence(m * 1920)).collect();
    (pictures, sounds)
}

fn picture(dts: i64, delay: i64, key: bool, size: usize) -> Picture {
    let mut data = vec![0, 0, 1, 9, 0xF0];
    if key {
        data.extend([0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 1, 0, 0, 1, 0x65]);
    } else {
        data.extend([0, 0, 1, 0x41]);
    }
    data.extend((0..size).map(|n| u8::try_from(n % 200).unwrap() + 4));
    Picture { pts: dts + delay, dts, data: data.into() }
}
