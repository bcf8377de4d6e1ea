-- Who made a media item, who is in it and how it was liked: a JSON object.
ALTER TABLE media ADD COLUMN details TEXT NOT NULL DEFAULT '{}';

-- What channels showed before the oldest slot that is kept. The guide says "new" of a first showing
-- only. `media_id` is no foreign key for the reason that slots have none.
CREATE TABLE showings (
    media_id   INTEGER NOT NULL,
    channel_id INTEGER NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    last_ms    INTEGER NOT NULL,
    PRIMARY KEY (media_id, channel_id)
) STRICT, WITHOUT ROWID;
