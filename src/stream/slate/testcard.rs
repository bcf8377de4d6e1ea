//! The test card: what one looks at to see whether a player shows what is sent. PURE.
//!
//! Eight seconds, again and again. Once a second a pointer crosses the middle of its track, two
//! fields light up and a tone of 1 kHz sounds for a tenth of a second, all at the same moment: what
//! is seen and heard apart is apart in the player. Eight seconds are a whole number of sound
//! frames, so the loop does not shift sound against picture.
//!
//! - The edge is black and white: what of it is not seen, the screen cuts off.
//! - The thin frames are nine and nine and a half tenths of the picture; the circle is round.
//! - Bars of three quarters brightness, a scale of eleven steps of grey, and lines of one to four
//!   pixels, which are all grey where a player scales.

mod drawing;

use std::ffi::OsString;
use std::path::Path;

pub(super) use self::drawing::draw;
use super::geometry::Area;
use crate::domain::{AudioStream, FrameRate, Probe, Profile, VideoStream};

/// How long it is, in milliseconds.
pub(super) const LENGTH_MS: i64 = 8_000;

/// The arguments with which ffmpeg makes a clip of it at `path`, from the drawn `card`.
///
/// Nothing in here comes from outside but the two paths, which are ours.
pub(super) fn arguments(profile: &Profile, card: &Path, path: &Path) -> Vec<OsString> {
    let FrameRate { num, den } = profile.rate;
    let Places { track, lamps, steps, pointer } = Places::of(profile);
    let size = |area: Area| format!("{}x{}", even(area.width), even(area.height));
    let at = |value: f32| even(value);
    let white = |size: String| format!("color=white:s={size}:r={num}/{den},format=yuv420p");
    let lit = "enable='lt(mod(t+0.5,1),0.1)'";
    let step = steps[1].x - steps[0].x;
    let graph = format!(
        "[0:v]format=yuv420p[card];{pointer_source}[pointer];\
         [card][pointer]overlay=x='{left}+{way}*mod(t,1)':y={track_y}:shortest=1[a];\
         {lamp}[left];{lamp}[right];{step_source}[step];\
         [a][left]overlay=x={left_x}:y={lamp_y}:{lit}:shortest=1[b];\
         [b][right]overlay=x={right_x}:y={lamp_y}:{lit}:shortest=1[c];\
         [c][step]overlay=x='{first}+{step}*floor(mod(t+0.02,8))':y={step_y}:shortest=1,\
         format=yuv420p[v]",
        pointer_source = white(size(pointer)),
        lamp = white(size(lamps[0])),
        step_source = white(size(steps[0])),
        left = at(track.x - pointer.width / 2.0),
        way = at(track.width),
        track_y = at(track.y),
        left_x = at(lamps[0].x),
        right_x = at(lamps[1].x),
        lamp_y = at(lamps[0].y),
        first = at(steps[0].x),
        step_y = at(steps[0].y),
    );
    let tone = "aevalsrc='0.2*sin(2*PI*1000*t)*lt(mod(t+0.5,1),0.1)|0.2*sin(2*PI*1000*t)\
                *lt(mod(t+0.5,1),0.1)':s=48000:d=8";
    let mut args: Vec<OsString> = Vec::new();
    let mut add = |words: &[&str]| args.extend(words.iter().map(OsString::from));
    let rate = format!("{num}/{den}");
    add(&["-nostdin", "-hide_banner", "-loglevel", "error", "-y", "-loop", "1"]);
    add(&["-framerate", &rate, "-protocol_whitelist", "file", "-f", "image2", "-i"]);
    args.push(card.into());
    let mut add = |words: &[&str]| args.extend(words.iter().map(OsString::from));
    add(&["-f", "lavfi", "-i", tone, "-filter_complex", &graph, "-map", "[v]", "-map", "1:a"]);
    add(&["-t", "8", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "10", "-g", "50"]);
    add(&["-c:a", "pcm_s16le", "-f", "matroska"]);
    args.push(path.into());
    args
}

/// What is in that clip.
pub(super) fn probe(profile: &Profile) -> Probe {
    Probe {
        container: "matroska,webm".to_owned(),
        start_ms: 0,
        video: Some(VideoStream {
            codec: "h264".to_owned(),
            codec_profile: "High".to_owned(),
            width: profile.width,
            height: profile.height,
            pixel_format: "yuv420p".to_owned(),
            rate: profile.rate,
            constant_rate: true,
            progressive: true,
            rotation: 0,
            square_pixels: true,
            transfer: String::new(),
            gop_ms: None,
        }),
        audio: vec![AudioStream {
            codec: "pcm_s16le".to_owned(),
            codec_profile: String::new(),
            channels: 2,
            sample_rate: 48_000,
            language: None,
            default: true,
        }],
        subtitles: Vec::new(),
    }
}

/// Where things are that move or light up.
struct Places {
    track: Area,
    pointer: Area,
    lamps: [Area; 2],
    steps: [Area; 8],
}

impl Places {
    fn of(profile: &Profile) -> Self {
        let (wide, high) = (profile.width as f32, profile.height as f32);
        let track = Area { x: wide * 0.2, y: high * 0.72, width: wide * 0.6, height: high * 0.06 };
        let pointer = Area { width: (wide * 0.008).max(4.0), ..track };
        let side = high * 0.1;
        let lamp = |x: f32| Area { x, y: high * 0.47, width: side, height: side };
        let step = |nth: u8| Area {
            x: wide * (0.3 + 0.05 * f32::from(nth)) + wide * 0.005,
            y: high * 0.82,
            width: wide * 0.04,
            height: high * 0.04,
        };
        Self {
            track,
            pointer,
            lamps: [lamp(wide * 0.22), lamp(wide * 0.78 - side)],
            steps: [0, 1, 2, 3, 4, 5, 6, 7].map(step),
        }
    }
}

/// Whole and even, as pictures with half the colours want it.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place on a picture")]
fn even(value: f32) -> u32 {
    ((value / 2.0 + 0.5).max(1.0) as u32) * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lights_up_is_where_it_is_drawn() {
        let profile = Profile::named("720p25").unwrap();
        let args = arguments(&profile, Path::new("/a.ppm"), Path::new("/b.mkv"));
        let all: Vec<String> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
        let graph = all.iter().find(|arg| arg.contains("overlay")).unwrap();
        let Places { lamps, .. } = Places::of(&profile);
        assert!(graph.contains(&format!("overlay=x={}:y={}", even(lamps[0].x), even(lamps[0].y))));
        // Frames of AAC and AC-3.
        assert_eq!((LENGTH_MS * 90 % 1_920, LENGTH_MS * 90 % 2_880), (0, 0));
    }
}
