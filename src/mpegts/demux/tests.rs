use proptest::prelude::*;

use super::*;
use crate::mpegts::coding::Coding;
use crate::mpegts::packet::{PID_AUDIO, PID_VIDEO, write_timestamp};
use crate::mpegts::{adts, h264, psi};

#[test]
fn what_ffmpeg_writes_is_read_completely() {
    let stream = ffmpeg(&["-t", "2"]);
    let samples = all(&stream, 1000);
    let video: Vec<&Sample> = samples.iter().filter(|s| s.kind == Kind::Video).collect();
    let audio: Vec<&Sample> = samples.iter().filter(|s| s.kind == Kind::Audio).collect();
    assert_eq!(video.len(), 50);
    assert!(h264::is_idr(&video[0].data) && h264::has_parameter_sets(&video[0].data));
    assert!(video.windows(2).all(|pair| pair[1].dts - pair[0].dts == 3600));
    assert!(audio.iter().all(|s| adts::is_frame(&s.data, false)));
    assert!(audio.windows(2).all(|pair| (pair[1].pts - pair[0].pts - 1920).abs() <= 1));
}

#[test]
fn the_size_of_the_pieces_does_not_matter() {
    let stream = ffmpeg(&["-t", "0.5"]);
    let whole = all(&stream, usize::MAX);
    for piece in [1, 187, 188, 189, 4096] {
        assert_eq!(all(&stream, piece), whole, "pieces of {piece}");
    }
}

#[test]
fn a_torn_last_picture_is_dropped() {
    let mut stream = ffmpeg(&["-t", "0.5"]);
    let mut demuxer = Demuxer::new();
    stream.truncate(stream.len() / 2 / PACKET * PACKET);
    let mut samples = demuxer.push(&stream);
    let before = samples.len();
    samples.extend(demuxer.finish(false));
    assert_eq!(samples.len(), before);
    assert_eq!(demuxer.faults(), 0);
}

#[test]
fn garbage_in_front_costs_nothing_but_itself() {
    let stream = ffmpeg(&["-t", "0.5"]);
    let clean = all(&stream, 4096);
    let mut dirty = vec![SYNC, 1, 2, 3, SYNC, 4];
    dirty.extend_from_slice(&stream);
    assert_eq!(all(&dirty, usize::MAX), clean);
}

#[test]
fn a_lost_packet_drops_one_picture_and_is_counted() {
    let mut stream = ffmpeg(&["-t", "0.5"]);
    let complete = all(&stream, 4096).len();
    // The second packet of the second picture.
    let is_start =
        |p: &[u8]| p[1] & 0x40 != 0 && u16::from_be_bytes([p[1] & 0x1F, p[2]]) == PID_VIDEO;
    let second = stream.chunks(PACKET).enumerate().filter(|(_, p)| is_start(p)).nth(1).unwrap().0;
    let video_after = stream[(second + 1) * PACKET..]
        .chunks(PACKET)
        .position(|p| u16::from_be_bytes([p[1] & 0x1F, p[2]]) == PID_VIDEO)
        .unwrap();
    let at = (second + 1 + video_after) * PACKET;
    stream.drain(at..at + PACKET);
    let mut demuxer = Demuxer::new();
    let mut samples = demuxer.push(&stream);
    samples.extend(demuxer.finish(true));
    assert_eq!(samples.len(), complete - 1);
    assert!(demuxer.faults() >= 1);
}

#[test]
fn times_count_on_across_the_wrap() {
    let wrap = crate::mpegts::packet::WRAP;
    let mut stream = psi::pat_packet().to_vec();
    stream.extend(psi::pmt_packet(Coding::PLAIN));
    for (counter, pts) in [(0, wrap - 4000), (1, wrap - 400), (2, 3200)] {
        stream.extend(audio_packet(counter, pts));
    }
    let ticks: Vec<i64> = all(&stream, 188).iter().map(|s| s.pts).collect();
    // A stream that begins just before the wrap began just before zero.
    assert_eq!(ticks, [-4000, -400, 3200]);
}

proptest! {
    #[test]
    fn damage_never_panics(
        hits in proptest::collection::vec((0_usize..40_000, any::<u8>()), 0..40),
        cuts in proptest::collection::vec(0_usize..40_000, 0..4),
        piece in 1_usize..1000,
    ) {
        static STREAM: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let mut stream = STREAM.get_or_init(|| ffmpeg(&["-t", "0.3"])).clone();
        for (at, value) in hits {
            let length = stream.len();
            stream[at % length] = value;
        }
        for cut in cuts {
            let at = cut % stream.len();
            stream.drain(at..(at + 77).min(stream.len()));
        }
        for sample in all(&stream, piece) {
            prop_assert!(!sample.data.is_empty());
            if sample.kind == Kind::Audio {
                prop_assert_eq!(adts::Header::parse(&sample.data).unwrap().length, sample.data.len());
            }
        }
    }

    #[test]
    fn noise_never_panics(noise in proptest::collection::vec(prop_oneof![Just(SYNC), any::<u8>()], 0..3000)) {
        let _: Vec<Sample> = all(&noise, 188);
    }
}

fn all(stream: &[u8], piece: usize) -> Vec<Sample> {
    let mut demuxer = Demuxer::new();
    let mut samples = Vec::new();
    for piece in stream.chunks(piece.min(stream.len()).max(1)) {
        samples.extend(demuxer.push(piece));
    }
    samples.extend(demuxer.finish(true));
    samples
}

/// A packet with one frame of silence.
fn audio_packet(counter: u8, pts: i64) -> Vec<u8> {
    let [high, low] = PID_AUDIO.to_be_bytes();
    let length = u8::try_from(8 + adts::SILENCE.len()).unwrap();
    let mut pes = vec![0, 0, 1, 0xC0, 0, length, 0x80, 0x80, 5];
    pes.extend(write_timestamp(2, pts));
    pes.extend(adts::SILENCE);
    let mut packet = vec![SYNC, 0x40 | high, low, 0x30 | counter];
    let stuffing = 184 - pes.len();
    packet.extend([u8::try_from(stuffing - 1).unwrap(), 0]);
    packet.resize(4 + stuffing, 0xFF);
    packet.extend(pes);
    packet
}

/// Two seconds of test picture and tone at most, as our conform writes it.
fn ffmpeg(more: &[&str]) -> Vec<u8> {
    let mut args: Vec<&str> =
        "-v error -f lavfi -i testsrc=s=160x90:r=25 -f lavfi -i sine=r=48000 \
        -c:v libx264 -preset ultrafast -bf 2 -g 25 -pix_fmt yuv420p -c:a aac -ac 2"
            .split_whitespace()
            .collect();
    args.extend(more);
    args.extend("-muxdelay 0 -muxpreload 0 -pes_payload_size 0 -f mpegts -".split_whitespace());
    #[expect(clippy::disallowed_methods, reason = "a test makes its own input")]
    let output = std::process::Command::new("ffmpeg").args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
