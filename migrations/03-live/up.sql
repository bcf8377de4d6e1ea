-- Broadcasts of somebody else as media.

-- JSON array of addresses, the best first; empty for a file. They may hold passwords.
ALTER TABLE media ADD COLUMN upstreams TEXT NOT NULL DEFAULT '[]';

-- Streams the provider allows at once; NULL is no limit.
ALTER TABLE libraries ADD COLUMN connections INTEGER;
