-- What the end of a month needs: what was on stock then, and what it cost, since Fulfil tells levels and costs of now
-- alone; and what of suspense somebody has moved in Fulfil to where it belongs.

ALTER TABLE catalogue ADD COLUMN cost_price TEXT;  -- exact decimal in the company's currency; NULL: not told

CREATE TABLE month_stock (
  month   TEXT    NOT NULL,                -- 2026-10
  place   TEXT    NOT NULL,                -- the locations that were asked about, added up
  sku     TEXT    NOT NULL,
  on_hand TEXT    NOT NULL,                -- exact decimals, as Fulfil said
  cost    TEXT,                            -- NULL: not told
  read_at INTEGER NOT NULL,                -- when the read of the level began
  PRIMARY KEY (month, place, sku)
) STRICT, WITHOUT ROWID;

CREATE TABLE month_kept (                  -- months of which that is kept, whole
  month    TEXT    PRIMARY KEY,
  began_at INTEGER NOT NULL,               -- when it was begun: right after the end, or as soon as the process ran again
  kept_at  INTEGER NOT NULL,
  levels   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE suspense_cleared (
  key      TEXT    NOT NULL,               -- the order's
  kind     TEXT    NOT NULL,               -- tax or gateway
  name     TEXT    NOT NULL,               -- the sales channel's
  record   TEXT    NOT NULL,               -- of a payment that came later; '': it went there with the create
  amount   TEXT    NOT NULL,               -- what was cleared: another amount is not
  currency TEXT    NOT NULL,
  at       INTEGER NOT NULL,
  by       TEXT    NOT NULL,
  reason   TEXT    NOT NULL,
  PRIMARY KEY (key, kind, name, record)
) STRICT, WITHOUT ROWID;
