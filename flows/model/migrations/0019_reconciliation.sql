-- What is proven of a sales channel and of its orders: statements by business day, how far polls have read, what Fulfil
-- has of each sale, and with which evidence an order is settled.

CREATE TABLE poll_mark (
  sales_channel TEXT    NOT NULL PRIMARY KEY,
  from_at       INTEGER NOT NULL,             -- every change since then has been read by a poll ...
  complete_to   INTEGER NOT NULL              -- ... up to here: the last poll that came through
) STRICT, WITHOUT ROWID;

CREATE TABLE statement (
  sales_channel TEXT    NOT NULL,
  day           TEXT    NOT NULL,             -- the business day of finance's company, ISO 8601
  version       INTEGER NOT NULL,             -- 1: as the day was closed; a later one where the figures became others
  taken_at      INTEGER NOT NULL,
  began_at      INTEGER NOT NULL,             -- the day as instants
  ended_at      INTEGER NOT NULL,
  verdict       TEXT    NOT NULL,             -- complete, incomplete, unproven
  had           INTEGER,                      -- orders of the sales channel; NULL: nothing says how many
  received      INTEGER NOT NULL,             -- what was received of them; the next six come to it
  sales         INTEGER NOT NULL,             -- in Fulfil
  on_the_way    INTEGER NOT NULL,
  held          INTEGER NOT NULL,
  waiting       INTEGER NOT NULL,
  excluded      TEXT    NOT NULL,             -- JSON: the rule -> orders
  cancelled     INTEGER NOT NULL,             -- before the import
  gone          INTEGER NOT NULL,             -- of the sales: those that are in Fulfil no longer
  missing       INTEGER NOT NULL,             -- listed and never received
  undated       INTEGER NOT NULL,             -- received, and nobody can say of which day
  evidence      TEXT    NOT NULL,             -- what says how many there were, JSON
  named         TEXT    NOT NULL,             -- ids of what is missing, JSON
  orders_digest TEXT    NOT NULL,             -- over each order and where it stands
  digest        TEXT    NOT NULL,             -- over all of this but version and taken_at
  PRIMARY KEY (sales_channel, day, version)
) STRICT, WITHOUT ROWID;

-- What the sale of an order is to be in Fulfil: the order's proof as it was sent, and as edits have made it since.
CREATE TABLE expected_sale (
  key           TEXT    NOT NULL PRIMARY KEY, -- the order's
  sale          INTEGER NOT NULL,
  status        TEXT    NOT NULL,             -- imported or cancelled
  amount        TEXT    NOT NULL,             -- exact decimals in `currency`
  currency      TEXT    NOT NULL,
  tax           TEXT,                         -- NULL: not known, as of a sale that a person has made
  captured      TEXT,                         -- what its create has sent as captured; NULL: not known
  busy          INTEGER NOT NULL,             -- 1: it is being worked on
  changed_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX expected_sale_by_sale ON expected_sale (sale);

-- Sales that are to be read back, and since when.
CREATE TABLE sale_due (
  sale  INTEGER PRIMARY KEY,
  since INTEGER NOT NULL
) STRICT;

-- What Fulfil had of a sale when it was read last.
CREATE TABLE sale_seen (
  key     TEXT    NOT NULL PRIMARY KEY,       -- the order's
  sale    INTEGER NOT NULL,
  seen    BLOB    NOT NULL,                   -- JSON; empty: it was not there
  differs INTEGER NOT NULL,                   -- in how many ways
  read_at INTEGER NOT NULL,
  watched INTEGER NOT NULL DEFAULT 1          -- 0: its order is settled
) STRICT, WITHOUT ROWID;
CREATE INDEX sale_seen_by_read ON sale_seen (read_at) WHERE watched = 1;
CREATE INDEX sale_seen_differing ON sale_seen (sale) WHERE differs > 0;

INSERT INTO expected_sale (key, sale, status, amount, currency, tax, captured, busy, changed_at)
SELECT key, sale, state, amount, currency, NULL, NULL, 0, changed_at FROM order_view
WHERE sale IS NOT NULL AND state IN ('imported', 'cancelled');
INSERT OR IGNORE INTO sale_due (sale, since) SELECT sale, changed_at FROM expected_sale;

-- Differences that a person has accepted.
CREATE TABLE accepted_difference (
  key      TEXT    NOT NULL,                  -- the order's
  cause    TEXT    NOT NULL,
  at       INTEGER NOT NULL,
  by       TEXT    NOT NULL,
  reason   TEXT    NOT NULL,
  amount   TEXT    NOT NULL,
  currency TEXT    NOT NULL,
  expected TEXT    NOT NULL,
  found    TEXT    NOT NULL,
  PRIMARY KEY (key, cause, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX accepted_difference_by_time ON accepted_difference (at);

-- Orders that are to be settled: by which tenders they were paid, what they still wait for, and by which evidence they
-- were settled.
CREATE TABLE order_closing (
  key           TEXT    NOT NULL PRIMARY KEY,
  sales_channel TEXT    NOT NULL,
  currency      TEXT    NOT NULL,
  due           TEXT    NOT NULL,             -- what of the total nobody has captured; exact decimal in `currency`
  tenders       TEXT    NOT NULL,             -- JSON: what moved, by gateway of Fulfil's
  look_at       INTEGER,                      -- when it is looked at again; NULL: it is settled
  waits         TEXT    NOT NULL DEFAULT '[]',-- JSON: what it still waits for, as of the last look
  cause         TEXT    NOT NULL DEFAULT '',  -- the first of it, in a word
  settled_at    INTEGER,
  evidence      TEXT    NOT NULL DEFAULT '[]' -- JSON: what settled it
) STRICT, WITHOUT ROWID;
CREATE INDEX order_closing_by_look ON order_closing (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX order_closing_open ON order_closing (sales_channel, cause) WHERE settled_at IS NULL;
