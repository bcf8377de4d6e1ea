//! Queries as SQL.

use std::fmt::Write;

use rusqlite::types::ToSql;

use super::super::columns::{unwritable, word};
use crate::domain::UtcMillis;
use crate::domain::query::words::MARK;
use crate::domain::query::{Node, Phrase, Query, RangeField, Sort, SortField, Term, TextField};

/// A condition being written, with the values of its `?` in order.
pub(super) struct Statement {
    now: UtcMillis,
    /// What stands before each column.
    sign: &'static str,
    pub(super) text: String,
    values: Vec<Box<dyn ToSql>>,
}

impl Statement {
    /// The conditions of a query; `sign` stands before each column.
    pub(super) fn of(query: &Query, now: UtcMillis, sign: &'static str) -> rusqlite::Result<Self> {
        let mut statement = Self { now, sign, text: String::new(), values: Vec::new() };
        statement.node(query.tree())?;
        Ok(statement)
    }

    /// The values of its `?`.
    pub(super) fn values(&self) -> Vec<&dyn ToSql> {
        self.values.iter().map(AsRef::as_ref).collect()
    }

    fn node(&mut self, node: &Node) -> rusqlite::Result<()> {
        match node {
            Node::All(parts) => self.join(parts, " AND ", "1"),
            Node::Any(parts) => self.join(parts, " OR ", "0"),
            Node::Not(part) => {
                // What is not known is no match, so its negation is one.
                self.text.push_str("NOT coalesce((");
                self.node(part)?;
                self.text.push_str("), 0)");
                Ok(())
            }
            Node::Is(term) => self.term(term),
        }
    }

    fn join(&mut self, parts: &[Node], between: &str, empty: &str) -> rusqlite::Result<()> {
        if parts.is_empty() {
            self.text.push_str(empty);
            return Ok(());
        }
        // Texts side by side are one question to the full-text index.
        let mut matches = Vec::new();
        let mut rest = Vec::new();
        for part in parts {
            match part {
                Node::Is(Term::Text { fields, phrase }) => {
                    matches.push(format!("({})", matching(fields, phrase)));
                }
                part => rest.push(part),
            }
        }
        self.text.push('(');
        if !matches.is_empty() {
            self.matches(matches.join(between));
        }
        for (index, part) in rest.into_iter().enumerate() {
            if index > 0 || !matches.is_empty() {
                self.text.push_str(between);
            }
            self.node(part)?;
        }
        self.text.push(')');
        Ok(())
    }

    /// Those that match in the language of the full-text index.
    fn matches(&mut self, expression: String) {
        self.text.push_str(self.sign);
        let words = "f.id IN (SELECT rowid FROM media_words WHERE media_words MATCH ?)";
        self.text.push_str(words);
        self.values.push(Box::new(expression));
    }

    fn term(&mut self, term: &Term) -> rusqlite::Result<()> {
        match term {
            Term::Text { fields, phrase } => self.matches(matching(fields, phrase)),
            Term::Range { field, from, to } => {
                let column = format!("{}{}", self.sign, column(*field));
                self.text.push('(');
                self.text.push_str(&column);
                self.text.push_str(" IS NOT NULL");
                for (bound, operator) in [(from, ">="), (to, "<=")] {
                    let Some(bound) = bound else { continue };
                    // Into a string nothing fails.
                    write!(self.text, " AND {column} {operator} ?").map_err(unwritable)?;
                    self.values.push(Box::new(bound.at(self.now.0)));
                }
                self.text.push(')');
            }
            Term::Kind(kind) => {
                self.text.push_str(self.sign);
                self.text.push_str("f.kind = ?");
                self.values.push(Box::new(word(kind)?));
            }
            Term::State(state) => {
                self.text.push_str(self.sign);
                self.text.push_str("f.state = ?");
                self.values.push(Box::new(state.as_str()));
            }
            Term::Folder(folder) => {
                // Everything between `/films/` and `/films0`, the sign after the slash.
                self.text.push_str(self.sign);
                let below = "f.id IN (SELECT id FROM media WHERE path >= ? AND path < ?)";
                self.text.push_str(below);
                let end = format!("{}0", folder.trim_end_matches('/'));
                self.values.push(Box::new(folder.clone()));
                self.values.push(Box::new(end));
            }
        }
        Ok(())
    }
}

/// What a phrase is in the language of the full-text index. Words are letters and digits only.
pub(super) fn matching(fields: &[TextField], phrase: &Phrase) -> String {
    let columns: Vec<&str> = fields.iter().map(|field| field.name()).collect();
    let (columns, words) = (columns.join(" "), phrase.words.join(" "));
    match (phrase.whole, phrase.begins) {
        (true, _) => format!("{{{columns}}} : \"{MARK} {words} {MARK}\""),
        (false, true) => format!("{{{columns}}} : \"{words}\" *"),
        (false, false) => format!("{{{columns}}} : \"{words}\""),
    }
}

fn column(field: RangeField) -> &'static str {
    match field {
        RangeField::Year => "f.year",
        RangeField::Season => "f.season",
        RangeField::Episode => "f.episode",
        RangeField::Part => "f.part",
        RangeField::Library => "f.library_id",
        RangeField::Id => "f.id",
        RangeField::Length => "f.length_ms",
        RangeField::Size => "f.size",
        RangeField::Added => "f.added_ms",
        RangeField::Aired => "f.aired_ms",
    }
}

/// What a result is sorted by; by title where a query says nothing.
pub(super) fn order(sort: &[Sort]) -> String {
    let by_title = [Sort { by: SortField::Title, descending: false }];
    let sort = if sort.is_empty() { &by_title[..] } else { sort };
    let mut order = String::new();
    for Sort { by, descending } in sort {
        let way = if *descending { "DESC" } else { "ASC" };
        let column = match by {
            SortField::Title => {
                let last = Sort::NO_NUMBER;
                order.push_str(&format!(
                    "f.series {way}, ifnull(f.season, {last}) {way}, ifnull(f.episode, {last}) {way}, \
                     f.title {way}, "
                ));
                continue;
            }
            SortField::Year => "f.year",
            SortField::Added => "f.added_ms",
            SortField::Aired => "f.aired_ms",
            SortField::Length => "f.length_ms",
            SortField::Size => "f.size",
            SortField::Id => "f.id",
        };
        order.push_str(&format!("{column} {way} NULLS LAST, "));
    }
    order.push_str("f.id");
    order
}
