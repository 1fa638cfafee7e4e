-- Named statements of the projections. See runtime/journal/queries.sql for the forms.

-- name: put_order_view
-- The order as people list it.
INSERT INTO order_view
  (key, sales_channel, order_id, reference, state, proof, amount, currency, placed_at, sale, sale_number, changed_at)
VALUES :rows(12)
ON CONFLICT (key) DO UPDATE SET
  reference = excluded.reference, state = excluded.state, proof = excluded.proof, amount = excluded.amount,
  currency = excluded.currency, placed_at = excluded.placed_at, sale = excluded.sale,
  sale_number = excluded.sale_number, changed_at = excluded.changed_at;

-- name: open_case
-- An exception begins, or begins again.
INSERT INTO exception_case
  (fingerprint, kind, subject, cause, sentence, owner, amount, currency, opened_at, deadline_at)
VALUES :rows(10)
ON CONFLICT (fingerprint) DO UPDATE SET
  sentence = excluded.sentence, amount = excluded.amount, currency = excluded.currency,
  opened_at = CASE WHEN closed_at IS NULL THEN opened_at ELSE excluded.opened_at END,
  deadline_at = CASE WHEN closed_at IS NULL THEN deadline_at ELSE excluded.deadline_at END,
  closed_at = NULL, closed_how = NULL;

-- name: close_case
-- An exception ends: (closed at, how, fingerprint).
UPDATE exception_case SET closed_at = ?1, closed_how = ?2 WHERE fingerprint = ?3 AND closed_at IS NULL;

-- name: put_product
-- A product as Fulfil has it now.
INSERT INTO catalogue (product, sku, folded, name, active) VALUES :rows(5)
ON CONFLICT (product) DO UPDATE SET
  sku = excluded.sku, folded = excluded.folded, name = excluded.name, active = excluded.active;

-- name: products
-- Every product, for the index in memory: (after product, limit).
SELECT product, sku, active FROM catalogue WHERE product > ?1 ORDER BY product LIMIT ?2;

-- name: skus_like
-- SKUs that differ from one only in case or outer spaces: (folded).
SELECT DISTINCT sku FROM catalogue WHERE folded = ?1 ORDER BY sku LIMIT 5;

-- name: products_of_sku
-- The products that can be sold under a SKU: (folded, sku).
SELECT product, name FROM catalogue WHERE folded = ?1 AND sku = ?2 AND active = 1 ORDER BY product;

-- name: causes_open
-- What the open cases of a kind wait for: (kind).
SELECT DISTINCT cause FROM exception_case WHERE kind = ?1 AND closed_at IS NULL;

-- name: subjects_waiting
-- Who waits for one cause, in order of purchase: (kind, cause).
SELECT c.subject, o.placed_at FROM exception_case c LEFT JOIN order_view o ON o.key = c.subject
WHERE c.kind = ?1 AND c.cause = ?2 AND c.closed_at IS NULL ORDER BY o.placed_at, c.subject;

-- name: orders_listed
-- Orders, latest change first: (state or '', sales channel or '', changed before, limit, and of that instant those after
-- this key; NULL: none).
SELECT key, sales_channel, order_id, reference, state, proof, amount, currency, placed_at, sale, sale_number, changed_at
FROM order_view
WHERE (?1 = '' OR state = ?1) AND (?2 = '' OR sales_channel = ?2)
  AND (changed_at < ?3 OR changed_at = ?3 AND key > ?5)
ORDER BY changed_at DESC, key LIMIT ?4;

-- name: order_by_key
-- One order: (key).
SELECT key, sales_channel, order_id, reference, state, proof, amount, currency, placed_at, sale, sale_number, changed_at
FROM order_view WHERE key = ?1;

-- name: orders_by_reference
-- Orders by the number that people say, or by the order id alone: (text).
SELECT key FROM order_view WHERE reference = ?1 OR order_id = ?1 ORDER BY key LIMIT 20;

-- name: orders_by_state
-- How many orders there are, by sales channel and state.
SELECT sales_channel, state, count(*) FROM order_view GROUP BY sales_channel, state;

-- name: cases_of
-- The exceptions of one subject, open ones first: (subject).
SELECT fingerprint, kind, subject, cause, sentence, owner, amount, currency, opened_at, deadline_at, closed_at, closed_how
FROM exception_case WHERE subject = ?1 ORDER BY closed_at IS NOT NULL, opened_at;

-- name: cases_open
-- Open exceptions, the nearest deadline first: (owner or '', kind or '', after deadline, limit, and of that deadline
-- those after this fingerprint; NULL: none).
SELECT fingerprint, kind, subject, cause, sentence, owner, amount, currency, opened_at, deadline_at, closed_at, closed_how
FROM exception_case
WHERE closed_at IS NULL AND (?1 = '' OR owner = ?1) AND (?2 = '' OR kind = ?2)
  AND (deadline_at > ?3 OR deadline_at = ?3 AND fingerprint > ?5)
ORDER BY deadline_at, fingerprint LIMIT ?4;

-- name: cases_counted
-- Open exceptions by kind and owner, with the oldest.
SELECT kind, owner, currency, count(*), min(opened_at) FROM exception_case WHERE closed_at IS NULL
GROUP BY kind, owner, currency;

-- name: keys_known
-- Of these orders, those of which anything was ever received: (:keys).
SELECT DISTINCT key FROM delivery WHERE key IN (:keys);
