//! Why storage could not do what was asked, grouped by what the caller can do about it.

use std::path::PathBuf;

use rusqlite::ErrorCode;

/// Why a read or a write came to nothing.
///
/// A failed write has changed nothing. Faults are logged here, once, with the operation's name;
/// callers pass them on without another log line.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Something else already has this value: ask for another one.
    #[error("{field} {value:?} is taken")]
    Conflict {
        /// The field that has to be unique.
        field: String,
        /// The value that is taken; empty where it is not known.
        value: String,
    },
    /// What was asked for, or what the new row belongs to, does not exist.
    #[error("it does not exist")]
    NotFound,
    /// Another process holds the database; trying again later may help.
    #[error("the database is held by another process")]
    Busy,
    /// The file is damaged or is no database: restore a backup.
    #[error("the database is damaged ({what}); stop the server and restore a backup")]
    Corrupt {
        /// What SQLite found.
        what: String,
    },
    /// The file was written by a later version of this program.
    #[error(
        "the database has schema version {found}, this program knows up to {known}; \
         install a later version or restore a backup"
    )]
    Newer {
        /// Version of the file.
        found: i64,
        /// Latest version this program knows.
        known: i64,
    },
    /// There is no database where one was expected.
    #[error("there is no database at {}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The schema could not be brought up to date.
    #[error("the schema could not be brought up to date")]
    Migration {
        /// Why.
        #[source]
        source: Box<rusqlite_migration::Error>,
    },
    /// A file could not be read, written or renamed.
    #[error("{op} failed for {}", path.display())]
    File {
        /// What was tried.
        op: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The code of the operation itself panicked; nothing was changed.
    #[error("{op} panicked")]
    Panicked {
        /// The operation's name.
        op: &'static str,
    },
    /// The database was closed before this was done.
    #[error("the database is closed")]
    Closed,
    /// Anything else, such as a full disk.
    #[error("{op} failed")]
    Failed {
        /// The operation's name.
        op: &'static str,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
}

impl StorageError {
    /// Sorts an error of SQLite by what the caller can do about it.
    pub(crate) fn of(op: &'static str, error: rusqlite::Error) -> Self {
        if matches!(error, rusqlite::Error::QueryReturnedNoRows) {
            return Self::NotFound;
        }
        let rusqlite::Error::SqliteFailure(failure, text) = &error else {
            return Self::Failed { op, source: error };
        };
        match failure.code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Busy,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                Self::Corrupt { what: text.clone().unwrap_or_else(|| failure.to_string()) }
            }
            ErrorCode::ConstraintViolation => match failure.extended_code {
                rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE
                | rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY => {
                    Self::Conflict { field: taken_field(text.as_deref()), value: String::new() }
                }
                // Children go with their parents, so this is always a parent that is not there.
                rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY => Self::NotFound,
                _ => Self::Failed { op, source: error },
            },
            _ => Self::Failed { op, source: error },
        }
    }

    /// Says which value is taken, if this is a conflict about `field`.
    #[must_use]
    pub(crate) fn about(self, about: &str, taken: &str) -> Self {
        match self {
            Self::Conflict { field, .. } if field == about => {
                Self::Conflict { field, value: taken.to_owned() }
            }
            other => other,
        }
    }

    /// Logs a fault; an outcome that callers deal with (taken, not there) leaves a debug line.
    pub(crate) fn log(&self, op: &'static str) {
        match self {
            Self::Conflict { .. } | Self::NotFound | Self::Closed => {
                tracing::debug!(storage.op = op, "{op} came to nothing: {self}");
            }
            Self::Busy => tracing::warn!(storage.op = op, "{op} failed: {self}"),
            Self::Corrupt { .. }
            | Self::Newer { .. }
            | Self::Missing { .. }
            | Self::Migration { .. }
            | Self::File { .. }
            | Self::Panicked { .. }
            | Self::Failed { .. } => {
                let cause = std::error::Error::source(self).map(ToString::to_string);
                let cause = cause.unwrap_or_default(); // reason: no cause, nothing to add
                tracing::error!(storage.op = op, "storage: {op}: {self}: {cause}");
            }
        }
    }
}

/// Reads the field from `UNIQUE constraint failed: channels.number`; of several, the last.
fn taken_field(text: Option<&str>) -> String {
    let field = text.and_then(|text| text.rsplit(['.', ' ']).next());
    field.filter(|field| !field.is_empty()).unwrap_or("value").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_taken_field_is_read_from_the_message() {
        assert_eq!(taken_field(Some("UNIQUE constraint failed: channels.number")), "number");
        let two = "UNIQUE constraint failed: media.library_id, media.path";
        assert_eq!(taken_field(Some(two)), "path");
        assert_eq!(taken_field(None), "value");
    }
}
