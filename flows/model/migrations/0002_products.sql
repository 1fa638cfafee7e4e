-- Products by their id in Fulfil: two of them may have one SKU, and which SKUs are ambiguous has to outlast a restart.
-- The table before had a row per SKU, so it forgot all products of a SKU but one: they are read from Fulfil again, all of
-- them, before the next order is decided on. What is left of a sync under way reads the old way, and is dropped.

DROP TABLE catalogue;
CREATE TABLE catalogue (
  product    INTEGER PRIMARY KEY,        -- its id in Fulfil
  sku        TEXT    NOT NULL,
  folded     TEXT    NOT NULL,           -- the SKU without case and outer spaces
  name       TEXT    NOT NULL,
  active     INTEGER NOT NULL            -- 1: it can be on an order
) STRICT;
CREATE INDEX catalogue_by_folded ON catalogue (folded);

DELETE FROM intent WHERE actor = 'catalogue';
UPDATE state SET body = CAST(json_set(CAST(body AS TEXT), '$.complete_to', NULL, '$.began', NULL) AS BLOB)
WHERE actor = 'catalogue';
