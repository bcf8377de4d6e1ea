//! Search: queries over the whole library, answered from an index.
//!
//! A query becomes one statement over `media_facts`, which triggers keep, and `media_words`, a
//! full-text index of the lines that [`words`] makes. So what is found here is what
//! [`Query::select`] finds in memory; a test compares the two.

use std::collections::HashMap;
use std::fmt::Write;

use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension, Transaction};

use super::columns::{json, word};
use super::media::read_media;
use super::{Db, StorageError};
use crate::domain::query::words::{self, MARK, TextField};
use crate::domain::query::{Node, Phrase, Query, RangeField, Sort, SortField, Term};
use crate::domain::{Media, MediaId, UtcMillis};

/// A value of the library that a query may name, and how many media have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundValue {
    /// The value as it is written.
    pub text: String,
    /// How many media have it.
    pub count: u64,
}

impl Db {
    /// The media that a query finds at `now`, in its order or else by title: `limit` of them behind
    /// the first `skip`, and how many there are in all.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn search_media(
        &self,
        query: &Query,
        now: UtcMillis,
        skip: u32,
        limit: u32,
    ) -> Result<(Vec<Media>, u64), StorageError> {
        let query = query.clone();
        self.read("search media", move |c| {
            let (ids, total) = find(c, &query, now, skip, limit)?;
            let mut found: HashMap<i64, Media> = c
                .prepare_cached(
                    "SELECT * FROM media WHERE id IN (SELECT value FROM json_each(?1))",
                )?
                .query_map([json(&ids)?], read_media)?
                .map(|media| media.map(|media| (media.id.0, media)))
                .collect::<Result<_, _>>()?;
            Ok((ids.iter().filter_map(|id| found.remove(id)).collect(), total))
        })
        .await
    }

    /// The values of a text field with a word that begins like `begins`, the most frequent first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn values_of(
        &self,
        field: TextField,
        begins: &str,
        most: usize,
    ) -> Result<Vec<FoundValue>, StorageError> {
        let typed: Vec<String> = words::words(begins).collect();
        self.read("complete a value", move |c| {
            let (value, from) = match field {
                TextField::Genre => ("value", "media, json_each(media.genres)"),
                TextField::Show => ("show", "media"),
                TextField::Rating => ("rating", "media"),
                TextField::Edition => ("edition", "media"),
                _ => ("title", "media"),
            };
            let phrase = Phrase { words: typed.clone(), begins: true, whole: false };
            let (chosen, matching) = match typed.is_empty() {
                true => ("", None),
                false => (
                    "AND media.id IN (SELECT rowid FROM media_words WHERE media_words MATCH :text)",
                    Some(matching(&[field], &phrase)),
                ),
            };
            let sql = format!(
                "SELECT {value}, count(*) FROM {from} WHERE {value} IS NOT NULL {chosen}
                 GROUP BY {value} ORDER BY count(*) DESC, {value}"
            );
            let named: &[(&str, &dyn ToSql)] = &[(":text", &matching)];
            let named = if typed.is_empty() { &[][..] } else { named };
            let piece = format!(" {}", typed.join(" "));
            let mut found = Vec::new();
            let mut statement = c.prepare_cached(&sql)?;
            let mut rows = statement.query(named)?;
            while let Some(row) = rows.next()? {
                let text: String = row.get(0)?;
                // Of several genres only those that were meant.
                let line: String =
                    words::words(&text).fold(String::new(), |line, word| line + " " + &word);
                if typed.is_empty() || line.contains(&piece) {
                    found.push(FoundValue { text, count: row.get::<_, i64>(1)?.unsigned_abs() });
                }
                if found.len() == most {
                    break;
                }
            }
            Ok(found)
        })
        .await
    }
}

/// The ids of one page, and how many there are on all of them.
fn find(
    c: &Connection,
    query: &Query,
    now: UtcMillis,
    skip: u32,
    limit: u32,
) -> rusqlite::Result<(Vec<i64>, u64)> {
    let counted = Statement::of(query, now, "")?;
    let total: i64 = c
        .prepare_cached(&format!("SELECT count(*) FROM media_facts f WHERE {}", counted.text))?
        .query_row(&*counted.values(), |row| row.get(0))?;
    let most = i64::from(query.limit().unwrap_or(u32::MAX)).min(total);
    let limit = i64::from(limit).min(most - i64::from(skip)).max(0);
    if limit == 0 {
        return Ok((Vec::new(), most.unsigned_abs()));
    }
    // Where much is found, the page is found sooner by walking the titles in their order until it
    // is full; where little is found, by sorting that. A plus sign keeps an index from being used,
    // in the one case those of the conditions, in the other that of the order.
    let known: i64 = c
        .prepare_cached("SELECT ifnull(max(id), 0) FROM media_facts")?
        .query_row([], |row| row.get(0))?;
    let by_title = query.sort().iter().all(|s| s.by == SortField::Title && !s.descending);
    let steps = (i64::from(skip) + limit).saturating_mul(known) / total.max(1);
    let walked = by_title && steps < total;
    let chosen = Statement::of(query, now, if walked { "+" } else { "" })?;
    let order = order(query.sort());
    let ids = c
        .prepare_cached(&format!(
            "SELECT f.id FROM media_facts f WHERE {} ORDER BY {}{order} LIMIT {limit} OFFSET {skip}",
            chosen.text,
            if walked { "" } else { "+" },
        ))?
        .query_map(&*chosen.values(), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok((ids, most.unsigned_abs()))
}

/// A condition being written, with the values of its `?` in order.
struct Statement {
    now: UtcMillis,
    /// What stands before each column.
    sign: &'static str,
    text: String,
    values: Vec<Box<dyn ToSql>>,
}

impl Statement {
    fn of(query: &Query, now: UtcMillis, sign: &'static str) -> rusqlite::Result<Self> {
        let mut statement = Self { now, sign, text: String::new(), values: Vec::new() };
        statement.node(query.tree())?;
        Ok(statement)
    }

    fn values(&self) -> Vec<&dyn ToSql> {
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
                    write!(self.text, " AND {column} {operator} ?")
                        .map_err(super::columns::unwritable)?;
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
fn matching(fields: &[TextField], phrase: &Phrase) -> String {
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

fn order(sort: &[Sort]) -> String {
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

/// Puts a media item's words into the index, in the place of those that it had.
pub(super) fn index(t: &Transaction<'_>, media: &Media) -> rusqlite::Result<()> {
    index_lines(t, media.id, &lines(media))
}

/// The words of a media item, a line for each column of the index.
pub(super) fn lines(media: &Media) -> [String; TextField::ALL.len()] {
    TextField::ALL.map(|field| words::line(media, field))
}

/// Puts lines into the index.
pub(super) fn index_lines(
    t: &Transaction<'_>,
    id: MediaId,
    lines: &[String; TextField::ALL.len()],
) -> rusqlite::Result<()> {
    let mut values: Vec<&dyn ToSql> = vec![&id.0];
    values.extend(lines.iter().map(|line| line as &dyn ToSql));
    let columns: Vec<&str> = TextField::ALL.iter().map(|field| field.name()).collect();
    let places = vec!["?"; values.len()].join(", ");
    let insert = format!(
        "INSERT OR REPLACE INTO media_words (rowid, {}) VALUES ({places})",
        columns.join(", ")
    );
    t.prepare_cached(&insert)?.execute(&*values)?;
    Ok(())
}

/// Makes the index anew where its lines are of another version of this program, or of none.
pub(super) fn index_anew(connection: &mut Connection) -> Result<(), StorageError> {
    let failed = |error| StorageError::of("index the media", error);
    let indexed = index_all(connection).map_err(failed)?;
    if indexed > 0 {
        tracing::info!(media = indexed, "{indexed} media items were indexed for searching");
    }
    Ok(())
}

fn index_all(connection: &mut Connection) -> rusqlite::Result<usize> {
    let t = connection.transaction()?;
    let version: Option<String> =
        t.query_row("SELECT version FROM media_words_version", [], |row| row.get(0)).optional()?;
    let current = words::VERSION.to_string();
    if version.as_ref() == Some(&current) {
        return Ok(0);
    }
    t.execute("INSERT INTO media_words (media_words) VALUES ('delete-all')", [])?;
    let mut count = 0;
    {
        let mut all = t.prepare("SELECT * FROM media")?;
        for media in all.query_map([], read_media)? {
            index(&t, &media?)?;
            count += 1;
        }
    }
    t.execute("DELETE FROM media_words_version", [])?;
    t.execute("INSERT INTO media_words_version (version) VALUES (?1)", [&current])?;
    t.commit()?;
    Ok(count)
}

/// The ids that a query finds; for tests that compare.
#[cfg(test)]
pub(super) fn found(c: &Connection, query: &Query, now: UtcMillis) -> Vec<MediaId> {
    find(c, query, now, 0, u32::MAX).unwrap().0.into_iter().map(MediaId).collect()
}
