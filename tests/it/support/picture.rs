//! What is seen in a transport stream: each picture with its instant and its strip.

use exstreamtv::library::demo::strip::{self, Mark};
use exstreamtv::mpegts::check::{Report, check};

use super::programs::ffmpeg;

/// A decoded picture.
#[derive(Debug, Clone, Copy)]
pub struct Picture {
    /// When it is shown, in milliseconds since the epoch.
    pub at_ms: i64,
    /// What its strip says; `None` on a slate.
    pub mark: Option<Mark>,
}

/// Width of a picture, and how many rows at its foot are read.
const WIDTH: usize = 640;
const ROWS: usize = 16;

/// Judges a stream that was on air around `now_ms`.
pub fn judge(ts: &[u8], now_ms: i64) -> Report {
    check(ts, now_ms * 90)
}

/// Decodes a stream that begins at a key frame; ffmpeg must not have anything to say about it.
#[track_caller]
pub fn pictures(ts: &[u8], now_ms: i64) -> Vec<Picture> {
    let mut shown: Vec<i64> = judge(ts, now_ms).pictures.iter().map(|p| p.pts).collect();
    shown.sort_unstable();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), ts).unwrap();
    // Only the foot is kept: whole pictures of a minute would fill the memory.
    let foot = format!("scale={WIDTH}:-2:flags=area,crop={WIDTH}:{ROWS}:0:ih-{ROWS},format=gray");
    let path = file.path().to_str().unwrap();
    let luma = ffmpeg(&[
        "-i",
        path,
        "-map",
        "0:v",
        "-fps_mode",
        "passthrough",
        "-vf",
        &foot,
        "-f",
        "rawvideo",
        "pipe:1",
    ]);
    let decoded = luma.chunks_exact(WIDTH * ROWS);
    // The stream was cut somewhere, so the last picture may have been incomplete.
    assert!(
        (shown.len() - 2..=shown.len()).contains(&decoded.len()),
        "{} pictures came in, {} out",
        shown.len(),
        decoded.len()
    );
    let read = |(pts, luma): (i64, &[u8])| Picture {
        at_ms: pts.div_euclid(90),
        mark: strip::read(luma, WIDTH),
    };
    shown.into_iter().zip(decoded).map(read).collect()
}
