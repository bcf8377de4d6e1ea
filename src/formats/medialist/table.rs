//! Tables with a header, one title a row.

use super::{kind_named, year_of};
use crate::domain::{ForeignIds, ListEntry};

/// Where the columns of a table are.
#[derive(Debug, Default)]
pub(super) struct Columns {
    separator: char,
    title: usize,
    year: Option<usize>,
    kind: Option<usize>,
    season: Option<usize>,
    episode: Option<usize>,
    imdb: Option<usize>,
    tmdb: Option<usize>,
    tvdb: Option<usize>,
}

impl Columns {
    /// Reads the header; `None` when the first line is none.
    pub(super) fn of(header: &str) -> Option<Self> {
        let separator = [',', ';', '\t'].into_iter().find(|sign| header.contains(*sign))?;
        let names = cells(header, separator).into_iter().next()?;
        let names: Vec<String> = names
            .iter()
            .map(|name| name.trim().to_ascii_lowercase().replace([' ', '-'], "_"))
            .collect();
        let find = |known: &[&str]| names.iter().position(|name| known.contains(&name.as_str()));
        Some(Self {
            separator,
            title: find(&["title", "name", "show", "movie", "primary_title"])?,
            year: find(&["year", "release_year", "start_year", "release_date"]),
            kind: find(&["type", "title_type", "kind", "media_type"]),
            season: find(&["season", "season_number"]),
            episode: find(&["episode", "episode_number"]),
            imdb: find(&["const", "imdb", "imdb_id", "tconst"]),
            tmdb: find(&["tmdb", "tmdb_id", "tmdbid"]),
            tvdb: find(&["tvdb", "tvdb_id", "tvdbid"]),
        })
    }
}

/// The lines of a table below its header.
pub(super) fn from_csv(text: &str, columns: &Columns) -> Vec<ListEntry> {
    let rows = cells(text, columns.separator).into_iter().skip(1);
    let entry = |row: Vec<String>| {
        let cell = |at: Option<usize>| at.and_then(|at| row.get(at)).map(|cell| cell.trim());
        let cell = |at| cell(at).filter(|cell: &&str| !cell.is_empty());
        let title = cell(Some(columns.title)).unwrap_or_default().to_owned();
        let ids = ForeignIds {
            imdb: cell(columns.imdb).map(str::to_ascii_lowercase),
            tmdb: cell(columns.tmdb).and_then(|id| id.parse().ok()),
            tvdb: cell(columns.tvdb).and_then(|id| id.parse().ok()),
        };
        let known = !title.is_empty() || ids != ForeignIds::default();
        known.then(|| ListEntry {
            kind: kind_named(cell(columns.kind)),
            title,
            year: cell(columns.year).and_then(year_of),
            season: cell(columns.season).and_then(|season| season.parse().ok()),
            episode: cell(columns.episode).and_then(|episode| episode.parse().ok()),
            ids,
        })
    };
    rows.filter_map(entry).collect()
}

/// The rows of a table; a cell in quotation marks may hold separators, lines and doubled marks.
fn cells(text: &str, separator: char) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let (mut row, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            '"' if quoted || cell.is_empty() => quoted = !quoted,
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            '\r' if !quoted => {}
            letter if letter == separator && !quoted => row.push(std::mem::take(&mut cell)),
            letter => cell.push(letter),
        }
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell);
        rows.push(row);
    }
    rows
}
