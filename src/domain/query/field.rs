//! The fields that a query may name, what they take, and how they are called.

use super::words::TextField;
use super::{RangeField, SortField};
use crate::domain::{MediaKind, MediaStateName};

/// A field of the language.
#[derive(Debug)]
pub struct QueryField {
    /// Its name.
    pub name: &'static str,
    /// Other names that are understood.
    pub(super) aliases: &'static [&'static str],
    /// What it takes.
    pub(super) takes: Takes,
    /// What it is, for people.
    pub about: &'static str,
    /// How it is written.
    pub example: &'static str,
}

/// What may stand behind a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// Words in a row.
    Words(&'static [TextField]),
    /// A text as a whole.
    Whole(&'static [TextField]),
    Number(RangeField),
    /// `90m`, `1h30m`; a number alone is minutes.
    Length,
    /// `700MB`, `4GB`.
    Size,
    /// A day, a month, a year, or an age.
    Date(RangeField),
    Kind,
    State,
    Folder,
    Sort,
    Limit,
}

const fn field(
    name: &'static str,
    aliases: &'static [&'static str],
    takes: Takes,
    about: &'static str,
    example: &'static str,
) -> QueryField {
    QueryField { name, aliases, takes, about, example }
}

/// Every field, in the order in which they are offered.
#[rustfmt::skip]
pub const FIELDS: &[QueryField] = &[
    field("title", &[], Takes::Words(&[TextField::Title]), "words of the title", "title:\"night ferry\""),
    field("show", &["artist", "series"], Takes::Words(&[TextField::Show]), "words of the show or the artist", "show=\"The Office\""),
    field("genre", &["genres"], Takes::Words(&[TextField::Genre]), "words of a genre", "genre:comedy,drama"),
    field("year", &[], Takes::Number(RangeField::Year), "year of release", "year:1980..1989"),
    field("kind", &["type"], Takes::Kind, "movie, episode, music_video, live or other", "kind:movie"),
    field("added", &[], Takes::Date(RangeField::Added), "when it was first seen", "added:<30d"),
    field("aired", &["released"], Takes::Date(RangeField::Aired), "when it was first shown", "aired:1999-05"),
    field("length", &["duration", "runtime", "minutes"], Takes::Length, "playing time; a number alone is minutes", "length:<90m"),
    field("season", &[], Takes::Number(RangeField::Season), "season; 0 holds specials", "season:1"),
    field("episode", &[], Takes::Number(RangeField::Episode), "first episode in the file", "episode:1..5"),
    field("rating", &[], Takes::Whole(&[TextField::Rating]), "age rating", "rating:PG,PG-13"),
    field("plot", &["description"], Takes::Words(&[TextField::Plot]), "words of the plot", "plot:submarine"),
    field("edition", &[], Takes::Words(&[TextField::Edition]), "words of the edition", "edition:\"director's cut\""),
    field("audio", &["language"], Takes::Words(&[TextField::Audio]), "language of the sound, by code or name", "audio:german"),
    field("subtitles", &["subtitle"], Takes::Words(&[TextField::Subtitles]), "language of the subtitles, by code or name", "subtitles:en"),
    field("resolution", &[], Takes::Words(&[TextField::Resolution]), "sd, 720p, 1080p, 2160p, hd or 4k", "resolution:1080p"),
    field("codec", &[], Takes::Words(&[TextField::Codec]), "codec of picture or sound", "codec:h264"),
    field("folder", &[], Takes::Folder, "files below this folder", "folder:/srv/films"),
    field("path", &["file"], Takes::Words(&[TextField::Path]), "words of the file's path", "path:extras"),
    field("library", &["library_id"], Takes::Number(RangeField::Library), "id of the library", "library:2"),
    field("state", &[], Takes::State, "playable, corrupt, unsupported, missing or quarantined", "state:corrupt"),
    field("size", &[], Takes::Size, "size of the file", "size:>4GB"),
    field("part", &[], Takes::Number(RangeField::Part), "part of a film in several files", "part:2"),
    field("id", &[], Takes::Number(RangeField::Id), "id of the media item", "id:17"),
    field("sort", &["order"], Takes::Sort, "title, year, added, aired, length, size or id; - turns it round", "sort:-added"),
    field("limit", &[], Takes::Limit, "how many at most", "limit:50"),
];

/// Where a word without a field is looked for.
pub(super) const EVERYWHERE: &[TextField] = &[TextField::Title, TextField::Show, TextField::Plot];

/// The words for kinds, the proper one first.
pub(super) const KINDS: &[(&str, MediaKind)] = &[
    ("movie", MediaKind::Movie),
    ("episode", MediaKind::Episode),
    ("music_video", MediaKind::MusicVideo),
    ("live", MediaKind::Live),
    ("other", MediaKind::Other),
    ("film", MediaKind::Movie),
    ("music", MediaKind::MusicVideo),
    ("broadcast", MediaKind::Live),
];

pub(super) const STATES: &[(&str, MediaStateName)] = &[
    ("playable", MediaStateName::Playable),
    ("corrupt", MediaStateName::Corrupt),
    ("unsupported", MediaStateName::Unsupported),
    ("missing", MediaStateName::Missing),
    ("quarantined", MediaStateName::Quarantined),
];

pub(super) const SORTS: &[(&str, SortField)] = &[
    ("title", SortField::Title),
    ("year", SortField::Year),
    ("added", SortField::Added),
    ("aired", SortField::Aired),
    ("length", SortField::Length),
    ("size", SortField::Size),
    ("id", SortField::Id),
    ("duration", SortField::Length),
];

/// The field of this name, whatever its case.
pub(super) fn named(name: &str) -> Option<&'static QueryField> {
    let is = |known: &str| known.eq_ignore_ascii_case(name);
    FIELDS.iter().find(|field| is(field.name) || field.aliases.iter().any(|alias| is(alias)))
}

/// The name that was probably meant.
pub(super) fn meant(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let names = FIELDS.iter().flat_map(|field| std::iter::once(&field.name).chain(field.aliases));
    let far = |known: &str| distance(&name, known);
    names.copied().min_by_key(|known| far(known)).filter(|known| far(known) * 2 <= known.len())
}

/// How many letters have to be changed, added or taken away.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut before = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = before + usize::from(x != *y);
            before = row[j + 1];
            row[j + 1] = changed.min(before + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
