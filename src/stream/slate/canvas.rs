//! A picture in memory that shapes and letters are drawn on. PURE.
//!
//! Only sums, products and roots are used, which every machine rounds alike: the same card is the
//! same picture everywhere.

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};
use image::ImageEncoder;

use super::geometry::{Area, box_distance};

/// Red, green and blue.
pub(super) type Colour = [u8; 3];

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Canvas {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Three bytes a pixel, row by row.
    pub(super) pixels: Vec<u8>,
}

/// Where a text begins on its line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Align {
    /// It begins at this place.
    Left(f32),
    /// Its middle is at this place.
    Middle(f32),
}

impl Canvas {
    /// A canvas whose every pixel is `paint` of its place, fine steps mixed where they would show.
    pub(super) fn painted(width: u32, height: u32, paint: impl Fn(f32, f32) -> [f32; 3]) -> Self {
        let mut pixels = Vec::with_capacity(bytes(width, height));
        for y in 0..height {
            for x in 0..width {
                let colour = paint(x as f32 + 0.5, y as f32 + 0.5);
                let step = dither(x, y);
                pixels.extend(colour.map(|value| to_byte(value + step)));
            }
        }
        Self { width, height, pixels }
    }

    /// Fills where `distance` to the edge (in pixels, negative inside) says so, edges softened.
    pub(super) fn shape(&mut self, area: Area, colour: Colour, distance: impl Fn(f32, f32) -> f32) {
        let (left, right) = span(area.x - 1.0, area.x + area.width + 1.0, self.width);
        let (top, bottom) = span(area.y - 1.0, area.y + area.height + 1.0, self.height);
        for y in top..bottom {
            for x in left..right {
                let cover = 0.5 - distance(x as f32 + 0.5, y as f32 + 0.5);
                self.blend(x, y, colour, cover);
            }
        }
    }

    /// Fills a rectangle with round corners.
    pub(super) fn rounded(&mut self, area: Area, radius: f32, colour: Colour) {
        self.shape(area, colour, |x, y| box_distance(area, radius, x, y));
    }

    /// Writes `text` on the line `baseline`, `size` pixels from its highest to its lowest letter;
    /// what the font has no letter for is left out.
    pub(super) fn text(
        &mut self,
        font: &FontRef<'_>,
        size: f32,
        align: Align,
        baseline: f32,
        colour: Colour,
        text: &str,
    ) {
        let scale = PxScale::from(size);
        let scaled = font.as_scaled(scale);
        let mut x = match align {
            Align::Left(x) => x,
            Align::Middle(x) => x - width_of(font, size, text) / 2.0,
        };
        let mut before = None;
        for id in text.chars().map(|c| font.glyph_id(c)).filter(|id| id.0 != 0) {
            if let Some(before) = before {
                x += scaled.kern(before, id);
            }
            before = Some(id);
            let glyph = id.with_scale_and_position(scale, point(x, baseline));
            x += scaled.h_advance(id);
            let Some(outline) = font.outline_glyph(glyph) else { continue };
            let corner = outline.px_bounds().min;
            outline.draw(|dx, dy, cover| {
                let (x, y) = (corner.x + dx as f32, corner.y + dy as f32);
                if x >= 0.0 && y >= 0.0 {
                    self.blend(to_pixel(x), to_pixel(y), colour, cover);
                }
            });
        }
    }

    /// Lays a picture with an alpha channel over the canvas.
    pub(super) fn picture(&mut self, picture: &image::RgbaImage, left: u32, top: u32) {
        for (x, y, pixel) in picture.enumerate_pixels() {
            let [red, green, blue, alpha] = pixel.0;
            self.blend(left + x, top + y, [red, green, blue], f32::from(alpha) / 255.0);
        }
    }

    /// The picture as a file of the plainest kind.
    pub(super) fn to_ppm(&self) -> Vec<u8> {
        let mut file = format!("P6 {} {} 255\n", self.width, self.height).into_bytes();
        file.extend_from_slice(&self.pixels);
        file
    }

    /// The picture as a PNG file.
    pub(super) fn to_png(&self) -> Option<Vec<u8>> {
        let mut file = Vec::new();
        let encoder = image::codecs::png::PngEncoder::new(&mut file);
        let colours = image::ExtendedColorType::Rgb8;
        let written = encoder.write_image(&self.pixels, self.width, self.height, colours);
        // reason: memory takes every byte; without a picture there is none to look at.
        written.ok().map(|()| file)
    }

    fn blend(&mut self, x: u32, y: u32, colour: Colour, cover: f32) {
        if x >= self.width || y >= self.height || cover <= 0.0 {
            return;
        }
        let at = bytes(self.width, y) + bytes(x, 1);
        let cover = cover.min(1.0);
        for (under, over) in self.pixels[at..].iter_mut().zip(colour) {
            let (from, to) = (f32::from(*under), f32::from(over));
            *under = to_byte(from + (to - from) * cover);
        }
    }
}

/// How wide `text` is.
pub(super) fn width_of(font: &FontRef<'_>, size: f32, text: &str) -> f32 {
    let scaled = font.as_scaled(PxScale::from(size));
    let mut width = 0.0;
    let mut before = None;
    for id in text.chars().map(|c| font.glyph_id(c)).filter(|id| id.0 != 0) {
        if let Some(before) = before {
            width += scaled.kern(before, id);
        }
        before = Some(id);
        width += scaled.h_advance(id);
    }
    width
}

/// Bytes of `rows` rows of `width` pixels.
fn bytes(width: u32, rows: u32) -> usize {
    // A side is at most a few thousand pixels, so this fits wherever the picture does.
    width as usize * rows as usize * 3
}

/// A step of less than one value, in a pattern of 4×4, so that gradients show no bands.
fn dither(x: u32, y: u32) -> f32 {
    const PATTERN: [[u8; 4]; 4] = [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]];
    let at = PATTERN[(y % 4) as usize][(x % 4) as usize];
    f32::from(at) / 16.0 - 0.5
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn to_byte(value: f32) -> u8 {
    (value + 0.5).clamp(0.0, 255.0) as u8
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, small")]
fn to_pixel(value: f32) -> u32 {
    value as u32
}

/// The pixels from `from` to `to` that are on the canvas.
fn span(from: f32, to: f32, size: u32) -> (u32, u32) {
    (to_pixel(from.max(0.0)), to_pixel(to.max(0.0)).saturating_add(1).min(size))
}
