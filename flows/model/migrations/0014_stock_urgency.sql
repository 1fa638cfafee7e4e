-- Stock: what is urgent goes before what a sweep brings, and what sales channels say that they show.

ALTER TABLE order_units ADD COLUMN sold_at INTEGER NOT NULL DEFAULT 0;   -- since when its sale has so many
ALTER TABLE stock_due ADD COLUMN urgency INTEGER NOT NULL DEFAULT 0;     -- 0: something happened; 1: a sweep found it
ALTER TABLE outgoing ADD COLUMN urgency INTEGER NOT NULL DEFAULT 0;      -- the same
CREATE INDEX stock_due_first ON stock_due (urgency, since, sku);
CREATE INDEX stock_unread_first ON stock_unread (place, since, product);
CREATE INDEX stock_level_by_product ON stock_level (place, product);
DROP INDEX order_units_unseen;
CREATE INDEX order_units_by_sale ON order_units (sale) WHERE sale IS NOT NULL;
CREATE INDEX stock_level_by_sku ON stock_level (sku);
CREATE INDEX stock_published_by_sku ON stock_published (sku);
DROP INDEX outgoing_waiting;
CREATE INDEX outgoing_waiting ON outgoing (flow, tries, urgency, since, line) WHERE batch = '' AND stuck = 0;

CREATE TABLE stock_counting (              -- whether orders are counted that were decided on before stock was published
  one         INTEGER PRIMARY KEY CHECK (one = 1),
  since       INTEGER NOT NULL,            -- since when every decision counts what its order needs
  complete_at INTEGER                      -- when those before that had been counted, too
) STRICT;

CREATE TABLE stock_drift (                 -- levels that a sales channel shows otherwise than it was told
  sales_channel TEXT    NOT NULL,
  sku           TEXT    NOT NULL,          -- the name of the figure, as the sales channel writes it
  location      TEXT    NOT NULL,          -- the sales channel's; '': not told
  cause         TEXT    NOT NULL,          -- '': no difference any more; it stays while corrections are remembered
  reported      INTEGER NOT NULL,
  published     INTEGER,                   -- NULL: nothing was
  expected      INTEGER,                   -- as it should be now; NULL: nobody can say
  units         INTEGER NOT NULL,          -- how much it is off
  reported_at   INTEGER NOT NULL,
  since         INTEGER NOT NULL,          -- since when it has been off for this cause
  corrections   INTEGER NOT NULL,          -- how often the same difference was corrected
  corrected_at  INTEGER,
  PRIMARY KEY (sales_channel, sku, location)
) STRICT, WITHOUT ROWID;
CREATE INDEX stock_drift_by_cause ON stock_drift (sales_channel, cause, units);
CREATE INDEX stock_published_unsent ON stock_published (sales_channel, changed_at)
  WHERE sent_at IS NULL AND refused_at IS NULL;
