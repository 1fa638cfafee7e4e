"""The parts of an order document, read against the channel's mappings: what a line, an address, a payment becomes.

Sources: Fulfil's developer site, and the ancestor module: taxes, gateways and carriers must be mapped on the channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.encoding import Malformed, as_money, decimal_text
from connectors.fulfil.sandbox.order_document import AddressIn, LineIn, PaymentIn, ShippingIn, TaxIn
from connectors.fulfil.sandbox.records import Channel, LineTax
from connectors.fulfil.sandbox.refusals import UserError

_as_numbers = msgspec.json.Encoder(decimal_format="number").encode
"""Metadata is kept as it came; amounts were read as decimals, and are numbers again here."""
STRATEGIES = frozenset(("ship", "pick_up", "dropship", "backorder", "make_on_order"))


def as_order_money(value: Any, name: str) -> Decimal:
    """An amount of the order. Raises UserError naming the field when it is none."""
    if value is None:
        raise UserError(f"The order has a line without {name}." if name != "amount" else "An amount is missing.")
    try:
        return as_money(value)
    except Malformed as error:
        raise UserError(f"The order's {name} cannot be read: {error}.") from None


def line_values(books: Books, channel: Channel, line: LineIn) -> dict[str, Any]:
    """A product line's values. Raises UserError."""
    return {
        "product": product_of(books, channel, line),
        "description": line.description,
        "quantity": as_order_money(line.quantity, "quantity"),
        "unit_price": as_order_money(line.unit_price, "unit_price"),
        "amount": as_order_money(line.amount, "amount"),
        "taxes": taxes_of(books, channel, line.tax_lines or ()),
        "channel_identifier": line.channel_identifier,
        "list_price": None if line.list_price is None else as_order_money(line.list_price, "list_price"),
        "comment": line.comment,
        "metadata": None if line.metadata is None else msgspec.json.decode(_as_numbers(line.metadata)),
        "strategy": _strategy(line.fulfil_strategy),
    }


def _strategy(name: str | None) -> str | None:
    if name is not None and name not in STRATEGIES:
        raise UserError(f"The fulfil_strategy {name} is not known.")
    return name


def shipping_values(books: Books, channel: Channel, line: ShippingIn) -> dict[str, Any]:
    """A shipping line's values: an ordinary line with `shipment_cost`. Raises UserError."""
    amount = as_order_money(line.amount, "amount")
    return {
        "description": line.description,
        "quantity": Decimal(1),
        "unit_price": amount,
        "amount": amount,
        "shipment_cost": amount,
        "taxes": taxes_of(books, channel, line.tax_lines or ()),
        "channel_identifier": line.channel_identifier,
    }


def product_of(books: Books, channel: Channel, line: LineIn) -> int:
    """The line's product: by SKU, else by the listing that has its variant_identifier on the channel (D S3)."""
    listed = books.listing_ids.get((channel.id, line.variant_identifier or ""))
    active = [id_ for id_ in books.product_ids.get(line.sku or "", ()) if books.products[id_].active]
    if not active and listed is not None:
        return listed
    if line.sku is None:
        raise UserError("A sale line has no sku, and no listing has its variant_identifier.")
    if len(active) != 1:
        raise UserError(f"There {'is no product' if not active else 'are several products'} with the SKU {line.sku}.")
    return active[0]


def taxes_of(books: Books, channel: Channel, taxes: Sequence[TaxIn]) -> tuple[LineTax, ...]:
    """The taxes with their published amounts. Raises UserError for one that is not mapped on the channel."""
    found = []
    for tax in taxes:
        rate = as_order_money(tax.rate, "tax rate")
        rows = (books.channel_taxes[id_] for id_ in channel.taxes)
        target = next((row.target for row in rows if row.name == tax.name and row.rate == rate), None)
        if target is None:
            raise UserError(f"The tax {tax.name} with rate {decimal_text(rate)} is not mapped on the channel.")
        found.append(LineTax(target, as_order_money(tax.amount, "tax amount")))
    return tuple(found)


def payments_of(books: Books, channel: Channel, payments: Sequence[PaymentIn]) -> list[dict[str, Any]]:
    """The payments that count. Others are ignored, whatever their method."""
    found = []
    for payment in payments:
        if payment.state != "success":
            continue
        rows = (books.channel_gateways[id_] for id_ in channel.gateways)
        gateway = next((row.target for row in rows if row.name == payment.method), None)
        if gateway is None:
            raise UserError(f"The payment method {payment.method} is not mapped to a gateway on the channel.")
        amount = as_order_money(payment.amount, "payment amount")
        found.append({"gateway": gateway, "amount": amount, "reference": payment.provider_reference})
    return found


def carrier_of(books: Books, channel: Channel, lines: Sequence[ShippingIn]) -> int | None:
    """The carrier service of the first shipping line that names one. Raises UserError for one that is not mapped."""
    first = None
    for line in lines:
        if line.carrier_service_code:
            rows = (books.channel_carriers[id_] for id_ in channel.carriers)
            found = next((row.target for row in rows if row.name == line.carrier_service_code), None)
            if found is None:
                raise UserError(f"The carrier service {line.carrier_service_code} is not mapped on the channel.")
            first = first or found
    return first


def address_values(books: Books, address: AddressIn) -> dict[str, Any]:
    """An address's values; countries and subdivisions become ids. Raises UserError."""
    if not address.country_code:
        raise UserError("An address has no country_code.")
    region = address.subdivision_code
    return {
        "name": address.name,
        "street": address.address1,
        "street_bis": address.address2 or None,
        "city": address.city,
        "zip": address.zip,
        "country": books.country(address.country_code),
        "subdivision": books.subdivision(address.country_code, region) if region else None,
    }


def sum_of(lines: Sequence[dict[str, Any]]) -> Decimal:
    """Amounts and taxes of the lines together."""
    amounts = sum((line["amount"] for line in lines), Decimal(0))
    return amounts + sum((tax.amount for line in lines for tax in line["taxes"]), Decimal(0))


def check_total(books: Books, stated: Decimal, computed: Decimal) -> None:
    """Raises UserError when the stated amount is not the computed total, unless the tenant accepts that."""
    if stated != computed and books.config.total_mismatch == "refuse":
        raise UserError(
            f"The order's amount {decimal_text(stated)} is not the computed total {decimal_text(computed)}."
        )
