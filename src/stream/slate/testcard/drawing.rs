//! What of the test card does not move. PURE.

use super::Places;
use crate::domain::Profile;
use crate::stream::slate::canvas::{Align, Canvas, Colour, width_of};
use crate::stream::slate::geometry::{Area, box_distance, point_distance};
use crate::stream::slate::lettering::{PLAIN, STRONG};

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
pub(in crate::stream::slate) fn draw(profile: &Profile) -> Canvas {
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
}
