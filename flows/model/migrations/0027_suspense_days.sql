-- What went to suspense is of the day on which its order was placed, where nothing says when it was paid, and not of that
-- on which the sale was made.
UPDATE suspended SET at = coalesce((SELECT o.placed_at FROM order_view o WHERE o.key = suspended.key), at);
