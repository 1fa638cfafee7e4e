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
        [(line.id, line.sku, line.quantity, *_figures(line), *_left(line)) for line in order.lines],
        [(line.service, *_figures(line)) for line in order.shipping_lines],
        [each.shop.amount for each in (order.tips, order.duties, order.fees) if each is not None],
        order.shipping_address,
        order.billing_address,
    )
    if order.fee_taxes or order.tip_taxes:
        parts = (*parts, [tax.amount.shop.amount for tax in order.fee_taxes + order.tip_taxes])
    return digest(msgspec.msgpack.encode(parts)).hex()


def _left(line: Line) -> tuple[Decimal, ...]:
    """What is left of a line of which something was taken away; nothing for a whole one."""
    left = line.quantity_left
    return (left,) if left is not None and left != line.quantity else ()


def _figures(line: Line | ShippingLine) -> tuple[Decimal | None, ...]:
    discount = line.discount.shop.amount if line.discount is not None else None
    return line.gross.shop.amount, discount, *[tax.amount.shop.amount for tax in line.taxes]
