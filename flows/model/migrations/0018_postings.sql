-- What the ledger is to have of payouts, and the batches in which it was posted.

CREATE TABLE posting (                       -- appended, never changed but for the batch it is in
  payout        TEXT    NOT NULL,            -- the payout's key
  number        INTEGER NOT NULL,            -- counts those of the payout
  sales_channel TEXT    NOT NULL,
  gateway       TEXT    NOT NULL,            -- Fulfil's code
  payout_id     TEXT    NOT NULL,            -- the provider's
  event         TEXT    NOT NULL,
  currency      TEXT    NOT NULL,
  amount        TEXT    NOT NULL,            -- exact decimal in whole units, signed as the posting matrix says
  day           TEXT    NOT NULL,            -- on which it happened, of finance's company; ISO 8601
  correction    INTEGER NOT NULL,            -- something of this event of the payout was due before
  due_at        INTEGER NOT NULL,
  batch         TEXT,                        -- the reference of its batch; NULL: it waits
  booked_on     TEXT,
  PRIMARY KEY (payout, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX posting_due ON posting (sales_channel, day, payout, number) WHERE batch IS NULL;
CREATE INDEX posting_by_batch ON posting (batch, payout, number) WHERE batch IS NOT NULL;
CREATE INDEX posting_rounded ON posting (sales_channel, currency, booked_on)
  WHERE event = 'rounding' AND batch IS NOT NULL;

CREATE TABLE posting_left (                  -- what of a payout is not posted
  payout        TEXT PRIMARY KEY,            -- the payout's key
  sales_channel TEXT    NOT NULL,
  gateway       TEXT    NOT NULL,
  payout_id     TEXT    NOT NULL,
  currency      TEXT    NOT NULL,
  day           TEXT,                        -- the payout's; NULL: it has none yet
  body          TEXT    NOT NULL             -- JSON: events, amounts, and why
) STRICT, WITHOUT ROWID;

CREATE TABLE posting_batch (
  reference     TEXT PRIMARY KEY,            -- the description of the move in Fulfil
  sales_channel TEXT    NOT NULL,
  currency      TEXT    NOT NULL,
  booked_on     TEXT    NOT NULL,
  journal       TEXT    NOT NULL,
  status        TEXT    NOT NULL,            -- making, posted, empty (it came to nothing), refused, withdrawn
  total         TEXT    NOT NULL,            -- the sum of one side
  lines         TEXT    NOT NULL,            -- JSON
  digest        TEXT    NOT NULL,            -- of its content
  postings      INTEGER NOT NULL,
  move          INTEGER,                     -- Fulfil's id
  made_at       INTEGER NOT NULL,
  posted_at     INTEGER,
  why           TEXT    NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE INDEX posting_batch_making ON posting_batch (reference) WHERE status = 'making';
CREATE INDEX posting_batch_by_day ON posting_batch (booked_on, reference);

CREATE TABLE ledger_period (                 -- periods of Fulfil's ledger, as they were read last
  id     INTEGER PRIMARY KEY,
  name   TEXT NOT NULL,
  begins TEXT NOT NULL,
  ends   TEXT NOT NULL,
  state  TEXT NOT NULL
) STRICT;
