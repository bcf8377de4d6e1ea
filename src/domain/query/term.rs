//! What a query is made of: conditions, and what joins them.

use super::words::TextField;
use crate::domain::{MediaKind, MediaStateName};

/// A part of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// All of these; nothing in it holds for everything.
    All(Vec<Self>),
    /// At least one of these; nothing in it holds for nothing.
    Any(Vec<Self>),
    /// Not this.
    Not(Box<Self>),
    /// This.
    Is(Term),
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// One of these texts holds the phrase.
    Text {
        /// Where it is looked for.
        fields: &'static [TextField],
        /// What is looked for.
        phrase: Phrase,
    },
    /// A value lies between two bounds, both included; what is not known lies nowhere.
    Range {
        /// Which value.
        field: RangeField,
        /// Smallest, `None` without.
        from: Option<Bound>,
        /// Largest, `None` without.
        to: Option<Bound>,
    },
    /// What it is.
    Kind(MediaKind),
    /// Whether it can be played.
    State(MediaStateName),
    /// The file lies below this folder; it ends in `/`.
    Folder(String),
}

/// Words in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    /// The words, at least one, made alike.
    pub words: Vec<String>,
    /// Whether the last word may go on.
    pub begins: bool,
    /// Whether the text consists of these words and no others.
    pub whole: bool,
}

/// A value that has an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RangeField {
    /// Year of release.
    Year,
    /// Season.
    Season,
    /// First episode in the file.
    Episode,
    /// Part of a film in several files.
    Part,
    /// Id of the library.
    Library,
    /// Id of the media item.
    Id,
    /// Playing time in milliseconds.
    Length,
    /// Size in bytes.
    Size,
    /// When it was first seen, in milliseconds since the epoch.
    Added,
    /// When it was first shown: midnight UTC of that day.
    Aired,
}

/// An end of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bound {
    /// This value.
    At(i64),
    /// This many milliseconds before now.
    Ago(i64),
}

impl Bound {
    /// The value at `now_ms`.
    pub fn at(self, now_ms: i64) -> i64 {
        match self {
            Self::At(value) => value,
            Self::Ago(ms) => now_ms.saturating_sub(ms),
        }
    }
}

/// What a result is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sort {
    /// Which value.
    pub by: SortField,
    /// Whether the largest comes first; what is not known comes last either way.
    pub descending: bool,
}

impl Sort {
    /// What stands for the number of a season or an episode that has none.
    pub const NO_NUMBER: u32 = 999_999;
}

/// A value to sort by; ties are broken by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SortField {
    /// Show (or title), season, episode, title.
    Title,
    /// Year of release.
    Year,
    /// When it was first seen.
    Added,
    /// When it was first shown.
    Aired,
    /// Playing time.
    Length,
    /// Size.
    Size,
    /// Id: the order in which media was found.
    Id,
}

impl Node {
    /// Whether some condition in it holds, whatever is made of it.
    pub(super) fn any(&self, holds: &impl Fn(&Term) -> bool) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.any(holds)),
            Self::Not(part) => part.any(holds),
            Self::Is(term) => holds(term),
        }
    }
}
