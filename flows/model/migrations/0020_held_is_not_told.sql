-- An order whose shipments were all held counted as told.

UPDATE order_shipping SET state = 'shipped'
WHERE state = 'told' AND EXISTS (SELECT 1 FROM fulfilment f WHERE f.key = order_shipping.key AND f.state = 'held');
