-- By which rate a posting was converted, and of which day that is; empty: it is in the ledger's currency.
ALTER TABLE posting ADD COLUMN exchanged TEXT NOT NULL DEFAULT '';
