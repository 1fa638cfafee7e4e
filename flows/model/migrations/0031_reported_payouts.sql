-- Whether anybody says what was paid, or its own lines do, as of a statement of account; as `is_reported` in `payout.py`.
ALTER TABLE payout ADD COLUMN reported INTEGER NOT NULL
  GENERATED ALWAYS AS (is_statement OR paid IS NOT NULL OR bank IS NOT NULL) VIRTUAL;
