"""By which transactions an order was paid: what payouts are matched with."""

from __future__ import annotations

from flows.model.order import Order
from runtime.decision import Write


def tender_rows(key: str, order: Order) -> tuple[Write, ...]:
    """A row for each payment that its sales channel names; payments that were derived from a status have no ids."""
    return tuple(
        Write(
            "put_order_tender",
            (order.sales_channel, each.id, key, each.kind.value, str(each.amount.amount), each.amount.currency),
        )
        for each in order.payments
        if each.id and not each.derived
    )
