-- What people keep of schedules, and which of it is on which channel.
--
-- All tables have one form: what a thing is, is a JSON object, because the planner reads it as a
-- whole and nobody searches in it. What refers to another by id is checked when it is written, and
-- what is gone all the same is passed over with a reason when it is planned.

CREATE TABLE schedules (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    owner_id   INTEGER,
    body       TEXT NOT NULL,   -- JSON object
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE block_groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT, owner_id INTEGER, body TEXT NOT NULL,
    created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE blocks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, owner_id INTEGER, body TEXT NOT NULL,
    created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE template_groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT, owner_id INTEGER, body TEXT NOT NULL,
    created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE templates (
    id INTEGER PRIMARY KEY AUTOINCREMENT, owner_id INTEGER, body TEXT NOT NULL,
    created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE filler_presets (
    id INTEGER PRIMARY KEY AUTOINCREMENT, owner_id INTEGER, body TEXT NOT NULL,
    created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE deco_groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT, owner_id INTEGER, body TEXT NOT NULL,
    created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE decos (
    id INTEGER PRIMARY KEY AUTOINCREMENT, owner_id INTEGER, body TEXT NOT NULL,
    created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL
) STRICT;

-- owner_id is the channel.
CREATE TABLE playouts (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    owner_id   INTEGER NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    body       TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX playouts_by_channel ON playouts (owner_id);

-- Scripted builds; owner_id is the playout.
CREATE TABLE builds (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    owner_id   INTEGER NOT NULL REFERENCES playouts (id) ON DELETE CASCADE,
    body       TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT;

-- What channels played at some moment, so that they can go back to it.
CREATE TABLE plan_snapshots (
    id INTEGER PRIMARY KEY AUTOINCREMENT, owner_id INTEGER, body TEXT NOT NULL,
    created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL
) STRICT;

-- What a viewer, or the operator, passed over; owner_id is the channel.
CREATE TABLE skips (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    owner_id   INTEGER NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    body       TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX skips_by_channel ON skips (owner_id, id);

-- What a channel is beside its schedule; owner_id is the channel, and each has one at most.
CREATE TABLE channel_forms (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    owner_id   INTEGER NOT NULL UNIQUE REFERENCES channels (id) ON DELETE CASCADE,
    body       TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT;

-- Which rules each channel was planned with, in a number: a file that was edited while the server
-- was off is seen at its start. No foreign key: the rows are replaced as a whole.
CREATE TABLE plan_prints (
    channel_id INTEGER PRIMARY KEY,
    print      INTEGER NOT NULL
) STRICT;
