use super::*;
use crate::mpegts::coding::Coding;
use crate::mpegts::demux::{Demuxer, Kind};
use crate::mpegts::h264::is_idr;

/// A time of day in ticks since 1970, on the grid of sound.
const NOW: i64 = 1_700_000_000 * 90_000 / FRAME_TICKS * FRAME_TICKS;

#[test]
fn a_real_decoder_shows_the_same_pictures_and_sounds() {
    let stream = encode();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (first, units) = units(&stream);
    let mut file = init(&first, 320, 180).unwrap();
    for (number, unit) in (1..).zip(&units) {
        let (start, end, pictures, sounds) = unit;
        let (start, end) = (*start, *end);
        let parts = Parts { coding: Coding::PLAIN, start, end, pictures, sounds };
        assert_eq!(fragment(number, &parts), fragment(number, &parts));
        file.extend(fragment(number, &parts));
    }
    std::fs::write(path("a.ts"), &stream).unwrap();
    std::fs::write(path("a.mp4"), &file).unwrap();
    // Checksums of what is decoded, without the times, which begin elsewhere.
    let decoded = |name: &str, what: &str| {
        let path = path(name);
        let args = format!("-v warning -i {path} -map 0:{what} -f framemd5 -");
        let (sums, complaint) = ffmpeg(&args);
        assert_eq!(complaint, "", "{name}");
        let lines = String::from_utf8(sums).unwrap();
        let lines = lines.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.rsplit(',').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for what in ["v", "a"] {
        let (ts, mp4) = (decoded("a.ts", what), decoded("a.mp4", what));
        assert!(ts.len() > 100 && ts == mp4, "{what}: {} and {}", ts.len(), mp4.len());
    }
    let entries = "stream=codec_name,codec_tag_string,profile,width,sample_rate,start_time";
    let (told, _) =
        run("ffprobe", &format!("-v error -show_entries {entries} -of csv {}", path("a.mp4")));
    let told = String::from_utf8(told).unwrap();
    let begins = |pts: i64| format!("{}.", pts / 90_000);
    let (pictures, sounds) = (&units[0].2, &units[0].3);
    for part in [
        "h264,High,avc1,320",
        "aac,LC,mp4a,48000",
        &begins(pictures[0].pts),
        &begins(sounds[0].pts),
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
}

#[test]
fn pictures_without_parameter_sets_have_no_beginning() {
    assert_eq!(init(&[0, 0, 1, 0x65, 1], 320, 180), None);
    assert_eq!(init(&[0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 1], 320, 180), None);
}

#[test]
fn a_unit_without_sound_has_one_track() {
    let picture = Picture { pts: NOW + 18_000, dts: NOW, data: vec![0, 0, 1, 0x65, 9, 9].into() };
    let end = NOW + 3_600;
    let pictures = [picture];
    let coding = Coding::PLAIN;
    let parts = Parts { coding, start: NOW, end, pictures: &pictures, sounds: &[] };
    let bytes = fragment(7, &parts);
    let count = |name: &[u8]| bytes.windows(4).filter(|window| *window == name).count();
    assert_eq!((count(b"traf"), count(b"mdat")), (1, 1));
    assert!(bytes.ends_with(&[0, 0, 0, 3, 0x65, 9, 9]));
}

type Unit = (i64, i64, Vec<Picture>, Vec<Sound>);

/// The groups of a stream as units on our clock, and its first access unit.
fn units(stream: &[u8]) -> (Vec<u8>, Vec<Unit>) {
    let mut demuxer = Demuxer::new();
    let mut samples = demuxer.push(stream);
    samples.extend(demuxer.finish(true));
    let (video, audio): (Vec<_>, Vec<_>) = samples.into_iter().partition(|s| s.kind == Kind::Video);
    let zero = video[0].dts;
    let pictures: Vec<Picture> = video
        .iter()
        .map(|s| Picture { pts: NOW + s.pts - zero, dts: NOW + s.dts - zero, data: s.data.clone() })
        .collect();
    let sounds: Vec<Sound> = (0..)
        .zip(&audio)
        .map(|(nth, s)| Sound { pts: NOW + nth * FRAME_TICKS, data: s.data.clone() })
        .collect();
    let keys: Vec<usize> = (0..pictures.len()).filter(|at| is_idr(&pictures[*at].data)).collect();
    let mut units = Vec::new();
    for (nth, key) in keys.iter().enumerate() {
        let next = keys.get(nth + 1).copied();
        let end = next.map_or(pictures[pictures.len() - 1].dts + 3_600, |next| pictures[next].dts);
        let own = pictures[*key..next.unwrap_or(pictures.len())].to_vec();
        let last = next.is_none();
        let within = |s: &&Sound| s.pts >= own[0].dts && (s.pts < end || last);
        let heard = sounds.iter().filter(within).cloned().collect();
        units.push((own[0].dts, end, own, heard));
    }
    (video[0].data.to_vec(), units)
}

fn encode() -> Vec<u8> {
    let (stream, complaint) = ffmpeg(
        "-v error -f lavfi -i testsrc2=s=320x180:r=25 -f lavfi -i sine=r=48000:f=330 -t 5 \
         -c:v libx264 -preset veryfast -profile:v high -bf 2 -g 50 -sc_threshold 0 -x264-params open-gop=0:aud=1 \
         -pix_fmt yuv420p -c:a aac -ac 2 -muxdelay 0 -muxpreload 0 -f mpegts -",
    );
    assert_eq!(complaint, "");
    stream
}

fn ffmpeg(args: &str) -> (Vec<u8>, String) {
    run("ffmpeg", &format!("-nostdin {args}"))
}

/// Runs a program; gives what it wrote and what it said.
fn run(program: &str, args: &str) -> (Vec<u8>, String) {
    #[expect(clippy::disallowed_methods, reason = "a test judges with the real decoder")]
    let mut command = std::process::Command::new(program);
    let output = command.args(args.split_whitespace()).output().unwrap();
    (output.stdout, String::from_utf8_lossy(&output.stderr).into_owned())
}
