-- What Fulfil has to have of the payments of orders, and what it has; and what went to suspense.

CREATE TABLE payment (
  key            TEXT    NOT NULL,            -- the order's
  record         TEXT    NOT NULL,            -- the event's: +ID came, -ID went back, !ID is disputed; =fields: none
  sales_channel  TEXT    NOT NULL,
  order_reference TEXT   NOT NULL,            -- the order's number for people
  sale           INTEGER NOT NULL,
  type           TEXT    NOT NULL,            -- charge, refund, or fields: the metafields of the sale
  kind           TEXT    NOT NULL,            -- sale, capture, authorisation, void, refund, chargeback
  reference      TEXT    NOT NULL,            -- the provider's id, by which Fulfil knows it; '': it has none
  gateway        TEXT,                        -- the sales channel's name; NULL: it does not say
  method         TEXT    NOT NULL,            -- Fulfil's code of the gateway
  gateway_id     INTEGER,                     -- Fulfil's id of it, where it is configured
  tender         TEXT    NOT NULL,
  paid           TEXT    NOT NULL,            -- in the currency in which it moved
  paid_currency  TEXT    NOT NULL,
  amount         TEXT,                        -- in the sale's currency; NULL: the order has no figure in it
  currency       TEXT    NOT NULL,
  rate           TEXT,                        -- what one unit of what moved is worth in the sale's currency
  rate_date      TEXT,
  fee            TEXT,
  day            TEXT,                        -- of finance's company
  day_said       INTEGER NOT NULL,            -- whether the sales channel said it
  parent         TEXT    NOT NULL,            -- the charge that it belongs to
  more           TEXT    NOT NULL,            -- fields of this tenant's own; of metafields: id -> value
  status         TEXT    NOT NULL,
  suspense       INTEGER NOT NULL,
  why            TEXT    NOT NULL,            -- what stands against it
  wanted         TEXT    NOT NULL,            -- where it shall stand in Fulfil; '': nothing has to be there
  seen_at        INTEGER NOT NULL,
  reached        TEXT    NOT NULL DEFAULT '', -- from here on the recorder's: where it stands there
  refused        INTEGER NOT NULL DEFAULT 0,
  transaction_id INTEGER,
  found          INTEGER NOT NULL DEFAULT 0,  -- it was there already
  recorded_at    INTEGER,
  PRIMARY KEY (key, record)
) STRICT, WITHOUT ROWID;
CREATE INDEX payment_due ON payment (seen_at, key, record)
  WHERE status = 'due' AND refused = 0 AND wanted <> reached;
CREATE INDEX payment_unrecorded ON payment (sales_channel, seen_at) WHERE status IN ('due', 'blocked', 'refused');
CREATE INDEX payment_blocked ON payment (key) WHERE status = 'blocked';
CREATE INDEX payment_suspense ON payment (seen_at) WHERE suspense = 1;
CREATE INDEX payment_by_time ON payment (seen_at, key, record) WHERE type <> 'fields';

CREATE TABLE suspended (                      -- what went into a sale under a name that finance has approved for that
  key            TEXT    NOT NULL,
  kind           TEXT    NOT NULL,            -- tax or gateway
  name           TEXT    NOT NULL,            -- the sales channel's, which is not mapped
  sales_channel  TEXT    NOT NULL,
  order_reference TEXT   NOT NULL,
  target         TEXT    NOT NULL,            -- Fulfil's
  amount         TEXT    NOT NULL,
  currency       TEXT    NOT NULL,
  approved_by    TEXT    NOT NULL,
  at             INTEGER NOT NULL,
  PRIMARY KEY (key, kind, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX suspended_by_time ON suspended (at, key, kind, name);
