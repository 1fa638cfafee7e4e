"""The transactions that paid an order, as rows: what payouts are matched with."""

from __future__ import annotations

from flows.model.tenders import tender_rows
from tests.unit.made_orders import order


def test_each_payment_that_is_named_is_a_row() -> None:
    """By the sales channel's own id; a payment that is derived from a status has none."""
    made = order()
    rows = tender_rows("web/1", made)
    assert [write.row[1] for write in rows] == [each.id for each in made.payments if not each.derived]
    assert all(write.row[0] == made.sales_channel and write.row[2] == "web/1" for write in rows)
