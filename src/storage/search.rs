//! Search: queries over the whole library, answered from an index.
//!
//! A query becomes one statement over `media_facts`, which triggers keep, and `media_words`, a
//! full-text index of the lines that [`words`] makes. So what is found here is what
//! [`Query::select`] finds in memory; a test compares the two.

mod index;
mod statement;

use std::collections::HashMap;

use rusqlite::Connection;
use rusqlite::types::ToSql;

use super::columns::json;
use super::media::read_media;
use super::{Db, StorageError};
#[cfg(test)]
use crate::domain::MediaId;
use crate::domain::query::words;
use crate::domain::query::{Phrase, Query, SortField, TextField};
use crate::domain::{Media, UtcMillis};
pub(super) use index::{index, index_anew};
#[cfg(test)]
pub(super) use index::{index_lines, lines};
use statement::{Statement, matching, order};

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

/// The ids that a query finds; for tests that compare.
#[cfg(test)]
pub(super) fn found(c: &Connection, query: &Query, now: UtcMillis) -> Vec<MediaId> {
    find(c, query, now, 0, u32::MAX).unwrap().0.into_iter().map(MediaId).collect()
}
