-- Payouts that never arrive, and the lines by which their money comes back, are few, and are found among all.
CREATE INDEX payout_failed ON payout (key) WHERE status IN ('failed', 'cancelled');
CREATE INDEX payout_line_returned ON payout_line (payout, line) WHERE kind = 'payout_returned';
