-- What has left the warehouse, and what sales channels know of it.

CREATE TABLE fulfilment (
  sales_channel TEXT    NOT NULL,
  notice        TEXT    NOT NULL,             -- shipment and order: out-55310-6104889327714
  key           TEXT    NOT NULL,             -- the order's
  shipment      TEXT    NOT NULL,             -- kind and id in Fulfil: out-55310
  number        TEXT    NOT NULL,             -- the shipment's number for people
  version       INTEGER NOT NULL,             -- of what is told of it; 0: nothing yet
  state         TEXT    NOT NULL,
  cause         TEXT    NOT NULL,             -- why it is held; '': it is not
  carrier       TEXT    NOT NULL,             -- as Fulfil calls it, like the service
  service_code  TEXT    NOT NULL,
  service       TEXT    NOT NULL,
  mapped        INTEGER NOT NULL,
  tracking      TEXT    NOT NULL,             -- the numbers, a JSON array
  units         TEXT    NOT NULL,             -- how many the sales channel is told of
  seen_at       INTEGER NOT NULL,
  shipped_at    INTEGER NOT NULL,
  sent_at       INTEGER,                      -- a run took it; that it was sent is all that this says
  told_at       INTEGER,                      -- the sales channel says that it has it
  changed_at    INTEGER NOT NULL,
  awaits        INTEGER NOT NULL,             -- whether the sales channel can say that it was told
  body          BLOB,                         -- as it stands in a payload; NULL: there is nothing to tell
  PRIMARY KEY (sales_channel, notice)
) STRICT;
CREATE INDEX fulfilment_by_change ON fulfilment (sales_channel, changed_at, notice) WHERE body IS NOT NULL;
CREATE INDEX fulfilment_by_key ON fulfilment (key);
CREATE INDEX fulfilment_held ON fulfilment (state) WHERE state = 'held';
CREATE INDEX fulfilment_untold ON fulfilment (sales_channel, seen_at, notice, state, awaits)
  WHERE state IN ('held', 'waiting', 'sent', 'refused');
CREATE INDEX fulfilment_by_shipping ON fulfilment (shipped_at, sales_channel, mapped);

-- Shipments as they were read last, so that an overlap costs nothing; forgotten when no sweep brings them again.
CREATE TABLE shipment_seen (
  kind       TEXT    NOT NULL,
  shipment   INTEGER NOT NULL,
  mark       BLOB    NOT NULL,                -- digest of its row
  changed_at INTEGER NOT NULL,
  PRIMARY KEY (kind, shipment)
) STRICT, WITHOUT ROWID;
CREATE INDEX shipment_seen_by_change ON shipment_seen (kind, changed_at);

-- Which orders a shipment was handed to, written as it is: so that a cancel that is seen at once finds them, too.
CREATE TABLE shipment_order (
  shipment TEXT NOT NULL,                     -- kind and id in Fulfil: out-55310
  key      TEXT NOT NULL,
  PRIMARY KEY (shipment, key)
) STRICT, WITHOUT ROWID;

-- How far each order is that anything was shipped of.
CREATE TABLE order_shipping (
  key           TEXT    NOT NULL PRIMARY KEY,
  sales_channel TEXT    NOT NULL,
  state         TEXT    NOT NULL,             -- partially shipped, shipped, told; '': nothing any more
  ordered       TEXT    NOT NULL,
  shipped       TEXT    NOT NULL,
  changed_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
