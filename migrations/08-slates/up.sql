-- Pictures and clips of the operator's own in the place of slates. Their files lie in the data
-- folder under their digests.
CREATE TABLE slates (
    channel_id INTEGER REFERENCES channels (id) ON DELETE CASCADE,  -- NULL: for all channels
    kind       TEXT NOT NULL,
    art        TEXT NOT NULL    -- JSON object
) STRICT;

CREATE UNIQUE INDEX slates_by_place ON slates (coalesce(channel_id, 0), kind);
