//! Words: how texts are made alike before they are compared.
//!
//! Small letters, no accents, no apostrophes, everything else that is no letter and no digit is a
//! gap. A text becomes a *line* of words between marks, so that "contains these words in a row",
//! "begins with" and "is exactly" are all a search for a piece of text. The database's full-text
//! index holds the very same lines.

mod fold;
mod place;

use crate::domain::{Language, Media, VideoStream};
use fold::plain;
pub use place::TextField;

/// Stands before and after every text of a line. No word holds it: it is no letter and no digit.
pub const MARK: char = '¦';

/// The version of what [`line()`] makes; an index of another version is made anew.
pub const VERSION: u32 = 1;

/// The line of one text of a media item: ` ¦ night ferry ¦ `; empty when there are no words.
pub fn line(media: &Media, field: TextField) -> String {
    let probe = media.probe.as_ref();
    let mut line = Line::default();
    match field {
        TextField::Title => line.add(&media.title),
        TextField::Show => line.add_all(media.show.iter()),
        TextField::Plot => line.add_all(media.plot.iter()),
        TextField::Genre => line.add_all(media.genres.iter()),
        TextField::Rating => line.add_all(media.rating.iter()),
        TextField::Edition => line.add_all(media.edition.iter()),
        TextField::Path => line.add(&media.path),
        TextField::Codec => {
            line.add_all(probe.iter().flat_map(|probe| &probe.video).map(|video| &video.codec));
            line.add_all(probe.iter().flat_map(|probe| &probe.audio).map(|audio| &audio.codec));
        }
        TextField::Audio => {
            let tracks = probe.iter().flat_map(|probe| &probe.audio);
            tracks.filter_map(|track| track.language.as_deref()).for_each(|tag| line.language(tag));
        }
        TextField::Subtitles => {
            let tracks = probe.iter().flat_map(|probe| &probe.subtitles);
            tracks.filter_map(|track| track.language.as_deref()).for_each(|tag| line.language(tag));
        }
        TextField::Resolution => {
            let classes = probe.and_then(|probe| probe.video.as_ref()).map_or(&[][..], classes);
            line.add_all(classes.iter());
        }
    }
    line.0
}

fn classes(video: &VideoStream) -> &'static [&'static str] {
    match (video.width, video.height) {
        (3200.., _) | (_, 1800..) => &["2160p", "4k", "uhd"],
        (1800.., _) | (_, 1000..) => &["1080p", "hd"],
        (1200.., _) | (_, 700..) => &["720p", "hd"],
        _ => &["sd"],
    }
}

#[derive(Default)]
struct Line(String);

impl Line {
    fn add(&mut self, text: &str) {
        let mut words = words(text).peekable();
        if words.peek().is_none() {
            return;
        }
        if self.0.is_empty() {
            self.0.extend([' ', MARK, ' ']);
        }
        for word in words {
            self.0.push_str(&word);
            self.0.push(' ');
        }
        self.0.extend([MARK, ' ']);
    }

    fn add_all<T: AsRef<str>>(&mut self, texts: impl Iterator<Item = T>) {
        texts.for_each(|text| self.add(text.as_ref()));
    }

    fn language(&mut self, tag: &str) {
        self.add(tag);
        if let Some(language) = Language::read(tag) {
            self.add(language.as_str());
            self.add(language.tag());
            self.add(&language.name());
        }
    }
}

/// The words of a text, made alike.
pub fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    let mut letters = text.chars();
    std::iter::from_fn(move || {
        let mut word = String::new();
        for letter in letters.by_ref() {
            // Accents written as marks of their own, and apostrophes: "don't" is one word.
            if matches!(letter, '\u{300}'..='\u{36f}' | '\'' | '’') {
                continue;
            }
            if letter.is_alphanumeric() {
                for small in letter.to_lowercase() {
                    plain(small, &mut word);
                }
            } else if !word.is_empty() {
                return Some(word);
            }
        }
        (!word.is_empty()).then_some(word)
    })
}
