//! The language in which media is asked for: `genre:comedy year:1980s -show:"The Office" added:<30d`.
//!
//! A query is parsed once, at the door, and is a value from then on. The same query is answered by
//! [`Query::select`] over media in memory (that is how a plan sees a collection) and by the
//! database's index (that is how a search over a large library is quick); a test compares the two.
//! `docs/search.md` is the description for people.
//!
//! Text is compared word by word, without case and accents ([`words`]). Times are UTC; a month has
//! 30 days and a year 365 where it is an age.

mod complete;
mod field;
mod matches;
mod parse;
pub mod words;

use serde::{Deserialize, Serialize};

use super::{MediaKind, MediaStateName};

pub use complete::{Completion, Wanted, complete, suggestions};
pub use field::{FIELDS, QueryField};
pub use parse::{QueryError, QueryFault};
pub use words::TextField;

/// A question that media answers to or not, with an order and a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    text: String,
    tree: Node,
    sort: Vec<Sort>,
    limit: Option<u32>,
}

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

impl Query {
    /// Longest query, in letters.
    pub const LONGEST: usize = 2_000;

    /// Reads a query; an empty one asks for everything.
    ///
    /// # Errors
    /// The first thing that cannot be understood, with its place and what to write instead.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        parse::parse(text)
    }

    /// A query that was taken once and is stored. Should it not be understood any more, it finds
    /// nothing, and nobody loses what is stored beside it.
    pub fn stored(text: String) -> Self {
        Self::parse(&text).unwrap_or(Self {
            text,
            tree: Node::Any(Vec::new()),
            sort: Vec::new(),
            limit: None,
        })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is asked for.
    pub fn tree(&self) -> &Node {
        &self.tree
    }

    /// In which order; empty when it says none.
    pub fn sort(&self) -> &[Sort] {
        &self.sort
    }

    /// How many at most.
    pub fn limit(&self) -> Option<u32> {
        self.limit
    }

    /// Whether broadcasts are asked for by name.
    pub fn asks_for_live(&self) -> bool {
        self.tree.any(&|term| *term == Term::Kind(MediaKind::Live))
    }

    /// The same, with one more condition that must hold.
    #[must_use]
    pub fn and(mut self, term: Term) -> Self {
        self.tree = Node::All(vec![self.tree, Node::Is(term)]);
        self
    }

    /// The same in another order, if it says none itself.
    #[must_use]
    pub fn or_sorted_by(mut self, sort: Sort) -> Self {
        if self.sort.is_empty() {
            self.sort.push(sort);
        }
        self
    }
}

impl Node {
    fn any(&self, holds: &impl Fn(&Term) -> bool) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.any(holds)),
            Self::Not(part) => part.any(holds),
            Self::Is(term) => holds(term),
        }
    }
}

impl Serialize for Query {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Query {
    /// Reads what [`Self::stored`] reads: it never fails on a text.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::stored)
    }
}

#[cfg(test)]
mod tests;
