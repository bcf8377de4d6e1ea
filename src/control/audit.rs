//! The audit log as the use cases see it: append, read, verify.
//!
//! The chain lives in the database; its head is also written to a small file beside it, so that a
//! database that was cut back (or replaced by an older copy) is noticed. What this proves and what
//! it does not: any change inside the chain is found by [`AuditLog::status`]; whoever may write
//! both the database and the head file can still forge the chain from any point on. Copy the head
//! somewhere else if that matters.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Transaction;

use super::operations::Actor;
use crate::domain::AuditRecord;
use crate::storage::audit::{self, AuditFilter, Draft, Head};
use crate::storage::{Db, StorageError};

pub use crate::storage::audit::{ChainFault, ChainStatus};

/// Name of the head file in the data folder.
pub const HEAD_FILE: &str = "audit-head";

/// An actor as it is written in records.
pub fn actor_code(actor: &Actor) -> String {
    match actor {
        Actor::Agent => "agent".to_owned(),
        Actor::Person { name } => format!("person:{name}"),
        Actor::System => "system".to_owned(),
    }
}

/// The audit log. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AuditLog {
    db: Db,
    head_file: Option<Arc<Path>>,
    /// Why nothing can be written, since the last attempt; and whether the chain is broken.
    fault: Arc<Mutex<Faults>>,
}

#[derive(Debug, Default)]
struct Faults {
    write: Option<String>,
    chain: Option<String>,
}

impl AuditLog {
    /// The log in `db`; its head is also kept in `head_file`, if one is given.
    pub fn new(db: Db, head_file: Option<PathBuf>) -> Self {
        Self { db, head_file: head_file.map(Into::into), fault: Arc::default() }
    }

    /// Appends one record.
    ///
    /// # Errors
    /// When it cannot be written; then it is not in the chain.
    pub async fn append(&self, draft: Draft) -> Result<AuditRecord, StorageError> {
        self.write("append to the audit log", move |t| {
            let record = audit::append(t, draft)?;
            Ok((Some(record.clone()), record))
        })
        .await
    }

    /// Runs `f` in one transaction; the record it returns first, if any, becomes the known head.
    ///
    /// # Errors
    /// When the transaction fails; then nothing of it happened, and nothing is permitted until
    /// a later one succeeds.
    pub async fn write<T: Send + 'static>(
        &self,
        op: &'static str,
        f: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<(Option<AuditRecord>, T)> + Send + 'static,
    ) -> Result<T, StorageError> {
        let written = self.db.write(op, f).await;
        let failed = written.as_ref().err().map(ToString::to_string);
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).write = failed;
        let (record, answer) = written?;
        if let Some(record) = record {
            self.note_head(Head { seq: record.seq, hash: record.hash }).await;
        }
        Ok(answer)
    }

    /// Why the log cannot be written, if the last attempt failed.
    pub fn write_fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).write.clone()
    }

    /// Why the chain cannot be trusted, if the last check found it broken.
    pub fn chain_fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).chain.clone()
    }

    /// Records in the order of the chain.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn read(&self, filter: AuditFilter) -> Result<Vec<AuditRecord>, StorageError> {
        self.db.read("read the audit log", move |db| audit::read(db, filter)).await
    }

    /// Checks the whole chain, its head, and the head file.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn status(&self) -> Result<ChainStatus, StorageError> {
        let known = match &self.head_file {
            Some(path) => read_head_file(path).await,
            None => None,
        };
        let after = known.as_ref().map_or(0, |head| head.seq - 1);
        let (mut status, there) = self
            .db
            .read("verify the audit log", move |db| {
                let filter = AuditFilter { incident: None, after_seq: after, limit: 1 };
                Ok((audit::check(db)?, audit::read(db, filter)?))
            })
            .await?;
        if let (Some(head), None) = (known, &status.fault) {
            // The file may lag behind by a record (it is written after the commit), never lead.
            status.fault = match there.first() {
                Some(record) if record.seq == head.seq && record.hash == head.hash => None,
                Some(record) => Some(ChainFault::HeadDiffers { seq: record.seq }),
                None => Some(ChainFault::TailCut { have: status.records, head: head.seq }),
            };
        }
        let fault = status.fault.as_ref().map(ToString::to_string);
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).chain = fault;
        Ok(status)
    }

    /// Writes the head beside the database. A failure is logged: the chain itself is complete.
    async fn note_head(&self, head: Head) {
        let Some(path) = &self.head_file else { return };
        if let Err(error) = write_head_file(path, &head).await {
            tracing::warn!(error = %error, "the head of the audit log could not be noted");
        }
    }
}

/// The head that the file names, or `None` when there is none or it cannot be read as one.
async fn read_head_file(path: &Path) -> Option<Head> {
    match tokio::fs::read_to_string(path).await {
        Ok(text) => match serde_json::from_str(&text) {
            Ok(head) => Some(head),
            Err(error) => {
                tracing::warn!(error = %error, "the head file of the audit log is not readable");
                // A file that was tampered with must not pass for a missing one.
                Some(Head { seq: i64::MAX, hash: String::new() })
            }
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            tracing::warn!(error = %error, "the head file of the audit log is not readable");
            None
        }
    }
}

async fn write_head_file(path: &Path, head: &Head) -> std::io::Result<()> {
    let part = path.with_extension("part");
    tokio::fs::write(&part, serde_json::to_string(head)?).await?;
    tokio::fs::rename(&part, path).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::{RecordKind, UtcMillis};

    fn draft(n: i64) -> Draft {
        Draft {
            at: UtcMillis(n),
            kind: RecordKind::Change,
            actor: "person:anna".into(),
            incident: None,
            body: json!({"n": n}),
        }
    }

    async fn log(folder: &Path, records: i64) -> AuditLog {
        let db = Db::open(&folder.join("test.db")).unwrap();
        let log = AuditLog::new(db, Some(folder.join(HEAD_FILE)));
        for n in 0..records {
            log.append(draft(n)).await.unwrap();
        }
        log
    }

    #[tokio::test]
    async fn a_log_verifies_and_goes_on_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        log(folder.path(), 3).await.db.close().await.unwrap();
        let log = log(folder.path(), 2).await;
        let status = log.status().await.unwrap();
        assert_eq!((status.records, status.fault), (5, None));
        assert_eq!(log.chain_fault(), None);
    }

    #[tokio::test]
    async fn a_database_that_was_cut_back_with_its_head_is_found_by_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path(), 3).await;
        log.db
            .write("cut", |t| {
                t.execute_batch(
                    "DROP TRIGGER audit_is_not_deleted; DELETE FROM audit WHERE seq = 3;
                     UPDATE audit_head SET seq = 2, hash = (SELECT hash FROM audit WHERE seq = 2)",
                )
            })
            .await
            .unwrap();
        let status = log.status().await.unwrap();
        assert_eq!(status.fault, Some(ChainFault::TailCut { have: 2, head: 3 }));
        assert!(log.chain_fault().is_some());
    }

    #[tokio::test]
    async fn a_head_file_that_lags_by_a_record_is_in_order_and_a_garbled_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path(), 2).await;
        let path = folder.path().join(HEAD_FILE);
        let lagging = std::fs::read_to_string(&path).unwrap();
        log.append(draft(9)).await.unwrap();
        std::fs::write(&path, lagging).unwrap();
        assert_eq!(log.status().await.unwrap().fault, None);
        std::fs::write(&path, "garbled").unwrap();
        assert!(log.status().await.unwrap().fault.is_some());
    }
}
