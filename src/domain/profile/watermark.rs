//! A watermark: a small picture that lies over a channel's own.
//!
//! It is drawn when an item is conformed, so it costs nothing while the channel runs; renditions
//! with it are others than those without. Its times are those of the item, not of the clock.

use serde::{Deserialize, Serialize};

use super::rules::words;
use crate::domain::{InvalidField, WatermarkId, check_name};

words!(
    /// When a watermark is seen.
    WatermarkMode {
        /// Always.
        Permanent = "permanent",
        /// Now and then.
        Intermittent = "intermittent",
        /// Now and then, coming and going softly.
        Fading = "fading",
    }
);

words!(
    /// Where on the picture something lies.
    Place {
        /// In the corner.
        TopLeft = "top_left",
        /// In the middle of the upper edge.
        TopCenter = "top_center",
        /// In the corner.
        TopRight = "top_right",
        /// In the middle of the left edge.
        LeftCenter = "left_center",
        /// In the middle.
        Center = "center",
        /// In the middle of the right edge.
        RightCenter = "right_center",
        /// In the corner.
        BottomLeft = "bottom_left",
        /// In the middle of the lower edge.
        BottomCenter = "bottom_center",
        /// In the corner.
        BottomRight = "bottom_right",
    }
);

words!(
    /// What kind of file a picture is.
    ImageKind {
        /// PNG.
        Png = "png",
        /// JPEG.
        Jpeg = "jpeg",
        /// GIF; its first picture is taken.
        Gif = "gif",
        /// WebP.
        Webp = "webp",
    }
);

impl ImageKind {
    /// What the first bytes of a file say it is, whatever its name or its sender says.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => Some(Self::Png),
            [0xFF, 0xD8, 0xFF, ..] => Some(Self::Jpeg),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            _ => None,
        }
    }
}

/// How a watermark looks and when it is seen.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Watermark {
    /// Its name.
    pub name: String,
    /// When it is seen.
    pub mode: WatermarkMode,
    /// Where it lies.
    pub place: Place,
    /// Its width as a part of the picture's.
    pub width_percent: u32,
    /// How far it is from the left or right edge, as a part of the picture's width.
    pub horizontal_margin_percent: u32,
    /// How far it is from the upper or lower edge, as a part of the picture's height.
    pub vertical_margin_percent: u32,
    /// How much of what is behind it it hides.
    pub opacity: u32,
    /// Unless it is permanent: minutes from one appearance to the next.
    pub frequency_minutes: u32,
    /// Unless it is permanent: seconds that it is seen each time.
    pub duration_seconds: u32,
}

impl Default for Watermark {
    /// A tenth of the picture's width in the lower right corner, always.
    fn default() -> Self {
        Self {
            name: String::new(),
            mode: WatermarkMode::Permanent,
            place: Place::BottomRight,
            width_percent: 10,
            horizontal_margin_percent: 2,
            vertical_margin_percent: 2,
            opacity: 100,
            frequency_minutes: 15,
            duration_seconds: 10,
        }
    }
}

impl Watermark {
    /// Whether it is seen anywhere in `from..until`, in ticks of an item's time.
    pub fn is_seen_in(&self, from: i64, until: i64) -> bool {
        const SECOND: i64 = 90_000;
        if self.mode == WatermarkMode::Permanent {
            return from < until;
        }
        let every = i64::from(self.frequency_minutes.max(1)) * 60 * SECOND;
        let shown = i64::from(self.duration_seconds) * SECOND;
        // Of all appearances that begin before `until` the last one ends last.
        let last = (until - 1).div_euclid(every) * every;
        from < until && last >= 0 && last + shown > from
    }

    /// Everything about it that cannot be taken, by the field names of the API.
    pub fn mistakes(&self) -> Vec<InvalidField> {
        let mut wrong = Vec::new();
        wrong.extend(check_name(&self.name).err());
        for (field, value, range) in [
            ("width_percent", self.width_percent, 1..=100),
            ("horizontal_margin_percent", self.horizontal_margin_percent, 0..=50),
            ("vertical_margin_percent", self.vertical_margin_percent, 0..=50),
            ("opacity", self.opacity, 1..=100),
            ("frequency_minutes", self.frequency_minutes, 1..=1_440),
            ("duration_seconds", self.duration_seconds, 1..=3_600),
        ] {
            if !range.contains(&value) {
                let fix = format!("use {} to {}", range.start(), range.end());
                wrong.push(InvalidField::new(field, format!("{value} is outside the limits"), fix));
            }
        }
        let pause = self.frequency_minutes.saturating_mul(60);
        if self.mode != WatermarkMode::Permanent && self.duration_seconds > pause {
            let problem = "it is seen for longer than the time to its next appearance";
            let fix = format!("use at most {pause} seconds, or a permanent watermark");
            wrong.push(InvalidField::new("duration_seconds", problem, fix));
        }
        wrong
    }
}

/// A watermark that is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredWatermark {
    /// Its id.
    pub id: WatermarkId,
    /// How it looks.
    pub watermark: Watermark,
    /// Its picture: digest of its bytes, and what kind of file it is.
    pub image: Option<(String, ImageKind)>,
}

/// A watermark as it is drawn.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mark {
    /// How it looks.
    pub look: Watermark,
    /// Digest of its picture.
    pub digest: String,
    /// What kind of file that is.
    pub kind: ImageKind,
    /// Where the file lies on this machine.
    pub file: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_what_its_first_bytes_say() {
        assert_eq!(ImageKind::of(b"\x89PNG\r\n\x1a\n...."), Some(ImageKind::Png));
        assert_eq!(ImageKind::of(b"\xff\xd8\xff\xe0"), Some(ImageKind::Jpeg));
        assert_eq!(ImageKind::of(b"GIF89a"), Some(ImageKind::Gif));
        assert_eq!(ImageKind::of(b"RIFF\0\0\0\0WEBPVP8 "), Some(ImageKind::Webp));
        let playlists = [&b"#EXTM3U\nfile:///etc/passwd"[..], b"ffconcat version 1.0"];
        for other in [&b"<svg/>"[..], b"", b"RIFF", b"RIFF\0\0\0\0WAVE"].iter().chain(&playlists) {
            assert_eq!(ImageKind::of(other), None);
        }
    }

    #[test]
    fn it_is_seen_at_the_beginning_of_every_turn() {
        let look = Watermark {
            mode: WatermarkMode::Fading,
            frequency_minutes: 1,
            duration_seconds: 10,
            ..Watermark::default()
        };
        let seen = |from: i64, until: i64| look.is_seen_in(from * 90_000, until * 90_000);
        assert!(seen(0, 1) && seen(9, 12) && seen(58, 61) && seen(69, 70) && seen(11, 600));
        assert!(!seen(10, 60) && !seen(70, 120) && !seen(5, 5) && !seen(-9, 0));
        let always = Watermark { mode: WatermarkMode::Permanent, ..look };
        assert!(always.is_seen_in(20 * 90_000, 21 * 90_000));
    }

    #[test]
    fn mistakes_come_all_at_once() {
        let good = Watermark { name: "bug".to_owned(), ..Watermark::default() };
        assert_eq!(good.mistakes(), []);
        let bad = Watermark {
            width_percent: 0,
            opacity: 101,
            mode: WatermarkMode::Fading,
            frequency_minutes: 1,
            duration_seconds: 61,
            ..Watermark::default()
        };
        let fields: Vec<String> = bad.mistakes().into_iter().map(|field| field.field).collect();
        assert_eq!(fields, ["name", "width_percent", "opacity", "duration_seconds"]);
    }
}
