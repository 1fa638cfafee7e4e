"""What the sale of an order is to be in Fulfil, as the row that the reconciler compares with what is there. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from connectors.fulfil.wire import CreateOrder
from flows.model.money import ZERO, exactly
from flows.model.order_state import OrderState, Status
from runtime.clock import to_instant
from runtime.decision import Write

_THERE = (Status.IMPORTED, Status.CANCELLED)


@exactly
def taxes_of(sale: CreateOrder) -> Decimal:
    """All taxes that are sent with a sale."""
    taxes = [tax.amount for line in sale.sale_lines for tax in line.tax_lines]
    taxes += [tax.amount for line in sale.shipping_lines for tax in line.tax_lines]
    return sum(taxes, ZERO)


@exactly
def captured_by(sale: CreateOrder) -> Decimal:
    """All money that is sent with a sale as captured."""
    return sum((payment.amount for payment in sale.payments), ZERO)


@exactly
def ordered_by(sale: CreateOrder) -> dict[str, Decimal]:
    """How many units of each SKU of Fulfil's are sent with a sale: goods, and what carries tips, duties, fees and
    roundings.
    """
    units: dict[str, Decimal] = {}
    for line in sale.sale_lines:
        if line.sku is not None:
            units[line.sku] = units.get(line.sku, ZERO) + line.quantity
    return units


@exactly
def ordered_after(ordered: Mapping[str, Decimal], before: CreateOrder, after: CreateOrder) -> dict[str, Decimal]:
    """The units of a sale that had `ordered`, when what makes `after` of `before` is done to it. Units that came back
    after they were shipped are in no version any more, and stay in the sale. Empty: not known, and so not after it; nor
    where less than nothing would be left of a SKU, as when an alias has become another one since.
    """
    if not ordered:
        return {}
    was, is_ = ordered_by(before), ordered_by(after)
    changed = {sku: is_.get(sku, ZERO) - was.get(sku, ZERO) for sku in {**was, **is_}}
    units = {sku: ordered.get(sku, ZERO) + changed.get(sku, ZERO) for sku in {**ordered, **changed}}
    if any(quantity < ZERO for quantity in units.values()):
        return {}
    return {sku: quantity for sku, quantity in units.items() if quantity}


def expected_rows(key: str, before: OrderState, after: OrderState, now: datetime) -> Sequence[Write]:
    """The row, and that the sale is to be read back, whenever something about it has become another."""
    row = _row(after)
    if row is None or row == _row(before):
        return ()
    at = to_instant(now)
    return (Write("put_expected_sale", (key, *row, at)), Write("put_sale_due", (row[0], at)))


def _row(state: OrderState) -> tuple[Any, ...] | None:
    if state.sale is None or state.status not in _THERE:
        return None
    by_hand = state.by_hand
    tax, captured = (None if by_hand or not each else each for each in (state.tax, state.captured))
    units = None if by_hand or not state.ordered else msgspec.json.encode(state.ordered).decode()
    busy = int(state.work is not None)
    return state.sale, state.status.value, state.amount, state.currency, tax, captured, units, busy
