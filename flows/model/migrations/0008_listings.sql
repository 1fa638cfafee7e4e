-- What sales channels offer, as their last list says; where it does not go with Fulfil's products; and the statements that
-- came of comparing both. Products keep their list price; it comes with the next full refresh.

ALTER TABLE catalogue ADD COLUMN list_price TEXT;   -- exact decimal in the company's currency; NULL: not told

CREATE TABLE listing (
  sales_channel TEXT    NOT NULL,
  list          INTEGER NOT NULL,        -- lists of a sales channel are numbered
  listing       TEXT    NOT NULL,        -- its id there
  page          INTEGER NOT NULL,
  sku           TEXT    NOT NULL,
  barcode       TEXT    NOT NULL,
  price         TEXT    NOT NULL,        -- exact decimal; '' when none was told
  currency      TEXT    NOT NULL,
  title         TEXT    NOT NULL,
  active        INTEGER NOT NULL,
  PRIMARY KEY (sales_channel, list, listing)
) STRICT, WITHOUT ROWID;

CREATE TABLE listing_mismatch (
  sales_channel TEXT    NOT NULL,
  comparison    INTEGER NOT NULL,        -- comparisons of a sales channel are numbered
  cause         TEXT    NOT NULL,
  listing       TEXT    NOT NULL,
  sku           TEXT    NOT NULL,
  title         TEXT    NOT NULL,
  listed        TEXT    NOT NULL,        -- what the sales channel says
  expected      TEXT    NOT NULL,        -- what Fulfil says; '' when there is nothing to say
  PRIMARY KEY (sales_channel, comparison, cause, listing)
) STRICT, WITHOUT ROWID;

CREATE TABLE listing_check (
  sales_channel TEXT    NOT NULL,
  list          INTEGER NOT NULL,
  manifest      TEXT    NOT NULL,        -- the sender's name of the list
  listed_at     INTEGER,                 -- when the sales channel was asked
  received_at   INTEGER NOT NULL,
  checked_at    INTEGER,                 -- when it was compared last; NULL while pages are missing, or it is compared
  comparison    INTEGER,                 -- which comparison the figures are of
  listings      INTEGER NOT NULL,
  active        INTEGER NOT NULL,
  barcodes      INTEGER NOT NULL,        -- of the active ones: so many barcodes and prices were compared
  prices        INTEGER NOT NULL,
  mismatches    TEXT    NOT NULL,        -- JSON: cause -> listings
  digest        TEXT    NOT NULL,        -- over all listings, in order of their ids
  PRIMARY KEY (sales_channel, list)
) STRICT, WITHOUT ROWID;
