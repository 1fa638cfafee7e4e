-- Projections of the business: what people list and search. They follow from actors' states and can be recomputed.

CREATE TABLE order_view (
  key           TEXT PRIMARY KEY,          -- sales channel/order id
  sales_channel TEXT    NOT NULL,
  order_id      TEXT    NOT NULL,
  reference     TEXT    NOT NULL,          -- the number that people say
  state         TEXT    NOT NULL,
  proof         TEXT    NOT NULL,          -- proven, contradicted, unproven
  amount        TEXT    NOT NULL,          -- exact decimal, in `currency`
  currency      TEXT    NOT NULL,
  placed_at     INTEGER,                   -- the order's own date
  sale          INTEGER,                   -- its id in Fulfil
  sale_number   TEXT,
  changed_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX order_view_by_state ON order_view (state, changed_at);

CREATE TABLE exception_case (
  fingerprint   TEXT PRIMARY KEY,          -- kind, subject and cause: the same trouble is one case, however often it is met
  kind          TEXT    NOT NULL,
  subject       TEXT    NOT NULL,          -- an order's key, or system/part
  cause         TEXT    NOT NULL,          -- what is shared by cases that one remedy ends: a SKU, a tax, a gateway
  sentence      TEXT    NOT NULL,
  owner         TEXT    NOT NULL,
  amount        TEXT,                      -- what is at stake, exact decimal in `currency`
  currency      TEXT,
  opened_at     INTEGER NOT NULL,
  deadline_at   INTEGER NOT NULL,
  closed_at     INTEGER,
  closed_how    TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX exception_case_open ON exception_case (kind, cause, opened_at) WHERE closed_at IS NULL;
CREATE INDEX exception_case_by_subject ON exception_case (subject);

-- Fulfil's products, as far as orders need them. `folded` is the SKU without case and outer spaces.
CREATE TABLE catalogue (
  sku        TEXT PRIMARY KEY,
  folded     TEXT    NOT NULL,
  product    INTEGER NOT NULL,
  name       TEXT    NOT NULL,
  active     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX catalogue_by_folded ON catalogue (folded);
CREATE INDEX catalogue_by_product ON catalogue (product);
