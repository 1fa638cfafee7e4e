-- What months have moved on the clearing accounts in Fulfil's ledger, for the report of clearing.

CREATE TABLE month_account (
  month    TEXT    NOT NULL,               -- 2026-10
  account  TEXT    NOT NULL,               -- its code in Fulfil
  debit    TEXT    NOT NULL,               -- exact decimals, in the ledger's currency, of posted entries dated in the month
  credit   TEXT    NOT NULL,
  lines    INTEGER NOT NULL,
  is_final INTEGER NOT NULL,               -- its period was closed before it was read
  read_at  INTEGER NOT NULL,               -- when it was first read as it is here
  PRIMARY KEY (month, account)
) STRICT, WITHOUT ROWID;
