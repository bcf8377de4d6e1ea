//! The demo library: made by ffmpeg, readable after everything that a channel does to it.

use exstreamtv::library::demo::strip::{self, Mark};

use crate::support::media::{KIND_SECONDS, demo_library, kinds_of_source};
use crate::support::programs::{ffmpeg, run};

#[tokio::test]
async fn every_item_tells_its_number_and_time_after_a_transcode() {
    let (folder, demo) = demo_library().await;
    assert_eq!(demo.items.len(), 16, "this ffmpeg cannot make all items");
    for item in &demo.items {
        let path = folder.join(&item.path);
        let ts = ffmpeg_transcode(path.to_str().unwrap(), 7, 2);
        let marks = marks(&ts);
        assert!(marks.len() >= 49, "{}: {} pictures", item.title, marks.len());
        for (frame, mark) in marks.iter().enumerate() {
            let expected = 7_000 + 40 * i64::try_from(frame).unwrap();
            let mark = mark.unwrap_or_else(|| panic!("{}: frame {frame} has no strip", item.title));
            assert_eq!(mark.item, item.id);
            // Another frame rate puts a picture up to one frame and a half beside its time.
            let off = (mark.at_ms - expected).abs();
            assert!(off <= 80, "{} at {expected}: the strip says {}", item.title, mark.at_ms);
        }
    }
}

#[tokio::test]
async fn items_are_as_long_as_the_manifest_says_and_conform_where_it_says_so() {
    let (folder, demo) = demo_library().await;
    for item in &demo.items {
        let path = folder.join(&item.path);
        let entries = "stream=codec_name,profile,width,height,r_frame_rate,pix_fmt:format=duration";
        let args =
            ["-v", "error", "-show_entries", entries, "-of", "compact", path.to_str().unwrap()];
        let told = String::from_utf8(run("ffprobe", &args).stdout).unwrap();
        let duration: f64 = told.trim().rsplit_once("duration=").unwrap().1.trim().parse().unwrap();
        let off = (duration * 1000.0) as i64 - item.duration_ms;
        assert!((-50..=100).contains(&off), "{}: {off} ms longer than stated", item.title);
        let conforms = told.contains("codec_name=h264|profile=High|width=1280|height=720")
            && told.contains("pix_fmt=yuv420p|r_frame_rate=25/1")
            && told.contains("codec_name=aac");
        assert_eq!(conforms, item.ready, "{}: {told}", item.title);
    }
}

#[test]
fn every_kind_of_source_is_what_its_name_says() {
    let folder = kinds_of_source();
    let probe = |name: &str| {
        let path = folder.join(name);
        let entries =
            "stream=codec_name,field_order,channels,r_frame_rate,nb_read_packets:format=duration";
        let args = [
            "-v",
            "error",
            "-count_packets",
            "-show_entries",
            entries,
            "-of",
            "compact",
            path.to_str().unwrap(),
        ];
        String::from_utf8(run("ffprobe", &args).stdout).unwrap()
    };
    assert!(probe("film rate.mkv").contains("r_frame_rate=24000/1001"));
    assert!(probe("fifty pictures.mkv").contains("channels=6"));
    assert!(probe("hevc.mkv").contains("codec_name=hevc"));
    assert!(probe("interlaced.mpg").contains("field_order=tt"));
    assert!(probe("variable rate.mkv").contains("nb_read_packets=240"));
    assert!(!probe("no sound.mp4").contains("channels"));
    assert!(!probe("sound only.m4a").contains("h264"));
    let cut = probe("truncated.ts");
    let seconds: f64 = cut.trim().rsplit_once("duration=").unwrap().1.parse().unwrap();
    assert!(seconds < f64::from(KIND_SECONDS) - 2.0, "{seconds}");
}

/// Conforms `seconds` of a file from `from` on to 720p25, as a channel would.
fn ffmpeg_transcode(path: &str, from: u32, seconds: u32) -> Vec<u8> {
    let (from, seconds) = (from.to_string(), seconds.to_string());
    let filters = "bwdif=mode=send_frame:deint=interlaced,\
        scale=1280:720:force_original_aspect_ratio=decrease:force_divisible_by=2,\
        pad=1280:720:-1:-1,setsar=1,fps=25,format=yuv420p";
    ffmpeg(&[
        "-i", path, "-ss", &from, "-t", &seconds, "-an", "-vf", filters, "-c:v", "libx264",
        "-preset", "veryfast", "-crf", "28", "-f", "mpegts", "pipe:1",
    ])
}

/// What the strip says in each picture of a transport stream.
fn marks(ts: &[u8]) -> Vec<Option<Mark>> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), ts).unwrap();
    let path = file.path().to_str().unwrap();
    let luma = ffmpeg(&["-i", path, "-map", "0:v", "-pix_fmt", "gray", "-f", "rawvideo", "pipe:1"]);
    luma.chunks_exact(1280 * 720).map(|picture| strip::read(picture, 1280)).collect()
}
