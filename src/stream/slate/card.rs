//! How a slate looks: who speaks, and why there is no programme. PURE.
//!
//! Everything is a part of the picture's height, so a card looks the same at every size. What
//! matters lies within nine tenths of the picture; the smallest letters are a twenty-fifth of its
//! height, which can be read across a room.

use super::canvas::{Align, Canvas, Colour, width_of};
use super::geometry::{Area, box_distance, line_distance, point_distance};
use super::lettering::{PLAIN, STRONG, fitted, writable};
use crate::domain::SlateKind;

/// Who speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Face<'a> {
    /// The channel's number.
    pub(super) number: &'a str,
    /// Its name.
    pub(super) name: &'a str,
    /// Tells channels apart by colour.
    pub(super) hue: usize,
    /// Its logo.
    pub(super) logo: Option<&'a image::RgbaImage>,
}

const WHITE: Colour = [0xF4, 0xF6, 0xFB];
const PALE: Colour = [0xA9, 0xB2, 0xC8];
const INK: Colour = [0x0D, 0x10, 0x1A];

/// Colours that are told apart across a room and read well on the dark ground.
const HUES: [Colour; 8] = [
    [0x5B, 0x8D, 0xFF],
    [0xF2, 0xA6, 0x5A],
    [0x4F, 0xC9, 0xA8],
    [0xE8, 0x6A, 0x8B],
    [0xB0, 0x8C, 0xF5],
    [0xE5, 0xC0, 0x4B],
    [0x55, 0xBE, 0xE8],
    [0x9C, 0xCB, 0x5C],
];

/// What is said, and what more.
fn words(kind: SlateKind) -> (&'static str, &'static str) {
    match kind {
        SlateKind::Starting => ("One moment", "The programme is about to begin."),
        SlateKind::Technical => {
            ("Technical difficulties", "The programme goes on as soon as possible.")
        }
        SlateKind::NoProgramming => ("No programme", "Nothing is planned for this time."),
        SlateKind::Offline => ("Off the air", "This channel is not broadcasting now."),
    }
}

/// Draws the card of `kind`; without a face, one that any channel can show.
pub(super) fn draw(width: u32, height: u32, kind: SlateKind, face: Option<&Face<'_>>) -> Canvas {
    let (wide, high) = (width as f32, height as f32);
    // A line of a picture of 1080 lines, less where the picture is narrow.
    let line = (high / 1080.0).min(wide / 1440.0);
    let hue = HUES[face.map_or(0, |face| face.hue) % HUES.len()];
    let mut canvas = ground(width, height, hue);
    let middle = wide / 2.0;
    let room = wide * 0.86;
    icon(&mut canvas, kind, (middle, high * 0.36), line, hue);
    let (title, more) = words(kind);
    let baseline = high * 0.36 + 240.0 * line;
    if let Some(font) = STRONG.as_ref() {
        let (title, size) = fitted(font, 128.0 * line, room, title);
        canvas.text(font, size, Align::Middle(middle), baseline, WHITE, &title);
    }
    if let Some(font) = PLAIN.as_ref() {
        let (more, size) = fitted(font, 58.0 * line, room, more);
        canvas.text(font, size, Align::Middle(middle), baseline + 96.0 * line, PALE, &more);
    }
    if let Some(face) = face {
        name_plate(&mut canvas, face, line, hue);
    }
    canvas
}

/// A dark ground with a little of the channel's colour from below.
fn ground(width: u32, height: u32, hue: Colour) -> Canvas {
    let (wide, high) = (width as f32, height as f32);
    Canvas::painted(width, height, |x, y| {
        let (dx, dy) = ((x / wide - 0.5) * 1.1, y / high - 0.42);
        let light = (1.0 - (dx * dx + dy * dy).sqrt() * 1.35).clamp(0.0, 1.0);
        let (gx, gy) = ((x / wide - 0.12) * 0.9, (y / high - 1.15) * 1.1);
        let glow = (1.0 - (gx * gx + gy * gy).sqrt() * 1.25).clamp(0.0, 1.0);
        let glow = glow * glow * 0.16;
        [(11.0, 20.0, 0), (13.0, 24.0, 1), (20.0, 38.0, 2)].map(|(dark, bright, channel)| {
            let value: f32 = dark + bright * light;
            value + (f32::from(hue[channel]) - value) * glow
        })
    })
}

/// The channel's number, name and logo, at the lower left.
fn name_plate(canvas: &mut Canvas, face: &Face<'_>, line: f32, hue: Colour) {
    let (wide, high) = (canvas.width as f32, canvas.height as f32);
    let (left, bottom) = (wide * 0.06, high * 0.93);
    let plate = 92.0 * line;
    let mut at = left;
    let top = bottom - plate;
    if let Some(logo) = face.logo {
        let most = (wide * 0.3, plate * 1.6);
        let fits = (most.0 / logo.width() as f32).min(most.1 / logo.height() as f32);
        let size = |side: u32| round(side as f32 * fits).max(1);
        let (w, h) = (size(logo.width()), size(logo.height()));
        let logo = image::imageops::resize(logo, w, h, image::imageops::FilterType::Triangle);
        canvas.picture(&logo, round(at), round(bottom - h as f32));
        at += w as f32 + 32.0 * line;
    }
    let Some(font) = STRONG.as_ref() else { return };
    let size = 64.0 * line;
    // The letters stand in the middle of the plate.
    let baseline = top + plate / 2.0 + size * 0.31;
    let digits = writable(font, face.number);
    let inner = width_of(font, size, &digits);
    let area = Area { x: at, y: top, width: inner + 44.0 * line, height: plate };
    canvas.rounded(area, 20.0 * line, hue);
    canvas.text(font, size, Align::Left(at + 22.0 * line), baseline, INK, &digits);
    at += area.width + 30.0 * line;
    let name = writable(font, face.name);
    let (name, size) = fitted(font, size, wide * 0.94 - at, &name);
    canvas.text(font, size, Align::Left(at), baseline, WHITE, &name);
}

/// A sign for the reason, 150 lines high, around `center`.
fn icon(canvas: &mut Canvas, kind: SlateKind, center: (f32, f32), line: f32, hue: Colour) {
    let (cx, cy) = center;
    let stroke = 12.0 * line;
    let half = 75.0 * line;
    let area = Area { x: cx - half, y: cy - half, width: half * 2.0, height: half * 2.0 };
    let ring = |x: f32, y: f32| {
        (point_distance(center, x, y) - (half - stroke / 2.0)).abs() - stroke / 2.0
    };
    let to = |dx: f32, dy: f32| (cx + dx * line, cy + dy * line);
    match kind {
        SlateKind::Starting => canvas.shape(area, hue, |x, y| {
            let long = line_distance(center, to(0.0, -38.0), stroke, x, y);
            ring(x, y).min(long).min(line_distance(center, to(26.0, 16.0), stroke, x, y))
        }),
        SlateKind::Technical => canvas.shape(area, hue, |x, y| {
            let mark = line_distance(to(0.0, -34.0), to(0.0, 8.0), stroke, x, y);
            ring(x, y).min(mark).min(point_distance(to(0.0, 34.0), x, y) - stroke * 0.65)
        }),
        SlateKind::NoProgramming => canvas.shape(area, hue, |x, y| {
            let screen = Area {
                x: area.x + stroke / 2.0,
                y: area.y + 22.0 * line,
                width: area.width - stroke,
                height: 98.0 * line,
            };
            let screen = box_distance(screen, 14.0 * line, x, y).abs() - stroke / 2.0;
            screen.min(line_distance(to(-34.0, 68.0), to(34.0, 68.0), stroke, x, y))
        }),
        SlateKind::Offline => canvas.shape(area, hue, |x, y| {
            let disc = point_distance(center, x, y) - half * 0.92;
            disc.max(half * 0.8 - point_distance(to(30.0, -22.0), x, y))
        }),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place on a picture")]
fn round(value: f32) -> u32 {
    (value + 0.5).max(0.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_card_is_another_and_always_the_same() {
        let face = Face { number: "7", name: "Seven", hue: 3, logo: None };
        let mut seen = Vec::new();
        for kind in SlateKind::ALL {
            for face in [None, Some(&face)] {
                let card = draw(320, 180, kind, face);
                assert_eq!(card, draw(320, 180, kind, face));
                assert!(!seen.contains(&card.pixels), "{kind}");
                seen.push(card.pixels);
            }
        }
    }

    #[test]
    fn no_name_and_no_size_breaks_a_card() {
        let names = ["", "'; [x] %{eif\\:1} \n", "日本", &"W".repeat(100), "\u{202e}abc\u{0}"];
        for name in names {
            let logo = image::RgbaImage::from_pixel(900, 2, image::Rgba([1, 2, 3, 4]));
            for logo in [None, Some(&logo)] {
                let face = Face { number: "9999.999", name, hue: 12, logo };
                for (width, height) in [(16, 16), (320, 240), (180, 320), (642, 360)] {
                    let card = draw(width, height, SlateKind::Technical, Some(&face));
                    assert_eq!(card.pixels.len(), (width * height * 3) as usize);
                }
            }
        }
    }

    #[test]
    fn nothing_is_written_near_the_edge() {
        let face = Face { number: "1984.1", name: &"Wide ".repeat(20), hue: 1, logo: None };
        let (width, height) = (640, 360);
        let (with, without) = (
            draw(width, height, SlateKind::Technical, Some(&face)),
            ground(width, height, HUES[1]),
        );
        let differs = |x: u32, y: u32| {
            let at = ((y * width + x) * 3) as usize;
            with.pixels[at..at + 3] != without.pixels[at..at + 3]
        };
        for x in 0..width {
            for y in 0..height {
                let inside = (width / 20..width * 19 / 20).contains(&x)
                    && (height / 20..height * 19 / 20).contains(&y);
                assert!(inside || !differs(x, y), "{x},{y}");
            }
        }
    }
}
