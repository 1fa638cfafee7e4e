-- Payouts that are lines of statements of account are found by their ids.
CREATE INDEX payout_line_transfer ON payout_line (payment) WHERE kind = 'transfer' AND payment <> '';
