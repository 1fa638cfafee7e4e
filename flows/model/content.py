"""What a sale is made of, as a digest: two versions of an order with the same content need the same sale."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter

import msgspec

from flows.model.money import EXACT
from flows.model.order import Line, Order, ShippingLine, TaxLine
from runtime.delivery import digest

_id = attrgetter("id")
_plain = EXACT.normalize
"""10.00 and 10 are one figure, and so is one that another way of delivery writes with other digits behind the point."""


def content_of(order: Order) -> str:
    """The digest of what a sale is made of, without statuses, payments and shipments: they change by themselves.

    Units that an edit or a refund took away are a change, though the sales channel leaves quantity and total as sold.
    Another order of the same lines is none.
    """
    total = order.totals.total
    parts: tuple[object, ...] = (
        order.currency,
        _plain(total.shop.amount),
        list(map(_of_line, sorted(order.lines, key=_id))),
        list(map(_of_shipping, sorted(order.shipping_lines, key=_id))),
        [None if each is None else _plain(each.shop.amount) for each in (order.tips, order.duties, order.fees)],
        order.shipping_address,
        order.billing_address,
    )
    if total.presentment is not None:
        parts = (*parts, total.presentment.currency, _plain(total.presentment.amount))
    if order.fee_taxes or order.tip_taxes or order.duty_taxes:
        parts = (*parts, *(_of_taxes(each) for each in (order.fee_taxes, order.tip_taxes, order.duty_taxes)))
    return digest(msgspec.msgpack.encode(parts)).hex()


def _of_line(line: Line) -> list[object]:
    """A line; what is left of it, when something was taken away."""
    parts: list[object] = [line.id, line.sku, _plain(line.quantity), *_figures(line)]
    if line.quantity_left is not None and line.quantity_left != line.quantity:
        parts.append([_plain(line.quantity_left)])
    return parts


def _of_shipping(line: ShippingLine) -> list[object]:
    return [line.service, *_figures(line)]


def _figures(line: Line | ShippingLine) -> list[object]:
    figures: list[object] = [
        _plain(line.gross.shop.amount),
        None if line.discount is None else _plain(line.discount.shop.amount),
    ]
    if line.taxes:
        figures += _of_taxes(line.taxes)
    return figures


def _of_taxes(taxes: Iterable[TaxLine]) -> list[object]:
    """Which tax it is decides where Fulfil books it, and whether it is ours to pay."""
    found: list[object] = []
    for tax in taxes:
        found += (tax.name, _plain(tax.amount.shop.amount), tax.withheld)
    return found
