-- The operator: incidents, the audit chain and the ledger.

CREATE TABLE incidents (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    rule         TEXT    NOT NULL,
    subject_kind TEXT    NOT NULL CHECK (subject_kind IN ('channel', 'media', 'host')),
    subject_id   INTEGER NOT NULL,
    media        INTEGER,
    cause        TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('open', 'resolved', 'escalated')),
    opened_at    INTEGER NOT NULL,
    last_at      INTEGER NOT NULL,
    resolved_at  INTEGER,
    count        INTEGER NOT NULL CHECK (count >= 1),
    reopened     INTEGER NOT NULL DEFAULT 0,
    summary      TEXT    NOT NULL,
    evidence     TEXT    NOT NULL DEFAULT '[]',
    -- 1 while the agent has not taken it up, or has to take it up again.
    pending      INTEGER NOT NULL DEFAULT 1 CHECK (pending IN (0, 1))
) STRICT;
CREATE INDEX incidents_by_state ON incidents (state, last_at);
CREATE INDEX incidents_by_subject ON incidents (subject_kind, subject_id);

-- One row a record; nothing is ever changed or taken away.
CREATE TABLE audit (
    seq      INTEGER PRIMARY KEY CHECK (seq >= 1),
    at       INTEGER NOT NULL,
    kind     TEXT    NOT NULL,
    actor    TEXT    NOT NULL,
    incident INTEGER,
    body     TEXT    NOT NULL,
    prev     TEXT    NOT NULL CHECK (length(prev) = 64),
    hash     TEXT    NOT NULL CHECK (length(hash) = 64)
) STRICT;
CREATE INDEX audit_by_incident ON audit (incident) WHERE incident IS NOT NULL;
CREATE TRIGGER audit_is_not_edited BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- Where the chain ends, so that a cut tail is seen.
CREATE TABLE audit_head (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    seq  INTEGER NOT NULL,
    hash TEXT    NOT NULL
) STRICT;

-- What windows and budgets are counted from.
CREATE TABLE ledger (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    kind       TEXT    NOT NULL CHECK (kind IN ('action', 'failure')),
    tool       TEXT    NOT NULL,
    risk       TEXT    NOT NULL,
    actor      TEXT    NOT NULL,
    channel    INTEGER,
    media      INTEGER,
    incident   INTEGER,
    cause      TEXT,
    intent_seq INTEGER UNIQUE,
    outcome    TEXT    CHECK (outcome IN ('done', 'failed', 'unknown')),
    finding    TEXT
) STRICT;
CREATE INDEX ledger_by_time ON ledger (at);
CREATE INDEX ledger_by_incident ON ledger (incident) WHERE incident IS NOT NULL;
CREATE INDEX ledger_unfinished ON ledger (intent_seq) WHERE kind = 'action' AND outcome IS NULL;

-- Switches that survive a restart, such as the kill switch.
CREATE TABLE operator_state (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
