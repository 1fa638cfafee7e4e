-- What sales channels say they have: the orders of a manifest while it is compared, and the statement that came of it.

CREATE TABLE manifest_order (
  manifest TEXT    NOT NULL,             -- the manifest's key
  order_id TEXT    NOT NULL,
  version  TEXT    NOT NULL,             -- the time of change that the sales channel says; '' when it says none
  page     INTEGER NOT NULL,
  PRIMARY KEY (manifest, order_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE manifest (
  key           TEXT PRIMARY KEY,        -- manifest/sales channel/from/to
  sales_channel TEXT    NOT NULL,
  began_at      INTEGER NOT NULL,        -- its window, by time of purchase
  ended_at      INTEGER NOT NULL,
  received_at   INTEGER NOT NULL,
  checked_at    INTEGER,                 -- NULL while pages are missing, or it is compared
  listed        INTEGER NOT NULL,
  missing       INTEGER NOT NULL,        -- listed, and never received here, when it was compared
  outdated      INTEGER NOT NULL,        -- listed with a version newer than any received, when it was compared
  unlisted      INTEGER NOT NULL,        -- received here and not listed
  open          INTEGER NOT NULL,        -- of missing and outdated: those that are it still
  digest        TEXT    NOT NULL         -- over ids and versions, in order of the ids
) STRICT, WITHOUT ROWID;
CREATE INDEX manifest_by_time ON manifest (received_at);

CREATE INDEX order_view_by_purchase ON order_view (sales_channel, placed_at);
