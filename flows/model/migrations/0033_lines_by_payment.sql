-- A refund or a chargeback that names nothing but the payment is of the order that the payment's own line is of.
CREATE INDEX payout_line_by_payment ON payout_line (payment) WHERE "order" IS NOT NULL AND payment <> '';
