-- A fee or a tax of an order is a line of it, too; what names an order that is not here is looked up again.
DROP INDEX payout_line_unlinked;
CREATE INDEX payout_line_unlinked ON payout_line (payout, line) WHERE "order" IS NULL AND kind <> 'transfer'
  AND (kind IN ('sale', 'refund', 'dispute', 'dispute_reversal') OR source_order <> '' OR reference <> '' OR payment <> '');
