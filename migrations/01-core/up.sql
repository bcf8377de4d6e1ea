-- The core: what is on air and where it comes from.
--
-- Times are UTC milliseconds since the epoch, columns `…_ms`. Enumerations are the words that the
-- JSON of the API uses. Ids are AUTOINCREMENT: an id that was given away once is never given away
-- again, so a reference that dangles names nothing, never something else.

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- API keys. Only the SHA-256 of a key is stored.
CREATE TABLE keys (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    hash TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE libraries (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT NOT NULL,
    path         TEXT NOT NULL UNIQUE,
    kind         TEXT NOT NULL,
    last_scan_ms INTEGER
) STRICT;

CREATE TABLE media (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    library_id   INTEGER NOT NULL REFERENCES libraries (id) ON DELETE CASCADE,
    path         TEXT NOT NULL,
    size         INTEGER NOT NULL,
    modified_ms  INTEGER NOT NULL,
    -- Fingerprint of the NFO files that were read with it.
    sidecar      INTEGER NOT NULL,
    kind         TEXT NOT NULL,
    title        TEXT NOT NULL,
    show         TEXT,
    season       INTEGER,
    episode      INTEGER,
    episode_end  INTEGER,
    part         INTEGER,
    edition      TEXT,
    year         INTEGER,
    plot         TEXT,
    genres       TEXT NOT NULL, -- JSON array of texts
    rating       TEXT,
    aired        TEXT,
    duration_ms  INTEGER NOT NULL,
    probe        TEXT,          -- JSON object, what ffprobe said
    state        TEXT NOT NULL,
    state_reason TEXT,
    state_until_ms INTEGER,
    added_ms     INTEGER NOT NULL,
    -- Title, show and path in lower case: what a search looks through.
    search       TEXT NOT NULL,
    UNIQUE (library_id, path)
) STRICT;

CREATE TABLE collections (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    name     TEXT NOT NULL UNIQUE,
    selector TEXT NOT NULL      -- JSON object
) STRICT;

CREATE TABLE channels (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    number  TEXT NOT NULL UNIQUE,
    name    TEXT NOT NULL,
    "group" TEXT,
    logo    TEXT,
    enabled INTEGER NOT NULL,
    profile TEXT NOT NULL,
    rules   TEXT NOT NULL       -- JSON object
) STRICT;

-- A channel's timeline: sorted by start, without gap, without overlap.
--
-- `media_id` is no foreign key on purpose. A slot outlives its media: when a library is removed
-- the timeline stays whole, the slate stands in, and the next plan fills the future anew.
-- Clearing a column in hundreds of thousands of slots would hold up every other write.
CREATE TABLE slots (
    channel_id INTEGER NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    start_ms   INTEGER NOT NULL,
    stop_ms    INTEGER NOT NULL CHECK (stop_ms > start_ms),
    media_id   INTEGER,
    in_ms      INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    title      TEXT NOT NULL,
    PRIMARY KEY (channel_id, start_ms)
) STRICT, WITHOUT ROWID;

-- Where the planner stands after the last slot; opaque JSON.
CREATE TABLE cursors (
    channel_id INTEGER PRIMARY KEY REFERENCES channels (id) ON DELETE CASCADE,
    cursor     TEXT NOT NULL
) STRICT;
