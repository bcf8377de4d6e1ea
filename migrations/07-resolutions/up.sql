-- Picture sizes that people named; the usual ones are in the program.
CREATE TABLE resolutions (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    name   TEXT NOT NULL UNIQUE COLLATE NOCASE,
    width  INTEGER NOT NULL,
    height INTEGER NOT NULL
) STRICT;

-- Ids up to a thousand are those of the built-in ones.
INSERT INTO sqlite_sequence (name, seq) VALUES ('resolutions', 1000);
