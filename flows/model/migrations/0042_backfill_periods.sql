-- Orders of a back-fill whose sale would carry a date in no open period of Fulfil's ledger.

ALTER TABLE backfill_order ADD COLUMN closed_dates INTEGER NOT NULL DEFAULT 0;
ALTER TABLE backfill ADD COLUMN closed_dates INTEGER;         -- NULL: no period of the ledger is known
