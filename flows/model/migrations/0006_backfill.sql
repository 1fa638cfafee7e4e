-- Back-fills: the orders of one that is being counted, and what came of it.

CREATE TABLE backfill_order (
  backfill  TEXT    NOT NULL,             -- the back-fill's key
  key       TEXT    NOT NULL,             -- the order's
  known     INTEGER NOT NULL,             -- 1: something of it was received before
  shipments INTEGER NOT NULL,             -- what its import would set off in Fulfil
  invoices  INTEGER NOT NULL,
  payments  INTEGER NOT NULL,
  undecided TEXT    NOT NULL,             -- why it cannot be said what its import should be; '' when it can
  PRIMARY KEY (backfill, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE backfill (
  key           TEXT PRIMARY KEY,         -- backfill/sales channel
  run           TEXT    NOT NULL,
  sales_channel TEXT    NOT NULL,
  began_at      INTEGER NOT NULL,         -- the range, by time of purchase
  ended_at      INTEGER NOT NULL,
  is_dry        INTEGER NOT NULL,
  status        TEXT    NOT NULL,         -- counting, taking, done, refused, stopped
  sentence      TEXT    NOT NULL,
  asked_at      INTEGER NOT NULL,
  changed_at    INTEGER NOT NULL,
  read_to       INTEGER NOT NULL,         -- changes before it have been read in the pass under way
  known         INTEGER NOT NULL,
  new           INTEGER NOT NULL,
  shipments     INTEGER NOT NULL,
  invoices      INTEGER NOT NULL,
  payments      INTEGER NOT NULL,
  undecided     TEXT    NOT NULL,         -- JSON: reason -> orders
  taken         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
