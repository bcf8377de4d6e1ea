//! Media for tests, made once and kept between runs in the folder of test artefacts.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use exstreamtv::foundation::stop::Stop;
use exstreamtv::library::demo::{self, Demo, strip};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use super::programs::{ffmpeg, pool};

/// The demo library and its folder.
pub async fn demo_library() -> &'static (PathBuf, Demo) {
    static LIBRARY: OnceCell<(PathBuf, Demo)> = OnceCell::const_new();
    LIBRARY
        .get_or_init(|| async {
            // A change of the generator makes a new library.
            let recipe = [
                include_str!("../../../src/library/demo.rs"),
                include_str!("../../../src/library/demo/catalogue.rs"),
                include_str!("../../../src/library/demo/picture.rs"),
                include_str!("../../../src/library/demo/sound.rs"),
                include_str!("../../../src/library/demo/strip.rs"),
            ];
            let folder = kept(&format!("demo-{}", hash(&recipe.concat())));
            let stop = Stop::new();
            let run_dir = tempfile::tempdir().unwrap();
            let processes = pool(&stop, run_dir.path());
            let made = demo::generate(&folder, processes, "ffmpeg".into(), |done, of, title| {
                println!("demo {done}/{of} {title}");
            });
            let made = made.await.unwrap();
            stop.drain(std::time::Duration::from_secs(5)).await;
            (folder, made)
        })
        .await
}

/// A folder that outlives the run.
fn kept(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Enough of a hash to tell recipes apart.
fn hash(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..6])
}

/// One way in which files differ from what a channel puts out.
struct Kind {
    name: &'static str,
    /// Rate at which the picture is drawn; empty for no picture.
    rate: &'static str,
    /// Filters after drawing.
    filters: &'static str,
    has_sound: bool,
    codec: &'static str,
}

/// The kinds of source of the mixed channel, all [`KIND_SECONDS`] long as far as they go.
///
/// The n-th kind (from 0) carries a strip with the number 100 + n.
#[rustfmt::skip]
const KINDS: [Kind; 9] = [
    Kind { name: "film rate.mkv", rate: "24000/1001", filters: "null", has_sound: true, codec: "-c:v libx264 -preset ultrafast -g 96 -c:a aac -ac 2" },
    Kind { name: "fifty pictures.mkv", rate: "50", filters: "null", has_sound: true, codec: "-c:v libx264 -preset ultrafast -g 100 -c:a ac3 -ac 6" },
    Kind { name: "hevc.mkv", rate: "25", filters: "null", has_sound: true, codec: "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=100 -c:a libmp3lame -ac 1 -ar 44100" },
    Kind { name: "interlaced.mpg", rate: "50", filters: "tinterlace=mode=interleave_top,setfield=tff", has_sound: true, codec: "-c:v mpeg2video -flags +ilme+ildct -b:v 2M -maxrate 4M -bufsize 1M -g 12 -bf 2 -c:a mp2 -ac 2" },
    Kind { name: "variable rate.mkv", rate: "30", filters: "select='gte(mod(t,4),2)+not(mod(n,3))'", has_sound: true, codec: "-fps_mode vfr -c:v libx264 -preset ultrafast -g 60 -c:a aac -ac 2" },
    Kind { name: "no sound.mp4", rate: "25", filters: "null", has_sound: false, codec: "-c:v libx264 -preset ultrafast -g 50" },
    Kind { name: "sound only.m4a", rate: "", filters: "", has_sound: true, codec: "-c:a aac -ac 2" },
    Kind { name: "open gop.mp4", rate: "25", filters: "null", has_sound: true, codec: "-c:v libx264 -preset veryfast -g 50 -bf 3 -x264-params open-gop=1:scenecut=0 -c:a aac -ac 2" },
    Kind { name: "truncated.ts", rate: "25", filters: "null", has_sound: true, codec: "-c:v libx264 -preset veryfast -g 50 -c:a aac -ac 2 -f mpegts" },
];

/// How long a clip of each kind is.
pub const KIND_SECONDS: u32 = 12;

/// A folder with one clip of each kind of source.
pub fn kinds_of_source() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let recipe = include_str!("media.rs");
        let folder = kept(&format!("kinds-{}", hash(recipe)));
        for (id, kind) in (100_u8..).zip(&KINDS) {
            let path = folder.join(kind.name);
            if !path.exists() {
                make_kind(id, kind, &path);
            }
        }
        folder
    })
}

fn make_kind(id: u8, kind: &Kind, path: &Path) {
    let part = path.with_file_name(format!(".{}", kind.name));
    let seconds = KIND_SECONDS.to_string();
    let pitch = u32::from(id) * 3;
    let sound = format!("sine=frequency={pitch}:sample_rate=48000");
    let (rate, filters) = (kind.rate, kind.filters);
    let strip = strip::source(id, rate, 640, 12);
    let picture = format!(
        "testsrc2=s=640x360:r={rate}[b];{strip}[s];[b][s]overlay=0:H-h,{filters},format=yuv420p[v]"
    );
    let mut args = vec!["-y"];
    if kind.has_sound {
        args.extend(["-f", "lavfi", "-i", &sound, "-map", "0:a"]);
    }
    if !rate.is_empty() {
        args.extend(["-filter_complex", &picture, "-map", "[v]"]);
    }
    args.extend(["-t", &seconds]);
    args.extend(kind.codec.split(' '));
    args.push(part.to_str().unwrap());
    ffmpeg(&args);
    if kind.name.starts_with("truncated") {
        // An odd cut in the middle of a packet, well before the end.
        let bytes = std::fs::read(&part).unwrap();
        std::fs::write(&part, &bytes[..bytes.len() * 7 / 10 / 188 * 188 + 77]).unwrap();
    }
    std::fs::rename(&part, path).unwrap();
}
