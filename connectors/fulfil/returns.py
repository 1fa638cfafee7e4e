"""Goods that come back: a return is a sale of its own, with negative lines, made under the id of the return.

Source: a live integration that makes returns (`sale.sale/{id}/return_order`); no official page describes it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec

from connectors.fulfil.calls import Ask, OnRecord, Read, Sought, Spoken, Write, decode_on_record, encode, search_read
from connectors.fulfil.sales import SALES, Sale
from connectors.fulfil.tenant import Tenant
from connectors.fulfil.typed import decimal_out
from connectors.fulfil.wire import RECORDS_MAX, CreatedSale, decode_created_sale
from connectors.http import Answer
from runtime.decision import Repeat
from runtime.errors import Unavailable


class ReturnedLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line that comes back. Without a quantity it is all that can still come back; without a price the original one.

    `return_reason` is made in Fulfil when it is new. `exchange_*` ships a replacement.
    """

    order_line_id: int
    return_quantity: Decimal | None = None
    unit_price: Decimal | None = None
    channel_identifier: str | None = None
    return_reason: str | None = None
    note: str | None = None
    exchange_product: int | None = None
    exchange_quantity: Decimal | None = None
    exchange_unit_price: Decimal | None = None


class ReturnOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A return of goods of one sale. `channel_identifier`, the id of the return, is the key by which Fulfil dedupes."""

    channel_identifier: str
    reference: str
    lines: tuple[ReturnedLine, ...]
    warehouse: int | None = None


def _money(amount: Decimal | None) -> Any:
    return None if amount is None else decimal_out(amount)


def return_order(sale_id: int, channel_id: int, order: ReturnOrder) -> Ask[CreatedSale]:
    """Make the return of a sale: a sale of its own, with negative lines. `channel_id` is where its key is unique.

    Raises ValueError for a figure that is not finite.
    """
    quantities = [figure for line in order.lines for figure in (line.return_quantity, line.exchange_quantity)]
    if any(figure is not None and not figure.is_finite() for figure in quantities):
        raise ValueError("a quantity that is to come back is not finite")
    lines = [
        msgspec.structs.replace(
            line, unit_price=_money(line.unit_price), exchange_unit_price=_money(line.exchange_unit_price)
        )
        for line in order.lines
    ]
    sent = encode((msgspec.structs.replace(order, lines=tuple(lines)),))
    return RETURN_ORDER.ask(encode(OnRecord(id=sale_id, channel=channel_id, send=msgspec.Raw(sent))))


class ReturnKey(msgspec.Struct, frozen=True, kw_only=True):
    """A question: the return with this key, of this sale."""

    sale: int
    channel: int
    channel_identifier: str


def _speak_return(asked: ReturnKey, tenant: Tenant) -> Spoken:
    domain = (
        ("channel", "=", asked.channel),
        ("channel_identifier", "=", asked.channel_identifier),
        ("id", "!=", asked.sale),
    )
    return search_read(tenant.model("sale.sale"), domain, SALES.fields(tenant), RECORDS_MAX)


def _decode_return(answer: Answer, asked: ReturnKey, tenant: Tenant) -> tuple[Sale, ...]:
    rows = SALES.rows(answer.body, tenant)
    if any(row.channel_identifier != asked.channel_identifier or row.id == asked.sale for row in rows):
        raise Unavailable("Fulfil answered a search for a return with others than were asked for")
    return rows


class _Key(msgspec.Struct, frozen=True):
    channel_identifier: str


FIND_RETURN: Final[Read[ReturnKey, tuple[Sale, ...]]] = Read(
    kind="find_return", question=ReturnKey, speak=_speak_return, decode=_decode_return
)
_decode_return_key: Final = msgspec.json.Decoder(tuple[_Key]).decode


def _sought_return(body: bytes) -> Sought[ReturnKey, tuple[Sale, ...]]:
    stored = decode_on_record(body)
    (order,) = _decode_return_key(stored.send)
    key = ReturnKey(sale=stored.id, channel=stored.channel, channel_identifier=order.channel_identifier)
    return Sought(FIND_RETURN, key)


def _returned(_body: bytes, found: tuple[Sale, ...]) -> CreatedSale | None:
    """A sale under that key that says it returns nothing is an order with the same id, and no return."""
    for row in found:
        if row.has_return is not False:
            return CreatedSale(
                id=row.id,
                number=row.number,
                state=row.state,
                total=row.total_amount,
                channel_identifier=row.channel_identifier,
            )
    return None


RETURN_ORDER: Final[Write[CreatedSale]] = Write(
    kind="return_order",
    path="model/sale.sale/{id}/return_order",
    repeat=Repeat.KEYED,
    decode=lambda answer, _: decode_created_sale(answer.body),
    sought=_sought_return,
    verdict=_returned,
)
