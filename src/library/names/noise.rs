//! Takes away what release groups and media managers put around a title. PURE.

use std::sync::LazyLock;

use regex::Regex;

/// Compiles a pattern of this module.
#[expect(clippy::expect_used, reason = "the patterns are constants; the tests compile each one")]
pub(super) fn pattern(text: &str) -> Regex {
    Regex::new(&format!("(?i){text}")).expect("a constant pattern")
}

/// A name without its tags.
pub(super) struct Clean {
    /// What is left.
    pub(super) text: String,
    /// Edition named in a tag or in parentheses.
    pub(super) edition: Option<String>,
}

/// A film's name taken apart.
pub(super) struct Film {
    pub(super) title: String,
    pub(super) year: Option<u32>,
    /// Whether the year stood in parentheses, so that it can only be one.
    pub(super) has_year_in_parentheses: bool,
    pub(super) edition: Option<String>,
}

/// `Show.Name.S01E02` → `Show Name S01E02`; a name with blanks keeps its dots.
pub(super) fn spaced(name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let name = if name.contains(' ') { name } else { name.replace(['.', '_'], " ") };
    let words: Vec<&str> = name.split_whitespace().collect();
    words.join(" ")
}

/// Removes `{tmdb-1}`, `[1080p]`, `(Official Video)` and release noise; keeps the edition.
pub(super) fn without_tags(name: &str) -> Clean {
    static EDITION: LazyLock<Regex> = LazyLock::new(|| pattern(r"\{edition[- ]([^{}]+)\}"));
    static EDITION_WORDS: LazyLock<Regex> =
        LazyLock::new(|| pattern(&format!(r"[(\[]\s*({EDITIONS})\s*[)\]]")));
    static TAG: LazyLock<Regex> = LazyLock::new(|| pattern(r"\{[^{}]*\}|\[[^\[\]]*\]"));
    static YEAR: LazyLock<Regex> = LazyLock::new(|| pattern(r"\[((?:19|20)\d\d)\]"));
    static REMARK: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"\(\s*(?:official|lyric|lyrics|audio|hd|hq|4k|uhd|remastered in|\d{3,4}p|bluray|blu-ray|dvd|web)\b[^()]*\)",
        )
    });
    let mut text = name.to_owned();
    let mut edition = None;
    for finder in [&EDITION, &EDITION_WORDS] {
        let found = finder.captures(&text).and_then(|found| {
            Some((found.get(0)?.range(), found.get(1)?.as_str().trim().to_owned()))
        });
        if let Some((range, words)) = found {
            edition.get_or_insert(words);
            text.replace_range(range, " ");
        }
    }
    text = YEAR.replace_all(&text, "($1)").into_owned();
    let bare = REMARK.replace_all(&TAG.replace_all(&text, " "), " ").into_owned();
    // `[REC]` is a title: a tag goes only when something is left without it.
    if film(&bare).title.chars().any(char::is_alphanumeric) {
        text = bare;
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    let end = noise_start(&text);
    Clean { text: trim(&text[..end]).to_owned(), edition }
}

const EDITIONS: &str = r"(?:the )?(?:director'?s|extended|theatrical|final|unrated|uncut|uncensored|special|ultimate|anniversary|\d+th anniversary|remastered|restored|criterion|imax|redux|collector'?s)(?: (?:director'?s|extended|unrated|special|collector'?s|edition|cut|version|remaster(?:ed)?))*";

/// Where release noise begins, or the end of the text.
fn noise_start(text: &str) -> usize {
    static STRONG: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?:^|[ (\[-])(2160p|1080[pi]|720p|576[pi]|480[pi]|360p|web-?dl|web-?rip|blu-?ray|bd-?rip|br-?rip|dvd-?rip|dvdscr|hdtv|pdtv|x ?26[45]|h ?26[45]|hevc|xvid|divx|avc|10-?bit|8-?bit|remux|hdr10\+?|dts(?:-hd)?|ddp? ?[257] ?[01]|aac ?[257] ?[01]|ac3|truehd)(?:$|[ )\]-])",
        )
    });
    static WEAK: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"[ (\[-]+(?:web|uhd|4k|hdr|sdr|dv|dvd|bd|proper|repack|internal|multi|dual audio|amzn|nf|dsnp|hulu|hmax|atvp|german|french|english|dubbed|subbed|limited|complete|readnfo)[ )\]-]*$",
        )
    });
    let Some(first) = STRONG.captures_iter(text).find_map(|found| found.get(1)) else {
        return text.len();
    };
    let mut end = first.start();
    while let Some(weak) = WEAK.find(&text[..end]) {
        end = weak.start();
    }
    // Noise before any title is no noise: a film may be called `HEVC`.
    if trim(&text[..end]).is_empty() { text.len() } else { end }
}

/// Takes title, year and edition from the cleaned name of a film.
pub(super) fn film(text: &str) -> Film {
    static IN_PARENTHESES: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"[(\[]((?:18[89]|19\d|20\d)\d)[)\]]"));
    static BARE_AT_END: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"^(.*\S)[ -]+((?:19\d|20[0-4])\d)$"));
    static AFTER_DASH: LazyLock<Regex> =
        LazyLock::new(|| pattern(&format!(r"^(.*\S) - ({EDITIONS})$")));
    static EDITION_ONLY: LazyLock<Regex> =
        LazyLock::new(|| pattern(&format!(r"^[ -]*({EDITIONS})[ -]*$")));
    let number = |text: &str| text.parse::<u32>().ok();
    let year = IN_PARENTHESES
        .captures_iter(text)
        .last()
        .and_then(|found| Some((found.get(0)?.range(), number(found.get(1)?.as_str())?)));
    if let Some((range, year)) = year {
        let before = title(&text[..range.start]);
        let after = trim(&text[range.end..]);
        let edition = EDITION_ONLY.captures(after).map(|found| found[1].to_owned());
        let title = if before.is_empty() { title(after) } else { before };
        return Film { title, year: Some(year), has_year_in_parentheses: true, edition };
    }
    if let Some(found) = AFTER_DASH.captures(text) {
        let edition = Some(found[2].to_owned());
        return Film { edition, ..plain(&found[1]) };
    }
    if let Some(found) = BARE_AT_END.captures(text) {
        return Film { year: number(&found[2]), ..plain(&found[1]) };
    }
    plain(text)
}

/// A film of which only the title is known.
fn plain(text: &str) -> Film {
    Film { title: title(text), year: None, has_year_in_parentheses: false, edition: None }
}

/// Splits `Film - part1`, `Film cd2` into name and part; `Film Part 2` is a title.
pub(super) fn part(text: &str) -> (&str, Option<u32>) {
    static PART: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"^(.*\S)(?:[ .]+-[ .]*(?:part|pt|cd|dvd|disc|disk)[ .]?|[ .-]+(?:part|pt|cd|dvd|disc|disk))(\d{1,2})$",
        )
    });
    split_part(&PART, text)
}

/// Splits `… part2` at the end of an episode's title; `Part 2` with a blank belongs to the title.
pub(super) fn glued_part(text: &str) -> (&str, Option<u32>) {
    static GLUED: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"^(.*?)[ .-]+(?:part|pt|cd)(\d{1,2})$"));
    split_part(&GLUED, text)
}

fn split_part<'a>(pattern: &Regex, text: &'a str) -> (&'a str, Option<u32>) {
    let found = pattern
        .captures(text)
        .and_then(|found| Some((found.get(1)?.as_str(), found.get(2)?.as_str().parse().ok()?)));
    found.map_or((text, None), |(name, part)| (name, Some(part)))
}

/// A song's name without `01 - ` or `01. ` in front.
pub(super) fn without_track(text: &str) -> &str {
    static TRACK: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\d{1,3}(?:\.| -) +(\S.*)$"));
    TRACK.captures(text).and_then(|found| found.get(1)).map_or(text, |rest| rest.as_str())
}

/// A show's name from a folder or from the front of a file name; the year stays.
///
/// `Doctor Who (1963)` and `Doctor Who (2005)` are two shows.
pub(super) fn show_name(name: &str) -> String {
    title(&without_tags(&spaced(name)).text)
}

/// A title for people: no separators at its ends, the article in front.
pub(super) fn title(text: &str) -> String {
    let text = trim(text);
    for article in ["The", "A", "An", "Der", "Die", "Das", "Le", "La", "Les"] {
        if let Some(front) = text.strip_suffix(article)
            && let Some(front) = front.strip_suffix(", ")
            && !front.is_empty()
        {
            return format!("{article} {front}");
        }
    }
    text.to_owned()
}

/// Cuts blanks and separators from both ends, and what an unclosed bracket leaves at the end.
pub(super) fn trim(text: &str) -> &str {
    let text = text.trim_start_matches([' ', '-', '–', '_', '.', ',', ')', ']', ':']);
    let end = text.trim_end_matches([' ', '-', '–', '_', '(', '[', '{', ',']);
    // `Mr.` and `…` keep their dots, `Name .` does not.
    end.strip_suffix(" .").unwrap_or(end).trim_end()
}

/// Whether two names are the same but for case and punctuation.
pub(super) fn same(a: &str, b: &str) -> bool {
    letters(a) == letters(b)
}

/// Whether one name holds the other.
pub(super) fn related(a: &str, b: &str) -> bool {
    let (a, b) = (letters(a), letters(b));
    !a.is_empty() && !b.is_empty() && (a.contains(&b) || b.contains(&a))
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether a name says nothing: `movie`, `title00`, `VTS_01_1`, a number.
pub(super) fn is_generic(name: &str) -> bool {
    static GENERIC: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"^(?:movie|film|video|feature|main|title|index|vts|mvi|img|\d|[ _.-])*$")
    });
    GENERIC.is_match(name)
}
