-- Payouts of which a list tells, and that are lines of a statement of account: their money is counted there.
CREATE VIEW payout_in_statement AS
SELECT p.key FROM payout p JOIN payout_line l ON l.payment = p.payout JOIN payout s ON s.key = l.payout
WHERE p.lines = 0 AND NOT p.is_statement AND l.kind = 'transfer' AND l.payment <> ''
  AND s.is_statement AND s.sales_channel = p.sales_channel AND s.provider = p.provider;
