//! Languages of sound and subtitles, whichever way a file spells them.
//!
//! Containers write ISO 639-2 in its bibliographic form (`ger`), in its terminological form (`deu`),
//! ISO 639-1 (`de`) or a whole tag (`de-AT`). All of them are one language here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::InvalidField;

/// A language by its ISO 639-2/T code (`deu`), lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Language(String);

/// What players show in a menu.
const NAMES: &[(&str, &str)] = &[
    ("ar", "Arabic"),
    ("bg", "Bulgarian"),
    ("cs", "Czech"),
    ("da", "Danish"),
    ("de", "German"),
    ("el", "Greek"),
    ("en", "English"),
    ("es", "Spanish"),
    ("et", "Estonian"),
    ("fi", "Finnish"),
    ("fr", "French"),
    ("he", "Hebrew"),
    ("hi", "Hindi"),
    ("hr", "Croatian"),
    ("hu", "Hungarian"),
    ("it", "Italian"),
    ("ja", "Japanese"),
    ("ko", "Korean"),
    ("lt", "Lithuanian"),
    ("lv", "Latvian"),
    ("nl", "Dutch"),
    ("no", "Norwegian"),
    ("pl", "Polish"),
    ("pt", "Portuguese"),
    ("ro", "Romanian"),
    ("ru", "Russian"),
    ("sk", "Slovak"),
    ("sl", "Slovenian"),
    ("sr", "Serbian"),
    ("sv", "Swedish"),
    ("th", "Thai"),
    ("tr", "Turkish"),
    ("uk", "Ukrainian"),
    ("vi", "Vietnamese"),
    ("zh", "Chinese"),
];

/// ISO 639-1, ISO 639-2/T, and ISO 639-2/B where that differs.
const KNOWN: &[(&str, &str, &str)] = &[
    ("af", "afr", ""),
    ("ar", "ara", ""),
    ("be", "bel", ""),
    ("bg", "bul", ""),
    ("bn", "ben", ""),
    ("bo", "bod", "tib"),
    ("bs", "bos", ""),
    ("ca", "cat", ""),
    ("cs", "ces", "cze"),
    ("cy", "cym", "wel"),
    ("da", "dan", ""),
    ("de", "deu", "ger"),
    ("el", "ell", "gre"),
    ("en", "eng", ""),
    ("es", "spa", ""),
    ("et", "est", ""),
    ("eu", "eus", "baq"),
    ("fa", "fas", "per"),
    ("fi", "fin", ""),
    ("fr", "fra", "fre"),
    ("ga", "gle", ""),
    ("gl", "glg", ""),
    ("he", "heb", ""),
    ("hi", "hin", ""),
    ("hr", "hrv", ""),
    ("hu", "hun", ""),
    ("hy", "hye", "arm"),
    ("id", "ind", ""),
    ("is", "isl", "ice"),
    ("it", "ita", ""),
    ("ja", "jpn", ""),
    ("ka", "kat", "geo"),
    ("kk", "kaz", ""),
    ("ko", "kor", ""),
    ("lb", "ltz", ""),
    ("lt", "lit", ""),
    ("lv", "lav", ""),
    ("mi", "mri", "mao"),
    ("mk", "mkd", "mac"),
    ("ms", "msa", "may"),
    ("mt", "mlt", ""),
    ("my", "mya", "bur"),
    ("nl", "nld", "dut"),
    ("nb", "nob", ""),
    ("nn", "nno", ""),
    ("no", "nor", ""),
    ("pl", "pol", ""),
    ("pt", "por", ""),
    ("ro", "ron", "rum"),
    ("ru", "rus", ""),
    ("sk", "slk", "slo"),
    ("sl", "slv", ""),
    ("sq", "sqi", "alb"),
    ("sr", "srp", ""),
    ("sv", "swe", ""),
    ("ta", "tam", ""),
    ("te", "tel", ""),
    ("th", "tha", ""),
    ("tr", "tur", ""),
    ("uk", "ukr", ""),
    ("ur", "urd", ""),
    ("vi", "vie", ""),
    ("yi", "yid", ""),
    ("zh", "zho", "chi"),
];

impl Language {
    /// Reads a code as files spell it; `None` for what names no language (`und`, a whole word).
    pub fn read(text: &str) -> Option<Self> {
        let code = text.trim().split(['-', '_']).next()?.to_ascii_lowercase();
        let letters = matches!(code.len(), 2 | 3) && code.bytes().all(|b| b.is_ascii_lowercase());
        if !letters || matches!(code.as_str(), "und" | "mul" | "zxx" | "mis") {
            return None;
        }
        let same = |known: &&(&str, &str, &str)| [known.0, known.1, known.2].contains(&&*code);
        match KNOWN.iter().find(same) {
            Some((_, terminological, _)) => Some(Self((*terminological).to_owned())),
            // A three-letter code that is not in the table is its own name.
            None => (code.len() == 3).then_some(Self(code)),
        }
    }

    /// As a BCP 47 tag: the two letters of ISO 639-1 where there are any.
    pub fn tag(&self) -> &str {
        let known = KNOWN.iter().find(|(_, code, _)| *code == self.0);
        known.map_or(&self.0, |(short, ..)| short)
    }

    /// Its name in English for menus, or its code.
    pub fn name(&self) -> String {
        let named = NAMES.iter().find(|(tag, _)| *tag == self.tag());
        named.map_or_else(|| self.0.to_uppercase(), |(_, name)| (*name).to_owned())
    }

    /// The ISO 639-2/T code.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a tag of a file names this language.
    pub fn is(&self, tag: Option<&str>) -> bool {
        tag.and_then(Self::read).is_some_and(|other| other == *self)
    }
}

impl FromStr for Language {
    type Err = InvalidField;

    fn from_str(text: &str) -> Result<Self, InvalidField> {
        Self::read(text).ok_or_else(|| {
            InvalidField::new(
                "language",
                format!("{text:?} is not a language code"),
                "write two or three letters of ISO 639, such as de, deu or ger",
            )
        })
    }
}

impl TryFrom<String> for Language {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        text.parse()
    }
}

impl From<Language> for String {
    fn from(language: Language) -> Self {
        language.0
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_of_a_language_are_one() {
        let german: Language = "de".parse().unwrap();
        for tag in ["de", "deu", "ger", "GER", "de-AT", "deu_DE"] {
            assert!(german.is(Some(tag)), "{tag}");
        }
        assert!(!german.is(Some("dut")) && !german.is(None) && !german.is(Some("und")));
    }

    #[test]
    fn a_language_has_a_tag_and_a_name() {
        let of = |code: &str| code.parse::<Language>().map(|l| (l.tag().to_owned(), l.name()));
        assert_eq!(of("ger").unwrap(), ("de".to_owned(), "German".to_owned()));
        assert_eq!(of("haw").unwrap(), ("haw".to_owned(), "HAW".to_owned()));
        assert!(NAMES.iter().all(|(tag, _)| KNOWN.iter().any(|known| known.0 == *tag)));
    }

    #[test]
    fn what_is_no_code_is_refused_and_a_rare_one_taken() {
        for text in ["", "d", "german", "xx", "d3", "und"] {
            assert!(text.parse::<Language>().is_err(), "{text:?}");
        }
        assert_eq!("haw".parse::<Language>().unwrap().as_str(), "haw");
    }

    #[test]
    fn the_table_names_no_language_twice() {
        let mut codes: Vec<&str> =
            KNOWN.iter().flat_map(|row| [row.0, row.1, row.2]).filter(|c| !c.is_empty()).collect();
        let all = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all);
    }
}
