"""What a sale is made of, as a digest: two versions of an order with the same content need the same sale."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from flows.model.order import Line, Order, ShippingLine
from runtime.delivery import digest


def content_of(order: Order) -> str:
    """The digest of what a sale is made of, without statuses, payments and shipments: they change by themselves.

    Units that an edit or a refund took away are a change, though the sales channel leaves quantity and total as sold.
    """
    parts: tuple[object, ...] = (
        order.totals.total.shop.amount,
        list(map(_of_line, order.lines)),
        list(map(_of_shipping, order.shipping_lines)),
        [each.shop.amount for each in (order.tips, order.duties, order.fees) if each is not None],
        order.shipping_address,
        order.billing_address,
    )
    if order.fee_taxes or order.tip_taxes:
        parts = (*parts, [tax.amount.shop.amount for tax in order.fee_taxes + order.tip_taxes])
    return digest(msgspec.msgpack.encode(parts)).hex()


def _of_line(line: Line) -> list[object]:
    """A line; what is left of it, when something was taken away."""
    parts: list[object] = [line.id, line.sku, line.quantity, *_figures(line)]
    if line.quantity_left is not None and line.quantity_left != line.quantity:
        parts.append(line.quantity_left)
    return parts


def _of_shipping(line: ShippingLine) -> list[object]:
    return [line.service, *_figures(line)]


def _figures(line: Line | ShippingLine) -> list[Decimal | None]:
    figures: list[Decimal | None] = [
        line.gross.shop.amount,
        None if line.discount is None else line.discount.shop.amount,
    ]
    for tax in line.taxes:
        figures.append(tax.amount.shop.amount)  # noqa: PERF401 - a comprehension is a call of its own
    return figures
