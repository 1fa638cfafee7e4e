"""How many units of each product an order needs: what must not be sold to anybody else (rules 8 and 11). Pure.

Counted are goods that have to be shipped by us: not gift cards, services and downloads, nothing that its sales channel
ships itself or that was shipped already, nothing of test orders. SKUs are Fulfil's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime

from flows.model.order import BY_CHANNEL, FulfilmentStatus, Order
from flows.model.order_state import OrderState, Status
from runtime.clock import to_instant
from runtime.decision import Write
from runtime.key import partition_of

Units = dict[str, int]
_NOTHING: Units = {}


def units_of(order: Order) -> Units:
    """The units that an order needs, by SKU; the order is under Fulfil's SKUs. A part of a unit is a whole one."""
    if order.test or BY_CHANNEL in order.tags or order.fulfilment_status is FulfilmentStatus.SHIPPED:
        return _NOTHING
    units: Units = {}
    for line in order.lines:
        quantity = line.quantity if line.quantity_left is None else min(line.quantity, line.quantity_left)
        if line.sku is not None and line.requires_shipping and not line.gift_card and quantity > 0:
            units[line.sku] = units.get(line.sku, 0) + math.ceil(quantity)
    return units


def at_least(one: Mapping[str, int], other: Mapping[str, int]) -> Units:
    """The larger number of each: increases count at once, decreases only when Fulfil shows them."""
    return {sku: max(one.get(sku, 0), other.get(sku, 0)) for sku in {**one, **other}}


def needed(state: OrderState) -> Mapping[str, int]:
    """What an order needs as it stands. Nothing of it is needed any more once its sale is cancelled, or never was."""
    return _NOTHING if state.status in (Status.CANCELLED, Status.EXCLUDED) else state.units


def unit_rows(key: str, before: OrderState, after: OrderState, now: datetime) -> Sequence[Write]:
    """The rows for a change of what an order needs, and of what of it is in Fulfil."""
    old, new = needed(before), needed(after)
    if old == new and (before.sale, before.sold) == (after.sale, after.sold):
        return ()
    at, sales_channel = to_instant(now), partition_of(key)
    rows = [
        Write("put_units", (key, sku, sales_channel, units, after.sold.get(sku, 0) if after.sale else 0, after.sale))
        for sku, units in new.items()
    ]
    rows += [Write("drop_units", (key, sku)) for sku in old if sku not in new]
    changed = [sku for sku in {**old, **new} if old.get(sku) != new.get(sku)]
    return [*rows, *(Write("put_stock_due", (sku, at)) for sku in changed)]
