//! The incidents table.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::domain::{
    Cause, ChannelId, Evidence, Incident, IncidentId, IncidentState, MediaId, Subject, UtcMillis,
};

const COLUMNS: &str = "id, rule, subject_kind, subject_id, media, cause, state, opened_at, \
                       last_at, resolved_at, count, reopened, summary";

/// Which incidents are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IncidentFilter {
    /// Only those in this state.
    pub state: Option<IncidentState>,
    /// Only those about this channel (or opened while it was hurt).
    pub channel: Option<ChannelId>,
    /// At most so many; 0 means 100.
    pub limit: u32,
    /// Skip so many.
    pub offset: u32,
}

/// Writes a new incident and returns its id; `incident.id` is not used.
///
/// # Errors
/// When SQLite refuses.
pub fn insert(
    db: &Connection,
    incident: &Incident,
    evidence: &[Evidence],
) -> rusqlite::Result<IncidentId> {
    let (kind, id) = subject_columns(incident.subject);
    db.execute(
        "INSERT INTO incidents (rule, subject_kind, subject_id, media, cause, state, opened_at,
                                last_at, resolved_at, count, reopened, summary, evidence, pending)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 1)",
        params![
            incident.rule,
            kind,
            id,
            incident.media.map(|id| id.0),
            incident.cause.code(),
            state_code(incident.state),
            incident.opened_at.0,
            incident.last_at.0,
            incident.resolved_at.map(|at| at.0),
            count_column(incident.count),
            incident.reopened,
            incident.summary,
            evidence_text(evidence)?,
        ],
    )?;
    Ok(IncidentId(db.last_insert_rowid()))
}

/// Writes what changes in the life of an incident: state, times, counts, media, evidence.
///
/// # Errors
/// When SQLite refuses; `QueryReturnedNoRows` when there is no such incident.
pub fn update(db: &Connection, incident: &Incident, evidence: &[Evidence]) -> rusqlite::Result<()> {
    let changed = db.execute(
        "UPDATE incidents SET media = ?2, state = ?3, last_at = ?4, resolved_at = ?5, count = ?6,
                              reopened = ?7, summary = ?8, evidence = ?9 WHERE id = ?1",
        params![
            incident.id.0,
            incident.media.map(|id| id.0),
            state_code(incident.state),
            incident.last_at.0,
            incident.resolved_at.map(|at| at.0),
            count_column(incident.count),
            incident.reopened,
            incident.summary,
            evidence_text(evidence)?,
        ],
    )?;
    if changed == 0 { Err(rusqlite::Error::QueryReturnedNoRows) } else { Ok(()) }
}

/// Writes that an incident was seen again: last time, count, media, evidence; not its state.
///
/// # Errors
/// When SQLite refuses; `QueryReturnedNoRows` when there is no such incident.
pub fn seen(db: &Connection, incident: &Incident, evidence: &[Evidence]) -> rusqlite::Result<()> {
    let changed = db.execute(
        "UPDATE incidents SET media = ?2, last_at = ?3, count = ?4, evidence = ?5 WHERE id = ?1",
        params![
            incident.id.0,
            incident.media.map(|id| id.0),
            incident.last_at.0,
            count_column(incident.count),
            evidence_text(evidence)?,
        ],
    )?;
    if changed == 0 { Err(rusqlite::Error::QueryReturnedNoRows) } else { Ok(()) }
}

/// Says whether the agent has to take the incident up (again).
///
/// # Errors
/// When SQLite refuses.
pub fn set_pending(db: &Connection, incident: IncidentId, pending: bool) -> rusqlite::Result<()> {
    db.execute("UPDATE incidents SET pending = ?2 WHERE id = ?1", params![incident.0, pending])
        .map(|_| ())
}

/// Incidents that wait for the agent, oldest first.
///
/// # Errors
/// When SQLite refuses or a row cannot be read.
pub fn pending(db: &Connection) -> rusqlite::Result<Vec<Incident>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM incidents WHERE pending = 1 AND state = 'open' ORDER BY id LIMIT 64"
    );
    let mut query = db.prepare_cached(&sql)?;
    query.query_map([], incident_of_row)?.collect()
}

/// Incidents that are not over, or were over at or after `resolved_from`, with their evidence.
///
/// # Errors
/// When SQLite refuses or a row cannot be read.
pub fn remembered(
    db: &Connection,
    resolved_from: UtcMillis,
) -> rusqlite::Result<Vec<(Incident, Vec<Evidence>)>> {
    let sql = format!(
        "SELECT {COLUMNS}, evidence FROM incidents
         WHERE state <> 'resolved' OR resolved_at >= ?1 ORDER BY id"
    );
    let mut query = db.prepare_cached(&sql)?;
    query.query_map([resolved_from.0], with_evidence)?.collect()
}

/// One incident with its evidence, or `None`.
///
/// # Errors
/// When SQLite refuses or the row cannot be read.
pub fn find(
    db: &Connection,
    incident: IncidentId,
) -> rusqlite::Result<Option<(Incident, Vec<Evidence>)>> {
    let sql = format!("SELECT {COLUMNS}, evidence FROM incidents WHERE id = ?1");
    db.query_row(&sql, [incident.0], with_evidence).optional()
}

/// Incidents, newest first.
///
/// # Errors
/// When SQLite refuses or a row cannot be read.
pub fn list(db: &Connection, filter: IncidentFilter) -> rusqlite::Result<Vec<Incident>> {
    let limit = if filter.limit == 0 { 100 } else { filter.limit };
    let sql = format!(
        "SELECT {COLUMNS} FROM incidents
         WHERE (?1 IS NULL OR state = ?1)
           AND (?2 IS NULL OR (subject_kind = 'channel' AND subject_id = ?2))
         ORDER BY id DESC LIMIT ?3 OFFSET ?4"
    );
    let mut query = db.prepare_cached(&sql)?;
    let rows = query.query_map(
        params![filter.state.map(state_code), filter.channel.map(|id| id.0), limit, filter.offset],
        incident_of_row,
    )?;
    rows.collect()
}

/// A switch that survives a restart, or `None` when it was never set.
///
/// # Errors
/// When SQLite refuses.
pub fn read_switch(db: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    let read = |row: &Row<'_>| row.get(0);
    db.query_row("SELECT value FROM operator_state WHERE key = ?1", [key], read).optional()
}

/// Sets a switch.
///
/// # Errors
/// When SQLite refuses.
pub fn write_switch(db: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO operator_state (key, value) VALUES (?1, ?2)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [key, value],
    )
    .map(|_| ())
}

fn subject_columns(subject: Subject) -> (&'static str, i64) {
    match subject {
        Subject::Channel(id) => ("channel", id.0),
        Subject::Media(id) => ("media", id.0),
        Subject::Host => ("host", 0),
    }
}

fn state_code(state: IncidentState) -> &'static str {
    match state {
        IncidentState::Open => "open",
        IncidentState::Resolved => "resolved",
        IncidentState::Escalated => "escalated",
    }
}

fn count_column(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn evidence_text(evidence: &[Evidence]) -> rusqlite::Result<String> {
    serde_json::to_string(evidence)
        .map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))
}

fn incident_of_row(row: &Row<'_>) -> rusqlite::Result<Incident> {
    let unreadable = |column: usize, text: &str| {
        let what = format!("{text:?} cannot be read");
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, what.into())
    };
    let kind: String = row.get(2)?;
    let id: i64 = row.get(3)?;
    let cause: String = row.get(5)?;
    let state: String = row.get(6)?;
    Ok(Incident {
        id: IncidentId(row.get(0)?),
        rule: row.get(1)?,
        subject: match kind.as_str() {
            "channel" => Subject::Channel(ChannelId(id)),
            "media" => Subject::Media(MediaId(id)),
            "host" => Subject::Host,
            other => return Err(unreadable(2, other)),
        },
        media: row.get::<_, Option<i64>>(4)?.map(MediaId),
        cause: cause.parse::<Cause>().map_err(|_| unreadable(5, &cause))?,
        state: match state.as_str() {
            "open" => IncidentState::Open,
            "resolved" => IncidentState::Resolved,
            "escalated" => IncidentState::Escalated,
            other => return Err(unreadable(6, other)),
        },
        opened_at: UtcMillis(row.get(7)?),
        last_at: UtcMillis(row.get(8)?),
        resolved_at: row.get::<_, Option<i64>>(9)?.map(UtcMillis),
        count: u64::try_from(row.get::<_, i64>(10)?).unwrap_or(0),
        reopened: row.get(11)?,
        summary: row.get(12)?,
    })
}

fn with_evidence(row: &Row<'_>) -> rusqlite::Result<(Incident, Vec<Evidence>)> {
    let text: String = row.get(13)?;
    let evidence = serde_json::from_str(&text).map_err(|e| {
        rusqlite::Error::FromSqlConversionFailure(13, rusqlite::types::Type::Text, Box::new(e))
    })?;
    Ok((incident_of_row(row)?, evidence))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::Trust;

    fn database() -> Connection {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(include_str!("../../migrations/02-operator/up.sql")).unwrap();
        db
    }

    fn incident() -> Incident {
        Incident {
            id: IncidentId(0),
            rule: "STALL".into(),
            subject: Subject::Channel(ChannelId(4)),
            media: Some(MediaId(7)),
            cause: Cause::Stall,
            state: IncidentState::Open,
            opened_at: UtcMillis(10),
            last_at: UtcMillis(20),
            resolved_at: None,
            count: 2,
            reopened: 0,
            summary: "silent".into(),
        }
    }

    #[test]
    fn an_incident_comes_back_with_its_evidence() {
        let db = database();
        let seen = Evidence {
            kind: "beat".into(),
            trust: Trust::System,
            at: UtcMillis(15),
            body: json!({"silent_ms": 4000}),
        };
        let id = insert(&db, &incident(), std::slice::from_ref(&seen)).unwrap();
        let expected = Incident { id, ..incident() };
        assert_eq!(find(&db, id).unwrap(), Some((expected, vec![seen])));
        assert_eq!(find(&db, IncidentId(99)).unwrap(), None);
    }

    #[test]
    fn only_open_incidents_that_nobody_took_up_are_pending() {
        let db = database();
        let first = insert(&db, &incident(), &[]).unwrap();
        let second = insert(&db, &incident(), &[]).unwrap();
        set_pending(&db, first, false).unwrap();
        let ids: Vec<_> = pending(&db).unwrap().iter().map(|i| i.id).collect();
        assert_eq!(ids, [second]);
        let over = Incident {
            id: second,
            state: IncidentState::Resolved,
            resolved_at: Some(UtcMillis(30)),
            ..incident()
        };
        update(&db, &over, &[]).unwrap();
        assert_eq!(pending(&db).unwrap(), []);
        assert_eq!(remembered(&db, UtcMillis(30)).unwrap().len(), 2);
        assert_eq!(remembered(&db, UtcMillis(31)).unwrap().len(), 1);
    }

    #[test]
    fn the_list_is_newest_first_and_can_be_narrowed() {
        let db = database();
        insert(&db, &incident(), &[]).unwrap();
        let other = Incident { subject: Subject::Host, ..incident() };
        insert(&db, &other, &[]).unwrap();
        let all = list(&db, IncidentFilter::default()).unwrap();
        assert_eq!(all.iter().map(|i| i.id.0).collect::<Vec<_>>(), [2, 1]);
        let narrow = IncidentFilter { channel: Some(ChannelId(4)), ..Default::default() };
        assert_eq!(list(&db, narrow).unwrap().len(), 1);
    }

    #[test]
    fn a_switch_keeps_its_last_value() {
        let db = database();
        assert_eq!(read_switch(&db, "kill").unwrap(), None);
        write_switch(&db, "kill", "on").unwrap();
        write_switch(&db, "kill", "off").unwrap();
        assert_eq!(read_switch(&db, "kill").unwrap().as_deref(), Some("off"));
    }
}
