-- What payment providers have paid out, and which order each line is of.

CREATE TABLE order_tender (                  -- by which transactions an order was paid, as its sales channel says
  sales_channel TEXT NOT NULL,
  transaction_id TEXT NOT NULL,
  key           TEXT NOT NULL,               -- the order's
  kind          TEXT NOT NULL,
  amount        TEXT NOT NULL,               -- exact decimal, in `currency`
  currency      TEXT NOT NULL,
  PRIMARY KEY (sales_channel, transaction_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX order_view_by_number ON order_view (sales_channel, reference);

CREATE TABLE payout (
  key           TEXT PRIMARY KEY,            -- payout/sales channel/provider/id
  sales_channel TEXT    NOT NULL,
  provider      TEXT    NOT NULL,
  payout        TEXT    NOT NULL,            -- the provider's id, or day and currency of a statement
  currency      TEXT    NOT NULL,
  status        TEXT    NOT NULL,
  is_statement  INTEGER NOT NULL,
  received      INTEGER NOT NULL,            -- whether its money counts as arrived
  paid          TEXT,                        -- what the provider reports as paid; NULL: it does not say
  bank          TEXT,                        -- the amount of the line in the bank's statement; NULL: nobody gave one
  net           TEXT    NOT NULL,            -- the sum of its lines, as are all sums below: exact decimals in `currency`
  fees          TEXT    NOT NULL,            -- negative where taken
  taxes         TEXT    NOT NULL,            -- taxes on fees
  unexplained   TEXT    NOT NULL,
  classes       TEXT    NOT NULL,            -- JSON: class -> sum; they come to `net`
  lines         INTEGER NOT NULL,
  unlinked      INTEGER NOT NULL,            -- lines that should have an order and have none
  verdict       TEXT    NOT NULL,            -- proven, contradicted, unproven
  difference    TEXT    NOT NULL,            -- by how much the first equation fails
  paid_on       TEXT,                        -- days, as ISO 8601
  expected_on   TEXT,
  told_at       INTEGER NOT NULL,            -- when something new was told of it last
  run           TEXT    NOT NULL,            -- the import that it was in last
  judged        INTEGER NOT NULL             -- whether all of that import is in these figures
) STRICT, WITHOUT ROWID;
CREATE INDEX payout_by_day ON payout (paid_on, key);

CREATE TABLE payout_line (
  payout        TEXT    NOT NULL,            -- the key
  line          TEXT    NOT NULL,
  kind          TEXT    NOT NULL,            -- its class
  currency      TEXT    NOT NULL,
  amount        TEXT    NOT NULL,
  fee           TEXT    NOT NULL,
  tax           TEXT    NOT NULL,
  gap           TEXT    NOT NULL,            -- what net is more than these three together
  net           TEXT    NOT NULL,
  type          TEXT    NOT NULL,            -- the provider's own word
  at            TEXT    NOT NULL,            -- ISO 8601 in UTC; '' where it has none
  source_order  TEXT    NOT NULL,            -- the order as the provider names it, by id or by number
  reference     TEXT    NOT NULL,
  payment       TEXT    NOT NULL,
  payment_alias TEXT    NOT NULL,
  refund        TEXT    NOT NULL,
  dispute       TEXT    NOT NULL,
  presentment   TEXT    NOT NULL,
  rate          TEXT    NOT NULL,
  mark          TEXT    NOT NULL,            -- digest of its figures and its class, so that a change shows
  "order"       TEXT,                        -- the order here; NULL: none was found
  PRIMARY KEY (payout, line)
) STRICT, WITHOUT ROWID;
CREATE INDEX payout_line_by_line ON payout_line (line, payout);
CREATE INDEX payout_line_by_order ON payout_line ("order") WHERE "order" IS NOT NULL;
CREATE INDEX payout_line_unlinked ON payout_line (payout, line)
  WHERE "order" IS NULL AND kind IN ('sale', 'refund', 'dispute', 'dispute_reversal');

CREATE TABLE payout_line_changed (           -- lines that a later file tells otherwise, until a person has looked
  payout TEXT NOT NULL,
  line   TEXT NOT NULL,
  mark   TEXT NOT NULL,
  body   TEXT NOT NULL,                      -- the line as it was told then, JSON
  PRIMARY KEY (payout, line)
) STRICT, WITHOUT ROWID;
