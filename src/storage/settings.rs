//! Settings the server keeps for itself (device id, first-start marks), by key.

use rusqlite::OptionalExtension;

use super::{Db, StorageError};

impl Db {
    /// The value under `key`, or `None` when it was never set.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn setting(&self, key: &str) -> Result<Option<String>, StorageError> {
        let key = key.to_owned();
        self.read("read a setting", move |c| {
            c.prepare_cached("SELECT value FROM settings WHERE key = ?1")?
                .query_row([key], |row| row.get(0))
                .optional()
        })
        .await
    }

    /// Puts `value` under `key`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn set_setting(&self, key: &str, value: &str) -> Result<(), StorageError> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.write("write a setting", move |t| {
            t.prepare_cached("INSERT OR REPLACE INTO settings (key, value) VALUES (?1, ?2)")?
                .execute([key, value])?;
            Ok(())
        })
        .await
    }
}
