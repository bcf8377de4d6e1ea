//! Lists of films and shows that others keep: Trakt's JSON, CSV with a header (IMDb, Letterboxd and
//! most others), or a title a line.

mod table;

use serde_json::Value;

use crate::domain::{ForeignIds, InvalidField, ListEntry, ListedKind};
use table::{Columns, from_csv};

/// Most lines of a list.
pub const MOST_LINES: usize = 10_000;

/// Reads a list in whichever of the forms it is.
///
/// # Errors
/// When it is empty, too long, or JSON or CSV without titles; the field is `text`.
pub fn parse(text: &str) -> Result<Vec<ListEntry>, InvalidField> {
    let text = text.trim_start_matches('\u{feff}').trim();
    let entries = if text.starts_with(['[', '{']) {
        from_json(text)?
    } else {
        match Columns::of(text.lines().next().unwrap_or_default()) {
            Some(columns) => from_csv(text, &columns),
            None => text.lines().filter_map(from_line).collect(),
        }
    };
    if entries.is_empty() {
        return Err(wrong("it names nothing", "write a title a line, such as The Thing (1982)"));
    }
    if entries.len() > MOST_LINES {
        let problem = format!("it has {} lines", entries.len());
        return Err(wrong(problem, &format!("send at most {MOST_LINES} at once")));
    }
    Ok(entries)
}

fn wrong(problem: impl Into<String>, fix: &str) -> InvalidField {
    InvalidField::new("text", problem, fix)
}

/// `The Thing (1982)`, `The Thing 1982` stays a title; a line that begins with `#` says nothing.
fn from_line(line: &str) -> Option<ListEntry> {
    let line = line.trim().trim_start_matches(['-', '*', '•']).trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let ids = ForeignIds::of_path(line);
    // `{tmdb-603}` and `[imdbid-tt0133093]` are no part of the title.
    let bare = line.split(['{', '[']).next().unwrap_or_default().trim();
    let dated = bare.strip_suffix(')').and_then(|rest| rest.rsplit_once('('));
    let dated = dated.and_then(|(title, year)| Some((title.trim(), year_of(year)?)));
    let (title, year) = dated.map_or((bare, None), |(title, year)| (title, Some(year)));
    let known = !title.is_empty() || ids != ForeignIds::default();
    known.then(|| ListEntry { title: title.to_owned(), year, ids, ..ListEntry::default() })
}

/// A year, if it is one: four digits at the front (`2004-09-22` too).
fn year_of(text: &str) -> Option<u32> {
    let year = text.trim().get(..4)?;
    let year = year.parse().ok().filter(|_| year.bytes().all(|byte| byte.is_ascii_digit()))?;
    (1870..=2200).contains(&year).then_some(year)
}

fn from_json(text: &str) -> Result<Vec<ListEntry>, InvalidField> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        wrong(format!("the JSON cannot be read: {error}"), "send it as it was given")
    })?;
    let lines = match &value {
        Value::Array(lines) => lines.as_slice(),
        Value::Object(object) => {
            let list = ["items", "results", "entries", "movies", "shows"];
            let list = list.iter().find_map(|name| object.get(*name)?.as_array());
            list.map_or(std::slice::from_ref(&value), Vec::as_slice)
        }
        _ => &[],
    };
    Ok(lines.iter().filter_map(json_entry).collect())
}

/// A line of Trakt's lists and histories, or a film or a show by itself.
fn json_entry(line: &Value) -> Option<ListEntry> {
    let part = |name: &str| line.get(name).filter(|part| part.is_object());
    let number = |of: Option<&Value>, name: &str| {
        of.and_then(|of| of.get(name)).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok())
    };
    let (kind, what) = match (part("movie"), part("show")) {
        (Some(movie), _) => (ListedKind::Movie, movie),
        (None, Some(show)) => (ListedKind::Show, show),
        (None, None) => (kind_named(line.get("type").and_then(Value::as_str)), line),
    };
    let (season, episode) = match (part("episode"), part("season")) {
        (Some(episode), _) => (number(Some(episode), "season"), number(Some(episode), "number")),
        (None, Some(season)) => (number(Some(season), "number"), None),
        (None, None) => (number(Some(line), "season"), number(Some(line), "episode")),
    };
    let title = ["title", "name"].iter().find_map(|name| what.get(*name)?.as_str());
    let year = number(Some(what), "year").or_else(|| {
        let dates = ["release_date", "first_air_date", "released"];
        dates.iter().find_map(|name| year_of(what.get(*name)?.as_str()?))
    });
    let ids = what.get("ids").unwrap_or(what);
    let id = |name: &str| ids.get(name).or_else(|| ids.get(format!("{name}_id")));
    let whole = |name: &str| {
        let id = id(name)?;
        id.as_u64().or_else(|| id.as_str()?.parse().ok())
    };
    let imdb = id("imdb").and_then(Value::as_str).filter(|id| !id.is_empty());
    let ids = ForeignIds {
        imdb: imdb.map(str::to_ascii_lowercase),
        tmdb: whole("tmdb"),
        tvdb: whole("tvdb"),
    };
    let title = title.unwrap_or_default().trim().to_owned();
    let known = !title.is_empty() || ids != ForeignIds::default();
    known.then_some(ListEntry { kind, title, year, season, episode, ids })
}

fn kind_named(name: Option<&str>) -> ListedKind {
    match name.map(str::to_ascii_lowercase).as_deref() {
        Some("movie" | "film" | "video" | "tvmovie" | "tv movie") => ListedKind::Movie,
        Some(
            "show" | "tv" | "tvseries" | "tv series" | "tv mini series" | "tvminiseries" | "series",
        ) => ListedKind::Show,
        _ => ListedKind::Any,
    }
}

#[cfg(test)]
mod tests;
