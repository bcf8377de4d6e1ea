//! The slates' letters: two weights of one font, in the binary, so that a card looks the same on
//! every machine and needs none of its fonts. PURE.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef};

use super::canvas::width_of;

/// For what is read first.
pub(super) static STRONG: LazyLock<Option<FontRef<'static>>> =
    LazyLock::new(|| read(include_bytes!("../../../assets/vendor/Roboto-Medium.ttf")));
/// For the rest.
pub(super) static PLAIN: LazyLock<Option<FontRef<'static>>> =
    LazyLock::new(|| read(include_bytes!("../../../assets/vendor/Roboto-Regular.ttf")));

/// What a long text loses first is size, down to this part of it.
const SMALLEST: f32 = 0.6;

fn read(bytes: &'static [u8]) -> Option<FontRef<'static>> {
    // reason: a test makes sure that they are fonts; without letters a card is still a card.
    FontRef::try_from_slice(bytes).ok()
}

/// What of `text` can be written: letters the font has, spaces joined; empty when nothing is left.
pub(super) fn writable(font: &FontRef<'_>, text: &str) -> String {
    let known: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| *c == ' ' || font.glyph_id(*c).0 != 0)
        .collect();
    known.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Fits `text` into `width` pixels: smaller letters first, then fewer. Gives what to write and how
/// large.
pub(super) fn fitted(font: &FontRef<'_>, size: f32, width: f32, text: &str) -> (String, f32) {
    let wanted = width_of(font, size, text);
    if wanted <= width {
        return (text.to_owned(), size);
    }
    let size = size * (width / wanted).max(SMALLEST);
    let mut shown: Vec<char> = text.chars().collect();
    let mut words = text.to_owned();
    while width_of(font, size, &words) > width && shown.pop().is_some() {
        words = shown.iter().collect::<String>().trim_end().to_owned() + "…";
    }
    (words, size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_a_letter_is_written() {
        let font = STRONG.as_ref().unwrap();
        assert_eq!(writable(font, "  Käse \n🎬 und\tΩ Ж "), "Käse und Ω Ж");
        assert_eq!(writable(font, "日本"), "");
        assert!(PLAIN.is_some());
    }

    #[test]
    fn a_long_text_is_made_to_fit() {
        let font = STRONG.as_ref().unwrap();
        let long = "Wonderful ".repeat(20);
        let (words, size) = fitted(font, 100.0, 900.0, long.trim());
        assert!(words.ends_with('…') && width_of(font, size, &words) <= 900.0);
        assert_eq!(fitted(font, 100.0, 900.0, "Short"), ("Short".to_owned(), 100.0));
        assert!(fitted(font, 100.0, 1.0, "Short").0.chars().count() <= 1);
    }
}
