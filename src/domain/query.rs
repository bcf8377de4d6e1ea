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
mod days;
mod field;
mod matches;
mod parse;
mod term;
pub mod words;

use serde::{Deserialize, Serialize};

use super::MediaKind;

pub use complete::{Completion, Wanted, complete, suggestions};
pub use field::{FIELDS, QueryField};
pub use parse::{QueryError, QueryFault};
pub use term::{Bound, Node, Phrase, RangeField, Sort, SortField, Term};
pub use words::TextField;

/// A question that media answers to or not, with an order and a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    text: String,
    tree: Node,
    sort: Vec<Sort>,
    limit: Option<u32>,
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
