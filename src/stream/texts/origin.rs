//! Where the texts of a film are: in its file, and in files beside it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::domain::Language;

/// Largest file of texts.
const LARGEST: u64 = 8 << 20;
/// What a file of texts beside a film is called after.
const KINDS: [&str; 4] = ["srt", "vtt", "ass", "ssa"];

/// A place where texts are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    /// Which track of which file.
    pub(super) file: PathBuf,
    pub(super) track: usize,
    pub(super) language: Option<Language>,
    pub(super) forced: bool,
    pub(super) default: bool,
}

/// The files of texts beside `film`, by name. Blocks on the disk.
pub(super) fn files_beside(film: &Path) -> Vec<Origin> {
    let (Some(folder), Some(stem)) = (film.parent(), film.file_stem()) else { return Vec::new() };
    // reason: a folder that cannot be read has nothing for us.
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<Origin> = entries
        .flatten()
        .filter(|entry| entry.metadata().is_ok_and(|meta| meta.is_file() && meta.len() <= LARGEST))
        .filter_map(|entry| named(&entry.path(), &stem.to_string_lossy()))
        .collect();
    found.sort_by(|a, b| a.file.cmp(&b.file));
    found
}

/// `Film.srt`, `Film.de.srt`, `Film.de.forced.vtt` beside `Film.mkv`.
fn named(file: &Path, stem: &str) -> Option<Origin> {
    let name = file.file_name()?.to_str()?;
    let words = name.strip_prefix(stem)?.strip_prefix('.')?;
    let (words, kind) = words.rsplit_once('.').unwrap_or(("", words));
    if !KINDS.contains(&kind.to_ascii_lowercase().as_str()) {
        return None;
    }
    let mut origin =
        Origin { file: file.to_owned(), track: 0, language: None, forced: false, default: false };
    for word in words.split('.').filter(|word| !word.is_empty()) {
        match word.to_ascii_lowercase().as_str() {
            "forced" => origin.forced = true,
            "default" => origin.default = true,
            // Said of texts that also tell what is to be heard.
            "sdh" | "cc" | "hi" => {}
            word => origin.language = Some(word.parse().ok()?), // reason: it belongs to another film
        }
    }
    Some(origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_beside_a_film_says_by_its_name_what_it_is() {
        let said = |name: &str| {
            let origin = named(&Path::new("/films").join(name), "Film (1987)")?;
            let language = origin.language.map_or("-".to_owned(), |l| l.to_string());
            Some(format!("{language}{}", if origin.forced { " forced" } else { "" }))
        };
        assert_eq!(said("Film (1987).srt").as_deref(), Some("-"));
        assert_eq!(said("Film (1987).de.srt").as_deref(), Some("deu"));
        assert_eq!(said("Film (1987).en.forced.VTT").as_deref(), Some("eng forced"));
        assert_eq!(said("Film (1987).ger.sdh.ass").as_deref(), Some("deu"));
        for other in ["Film (1987).nfo", "Film (1987) 2.srt", "Film (1987).part two.srt", "x.srt"] {
            assert_eq!(said(other), None, "{other}");
        }
    }
}
