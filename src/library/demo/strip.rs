//! The strip at the foot of every demo picture: which item this is and how far into it. PURE.
//!
//! Forty black and white cells across the whole width of the picture:
//!
//! ```text
//! 1010 | item, 8 bits | time in 1/25 s, 16 bits | check, 8 bits | 1101
//! ```
//!
//! ffmpeg draws it from one expression, and [`read`] reads it from any decoded picture, whatever
//! was done to it in between: scaled, padded, transcoded. It begins and ends with white, which is
//! how it is found between black bars. Test pictures read it to see that the guide tells the truth.

/// Cells of the strip.
const CELLS: usize = 40;
/// Marks the beginning.
const HEAD: [bool; 4] = [true, false, true, false];
/// Marks the end.
const TAIL: [bool; 4] = [true, true, false, true];

/// What a strip says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Number of the demo item.
    pub item: u8,
    /// Time in the item, in steps of 40 ms.
    pub at_ms: i64,
}

/// The source that draws the strip of `item` for ffmpeg, `width`×`height` at `rate` frames a second.
pub fn source(item: u8, rate: &str, width: u32, height: u32) -> String {
    // 0: the time; 1, 2: its low and high byte; 3: the check. A bit is `mod(floor(v/2^n),2)`; the
    // 0.05 keeps a frame that lies exactly on a step from falling below it.
    let bit = |value: &str, last: u32| format!("mod(floor({value}/pow(2,{last}-X)),2)");
    let (id, time, check) = (bit(&item.to_string(), 11), bit("ld(0)", 27), bit("ld(3)", 35));
    format!(
        "color=black:s={CELLS}x2:r={rate},format=yuv420p,geq=cb=128:cr=128:lum='\
         st(0,floor(T*25+0.05));st(1,mod(ld(0),256));st(2,floor(ld(0)/256));\
         st(3,mod({item}*3+ld(1)*5+ld(2)*7+90,256));16+219*\
         if(lt(X,4),1-mod(X,2),if(lt(X,12),{id},if(lt(X,28),{time},if(lt(X,36),{check},\
         1-eq(X,38)))))',scale={width}:{height}:flags=neighbor"
    )
}

/// Reads the strip from the luma plane of a picture, or `None` when there is none.
///
/// Two rows must say the same, so that a picture that happens to look like a strip is not taken.
pub fn read(luma: &[u8], width: usize) -> Option<Mark> {
    let mut below = None;
    let rows = luma.chunks_exact(width).rev();
    // Black bars take at most a quarter of the height.
    let half = luma.len() / width.max(1) / 2;
    for row in rows.take(half).step_by(2) {
        let mark = read_row(row);
        if mark.is_some() && mark == below {
            return mark;
        }
        below = mark;
    }
    None
}

fn read_row(row: &[u8]) -> Option<Mark> {
    let is_white = |luma: &u8| *luma > 125;
    let first = row.iter().position(is_white)?;
    let last = row.iter().rposition(is_white)?;
    let cell = (last + 1 - first) as f64 / CELLS as f64;
    if cell < 4.0 {
        return None;
    }
    let mut cells = [false; CELLS];
    for (n, white) in cells.iter_mut().enumerate() {
        let middle = first + ((n as f64 + 0.5) * cell) as usize;
        *white = is_white(row.get(middle)?);
    }
    if cells[..4] != HEAD || cells[36..] != TAIL {
        return None;
    }
    let number = |bits: &[bool]| bits.iter().fold(0_u32, |sum, bit| sum * 2 + u32::from(*bit));
    let (item, time, check) =
        (number(&cells[4..12]), number(&cells[12..28]), number(&cells[28..36]));
    if check != (item * 3 + (time & 255) * 5 + (time >> 8) * 7 + 90) % 256 {
        return None;
    }
    Some(Mark { item: u8::try_from(item).ok()?, at_ms: i64::from(time) * 40 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_strip_is_found_between_black_bars() {
        let mark = Mark { item: 9, at_ms: 12_040 };
        let picture = draw(mark, 160, 960, 40);
        assert_eq!(read(&picture, 1280), Some(mark));
    }

    #[test]
    fn a_damaged_strip_is_not_believed() {
        let mut picture = draw(Mark { item: 9, at_ms: 12_040 }, 0, 1280, 0);
        let width = 1280;
        for row in picture.chunks_exact_mut(width) {
            row[20 * 32..21 * 32].iter_mut().for_each(|luma| *luma = 255 - *luma);
        }
        assert_eq!(read(&picture, width), None);
    }

    #[test]
    fn a_plain_picture_has_no_strip() {
        for luma in [0, 16, 128, 235, 255] {
            assert_eq!(read(&vec![luma; 1280 * 720], 1280), None);
        }
        assert_eq!(read(&[], 1280), None);
    }

    proptest! {
        #[test]
        fn what_is_drawn_is_read(item: u8, steps: u16, left in 0_usize..200, bottom in 0_usize..90) {
            let mark = Mark { item, at_ms: i64::from(steps) * 40 };
            let picture = draw(mark, left, 1280 - 2 * left, bottom);
            prop_assert_eq!(read(&picture, 1280), Some(mark));
        }
    }

    /// A grey 1280×720 picture with black bars and the strip of `mark` on its lowest rows.
    fn draw(mark: Mark, left: usize, width: usize, bottom: usize) -> Vec<u8> {
        let time = u32::try_from(mark.at_ms / 40).unwrap();
        let item = u32::from(mark.item);
        let check = (item * 3 + (time & 255) * 5 + (time >> 8) * 7 + 90) % 256;
        let bits = |value: u32, count: u32| (0..count).rev().map(move |n| value >> n & 1 == 1);
        let cells: Vec<bool> = HEAD
            .into_iter()
            .chain(bits(item, 8))
            .chain(bits(time, 16))
            .chain(bits(check, 8))
            .chain(TAIL)
            .collect();
        let mut picture = vec![16_u8; 1280 * 720];
        for (y, row) in picture.chunks_exact_mut(1280).enumerate() {
            if y >= 720 - bottom {
                continue;
            }
            for x in 0..width {
                let strip = y >= 720 - bottom - 24;
                let white = cells[x * CELLS / width];
                row[left + x] = if !strip {
                    90
                } else if white {
                    235
                } else {
                    16
                };
            }
        }
        picture
    }
}
