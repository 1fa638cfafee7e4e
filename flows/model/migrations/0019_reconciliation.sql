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
