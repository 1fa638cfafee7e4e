-- Customers, and the parties in Fulfil that they are. A customer is `sales channel/customer/id`, or company, or guest; an
-- e-mail address stands here as a hash, never as it is.

CREATE TABLE customer (
  id          TEXT PRIMARY KEY,
  party       INTEGER NOT NULL,
  sale        INTEGER NOT NULL,          -- by which that is known
  "order"     TEXT    NOT NULL,          -- and its order's key
  channel     INTEGER NOT NULL,          -- Fulfil's id of the sales channel
  own         INTEGER NOT NULL,          -- whether Fulfil knows them by an address of their own
  other_party INTEGER,                   -- what a later sale of theirs has instead: a conflict
  other_sale  INTEGER,
  other_order TEXT,
  shares_with TEXT,                      -- another customer of the sales channel with the same party: a conflict
  accepted    TEXT,                      -- the one of whom a person has said that this is right
  checked_at  INTEGER NOT NULL           -- when a conflict was found, or read again
) STRICT, WITHOUT ROWID;
CREATE INDEX customer_by_party ON customer (party);
CREATE INDEX customer_with_own_address ON customer (id) WHERE own = 1;
CREATE INDEX customer_in_conflict ON customer (checked_at) WHERE other_party IS NOT NULL OR shares_with IS NOT NULL;

-- Sales of which it is still to be compared whose they are.
CREATE TABLE customer_sale (
  sale     INTEGER PRIMARY KEY,
  "order"  TEXT    NOT NULL,
  channel  INTEGER NOT NULL,
  customer TEXT    NOT NULL,
  own      INTEGER NOT NULL,
  party    INTEGER,                      -- NULL: Fulfil is still to be asked
  since    INTEGER NOT NULL,
  asked    INTEGER NOT NULL              -- how often that was in vain
) STRICT;

-- Orders that wait until the first one of their customer is in Fulfil, under each claim of theirs.
CREATE TABLE customer_wait (
  claim     TEXT    NOT NULL,
  placed_at INTEGER NOT NULL,
  "order"   TEXT    NOT NULL,
  PRIMARY KEY (claim, placed_at, "order")
) STRICT, WITHOUT ROWID;
CREATE INDEX customer_wait_by_order ON customer_wait ("order");
