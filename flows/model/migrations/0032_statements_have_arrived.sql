-- What is in a statement of account is on the account: orders that wait for it to arrive are looked at again.
UPDATE payout SET received = 1 WHERE is_statement;
UPDATE order_closing SET look_at = 0 WHERE settled_at IS NULL AND key IN (
  SELECT l."order" FROM payout_line l JOIN payout p ON p.key = l.payout WHERE p.is_statement);
