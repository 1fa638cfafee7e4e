-- Stock: what is urgent goes before what a sweep brings, and what sales channels say that they show.

ALTER TABLE order_units ADD COLUMN sold_at INTEGER NOT NULL DEFAULT 0;   -- since when its sale has so many
ALTER TABLE stock_due ADD COLUMN urgency INTEGER NOT NULL DEFAULT 0;     -- 0: something happened; 1: a sweep found it
ALTER TABLE outgoing ADD COLUMN urgency INTEGER NOT NULL DEFAULT 0;      -- the same
CREATE INDEX stock_due_first ON stock_due (urgency, since, sku);
CREATE INDEX stock_unread_first ON stock_unread (place, since, product);
CREATE INDEX stock_level_by_product ON stock_level (place, product);
DROP INDEX outgoing_waiting;
CREATE INDEX outgoing_waiting ON outgoing (flow, tries, urgency, since, line) WHERE batch = '' AND stuck = 0;

CREATE TABLE stock_counting (              -- whether orders are counted that were decided on before stock was published
  one         INTEGER PRIMARY KEY CHECK (one = 1),
  since       INTEGER NOT NULL,            -- since when every decision counts what its order needs
  complete_at INTEGER                      -- when those before that had been counted, too
) STRICT;

CREATE TABLE stock_reported (              -- what a sales channel says that it shows
  sales_channel TEXT    NOT NULL,
  list          INTEGER NOT NULL,          -- the number of the manifest
  sku           TEXT    NOT NULL,          -- as the sales channel writes it
  location      TEXT    NOT NULL,          -- the sales channel's; '': not told
  page          INTEGER NOT NULL,
  quantity      INTEGER NOT NULL,
  at            INTEGER NOT NULL,          -- as of when
  PRIMARY KEY (sales_channel, list, sku, location)
) STRICT, WITHOUT ROWID;

CREATE TABLE stock_drift (                 -- SKUs that a sales channel shows otherwise than was published
  sales_channel TEXT    NOT NULL,
  sku           TEXT    NOT NULL,
  location      TEXT    NOT NULL,
  cause         TEXT    NOT NULL,
  reported      INTEGER NOT NULL,
  published     INTEGER,                   -- NULL: nothing was
  expected      INTEGER,                   -- as it should be now; NULL: nobody can say
  reported_at   INTEGER NOT NULL,
  since         INTEGER NOT NULL,          -- since when it has been found with this cause
  corrections   INTEGER NOT NULL DEFAULT 0,-- how often the same figure was sent again for it
  list          INTEGER NOT NULL,
  PRIMARY KEY (sales_channel, sku, location)
) STRICT, WITHOUT ROWID;

CREATE TABLE stock_check (                 -- the last comparison of each sales channel
  sales_channel TEXT PRIMARY KEY,
  list          INTEGER NOT NULL,
  reported_at   INTEGER NOT NULL,
  checked_at    INTEGER NOT NULL,
  levels        INTEGER NOT NULL,
  equal         INTEGER NOT NULL,
  units         TEXT    NOT NULL           -- JSON: cause -> units
) STRICT, WITHOUT ROWID;
