-- A notice of a shipment that is cancelled may be known although its newest form never went.

ALTER TABLE outgoing ADD COLUMN taken INTEGER NOT NULL DEFAULT 0;        -- 1: a start has taken an earlier form of it
