-- Sessions: who watched what, from when to when. Written behind the streams, so the newest seconds
-- of a server that died may be missing; what was open then is closed at the next start.
CREATE TABLE sessions (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    -- No foreign key on purpose: a session outlives its channel.
    channel_id INTEGER NOT NULL,
    user       TEXT    NOT NULL,
    address    TEXT    NOT NULL,
    user_agent TEXT    NOT NULL,
    via        TEXT    NOT NULL,
    since_ms   INTEGER NOT NULL,
    seen_ms    INTEGER NOT NULL,
    -- NULL while it goes on.
    ended_ms   INTEGER,
    ended_why  TEXT,
    bytes      INTEGER NOT NULL,
    skips      INTEGER NOT NULL,
    CHECK ((ended_ms IS NULL) = (ended_why IS NULL))
) STRICT;
CREATE INDEX sessions_by_end ON sessions (ended_ms);
CREATE INDEX sessions_by_channel ON sessions (channel_id, id);
