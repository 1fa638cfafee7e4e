-- Imported orders of which something is still to leave. A row goes when everything has left, or nothing of it is wanted.

CREATE TABLE unshipped (
  key           TEXT    NOT NULL PRIMARY KEY,
  sales_channel TEXT    NOT NULL,
  sale          INTEGER NOT NULL,             -- its id in Fulfil
  placed_at     INTEGER,                      -- the order's own date
  promised_at   INTEGER,                      -- by when it is to leave, as the sales channel says; NULL: it does not
  look_at       INTEGER,                      -- when Fulfil is to be asked about it; NULL: when it is due
  due_at        INTEGER,                      -- by when it was to leave, as of the last look that found it late
  cause         TEXT    NOT NULL DEFAULT ''   -- why it had not; '': it is not late, as far as anybody has looked
) STRICT, WITHOUT ROWID;
CREATE INDEX unshipped_by_look ON unshipped (sales_channel, look_at) WHERE look_at IS NOT NULL;
CREATE INDEX unshipped_by_promise ON unshipped (sales_channel, promised_at)
  WHERE look_at IS NULL AND promised_at IS NOT NULL;
CREATE INDEX unshipped_by_purchase ON unshipped (sales_channel, placed_at)
  WHERE look_at IS NULL AND promised_at IS NULL;
CREATE INDEX unshipped_by_sale ON unshipped (sale);
CREATE INDEX unshipped_late ON unshipped (sales_channel, cause, due_at) WHERE cause <> '';

INSERT INTO unshipped (key, sales_channel, sale, placed_at)
SELECT o.key, o.sales_channel, o.sale, o.placed_at FROM order_view o
WHERE o.state = 'imported' AND o.sale IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM order_shipping s WHERE s.key = o.key AND s.state IN ('shipped', 'told'));
