//! The index: what is put into it, and when it is made anew.

use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension, Transaction};

use super::super::StorageError;
use super::super::media::read_media;
use crate::domain::query::words::{self, TextField};
use crate::domain::{Media, MediaId};

/// Puts a media item's words into the index, in the place of those that it had.
pub(in crate::storage) fn index(t: &Transaction<'_>, media: &Media) -> rusqlite::Result<()> {
    index_lines(t, media.id, &lines(media))
}

/// The words of a media item, a line for each column of the index.
pub(in crate::storage) fn lines(media: &Media) -> [String; TextField::ALL.len()] {
    TextField::ALL.map(|field| words::line(media, field))
}

/// Puts lines into the index.
pub(in crate::storage) fn index_lines(
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
pub(in crate::storage) fn index_anew(connection: &mut Connection) -> Result<(), StorageError> {
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
