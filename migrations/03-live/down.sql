ALTER TABLE media DROP COLUMN upstreams;
ALTER TABLE libraries DROP COLUMN connections;
