-- Search and collections.

-- What a query compares, in rows so narrow that the whole library is read in milliseconds.
CREATE TABLE media_facts (
    id          INTEGER PRIMARY KEY,
    library_id  INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    state       TEXT NOT NULL,
    year        INTEGER,
    season      INTEGER,
    episode     INTEGER,
    part        INTEGER,
    length_ms   INTEGER,        -- NULL when it is not known
    size        INTEGER NOT NULL,
    added_ms    INTEGER NOT NULL,
    aired_ms    INTEGER,        -- midnight UTC
    series      TEXT NOT NULL,  -- show, or else title: what lists are sorted by
    title       TEXT NOT NULL
) STRICT;

CREATE INDEX media_facts_by_title
    ON media_facts (series, ifnull(season, 999999), ifnull(episode, 999999), title, id);
-- All that conditions look at and nothing that is only sorted by, so that counting reads no more.
CREATE INDEX media_facts_compared ON media_facts (
    kind, year, state, season, episode, part, length_ms, size, added_ms, aired_ms, library_id
);

CREATE VIEW media_fact_values AS
SELECT id, library_id, kind, state, year, season, episode, part,
       nullif(max(duration_ms, 0), 0) AS length_ms, size, added_ms,
       CASE WHEN aired GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'
            THEN unixepoch(aired) * 1000 END AS aired_ms,
       lower(ifnull(show, title)) AS series, lower(title) AS title
FROM media;

INSERT INTO media_facts SELECT * FROM media_fact_values;

CREATE TRIGGER media_facts_come AFTER INSERT ON media BEGIN
    INSERT INTO media_facts SELECT * FROM media_fact_values WHERE id = new.id;
END;
-- Not by OR REPLACE: the statement that fires a trigger decides about conflicts.
CREATE TRIGGER media_facts_change AFTER UPDATE ON media BEGIN
    DELETE FROM media_facts WHERE id = old.id;
    INSERT INTO media_facts SELECT * FROM media_fact_values WHERE id = new.id;
END;
CREATE TRIGGER media_facts_go AFTER DELETE ON media BEGIN
    DELETE FROM media_facts WHERE id = old.id;
    DELETE FROM media_words WHERE rowid = old.id;
END;

-- The words of each media item's texts, as lines that the program makes: letters of every script
-- are parts of words, and the marks between texts are words of their own.
CREATE VIRTUAL TABLE media_words USING fts5 (
    title, show, plot, genre, rating, edition, path, codec, audio, subtitles, resolution,
    content = '', contentless_delete = 1, tokenize = 'ascii', prefix = '1 2 3'
);

-- Which version of the lines is in it; empty until the program has made them.
CREATE TABLE media_words_version (version TEXT NOT NULL) STRICT;

-- Media that began on some channel.
CREATE TABLE airings (
    media_id INTEGER PRIMARY KEY,
    first_ms INTEGER NOT NULL,
    last_ms  INTEGER NOT NULL,
    times    INTEGER NOT NULL
) STRICT;

ALTER TABLE collections ADD COLUMN description TEXT;
ALTER TABLE collections ADD COLUMN created_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE collections ADD COLUMN updated_ms INTEGER NOT NULL DEFAULT 0;
