-- Which orders that wait to be decided on are in the figures as they were worked out last.

CREATE TABLE stock_waiting (
  sku  TEXT    PRIMARY KEY,                -- Fulfil's
  mark INTEGER NOT NULL                    -- of those orders and of how many units each of them needs
) STRICT, WITHOUT ROWID;
