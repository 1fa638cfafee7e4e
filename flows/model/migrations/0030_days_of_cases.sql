-- A case of what happened before anybody told of it is of that day in the close of the month.
ALTER TABLE exception_case ADD COLUMN happened_at INTEGER;  -- NULL: the day of its order or payout, or on which it was met
