"""Sales and their lines: what of them can be read.

`create_order` and `find_sale`, which an import lives by, are in `orders`; changes in `amending`, goods that come back
in `returns`; the states of a sale are moved in `workflow`. Fields: a recorded sale, a live integration's lists (2026),
Tryton's sale module.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import field

from connectors.fulfil.calls import Read, Spoken, search_read
from connectors.fulfil.changes import Page
from connectors.fulfil.models import Model
from connectors.fulfil.rows import Row
from connectors.fulfil.tenant import Tenant
from connectors.fulfil.typed import Reference, decimal_of
from connectors.fulfil.wire import PARTY_FIELDS, RECORDS_MAX, FindSales, SaleParty, decode_sale_parties
from connectors.http import Answer
from runtime.errors import Unavailable


class Sale(Row, frozen=True, kw_only=True):
    """A sale. `state`: ignored, provisional, failed, draft, quotation, confirmed, processing, done or cancel."""

    number: str | None = None
    reference: str | None = None
    channel: int | None = None
    channel_identifier: str | None = None
    party: int | None = None
    warehouse: int | None = None
    state: str | None = None
    sale_date: date | None = None
    currency: int | None = None
    currency_code: str | None = field(default=None, name="currency.code")
    untaxed_amount: Decimal | None = None
    tax_amount: Decimal | None = None
    total_amount: Decimal | None = None
    invoice_state: str | None = None
    shipment_state: str | None = None
    lines: tuple[int, ...] | None = None
    payments: tuple[int, ...] | None = None
    invoices: tuple[int, ...] | None = None
    shipments: tuple[int, ...] | None = None
    drop_shipments: tuple[int, ...] | None = None
    shipment_returns: tuple[int, ...] | None = None
    has_return: bool | None = None


class SaleLine(Row, frozen=True, kw_only=True):
    """A line of a sale. `unit_price` is before tax and after discounts; `quantity` is negative on a return."""

    by_name = frozenset({"warehouse"})

    sale: int | None = None
    type: str | None = None
    product: int | None = None
    product_code: str | None = field(default=None, name="product.code")
    description: str | None = None
    quantity: Decimal | None = None
    unit: int | None = None
    unit_price: Decimal | None = None
    amount: Decimal | None = None
    taxes: tuple[int, ...] | None = None
    warehouse: int | None = None
    shipment_cost: Decimal | None = None
    """Not None marks a shipping line."""
    channel_identifier: str | None = None
    origin: Reference | None = None
    """On a return, the line that comes back."""
    moves: tuple[int, ...] | None = None


class ShippedLine(SaleLine, frozen=True, kw_only=True):
    """A line that says which order its sale is of, at which sales channel, and what that is called."""

    channel: int | None = field(default=None, name="sale.channel")
    order: str | None = field(default=None, name="sale.channel_identifier")
    reference: str | None = field(default=None, name="sale.reference")
    sale_state: str | None = field(default=None, name="sale.state")


SALES: Final = Model("sale.sale", Sale, "sales", by=("id", "reference", "party", "number"))
SALE_LINES: Final = Model("sale.line", SaleLine, "sale_lines", by=("id", "sale", "origin", "channel_identifier"))
SHIPPED_LINES: Final = Model("sale.line", ShippedLine, "shipped_lines", by=("sale",))
"""Lines with what is needed of their sales, so that those need no read of their own."""


# -- the lines of an order, by the order's key -------------------------------------------------------------------------


class OrderLines(msgspec.Struct, frozen=True, kw_only=True):
    """A question: the lines of the sale of one order."""

    channel: int
    channel_identifier: str
    after_id: int = 0
    limit: int = RECORDS_MAX


class OrderLine(SaleLine, frozen=True, kw_only=True):
    """A line that says which order its sale is of."""

    order: str | None = field(default=None, name="sale.channel_identifier")


_ORDER_LINES: Final = Model("sale.line", OrderLine, "order_lines")


def _speak_order_lines(asked: OrderLines, tenant: Tenant) -> Spoken:
    """A domain may go through a many2one; it finds the lines without a read of the sale first."""
    domain = (
        ("id", ">", asked.after_id),
        ("sale.channel", "=", asked.channel),
        ("sale.channel_identifier", "=", asked.channel_identifier),
    )
    return search_read(
        tenant.model("sale.line"), domain, _ORDER_LINES.fields(tenant), min(asked.limit, tenant.page_size)
    )


def _decode_order_lines(answer: Answer, asked: OrderLines, tenant: Tenant) -> Page[OrderLine]:
    page = _ORDER_LINES.page(answer, tenant, after_id=asked.after_id, limit=asked.limit)
    if any(row.order != asked.channel_identifier for row in page.rows):
        raise Unavailable("Fulfil answered a search for an order's lines with others than were asked for")
    return page


ORDER_LINES: Final[Read[OrderLines, Page[OrderLine]]] = Read(
    kind="lines_of_order",
    question=OrderLines,
    speak=_speak_order_lines,
    decode=_decode_order_lines,
)


# -- whose sales they are ----------------------------------------------------------------------------------------------


def _speak_parties(asked: FindSales, tenant: Tenant) -> Spoken:
    """A search rather than a read by ids, which is refused as a whole when one of them is gone."""
    domain = (("channel", "=", asked.channel), ("channel_identifier", "in", asked.channel_identifiers))
    limit = len(asked.channel_identifiers)
    return search_read(tenant.model("sale.sale"), domain, PARTY_FIELDS, limit)


def _decode_parties(answer: Answer, asked: FindSales, _tenant: Tenant) -> tuple[SaleParty, ...]:
    sales = decode_sale_parties(answer.body)
    if not {sale.channel_identifier for sale in sales}.issubset(asked.channel_identifiers):
        raise Unavailable("Fulfil answered a search for the parties of sales with other sales than were asked for")
    return sales


SALE_PARTIES: Final[Read[FindSales, tuple[SaleParty, ...]]] = Read(
    kind="sale_parties", question=FindSales, speak=_speak_parties, decode=_decode_parties
)


def figures_stand(line: dict[str, Any], row: SaleLine) -> bool:
    """Whether a line that exists has the figures that were sent."""
    asked = {name: decimal_of(line[name]) for name in ("quantity", "unit_price") if name in line}
    return all(getattr(row, name) == figure for name, figure in asked.items())
