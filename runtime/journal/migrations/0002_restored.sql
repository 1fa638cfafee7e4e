-- A store that was restored from a backup: when, and the last delivery that was in it. NULL: it was not, or its books
-- agree with the outside again.

ALTER TABLE instance ADD COLUMN restored_at INTEGER;
ALTER TABLE instance ADD COLUMN last_received_at INTEGER;
