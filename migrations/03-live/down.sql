ALTER TABLE media DROP COLUMN upstreams;
