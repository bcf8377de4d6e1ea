//! The audit table: a chain of records that is only ever appended to.
//!
//! [`append`] reads the head, links the new record to it and moves the head, all inside the
//! caller's transaction: an intent and its ledger entry are committed together or not at all.
//! The functions take a connection, so that one transaction can hold several of them.

mod chain;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;

use crate::domain::{AuditRecord, IncidentId, RecordKind, UtcMillis};
use crate::foundation::canonical;

pub use chain::{ChainFault, ChainStatus, Head, hash_of, link, verify_chain};

/// A record before it is linked into the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// When.
    pub at: UtcMillis,
    /// What it says.
    pub kind: RecordKind,
    /// Who.
    pub actor: String,
    /// The incident it belongs to.
    pub incident: Option<IncidentId>,
    /// Everything else; never a secret.
    pub body: Value,
}

/// Which records are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only those of this incident.
    pub incident: Option<IncidentId>,
    /// Only those after this place in the chain.
    pub after_seq: i64,
    /// At most so many; 0 means 200.
    pub limit: u32,
}

/// Appends `draft` to the chain and moves the head; call it inside a transaction.
///
/// # Errors
/// When SQLite refuses.
pub fn append(db: &Connection, draft: Draft) -> rusqlite::Result<AuditRecord> {
    let head = read_head(db)?;
    let record = link(head.as_ref(), draft);
    db.execute(
        "INSERT INTO audit (seq, at, kind, actor, incident, body, prev, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            record.seq,
            record.at.0,
            kind_code(record.kind),
            record.actor,
            record.incident.map(|id| id.0),
            canonical::text(&record.body),
            record.prev,
            record.hash,
        ],
    )?;
    db.execute(
        "INSERT INTO audit_head (id, seq, hash) VALUES (1, ?1, ?2)
         ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash",
        params![record.seq, record.hash],
    )?;
    Ok(record)
}

/// Where the chain ends by its own record, or `None` when nothing was written yet.
///
/// # Errors
/// When SQLite refuses.
pub fn read_head(db: &Connection) -> rusqlite::Result<Option<Head>> {
    let read = |row: &Row<'_>| Ok(Head { seq: row.get(0)?, hash: row.get(1)? });
    db.query_row("SELECT seq, hash FROM audit_head WHERE id = 1", [], read).optional()
}

/// Records in the order of the chain.
///
/// # Errors
/// When SQLite refuses or a row cannot be read as a record.
pub fn read(db: &Connection, filter: AuditFilter) -> rusqlite::Result<Vec<AuditRecord>> {
    let limit = if filter.limit == 0 { 200 } else { filter.limit };
    let mut query = db.prepare_cached(
        "SELECT seq, at, kind, actor, incident, body, prev, hash FROM audit
         WHERE seq > ?1 AND (?2 IS NULL OR incident = ?2) ORDER BY seq LIMIT ?3",
    )?;
    let rows = query.query_map(
        params![filter.after_seq, filter.incident.map(|id| id.0), limit],
        record_of_row,
    )?;
    rows.collect()
}

/// Checks the whole chain in the database against its head.
///
/// A row that no longer reads as a record counts as an edit, not as an error.
///
/// # Errors
/// When SQLite refuses.
pub fn check(db: &Connection) -> rusqlite::Result<ChainStatus> {
    let head = read_head(db)?;
    let mut walk = chain::Walk::new();
    let mut query = db.prepare(
        "SELECT seq, at, kind, actor, incident, body, prev, hash FROM audit ORDER BY seq",
    )?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        match record_of_row(row) {
            Ok(record) => walk.step(&record),
            Err(_) => walk.unreadable(row.get(0)?),
        }
    }
    Ok(walk.end(head.as_ref()))
}

/// The code of a record kind, as written in SQL and JSON.
pub fn kind_code(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Envelope => "envelope",
        RecordKind::Plan => "plan",
        RecordKind::Denied => "denied",
        RecordKind::Intent => "intent",
        RecordKind::Outcome => "outcome",
        RecordKind::Verdict => "verdict",
        RecordKind::Escalated => "escalated",
        RecordKind::Change => "change",
        RecordKind::Containment => "containment",
    }
}

fn kind_of(code: &str) -> Option<RecordKind> {
    let all = [
        RecordKind::Envelope,
        RecordKind::Plan,
        RecordKind::Denied,
        RecordKind::Intent,
        RecordKind::Outcome,
        RecordKind::Verdict,
        RecordKind::Escalated,
        RecordKind::Change,
        RecordKind::Containment,
    ];
    all.into_iter().find(|kind| kind_code(*kind) == code)
}

fn record_of_row(row: &Row<'_>) -> rusqlite::Result<AuditRecord> {
    let unreadable = |column: usize, what: String| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, what.into())
    };
    let kind: String = row.get(2)?;
    let body: String = row.get(5)?;
    Ok(AuditRecord {
        seq: row.get(0)?,
        at: UtcMillis(row.get(1)?),
        kind: kind_of(&kind).ok_or_else(|| unreadable(2, format!("{kind:?} is no kind")))?,
        actor: row.get(3)?,
        incident: row.get::<_, Option<i64>>(4)?.map(IncidentId),
        body: serde_json::from_str(&body).map_err(|e| unreadable(5, e.to_string()))?,
        prev: row.get(6)?,
        hash: row.get(7)?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SCHEMA: &str = include_str!("../../migrations/02-operator/up.sql");

    fn database() -> Connection {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(SCHEMA).unwrap();
        db
    }

    fn draft(n: i64) -> Draft {
        Draft {
            at: UtcMillis(n),
            kind: RecordKind::Intent,
            actor: "agent".into(),
            incident: Some(IncidentId(n % 2)),
            body: json!({"n": n, "share": 0.1, "name": "ä\"\n"}),
        }
    }

    fn filled(records: i64) -> Connection {
        let db = database();
        for n in 1..=records {
            append(&db, draft(n)).unwrap();
        }
        db
    }

    #[test]
    fn what_is_appended_is_read_back_and_verifies() {
        let db = filled(5);
        let records = read(&db, AuditFilter::default()).unwrap();
        assert_eq!(records.len(), 5);
        assert_eq!(records[0].prev, "0".repeat(64));
        assert_eq!(verify_chain(&records, read_head(&db).unwrap().as_ref()).fault, None);
        assert_eq!(check(&db).unwrap(), ChainStatus::intact(5, records[4].hash.clone()));
    }

    #[test]
    fn the_filter_takes_an_incident_a_start_and_a_limit() {
        let db = filled(6);
        let filter = AuditFilter { incident: Some(IncidentId(1)), after_seq: 1, limit: 1 };
        let seqs: Vec<i64> = read(&db, filter).unwrap().iter().map(|r| r.seq).collect();
        assert_eq!(seqs, [3]);
    }

    #[test]
    fn the_table_refuses_edits_and_deletions() {
        let db = filled(2);
        assert!(db.execute("UPDATE audit SET actor = 'x' WHERE seq = 1", []).is_err());
        assert!(db.execute("DELETE FROM audit WHERE seq = 2", []).is_err());
    }

    #[test]
    fn a_cut_tail_is_seen_by_the_head() {
        let db = filled(4);
        db.execute_batch("DROP TRIGGER audit_is_not_deleted; DELETE FROM audit WHERE seq > 2")
            .unwrap();
        assert_eq!(check(&db).unwrap().fault, Some(ChainFault::TailCut { have: 2, head: 4 }));
    }

    #[test]
    fn a_row_that_is_no_record_any_more_counts_as_an_edit() {
        let db = filled(3);
        db.execute_batch(
            "DROP TRIGGER audit_is_not_edited; UPDATE audit SET body = '{' WHERE seq = 2",
        )
        .unwrap();
        assert_eq!(check(&db).unwrap().fault, Some(ChainFault::Edited { seq: 2 }));
    }

    #[test]
    fn a_transaction_that_is_rolled_back_leaves_no_trace() {
        let mut db = filled(1);
        let transaction = db.transaction().unwrap();
        append(&transaction, draft(2)).unwrap();
        transaction.rollback().unwrap();
        assert_eq!(check(&db).unwrap().records, 1);
    }
}
