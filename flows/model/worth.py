"""What a customer has paid for units of an order, by the order's own figures. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from flows.model.left import units_left
from flows.model.money import EXACT, ZERO, digits_of, quotient
from flows.model.order import Line, Order
from flows.model.proof import returned


def worth_of(order: Order, units: Mapping[str, Decimal]) -> Decimal:
    """Units by line id, in the shop's currency: their share of the line's price, less its discounts, with its taxes."""
    found = ZERO
    for line in order.lines:
        quantity = units.get(line.id, ZERO)
        if quantity and line.quantity:
            paid = EXACT.multiply(_paid(line, order), quantity)
            found = EXACT.add(found, quotient(paid, line.quantity, digits_of(order.currency)))
    return found


def refunded_beyond_units(order: Order) -> Decimal:
    """Money that went back and of which the sales channel does not say for which units, in the shop's currency."""
    left = units_left(order)
    gone = {line.id: line.quantity - left[line.id] for line in order.lines if line.id}
    return max(ZERO, EXACT.subtract(returned(order, order.currency), worth_of(order, gone)))


def _paid(line: Line, order: Order) -> Decimal:
    net = EXACT.subtract(line.gross.shop.amount, line.discount.shop.amount)
    if order.taxes_included:
        return net
    return EXACT.add(net, sum((tax.amount.shop.amount for tax in line.taxes), ZERO))
