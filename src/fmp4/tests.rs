use super::*;
use crate::mpegts::coding::Coding;
use crate::mpegts::demux::{Demuxer, Kind};

/// A time of day in ticks since 1970, on the grid of either codec's sound.
const NOW: i64 = 1_700_000_000 * 90_000 / 5_760 * 5_760;

#[test]
fn a_real_decoder_shows_the_same_pictures_and_sounds() {
    check_decoded(Coding::PLAIN, "-c:a aac -ac 2", &["h264,High,avc1,320", "aac,LC,mp4a,48000"]);
}

#[test]
fn a_real_decoder_shows_the_same_of_hevc_and_dolby() {
    let sound = SoundCoding { codec: SoundCodec::Ac3, surround: true, kbps: 448 };
    let coding = Coding { picture: PictureCoding::Hevc, sound };
    let layout = "-af aformat=channel_layouts=5.1(side) -c:a ac3 -b:a 448k";
    check_decoded(coding, layout, &["hevc,Main,hvc1,320", "ac3,unknown,ac-3,48000"]);
}

/// Writes what ffmpeg encoded as transport stream and as fragments, each unit cut in two, and has
/// ffmpeg decode both.
#[track_caller]
fn check_decoded(coding: Coding, sound: &str, expected: &[&str]) {
    let stream = encode(coding.picture, sound);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (first, units) = units(coding, &stream);
    let look = Look { coding: coding.picture, key: &first, width: 320, height: 180 };
    let mut file = init(Some(look), Some(coding.sound)).unwrap();
    let mut number = 0;
    for (start, end, pictures, sounds) in &units {
        let (start, end) = (*start, *end);
        let parts = Parts { coding, start, end, pictures, sounds };
        let middle = (start + end) / 2;
        for within in [start..middle, middle..end] {
            number += 1;
            let piece = fragment(number, &parts, &within);
            assert_eq!(piece, fragment(number, &parts, &within));
            file.extend(piece);
        }
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
        assert!(ts.len() > 90 && ts == mp4, "{what}: {} and {}", ts.len(), mp4.len());
    }
    let entries = "stream=codec_name,codec_tag_string,profile,width,sample_rate,start_time";
    let (told, _) =
        run("ffprobe", &format!("-v error -show_entries {entries} -of csv {}", path("a.mp4")));
    let told = String::from_utf8(told).unwrap();
    let begins = |pts: i64| format!("{}.", pts / 90_000);
    let (pictures, sounds) = (&units[0].2, &units[0].3);
    let times = [begins(pictures[0].pts), begins(sounds[0].pts)];
    for part in expected.iter().copied().chain(times.iter().map(String::as_str)) {
        assert!(told.contains(part), "{part} in {told}");
    }
}

#[test]
fn pictures_without_parameter_sets_have_no_beginning() {
    for coding in PictureCoding::ALL {
        for key in [&[0, 0, 1, 0x65, 1][..], &[0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 1]] {
            let look = Look { coding, key, width: 320, height: 180 };
            assert_eq!(init(Some(look), None), None);
        }
    }
}

#[test]
fn sound_alone_has_a_beginning_of_its_own() {
    let bytes = init(None, Some(Coding::PLAIN.sound)).unwrap();
    let count = |name: &[u8]| bytes.windows(4).filter(|window| *window == name).count();
    assert_eq!((count(b"trak"), count(b"trex"), count(b"mp4a"), count(b"avc1")), (1, 1, 1, 0));
}

#[test]
fn a_unit_without_sound_has_one_track() {
    let picture = Picture { pts: NOW + 18_000, dts: NOW, data: vec![0, 0, 1, 0x65, 9, 9].into() };
    let end = NOW + 3_600;
    let pictures = [picture];
    let coding = Coding::PLAIN;
    let parts = Parts { coding, start: NOW, end, pictures: &pictures, sounds: &[] };
    let bytes = fragment(7, &parts, &(NOW..end));
    assert_eq!(fragment(7, &parts, &(end..end + 9)), b"");
    let count = |name: &[u8]| bytes.windows(4).filter(|window| *window == name).count();
    assert_eq!((count(b"traf"), count(b"mdat")), (1, 1));
    assert!(bytes.ends_with(&[0, 0, 0, 3, 0x65, 9, 9]));
}

type Unit = (i64, i64, Vec<Picture>, Vec<Sound>);

/// The groups of a stream as units on our clock, and its first access unit.
fn units(coding: Coding, stream: &[u8]) -> (Vec<u8>, Vec<Unit>) {
    let mut demuxer = Demuxer::new();
    let mut samples = demuxer.push(stream);
    samples.extend(demuxer.finish(true));
    let (video, audio): (Vec<_>, Vec<_>) = samples.into_iter().partition(|s| s.kind == Kind::Video);
    let zero = video[0].dts;
    let pictures: Vec<Picture> = video
        .iter()
        .map(|s| Picture { pts: NOW + s.pts - zero, dts: NOW + s.dts - zero, data: s.data.clone() })
        .collect();
    let step = coding.sound.codec.ticks();
    let sounds: Vec<Sound> = (0..)
        .zip(&audio)
        .map(|(nth, s)| Sound { pts: NOW + nth * step, data: s.data.clone() })
        .collect();
    let is_key = |at: &usize| coding.picture.is_key(&pictures[*at].data);
    let keys: Vec<usize> = (0..pictures.len()).filter(is_key).collect();
    let mut units = Vec::new();
    for (nth, key) in keys.iter().enumerate() {
        let next = keys.get(nth + 1).copied();
        let own = pictures[*key..next.unwrap_or(pictures.len())].to_vec();
        // The last one carries what is left of the sound.
        let over = (pictures[pictures.len() - 1].dts + 3_600).max(sounds[sounds.len() - 1].pts + 1);
        let end = next.map_or(over, |next| pictures[next].dts);
        let within = |s: &&Sound| s.pts >= own[0].dts && s.pts < end;
        let heard = sounds.iter().filter(within).cloned().collect();
        units.push((own[0].dts, end, own, heard));
    }
    (video[0].data.to_vec(), units)
}

fn encode(picture: PictureCoding, sound: &str) -> Vec<u8> {
    let encoder = match picture {
        PictureCoding::H264 => {
            "libx264 -preset veryfast -profile:v high -sc_threshold 0 -x264-params open-gop=0:aud=1"
        }
        PictureCoding::Hevc => {
            "libx265 -preset ultrafast -forced-idr 1 -x265-params \
             log-level=error:open-gop=0:radl=0:scenecut=0:repeat-headers=1:aud=1:info=0:pools=1"
        }
    };
    let (stream, complaint) = ffmpeg(&format!(
        "-v error -f lavfi -i testsrc2=s=320x180:r=25 -f lavfi -i sine=r=48000:f=330 -t 5 \
         -c:v {encoder} -bf 2 -g 50 -pix_fmt yuv420p {sound} -muxdelay 0 -muxpreload 0 -f mpegts -",
    ));
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
