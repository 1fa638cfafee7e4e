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

-- name: date_case
-- What an exception is about happened before: (instant, fingerprint).
UPDATE exception_case SET happened_at = ?1 WHERE fingerprint = ?2;

-- name: close_case
-- An exception ends: (closed at, how, fingerprint).
UPDATE exception_case SET closed_at = ?1, closed_how = ?2 WHERE fingerprint = ?3 AND closed_at IS NULL;

-- name: put_product
-- A product as Fulfil has it now.
INSERT INTO catalogue (product, sku, folded, name, active, sellable, barcode, list_price, cost_price) VALUES :rows(9)
ON CONFLICT (product) DO UPDATE SET
  sku = excluded.sku, folded = excluded.folded, name = excluded.name, active = excluded.active,
  sellable = excluded.sellable, barcode = excluded.barcode, list_price = excluded.list_price,
  cost_price = excluded.cost_price, gone_at = NULL;

-- name: end_product
-- A product is no longer in Fulfil, or has no SKU there: (gone at, product).
UPDATE catalogue SET gone_at = ?1 WHERE product = ?2 AND gone_at IS NULL;

-- name: put_alias
-- What a sales channel calls a product stands for a SKU of Fulfil from now on.
INSERT INTO sku_alias (alias, sku, decided_at, decided_by, reason) VALUES :rows(5)
ON CONFLICT (alias) DO UPDATE SET
  sku = excluded.sku, decided_at = excluded.decided_at, decided_by = excluded.decided_by, reason = excluded.reason;

-- name: end_alias
-- It stands for nothing any more: (alias).
DELETE FROM sku_alias WHERE alias = ?1;

-- name: put_audit
-- A link of the chain of what people decided.
INSERT INTO audit (seq, at, by, action, subject, "values", reason, previous, digest) VALUES :rows(9);

-- name: put_order_patch
-- An order is read with this patch in its payload from now on.
INSERT INTO order_patch (key, patch, decided_at, decided_by, reason) VALUES :rows(5)
ON CONFLICT (key) DO UPDATE SET
  patch = excluded.patch, decided_at = excluded.decided_at, decided_by = excluded.decided_by, reason = excluded.reason;

-- name: end_order_patch
-- It is read as it is received again: (key).
DELETE FROM order_patch WHERE key = ?1;

-- name: put_sale_link
-- A person has linked a sale that was made by hand to an order.
INSERT INTO sale_link (sale, key) VALUES :rows(2) ON CONFLICT (sale) DO UPDATE SET key = excluded.key;

-- name: end_customer_wait
-- An order waits for its customer no longer: (order).
DELETE FROM customer_wait WHERE "order" = ?1;

-- name: put_customer_wait
-- An order waits until a claim of its customer is free.
INSERT INTO customer_wait (claim, placed_at, "order") VALUES :rows(3) ON CONFLICT DO NOTHING;

-- name: drop_customer_sale
-- It is compared whose these sales are, or never will be.
DELETE FROM customer_sale WHERE sale IN (:ids);

-- name: put_customer_sale
-- A sale of which it is still to be compared whose it is.
INSERT INTO customer_sale (sale, "order", channel, customer, own, party, since, asked) VALUES :rows(8)
ON CONFLICT DO NOTHING;

-- name: put_off_customer_sale
-- Fulfil did not tell whose a sale is, and is asked again later: (since when it waits, how often asked, sale).
UPDATE customer_sale SET since = ?1, asked = ?2 WHERE sale = ?3;

-- name: put_customer
-- Whose party a customer is, as far as it is known.
INSERT INTO customer (id, party, sale, "order", channel, own, other_party, other_sale, other_order, shares_with, accepted,
  checked_at) VALUES :rows(12)
ON CONFLICT (id) DO UPDATE SET
  party = excluded.party, sale = excluded.sale, "order" = excluded."order", channel = excluded.channel,
  own = excluded.own, other_party = excluded.other_party, other_sale = excluded.other_sale,
  other_order = excluded.other_order, shares_with = excluded.shares_with, accepted = excluded.accepted,
  checked_at = excluded.checked_at;

-- name: accept_customer
-- A person says that it is right as it is: the later party is the customer's, and may be another's as well: (customer).
UPDATE customer SET
  party = coalesce(other_party, party), sale = coalesce(other_sale, sale), "order" = coalesce(other_order, "order"),
  other_party = NULL, other_sale = NULL, other_order = NULL, accepted = coalesce(shares_with, accepted),
  shares_with = NULL
WHERE id = ?1;

-- name: put_order_tender
-- A transaction that an order was paid by.
INSERT INTO order_tender (sales_channel, transaction_id, key, kind, amount, currency) VALUES :rows(6)
ON CONFLICT (sales_channel, transaction_id, key) DO UPDATE SET
  kind = excluded.kind, amount = excluded.amount, currency = excluded.currency;

-- name: put_payout
-- A payout as it stands.
INSERT INTO payout (key, sales_channel, provider, payout, currency, status, is_statement, received, paid, bank, net, fees,
  taxes, unexplained, classes, lines, unlinked, verdict, difference, paid_on, expected_on, told_at, run, judged)
VALUES :rows(24)
ON CONFLICT (key) DO UPDATE SET
  status = excluded.status, is_statement = excluded.is_statement, received = excluded.received, paid = excluded.paid,
  bank = excluded.bank, net = excluded.net, fees = excluded.fees, taxes = excluded.taxes,
  unexplained = excluded.unexplained, classes = excluded.classes, lines = excluded.lines, unlinked = excluded.unlinked,
  verdict = excluded.verdict, difference = excluded.difference, paid_on = excluded.paid_on,
  expected_on = excluded.expected_on, told_at = excluded.told_at, run = excluded.run, judged = excluded.judged;

-- name: put_payout_line
-- A line of a payout, or what a person has accepted that it says now. A link to an order stays.
INSERT INTO payout_line (payout, line, kind, currency, amount, fee, tax, gap, net, type, at, source_order, reference,
  payment, payment_alias, refund, dispute, presentment, rate, mark)
VALUES :rows(20)
ON CONFLICT (payout, line) DO UPDATE SET
  kind = excluded.kind, amount = excluded.amount, fee = excluded.fee, tax = excluded.tax, gap = excluded.gap,
  net = excluded.net, type = excluded.type, at = excluded.at, source_order = excluded.source_order,
  reference = excluded.reference, payment = excluded.payment, payment_alias = excluded.payment_alias,
  refund = excluded.refund, dispute = excluded.dispute, presentment = excluded.presentment, rate = excluded.rate,
  mark = excluded.mark;

-- name: fill_payout_line
-- What a later file names of a line and no file has named before: (order, reference, payment, its other id, refund,
-- dispute, payout's key, line).
UPDATE payout_line SET
  source_order = CASE WHEN source_order = '' THEN ?1 ELSE source_order END,
  reference = CASE WHEN reference = '' THEN ?2 ELSE reference END,
  payment = CASE WHEN payment = '' THEN ?3 ELSE payment END,
  payment_alias = CASE WHEN payment_alias = '' THEN ?4 ELSE payment_alias END,
  refund = CASE WHEN refund = '' THEN ?5 ELSE refund END,
  dispute = CASE WHEN dispute = '' THEN ?6 ELSE dispute END
WHERE payout = ?7 AND line = ?8;

-- name: link_payout_line
-- The order that a line is of: (order's key, payout's key, line).
UPDATE payout_line SET "order" = ?1 WHERE payout = ?2 AND line = ?3;

-- name: drop_payout_change
-- A line is told as at first again, or a person has looked: (payout's key, line).
DELETE FROM payout_line_changed WHERE payout = ?1 AND line = ?2;

-- name: put_payout_change
-- What a later file says of a line that was told otherwise before.
INSERT INTO payout_line_changed (payout, line, mark, body) VALUES :rows(4)
ON CONFLICT (payout, line) DO UPDATE SET mark = excluded.mark, body = excluded.body;

-- name: products
-- Every product, for the index in memory, and whether it can be on an order: (after product, limit).
SELECT product, sku, active AND sellable IS NOT 0 FROM catalogue
WHERE product > ?1 AND gone_at IS NULL ORDER BY product LIMIT ?2;

-- name: products_between
-- The products that are thought to be in Fulfil, of a stretch of ids: (after product, to product, limit).
SELECT product FROM catalogue WHERE product > ?1 AND product <= ?2 AND gone_at IS NULL ORDER BY product LIMIT ?3;

-- name: products_alike
-- Products whose SKUs differ from one at most in case and spaces, gone ones among them: (folded).
SELECT sku, product, name, active AND sellable IS NOT 0, barcode, gone_at FROM catalogue WHERE folded = ?1
ORDER BY gone_at IS NOT NULL, active DESC, sku, product LIMIT 20;

-- name: products_of_barcode
-- Products that have a barcode: (barcode).
SELECT sku, product, name, active AND sellable IS NOT 0, barcode, gone_at FROM catalogue
WHERE barcode = ?1 AND gone_at IS NULL ORDER BY active DESC, sku, product LIMIT 20;

-- name: products_near
-- Products whose SKUs are among some that a typing error would make: (:keys, folded).
SELECT sku, product, name, active AND sellable IS NOT 0, barcode, gone_at FROM catalogue
WHERE folded IN (:keys) AND gone_at IS NULL ORDER BY active DESC, sku, product LIMIT 20;

-- name: products_of_sku
-- The products that can be sold under a SKU: (folded, sku).
SELECT product, name FROM catalogue
WHERE folded = ?1 AND sku = ?2 AND active = 1 AND sellable IS NOT 0 AND gone_at IS NULL ORDER BY product;

-- name: aliases
-- Every alias.
SELECT alias, sku, decided_at, decided_by, reason FROM sku_alias ORDER BY alias;

-- name: alias
-- One alias, if it is one: (alias).
SELECT sku, decided_at, decided_by, reason FROM sku_alias WHERE alias = ?1;

-- name: audit
-- What people decided, in order: (after seq, limit).
SELECT seq, at, by, action, subject, "values", reason, previous, digest FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2;

-- name: audit_of
-- What people decided about one subject, and what they paused and let go on of two others, in order: (subject, paused,
-- paused).
SELECT seq, at, by, action, subject, "values", reason, previous, digest FROM audit
WHERE subject = ?1 OR action IN ('pause', 'resume') AND subject IN (?2, ?3) ORDER BY seq;

-- name: audit_end
-- The last link of the chain.
SELECT seq, digest FROM audit ORDER BY seq DESC LIMIT 1;

-- name: keys_patched
-- The orders that have a patch.
SELECT key FROM order_patch;

-- name: patches
-- The patches of some orders: (:keys).
SELECT key, patch FROM order_patch WHERE key IN (:keys);

-- name: patches_unread
-- The patches of orders of which a delivery is not decided on yet: (the actor that decides on orders).
SELECT p.key, p.patch FROM order_patch p WHERE EXISTS (
  SELECT 1 FROM message m WHERE m.channel = ?1 AND m.key = p.key AND m.delivery IS NOT NULL);

-- name: patch
-- The patch of one order, if it has one: (key).
SELECT patch, decided_at, decided_by, reason FROM order_patch WHERE key = ?1;

-- name: order_linked
-- The order that a person has linked a sale to: (sale).
SELECT key FROM sale_link WHERE sale = ?1;

-- name: causes_open
-- What the open cases of a kind wait for: (kind).
SELECT DISTINCT cause FROM exception_case WHERE kind = ?1 AND closed_at IS NULL;

-- name: subjects_waiting
-- Who waits for one cause, in order of purchase: (kind, cause, and of those after an instant of purchase and a subject,
-- limit).
SELECT coalesce(o.placed_at, 0), c.subject FROM exception_case c LEFT JOIN order_view o ON o.key = c.subject
WHERE c.kind = ?1 AND c.cause = ?2 AND c.closed_at IS NULL AND (coalesce(o.placed_at, 0), c.subject) > (?3, ?4)
ORDER BY 1, 2 LIMIT ?5;

-- name: orders_held_for
-- Orders of which nothing is in Fulfil, and that wait for one cause, in order of purchase: (kind, cause, and of those
-- after an instant of purchase and an order, limit).
SELECT coalesce(o.placed_at, 0), c.subject FROM exception_case c JOIN order_view o ON o.key = c.subject
WHERE c.kind = ?1 AND c.cause = ?2 AND c.closed_at IS NULL AND o.state IN ('held', 'waiting')
  AND (coalesce(o.placed_at, 0), c.subject) > (?3, ?4)
ORDER BY 1, 2 LIMIT ?5;

-- name: cause_size
-- How many orders those are, and how many other cases of that cause are open: (kind, cause).
SELECT count(o.key), count(*) - count(o.key) FROM exception_case c
LEFT JOIN order_view o ON o.key = c.subject AND o.state IN ('held', 'waiting')
WHERE c.kind = ?1 AND c.cause = ?2 AND c.closed_at IS NULL;

-- name: causes_listed
-- What is open, by cause, the nearest deadline first: (owner or '', kind or '', after deadline, limit, and of that
-- deadline those after this kind and cause, joined by a slash; NULL: none).
SELECT kind, cause, owner, count(*), min(opened_at), min(deadline_at) AS deadline FROM exception_case
WHERE closed_at IS NULL AND (?1 = '' OR owner = ?1) AND (?2 = '' OR kind = ?2)
GROUP BY kind, cause, owner
HAVING deadline > ?3 OR deadline = ?3 AND kind || '/' || cause > ?5
ORDER BY deadline, kind || '/' || cause LIMIT ?4;

-- name: cause_amounts
-- What is at stake in one cause: currency, amount, and how many cases have it, whether of a held order: (kind, cause).
-- Amounts are decimal text, which SQLite would add up as binary floats: they are added by whoever asks.
SELECT c.currency, c.amount, count(*), o.key IS NOT NULL FROM exception_case c
LEFT JOIN order_view o ON o.key = c.subject AND o.state IN ('held', 'waiting')
WHERE c.kind = ?1 AND c.cause = ?2 AND c.closed_at IS NULL GROUP BY 1, 2, 4;

-- name: subjects_cured
-- Who waits for a SKU, in order of purchase, and how many other things each waits for: (SKU).
SELECT c.subject, (SELECT count(*) FROM exception_case e WHERE e.subject = c.subject AND e.closed_at IS NULL) - 1
FROM exception_case c LEFT JOIN order_view o ON o.key = c.subject
WHERE c.kind IN ('sku.unknown', 'sku.ambiguous') AND c.cause = ?1 AND c.closed_at IS NULL
ORDER BY coalesce(o.placed_at, 0), c.subject;

-- name: orders_listed
-- Orders, latest change first: (state or '', sales channel or '', changed before, limit, and of that instant those after
-- this key; NULL: none).
SELECT key, sales_channel, order_id, reference, state, proof, amount, currency, placed_at, sale, sale_number, changed_at,
  (SELECT s.state FROM order_shipping s WHERE s.key = order_view.key),
  (SELECT c.settled_at FROM order_closing c WHERE c.key = order_view.key)
FROM order_view
WHERE (?1 = '' OR state = ?1) AND (?2 = '' OR sales_channel = ?2)
  AND (changed_at < ?3 OR changed_at = ?3 AND key > ?5)
ORDER BY changed_at DESC, key LIMIT ?4;

-- name: order_by_key
-- One order: (key).
SELECT key, sales_channel, order_id, reference, state, proof, amount, currency, placed_at, sale, sale_number, changed_at,
  (SELECT s.state FROM order_shipping s WHERE s.key = order_view.key),
  (SELECT c.settled_at FROM order_closing c WHERE c.key = order_view.key)
FROM order_view WHERE key = ?1;

-- name: orders_by_reference
-- Orders by the number that people say, or by the order id alone: (text).
SELECT key FROM order_view WHERE reference = ?1 OR order_id = ?1 ORDER BY key LIMIT 20;

-- name: orders_by_sale_number
-- Orders by the number that Fulfil gave their sale: (text).
SELECT key FROM order_view WHERE sale_number = ?1 ORDER BY key LIMIT 20;

-- name: orders_by_tender
-- Orders by the id of a transaction that paid them, at whatever sales channel: (transaction id). The sales channels are
-- jumped over one by one.
WITH RECURSIVE seen (name) AS (
  SELECT min(sales_channel) FROM order_tender
  UNION ALL
  SELECT (SELECT min(t.sales_channel) FROM order_tender t WHERE t.sales_channel > seen.name)
  FROM seen WHERE seen.name IS NOT NULL
)
SELECT DISTINCT t.key FROM seen JOIN order_tender t ON t.sales_channel = seen.name AND t.transaction_id = ?1
ORDER BY 1 LIMIT 20;

-- name: orders_received
-- Orders by the order id alone, at whatever sales channel they were received, decided on or not: (order id). The sales
-- channels that have delivered are jumped over one by one: '0' is what comes after '/'.
WITH RECURSIVE seen (name) AS (
  SELECT substr(min(key), 1, instr(min(key), '/') - 1) FROM delivery
  UNION ALL
  SELECT (SELECT substr(min(d.key), 1, instr(min(d.key), '/') - 1) FROM delivery d WHERE d.key >= seen.name || '0')
  FROM seen WHERE seen.name IS NOT NULL
)
SELECT name || '/' || ?1 FROM seen
WHERE name IS NOT NULL AND EXISTS (SELECT 1 FROM delivery d WHERE d.key = name || '/' || ?1) ORDER BY 1 LIMIT 20;

-- name: pauses_counted
-- What is stopped, and how many orders wait for it: (the actor that decides on orders).
SELECT u.scope, u.name, u.paused_at, u.paused_by, CASE u.scope
  WHEN 'actor' THEN (SELECT count(DISTINCT m.key) FROM message m WHERE m.channel = u.name AND u.name = ?1)
  ELSE (SELECT count(*) FROM (
    SELECT m.key FROM message m WHERE m.channel = ?1 AND m.key > u.name || '/' AND m.key < u.name || '0'
    UNION SELECT i.key FROM intent i WHERE i.actor = ?1 AND i.key > u.name || '/' AND i.key < u.name || '0'))
  END
FROM pause u ORDER BY u.scope DESC, u.name;

-- name: orders_undecided_listed
-- Orders that were received, and wait to be decided on for the first time, the latest first: (the actor that decides on
-- orders, sales channel or '', received before, limit, and of that instant those after this key; NULL: none).
SELECT m.key, min(b.received_at) AS at FROM message m JOIN body b ON b.delivery = m.delivery
WHERE m.channel = ?1 AND (?2 = '' OR m.key > ?2 || '/' AND m.key < ?2 || '0')
  AND NOT EXISTS (SELECT 1 FROM state s WHERE s.actor = ?1 AND s.key = m.key)
GROUP BY m.key HAVING at < ?3 OR at = ?3 AND m.key > ?5 ORDER BY at DESC, m.key LIMIT ?4;

-- name: orders_undecided
-- How many orders were received, and wait to be decided on for the first time: (the actor that decides on orders).
SELECT count(DISTINCT m.key) FROM message m
WHERE m.channel = ?1 AND NOT EXISTS (SELECT 1 FROM state s WHERE s.actor = ?1 AND s.key = m.key);

-- name: orders_in_queue
-- How many orders wait to be decided on or for their calls, but for parked ones and those of paused sales channels:
-- (the actor that decides on orders, API, share). One with a call and a message waits once.
SELECT
  (SELECT count(DISTINCT key) FROM message WHERE channel = ?1)
  - (SELECT count(*) FROM parked WHERE channel = ?1)
  - (SELECT count(DISTINCT m.key) FROM pause u
     CROSS JOIN message m ON m.channel = ?1 AND m.key > u.name || '/' AND m.key < u.name || '0'
     WHERE u.scope = 'partition' AND NOT EXISTS (SELECT 1 FROM parked p WHERE p.channel = ?1 AND p.key = m.key))
  + (SELECT count(DISTINCT i.key) FROM intent i WHERE i.api = ?2 AND i.share = ?3
     AND NOT EXISTS (SELECT 1 FROM message m WHERE m.channel = ?1 AND m.key = i.key)
     AND NOT EXISTS (SELECT 1 FROM pause u
       WHERE u.scope = 'partition' AND i.key > u.name || '/' AND i.key < u.name || '0'));

-- name: orders_behind_others
-- How many orders wait for the first order of their customer.
SELECT count(DISTINCT "order") FROM customer_wait;

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

-- name: order_received
-- Whether a version of an order, or a newer one, was ever received: (key, version; '' for any).
SELECT 1 FROM delivery WHERE key = ?1 AND (version >= ?2 OR version = '') LIMIT 1;

-- name: drop_manifest_page
-- A page is replaced: (manifest, page).
DELETE FROM manifest_order WHERE manifest = ?1 AND page = ?2;

-- name: drop_manifest_orders
-- The comparison is over, or begins anew: (manifest).
DELETE FROM manifest_order WHERE manifest = ?1;

-- name: put_manifest_order
-- What a page lists; of an order that is listed twice the newest version counts.
INSERT INTO manifest_order (manifest, order_id, version, page) VALUES :rows(4)
ON CONFLICT (manifest, order_id) DO UPDATE SET version = max(version, excluded.version), page = excluded.page;

-- name: put_manifest
-- The statement about a manifest.
INSERT INTO manifest (key, sales_channel, began_at, ended_at, received_at, checked_at, listed, missing, outdated,
  unlisted, open, digest) VALUES :rows(12)
ON CONFLICT (key) DO UPDATE SET
  received_at = excluded.received_at, checked_at = excluded.checked_at, listed = excluded.listed,
  missing = excluded.missing, outdated = excluded.outdated, unlisted = excluded.unlisted, open = excluded.open,
  digest = excluded.digest;

-- name: manifest_counts
-- How many orders a manifest lists, and how many of them were ever received: (manifest, sales channel).
SELECT count(*), coalesce(sum(EXISTS (SELECT 1 FROM delivery d WHERE d.key = ?2 || '/' || m.order_id)), 0)
FROM manifest_order m WHERE m.manifest = ?1;

-- name: manifest_open
-- Listed orders that were not received in that version: (manifest, sales channel, after order id, limit).
SELECT m.order_id, m.version FROM manifest_order m
WHERE m.manifest = ?1 AND m.order_id > ?3 AND NOT EXISTS (
  SELECT 1 FROM delivery d WHERE d.key = ?2 || '/' || m.order_id AND (d.version >= m.version OR d.version = ''))
ORDER BY m.order_id LIMIT ?4;

-- name: manifest_open_count
-- How many those are: (manifest, sales channel).
SELECT count(*) FROM manifest_order m
WHERE m.manifest = ?1 AND NOT EXISTS (
  SELECT 1 FROM delivery d WHERE d.key = ?2 || '/' || m.order_id AND (d.version >= m.version OR d.version = ''));

-- name: manifest_orders
-- What a manifest lists, in order: (manifest, after order id, limit).
SELECT order_id, version FROM manifest_order WHERE manifest = ?1 AND order_id > ?2 ORDER BY order_id LIMIT ?3;

-- name: manifest_unlisted
-- Orders of the window that a manifest does not list: (manifest, sales channel, from, to, limit); with their count.
SELECT o.order_id, count(*) OVER () FROM order_view o
WHERE o.sales_channel = ?2 AND o.placed_at >= ?3 AND o.placed_at < ?4
  AND NOT EXISTS (SELECT 1 FROM manifest_order m WHERE m.manifest = ?1 AND m.order_id = o.order_id)
ORDER BY o.order_id LIMIT ?5;

-- name: manifests_listed
-- Statements, the latest manifest first: (sales channel or '', limit).
SELECT key, sales_channel, began_at, ended_at, received_at, checked_at, listed, missing, outdated, unlisted, open, digest
FROM manifest WHERE ?1 = '' OR sales_channel = ?1 ORDER BY received_at DESC, key LIMIT ?2;

-- name: manifest_by_key
-- One statement: (key).
SELECT key, sales_channel, began_at, ended_at, received_at, checked_at, listed, missing, outdated, unlisted, open, digest
FROM manifest WHERE key = ?1;

-- name: drop_backfill_orders
-- A back-fill is counted anew, or over: (back-fill).
DELETE FROM backfill_order WHERE backfill = ?1;

-- name: put_backfill_order
-- An order of the range, in the version that was read last.
INSERT INTO backfill_order (backfill, key, known, shipments, invoices, payments, closed_dates, undecided) VALUES :rows(8)
ON CONFLICT (backfill, key) DO UPDATE SET
  known = excluded.known, shipments = excluded.shipments, invoices = excluded.invoices, payments = excluded.payments,
  closed_dates = excluded.closed_dates, undecided = excluded.undecided;

-- name: put_backfill
-- Where a back-fill stands.
INSERT INTO backfill (key, run, sales_channel, began_at, ended_at, is_dry, status, sentence, asked_at, changed_at, read_to,
  known, new, shipments, invoices, payments, closed_dates, undecided, taken) VALUES :rows(19)
ON CONFLICT (key) DO UPDATE SET
  run = excluded.run, began_at = excluded.began_at, ended_at = excluded.ended_at, is_dry = excluded.is_dry,
  status = excluded.status, sentence = excluded.sentence, asked_at = excluded.asked_at, changed_at = excluded.changed_at,
  read_to = excluded.read_to, known = excluded.known, new = excluded.new, shipments = excluded.shipments,
  invoices = excluded.invoices, payments = excluded.payments, closed_dates = excluded.closed_dates,
  undecided = excluded.undecided, taken = excluded.taken;

-- name: backfill_counts
-- What a back-fill has found, by known and undecided: (back-fill).
SELECT known, undecided, count(*), sum(shipments), sum(invoices), sum(payments), sum(closed_dates)
FROM backfill_order WHERE backfill = ?1 GROUP BY known, undecided;

-- name: backfill_by_key
-- Where a back-fill stands: (key).
SELECT key, run, sales_channel, began_at, ended_at, is_dry, status, sentence, asked_at, changed_at, read_to, known, new,
  shipments, invoices, payments, closed_dates, undecided, taken
FROM backfill WHERE key = ?1;

-- name: drop_listing_page
-- A page of a list is replaced: (sales channel, list, page).
DELETE FROM listing WHERE sales_channel = ?1 AND list = ?2 AND page = ?3;

-- name: put_listing
-- What a page lists; of a listing that is listed twice the last one counts.
INSERT INTO listing (sales_channel, list, listing, page, sku, barcode, price, currency, title, active) VALUES :rows(10)
ON CONFLICT (sales_channel, list, listing) DO UPDATE SET
  page = excluded.page, sku = excluded.sku, barcode = excluded.barcode, price = excluded.price,
  currency = excluded.currency, title = excluded.title, active = excluded.active;

-- name: drop_listings
-- Some of the listings of earlier lists: (sales channel, the list that stays, limit).
DELETE FROM listing WHERE (sales_channel, list, listing) IN (
  SELECT sales_channel, list, listing FROM listing WHERE sales_channel = ?1 AND list < ?2
  ORDER BY list, listing LIMIT ?3);

-- name: put_listing_mismatch
-- Where a listing does not go with its product.
INSERT INTO listing_mismatch (sales_channel, comparison, cause, listing, sku, title, listed, expected) VALUES :rows(8)
ON CONFLICT DO NOTHING;

-- name: drop_listing_mismatches
-- Some of the mismatches of earlier comparisons: (sales channel, the comparison that stays, limit).
DELETE FROM listing_mismatch WHERE (sales_channel, comparison, cause, listing) IN (
  SELECT sales_channel, comparison, cause, listing FROM listing_mismatch WHERE sales_channel = ?1 AND comparison < ?2
  ORDER BY comparison, cause, listing LIMIT ?3);

-- name: put_listing_check
-- The statement about a list.
INSERT INTO listing_check (sales_channel, list, manifest, listed_at, received_at, checked_at, comparison, listings, active,
  barcodes, prices, mismatches, digest) VALUES :rows(13)
ON CONFLICT (sales_channel, list) DO UPDATE SET
  listed_at = excluded.listed_at, received_at = excluded.received_at, checked_at = excluded.checked_at,
  comparison = excluded.comparison, listings = excluded.listings, active = excluded.active,
  barcodes = excluded.barcodes, prices = excluded.prices, mismatches = excluded.mismatches, digest = excluded.digest;

-- name: listings_after
-- What a list says, in order of the ids: (sales channel, list, after listing, limit).
SELECT listing, sku, barcode, price, currency, title, active FROM listing
WHERE sales_channel = ?1 AND list = ?2 AND listing > ?3 ORDER BY listing LIMIT ?4;

-- name: listings_left
-- Whether anything of earlier lists or comparisons is left: (sales channel, list, comparison).
SELECT EXISTS (SELECT 1 FROM listing WHERE sales_channel = ?1 AND list < ?2)
  OR EXISTS (SELECT 1 FROM listing_mismatch WHERE sales_channel = ?1 AND comparison < ?3);

-- name: products_folded
-- Products whose SKUs differ from some at most in case and spaces: (:keys, folded).
SELECT folded, sku, active AND sellable IS NOT 0, active, barcode, list_price, gone_at FROM catalogue
WHERE folded IN (:keys) ORDER BY gone_at IS NOT NULL, product;

-- name: listing_checks
-- Statements about lists, the latest first: (sales channel or '', limit).
SELECT sales_channel, list, manifest, listed_at, received_at, checked_at, comparison, listings, active, barcodes, prices,
  mismatches, digest
FROM listing_check WHERE ?1 = '' OR sales_channel = ?1 ORDER BY received_at DESC, sales_channel, list DESC LIMIT ?2;

-- name: listing_mismatches
-- Mismatches that the last complete comparison of a sales channel found: (sales channel, cause or '', after cause, after
-- listing, limit).
SELECT cause, listing, sku, title, listed, expected FROM listing_mismatch
WHERE sales_channel = ?1 AND comparison = (SELECT max(comparison) FROM listing_check WHERE sales_channel = ?1)
  AND (?2 = '' OR cause = ?2) AND (cause, listing) > (?3, ?4)
ORDER BY cause, listing LIMIT ?5;

-- name: put_outgoing
-- A line for a flow; a later form takes the place of one that waits, or is under way.
INSERT INTO outgoing (flow, line, producer, body, digest, since, urgency) VALUES :rows(7)
ON CONFLICT (flow, line) DO UPDATE SET
  producer = excluded.producer, body = excluded.body, digest = excluded.digest, tries = 0, batch = '', stuck = 0,
  taken = max(taken, batch <> ''),
  since = CASE WHEN batch = '' AND stuck = 0 THEN since ELSE excluded.since END,
  urgency = CASE WHEN batch = '' AND stuck = 0 THEN min(urgency, excluded.urgency) ELSE excluded.urgency END;

-- name: take_outgoing
-- A start takes a line, unless a later form has come meanwhile: (batch, flow, line, digest).
UPDATE outgoing SET batch = ?1 WHERE flow = ?2 AND line = ?3 AND digest = ?4 AND batch = '';

-- name: end_outgoing
-- The run that took these lines has ended well: (flow, batch).
DELETE FROM outgoing WHERE flow = ?1 AND batch = ?2 AND batch <> '';

-- name: give_back_outgoing
-- Nothing became of a start, or its run failed: its lines wait again: (flow, batch, 1 when a run failed with them).
UPDATE outgoing SET batch = '', tries = tries + ?3 WHERE flow = ?1 AND batch = ?2 AND batch <> '';

-- name: stick_outgoing
-- A line that failed alone waits for somebody: (flow, batch).
UPDATE outgoing SET batch = '', stuck = 1 WHERE flow = ?1 AND batch = ?2 AND batch <> '';

-- name: unstick_outgoing
-- Somebody has looked: the lines of a flow that were set aside wait again: (flow).
UPDATE outgoing SET stuck = 0, tries = 0 WHERE flow = ?1 AND stuck = 1;

-- name: outgoing_tries
-- How often lines failed that wait for a flow: (flow).
WITH RECURSIVE first (tries) AS (
  SELECT min(tries) FROM outgoing WHERE flow = ?1 AND batch = '' AND stuck = 0
  UNION ALL
  SELECT (SELECT min(o.tries) FROM outgoing o WHERE o.flow = ?1 AND o.tries > f.tries AND o.batch = '' AND o.stuck = 0)
  FROM first f WHERE f.tries IS NOT NULL)
SELECT tries FROM first WHERE tries IS NOT NULL;

-- name: outgoing_waiting
-- What waits for a flow, of lines that failed so often: (flow, tries, the most lines that matter); how many lines, their
-- bytes, and since when the oldest of them waits.
WITH some AS (
  SELECT length(body) AS size, since FROM outgoing WHERE flow = ?1 AND tries = ?2 AND batch = '' AND stuck = 0
  ORDER BY urgency, since LIMIT ?3)
SELECT count(*), sum(size), min(since) FROM some HAVING count(*) > 0;

-- name: outgoing_next
-- The next lines, of those that failed so often: the urgent before what a sweep brought, then as they have waited:
-- (flow, tries, limit).
SELECT line, body, digest FROM outgoing WHERE flow = ?1 AND tries = ?2 AND batch = '' AND stuck = 0
ORDER BY urgency, since, line LIMIT ?3;

-- name: outgoing_of_batch
-- The lines that a start took, and that no later form has replaced, and how often they failed: (flow, batch).
SELECT line, producer, tries FROM outgoing WHERE flow = ?1 AND batch = ?2 AND batch <> '' ORDER BY line;

-- name: outgoing_stuck
-- Lines that were set aside: (flow, limit).
SELECT line FROM outgoing WHERE flow = ?1 AND stuck = 1 ORDER BY line LIMIT ?2;

-- name: outgoing_depths
-- What waits, is under way and is set aside, by flow; and since when the oldest waits.
SELECT flow, sum(batch = '' AND stuck = 0), sum(batch <> ''), sum(stuck), min(CASE WHEN batch = '' AND stuck = 0 THEN since END)
FROM outgoing GROUP BY flow;

-- name: keep_back_outgoing
-- A line is not to be sent after all, unless a start has taken it: (flow, line). Whether it was, its row says then.
UPDATE outgoing SET stuck = 2 WHERE flow = ?1 AND line = ?2 AND batch = '';

-- name: drop_outgoing
-- A line that was kept back is gone: (flow, line).
DELETE FROM outgoing WHERE flow = ?1 AND line = ?2 AND stuck = 2;

-- name: flows_used
-- Flows that something waits for, and those that have an open case.
SELECT DISTINCT flow FROM outgoing
UNION SELECT substr(subject, 17) FROM exception_case WHERE closed_at IS NULL AND subject GLOB 'patchworks/flow/*';

-- name: outgoing_apart
-- Lines of a flow that no start has: (flow).
SELECT line, producer FROM outgoing WHERE flow = ?1 AND batch = '';

-- name: move_outgoing
-- What no start has goes by another flow; a later form that waits there already stays: (to flow, line, from flow). The
-- one that failed alone is tried again there, and the one that was kept back stays so.
INSERT INTO outgoing (flow, line, producer, body, digest, since, urgency, taken, stuck)
SELECT ?1, line, producer, body, digest, since, urgency, taken, CASE stuck WHEN 2 THEN 2 ELSE 0 END
FROM outgoing WHERE flow = ?3 AND line = ?2 AND batch = ''
ON CONFLICT (flow, line) DO NOTHING;

-- name: leave_outgoing
-- A line does not wait for this flow any more, unless a start has it: (flow, line).
DELETE FROM outgoing WHERE flow = ?1 AND line = ?2 AND batch = '';

-- name: outgoing_line
-- Where a line is: 2 kept back, 1 set aside, 0 waiting, -1 taken by a start; no row: a run has taken it, or nobody put
-- it: (flow, line). A start of a flow that is configured no more may have it, too. And 1 when a start has taken an
-- earlier form of it.
SELECT CASE WHEN batch <> '' THEN -1 ELSE stuck END AS place, taken FROM outgoing
WHERE line = ?2 AND (flow = ?1 OR batch <> '') ORDER BY place LIMIT 1;

-- name: put_shipment_seen
-- A shipment as it was read.
INSERT INTO shipment_seen (kind, shipment, mark, changed_at) VALUES :rows(4)
ON CONFLICT (kind, shipment) DO UPDATE SET mark = excluded.mark, changed_at = excluded.changed_at;

-- name: drop_shipments_seen
-- Shipments that no later sweep brings again unchanged: (kind, changed before).
DELETE FROM shipment_seen WHERE kind = ?1 AND changed_at < ?2;

-- name: shipments_seen
-- Shipments as they were read last: (kind, :ids).
SELECT shipment, mark FROM shipment_seen WHERE kind = ? AND shipment IN (:ids);

-- name: bodies_latest
-- The newest version of each of these orders, where its body is still kept: (:keys).
SELECT d.key, b.bytes FROM delivery d JOIN body b ON b.delivery = d.id
WHERE d.key IN (:keys) AND d.id = (
  SELECT e.id FROM delivery e WHERE e.key = d.key ORDER BY e.version DESC, e.id DESC LIMIT 1);

-- name: put_fulfilment
-- What a sales channel is told of a shipment.
INSERT INTO fulfilment (sales_channel, notice, key, shipment, number, version, state, cause, carrier, service_code,
  service, mapped, tracking, units, seen_at, shipped_at, sent_at, told_at, changed_at, awaits, body) VALUES :rows(21)
ON CONFLICT (sales_channel, notice) DO UPDATE SET
  number = excluded.number, version = excluded.version, state = excluded.state, cause = excluded.cause,
  carrier = excluded.carrier, service_code = excluded.service_code, service = excluded.service,
  mapped = excluded.mapped, tracking = excluded.tracking, units = excluded.units, shipped_at = excluded.shipped_at,
  sent_at = excluded.sent_at, told_at = excluded.told_at, changed_at = excluded.changed_at, awaits = excluded.awaits,
  body = excluded.body;

-- name: put_order_shipping
-- How far an order is.
INSERT INTO order_shipping (key, sales_channel, state, ordered, shipped, changed_at) VALUES :rows(6)
ON CONFLICT (key) DO UPDATE SET
  state = excluded.state, ordered = excluded.ordered, shipped = excluded.shipped, changed_at = excluded.changed_at;

-- name: put_unshipped
-- Something of an imported order is to leave; of another sale, anew.
INSERT INTO unshipped (key, sales_channel, sale, placed_at, promised_at) VALUES :rows(5)
ON CONFLICT (key) DO UPDATE SET
  sale = excluded.sale, placed_at = excluded.placed_at, promised_at = excluded.promised_at, look_at = NULL,
  due_at = NULL, cause = '';

-- name: note_unshipped
-- What a look found of an order: (look again at, due, cause or '', key).
UPDATE unshipped SET look_at = ?1, due_at = ?2, cause = ?3 WHERE key = ?4;

-- name: calm_unshipped
-- An order is not late after all, as far as the sales channel goes: (key).
UPDATE unshipped SET due_at = NULL, cause = '' WHERE key = ?1;

-- name: look_unshipped
-- Fulfil is to be asked about an order soon: (instant, key).
UPDATE unshipped SET look_at = min(coalesce(look_at, ?1), ?1) WHERE key = ?2;

-- name: look_unshipped_of_sale
-- The same of the order of a sale: (instant, sale).
UPDATE unshipped SET look_at = min(coalesce(look_at, ?1), ?1) WHERE sale = ?2;

-- name: drop_unshipped
-- Nothing of an order is to leave any more: (key).
DELETE FROM unshipped WHERE key = ?1;

-- name: unshipped_due
-- Orders of a sales channel that Fulfil is to be asked about: those whose time has come, those that are due as promised,
-- and those that were placed so long ago that they are due by the setting: (sales channel, now, placed until, limit).
SELECT key, sale, placed_at, promised_at FROM (
  SELECT key, sale, placed_at, promised_at FROM unshipped WHERE sales_channel = ?1 AND look_at <= ?2
  UNION ALL
  SELECT key, sale, placed_at, promised_at FROM unshipped
  WHERE sales_channel = ?1 AND look_at IS NULL AND promised_at IS NOT NULL AND promised_at <= ?2
  UNION ALL
  SELECT key, sale, placed_at, promised_at FROM unshipped
  WHERE sales_channel = ?1 AND look_at IS NULL AND promised_at IS NULL AND placed_at <= ?3
) LIMIT ?4;

-- name: unshipped_late
-- Orders that have not left by the time that was promised: sales channel, cause, how many, and since when the first.
SELECT sales_channel, cause, count(*), min(due_at) FROM unshipped WHERE cause <> '' GROUP BY sales_channel, cause;

-- name: overdue_listed
-- Those that are cases, the longest overdue first: (sales channel or '', due after, limit, and of that instant those after
-- this key; NULL: none).
SELECT u.key, u.sales_channel, o.reference, u.due_at, u.cause, c.amount, c.currency, c.sentence
FROM unshipped u JOIN exception_case c ON c.subject = u.key AND c.kind = 'shipment.overdue' AND c.closed_at IS NULL
LEFT JOIN order_view o ON o.key = u.key
WHERE u.cause <> '' AND (?1 = '' OR u.sales_channel = ?1) AND (u.due_at > ?2 OR u.due_at = ?2 AND u.key > ?4)
ORDER BY u.due_at, u.key LIMIT ?3;

-- name: fulfilments_held
-- Held notices: (after row, limit); row and order.
SELECT rowid, key FROM fulfilment WHERE state = 'held' AND rowid > ?1 ORDER BY rowid LIMIT ?2;

-- name: put_shipment_order
-- A shipment is handed to an order.
INSERT INTO shipment_order (shipment, key) VALUES :rows(2) ON CONFLICT DO NOTHING;

-- name: orders_of_shipments
-- Which orders these shipments were handed to: (:keys).
SELECT shipment, key FROM shipment_order WHERE shipment IN (:keys) ORDER BY shipment, key;

-- name: fulfilments_named
-- Notices by their ids, those that are not known to be told: (sales channel, :keys).
SELECT key, notice FROM fulfilment WHERE sales_channel = ? AND notice IN (:keys)
  AND state IN ('waiting', 'sent', 'refused');

-- name: fulfilments_of_orders
-- The notices of these orders that are not known to be told, with their tracking numbers: (:keys).
SELECT key, notice, tracking FROM fulfilment WHERE key IN (:keys) AND state IN ('waiting', 'sent', 'refused');

-- name: fulfilments_changed
-- What a sales channel may pull, in order of change: (sales channel, changed at or after, and at that instant those
-- after this notice, limit).
SELECT changed_at, notice, body FROM fulfilment
WHERE sales_channel = ?1 AND body IS NOT NULL AND state <> 'withdrawn' AND (changed_at > ?2 OR changed_at = ?2 AND notice > ?3)
ORDER BY changed_at, notice LIMIT ?4;

-- name: fulfilments_listed
-- Notices as people list them, the latest shipped first: (state or '', sales channel or '', shipped before, limit, and of
-- that instant those after this notice; NULL: none).
SELECT sales_channel, notice, key, shipment, number, version, state, cause, carrier, service_code, service, mapped,
  tracking, units, seen_at, shipped_at, sent_at, told_at, changed_at
FROM fulfilment
WHERE (?1 = '' OR state = ?1) AND (?2 = '' OR sales_channel = ?2)
  AND (shipped_at < ?3 OR shipped_at = ?3 AND notice > ?5)
ORDER BY shipped_at DESC, notice LIMIT ?4;

-- name: fulfilments_of_order
-- The same of one order: (..., its key).
SELECT sales_channel, notice, key, shipment, number, version, state, cause, carrier, service_code, service, mapped,
  tracking, units, seen_at, shipped_at, sent_at, told_at, changed_at
FROM fulfilment
WHERE key = ?6 AND (?1 = '' OR state = ?1) AND (?2 = '' OR sales_channel = ?2)
  AND (shipped_at < ?3 OR shipped_at = ?3 AND notice > ?5)
ORDER BY shipped_at DESC, notice LIMIT ?4;

-- name: fulfilments_untold_listed
-- What was shipped and is not told, the oldest first: (state or '', sales channel or '', seen after, limit, and of that
-- instant those after this notice; NULL: none, order's key or '').
SELECT sales_channel, notice, key, shipment, number, version, state, cause, carrier, service_code, service, mapped,
  tracking, units, seen_at, shipped_at, sent_at, told_at, changed_at
FROM fulfilment
WHERE state IN ('held', 'waiting', 'sent', 'refused') AND (awaits = 1 OR state <> 'sent')
  AND (?1 = '' OR state = ?1) AND (?2 = '' OR sales_channel = ?2) AND (seen_at > ?3 OR seen_at = ?3 AND notice > ?5)
  AND (?6 = '' OR key = ?6)
ORDER BY seen_at, notice LIMIT ?4;

-- name: fulfilments_untold
-- What was shipped and is not told, by sales channel: how many, since when the oldest was seen, and how many were seen
-- before an instant: (instant).
SELECT sales_channel, count(*), min(seen_at), sum(seen_at < ?1) FROM fulfilment
WHERE state IN ('held', 'waiting', 'sent', 'refused') AND (awaits = 1 OR state <> 'sent') GROUP BY sales_channel;

-- name: fulfilments_mapped
-- Shipments since an instant, and how many of them went by carriers and services that are mapped: (since).
SELECT sales_channel, count(*), sum(mapped) FROM fulfilment WHERE shipped_at >= ?1 GROUP BY +sales_channel;

-- name: carriers_used
-- Carriers and services of shipments since an instant, and how many of them: (since).
SELECT sales_channel, carrier, service_code, service, count(*) FROM fulfilment WHERE shipped_at >= ?1
GROUP BY sales_channel, carrier, service_code, service ORDER BY sales_channel, count(*) DESC, carrier, service;

-- name: see_units
-- A sale was seen with its goods reserved or gone out, by a read that had ended then: (instant, sale, when that read had
-- begun). What was changed since it began, was not seen. It stands before `put_units`, because a commit takes statements
-- in this order, and what is sold with it was not seen yet.
UPDATE order_units SET seen = sold, seen_at = ?1 WHERE sale = ?2 AND sold_at < ?3 AND seen < sold;

-- name: due_units_of_order
-- The figures of what was counted of an order change: (instant, key).
INSERT INTO stock_due (sku, since) SELECT sku, ?1 FROM order_units WHERE key = ?2
ON CONFLICT (sku) DO UPDATE SET changes = changes + 1, urgency = 0;

-- name: drop_units_of_order
-- Nothing that was counted of an order holds any more; it stands before `put_units`, which may count it anew: (key).
DELETE FROM order_units WHERE key = ?1;

-- name: sell_units
-- What was counted of an order when stock began to be published has become a sale: (sale, instant, key).
UPDATE order_units SET sale = ?1, sold = wanted, sold_at = ?2 WHERE key = ?3 AND sale IS NULL;

-- name: put_units
-- What an order needs of a SKU, what of it its sale has, and what its sales channel takes it for. What was seen of it
-- stays, as far as the sale has it.
INSERT INTO order_units (key, sku, sales_channel, wanted, sold, sale, sold_at, claimed) VALUES :rows(8)
ON CONFLICT (key, sku) DO UPDATE SET
  wanted = excluded.wanted, sold = excluded.sold, sale = excluded.sale, seen = min(seen, excluded.sold),
  claimed = excluded.claimed,
  sold_at = CASE WHEN sold = excluded.sold AND sale IS excluded.sale THEN sold_at ELSE excluded.sold_at END;

-- name: claim_units
-- What a sales channel takes its order for, where it is still counted: (units, key, sku).
UPDATE order_units SET claimed = ?1 WHERE key = ?2 AND sku = ?3;

-- name: begin_counting
-- From now on every decision counts what its order needs: (instant).
INSERT INTO stock_counting (one, since, complete_at) VALUES (1, ?1, NULL)
ON CONFLICT (one) DO UPDATE SET since = excluded.since, complete_at = NULL;

-- name: forget_all_units
-- What was counted before nobody counted for a while holds no more; it stands before `fill_units`: (instant).
DELETE FROM order_units WHERE ?1 > 0;

-- name: fill_units
-- What an order needs that was decided on before anybody counted, unless it is over or counted by now: (key, sku, sales
-- channel, units, instant).
INSERT INTO order_units (key, sku, sales_channel, wanted, sold, sale, sold_at, claimed)
SELECT ?1, ?2, ?3, ?4, CASE WHEN o.sale IS NULL THEN 0 ELSE ?4 END, o.sale, ?5, ?4 FROM order_view o
WHERE o.key = ?1 AND o.state NOT IN ('cancelled', 'excluded')
  AND NOT EXISTS (SELECT 1 FROM order_units u WHERE u.key = ?1 AND u.sold_at <> ?5)
ON CONFLICT (key, sku) DO NOTHING;

-- name: drop_units
-- An order needs nothing of a SKU any more: (key, sku).
DELETE FROM order_units WHERE key = ?1 AND sku = ?2;

-- name: reread_units
-- The figures of what a sale has change with that: their levels are read again: (instant, sale).
INSERT INTO stock_unread (place, product, since)
SELECT l.place, l.product, ?1 FROM order_units u JOIN stock_level l ON l.sku = u.sku WHERE u.sale = ?2
ON CONFLICT (place, product) DO UPDATE SET changes = changes + 1;

-- name: due_all_levels
-- Every figure that follows from a place's levels is looked at, without haste: (instant, place).
INSERT INTO stock_due (sku, since, urgency) SELECT sku, ?1, 1 FROM stock_level WHERE place = ?2
ON CONFLICT (sku) DO UPDATE SET changes = changes + 1;

-- name: due_all_unsent
-- What waits to be sent was worked out before all orders were counted: it is looked at first: (instant).
INSERT INTO stock_due (sku, since) SELECT DISTINCT sku, ?1 FROM stock_published WHERE sent_at IS NULL
ON CONFLICT (sku) DO UPDATE SET changes = changes + 1, urgency = 0;

-- name: end_counting
-- All orders are counted: (instant).
UPDATE stock_counting SET complete_at = ?1;

-- name: stop_counting
-- Stock is not published any more, and nobody counts: (instant).
DELETE FROM stock_counting WHERE ?1 > 0;

-- name: put_stock_due
-- The figure of a SKU may have changed: (sku, instant, 0 when something happened or 1 when a sweep found it).
INSERT INTO stock_due (sku, since, urgency) VALUES :rows(3)
ON CONFLICT (sku) DO UPDATE SET changes = changes + 1, urgency = min(urgency, excluded.urgency);

-- name: put_stock_moved
-- A sales channel has changed the figure of a SKU itself, by an order or by a shipment; the SKU is due, too, and as long
-- as it is, this stays: (sku, sales channel).
INSERT INTO stock_moved (sku, sales_channel) VALUES :rows(2) ON CONFLICT (sku, sales_channel) DO NOTHING;

-- name: move_all_levels
-- A sales channel knows nothing of any figure of a place, which has another name there now: (sales channel, place). They
-- are all due, too.
INSERT INTO stock_moved (sku, sales_channel) SELECT sku, ?1 FROM stock_level WHERE place = ?2
ON CONFLICT (sku, sales_channel) DO NOTHING;

-- name: end_stock_due
-- It has been looked at, unless it changed since: (sku, changes as they were read).
DELETE FROM stock_due WHERE sku = ?1 AND changes = ?2;

-- name: end_stock_moved
-- The figure has been looked at; it stands after `end_stock_due`: (sku).
DELETE FROM stock_moved WHERE sku = ?1 AND NOT EXISTS (SELECT 1 FROM stock_due WHERE sku = ?1);

-- name: put_stock_waiting
-- The figure was worked out with what these orders need that wait to be decided on: (sku, mark of them).
INSERT INTO stock_waiting (sku, mark) VALUES :rows(2) ON CONFLICT (sku) DO UPDATE SET mark = excluded.mark;

-- name: end_stock_waiting
-- No order that waits was in the figure: (sku).
DELETE FROM stock_waiting WHERE sku = ?1;

-- name: put_stock_unread
-- The level of a product has to be read again: (place, product, instant).
INSERT INTO stock_unread (place, product, since) VALUES :rows(3)
ON CONFLICT (place, product) DO UPDATE SET changes = changes + 1;

-- name: end_stock_unread
-- It has been read, unless it changed since it was asked for: (place, product, changes as they were read).
DELETE FROM stock_unread WHERE place = ?1 AND product = ?2 AND changes = ?3;

-- name: end_stock_level
-- A product has another SKU now, or is gone: under this one it has nothing: (read at, place, sku, product). It stands
-- before `put_stock_level`, since another product may have the SKU by now.
UPDATE stock_level SET product = 0, available = '0', on_hand = '0', read_at = ?1
WHERE place = ?2 AND sku = ?3 AND product = ?4;

-- name: drop_stock_levels
-- The place is not read any more: some of its levels: (place, limit).
DELETE FROM stock_level WHERE (place, sku) IN (SELECT place, sku FROM stock_level WHERE place = ?1 LIMIT ?2);

-- name: drop_stock_unread
-- The same for what was to be read: (place).
DELETE FROM stock_unread WHERE place = ?1;

-- name: put_stock_level
-- What Fulfil says is there, as of the beginning of the read; an older read changes nothing.
INSERT INTO stock_level (place, sku, product, available, on_hand, read_at) VALUES :rows(6)
ON CONFLICT (place, sku) DO UPDATE SET
  product = excluded.product, available = excluded.available, on_hand = excluded.on_hand, read_at = excluded.read_at
  WHERE excluded.read_at >= read_at;

-- name: forget_units
-- Every level of the SKU has been read from when its units had been seen: they are in Fulfil's figures now. A sales
-- channel that subtracts its unshipped units itself needs them until it was told that they are shipped: (sku, such sales
-- channels as a JSON array).
DELETE FROM order_units WHERE sku = ?1 AND wanted <= seen
  AND seen_at <= (SELECT min(read_at) FROM stock_level WHERE sku = ?1)
  AND NOT (sales_channel IN (SELECT value FROM json_each(?2)) AND claimed > coalesce(
    (SELECT t.units FROM order_told t WHERE t.key = order_units.key AND t.sku = order_units.sku), 0));

-- name: put_order_told
-- Units of an order that its sales channel was told to be shipped, or may have been: (key, sku, units).
INSERT INTO order_told (key, sku, units) VALUES :rows(3) ON CONFLICT (key, sku) DO UPDATE SET units = excluded.units;

-- name: tell_done_units
-- A sale is done: what of it was shipped before anybody watched counts as told, unless more is known: (sale).
INSERT INTO order_told (key, sku, units) SELECT key, sku, wanted FROM order_units WHERE sale = ?1
ON CONFLICT (key, sku) DO NOTHING;

-- name: reread_level
-- A level whose read began before units of its SKU had been seen is read once more: it was the first of its product, and
-- nobody could ask for it when they were seen. It stands after `end_stock_unread`: (place, instant, sku).
INSERT INTO stock_unread (place, product, since)
SELECT l.place, l.product, ?2 FROM stock_level l WHERE l.place = ?1 AND l.sku = ?3 AND EXISTS (
  SELECT 1 FROM order_units u WHERE u.sku = ?3 AND u.wanted <= u.seen AND u.seen_at > l.read_at)
ON CONFLICT (place, product) DO UPDATE SET changes = changes + 1;

-- name: put_stock_published
-- What a sales channel is told about a SKU.
INSERT INTO stock_published
  (sales_channel, sku, figure, truth, previous, sequence, read_at, changed_at, decided_at)
VALUES :rows(9)
ON CONFLICT (sales_channel, sku) DO UPDATE SET
  figure = excluded.figure, truth = excluded.truth, previous = excluded.previous, sequence = excluded.sequence,
  read_at = excluded.read_at, changed_at = excluded.changed_at, decided_at = excluded.decided_at, sent_at = NULL,
  refused_at = NULL;

-- name: stock_sent
-- The run that took a level has ended well, and no later one waits: (instant, sales channel, sku, flow).
UPDATE stock_published SET sent_at = ?1, refused_at = NULL WHERE sales_channel = ?2 AND sku = ?3
  AND NOT EXISTS (SELECT 1 FROM outgoing o WHERE o.flow = ?4 AND o.line = ?3);

-- name: forget_unsent
-- What a sales channel was to be told by a flow that is configured no more counts as never told, unless a start of that
-- flow has it: (sales channel, its flow, the flow of before).
DELETE FROM stock_published WHERE sales_channel = ?1 AND sent_at IS NULL AND NOT EXISTS (
  SELECT 1 FROM outgoing o WHERE o.line = stock_published.sku AND (o.flow = ?2 OR (o.flow = ?3 AND o.batch <> '')));

-- name: stock_refused
-- A level failed alone: (instant, sales channel, sku, flow).
UPDATE stock_published SET refused_at = ?1 WHERE sales_channel = ?2 AND sku = ?3
  AND EXISTS (SELECT 1 FROM outgoing o WHERE o.flow = ?4 AND o.line = ?3 AND o.stuck = 1);

-- name: stock_counted
-- Whether every order is counted.
SELECT 1 FROM stock_counting WHERE complete_at IS NOT NULL;

-- name: stock_due_next
-- SKUs that are due, the urgent first, then as they have waited: (limit).
SELECT sku, since, changes, urgency FROM stock_due ORDER BY urgency, since, sku LIMIT ?1;

-- name: stock_due_now
-- SKUs with which something happened since their figures were looked at. What a sweep found waits without harm: it
-- changes nothing that a move, an order or a sighting has not said already.
SELECT sku FROM stock_due WHERE urgency = 0;

-- name: stock_waiting
-- The figures that were worked out with orders in them that waited to be decided on.
SELECT sku, mark FROM stock_waiting;

-- name: stock_moved_of
-- Sales channels that have changed the figures of these SKUs themselves: (:keys).
SELECT sku, sales_channel FROM stock_moved WHERE sku IN (:keys);

-- name: stock_unread_next
-- Products of a place whose levels have to be read: (place, limit).
SELECT product, changes FROM stock_unread WHERE place = ?1 ORDER BY since, product LIMIT ?2;

-- name: stock_levels_of
-- What Fulfil says of some SKUs, at every place: (:keys).
SELECT place, sku, product, available, on_hand, read_at FROM stock_level WHERE sku IN (:keys);

-- name: stock_levels_of_products
-- What is known of some products at a place: (place, :ids).
SELECT product, sku, available, on_hand FROM stock_level WHERE place = ? AND product IN (:ids);

-- name: stock_products_between
-- Products that were last seen at a place, of a stretch of ids: (place, after product, to product, limit).
SELECT product FROM stock_level WHERE place = ?1 AND product > ?2 AND product <= ?3 ORDER BY product LIMIT ?4;

-- name: stock_owners
-- Which product has each of these SKUs at a place: (place, :keys).
SELECT sku, product FROM stock_level WHERE place = ? AND sku IN (:keys);

-- name: units_of_skus
-- What orders need of some SKUs: (:keys).
SELECT u.sku, u.key, u.sales_channel, u.wanted, u.seen, u.seen_at, u.claimed, coalesce(t.units, 0)
FROM order_units u LEFT JOIN order_told t ON t.key = u.key AND t.sku = u.sku WHERE u.sku IN (:keys);

-- name: sales_unseen
-- Sales whose goods have not been seen reserved yet: (after sale, limit).
SELECT DISTINCT sale FROM order_units WHERE sale IS NOT NULL AND seen < sold AND sale > ?1 ORDER BY sale LIMIT ?2;

-- name: put_stock_drift
-- What a sales channel shows of a SKU, and what was told it; an older report changes nothing.
INSERT INTO stock_drift (sales_channel, sku, location, cause, reported, published, expected, units, reported_at, since,
  corrections, corrected_at) VALUES :rows(12)
ON CONFLICT (sales_channel, sku, location) DO UPDATE SET
  cause = excluded.cause, reported = excluded.reported, published = excluded.published, expected = excluded.expected,
  units = excluded.units, reported_at = excluded.reported_at, since = excluded.since, corrections = excluded.corrections,
  corrected_at = excluded.corrected_at
  WHERE excluded.reported_at >= reported_at;

-- name: end_stock_drift
-- There is no difference, and nothing to be remembered: (sales channel, sku, location).
DELETE FROM stock_drift WHERE sales_channel = ?1 AND sku = ?2 AND location = ?3;

-- name: forget_corrections
-- Corrections of long ago, of what shows no difference any more: (sales channel, before).
DELETE FROM stock_drift WHERE sales_channel = ?1 AND cause = '' AND corrected_at < ?2;

-- name: reset_corrections
-- Somebody has looked: what was corrected in vain may be corrected again: (sales channel).
UPDATE stock_drift SET cause = 'changed', corrections = 0 WHERE sales_channel = ?1 AND cause = 'loop';

-- name: stock_drift_of
-- What is known to be off of some SKUs: (sales channel, :keys).
SELECT sku, location, cause, reported, published, units, reported_at, since, corrections, corrected_at FROM stock_drift
WHERE sales_channel = ? AND sku IN (:keys);

-- name: stock_drift_counted
-- How much is off at a sales channel, by cause: (sales channel).
SELECT cause, count(*), sum(units) FROM stock_drift WHERE sales_channel = ?1 AND cause <> '' GROUP BY cause;

-- name: stock_drift_worst
-- What is off most, of one cause: (sales channel, cause, limit).
SELECT sku, location, reported, published, expected, units FROM stock_drift WHERE sales_channel = ?1 AND cause = ?2
ORDER BY units DESC, sku LIMIT ?3;

-- name: stock_drift_places
-- Locations that nothing is published for, and what a sales channel shows there: (sales channel, limit).
SELECT location, count(*), sum(units) FROM stock_drift WHERE sales_channel = ?1 AND cause = 'location'
GROUP BY location ORDER BY sum(units) DESC, location LIMIT ?2;

-- name: stock_undersold
-- What could be sold, and a sales channel shows as sold out, since before an instant: (sales channel, instant, limit).
SELECT sku, expected, since FROM stock_drift
WHERE sales_channel = ?1 AND cause NOT IN ('', 'location', 'unknown') AND reported <= 0 AND expected > 0 AND since <= ?2
ORDER BY expected DESC, sku LIMIT ?3;

-- name: stock_to_correct
-- What was changed at a sales channel, and has not been corrected: (sales channel, reported before, limit).
SELECT sku, location, reported, published, reported_at, since, corrections FROM stock_drift
WHERE sales_channel = ?1 AND cause = 'changed' AND since <= ?2 AND (corrected_at IS NULL OR corrected_at < reported_at)
ORDER BY sku LIMIT ?3;

-- name: stock_drift_listed
-- What sales channels show otherwise than they were told: (sales channel or '', cause or '', limit).
SELECT sales_channel, cause, sku, location, reported, published, expected, units, reported_at, since, corrections
FROM stock_drift WHERE (?1 = '' OR sales_channel = ?1) AND cause <> '' AND (?2 = '' OR cause = ?2)
ORDER BY sales_channel, cause, units DESC, sku LIMIT ?3;

-- name: stock_drift_of_name
-- What a sales channel shows under one name otherwise than it was told, as `stock_drift_listed`: (sales channel, name).
SELECT sales_channel, cause, sku, location, reported, published, expected, units, reported_at, since, corrections
FROM stock_drift WHERE sales_channel = ?1 AND sku = ?2 AND cause <> '' ORDER BY cause, units DESC, location;

-- name: listed_prices
-- At what price a sales channel lists some SKUs, says its newest list: (sales channel twice, :keys).
SELECT sku, price, currency FROM listing
WHERE sales_channel = ? AND list = (SELECT max(list) FROM listing WHERE sales_channel = ?) AND sku IN (:keys) AND price <> '';

-- name: outgoing_of_lines
-- Which lines of a flow wait, are on their way or are set aside: (flow, :keys).
SELECT line, batch, stuck, since FROM outgoing WHERE flow = ? AND line IN (:keys);

-- name: stock_listed
-- What sales channels were told: (sales channel or '', 1 for what waits only, 1 for what failed only, changed after,
-- limit, and of that instant those after this sales channel and SKU; NULL: none).
SELECT sales_channel, sku, figure, truth, previous, sequence, read_at, changed_at, decided_at, sent_at, refused_at
FROM stock_published WHERE (?1 = '' OR sales_channel = ?1)
  AND (?2 = 0 OR sent_at IS NULL AND refused_at IS NULL) AND (?3 = 0 OR refused_at IS NOT NULL)
  AND (changed_at > ?4 OR changed_at = ?4 AND (sales_channel, sku) > (?6, ?7))
ORDER BY changed_at, sales_channel, sku LIMIT ?5;

-- name: stock_published_of
-- What sales channels were told about some SKUs: (:keys).
SELECT sales_channel, sku, figure, truth, previous, sequence, read_at, changed_at, decided_at, sent_at, refused_at
FROM stock_published WHERE sku IN (:keys);

-- name: stock_published_apart
-- Names that a sales channel was told to have something of, and that Fulfil has no level of: aliases, bundles, and names
-- of nothing: (sales channel).
SELECT p.sku FROM stock_published p WHERE p.sales_channel = ?1 AND p.figure > 0
  AND NOT EXISTS (SELECT 1 FROM stock_level l WHERE l.sku = p.sku);

-- name: stock_published_after
-- What a sales channel was told, in order: (sales channel, after sequence, limit).
SELECT sku, figure, previous, sequence, decided_at FROM stock_published WHERE sales_channel = ?1 AND sequence > ?2
ORDER BY sequence LIMIT ?3;

-- name: stock_published_since
-- The sequence before the first that a sales channel was told at or after an instant: (sales channel, instant).
SELECT coalesce(min(sequence) - 1, (SELECT coalesce(max(sequence), 0) FROM stock_published WHERE sales_channel = ?1))
FROM stock_published WHERE sales_channel = ?1 AND decided_at >= ?2;

-- name: orders_unread
-- Deliveries of orders that are not decided on yet, as they came: (the actor that decides on orders, limit).
SELECT delivery, key FROM message WHERE channel = ?1 AND delivery IS NOT NULL ORDER BY id LIMIT ?2;

-- name: bodies_unread
-- When some deliveries were received, and what they say: (:ids).
SELECT delivery, received_at, bytes FROM body WHERE delivery IN (:ids);

-- name: orders_to_count
-- Orders whose units may not be counted yet, in order: (after key, limit).
SELECT key FROM order_view WHERE key > ?1 AND state IN ('held', 'waiting', 'creating', 'unknown',
  'imported') ORDER BY key LIMIT ?2;

-- name: stock_due_oldest
-- Since when the oldest figure waits to be looked at with which something has happened.
SELECT min(since) FROM stock_due WHERE urgency = 0;

-- name: stock_freshness
-- By sales channel: levels that are not sent yet, and since when the oldest of them was due.
SELECT sales_channel, count(*), min(changed_at) FROM stock_published WHERE sent_at IS NULL AND refused_at IS NULL
GROUP BY sales_channel;

-- name: orders_on_their_way
-- The states of orders that are on their way to Fulfil: (the actor that decides on orders, after intent, limit).
SELECT i.id, s.body FROM intent i JOIN state s ON s.actor = i.actor AND s.key = i.key
WHERE i.actor = ?1 AND i.id > ?2 AND i.api = 'fulfil' AND i.share = 'orders' AND i.kind = 'create_order'
ORDER BY i.id LIMIT ?3;

-- name: order_on_its_way
-- The order that keeps a delivery, because it is not done with it: (the actor that decides on orders, delivery).
SELECT key FROM state WHERE keeps = ?2 AND actor = ?1;

-- name: claims_awaited
-- Claims for which orders wait: (after claim, limit).
SELECT DISTINCT claim FROM customer_wait WHERE claim > ?1 ORDER BY claim LIMIT ?2;

-- name: orders_awaiting
-- Who waits for a claim, in order of purchase: (claim, and of those after an instant of purchase and an order, limit).
SELECT placed_at, "order" FROM customer_wait WHERE claim = ?1 AND (placed_at, "order") > (?2, ?3)
ORDER BY placed_at, "order" LIMIT ?4;

-- name: customers_with_own_address
-- Customers whom Fulfil knows by an address of their own: (after customer, limit).
SELECT id FROM customer WHERE own = 1 AND id > ?1 ORDER BY id LIMIT ?2;

-- name: sales_with_own_address
-- Customers of whom a sale was made under an address of their own, and is not compared yet: (after sale, limit).
SELECT sale, customer FROM customer_sale WHERE own = 1 AND sale > ?1 ORDER BY sale LIMIT ?2;

-- name: orders_of_customer
-- Orders of a customer that are in Fulfil, one or two of them: (customer).
SELECT "order" FROM customer WHERE id = ?1 UNION SELECT "order" FROM customer_sale WHERE customer = ?1 LIMIT 2;

-- name: customer_sales_counted
-- Sales of which Fulfil is still to be asked whose they are, and since when the oldest waits, by its sales channel; those
-- that were asked about in vain count only when they have waited since then: (since).
SELECT channel, count(*), min(since) FROM customer_sale WHERE party IS NULL AND (asked = 0 OR since <= ?1)
GROUP BY channel;

-- name: customer_sales_to_ask
-- The oldest of them: (Fulfil's sales channel, since, up to sale, limit).
SELECT sale, "order", channel, customer, own, party, since, asked FROM customer_sale
WHERE party IS NULL AND channel = ?1 AND (asked = 0 OR since <= ?2) AND sale <= ?3 ORDER BY sale LIMIT ?4;

-- name: customer_sales_told
-- Sales whose party is known, and not compared yet: (limit).
SELECT sale, "order", channel, customer, own, party, since, asked FROM customer_sale
WHERE party IS NOT NULL ORDER BY sale LIMIT ?1;

-- name: customers
-- What is known of some customers: (:keys).
SELECT id, party, sale, "order", channel, own, other_party, other_sale, other_order, shares_with, accepted, checked_at
FROM customer WHERE id IN (:keys);

-- name: customers_of_parties
-- The customers that some parties are: (:ids).
SELECT party, id, shares_with, accepted FROM customer WHERE party IN (:ids) ORDER BY id;

-- name: customers_in_conflict
-- Customers whose conflict was not looked at since: (instant, limit).
SELECT id, party, sale, "order", channel, own, other_party, other_sale, other_order, shares_with, accepted, checked_at
FROM customer WHERE (other_party IS NOT NULL OR shares_with IS NOT NULL) AND checked_at < ?1 ORDER BY checked_at LIMIT ?2;

-- name: put_payment
-- What Fulfil has to have of a payment; what it has stays as the recorder says.
INSERT INTO payment (key, record, sales_channel, order_reference, sale, type, kind, reference, gateway, method,
  gateway_id, tender, paid, paid_currency, amount, currency, rate, rate_date, fee, day, day_said, parent, more, status,
  suspense, why, wanted, seen_at) VALUES :rows(28)
ON CONFLICT (key, record) DO UPDATE SET
  order_reference = excluded.order_reference, sale = excluded.sale, type = excluded.type, kind = excluded.kind,
  reference = excluded.reference, gateway = excluded.gateway, method = excluded.method,
  gateway_id = excluded.gateway_id, tender = excluded.tender, paid = excluded.paid,
  paid_currency = excluded.paid_currency, amount = excluded.amount, currency = excluded.currency, rate = excluded.rate,
  rate_date = excluded.rate_date, fee = excluded.fee, day = excluded.day, day_said = excluded.day_said,
  parent = excluded.parent, more = excluded.more, status = excluded.status, suspense = excluded.suspense,
  why = excluded.why, wanted = excluded.wanted,
  refused = CASE WHEN excluded.status = 'due' THEN 0 ELSE payment.refused END;

-- name: payment_reached
-- Fulfil has it: (where it stands, transaction, whether it was there already, instant, order, record, and only if that
-- is still wanted).
UPDATE payment SET reached = ?1, transaction_id = coalesce(?2, transaction_id), found = ?3, recorded_at = ?4
WHERE key = ?5 AND record = ?6 AND wanted = ?7;

-- name: payment_refused
-- Fulfil does not take it: (order, record, and only if that is still wanted).
UPDATE payment SET refused = 1 WHERE key = ?1 AND record = ?2 AND wanted = ?3;

-- name: payments_due
-- What Fulfil is to have and has not, the longest known first: (limit).
SELECT key, record, sale, type, wanted, reference, amount, currency, method, gateway_id, day, day_said, parent, more
FROM payment WHERE status = 'due' AND refused = 0 AND wanted <> reached ORDER BY seen_at, key, record LIMIT ?1;

-- name: payments_known
-- The references of all payments of these orders: (:keys).
SELECT key, reference FROM payment WHERE key IN (:keys) AND type <> 'fields';

-- name: payments_found
-- Money of these orders that Fulfil had already when it was looked for, as in `payments_due`, and the transaction that it
-- is: (:keys).
SELECT key, record, sale, type, wanted, reference, amount, currency, method, gateway_id, day, day_said, parent, more,
  transaction_id
FROM payment WHERE key IN (:keys) AND found = 1 AND reached = 'completed' ORDER BY recorded_at, key, record;

-- name: payments_unrecorded
-- What Fulfil should have and has not, by sales channel: how many, since when the oldest is known, and the oldest that
-- nothing stands against. An authorisation that cannot be recorded takes no money, and counts for nothing.
SELECT sales_channel, count(*), min(seen_at), min(CASE WHEN status = 'due' THEN seen_at END) FROM payment
WHERE status IN ('due', 'blocked', 'refused') AND NOT (status = 'blocked' AND kind = 'authorisation')
GROUP BY sales_channel;

-- name: payments_blocked
-- Orders of which a payment is blocked by the configuration: (after order, limit).
SELECT DISTINCT key FROM payment WHERE status = 'blocked' AND key > ?1 ORDER BY key LIMIT ?2;

-- name: payments_of_order
-- The payments of one order beyond its create: (order).
SELECT seen_at, key, record, sales_channel, order_reference, sale, kind, reference, gateway, method, tender, paid,
  paid_currency, amount, currency, rate, rate_date, fee, day, status, suspense, why, wanted, reached, transaction_id,
  found, recorded_at
FROM payment WHERE key = ?1 AND type <> 'fields' ORDER BY record;

-- name: payments_listed
-- Payments as people list them, the latest first: (status or '', seen before, limit, and of that instant those after
-- this order and record; NULL: none).
SELECT seen_at, key, record, sales_channel, order_reference, sale, kind, reference, gateway, method, tender, paid,
  paid_currency, amount, currency, rate, rate_date, fee, day, status, suspense, why, wanted, reached, transaction_id,
  found, recorded_at
FROM payment
WHERE type <> 'fields' AND (?1 = '' OR status = ?1) AND (seen_at < ?2 OR seen_at = ?2 AND key || ' ' || record > ?4)
ORDER BY seen_at DESC, key, record LIMIT ?3;

-- name: payments_suspended
-- Payments that went to suspense, the latest first: (limit).
SELECT seen_at, key, record, sales_channel, order_reference, sale, kind, reference, gateway, method, tender, paid,
  paid_currency, amount, currency, rate, rate_date, fee, day, status, suspense, why, wanted, reached, transaction_id,
  found, recorded_at
FROM payment
WHERE suspense = 1 ORDER BY seen_at DESC LIMIT ?1;

-- name: end_suspended
-- Nothing of an order went to suspense, since its create came to nothing, or is made anew; it stands before
-- `put_suspended`: (order).
DELETE FROM suspended WHERE key = ?1;

-- name: put_suspended
-- A tax or a gateway went into a sale under the name that finance has approved for what is not mapped.
INSERT INTO suspended (key, kind, name, sales_channel, order_reference, target, amount, currency, approved_by, at)
VALUES :rows(10)
ON CONFLICT (key, kind, name) DO UPDATE SET target = excluded.target, amount = excluded.amount,
  currency = excluded.currency, approved_by = excluded.approved_by, at = excluded.at;

-- name: suspended_listed
-- What went to suspense in the create of a sale, what was paid last first: (before, limit).
SELECT at, key, sales_channel, order_reference, kind, name, target, amount, currency, approved_by FROM suspended
WHERE at < ?1 ORDER BY at DESC, key, kind, name LIMIT ?2;

-- name: orders_here
-- Of these orders, those that were decided on: (:keys).
SELECT key FROM order_view WHERE key IN (:keys);

-- name: orders_numbered
-- Orders of a sales channel by the numbers that people say: (sales channel, :keys).
SELECT reference, key FROM order_view WHERE sales_channel = ? AND reference IN (:keys);

-- name: order_tenders
-- Orders of a sales channel by the transactions that paid them: (sales channel, :keys).
SELECT transaction_id, key FROM order_tender WHERE sales_channel = ? AND transaction_id IN (:keys);

-- name: payments_linked
-- The orders that lines of payments are of, in payouts of a sales channel: (sales channel, :keys).
SELECT DISTINCT l.payment, l."order" FROM payout_line l JOIN payout p ON p.key = l.payout
WHERE p.sales_channel = ? AND l."order" IS NOT NULL AND l.payment <> '' AND l.payment IN (:keys);

-- name: payout_lines_known
-- Of some lines of a payout what is kept: (payout's key, :keys).
SELECT line, mark, net, source_order, reference, payment, payment_alias, refund, dispute FROM payout_line
WHERE payout = ? AND line IN (:keys);

-- name: payout_rows_at
-- Lines of a payout that no provider has named, of some instants, with where they stand: (payout's key, :keys).
SELECT line, type, at, reference FROM payout_line
WHERE payout = ? AND line >= 'row-' AND line < 'row.' AND at IN (:keys);

-- name: payout_lines_changed
-- The lines of a payout that were told otherwise, both ways: (payout's key).
SELECT c.body, l.* FROM payout_line_changed c JOIN payout_line l ON l.payout = c.payout AND l.line = c.line
WHERE c.payout = ?1 ORDER BY c.line;

-- name: payout_lines_unlinked
-- Lines that have no order and should have one, or name something that may lead to one: (payout's key, after line, limit).
SELECT line, kind, net, source_order, reference, payment, payment_alias, refund FROM payout_line
WHERE payout = ?1 AND line > ?2 AND "order" IS NULL AND kind <> 'transfer'
  AND (kind IN ('sale', 'refund', 'dispute', 'dispute_reversal') OR source_order <> '' OR reference <> '' OR payment <> '')
ORDER BY line LIMIT ?3;

-- name: payout_lines_elsewhere
-- Lines of a payout that are in another one of the same provider, too: (payout's key, sales channel, provider, limit).
SELECT l.line, o.payout, l.net FROM payout_line l JOIN payout_line o ON o.line = l.line AND o.payout <> l.payout
JOIN payout p ON p.key = o.payout
WHERE l.payout = ?1 AND p.sales_channel = ?2 AND p.provider = ?3 ORDER BY l.line, o.payout LIMIT ?4;

-- name: payouts_of_day
-- Payouts of one provider and day that were not turned back, and what they come to: (sales channel, provider, currency, day,
-- limit).
SELECT key, payout, coalesce(paid, net) FROM payout
WHERE sales_channel = ?1 AND provider = ?2 AND currency = ?3 AND (paid_on = ?4 OR (paid_on IS NULL AND expected_on = ?4))
  AND is_statement = 0 AND status NOT IN ('failed', 'cancelled')
ORDER BY key LIMIT ?5;

-- name: payout_lines_twice
-- Lines of one kind and instant of which some have an id of their provider and some have none: (payout's key, limit).
SELECT l.line, l.kind, l.at, l.amount, l.net, l."order" FROM payout_line l
WHERE l.payout = ?1 AND l.at <> ''
  AND EXISTS (SELECT 1 FROM payout_line m WHERE m.payout = ?1 AND m.line >= 'row-' AND m.line < 'row.')
  AND EXISTS (SELECT 1 FROM payout_line n WHERE n.payout = ?1 AND (n.line < 'row-' OR n.line >= 'row.'))
  AND (l.kind, l.at) IN (
    SELECT kind, at FROM payout_line WHERE payout = ?1
    GROUP BY kind, at HAVING count(DISTINCT line >= 'row-' AND line < 'row.') = 2)
ORDER BY l.kind, l.at, l.line LIMIT ?2;

-- name: payouts_in_statements
-- Lines of statements of account that are payouts which are here with lines of their own, as far as this one is either:
-- line, statement, payout, net: (payout's key, sales channel, provider, limit).
SELECT l.line, s.payout, p.payout, l.net
FROM payout s JOIN payout_line l ON l.payout = s.key JOIN payout p ON p.key = 'payout/' || ?2 || '/' || ?3 || '/' || l.payment
WHERE s.key = ?1 AND s.is_statement AND l.kind = 'transfer' AND l.payment <> '' AND p.lines > 0
UNION ALL
SELECT l.line, s.payout, p.payout, l.net
FROM payout p JOIN payout_line l ON l.payment = p.payout JOIN payout s ON s.key = l.payout
WHERE p.key = ?1 AND p.lines > 0 AND l.kind = 'transfer' AND l.payment <> '' AND s.is_statement AND s.sales_channel = ?2
  AND s.provider = ?3
ORDER BY 1, 2 LIMIT ?4;

-- name: payout_lines_of_twins
-- Lines of a payout, and of others of one provider, of one order, kind and instant, of which one has an id of the provider
-- and the other has none: (payout's key, sales channel, provider, limit).
SELECT l.line, o.line, p.key, p.payout, l.amount, o.amount, l.net, o.net FROM payout_line l
JOIN payout_line o ON o."order" = l."order" AND o.payout <> l.payout AND o.kind = l.kind AND o.at = l.at
JOIN payout p ON p.key = o.payout
WHERE l.payout = ?1 AND l."order" IS NOT NULL AND l.at <> '' AND p.sales_channel = ?2 AND p.provider = ?3
  AND (l.line >= 'row-' AND l.line < 'row.') <> (o.line >= 'row-' AND o.line < 'row.')
ORDER BY l.line, o.payout, o.line LIMIT ?4;

-- name: nudge_taken_back
-- Orders of a payout that is taken back are looked at again with the next look: (now, payout's key).
UPDATE order_closing SET look_at = ?1 WHERE (look_at IS NULL OR look_at > ?1) AND key IN (
  SELECT "order" FROM payout_line WHERE payout = ?2 AND "order" IS NOT NULL);

-- name: drop_payout_lines
-- A payout is taken back: its lines go: (payout's key).
DELETE FROM payout_line WHERE payout = ?1;

-- name: drop_payout_changes
-- And what was told of them otherwise: (payout's key).
DELETE FROM payout_line_changed WHERE payout = ?1;

-- name: drop_payout
-- And the payout itself: (payout's key).
DELETE FROM payout WHERE key = ?1;

-- name: drop_posting_left
-- Nothing of a payout that was taken back waits: (payout's key).
DELETE FROM posting_left WHERE payout = ?1;

-- name: drop_postings
-- What was due of a payout that was taken back, and what took that back, as long as nothing of it was ever in a batch that
-- stands: (payout's key, up to number).
DELETE FROM posting WHERE payout = ?1 AND number <= ?2
  AND NOT EXISTS (SELECT 1 FROM posting t WHERE t.payout = ?1 AND t.batch IS NOT NULL);

-- name: postings_taken
-- The batches in which something of a payout is, but for those that came to nothing: (payout's key).
SELECT DISTINCT p.batch FROM posting p JOIN posting_batch b ON b.reference = p.batch
WHERE p.payout = ?1 AND b.status <> 'empty' ORDER BY p.batch LIMIT 20;

-- name: put_posting
-- What is due of a payout; a posting is added once and stays.
INSERT INTO posting
  (payout, number, sales_channel, gateway, payout_id, event, currency, amount, day, correction, due_at, exchanged)
VALUES :rows(12)
ON CONFLICT (payout, number) DO NOTHING;

-- name: put_posting_left
-- What of a payout is not posted, as of now.
INSERT INTO posting_left (payout, sales_channel, gateway, payout_id, currency, day, body) VALUES :rows(7)
ON CONFLICT (payout) DO UPDATE SET gateway = excluded.gateway, currency = excluded.currency, day = excluded.day,
  body = excluded.body;

-- name: free_postings
-- Nothing of a batch is in the ledger: its postings are due again: (reference).
UPDATE posting SET batch = NULL, booked_on = NULL WHERE batch = ?1;

-- name: take_posting
-- A posting is in a batch: (reference, day, payout's key, number).
UPDATE posting SET batch = ?1, booked_on = ?2 WHERE payout = ?3 AND number = ?4;

-- name: put_posting_batch
-- A batch as it stands.
INSERT INTO posting_batch (reference, sales_channel, currency, booked_on, journal, status, total, lines, digest, postings,
  move, made_at, posted_at, why) VALUES :rows(14)
ON CONFLICT (reference) DO UPDATE SET status = excluded.status, move = excluded.move, posted_at = excluded.posted_at,
  why = excluded.why;

-- name: put_ledger_period
-- A period of Fulfil's ledger, as it was read.
INSERT INTO ledger_period (id, name, begins, ends, state) VALUES :rows(5)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, begins = excluded.begins, ends = excluded.ends,
  state = excluded.state;

-- name: payout_to_post
-- A payout as its postings follow from it, with the kinds of its open cases: (payout's key).
SELECT p.sales_channel, p.provider, p.payout, p.currency, p.status, p.is_statement, p.received, p.paid, p.bank, p.net,
  p.lines, p.paid_on, p.expected_on, p.judged,
  (SELECT group_concat(c.kind) FROM exception_case c WHERE c.subject = p.key AND c.closed_at IS NULL)
FROM payout p WHERE p.key = ?1;

-- name: payout_lines_to_post
-- The figures of the lines of a payout, in order: (payout's key, after line, limit).
SELECT line, kind, at, amount, fee, tax, gap, net, presentment FROM payout_line WHERE payout = ?1 AND line > ?2 ORDER BY line LIMIT ?3;

-- name: payouts_failed
-- Payouts that never arrive, with the day on which they were to.
SELECT key, sales_channel, provider, currency, payout, paid, net, coalesce(paid_on, expected_on, '')
FROM payout WHERE status IN ('failed', 'cancelled') AND NOT is_statement;

-- name: lines_returning
-- Lines of payouts that give a payout back which never arrived.
SELECT l.payout, l.line, p.sales_channel, p.provider, l.currency, l.amount, l.at, coalesce(p.paid_on, p.expected_on, ''),
  p.payout, p.status, p.received, p.bank IS NOT NULL, l.source_order, l.reference, l.payment, l.payment_alias
FROM payout_line l JOIN payout p ON p.key = l.payout WHERE l.kind = 'payout_returned' AND NOT p.is_statement;

-- name: postings_of_event
-- What was made due of an event of a payout: (payout's key, event).
SELECT amount FROM posting WHERE payout = ?1 AND event = ?2;

-- name: payouts_to_look_at
-- Payouts of a sales channel, in order: (sales channel, after key, limit).
SELECT key FROM payout WHERE sales_channel = ?1 AND key > ?2 ORDER BY key LIMIT ?3;

-- name: postings_due
-- What is in no batch yet, of days before this one, and nothing keeps back; a payout that is gone was taken back, and what
-- is due of it is the opposite of what was posted: (sales channel, day, limit, kinds of cases and the event that each
-- keeps back or '', JSON).
SELECT g.payout, g.number, g.sales_channel, g.gateway, g.payout_id, g.event, g.currency, g.amount, g.day, g.correction,
  g.exchanged
FROM posting g LEFT JOIN payout p ON p.key = g.payout
WHERE g.batch IS NULL AND g.sales_channel = ?1 AND g.day < ?2
  AND (p.key IS NULL OR (p.judged AND p.reported))
  AND NOT EXISTS (SELECT 1 FROM exception_case c JOIN json_each(?4) h ON h.key = c.kind
    WHERE c.subject = g.payout AND c.closed_at IS NULL AND h.value IN ('', g.event))
ORDER BY g.day, g.payout, g.number LIMIT ?3;

-- name: postings_counted
-- How many are in no batch yet: of days before this one those that nothing keeps back, and those that something does, as
-- in `postings_due`; and those of later days: (sales channel, day, kinds of cases and events, JSON).
SELECT count(*) FILTER (WHERE over AND free), count(*) FILTER (WHERE over AND NOT free), count(*) FILTER (WHERE NOT over)
FROM (
  SELECT g.day < ?2 AS over,
    (p.key IS NULL OR (p.judged AND p.reported))
    AND NOT EXISTS (SELECT 1 FROM exception_case c JOIN json_each(?3) h ON h.key = c.kind
      WHERE c.subject = g.payout AND c.closed_at IS NULL AND h.value IN ('', g.event)) AS free
  FROM posting g LEFT JOIN payout p ON p.key = g.payout WHERE g.batch IS NULL AND g.sales_channel = ?1
);

-- name: postings_rounded
-- What was posted as rounding, by the day on which it is booked: (sales channel, currency, from this day on).
SELECT booked_on, amount FROM posting
WHERE event = 'rounding' AND batch IS NOT NULL AND sales_channel = ?1 AND currency = ?2 AND booked_on >= ?3;

-- name: postings_unposted
-- What is due and not posted, by sales channel and currency: how many, worth how much, since when. Worth is for a gauge.
SELECT sales_channel, currency, count(*), total(abs(CAST(amount AS REAL))), min(due_at) FROM (
  SELECT sales_channel, currency, amount, due_at FROM posting WHERE batch IS NULL
  UNION ALL
  SELECT p.sales_channel, p.currency, p.amount, p.due_at FROM posting_batch b JOIN posting p ON p.batch = b.reference
  WHERE b.status = 'making'
) GROUP BY sales_channel, currency;

-- name: postings_waiting
-- All that is in no batch yet, with what may keep it back: the kinds of open cases, whether the payout's import is whole,
-- and whether a report says what was paid; of one that was taken back nothing does: (sales channel or '', from day or '',
-- to day or '', limit).
SELECT g.payout, g.number, g.sales_channel, g.gateway, g.payout_id, g.event, g.currency, g.amount, g.day, g.correction,
  g.exchanged,
  (SELECT group_concat(c.kind) FROM exception_case c WHERE c.subject = g.payout AND c.closed_at IS NULL),
  p.key IS NULL OR p.judged, p.key IS NULL OR p.reported
FROM posting g LEFT JOIN payout p ON p.key = g.payout
WHERE g.batch IS NULL AND (?1 = '' OR g.sales_channel = ?1) AND (?2 = '' OR g.day >= ?2) AND (?3 = '' OR g.day <= ?3)
ORDER BY g.sales_channel, g.day, g.payout, g.number LIMIT ?4;

-- name: postings_drafted
-- What is in a batch, with what may keep it back, as in `postings_waiting`: (reference).
SELECT g.payout_id, g.event,
  (SELECT group_concat(c.kind) FROM exception_case c WHERE c.subject = g.payout AND c.closed_at IS NULL),
  p.key IS NULL OR p.judged, p.key IS NULL OR p.reported
FROM posting g LEFT JOIN payout p ON p.key = g.payout WHERE g.batch = ?1 ORDER BY g.payout, g.number;

-- name: postings_left
-- What of payouts is not posted: (sales channel or '', from day or '', to day or '', limit).
SELECT payout, sales_channel, gateway, payout_id, currency, day, body FROM posting_left
WHERE (?1 = '' OR sales_channel = ?1) AND (?2 = '' OR day IS NULL OR day >= ?2)
  AND (?3 = '' OR day IS NULL OR day <= ?3)
ORDER BY day, payout LIMIT ?4;

-- name: payouts_not_whole
-- Payouts of which an import is not whole, or not judged yet; and, judged, those without lines, here or in a statement:
-- (sales channel or '', from day or '', to day or '', limit).
SELECT paid_on, sales_channel, provider, payout, currency, iif(judged, coalesce(bank, paid, net), net), judged FROM payout p
WHERE (judged = 0 OR (lines = 0 AND status NOT IN ('failed', 'cancelled') AND NOT EXISTS (SELECT 1 FROM payout_in_statement s WHERE s.key = p.key)))
  AND (?1 = '' OR sales_channel = ?1) AND (?2 = '' OR paid_on IS NULL OR paid_on >= ?2)
  AND (?3 = '' OR paid_on IS NULL OR paid_on <= ?3)
ORDER BY paid_on, key LIMIT ?4;

-- name: postings_of_batch
-- What is in a batch: (reference).
SELECT payout, number, sales_channel, gateway, payout_id, event, currency, amount, day, correction, exchanged FROM posting
WHERE batch = ?1 ORDER BY day, payout, number;

-- name: posting_batches_listed
-- Batches, the latest day first: (sales channel or '', from day or '', to day or '', limit).
SELECT reference, sales_channel, currency, booked_on, journal, status, total, lines, digest, postings,
  (SELECT count(*) FROM posting p WHERE p.batch = reference AND p.correction), move, made_at,
  posted_at, why FROM posting_batch
WHERE (?1 = '' OR sales_channel = ?1) AND (?2 = '' OR booked_on >= ?2) AND (?3 = '' OR booked_on <= ?3)
ORDER BY booked_on DESC, reference DESC LIMIT ?4;

-- name: posting_batches_named
-- Batches by their reference, the beginning of their digest, or Fulfil's id of the move: (text).
SELECT reference, sales_channel, currency, booked_on, journal, status, total, lines, digest, postings,
  (SELECT count(*) FROM posting p WHERE p.batch = reference AND p.correction), move, made_at,
  posted_at, why FROM posting_batch
WHERE reference = ?1 OR (length(?1) >= 6 AND substr(digest, 1, length(?1)) = ?1) OR CAST(move AS TEXT) = ?1
ORDER BY reference LIMIT 20;

-- name: batches_to_check
-- Posted batches that are to be read back: (sales channel, from day, after reference, limit, references in any case, JSON).
SELECT reference, move, booked_on, currency, total, lines FROM posting_batch
WHERE sales_channel = ?1 AND status = 'posted' AND move IS NOT NULL AND reference > ?3
  AND (booked_on >= ?2 OR reference IN (SELECT value FROM json_each(?5)))
ORDER BY reference LIMIT ?4;

-- name: ledger_periods
-- The periods of Fulfil's ledger, as they were read last.
SELECT id, name, begins, ends, state FROM ledger_period ORDER BY begins, id;

-- name: payouts_listed
-- Payouts, the latest day first: (sales channel or '', verdict or '', limit).
SELECT * FROM payout WHERE (?1 = '' OR sales_channel = ?1) AND (?2 = '' OR verdict = ?2)
ORDER BY paid_on DESC, key LIMIT ?3;

-- name: payouts_named
-- Payouts by their key, or by the provider's id: (text).
SELECT * FROM payout WHERE key = ?1 OR payout = ?1 ORDER BY key LIMIT 20;

-- name: payouts_of_ids
-- Payouts of a provider by its ids of them: (provider, :keys).
SELECT * FROM payout WHERE provider = ? AND payout IN (:keys) ORDER BY key;

-- name: payouts_of_run
-- How many payouts an import has judged: (run).
SELECT count(*) FROM payout WHERE run = ?1 AND judged = 1;

-- name: payout_lines_listed
-- Lines of a payout with their orders and sales, in order: (payout's key, after line, limit).
SELECT l.line, l.kind, l.currency, l.amount, l.fee, l.tax, l.gap, l.net, l.type, l.at, l.source_order, l.reference,
  l.payment, l.payment_alias, l.refund, l.dispute, l.presentment, l.rate, l."order", o.reference, o.sale, o.sale_number
FROM payout_line l LEFT JOIN order_view o ON o.key = l."order"
WHERE l.payout = ?1 AND l.line > ?2 ORDER BY l.line LIMIT ?3;

-- name: payout_lines_of_order
-- What payouts have of an order: (order's key).
SELECT p.provider, p.payout, p.status, l.line, l.kind, l.currency, l.amount, l.fee, l.tax, l.net, l.at
FROM payout_line l JOIN payout p ON p.key = l.payout WHERE l."order" = ?1 ORDER BY l.at, l.line LIMIT 100;

-- name: put_poll_mark
-- How far the polls of a sales channel have read.
INSERT INTO poll_mark (sales_channel, from_at, complete_to) VALUES :rows(3)
ON CONFLICT (sales_channel) DO UPDATE SET from_at = excluded.from_at, complete_to = excluded.complete_to;

-- name: poll_mark
-- The same: (sales channel).
SELECT from_at, complete_to FROM poll_mark WHERE sales_channel = ?1;

-- name: put_statement
-- A version of the statement about a business day.
INSERT INTO statement (sales_channel, day, version, taken_at, began_at, ended_at, verdict, had, received, sales,
  on_the_way, held, waiting, excluded, cancelled, gone, missing, undated, evidence, named, orders_digest, digest)
VALUES :rows(22)
ON CONFLICT (sales_channel, day, version) DO NOTHING;

-- name: statement_last
-- What was stated last about a day: (sales channel, day).
SELECT version, digest, taken_at, missing, undated, gone, named, evidence FROM statement
WHERE sales_channel = ?1 AND day = ?2 ORDER BY version DESC LIMIT 1;

-- name: statements_listed
-- The newest version of each statement, the latest day first: (sales channel or '', verdict or '', limit).
SELECT sales_channel, day, version, taken_at, began_at, ended_at, verdict, had, received, sales, on_the_way, held,
  waiting, excluded, cancelled, gone, missing, undated, evidence, named, orders_digest, digest
FROM statement s
WHERE (?1 = '' OR sales_channel = ?1) AND (?2 = '' OR verdict = ?2)
  AND NOT EXISTS (SELECT 1 FROM statement n WHERE n.sales_channel = s.sales_channel AND n.day = s.day
    AND n.version > s.version)
ORDER BY day DESC, sales_channel LIMIT ?3;

-- name: statement_versions
-- Every version of the statement about a day, the newest first: (sales channel, day).
SELECT sales_channel, day, version, taken_at, began_at, ended_at, verdict, had, received, sales, on_the_way, held,
  waiting, excluded, cancelled, gone, missing, undated, evidence, named, orders_digest, digest
FROM statement WHERE sales_channel = ?1 AND day = ?2 ORDER BY version DESC;

-- name: first_purchase
-- When the first order of a sales channel was placed: (sales channel). NULL: there is none.
SELECT min(placed_at) FROM order_view WHERE sales_channel = ?1;

-- name: window_changed
-- Whether an order of a window has changed since: (sales channel, from, to, since).
SELECT EXISTS (SELECT 1 FROM order_view WHERE sales_channel = ?1 AND placed_at >= ?2 AND placed_at < ?3
  AND changed_at > ?4);

-- name: orders_of_window
-- Orders by purchase, with the rule of those that are excluded: (sales channel, from, after key, to, limit).
SELECT o.key, o.placed_at, o.state, o.sale,
  CASE WHEN o.state = 'excluded' THEN (SELECT json_extract(CAST(s.body AS TEXT), '$.rule') FROM state s
    WHERE s.actor = 'order_importer' AND s.key = o.key) END
FROM order_view o
WHERE o.sales_channel = ?1 AND o.placed_at >= ?2 AND (o.placed_at > ?2 OR o.key > ?3) AND o.placed_at < ?4
ORDER BY o.placed_at, o.key LIMIT ?5;

-- name: manifests_over
-- Manifests that were compared, and have a part of a window: (sales channel, from, to).
SELECT key, began_at, ended_at, received_at, listed, open, digest FROM manifest
WHERE sales_channel = ?1 AND began_at < ?3 AND ended_at > ?2 AND checked_at IS NOT NULL ORDER BY began_at, key;

-- name: manifest_missing
-- Orders that a manifest lists and that never came, while it is still compared: (manifest, sales channel).
SELECT m.order_id FROM manifest_order m
WHERE m.manifest = ?1 AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.key = ?2 || '/' || m.order_id)
ORDER BY m.order_id LIMIT 1000;

-- name: orders_wanted
-- Orders that some manifest listed and that never came, by their own cases: (sales channel).
SELECT substr(c.subject, length(?1) + 2) FROM exception_case c
WHERE c.closed_at IS NULL AND c.kind = 'order.orphan' AND substr(c.subject, 1, length(?1) + 1) = ?1 || '/'
  AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.key = c.subject)
ORDER BY 1 LIMIT 1000;

-- name: orders_undated
-- Orders that came about then, and cannot be said to be of a day, because they cannot be read: (sales channel, from, to).
SELECT (SELECT count(*) FROM order_view WHERE sales_channel = ?1 AND placed_at IS NULL AND changed_at >= ?2
    AND changed_at < ?3)
  + (SELECT count(*) FROM exception_case c WHERE c.closed_at IS NULL AND c.kind = 'order.unidentified'
    AND c.subject = 'poll/' || ?1 AND c.opened_at >= ?2 AND c.opened_at < ?3);

-- name: deliveries_undecided
-- When orders came that nobody has decided on since: (sales channel, received before).
SELECT b.received_at FROM message m JOIN body b ON b.delivery = m.delivery
WHERE m.channel = 'order_importer' AND substr(m.key, 1, length(?1) + 1) = ?1 || '/' AND b.received_at < ?2
  AND NOT EXISTS (SELECT 1 FROM order_view o WHERE o.key = m.key);

-- name: sales_gone
-- Orders of a window whose sales are in Fulfil no longer: (sales channel, from, to).
SELECT count(*) FROM exception_case c JOIN order_view o ON o.key = c.subject
WHERE c.closed_at IS NULL AND c.kind = 'sale.differs' AND c.cause = 'gone'
  AND o.sales_channel = ?1 AND o.placed_at >= ?2 AND o.placed_at < ?3;

-- name: put_expected_sale
-- What the sale of an order is to be.
INSERT INTO expected_sale (key, sale, status, amount, currency, tax, captured, units, busy, changed_at) VALUES :rows(10)
ON CONFLICT (key) DO UPDATE SET
  sale = excluded.sale, status = excluded.status, amount = excluded.amount, currency = excluded.currency,
  tax = excluded.tax, captured = excluded.captured, units = excluded.units, busy = excluded.busy, changed_at = excluded.changed_at;

-- name: fill_expected_sale
-- What the sale of an order is to be, where no decision has said it.
INSERT INTO expected_sale (key, sale, status, amount, currency, tax, captured, units, busy, changed_at) VALUES :rows(10)
ON CONFLICT (key) DO NOTHING;

-- name: put_sale_due
-- A sale is to be read back.
INSERT INTO sale_due (sale, since) VALUES :rows(2) ON CONFLICT (sale) DO UPDATE SET since = max(since, excluded.since);

-- name: drop_sale_due
-- It was read, and nothing has asked for it since: (sale, when the read began).
DELETE FROM sale_due WHERE sale = ?1 AND since <= ?2;

-- name: put_sale_seen
-- What Fulfil has of a sale; one of a settled order is read for once, and not watched again for that.
INSERT INTO sale_seen (key, sale, seen, differs, read_at) VALUES :rows(5)
ON CONFLICT (key) DO UPDATE SET
  sale = excluded.sale, seen = excluded.seen, differs = excluded.differs, read_at = excluded.read_at,
  watched = NOT EXISTS (SELECT 1 FROM order_closing c WHERE c.key = excluded.key AND c.settled_at IS NOT NULL);

-- name: put_sale_invoices
-- What Fulfil has invoiced of an order, all of it anew.
INSERT INTO sale_invoices (key, sale, invoices, read_at) VALUES :rows(4)
ON CONFLICT (key) DO UPDATE SET sale = excluded.sale, invoices = excluded.invoices, read_at = excluded.read_at;

-- name: shipments_to_cost
-- Shipments to customers whose cost is to be looked for: those that are due again, then those that have left since an
-- instant and were never looked at: (since, now, limit).
SELECT shipment, shipped_at FROM (SELECT shipment, shipped_at FROM shipment_cost WHERE look_at <= ?2 ORDER BY look_at LIMIT ?3)
UNION ALL
SELECT shipment, min(shipped_at) FROM fulfilment f
WHERE f.shipped_at >= ?1 AND f.shipment GLOB 'out-*' AND f.state NOT IN ('withdrawn', 'withdrawing')
  AND NOT EXISTS (SELECT 1 FROM shipment_cost c WHERE c.shipment = f.shipment)
GROUP BY shipment LIMIT ?3;

-- name: put_shipment_cost
-- Whether the cost of a shipment is booked, as it was found.
INSERT INTO shipment_cost (shipment, booked, booked_on, shipped_at, read_at, look_at) VALUES :rows(6)
ON CONFLICT (shipment) DO UPDATE SET
  booked = excluded.booked, booked_on = excluded.booked_on, shipped_at = excluded.shipped_at,
  read_at = excluded.read_at, look_at = excluded.look_at;

-- name: sales_expected
-- Of these sales, those that are of orders here, and what they are to be: (:ids).
SELECT e.sale, e.key, e.status, e.amount, e.currency, e.tax, e.captured, e.units, e.busy, e.changed_at,
  s.seen, coalesce(s.differs, 0), coalesce(s.read_at, 0), (SELECT h.state FROM order_shipping h WHERE h.key = e.key)
FROM expected_sale e LEFT JOIN sale_seen s ON s.key = e.key WHERE e.sale IN (:ids);

-- name: sales_due
-- Sales that are to be read back, the longest first: (limit).
SELECT sale FROM sale_due ORDER BY since, sale LIMIT ?1;

-- name: sales_to_see_again
-- Sales that differ, and those that were read last before an instant and are not settled, so many of each, those that
-- were read longest ago: (before, limit).
SELECT sale FROM (SELECT sale FROM sale_seen WHERE differs > 0 ORDER BY read_at, sale LIMIT ?2)
UNION SELECT sale FROM (SELECT sale FROM sale_seen WHERE watched = 1 AND read_at < ?1 ORDER BY read_at LIMIT ?2);

-- name: end_sale_watch
-- An order is settled: its sale is read again only when something tells that it has changed: (order).
UPDATE sale_seen SET watched = 0 WHERE key = ?1;

-- name: begin_sale_watch
-- An order is open again: its sale is read back as those of others are: (order).
UPDATE sale_seen SET watched = 1 WHERE key = ?1;

-- name: payments_recorded
-- What was recorded in Fulfil of payments of these orders beside their creates, and whether more is on its way:
-- (:keys). Amounts are those of the sale's currency.
SELECT key, type, amount, reached, status = 'due' AND refused = 0 AND wanted <> reached, coalesce(recorded_at, 0)
FROM payment WHERE key IN (:keys) AND type <> 'fields';

-- name: mismatches_open
-- Of these orders, those whose sale is known to differ, or to need a change by hand: (:keys).
SELECT subject, kind FROM exception_case
WHERE subject IN (:keys) AND closed_at IS NULL AND kind IN ('sale.mismatch', 'order.edited', 'order.cancelled', 'sale.stalled');

-- name: put_accepted_difference
-- A person has accepted that a sale differs.
INSERT INTO accepted_difference (key, cause, at, by, reason, amount, currency, expected, found) VALUES :rows(9)
ON CONFLICT (key, cause, at) DO NOTHING;

-- name: differences_accepted
-- What people have accepted, the latest first: (limit).
SELECT key, cause, at, by, reason, amount, currency, expected, found FROM accepted_difference ORDER BY at DESC, key, cause
LIMIT ?1;

-- name: put_order_closing
-- How an order was paid, as its newest version tells; it is looked at again when that is news, settled or not.
INSERT INTO order_closing (key, sales_channel, currency, due, tenders, look_at) VALUES :rows(6)
ON CONFLICT (key) DO UPDATE SET
  look_at = CASE WHEN tenders = excluded.tenders AND due = excluded.due THEN look_at ELSE excluded.look_at END,
  settled_at = CASE WHEN tenders = excluded.tenders AND due = excluded.due THEN settled_at END,
  currency = excluded.currency, due = excluded.due, tenders = excluded.tenders;

-- name: fill_order_closing
-- How an order was paid, where no decision has said it.
INSERT INTO order_closing (key, sales_channel, currency, due, tenders, look_at) VALUES :rows(6) ON CONFLICT (key) DO NOTHING;

-- name: orders_unfollowed
-- Orders whose sales nobody reads back, or whose money nobody follows, in order: (after key, 1 where orders are settled,
-- limit); and 1 for those whose sales are not read back.
SELECT o.key, e.key IS NULL FROM order_view o LEFT JOIN order_closing c ON c.key = o.key LEFT JOIN expected_sale e ON e.key = o.key
WHERE o.key > ?1 AND o.state <> 'excluded' AND ((?2 AND c.key IS NULL) OR (o.sale IS NOT NULL AND e.key IS NULL))
ORDER BY o.key LIMIT ?3;

-- name: note_closing
-- What an order waits for, or that it is settled: (look at, waits, cause, settled at, evidence, order).
UPDATE order_closing SET look_at = ?1, waits = ?2, cause = ?3, settled_at = ?4, evidence = ?5 WHERE key = ?6;

-- name: closings_due
-- Orders with a sale that are to be looked at, with what is known of each: (now, limit).
SELECT c.key, c.sales_channel, c.currency, c.due, c.tenders, e.status, coalesce(h.state, ''), s.seen,
  (SELECT group_concat(DISTINCT x.kind) FROM exception_case x WHERE x.subject = c.key AND x.closed_at IS NULL),
  EXISTS (SELECT 1 FROM fulfilment f WHERE f.key = c.key AND f.awaits = 1 AND f.told_at IS NULL AND f.body IS NOT NULL),
  EXISTS (SELECT 1 FROM payment p WHERE p.key = c.key AND p.status IN ('due', 'blocked', 'refused')),
  EXISTS (SELECT 1 FROM payout_line l JOIN posting g ON g.payout = l.payout
    LEFT JOIN posting_batch b ON b.reference = g.batch
    WHERE l."order" = c.key AND (b.status IS NULL OR b.status NOT IN ('posted', 'empty'))),
  c.settled_at,
  (SELECT json_group_array(json_array(a.cause, a.found)) FROM accepted_difference a WHERE a.key = c.key)
FROM order_closing c JOIN expected_sale e ON e.key = c.key
LEFT JOIN order_shipping h ON h.key = c.key LEFT JOIN sale_seen s ON s.key = c.key
WHERE c.look_at <= ?1 ORDER BY c.look_at LIMIT ?2;

-- name: lines_closing
-- What payouts have of these orders: (:keys).
SELECT l."order", l.kind, l.currency, l.amount, l.payment, l.payment_alias, l.refund, p.received, p.bank IS NOT NULL, p.payout,
  p.status, p.key, l.presentment, l.at
FROM payout_line l JOIN payout p ON p.key = l.payout WHERE l."order" IN (:keys);

-- name: closing_of_order
-- How far one order is: (order).
SELECT waits, settled_at, evidence FROM order_closing WHERE key = ?1;

-- name: closings_counted
-- Orders that are not settled, by what they wait for first.
SELECT c.sales_channel, c.cause, count(*) FROM order_closing c JOIN expected_sale e ON e.key = c.key
WHERE c.settled_at IS NULL GROUP BY 1, 2;

-- name: nudge_paid_out
-- Orders of which a payout has told since are looked at again with the next look, also where it gives the one back that
-- had their money: (now, since).
UPDATE order_closing SET look_at = ?1 WHERE look_at > ?1 AND key IN (
  SELECT l."order" FROM payout p CROSS JOIN payout_line l ON l.payout = p.key  -- the few payouts first
  WHERE p.told_at >= ?2 AND l."order" IS NOT NULL
  UNION SELECT l."order" FROM payout_line r CROSS JOIN payout p ON p.key = r.payout
    CROSS JOIN payout f ON f.sales_channel = p.sales_channel AND f.provider = p.provider
    CROSS JOIN payout_line l ON l.payout = f.key
  WHERE r.kind = 'payout_returned' AND p.told_at >= ?2 AND f.status IN ('failed', 'cancelled') AND l."order" IS NOT NULL);

-- name: nudge_settled
-- Orders that are settled, the same, where a payout has told a refund or a dispute since, or has become otherwise since they were
-- settled, or one that gives theirs back has: (now, since, how much later than what they were settled by that was written, in microseconds).
UPDATE order_closing SET look_at = ?1 WHERE look_at IS NULL AND key IN (
  SELECT l."order" FROM payout p CROSS JOIN payout_line l ON l.payout = p.key JOIN order_closing c ON c.key = l."order"
  WHERE p.told_at >= ?2 AND (l.kind IN ('refund', 'dispute') OR p.told_at >= c.settled_at - ?3)
  UNION SELECT l."order" FROM payout_line r CROSS JOIN payout p ON p.key = r.payout
    CROSS JOIN payout f ON f.sales_channel = p.sales_channel AND f.provider = p.provider
    CROSS JOIN payout_line l ON l.payout = f.key JOIN order_closing c ON c.key = l."order"
  WHERE r.kind = 'payout_returned' AND p.told_at >= ?2 AND f.status IN ('failed', 'cancelled')
    AND p.told_at >= c.settled_at - ?3);

-- name: nudge_posted
-- Orders whose money is in a batch that is posted now are looked at again with the next look: (now, batch).
UPDATE order_closing SET look_at = ?1 WHERE look_at > ?1 AND key IN (
  SELECT l."order" FROM posting g JOIN payout_line l ON l.payout = g.payout WHERE g.batch = ?2 AND l."order" IS NOT NULL);

-- name: nudge_unmapped
-- Orders that are not settled, and were paid by a gateway that was not mapped, are looked at again: (now).
UPDATE order_closing SET look_at = ?1 WHERE settled_at IS NULL AND tenders LIKE '%"named":%';

-- name: map_order_closing
-- How an order was paid, by gateways that are mapped since: (tenders, order).
UPDATE order_closing SET tenders = ?1 WHERE key = ?2;

-- name: nudge_closing
-- An order is looked at again, because its sale was read back: (now, order).
UPDATE order_closing SET look_at = ?1 WHERE key = ?2 AND look_at > ?1;

-- name: orders_unsettled
-- Orders with a sale that are not settled, by purchase: (sales channel or '', what they wait for first or NULL for
-- all, limit).
SELECT c.key, o.reference, o.amount, o.currency, o.placed_at, e.sale, o.sale_number, c.cause, c.waits
FROM order_closing c JOIN expected_sale e ON e.key = c.key JOIN order_view o ON o.key = c.key
WHERE c.settled_at IS NULL AND (?1 = '' OR c.sales_channel = ?1) AND (?2 IS NULL OR c.cause = ?2)
ORDER BY o.placed_at, c.key LIMIT ?3;

-- name: close_orders
-- Orders placed before an instant that are not in Fulfil, not proven, or (where that is done) to be read back: (before, 1
-- where sales are read back).
SELECT o.key, coalesce(o.placed_at, o.changed_at), o.state, o.proof, o.amount, o.currency,
  ?2 AND e.sale IS NOT NULL AND (s.key IS NULL OR d.sale IS NOT NULL) AS unread
FROM order_view o LEFT JOIN expected_sale e ON e.key = o.key LEFT JOIN sale_seen s ON s.key = o.key
LEFT JOIN sale_due d ON d.sale = e.sale
WHERE coalesce(o.placed_at, o.changed_at) < ?1 AND o.state NOT IN ('cancelled', 'excluded')
  AND (o.state <> 'imported' OR o.proof <> 'proven' OR unread)
ORDER BY o.key;

-- name: close_cases
-- Open cases of finance, and returns that Fulfil has not: with the day of their order or payout, or when it happened.
SELECT c.kind, c.subject, c.amount, c.currency, c.opened_at, o.placed_at, p.paid_on, p.expected_on, c.happened_at
FROM exception_case c LEFT JOIN order_view o ON o.key = c.subject LEFT JOIN payout p ON p.key = c.subject
WHERE c.closed_at IS NULL AND (c.owner = 'finance' OR c.kind = 'order.returned') ORDER BY c.fingerprint;

-- name: close_payouts
-- Payouts that do not tie, have something unexplained, are a part, have other lines than what was paid, have not arrived, or
-- of which no report says what was paid; with the instant of the last line of those that have no day, and their open cases.
SELECT p.key, p.currency, p.status, p.is_statement, p.received, p.paid, p.bank, p.net, p.unexplained, p.verdict, p.difference,
  p.judged, p.paid_on, p.expected_on, p.told_at, EXISTS (SELECT 1 FROM payout_in_statement s WHERE s.key = p.key),
  iif(p.paid_on IS NULL AND p.expected_on IS NULL, (SELECT max(l.at) FROM payout_line l WHERE l.payout = p.key), NULL),
  (SELECT group_concat(c.kind) FROM exception_case c WHERE c.subject = p.key AND c.closed_at IS NULL)
FROM payout p
WHERE p.received = 0 OR p.judged = 0 OR p.verdict = 'contradicted' OR CAST(p.unexplained AS REAL) <> 0
  OR NOT p.reported
  OR CAST(p.net AS REAL) <> CAST(coalesce(p.bank, p.paid, p.net) AS REAL)
  OR EXISTS (SELECT 1 FROM exception_case c WHERE c.subject = p.key AND c.closed_at IS NULL)
ORDER BY p.key;

-- name: close_let_stand
-- What people have released of payouts, the last first: payout, kinds that were open, who.
SELECT subject, json_extract("values", '$.kinds'), by FROM audit
WHERE action = 'hold.release' AND subject LIKE 'payout/%' ORDER BY seq DESC;

-- name: payouts_let_stand
-- What people have released of payouts that have no open case of their sums, the last first: payout, kinds, who: (:keys).
SELECT a.subject, json_extract(a."values", '$.kinds'), a.by FROM audit a
WHERE a.action = 'hold.release' AND a.subject IN (:keys) AND NOT EXISTS (
  SELECT 1 FROM exception_case c WHERE c.subject = a.subject AND c.kind = 'payout.untied' AND c.closed_at IS NULL)
ORDER BY a.seq DESC;

-- name: close_postings
-- Postings of days up to one that are in no ledger, with the status of their batch: (day).
SELECT p.payout, p.currency, p.amount, p.day, b.status FROM posting p LEFT JOIN posting_batch b ON b.reference = p.batch
WHERE p.day <= ?1 AND (p.batch IS NULL OR b.status NOT IN ('posted', 'empty')) ORDER BY p.payout, p.number;

-- name: close_left
-- What of payouts is not posted, with when each was told of.
SELECT l.payout, l.currency, coalesce(l.day, p.expected_on), p.told_at, l.body
FROM posting_left l JOIN payout p ON p.key = l.payout ORDER BY l.payout;

-- name: close_unsettled
-- Orders with a sale, placed before an instant, that are not settled, and what each waits for first: (before).
SELECT o.key, o.amount, o.currency, coalesce(o.placed_at, o.changed_at), c.cause
FROM order_closing c JOIN expected_sale e ON e.key = c.key JOIN order_view o ON o.key = c.key
WHERE c.settled_at IS NULL AND coalesce(o.placed_at, o.changed_at) < ?1 ORDER BY o.key;

-- name: close_paid_otherwise
-- Orders with a sale, placed before an instant, of which payouts have another amount than their sales channels tell: how
-- they were paid, and what payouts have of them that have arrived or will: (before).
SELECT c.key, c.tenders, (SELECT json_group_array(
    json_array(l.currency, l.amount, l.presentment, l.payment, l.payment_alias, l.refund))
  FROM payout_line l JOIN payout p ON p.key = l.payout
  WHERE l."order" = c.key AND l.kind IN ('sale', 'refund') AND p.status NOT IN ('failed', 'cancelled'))
FROM order_closing c JOIN expected_sale e ON e.key = c.key JOIN order_view o ON o.key = c.key
WHERE c.settled_at IS NULL AND c.cause = 'unexpected' AND coalesce(o.placed_at, o.changed_at) < ?1 ORDER BY c.key;

-- name: close_unfollowed
-- Orders in Fulfil, placed before an instant, whose money nobody follows: (before).
SELECT o.key, o.amount, o.currency, coalesce(o.placed_at, o.changed_at) FROM order_view o
LEFT JOIN order_closing c ON c.key = o.key
WHERE o.sale IS NOT NULL AND c.key IS NULL AND o.state <> 'excluded' AND coalesce(o.placed_at, o.changed_at) < ?1
ORDER BY o.key;

-- name: close_statements
-- The newest verdict about each day of a stretch: (from, to).
SELECT sales_channel, day, verdict, max(version) FROM statement WHERE day >= ?1 AND day <= ?2 GROUP BY sales_channel, day;

-- name: close_first_days
-- The first day that was ever stated of each sales channel, and the instant of its first order: (sales channel, day or
-- NULL, instant or NULL).
SELECT sales_channel, min(day), NULL FROM statement GROUP BY sales_channel
UNION ALL SELECT sales_channel, NULL, min(coalesce(placed_at, changed_at)) FROM order_view GROUP BY sales_channel;

-- name: close_suspense
-- What was paid before an instant, or on a business day up to one, went to suspense and is not cleared, in creates of
-- sales and as payments that came later: (before, day).
SELECT s.key, s.kind, s.name, s.amount, s.currency, s.at, NULL FROM suspended s
LEFT JOIN suspense_cleared c ON c.key = s.key AND c.kind = s.kind AND c.name = s.name AND c.record = ''
WHERE s.at < ?1 AND c.amount IS NOT s.amount
UNION ALL
SELECT p.key, 'gateway', coalesce(p.gateway, ''), coalesce(p.amount, p.paid),
  CASE WHEN p.amount IS NULL THEN p.paid_currency ELSE p.currency END, p.seen_at, p.day
FROM payment p LEFT JOIN suspense_cleared c
  ON c.key = p.key AND c.kind = 'gateway' AND c.name = coalesce(p.gateway, '') AND c.record = p.record
WHERE p.suspense = 1 AND coalesce(p.day <= ?2, p.seen_at < ?1) AND c.amount IS NOT coalesce(p.amount, p.paid)
ORDER BY 1, 2, 3;

-- name: suspense_open
-- What of one name was paid before an instant, or on a business day up to one, went to suspense and is not cleared:
-- (sales channel, kind, name, before, day).
SELECT s.amount, s.currency FROM suspended s
LEFT JOIN suspense_cleared c ON c.key = s.key AND c.kind = s.kind AND c.name = s.name AND c.record = ''
WHERE s.sales_channel = ?1 AND s.kind = ?2 AND s.name = ?3 AND s.at < ?4 AND c.amount IS NOT s.amount
UNION ALL
SELECT coalesce(p.amount, p.paid), CASE WHEN p.amount IS NULL THEN p.paid_currency ELSE p.currency END
FROM payment p LEFT JOIN suspense_cleared c
  ON c.key = p.key AND c.kind = 'gateway' AND c.name = coalesce(p.gateway, '') AND c.record = p.record
WHERE ?2 = 'gateway' AND p.suspense = 1 AND p.sales_channel = ?1 AND coalesce(p.gateway, '') = ?3
  AND coalesce(p.day <= ?5, p.seen_at < ?4)
  AND c.amount IS NOT coalesce(p.amount, p.paid);

-- name: clear_suspended
-- A person has moved it in Fulfil: (sales channel, kind, name, before, at, by, reason).
INSERT INTO suspense_cleared (key, kind, name, record, amount, currency, at, by, reason)
SELECT key, kind, name, '', amount, currency, ?5, ?6, ?7 FROM suspended
WHERE sales_channel = ?1 AND kind = ?2 AND name = ?3 AND at < ?4
ON CONFLICT (key, kind, name, record) DO UPDATE SET
  amount = excluded.amount, currency = excluded.currency, at = excluded.at, by = excluded.by, reason = excluded.reason
  WHERE suspense_cleared.amount <> excluded.amount;

-- name: clear_suspended_payments
-- The same of payments that came later: (sales channel, gateway, before, at, by, reason, day).
INSERT INTO suspense_cleared (key, kind, name, record, amount, currency, at, by, reason)
SELECT key, 'gateway', coalesce(gateway, ''), record, coalesce(amount, paid),
  CASE WHEN amount IS NULL THEN paid_currency ELSE currency END, ?4, ?5, ?6
FROM payment WHERE suspense = 1 AND sales_channel = ?1 AND coalesce(gateway, '') = ?2 AND coalesce(day <= ?7, seen_at < ?3)
ON CONFLICT (key, kind, name, record) DO UPDATE SET
  amount = excluded.amount, currency = excluded.currency, at = excluded.at, by = excluded.by, reason = excluded.reason
  WHERE suspense_cleared.amount <> excluded.amount;

-- name: suspense_cleared
-- What was cleared of these orders: (:keys).
SELECT key, kind, name, record, amount, by FROM suspense_cleared WHERE key IN (:keys);

-- name: close_accepted
-- Differences that people have accepted, of orders placed before an instant: (before).
SELECT a.key, a.by, a.amount, a.currency, coalesce(o.placed_at, o.changed_at)
FROM accepted_difference a JOIN order_view o ON o.key = a.key
WHERE coalesce(o.placed_at, o.changed_at) < ?1 ORDER BY a.key, a.cause, a.at;

-- name: close_beginning
-- The first business that anything is known of: the first order's instant, the first payout's day, the first stated day.
SELECT (SELECT min(coalesce(placed_at, changed_at)) FROM order_view), (SELECT min(coalesce(paid_on, expected_on)) FROM payout),
  (SELECT min(day) FROM statement);

-- name: report_payouts
-- Every payout, but those that are in a statement: (after key, limit).
SELECT key, sales_channel, provider, currency, is_statement, received, paid, bank, net, paid_on, expected_on, told_at
FROM payout p WHERE key > ?1 AND NOT EXISTS (SELECT 1 FROM payout_in_statement s WHERE s.key = p.key)
ORDER BY key LIMIT ?2;

-- name: report_lines
-- Every line of a payout: (after payout's key, after line, limit).
SELECT payout, line, kind, at, amount, fee, tax, gap, "order" FROM payout_line
WHERE (payout, line) > (?1, ?2) ORDER BY payout, line LIMIT ?3;

-- name: report_orders
-- Orders whose money is followed, with how it moved: (after key, limit).
SELECT c.key, coalesce(o.placed_at, o.changed_at), c.tenders FROM order_closing c JOIN order_view o ON o.key = c.key
WHERE c.key > ?1 ORDER BY c.key LIMIT ?2;

-- name: report_lines_of_orders
-- Charges and refunds in payouts, of the orders behind one key up to another: (after key, to key).
SELECT "order", payout, kind, at, amount, presentment, payment, payment_alias, refund FROM payout_line
WHERE "order" > ?1 AND "order" <= ?2 AND kind IN ('sale', 'refund') ORDER BY "order", payout, line;

-- name: report_days
-- On which days money moved that came after the creates of those orders: (after key, to key).
SELECT key, reference, day FROM payment
WHERE key > ?1 AND key <= ?2 AND day IS NOT NULL AND reference <> '' AND type <> 'fields';

-- name: report_booked
-- What is posted in the ledger: (after payout's key, after number, limit).
SELECT p.payout, p.number, p.gateway, p.currency, p.event, p.amount, p.booked_on, p.exchanged
FROM posting p JOIN posting_batch b ON b.reference = p.batch
WHERE b.status IN ('posted', 'empty') AND (p.payout, p.number) > (?1, ?2) ORDER BY p.payout, p.number LIMIT ?3;

-- name: report_sold
-- Orders that have a sale, with how their money moved, whether something of them is still to leave, and what is
-- invoiced: (after key, limit).
SELECT o.key, o.sales_channel, o.reference, coalesce(o.placed_at, o.changed_at), o.amount, o.currency, c.tenders,
  EXISTS (SELECT 1 FROM unshipped u WHERE u.key = o.key), i.invoices
FROM order_view o LEFT JOIN order_closing c ON c.key = o.key LEFT JOIN sale_invoices i ON i.key = o.key
WHERE o.key > ?1 AND o.state = 'imported' ORDER BY o.key LIMIT ?2;

-- name: report_shipments
-- When something left of the orders behind one key up to another, and when that was seen: (after key, to key).
SELECT key, shipped_at, seen_at FROM fulfilment
WHERE key > ?1 AND key <= ?2 AND state NOT IN ('withdrawn', 'withdrawing') ORDER BY key, shipped_at, notice;

-- name: report_reads
-- What of Fulfil's books is read at all: invoices, the cost of shipments; and whether any was booked by a day: (day).
SELECT EXISTS (SELECT 1 FROM sale_invoices), EXISTS (SELECT 1 FROM shipment_cost),
  EXISTS (SELECT 1 FROM shipment_cost WHERE booked = 'booked' AND coalesce(booked_on, '') <= ?1);

-- name: report_uncosted
-- Shipments that had left before an instant and whose cost was not booked by a day, with each of their orders:
-- (before, day, after shipment, after order, limit).
SELECT c.shipment, f.number, f.key, f.sales_channel, o.reference, f.shipped_at
FROM shipment_cost c JOIN shipment_order s ON s.shipment = c.shipment
JOIN fulfilment f ON f.key = s.key AND f.shipment = c.shipment LEFT JOIN order_view o ON o.key = f.key
WHERE (c.booked = 'missing' OR c.booked_on > ?2) AND f.shipped_at < ?1 AND f.state NOT IN ('withdrawn', 'withdrawing')
  AND (c.shipment, f.key) > (?3, ?4)
ORDER BY c.shipment, f.key LIMIT ?5;

-- name: report_costs_unread
-- Shipments of a sales channel that had left before an instant and whose cost nobody has looked for: (sales channel, before).
SELECT count(DISTINCT shipment) FROM fulfilment f
WHERE f.sales_channel = ?1 AND f.shipped_at < ?2 AND f.shipment GLOB 'out-*'
  AND f.state NOT IN ('withdrawn', 'withdrawing')
  AND NOT EXISTS (SELECT 1 FROM shipment_cost c WHERE c.shipment = f.shipment);

-- name: put_month_stock
-- What was on stock of a SKU at a place when a month ended.
INSERT INTO month_stock (month, place, sku, on_hand, cost, read_at) VALUES :rows(6)
ON CONFLICT (month, place, sku) DO UPDATE SET
  on_hand = excluded.on_hand, cost = excluded.cost, read_at = excluded.read_at;

-- name: put_month_kept
-- All of it is kept.
INSERT INTO month_kept (month, began_at, kept_at, levels) VALUES :rows(4) ON CONFLICT (month) DO NOTHING;

-- name: stock_known
-- Whether any level was ever read.
SELECT 1 FROM stock_level LIMIT 1;

-- name: stock_to_keep
-- What is on stock now, with what it costs, as far as it was told: (after place, after sku, limit).
SELECT l.place, l.sku, l.on_hand, c.cost_price, l.read_at
FROM stock_level l LEFT JOIN catalogue c ON c.product = l.product AND c.gone_at IS NULL
WHERE (l.place, l.sku) > (?1, ?2) AND CAST(l.on_hand AS REAL) <> 0 ORDER BY l.place, l.sku LIMIT ?3;

-- name: month_kept
-- Whether what was on stock at the end of a month is kept: (month).
SELECT began_at, kept_at, levels FROM month_kept WHERE month = ?1;

-- name: month_stock
-- What was on stock then: (month, after place, after sku, limit).
SELECT place, sku, on_hand, cost, read_at FROM month_stock WHERE month = ?1 AND (place, sku) > (?2, ?3)
ORDER BY place, sku LIMIT ?4;

-- name: put_month_account
-- What a month has moved on an account in Fulfil, as it was read; a later read that finds the same changes nothing.
INSERT INTO month_account (month, account, debit, credit, lines, is_final, read_at) VALUES :rows(7)
ON CONFLICT (month, account) DO UPDATE SET
  debit = excluded.debit, credit = excluded.credit, lines = excluded.lines, is_final = excluded.is_final,
  read_at = excluded.read_at
WHERE (debit, credit, lines, is_final) <> (excluded.debit, excluded.credit, excluded.lines, excluded.is_final);

-- name: month_accounts
-- What was read of months up to one: (month).
SELECT month, account, debit, credit, is_final, read_at FROM month_account WHERE month <= ?1 ORDER BY month, account;

-- name: orders_at_hand
-- What is known of some orders: (:keys).
SELECT key, state, sale, sale_number FROM order_view WHERE key IN (:keys);

-- name: batches_at_hand
-- Which of these references are of batches that were made here: (:keys).
SELECT reference FROM posting_batch WHERE reference IN (:keys);
