-- No query could use this index: `orders_listed` compares the state only when one is asked for, and counting reads every
-- row. It cost each order four changes of a tree.

DROP INDEX order_view_by_state;
