-- Several slots may be one programme of the guide: filler, and what filler breaks into parts.
-- Start of that programme; NULL for a slot that is a programme of its own.
ALTER TABLE slots ADD COLUMN guide_group INTEGER;
-- Title in the guide instead of the media's.
ALTER TABLE slots ADD COLUMN custom_title TEXT;
