//! Real ffprobe on real little files.

use std::fs;

use crate::domain::{AudioStream, FrameRate, VideoStream};
use crate::library::testing::{Runner, SMALL, make};

use super::*;

#[tokio::test]
async fn a_film_shows_what_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = "-f lavfi -i testsrc=s=320x180:r=30000/1001:d=8 -f lavfi -i sine=d=8 \
        -pix_fmt yuv420p -c:v libx264 -preset ultrafast -g 60 -sc_threshold 0 -bf 2 -c:a aac -ac 2 \
        -ar 48000 -metadata:s:a:0 language=eng";
    let path = make(dir.path(), "film.mkv", arguments);
    let probed = check(&path).await;
    let probe = probed.probe.unwrap();
    let expected = VideoStream {
        codec: "h264".to_owned(),
        codec_profile: probe.video.clone().unwrap().codec_profile,
        width: 320,
        height: 180,
        pixel_format: "yuv420p".to_owned(),
        rate: FrameRate { num: 30_000, den: 1001 },
        constant_rate: true,
        progressive: true,
        rotation: 0,
        square_pixels: true,
        transfer: String::new(),
        gop_ms: Some(2_002),
    };
    assert_eq!(probe.video, Some(expected));
    let sound = AudioStream {
        codec: "aac".to_owned(),
        codec_profile: "LC".to_owned(),
        channels: 2,
        sample_rate: 48_000,
        language: Some("eng".to_owned()),
        default: false,
    };
    assert_eq!(probe.audio, [sound]);
    assert!((8_000..8_200).contains(&probed.duration_ms), "{}", probed.duration_ms);
    assert_eq!(probed.state, MediaState::Playable);
    assert!(probe.container.contains("matroska"));
}

#[tokio::test]
async fn a_long_key_frame_distance_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = "-f lavfi -i testsrc=s=64x36:r=25:d=15 -pix_fmt yuv420p -c:v libx264 \
        -preset ultrafast -g 1000 -sc_threshold 0";
    let path = make(dir.path(), "long gop.mp4", arguments);
    let video = check(&path).await.probe.unwrap().video.unwrap();
    assert!(video.gop_ms.unwrap() > 11_000, "{:?}", video.gop_ms);
    assert!(video.constant_rate);
}

#[tokio::test]
async fn a_varying_frame_rate_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = "-f lavfi -i testsrc=s=64x36:r=30:d=4 -vf select='not(between(mod(n\\,9)\\,3\\,5))' \
        -vsync vfr -pix_fmt yuv420p -c:v libx264 -preset ultrafast";
    let path = make(dir.path(), "vfr.mp4", arguments);
    assert!(!check(&path).await.probe.unwrap().video.unwrap().constant_rate);
}

#[tokio::test]
async fn a_turned_picture_says_by_how_much() {
    let dir = tempfile::tempdir().unwrap();
    let upright = make(dir.path(), "upright.mp4", SMALL);
    let copy = format!("-i {} -c copy -metadata:s:v:0 rotate=90", upright.display());
    let path = make(dir.path(), "turned.mp4", &copy);
    // This ffmpeg writes a quarter against the clock, and shows it so.
    let video = check(&path).await.probe.unwrap().video.unwrap();
    assert_eq!((video.rotation, video.width, video.height), (270, 64, 36));
}

#[tokio::test]
async fn interlaced_pictures_with_oblong_samples_are_seen() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = "-f lavfi -i testsrc=s=720x576:r=50:d=2 -vf interlace,setsar=16/15 \
        -pix_fmt yuv420p -c:v mpeg2video -flags +ildct+ilme -top 1";
    let path = make(dir.path(), "dvd.mpg", arguments);
    let video = check(&path).await.probe.unwrap().video.unwrap();
    assert_eq!((video.progressive, video.square_pixels), (false, false));
    assert_eq!(video.rate, FrameRate { num: 25, den: 1 });
}

#[tokio::test]
async fn cover_art_is_no_picture() {
    let dir = tempfile::tempdir().unwrap();
    let cover = make(dir.path(), "cover.jpg", "-f lavfi -i testsrc=s=64x64 -frames:v 1");
    let arguments = format!(
        "-f lavfi -i sine=d=3 -i {} -map 0 -map 1 -c:v copy -id3v2_version 3",
        cover.display()
    );
    let path = make(dir.path(), "song.mp3", &arguments);
    let probed = check(&path).await;
    let probe = probed.probe.unwrap();
    assert_eq!((probe.video, probe.audio.len()), (None, 1));
    assert_eq!(probed.state, MediaState::Playable);
}

#[tokio::test]
async fn a_file_without_a_stated_length_is_measured() {
    let dir = tempfile::tempdir().unwrap();
    let path = make(dir.path(), "live.mkv", &format!("{SMALL} -live 1 -f matroska"));
    let duration = check(&path).await.duration_ms;
    assert!((1_900..2_200).contains(&duration), "{duration}");
}

#[tokio::test]
async fn what_cannot_be_played_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let corrupt = |reason: &str| MediaState::Corrupt { reason: reason.to_owned() };
    let unsupported = |reason: &str| MediaState::Unsupported { reason: reason.to_owned() };
    let damaged = "it is damaged or not a media file";

    let good = fs::read(make(dir.path(), "good.mp4", SMALL)).unwrap();
    let cases = [
        (file("text.mkv", b"This is a shopping list.\nMilk.\n"), corrupt(damaged)),
        (file("empty.mkv", b""), corrupt(damaged)),
        (
            file("cut.mp4", &good[..good.len() / 2]),
            corrupt("its index is missing; the file is not complete"),
        ),
        (
            file("subtitle.mkv", b"1\n00:00:01,000 --> 00:00:02,000\nHi\n"),
            unsupported("no picture and no sound in it"),
        ),
        (
            file(
                "list.mkv",
                b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\ngood.mp4\n#EXT-X-ENDLIST\n",
            ),
            unsupported("a playlist"),
        ),
        (
            make(dir.path(), "picture.png", "-f lavfi -i testsrc=s=64x64 -frames:v 1"),
            unsupported("a picture"),
        ),
        (
            make(dir.path(), "short.mp4", "-f lavfi -i testsrc=s=64x64:d=0.2"),
            unsupported("shorter than one second"),
        ),
    ];
    for (path, expected) in cases {
        let probed = check(&path).await;
        assert_eq!((probed.state, probed.lasting), (expected, true), "{}", path.display());
    }
}

#[tokio::test]
async fn strange_names_are_only_names() {
    let dir = tempfile::tempdir().unwrap();
    let good = make(dir.path(), "good.mp4", SMALL);
    for name in
        ["it's \"quoted\".mp4", "two\nlines.mp4", "🎬.mp4", "-i.mp4", "http:x.mp4", "%03d.mp4"]
    {
        let path = dir.path().join(name);
        fs::copy(&good, &path).unwrap();
        assert_eq!(check(&path).await.state, MediaState::Playable, "{name:?}");
    }
}

#[tokio::test]
async fn a_missing_ffprobe_is_not_the_files_fault() {
    let probed = probe(&*Runner::new(), "/nowhere/ffprobe".as_ref(), Path::new("/x.mkv")).await;
    assert!(matches!(probed, Err(ProcessError::Start { .. })), "{probed:?}");
}

#[tokio::test]
async fn what_may_be_better_tomorrow_is_asked_again() {
    let gone = check(Path::new("/nowhere/gone.mkv")).await;
    let expected = MediaState::Corrupt { reason: "it is gone".to_owned() };
    assert_eq!((gone.state, gone.lasting), (expected, false));
}

#[test]
fn an_answer_that_is_no_json_is_no_answer() {
    for bytes in [&b""[..], b"{", b"\xff", b"{\"streams\":[{}]}"] {
        assert!(Answer::read(bytes).is_none());
    }
}

async fn check(path: &Path) -> Probed {
    probe(&*Runner::new(), "ffprobe".as_ref(), path).await.unwrap()
}
