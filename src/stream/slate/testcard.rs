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

use std::ffi::OsString;
use std::path::Path;

use super::canvas::{Align, Area, Canvas, Colour, box_distance, point_distance, width_of};
use super::lettering::{PLAIN, STRONG};
use crate::domain::{AudioStream, FrameRate, Probe, Profile, VideoStream};

/// How long it is, in milliseconds.
pub(super) const LENGTH_MS: i64 = 8_000;

const BARS: [Colour; 7] = [
    [191, 191, 191],
    [191, 191, 0],
    [0, 191, 191],
    [0, 191, 0],
    [191, 0, 191],
    [191, 0, 0],
    [0, 0, 191],
];
const WHITE: Colour = [235, 235, 235];
const BLACK: Colour = [16, 16, 16];
const LINE: Colour = [150, 150, 150];
const GROUND: f32 = 92.0;

/// Draws everything that does not move.
pub(super) fn draw(profile: &Profile) -> Canvas {
    let (wide, high) = (profile.width as f32, profile.height as f32);
    let line = (high / 1080.0).min(wide / 1440.0);
    let mut canvas = Canvas::painted(profile.width, profile.height, |_, _| [GROUND; 3]);
    let whole = Area { x: 0.0, y: 0.0, width: wide, height: high };
    grid(&mut canvas, whole, (2.0 * line).max(1.0));
    edge(&mut canvas, whole);
    for part in [0.9, 0.95] {
        let area = Area {
            x: wide * (1.0 - part) / 2.0,
            y: high * (1.0 - part) / 2.0,
            width: wide * part,
            height: high * part,
        };
        outline(&mut canvas, area, (2.0 * line).max(1.0), WHITE);
    }
    let radius = high * 0.44;
    canvas.shape(whole, WHITE, |x, y| {
        (point_distance((wide / 2.0, high / 2.0), x, y) - radius).abs() - (2.5 * line).max(0.6)
    });
    let area = |top: f32, bottom: f32| Area {
        x: wide * 0.2,
        y: high * top,
        width: wide * 0.6,
        height: high * (bottom - top),
    };
    columns(&mut canvas, area(0.16, 0.36), &BARS);
    let greys: Vec<Colour> = (0..11_u8).map(|step| [16 + step * 22; 3]).collect();
    columns(&mut canvas, area(0.36, 0.44), &greys);
    fill(&mut canvas, area(0.44, 0.6), BLACK);
    words(&mut canvas, profile, line);
    fineness(&mut canvas, area(0.6, 0.68));
    let Places { track, lamps, steps, .. } = Places::of(profile);
    fill(&mut canvas, track, BLACK);
    let middle = Area { x: wide / 2.0 - 2.0 * line, width: 4.0 * line, ..track };
    fill(&mut canvas, middle, LINE);
    for lamp in lamps.into_iter().chain(steps) {
        fill(&mut canvas, lamp, BLACK);
        outline(&mut canvas, lamp, (2.0 * line).max(1.0), LINE);
    }
    canvas
}

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

fn words(canvas: &mut Canvas, profile: &Profile, line: f32) {
    let (wide, high) = (canvas.width as f32, canvas.height as f32);
    let middle = wide / 2.0;
    let room = wide * 0.6 - high * 0.3;
    let said = format!("{}×{} · {} fps · 1 kHz", profile.width, profile.height, profile.rate);
    for (font, size, y, text) in
        [(&*STRONG, 76.0, 0.518, "EXStreamTV"), (&*PLAIN, 46.0, 0.574, said.as_str())]
    {
        let Some(font) = font else { continue };
        let size = size * line;
        let size = size * (room / width_of(font, size, text).max(1.0)).min(1.0);
        canvas.text(font, size, Align::Middle(middle), high * y, WHITE, text);
    }
}

/// Squares over the whole picture, from its middle on.
fn grid(canvas: &mut Canvas, whole: Area, stroke: f32) {
    let step = whole.height / 18.0;
    let (cx, cy) = (whole.width / 2.0, whole.height / 2.0);
    let far = |value: f32| {
        let within = value - (value / step).floor() * step;
        within.min(step - within)
    };
    canvas.shape(whole, LINE, |x, y| far(x - cx).min(far(y - cy)) - stroke / 2.0);
}

/// Black and white in turn along the edge.
fn edge(canvas: &mut Canvas, whole: Area) {
    let depth = whole.height / 36.0;
    let inner = Area {
        x: depth,
        y: depth,
        width: whole.width - 2.0 * depth,
        height: whole.height - 2.0 * depth,
    };
    let step = whole.height / 9.0;
    for (colour, odd) in [(WHITE, false), (BLACK, true)] {
        canvas.shape(whole, colour, |x, y| {
            let along = ((x - whole.width / 2.0) / step).floor() + ((y) / step).floor();
            let is_odd = (along / 2.0).floor() * 2.0 != along;
            if is_odd == odd { -box_distance(inner, 0.0, x, y) } else { 1.0 }
        });
    }
}

fn outline(canvas: &mut Canvas, area: Area, stroke: f32, colour: Colour) {
    canvas.shape(area, colour, |x, y| box_distance(area, 0.0, x, y).abs() - stroke / 2.0);
}

fn fill(canvas: &mut Canvas, area: Area, colour: Colour) {
    canvas.rounded(area, 0.0, colour);
}

fn columns(canvas: &mut Canvas, area: Area, colours: &[Colour]) {
    let width = area.width / colours.len() as f32;
    let mut x = area.x;
    for colour in colours {
        fill(canvas, Area { x, width, ..area }, *colour);
        x += width;
    }
}

/// Black and white lines of one, two, three and four pixels.
fn fineness(canvas: &mut Canvas, area: Area) {
    fill(canvas, area, WHITE);
    let part = area.width / 4.0;
    for (nth, pixels) in [1.0, 2.0, 3.0, 4.0_f32].into_iter().enumerate() {
        let field = Area { x: area.x + part * nth as f32, width: part, ..area };
        canvas.shape(field, BLACK, |x, y| {
            let inside = box_distance(field, 0.0, x, y) < 0.0;
            let column = ((x - 0.5) / pixels).floor();
            let is_black = (column / 2.0).floor() * 2.0 == column;
            if inside && is_black { -1.0 } else { 1.0 }
        });
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
    fn it_is_drawn_at_every_size() {
        for profile in Profile::all().into_iter().step_by(8) {
            let card = draw(&profile);
            let at = |x: f32, y: f32| {
                let (x, y) = (profile.width as f32 * x, profile.height as f32 * y);
                let at = (y as usize * profile.width as usize + x as usize) * 3;
                [card.pixels[at], card.pixels[at + 1], card.pixels[at + 2]]
            };
            assert_eq!(at(0.22, 0.3), BARS[0]);
            assert_eq!(at(0.78, 0.3), BARS[6]);
            assert_eq!(at(0.21, 0.75), BLACK, "the track");
            assert!([WHITE, BLACK].contains(&at(0.001, 0.5)), "the edge");
        }
    }

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
