"""What a sale of an order must say, by plain sums over the fields that the order's sales channel publishes.

Pure, and on purpose without a word of Seamline's own reading: the observer holds these figures against the books.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Literal

import msgspec


class Line(msgspec.Struct, frozen=True, order=True):
    """Goods on a sale: `amount` is after discounts and before tax."""

    sku: str
    quantity: Decimal
    amount: Decimal


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a sale must say, in its currency. Shipping and lines are before tax; `lines` is sorted."""

    currency: str
    total: Decimal
    goods: Decimal
    tax: Decimal
    shipping: Decimal
    paid: Decimal
    """What was charged for it, as the sales channel says."""
    refunded: Decimal
    """What was given back of that."""
    lines: tuple[Line, ...]


def figures(format_: Literal["shopify", "woocommerce"], body: bytes) -> Figures:
    """The figures of an order that is paid in full, from its sales channel's own JSON: of what is left of it, where
    the sales channel says which whole lines were taken away. What was charged is all that was ever on it.
    """
    order = msgspec.json.decode(body)
    return _of_shopify(order) if format_ == "shopify" else _of_woocommerce(order)


def reference(format_: Literal["shopify", "woocommerce"], body: bytes) -> str:
    """The order's number, as people say it."""
    order = msgspec.json.decode(body)
    return str(order["name"] if format_ == "shopify" else order["number"])


def skus(body: bytes) -> set[str]:
    """Everything that was ever on an order, in either format."""
    return {line["sku"] for line in msgspec.json.decode(body)["line_items"]}


def _of_shopify(order: Mapping[str, Any]) -> Figures:
    included = order["taxes_included"]
    items = [line for line in order["line_items"] if line["current_quantity"]]
    if any(line["current_quantity"] != line["quantity"] for line in items):
        raise ValueError("a line has lost some of its pieces; the demo's orders lose whole lines")
    lines = []
    for line in items:
        gross = Decimal(line["price"]) * line["quantity"]
        discount = _sum(each["amount"] for each in line["discount_allocations"])
        net = gross - discount - (_tax(line) if included else 0)
        lines.append(Line(line["sku"], Decimal(line["quantity"]), net))
    costs = order["shipping_lines"]
    return Figures(
        currency=order["currency"],
        total=Decimal(order["current_total_price"]),
        goods=sum((line.amount for line in lines), Decimal(0)),
        tax=sum((_tax(taxed) for taxed in (*items, *costs)), Decimal(0)),
        shipping=sum((Decimal(cost["price"]) - (_tax(cost) if included else 0) for cost in costs), Decimal(0)),
        paid=Decimal(order["total_price"]),
        refunded=_sum(each["amount"] for refund in order["refunds"] for each in refund["transactions"]),
        lines=tuple(sorted(lines)),
    )


def _of_woocommerce(order: Mapping[str, Any]) -> Figures:
    """Its line totals are after discounts and before tax, whatever the prices shown."""
    items = order["line_items"]
    lines = [Line(line["sku"], Decimal(line["quantity"]), Decimal(line["total"])) for line in items]
    return Figures(
        currency=order["currency"],
        total=Decimal(order["total"]),
        goods=sum((line.amount for line in lines), Decimal(0)),
        tax=Decimal(order["total_tax"]),
        shipping=Decimal(order["shipping_total"]),
        paid=Decimal(order["total"]),
        refunded=-_sum(refund["total"] for refund in order["refunds"]),
        lines=tuple(sorted(lines)),
    )


def _tax(taxed: Mapping[str, Any]) -> Decimal:
    return _sum(tax["price"] for tax in taxed["tax_lines"])


def _sum(amounts: Iterable[str]) -> Decimal:
    return sum(map(Decimal, amounts), Decimal(0))
