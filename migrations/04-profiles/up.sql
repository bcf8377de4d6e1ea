-- Profiles that people made. Channels name a profile by its name, as they always did, because the
-- built-in ones are in the program and not in this table.
CREATE TABLE profiles (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    name    TEXT NOT NULL UNIQUE COLLATE NOCASE,
    profile TEXT NOT NULL       -- JSON object
) STRICT;

-- Ids up to a thousand are those of the built-in profiles.
INSERT INTO sqlite_sequence (name, seq) VALUES ('profiles', 1000);
