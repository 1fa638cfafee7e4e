"""The equations of an order with their figures, worked out again from what was received of it. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from flows.config import SalesChannelSettings
from flows.formats import FORMATS
from flows.formats.patched import order_in
from flows.model.order import Order
from flows.model.order_state import OrderState
from flows.model.proof import Equation, prove
from flows.reading import DECIDES, Reading
from runtime.key import partition_of


class EquationTold(msgspec.Struct, frozen=True, kw_only=True):
    """What the `terms` (by name; those of nothing are left out) come to is `left`; the sales channel says `right`."""

    name: str
    currency: str
    terms: dict[str, Decimal]
    left: Decimal
    right: Decimal
    difference: Decimal
    holds: bool
    """Within finance's tolerance."""


async def equations_of(
    read: Reading, key: str, channels: Mapping[str, SalesChannelSettings]
) -> tuple[EquationTold, ...] | None:
    """The equations of the version that an order stands at, as it is read with its patch and these settings; None where
    nothing of it is decided on, or can be read, or its payload is not stored any more.
    """
    settings = channels.get(partition_of(key))
    rows = await read.query_list("states", [key], DECIDES)
    delivery = msgspec.json.decode(rows[0][1], type=OrderState).delivery if rows else None
    if settings is None or delivery is None:
        return None
    for _, payload in await read.query_list("bodies", [delivery]):
        order = order_in(FORMATS[settings.format], partition_of(key), payload, await read.patch(key))
        if isinstance(order, Order):
            proof = prove(order, side=settings.sale.side, tolerance=settings.tolerance)
            return tuple(_told(each, settings.tolerance) for each in proof.equations)
    return None


def _told(each: Equation, tolerance: Decimal) -> EquationTold:
    return EquationTold(
        name=each.name,
        currency=each.currency,
        terms={term.name: term.amount.amount for term in each.terms},
        left=each.left.amount,
        right=each.right.amount,
        difference=each.difference.amount,
        holds=each.holds(tolerance),
    )
