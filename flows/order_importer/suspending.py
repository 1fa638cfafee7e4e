"""What of an order goes into its sale under a name that finance has approved: its story, and what finance sees. Pure.

The rows are of a create: they begin with it, and end with it when it comes to nothing. One that was given up as absent
may be there all the same, and keeps them until it is made anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from flows.model.order import Order
from flows.model.order_state import ON_ITS_WAY, OrderState, Status
from flows.model.sale import SaleSettings
from flows.model.suspense import Suspended, suspended
from runtime.clock import to_instant
from runtime.decision import Fact, Write

PUT, END = "put_suspended", "end_suspended"
"""Statements: what went there; nothing of the order did."""


def suspending(order: Order, settings: SaleSettings, *, paid: bool) -> tuple[tuple[Fact, ...], tuple[Write, ...]]:
    """The facts and the rows of what the sale of this order, as it is left, goes there with. `paid`: its payments are
    sent with it.
    """
    if settings.suspense is None:
        return (), ()
    found = suspended(order if paid else msgspec.structs.replace(order, payments=()), settings)
    return tuple(_facts(found)), tuple(_rows(order, found, settings.suspense.approved_by))


def _facts(found: Sequence[Suspended]) -> Iterator[Fact]:
    for each in found:
        values = {"what": each.kind, "name": each.name, "target": each.target, "amount": str(each.amount)}
        yield Fact(kind="suspended", values={**values, "currency": each.currency})


def _rows(order: Order, found: Sequence[Suspended], by: str) -> Iterator[Write]:
    key = f"{order.sales_channel}/{order.order_id}"
    for each in found:
        what = (each.kind, each.name, order.sales_channel, order.reference, each.target, str(each.amount))
        yield Write(PUT, (key, *what, each.currency, by, to_instant(each.at)))


def suspense_ended(key: str, before: OrderState, after: OrderState) -> tuple[Write, ...]:
    """The row that follows when a create has come to nothing, or is made anew."""
    if before.status in ON_ITS_WAY:
        is_over = after.status in (Status.HELD, Status.CANCELLED) and not after.given_up
    else:
        is_over = bool(before.given_up) and after.status is Status.CREATING
    return (Write(END, (key,)),) if is_over else ()
