//! Between rows and types: enumerations as words, structures as JSON.

use rusqlite::types::Type;
use rusqlite::{Row, RowIndex};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The word serde has for a plain enumeration value, so that SQL and JSON spell it alike.
pub(super) fn word<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    match serde_json::to_value(value).map_err(unwritable)? {
        Value::String(word) => Ok(word),
        other => Err(unwritable(format!("{other} is not a word"))),
    }
}

/// Reads an enumeration value from its word.
pub(super) fn from_word<T: DeserializeOwned>(
    row: &Row<'_>,
    column: impl RowIndex + Copy,
) -> rusqlite::Result<T> {
    let word: String = row.get(column)?;
    serde_json::from_value(Value::String(word)).map_err(|e| unreadable(row, column, e))
}

/// Writes a structure as JSON.
pub(super) fn json<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(unwritable)
}

/// Reads a structure from JSON.
pub(super) fn from_json<T: DeserializeOwned>(
    row: &Row<'_>,
    column: impl RowIndex + Copy,
) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|e| unreadable(row, column, e))
}

/// A value that cannot be stored.
pub(super) fn unwritable(
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(error.into())
}

/// A stored value that does not fit its type; names the column.
pub(super) fn unreadable(
    row: &Row<'_>,
    column: impl RowIndex,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    match column.idx(row.as_ref()) {
        Ok(index) => rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(error)),
        Err(error) => error,
    }
}

/// Whether a statement touched the one row it was meant for.
pub(super) fn exactly_one(changed: usize) -> rusqlite::Result<()> {
    if changed == 1 { Ok(()) } else { Err(rusqlite::Error::QueryReturnedNoRows) }
}
