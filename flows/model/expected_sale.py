"""What the sale of an order is to be in Fulfil, as the row that the reconciler compares with what is there. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

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


def expected_rows(key: str, before: OrderState, after: OrderState, now: datetime) -> Sequence[Write]:
    """The row, and that the sale is to be read back, whenever something about it has become another."""
    row = _row(after)
    if row is None or row == _row(before):
        return ()
    at = to_instant(now)
    return (Write("put_expected_sale", (key, *row, at)), Write("put_sale_due", (row[0], at)))


def _row(state: OrderState) -> tuple[int, str, str, str, str | None, str | None, int] | None:
    if state.sale is None or state.status not in _THERE:
        return None
    by_hand = state.by_hand
    tax, captured = (None if by_hand or not each else each for each in (state.tax, state.captured))
    return state.sale, state.status.value, state.amount, state.currency, tax, captured, int(state.work is not None)
