-- Small pictures over a channel's own. The picture is at most a megabyte.
CREATE TABLE watermarks (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    name      TEXT NOT NULL UNIQUE COLLATE NOCASE,
    watermark TEXT NOT NULL,    -- JSON object
    digest    TEXT,             -- SHA-256 of the picture, hex
    kind      TEXT,
    image     BLOB
) STRICT;

CREATE TABLE channel_watermarks (
    channel_id   INTEGER PRIMARY KEY REFERENCES channels (id) ON DELETE CASCADE,
    watermark_id INTEGER NOT NULL REFERENCES watermarks (id)
) STRICT;
