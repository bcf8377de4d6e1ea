//! Reads NFO files: the descriptions that Kodi, Jellyfin and others keep beside media.
//!
//! An NFO is XML with one root (`movie`, `episodedetails`, `tvshow`, `musicvideo`), or several
//! `episodedetails` one after the other for a file with several episodes, or XML followed by a
//! link, or only a link. It comes from many hands, so everything that can be understood is taken:
//! bare ampersands, HTML entities, wrong or missing encodings, text after the end.
//!
//! Deliberately absent: artwork, stream details (ffprobe knows better) and links.

use encoding_rs::{Encoding, WINDOWS_1252};
use quick_xml::Reader;
use quick_xml::escape::resolve_html5_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::domain::{Actor, Details};

/// Texts longer than this are cut, in characters.
const LONGEST_TEXT: usize = 4_000;
/// Titles longer than this are cut, in characters.
const LONGEST_TITLE: usize = 300;
/// Names of people longer than this are cut, in characters.
const LONGEST_NAME: usize = 100;
/// Most directors and writers, each, that are taken.
const MOST_MAKERS: usize = 5;
/// Most actors that are taken; they are named in order of importance.
const MOST_ACTORS: usize = 10;

/// What an NFO describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NfoKind {
    /// A film.
    Movie,
    /// One episode.
    Episode,
    /// A whole show.
    Show,
    /// A music video.
    MusicVideo,
}

/// One description. Everything but the kind may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nfo {
    /// What it describes.
    pub kind: NfoKind,
    /// Title of the film, episode, show or song.
    pub title: Option<String>,
    /// The show of an episode, or the artist of a music video.
    pub show: Option<String>,
    /// Season; 0 holds specials.
    pub season: Option<u32>,
    /// Episode (the first one, when several are merged).
    pub episode: Option<u32>,
    /// The last episode, when several are merged.
    pub episode_end: Option<u32>,
    /// Year of release.
    pub year: Option<u32>,
    /// Plot, or the outline when there is no plot.
    pub plot: Option<String>,
    /// Genres, each once.
    pub genres: Vec<String>,
    /// Age rating as written.
    pub rating: Option<String>,
    /// First shown, `YYYY-MM-DD`.
    pub aired: Option<String>,
    /// Edition such as `Director's Cut`.
    pub edition: Option<String>,
    /// Who made it, who is in it, and how it was liked.
    pub details: Details,
}

/// Why an NFO could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NfoError {
    /// The XML is broken before the first description ended.
    #[error("the XML is broken at byte {at}: {problem}")]
    Broken {
        /// Where, counted in the decoded text.
        at: u64,
        /// What the parser said.
        problem: String,
    },
}

/// Reads all descriptions of a file; none when it holds only a link or an unknown root.
///
/// What follows the last complete description is ignored, whatever it is.
///
/// # Errors
/// When the XML breaks and no description was complete before.
pub fn parse(bytes: &[u8]) -> Result<Vec<Nfo>, NfoError> {
    let text = decode(bytes);
    let mut reader = Reader::from_str(&text);
    reader.config_mut().allow_dangling_amp = true;
    let mut state = State::default();
    loop {
        let event = match reader.read_event() {
            Ok(Event::Eof) if state.depth == 0 => return Ok(state.found),
            Ok(Event::Eof) if state.found.is_empty() => {
                return Err(NfoError::Broken {
                    at: reader.buffer_position(),
                    problem: "it ends inside an element".to_owned(),
                });
            }
            Ok(Event::Eof) => return Ok(state.found),
            Ok(event) => event,
            // A link after the end of the XML may look like broken XML.
            Err(_) if !state.found.is_empty() => return Ok(state.found),
            Err(_) if !text.trim_start().starts_with('<') => return Ok(Vec::new()),
            Err(problem) => {
                let at = reader.error_position();
                return Err(NfoError::Broken { at, problem: problem.to_string() });
            }
        };
        state.take(&event);
    }
}

/// Makes one description of several episodes in one file; `None` when there is none.
///
/// Titles are joined with ` / `; where they differ only in a part number, the number is dropped.
pub fn merge(mut all: Vec<Nfo>) -> Option<Nfo> {
    if all.len() < 2 || all[0].kind != NfoKind::Episode {
        return if all.is_empty() { None } else { Some(all.swap_remove(0)) };
    }
    all.retain(|nfo| nfo.kind == NfoKind::Episode);
    all.sort_by_key(|nfo| (nfo.season, nfo.episode));
    let last = all.last().and_then(|nfo| nfo.episode);
    let mut titles: Vec<String> = all.iter().filter_map(|nfo| nfo.title.clone()).collect();
    let bare: Vec<&str> = titles.iter().map(|title| without_part_number(title)).collect();
    if bare.windows(2).all(|pair| pair[0] == pair[1]) && bare.first().is_some_and(|t| !t.is_empty())
    {
        titles = vec![bare[0].to_owned()];
    }
    let plots: Vec<String> = all.iter().filter_map(|nfo| nfo.plot.clone()).collect();
    let mut first = all.swap_remove(0);
    first.episode_end = last.filter(|last| Some(*last) > first.episode);
    first.title = (!titles.is_empty()).then(|| cut(&titles.join(" / "), LONGEST_TITLE));
    first.plot = (!plots.is_empty()).then(|| cut(&plots.join("\n\n"), LONGEST_TEXT));
    Some(first)
}

/// `Gone (2)` → `Gone`, `Gone, Part 2` → `Gone`.
fn without_part_number(title: &str) -> &str {
    let end = title.trim_end_matches(|c: char| c.is_ascii_digit() || c == ')' || c == ' ');
    let end = end.trim_end_matches('(').trim_end();
    let lower = end.to_ascii_lowercase();
    let end = if lower.ends_with(" part") { &end[..end.len() - 5] } else { end };
    end.trim_end_matches([',', '-', ':', ' '])
}

/// Where the parser stands.
#[derive(Default)]
struct State {
    found: Vec<Nfo>,
    /// The description being read, with its fields as text.
    open: Option<(NfoKind, Fields)>,
    /// Open elements.
    depth: usize,
    /// Name of the open element below the root.
    field: String,
    text: String,
    /// Text of the innermost element of an actor or of the ratings.
    inner: String,
}

impl State {
    fn take(&mut self, event: &Event<'_>) {
        match event {
            Event::Start(element) => {
                self.depth += 1;
                let name = element.name().as_ref().to_ascii_lowercase();
                if self.depth == 1 {
                    self.open = kind_of(&name).map(|kind| (kind, Fields::default()));
                } else if self.depth == 2 {
                    self.field = name;
                    self.text.clear();
                    if let Some((_, fields)) = &mut self.open
                        && self.field == "actor"
                    {
                        fields.actors.push(Actor { name: String::new(), role: None });
                    }
                } else if self.depth == 3 && self.field == "ratings" {
                    self.open_rating(element);
                }
                self.inner.clear();
            }
            Event::End(element) => {
                self.close_inner(&element.name().as_ref().to_ascii_lowercase());
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 1
                    && let Some((_, fields)) = &mut self.open
                {
                    fields.put(&self.field, &tidy(&self.text));
                } else if self.depth == 0
                    && let Some((kind, fields)) = self.open.take()
                {
                    self.found.push(fields.into_nfo(kind));
                }
            }
            // Text is taken directly below the root, and of what `close_inner` knows.
            Event::Text(text) => self.push(&text.xml10_content()),
            Event::CData(text) => self.push(&text.xml10_content()),
            Event::GeneralRef(entity) => self.push_entity(entity),
            Event::Empty(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::Eof => {}
        }
    }

    fn push(&mut self, text: &str) {
        match self.depth {
            2 => self.text.push_str(text),
            3 | 4 => self.inner.push_str(text),
            _ => {}
        }
    }

    fn push_entity(&mut self, entity: &BytesRef<'_>) {
        let name = entity.xml10_content();
        if let Ok(Some(character)) = entity.resolve_char_ref() {
            self.push(character.encode_utf8(&mut [0; 4]));
        } else if let Some(text) = resolve_html5_entity(&name) {
            self.push(text);
        } else {
            self.push(&format!("&{name};"));
        }
    }

    /// `<rating name="imdb" max="10" default="true">`: the default one counts, else the first.
    fn open_rating(&mut self, element: &BytesStart<'_>) {
        let Some((_, fields)) = &mut self.open else { return };
        let attribute = |name: &str| {
            // reason: an attribute that cannot be read says nothing.
            let found = element.try_get_attribute(name).ok()??;
            Some(String::from_utf8_lossy(found.value.as_bytes()).into_owned())
        };
        let most = attribute("max").and_then(|max| max.trim().parse::<f64>().ok());
        fields.most = most.filter(|max| *max > 0.0).unwrap_or(10.0);
        fields.is_chosen = fields.stars.is_none()
            || attribute("default").is_some_and(|text| text.trim() == "true");
    }

    /// Takes the text of an element further below the root.
    fn close_inner(&mut self, name: &str) {
        let Some((_, fields)) = &mut self.open else { return };
        match (self.depth, self.field.as_str(), name) {
            (3, "actor", "name" | "role") => {
                let text = one_line(&tidy(&self.inner), LONGEST_NAME);
                let Some(actor) = fields.actors.last_mut().filter(|_| !text.is_empty()) else {
                    return;
                };
                match name {
                    "name" => actor.name = text,
                    _ => actor.role = Some(text),
                }
            }
            (4, "ratings", "value") if fields.is_chosen => {
                fields.stars = stars(&self.inner, fields.most).or(fields.stars);
            }
            _ => {}
        }
    }
}

/// `7.4` of `most` in tenths, at most 100; nothing for 0, which means that nobody has judged.
fn stars(text: &str, most: f64) -> Option<u8> {
    let value = text.trim().replace(',', ".").parse::<f64>().ok()?;
    let tenths = (value / most * 100.0).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 100")]
    (1.0..=100.0).contains(&tenths).then_some(tenths as u8)
}

fn kind_of(root: &str) -> Option<NfoKind> {
    match root {
        "movie" => Some(NfoKind::Movie),
        "episodedetails" => Some(NfoKind::Episode),
        "tvshow" => Some(NfoKind::Show),
        "musicvideo" => Some(NfoKind::MusicVideo),
        _ => None,
    }
}

/// The texts of a description as they come; the first non-empty one of a name wins.
#[derive(Default)]
struct Fields {
    texts: Vec<(String, String)>,
    actors: Vec<Actor>,
    stars: Option<u8>,
    /// The most that the open rating can be, and whether it is the one that counts.
    most: f64,
    is_chosen: bool,
}

impl Fields {
    fn put(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.texts.push((name.to_owned(), text.to_owned()));
        }
    }

    fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| {
            self.texts.iter().find(|(have, _)| have == name).map(|(_, text)| text.as_str())
        })
    }

    fn number(&self, name: &str) -> Option<u32> {
        self.first(&[name])?.parse().ok()
    }

    /// Names under one of `names`, each once.
    fn people(&self, names: &[&str]) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for (_, text) in self.texts.iter().filter(|(name, _)| names.contains(&name.as_str())) {
            for person in text.split([',', '/', ';']) {
                let person = one_line(person, LONGEST_NAME);
                if !person.is_empty() && !found.contains(&person) && found.len() < MOST_MAKERS {
                    found.push(person);
                }
            }
        }
        found
    }

    fn details(&mut self) -> Details {
        let mut actors = std::mem::take(&mut self.actors);
        actors.retain(|actor| !actor.name.is_empty());
        actors.truncate(MOST_ACTORS);
        let plain = || self.first(&["rating"]).and_then(|text| stars(text, 10.0));
        Details {
            directors: self.people(&["director"]),
            writers: self.people(&["credits", "writer"]),
            actors,
            stars: self.stars.or_else(plain),
        }
    }

    fn into_nfo(mut self, kind: NfoKind) -> Nfo {
        let details = self.details();
        let title = |names: &[&str]| self.first(names).map(|text| one_line(text, LONGEST_TITLE));
        let aired = self.first(&["aired", "premiered", "releasedate"]).and_then(date);
        let year = self
            .number("year")
            .or_else(|| aired.as_ref().and_then(|date| date.get(..4)?.parse().ok()))
            .filter(|year| (1870..=2999).contains(year));
        let show = match kind {
            NfoKind::Episode => title(&["showtitle"]),
            NfoKind::MusicVideo => title(&["artist"]),
            NfoKind::Movie | NfoKind::Show => None,
        };
        let mut genres: Vec<String> = Vec::new();
        for (_, text) in self.texts.iter().filter(|(name, _)| name == "genre") {
            for genre in text.split(['/', '|', ';', ',']) {
                let genre = one_line(genre, 60);
                let known = genres.iter().any(|have| have.eq_ignore_ascii_case(&genre));
                if !genre.is_empty() && !known && genres.len() < 20 {
                    genres.push(genre);
                }
            }
        }
        Nfo {
            kind,
            title: title(&["title", "localtitle", "originaltitle"]),
            show,
            season: self.number("season"),
            episode: self.number("episode"),
            episode_end: None,
            year,
            plot: self.first(&["plot", "outline"]).map(|text| cut(text, LONGEST_TEXT)),
            genres,
            rating: self.first(&["mpaa", "certification"]).map(|text| one_line(text, 40)),
            aired,
            edition: title(&["edition"]),
            details,
        }
    }
}

/// The date at the front of `text`, if it begins with one.
fn date(text: &str) -> Option<String> {
    let day = text.get(..10)?;
    let shape = day.bytes().enumerate().all(|(i, byte)| match i {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let number = |range| day.get(range).and_then(|text: &str| text.parse::<u32>().ok());
    let month_and_day = (number(5..7)?, number(8..10)?);
    let real = matches!(month_and_day, (1..=12, 1..=31)) && !day.starts_with("0000");
    (shape && real).then(|| day.to_owned())
}

/// The text of a file whatever its encoding: byte order mark, UTF-8, the declared one, Windows-1252.
fn decode(bytes: &[u8]) -> String {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(&bytes[mark..]).0.into_owned();
    }
    let utf16 = match bytes {
        [b'<', 0, ..] => Some(encoding_rs::UTF_16LE),
        [0, b'<', ..] => Some(encoding_rs::UTF_16BE),
        _ => None,
    };
    if let Some(encoding) = utf16 {
        return encoding.decode_without_bom_handling(bytes).0.into_owned();
    }
    // Valid UTF-8 is UTF-8, whatever the declaration says: writers that declare UTF-16 and write
    // UTF-8 are common, and other texts with bytes above 127 are hardly ever valid by accident.
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    let encoding = declared(bytes).unwrap_or(WINDOWS_1252);
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

/// The encoding named in the XML declaration, when it can be the right one.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
    let (declaration, _) = head.strip_prefix("<?xml")?.split_once("?>")?;
    let (_, rest) = declaration.split_once("encoding")?;
    let label = rest.trim_start_matches([' ', '=']).trim_start_matches(['"', '\'']);
    let label = label.split(['"', '\'', ' ']).next()?;
    let encoding = Encoding::for_label(label.as_bytes())?;
    let possible = encoding.is_ascii_compatible() && encoding != encoding_rs::UTF_8;
    possible.then_some(encoding)
}

/// Drops control characters but line breaks, and blanks at the ends.
fn tidy(text: &str) -> String {
    let keep = |c: &char| !c.is_control() || *c == '\n';
    let text = text.replace("\r\n", "\n").replace(['\r', '\t'], " ");
    text.chars().filter(keep).collect::<String>().trim().to_owned()
}

fn one_line(text: &str, longest: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    cut(&words.join(" "), longest)
}

fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => text[..end].trim_end().to_owned(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
