-- For the cut-off of a month: what Fulfil has invoiced of each order, as it was read last with its sale; and whether the
-- cost of what has left is booked.

CREATE TABLE sale_invoices (
  key      TEXT    NOT NULL PRIMARY KEY,      -- the order's
  sale     INTEGER NOT NULL,
  invoices TEXT    NOT NULL,                  -- JSON: every live invoice and credit note; [] where there is none
  read_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT OR IGNORE INTO sale_due (sale, since) SELECT sale, read_at FROM sale_seen;  -- those of before are read once more

CREATE TABLE shipment_cost (
  shipment   TEXT    NOT NULL PRIMARY KEY,    -- kind and id in Fulfil: out-55310
  booked     TEXT    NOT NULL,                -- booked, nothing (all of it cost nothing), missing
  booked_on  TEXT,                            -- the day that the ledger gives it; NULL: it is not booked, or that is not told
  shipped_at INTEGER NOT NULL,
  read_at    INTEGER NOT NULL,
  look_at    INTEGER                          -- when it is looked for again; NULL: never
) STRICT, WITHOUT ROWID;
CREATE INDEX shipment_cost_by_look ON shipment_cost (look_at) WHERE look_at IS NOT NULL;
