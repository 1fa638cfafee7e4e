-- What a sales channel changes of its figures by itself, and what of its units it still counts as unshipped.

ALTER TABLE order_units ADD COLUMN claimed INTEGER NOT NULL DEFAULT 0;   -- what the newest version of the order has
UPDATE order_units SET claimed = wanted;

CREATE TABLE order_told (                  -- units that sales channels were told to be shipped, or may have been
  key   TEXT    NOT NULL,                  -- the order's
  sku   TEXT    NOT NULL,                  -- Fulfil's
  units INTEGER NOT NULL,
  PRIMARY KEY (key, sku)
) STRICT, WITHOUT ROWID;

CREATE TABLE stock_moved (                 -- figures that a sales channel has changed itself since they were looked at
  sku           TEXT NOT NULL,             -- Fulfil's; it is in `stock_due`, too
  sales_channel TEXT NOT NULL,
  PRIMARY KEY (sku, sales_channel)
) STRICT, WITHOUT ROWID;
