"""What goes over the wire at an import: the order that Fulfil is given, and its answers about sales and products.

Money and tax rates go out as Decimal objects, never as JSON numbers; quantities are JSON numbers, as Fulfil has them.
Sources: developers.fulfil.io, orders (`sale.channel/create_order`); the typed values are in `typed`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from connectors.fulfil.typed import Undecodable, datetime_of, decimal_of, decimal_out

RECORDS_MAX: Final = 500
"""The most records in one answer; Fulfil refuses to give more."""


# -- the order that Fulfil is asked to create --------------------------------------------------------------------------


class _Out(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Part of an order that is sent; what has no value is left out."""


class _Personal(_Out, frozen=True, kw_only=True):
    """Part of an order that no message may show."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


class TaxLine(_Out, frozen=True, kw_only=True):
    """A tax on a line, one per jurisdiction. `rate` 0.20 is 20 %; `name` is that of a tax in Fulfil's settings."""

    name: str
    amount: Decimal
    rate: Decimal | None = None


class Address(_Personal, frozen=True, kw_only=True):
    """An address; `subdivision_code` without the country's prefix (`CA`)."""

    name: str
    address1: str
    address2: str
    city: str
    zip: str
    country_code: str
    subdivision_code: str | None = None
    email: str | None = None
    phone: str | None = None
    channel_identifier: str | None = None


class Customer(_Personal, frozen=True, kw_only=True):
    """Who bought. `contacts` are (type, value); Fulfil merges customers by e-mail."""

    name: str
    contacts: tuple[tuple[str, str], ...] = ()


class SaleLine(_Out, frozen=True, kw_only=True):
    """Something sold, found by `sku`, or else by the listing's `variant_identifier`.

    `unit_price` is after discounts and before tax; `amount`, the line's total before tax, is authoritative.
    """

    channel_identifier: str
    quantity: Decimal
    unit_price: Decimal
    amount: Decimal
    sku: str | None = None
    variant_identifier: str | None = None
    description: str | None = None
    list_price: Decimal | None = None
    comment: str | None = None
    metadata: dict[str, str] | None = None
    shipping_date: str | None = None
    """A day, `2026-01-31`."""
    fulfil_strategy: Literal["ship", "pick_up", "dropship", "backorder", "make_on_order"] | None = None
    gift_message: str | None = None
    warehouse: int | None = None
    """Fulfil advises against choosing one."""
    delivery_address: Address | None = None
    recipient_name: str | None = None
    recipient_email: str | None = None
    tax_lines: tuple[TaxLine, ...] = ()


class ShippingLine(_Out, frozen=True, kw_only=True):
    """Shipping that the customer pays, before tax. `carrier_service_code` is mapped on the channel in Fulfil."""

    amount: Decimal
    channel_identifier: str | None = None
    carrier_service_code: str | None = None
    description: str | None = None
    tax_lines: tuple[TaxLine, ...] = ()


class Payment(_Out, frozen=True, kw_only=True):
    """Money taken. `method` is the code of a payment gateway; Fulfil ignores a `state` other than `success`."""

    amount: Decimal
    method: str
    state: str
    provider_reference: str | None = None


class CreateOrder(_Out, frozen=True, kw_only=True):
    """An order for `sale.channel/create_order`. `channel_identifier` is the key by which Fulfil knows it again.

    `amount` is the total, with tax and shipping, that Fulfil checks against its own.
    """

    channel_identifier: str
    reference: str
    confirmed_at: str
    """ISO 8601 with an offset."""
    customer: Customer
    billing_address: Address
    shipping_address: Address
    sale_lines: tuple[SaleLine, ...]
    amount: Decimal
    currency_code: str
    status: str
    """pending, completed or cancelled."""
    shipping_lines: tuple[ShippingLine, ...] = ()
    payments: tuple[Payment, ...] = ()
    financial_status: str | None = None
    """paid, unpaid or refunded."""
    fulfillment_status: str | None = None
    """unshipped, partial or shipped."""
    payment_term: str | None = None
    priority: int | None = None
    gift_message: str | None = None
    comment: str | None = None
    shipping_instructions: str | None = None


_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


def encode_create_order(channel_id: int, order: CreateOrder) -> bytes:
    """The exact body of the call, `[channel_id, {order}]`. The same order gives the same bytes.

    Raises ValueError for a figure that is not finite.
    """
    # Decimals become objects in copies that exist only to be encoded, so that no caller meets the wire's encoding.
    wired = replace(
        order,
        amount=decimal_out(order.amount),
        sale_lines=tuple(map(_sale_line, order.sale_lines)),
        shipping_lines=tuple(map(shipping_line_out, order.shipping_lines)),
        payments=tuple([replace(payment, amount=decimal_out(payment.amount)) for payment in order.payments]),
    )
    return _encode((channel_id, wired))


def _sale_line(line: SaleLine) -> SaleLine:
    if not line.quantity.is_finite():
        raise ValueError(f"{line.quantity} is not a quantity that can be sent")
    return replace(
        line,
        unit_price=decimal_out(line.unit_price),
        amount=decimal_out(line.amount),
        list_price=None if line.list_price is None else decimal_out(line.list_price),
        tax_lines=tax_lines_out(line.tax_lines),
    )


def shipping_line_out(line: ShippingLine) -> ShippingLine:
    """A copy that exists only to be encoded. Raises ValueError for a figure that is not finite."""
    return replace(line, amount=decimal_out(line.amount), tax_lines=tax_lines_out(line.tax_lines))


def tax_lines_out(lines: tuple[TaxLine, ...]) -> tuple[TaxLine, ...]:
    """Copies that exist only to be encoded. Raises ValueError for a figure that is not finite."""
    sent = []
    for line in lines:
        rate = None if line.rate is None else decimal_out(line.rate)
        sent.append(replace(line, amount=decimal_out(line.amount), rate=rate))
    return tuple(sent)


class _OrderKey(msgspec.Struct, frozen=True):
    channel_identifier: str


_decode_key: Final = msgspec.json.Decoder(tuple[int, _OrderKey]).decode


def key_of_create(body: bytes) -> tuple[int, str]:
    """(channel id, channel_identifier) of a stored `create_order` body. Raises msgspec.DecodeError."""
    channel_id, key = _decode_key(body)
    return channel_id, key.channel_identifier


# -- sales that exist --------------------------------------------------------------------------------------------------


class CreatedSale(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a sale: at least its id, because Fulfil may answer a create with nothing else."""

    id: int
    number: str | None = None
    state: str | None = None
    total: Decimal | None = None
    """With tax and shipping, in the sale's currency."""
    channel_identifier: str | None = None
    party: int | None = None
    """Whose sale it is; None where the answer does not say."""


class SaleFound(msgspec.Struct, frozen=True, kw_only=True):
    """A sale that was looked up, and the order it is of."""

    id: int
    channel_identifier: str
    number: str | None = None
    state: str | None = None
    total_amount: Decimal | None = None


class FindSales(msgspec.Struct, frozen=True, kw_only=True):
    """Body of `find_sale`: which of these orders of a channel have a sale, at most 500 of them."""

    channel: int
    channel_identifiers: Annotated[tuple[str, ...], Meta(min_length=1, max_length=RECORDS_MAX)]


_Id = Annotated[int, Meta(gt=0)]


class _SaleRow(msgspec.Struct, frozen=True, kw_only=True):
    """Anything that describes a sale. Only its id must be as expected; a surprise elsewhere costs that field alone."""

    id: _Id
    number: Any = None
    rec_name: Any = None
    state: Any = None
    total_amount: Any = None
    channel_identifier: Any = None
    party: Any = None


class _SaleOfOrderRow(_SaleRow, frozen=True, kw_only=True):
    channel_identifier: str


_decode_created: Final = msgspec.json.Decoder(
    _Id | _SaleRow | Annotated[list[_Id | _SaleRow], Meta(min_length=1, max_length=1)]
).decode
_decode_sales: Final = msgspec.json.Decoder(list[_SaleOfOrderRow]).decode
SALE_FIELDS: Final = ("number", "state", "channel_identifier", "total_amount")


def decode_created_sale(body: bytes) -> CreatedSale:
    """The answer of `create_order`: a record, an id, an id with `rec_name`, or a list of one of these.

    Raises msgspec.DecodeError for everything else, for an AsyncResult too.
    """
    answer = _decode_created(body)
    row = answer[0] if isinstance(answer, list) else answer
    if isinstance(row, int):
        return CreatedSale(id=row)
    return CreatedSale(
        id=row.id,
        number=_number(row),
        state=_text(row.state),
        total=_figure(row.total_amount),
        channel_identifier=_text(row.channel_identifier),
        party=_party(row.party),
    )


def decode_sales(body: bytes) -> tuple[SaleFound, ...]:
    """The rows of a search for sales, each of which has to say which order it is of. Raises msgspec.DecodeError."""
    return tuple(
        SaleFound(
            id=row.id,
            channel_identifier=row.channel_identifier,
            number=_number(row),
            state=_text(row.state),
            total_amount=_figure(row.total_amount),
        )
        for row in _decode_sales(body)
    )


class SaleParty(msgspec.Struct, frozen=True, gc=False):
    """A sale of an order, and whose it is; `party` None: Fulfil does not say."""

    id: _Id
    channel_identifier: str
    party: int | None = None


PARTY_FIELDS: Final = ("channel_identifier", "party")


def decode_sale_parties(body: bytes) -> tuple[SaleParty, ...]:
    """The rows of a search for the parties of sales. Raises msgspec.DecodeError."""
    return tuple([SaleParty(row.id, row.channel_identifier, _party(row.party)) for row in _decode_sales(body)])


def _party(value: Any) -> int | None:
    """The id of a many2one: bare, or in a record with its name."""
    id_ = value.get("id") if isinstance(value, dict) else value
    return id_ if type(id_) is int and id_ > 0 else None


def _number(row: _SaleRow) -> str | None:
    """The sale's number; `rec_name` has it too, as `SO90211 (#100045)`."""
    if isinstance(row.number, str) and row.number:
        return row.number
    return row.rec_name.partition(" (")[0] or None if isinstance(row.rec_name, str) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _figure(value: Any) -> Decimal | None:
    try:
        return decimal_of(value)
    except Undecodable:
        return None


# -- products ----------------------------------------------------------------------------------------------------------


class Product(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A product variant. `code` is its SKU; `write_date` is None until its first change after it was created."""

    id: int
    code: str
    name: str
    active: bool
    sellable: bool | None = None
    """None: the tenant does not say."""
    barcode: str | None = None
    """None: it has none, or the tenant does not say."""
    list_price: Decimal | None = None
    """In the company's currency, exact. None: the tenant does not say."""
    cost_price: Decimal | None = None
    """The same of what one piece costs the company."""
    create_date: datetime | None = None
    write_date: datetime | None = None


class ProductPageRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Body of `search_products`: products with an id above `after_id`, in order of id, at most `limit`.

    `changed_since`: only those created or changed at that instant or later. `ids`: only these; empty: whichever.
    """

    changed_since: Annotated[datetime, Meta(tz=True)] | None = None
    after_id: Annotated[int, Meta(ge=0)] = 0
    limit: Annotated[int, Meta(ge=1)] = RECORDS_MAX
    ids: Annotated[tuple[int, ...], Meta(max_length=RECORDS_MAX)] = ()


class ProductPage(msgspec.Struct, frozen=True, kw_only=True):
    """Products that have a code. `last_id` is the `after_id` of the next page; `complete`: there is none."""

    products: tuple[Product, ...]
    last_id: int
    complete: bool
    uncoded: tuple[int, ...] = ()
    """Ids of the products on the page that have no code, so no SKU."""


class _ProductRow(msgspec.Struct, frozen=True, gc=False):
    id: int
    code: Any = None
    rec_name: Any = None
    active: Any = True
    sellable: Any = None
    salable: Any = None
    create_date: Any = None
    write_date: Any = None
    barcode: Any = None
    list_price: Any = None
    cost_price: Any = None


class ProductNames(msgspec.Struct, frozen=True, kw_only=True):
    """What a tenant calls fields of products that are read only when they are named; empty: it does not tell them."""

    barcode: str = ""
    list_price: str = ""
    cost_price: str = ""


_UNNAMED: Final = ProductNames()


@functools.cache
def _product_rows(names: ProductNames) -> Callable[[bytes], list[_ProductRow]]:
    """Reads rows of a tenant that has these names."""
    named = msgspec.structs.asdict(names)
    fields = [(name, Any, msgspec.field(default=None, name=own or name)) for name, own in named.items()]
    row = msgspec.defstruct("_ProductRow", fields, bases=(_ProductRow,), frozen=True, gc=False)
    return msgspec.json.Decoder(list[row]).decode  # type: ignore[valid-type]


PRODUCT_FIELDS: Final = ("code", "rec_name", "active", "create_date", "write_date")


def decode_product_page(body: bytes, request: ProductPageRequest, names: ProductNames = _UNNAMED) -> ProductPage:
    """The answer to `request`, whose `limit` is what was asked of Fulfil. Raises msgspec.DecodeError."""
    rows = _product_rows(names)(body)
    return ProductPage(
        products=tuple([_product(row) for row in rows if isinstance(row.code, str) and row.code]),
        uncoded=tuple([row.id for row in rows if not (isinstance(row.code, str) and row.code)]),
        last_id=max((row.id for row in rows), default=request.after_id),
        complete=len(rows) < request.limit,
    )


def _product(row: _ProductRow) -> Product:
    sellable = row.salable if row.sellable is None else row.sellable
    return Product(
        id=row.id,
        code=row.code,
        name=row.rec_name.removeprefix(f"[{row.code}] ") if isinstance(row.rec_name, str) else "",
        active=bool(row.active),
        sellable=sellable if isinstance(sellable, bool) else None,
        create_date=_instant(row.create_date),
        write_date=_instant(row.write_date),
        barcode=row.barcode if isinstance(row.barcode, str) and row.barcode else None,
        list_price=_price(row.list_price),
        cost_price=_price(row.cost_price),
    )


def _price(value: Any) -> Decimal | None:
    """A price that cannot be read is one that was not told: it must not stop the sync."""
    try:
        return decimal_of(value)
    except Undecodable:
        return None


def _instant(value: Any) -> datetime | None:
    try:
        return datetime_of(value)
    except Undecodable:
        return None
