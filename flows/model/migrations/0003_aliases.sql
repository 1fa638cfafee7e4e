-- Products keep what candidates for an unknown SKU are found by, and when they were found to be gone; people's aliases of
-- SKUs, and the chain of who decided what. `folded` loses inner spaces, too. What is not known yet of a product that is
-- here comes with the next full refresh.

ALTER TABLE catalogue ADD COLUMN sellable INTEGER;   -- NULL: the tenant does not say; 0: it must not be sold
ALTER TABLE catalogue ADD COLUMN barcode TEXT;       -- without leading zeros: a UPC is an EAN that begins with one
ALTER TABLE catalogue ADD COLUMN gone_at INTEGER;    -- it is no longer in Fulfil
UPDATE catalogue SET folded = replace(folded, ' ', '');
CREATE INDEX catalogue_by_barcode ON catalogue (barcode) WHERE barcode IS NOT NULL;

CREATE TABLE sku_alias (
  alias      TEXT PRIMARY KEY,           -- what sales channels say
  sku        TEXT    NOT NULL,           -- what Fulfil says
  decided_at INTEGER NOT NULL,
  decided_by TEXT    NOT NULL,
  reason     TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- What people decided: each entry carries the digest of the one before it, so that none can be changed or taken out
-- without the later ones showing it.
CREATE TABLE audit (
  seq      INTEGER PRIMARY KEY,
  at       INTEGER NOT NULL,
  by       TEXT    NOT NULL,
  action   TEXT    NOT NULL,
  subject  TEXT    NOT NULL,
  "values" TEXT    NOT NULL,             -- JSON
  reason   TEXT    NOT NULL,
  previous TEXT    NOT NULL,
  digest   TEXT    NOT NULL
) STRICT;
