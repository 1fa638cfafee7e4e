-- Stock: what orders need, what Fulfil says is there, and what sales channels were told.

CREATE TABLE order_units (
  key           TEXT    NOT NULL,          -- the order's
  sku           TEXT    NOT NULL,          -- Fulfil's
  sales_channel TEXT    NOT NULL,
  wanted        INTEGER NOT NULL,          -- what the order needs
  sold          INTEGER NOT NULL,          -- what of that its sale has
  sale          INTEGER,                   -- its id in Fulfil
  seen          INTEGER NOT NULL DEFAULT 0,-- what was seen reserved, or gone out, in Fulfil
  seen_at       INTEGER,                   -- when the read began that saw it
  PRIMARY KEY (key, sku)
) STRICT, WITHOUT ROWID;
CREATE INDEX order_units_by_sku ON order_units (sku);
CREATE INDEX order_units_unseen ON order_units (sale) WHERE sale IS NOT NULL AND seen < sold;

CREATE TABLE stock_level (
  place     TEXT    NOT NULL,              -- the locations that were asked about, added up
  sku       TEXT    NOT NULL,
  product   INTEGER NOT NULL,              -- its id in Fulfil
  available TEXT    NOT NULL,              -- exact decimals, as Fulfil says
  on_hand   TEXT    NOT NULL,
  read_at   INTEGER NOT NULL,              -- when the read began
  PRIMARY KEY (place, sku)
) STRICT, WITHOUT ROWID;

CREATE TABLE stock_due (                   -- SKUs whose figures may have changed
  sku     TEXT PRIMARY KEY,
  since   INTEGER NOT NULL,
  changes INTEGER NOT NULL DEFAULT 1       -- how often; one that came after a look is told apart by it
) STRICT, WITHOUT ROWID;

CREATE TABLE stock_unread (                -- products whose levels have to be read again
  place   TEXT    NOT NULL,
  product INTEGER NOT NULL,
  since   INTEGER NOT NULL,
  changes INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (place, product)
) STRICT, WITHOUT ROWID;

CREATE TABLE stock_published (
  sales_channel TEXT    NOT NULL,
  sku           TEXT    NOT NULL,
  figure        INTEGER NOT NULL,          -- as on the wire
  truth         INTEGER NOT NULL,          -- before it was cut at zero, and before the share of the sales channel
  previous      INTEGER,                   -- what was published before
  sequence      INTEGER NOT NULL,
  read_at       INTEGER NOT NULL,          -- when the read of Fulfil began that it rests on
  changed_at    INTEGER NOT NULL,          -- since when it was due
  decided_at    INTEGER NOT NULL,
  sent_at       INTEGER,                   -- when the run that took it had ended well
  refused_at    INTEGER,
  PRIMARY KEY (sales_channel, sku)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX stock_published_in_order ON stock_published (sales_channel, sequence);
