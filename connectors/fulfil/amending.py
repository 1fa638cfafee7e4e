"""Changing a sale that exists under its order's own key, where the tenant takes a second create as an update.

The other way is to write its lines (`lines`). Which one a tenant can do is probed; what it cannot, it refuses.
Source: the order interface of sales channels (updates).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec

from connectors.fulfil.calls import Ask, Sought, Write, encode
from connectors.fulfil.changes import Page
from connectors.fulfil.sales import ORDER_LINES, OrderLine, OrderLines, figures_stand
from connectors.fulfil.typed import decimal_out
from connectors.fulfil.wire import (
    CreatedSale,
    ShippingLine,
    TaxLine,
    decode_created_sale,
    shipping_line_out,
    tax_lines_out,
)
from runtime.decision import Repeat


class LineAmended(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line as it shall be; `channel_identifier` is the key by which Fulfil knows it. What is None is left alone.

    `quantity_canceled` reduces or cancels a line that is past the gate, where a tenant offers it.
    """

    channel_identifier: str
    sku: str | None = None
    quantity: Decimal | None = None
    quantity_canceled: Decimal | None = None
    unit_price: Decimal | None = None
    amount: Decimal | None = None
    tax_lines: tuple[TaxLine, ...] | None = None


class AmendOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Changes to an order that has a sale: only the lines to add or to change, under the order's own key."""

    channel_identifier: str
    sale_lines: tuple[LineAmended, ...]
    shipping_lines: tuple[ShippingLine, ...] = ()
    amount: Decimal | None = None
    """The order's new total, with tax and shipping."""


_UNSEEN: Final = frozenset(("quantity_canceled", "tax_lines"))
_decode_amendment: Final = msgspec.json.Decoder(tuple[int, dict[str, Any]]).decode


def amend_order(channel_id: int, order: AmendOrder) -> Ask[CreatedSale]:
    """Send the changed lines under the order's key, where the tenant takes a second create as an update.

    Keyed: the bytes say how the lines shall be, so the same bytes again change nothing. Only for a tenant that is known
    to do so (the newer order interface of sales channels documents it, the older one promises the first answer again).
    """
    wired = msgspec.structs.replace(
        order,
        amount=_money(order.amount),
        sale_lines=tuple([_line(line) for line in order.sale_lines]),
        shipping_lines=tuple([shipping_line_out(line) for line in order.shipping_lines]),
    )
    return AMEND_ORDER.ask(encode((channel_id, wired)))


def _line(line: LineAmended) -> LineAmended:
    return msgspec.structs.replace(
        line,
        unit_price=_money(line.unit_price),
        amount=_money(line.amount),
        tax_lines=None if line.tax_lines is None else tax_lines_out(line.tax_lines),
    )


def _money(amount: Decimal | None) -> Any:
    return None if amount is None else decimal_out(amount)


def _sought_order_lines(body: bytes) -> Sought[OrderLines, Page[OrderLine]]:
    channel, order = _decode_amendment(body)
    return Sought(ORDER_LINES, OrderLines(channel=channel, channel_identifier=_key(order)))


def _key(order: dict[str, Any]) -> str:
    key = order.get("channel_identifier")
    if not isinstance(key, str):
        raise msgspec.DecodeError("the stored order has no key")
    return key


def _amended(body: bytes, found: Page[OrderLine]) -> CreatedSale | None:
    """The sale, when all that the bytes say can be seen in its lines, and each of them stands so.

    A cancelled quantity, taxes and shipping cannot be seen there: they are repeated, which under the same key changes
    nothing. To take a change for made that was not would lose it.
    """
    _, order = _decode_amendment(body)
    if order.get("shipping_lines"):
        return None
    there = {row.channel_identifier: row for row in found.rows}
    sale_id: int | None = None
    for line in order["sale_lines"]:
        row = there.get(line["channel_identifier"])
        if row is None or not _UNSEEN.isdisjoint(line) or not figures_stand(line, row):
            return None
        if line.get("sku") not in (None, row.product_code):
            return None
        sale_id = row.sale
    return None if sale_id is None else CreatedSale(id=sale_id, channel_identifier=_key(order))


AMEND_ORDER: Final[Write[CreatedSale]] = Write(
    kind="amend_order",
    path="model/sale.channel/create_order",
    repeat=Repeat.KEYED,
    decode=lambda answer, _: decode_created_sale(answer.body),
    sought=_sought_order_lines,
    verdict=_amended,
)
