//! The ledger table: permitted actions and failures, from which windows and budgets are counted.
//!
//! Entries are appended in the transaction that also holds the audit record of the intent. An
//! action counts from the moment it is permitted, whatever comes of it.

use rusqlite::{Connection, Row, params};

use crate::domain::{
    Cause, ChannelId, Finding, IncidentId, LedgerEntry, LedgerKind, MediaId, RiskClass, UtcMillis,
};

const COLUMNS: &str = "at, kind, tool, risk, actor, channel, media, incident, cause, intent_seq, \
                       outcome, finding";

/// Appends an entry; call it inside a transaction.
///
/// # Errors
/// When SQLite refuses.
pub fn append(db: &Connection, entry: &LedgerEntry) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO ledger (at, kind, tool, risk, actor, channel, media, incident, cause,
                             intent_seq, outcome, finding)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        params![
            entry.at.0,
            match entry.kind {
                LedgerKind::Action => "action",
                LedgerKind::Failure => "failure",
            },
            entry.tool,
            risk_code(entry.risk),
            entry.actor,
            entry.channel.map(|id| id.0),
            entry.media.map(|id| id.0),
            entry.incident.map(|id| id.0),
            entry.cause.map(Cause::code),
            entry.intent_seq,
            entry.outcome,
            entry.finding.map(Finding::code),
        ],
    )?;
    Ok(())
}

/// Entries at or after `from`, oldest first.
///
/// # Errors
/// When SQLite refuses or a row cannot be read.
pub fn since(db: &Connection, from: UtcMillis) -> rusqlite::Result<Vec<LedgerEntry>> {
    let sql = format!("SELECT {COLUMNS} FROM ledger WHERE at >= ?1 ORDER BY at, id");
    let mut query = db.prepare_cached(&sql)?;
    query.query_map([from.0], entry_of_row)?.collect()
}

/// Actions for `incident`, oldest first.
///
/// # Errors
/// When SQLite refuses or a row cannot be read.
pub fn of_incident(db: &Connection, incident: IncidentId) -> rusqlite::Result<Vec<LedgerEntry>> {
    let sql = format!("SELECT {COLUMNS} FROM ledger WHERE incident = ?1 ORDER BY at, id");
    let mut query = db.prepare_cached(&sql)?;
    query.query_map([incident.0], entry_of_row)?.collect()
}

/// Actions that were announced and have no outcome.
///
/// # Errors
/// When SQLite refuses or a row cannot be read.
pub fn unfinished(db: &Connection) -> rusqlite::Result<Vec<LedgerEntry>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM ledger WHERE kind = 'action' AND outcome IS NULL ORDER BY id"
    );
    let mut query = db.prepare_cached(&sql)?;
    query.query_map([], entry_of_row)?.collect()
}

/// Writes what doing the action of intent `intent_seq` returned: `done`, `failed` or `unknown`.
///
/// # Errors
/// When SQLite refuses.
pub fn set_outcome(db: &Connection, intent_seq: i64, outcome: &str) -> rusqlite::Result<()> {
    db.execute("UPDATE ledger SET outcome = ?2 WHERE intent_seq = ?1", params![intent_seq, outcome])
        .map(|_| ())
}

/// Writes what the verifier found about the action of intent `intent_seq`.
///
/// # Errors
/// When SQLite refuses.
pub fn set_finding(db: &Connection, intent_seq: i64, finding: Finding) -> rusqlite::Result<()> {
    db.execute(
        "UPDATE ledger SET finding = ?2 WHERE intent_seq = ?1",
        params![intent_seq, finding.code()],
    )
    .map(|_| ())
}

/// The code of a risk class, as written in SQL and JSON.
pub fn risk_code(risk: RiskClass) -> &'static str {
    match risk {
        RiskClass::Read => "read",
        RiskClass::Quiet => "quiet",
        RiskClass::Visible => "visible",
        RiskClass::Wide => "wide",
        RiskClass::Forbidden => "forbidden",
    }
}

fn entry_of_row(row: &Row<'_>) -> rusqlite::Result<LedgerEntry> {
    let unreadable = |column: usize, text: &str| {
        let what = format!("{text:?} cannot be read");
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, what.into())
    };
    let kind: String = row.get(1)?;
    let risk: String = row.get(3)?;
    let cause: Option<String> = row.get(8)?;
    let finding: Option<String> = row.get(11)?;
    let risks = [
        RiskClass::Read,
        RiskClass::Quiet,
        RiskClass::Visible,
        RiskClass::Wide,
        RiskClass::Forbidden,
    ];
    Ok(LedgerEntry {
        at: UtcMillis(row.get(0)?),
        kind: match kind.as_str() {
            "action" => LedgerKind::Action,
            "failure" => LedgerKind::Failure,
            other => return Err(unreadable(1, other)),
        },
        tool: row.get(2)?,
        risk: risks
            .into_iter()
            .find(|known| risk_code(*known) == risk)
            .ok_or_else(|| unreadable(3, &risk))?,
        actor: row.get(4)?,
        channel: row.get::<_, Option<i64>>(5)?.map(ChannelId),
        media: row.get::<_, Option<i64>>(6)?.map(MediaId),
        incident: row.get::<_, Option<i64>>(7)?.map(IncidentId),
        cause: match cause {
            Some(code) => Some(code.parse().map_err(|_| unreadable(8, &code))?),
            None => None,
        },
        intent_seq: row.get(9)?,
        outcome: row.get(10)?,
        finding: match finding {
            Some(code) => Some(Finding::from_code(&code).ok_or_else(|| unreadable(11, &code))?),
            None => None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(at: i64, intent_seq: Option<i64>) -> LedgerEntry {
        LedgerEntry {
            at: UtcMillis(at),
            kind: if intent_seq.is_some() { LedgerKind::Action } else { LedgerKind::Failure },
            tool: "restart_channel".into(),
            risk: RiskClass::Visible,
            actor: "agent".into(),
            channel: Some(ChannelId(3)),
            media: None,
            incident: Some(IncidentId(9)),
            cause: Some(Cause::EncoderExited),
            intent_seq,
            outcome: None,
            finding: None,
        }
    }

    fn database() -> Connection {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(include_str!("../../migrations/02-operator/up.sql")).unwrap();
        db
    }

    #[test]
    fn entries_come_back_as_they_were_written() {
        let db = database();
        let entries = [entry(10, None), entry(20, Some(1)), entry(30, Some(2))];
        for entry in &entries {
            append(&db, entry).unwrap();
        }
        assert_eq!(since(&db, UtcMillis(11)).unwrap(), entries[1..]);
        assert_eq!(of_incident(&db, IncidentId(9)).unwrap(), entries);
    }

    #[test]
    fn an_action_is_unfinished_until_it_has_an_outcome() {
        let db = database();
        append(&db, &entry(10, None)).unwrap();
        append(&db, &entry(20, Some(1))).unwrap();
        assert_eq!(unfinished(&db).unwrap().len(), 1);
        set_outcome(&db, 1, "done").unwrap();
        set_finding(&db, 1, Finding::Fixed).unwrap();
        assert_eq!(unfinished(&db).unwrap(), []);
        let stored = &since(&db, UtcMillis(20)).unwrap()[0];
        assert_eq!(stored.outcome.as_deref(), Some("done"));
        assert_eq!(stored.finding, Some(Finding::Fixed));
    }
}
