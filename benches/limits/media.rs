//! Media of a known kind, made once and kept between runs below `target/bench`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The profile that the conforming clips conform to.
pub const PROFILE: &str = "720p25";
/// A change of a recipe makes new files.
const RECIPE: &str = "1";

/// A kind of clip.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Conforms to [`PROFILE`]: 4 Mbit/s, groups of two seconds.
    Conforming,
    /// 30 pictures a second: has to be encoded anew.
    Foreign,
}

/// The folder that everything lies in.
pub fn root() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../bench");
    fs::create_dir_all(&target).unwrap();
    target.canonicalize().unwrap()
}

/// A folder with two clips of `seconds` each.
pub fn library(kind: Kind, seconds: u64) -> PathBuf {
    let name = format!("{kind:?}-{seconds}-{RECIPE}").to_lowercase();
    let folder = root().join(name);
    for nth in 1..=2 {
        let path = folder.join(format!("Clip {nth}.mp4"));
        if !path.exists() {
            fs::create_dir_all(&folder).unwrap();
            println!("making {}", path.display());
            make(kind, nth, seconds, &path);
        }
    }
    folder
}

fn make(kind: Kind, nth: u64, seconds: u64, path: &Path) {
    let rate = match kind {
        Kind::Conforming => 25,
        Kind::Foreign => 30,
    };
    let group = (2 * rate).to_string();
    let noise = "noise=alls=14:allf=t+u";
    let picture = format!("testsrc2=s=1280x720:r={rate},hue=h={},{noise}", nth * 90);
    let sound = format!("sine=r=48000:f={}", 220 * nth);
    let time = seconds.to_string();
    let part = path.with_extension("part");
    let constant = format!("nal-hrd=cbr:force-cfr=1:open-gop=0:keyint={group}:min-keyint={group}");
    let mut args = vec!["-y", "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound];
    args.extend(["-t", &time, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]);
    args.extend(["-g", &group, "-sc_threshold", "0", "-x264-params", &constant]);
    args.extend(["-b:v", "3800k", "-minrate", "3800k", "-maxrate", "3800k", "-bufsize", "3800k"]);
    args.extend(["-c:a", "aac", "-ac", "2", "-b:a", "160k", "-f", "mp4", part.to_str().unwrap()]);
    let output = ffmpeg(&args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::rename(part, path).unwrap();
}

/// Runs ffmpeg to its end; it prints errors only.
pub fn ffmpeg(args: &[&str]) -> Output {
    #[expect(clippy::disallowed_methods, reason = "a client is not a child of the server")]
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-hide_banner", "-nostats", "-v", "error"]).args(args);
    command.stdin(Stdio::null()).output().expect("ffmpeg is installed")
}
