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
UNITS_MAX = 10**12
"""More of one product is no quantity, but a mistake somewhere; a figure that small is below zero anyway."""
_NOTHING: Units = {}
_OVER = (Status.CANCELLED, Status.EXCLUDED)
NOW, SWEPT = 0, 1
"""How urgent it is that a figure is looked at: something happened, or a sweep found it."""


def units_of(order: Order, *, tests: bool = False) -> Units:
    """The units that an order needs, by SKU; the order is under Fulfil's SKUs. A part of a unit is a whole one.

    `tests`: those of a test order, too. Nobody ships them, but its sales channel keeps them for it.
    """
    if (order.test and not tests) or BY_CHANNEL in order.tags or order.fulfilment_status is FulfilmentStatus.SHIPPED:
        return _NOTHING
    units: Units = {}
    for line in order.lines:
        quantity = line.quantity if line.quantity_left is None else min(line.quantity, line.quantity_left)
        if line.sku is not None and line.requires_shipping and not line.gift_card and quantity > 0:
            units[line.sku] = min(UNITS_MAX, units.get(line.sku, 0) + min(math.ceil(quantity), UNITS_MAX))
    return units


def at_least(one: Mapping[str, int], other: Mapping[str, int]) -> Units:
    """The larger number of each: increases count at once, decreases only when Fulfil shows them."""
    return {sku: max(one.get(sku, 0), other.get(sku, 0)) for sku in {**one, **other}}


def needed(state: OrderState) -> Mapping[str, int]:
    """What an order needs as it stands. Nothing of it is needed any more once its sale is cancelled, or never was."""
    return _NOTHING if state.status in _OVER else state.units


def claimed(state: OrderState) -> Mapping[str, int]:
    """What the sales channel takes its order for: its newest version, whatever has become of that here."""
    return needed(state) if state.claimed is None else state.claimed


def unit_rows(key: str, before: OrderState, after: OrderState, now: datetime) -> Sequence[Write]:
    """The rows for a change of what an order needs, and of what of it is in Fulfil.

    An order that was decided on before anybody counted has none in its state: what was counted of it then
    (`flows.stock.backlog`) is followed here by its key.
    """
    old, new = needed(before), needed(after)
    was, is_ = claimed(before), claimed(after)
    at, sales_channel = to_instant(now), partition_of(key)
    rows = []
    if not old and (new or (before.status not in _OVER and after.status in _OVER)):
        rows += [Write("due_units_of_order", (at, key)), Write("drop_units_of_order", (key,))]
    elif not new and before.sale is None and after.sale is not None:
        rows.append(Write("sell_units", (after.sale, at, key)))
    is_as_before = (old, before.sale, before.sold) == (new, after.sale, after.sold)
    if is_as_before and was == is_:
        return rows
    changed, moved = _changed(old, new), _changed(was, is_)
    for sku in {**new, **is_}:
        if is_as_before and sku in new:  # what Fulfil has reserved of it by now is not counted anew
            rows.append(Write("claim_units", (is_.get(sku, 0), key, sku)))
            continue
        sold = after.sold.get(sku, 0) if after.sale else 0
        row = (key, sku, sales_channel, new.get(sku, 0), sold, after.sale, at, is_.get(sku, 0))
        rows.append(Write("put_units", row))
    rows += [Write("drop_units", (key, sku)) for sku in {**old, **was} if sku not in new and sku not in is_]
    rows += [Write("put_stock_due", (sku, at, NOW)) for sku in dict.fromkeys((*changed, *moved))]
    return [*rows, *(Write("put_stock_moved", (sku, sales_channel)) for sku in moved)]


def _changed(one: Mapping[str, int], other: Mapping[str, int]) -> list[str]:
    return [sku for sku in {**one, **other} if one.get(sku) != other.get(sku)]
