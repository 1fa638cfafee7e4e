"""Changing a sale that exists: under the order's own key, or by writing its lines. Which one a tenant can do is probed.

Both say how the lines shall be, both are looked for by reading the lines, and what a tenant cannot do it refuses.
Sources: the order interface of sales channels (updates), Tryton's commands for lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from connectors.fulfil.calls import Applied, Ask, Sought, Write, encode, said_nothing
from connectors.fulfil.changes import Page
from connectors.fulfil.models import Find
from connectors.fulfil.sales import ORDER_LINES, SALE_LINES, OrderLine, OrderLines, SaleLine
from connectors.fulfil.typed import create, decimal_of, decimal_out, delete, write
from connectors.fulfil.wire import CreatedSale, decode_created_sale
from connectors.http import Answer
from runtime.decision import Repeat

# -- amending by the order's key ---------------------------------------------------------------------------------------


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


class AmendOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Changes to an order that has a sale: only the lines to add or to change, under the order's own key."""

    channel_identifier: str
    sale_lines: tuple[LineAmended, ...]
    amount: Decimal | None = None
    """The order's new total, with tax and shipping."""


_decode_amendment: Final = msgspec.json.Decoder(tuple[int, dict[str, Any]]).decode


def amend_order(channel_id: int, order: AmendOrder) -> Ask[CreatedSale]:
    """Send the changed lines under the order's key, where the tenant takes a second create as an update.

    Keyed: the bytes say how the lines shall be, so the same bytes again change nothing. Only for a tenant that is known
    to do so (the newer order interface of sales channels documents it, the older one promises the first answer again).
    """
    wired = msgspec.structs.replace(
        order,
        amount=_money(order.amount),
        sale_lines=tuple(
            [
                msgspec.structs.replace(line, unit_price=_money(line.unit_price), amount=_money(line.amount))
                for line in order.sale_lines
            ]
        ),
    )
    return AMEND_ORDER.ask(encode((channel_id, wired)))


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
    """The sale, when each line stands as the bytes say.

    A cancelled quantity cannot be seen in lines, so it is repeated, which under the same key changes nothing.
    """
    _, order = _decode_amendment(body)
    there = {row.channel_identifier: row for row in found.rows}
    sale_id: int | None = None
    for line in order["sale_lines"]:
        row = there.get(line["channel_identifier"])
        if row is None or "quantity_canceled" in line or not _stands(line, row):
            return None
        sale_id = row.sale
    return None if sale_id is None else CreatedSale(id=sale_id, channel_identifier=_key(order))


def _stands(line: dict[str, Any], row: SaleLine) -> bool:
    """Whether a line that exists has the figures that were sent."""
    asked = {name: decimal_of(line[name]) for name in ("quantity", "unit_price") if name in line}
    return all(getattr(row, name) == figure for name, figure in asked.items())


AMEND_ORDER: Final[Write[CreatedSale]] = Write(
    kind="amend_order",
    path="model/sale.channel/create_order",
    repeat=Repeat.KEYED,
    decode=lambda answer, _: decode_created_sale(answer.body),
    sought=_sought_order_lines,
    verdict=_amended,
)


# -- amending by writing lines -----------------------------------------------------------------------------------------


class LineChange(msgspec.Struct, frozen=True, kw_only=True):
    """New figures for a line that exists. None: as it is."""

    id: int
    quantity: Decimal | None = None
    unit_price: Decimal | None = None


class NewLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line to add. `channel_identifier` is how it is looked for after a lost answer."""

    channel_identifier: str
    product: int
    unit: int
    quantity: Decimal
    unit_price: Decimal
    description: str = ""
    taxes: tuple[int, ...] = ()


def amend_sale(
    sale_id: int, *, change: Sequence[LineChange] = (), remove: Sequence[int] = (), add: Sequence[NewLine] = ()
) -> Ask[Applied]:
    """Change, remove and add lines of one sale in one call, all or nothing. Raises ValueError when there is nothing to
    do, and for a figure that is not finite.

    Check first: nothing dedupes it. Where a tenant does not keep `channel_identifier` on a written line, an added line
    is recognised by its product, quantity and price.
    """
    commands: list[Any] = [write((each.id,), _figures(each.quantity, each.unit_price)) for each in change]
    if remove:
        commands.append(delete(remove))
    if add:
        commands.append(create(*[_new_line(each) for each in add]))
    if not commands:
        raise ValueError("there is nothing to amend")
    return AMEND_SALE.ask(encode(((sale_id,), {"lines": commands})))


def _figures(quantity: Decimal | None, unit_price: Decimal | None) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    if quantity is not None:
        figures["quantity"] = _quantity(quantity)
    if unit_price is not None:
        figures["unit_price"] = decimal_out(unit_price)
    if not figures:
        raise ValueError("a line is to be changed, and nothing about it differs")
    return figures


def _quantity(quantity: Decimal) -> Decimal:
    if not quantity.is_finite():
        raise ValueError(f"{quantity} is not a quantity that can be sent")
    return quantity


def _new_line(line: NewLine) -> dict[str, Any]:
    return {
        "type": "line",
        "channel_identifier": line.channel_identifier,
        "product": line.product,
        "unit": line.unit,
        "description": line.description,
        **_figures(line.quantity, line.unit_price),
        **({"taxes": [("add", line.taxes)]} if line.taxes else {}),
    }


class _Lines(msgspec.Struct, frozen=True):
    lines: list[list[Any]]


_decode_write: Final = msgspec.json.Decoder(tuple[tuple[int], _Lines]).decode


def _sought_lines(body: bytes) -> Sought[Find, Page[SaleLine]]:
    (sale_id,), _ = _decode_write(body)
    return Sought(SALE_LINES.find, Find(by="sale", values=(sale_id,)))


def _lines_written(body: bytes, found: Page[SaleLine]) -> Applied | None:
    """One transaction: all of it stands, or nothing was applied."""
    (sale_id,), values = _decode_write(body)
    there = {row.id: row for row in found.rows}
    for verb, *arguments in values.lines:
        match verb:
            case "write":
                ids, figures = arguments
                stands = all(id_ in there and _stands(figures, there[id_]) for id_ in ids)
            case "delete":
                stands = not any(id_ in there for id_ in arguments[0])
            case _:
                stands = all(any(_is_it(line, row) for row in found.rows) for line in arguments[0])
        if not stands:
            return None
    return Applied((sale_id,))


def _is_it(line: dict[str, Any], row: SaleLine) -> bool:
    if row.channel_identifier is not None:
        return bool(row.channel_identifier == line["channel_identifier"])
    return row.product == line["product"] and _stands(line, row)


def _written(answer: Answer, body: bytes) -> Applied:
    said_nothing(answer)
    return Applied(_decode_write(body)[0])


AMEND_SALE: Final[Write[Applied]] = Write(
    kind="amend_sale",
    path="model/sale.sale/write",
    decode=_written,
    sought=_sought_lines,
    verdict=_lines_written,
)
