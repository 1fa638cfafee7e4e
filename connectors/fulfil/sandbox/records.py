"""The shapes of what the books hold: one struct per Fulfil model, kept small because there are many sales.

Relations are ids, never references, so that the structs need no garbage collection (`gc=False`).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from runtime.clock import Instant


class Record(msgspec.Struct, kw_only=True, gc=False):
    """What every record has. `write_date` stays None until the first write (as in Tryton)."""

    id: int
    create_date: Instant
    write_date: Instant | None = None


class Named(Record, kw_only=True, gc=False):
    """A record of which only a name and a code matter: currencies, countries, gateways, carrier services, models."""

    name: str
    code: str
    country: int | None = None


class Tax(Record, kw_only=True, gc=False):
    """account.tax."""

    name: str
    rate: Decimal


class ChannelMapping(Record, kw_only=True, gc=False):
    """One row of a sales channel's taxes, gateways or carriers: the outside name and what it stands for."""

    channel: int
    name: str
    target: int
    rate: Decimal | None = None


class Channel(Record, kw_only=True, gc=False):
    """sale.channel."""

    name: str
    code: str
    source: str
    currency: int
    orders_allowed: bool
    taxes: tuple[int, ...]
    gateways: tuple[int, ...]
    carriers: tuple[int, ...]
    active: bool = True


class Template(Record, kw_only=True, gc=False):
    """product.template."""

    name: str
    active: bool = True
    products: tuple[int, ...] = ()


class Product(Record, kw_only=True, gc=False):
    """product.product: a variant; `code` is the SKU."""

    template: int
    code: str | None
    variant_name: str | None = None
    list_price: Decimal = Decimal(0)
    active: bool = True
    sellable: bool = True


class Party(Record, kw_only=True, gc=False):
    """party.party."""

    name: str
    code: str
    active: bool = True
    is_customer: bool = True
    addresses: tuple[int, ...] = ()
    contact_mechanisms: tuple[int, ...] = ()


class ContactMechanism(Record, kw_only=True, gc=False):
    """party.contact_mechanism."""

    party: int
    type: str
    value: str
    active: bool = True


class Address(Record, kw_only=True, gc=False):
    """party.address."""

    party: int
    name: str | None = None
    street: str | None = None
    street_bis: str | None = None
    city: str | None = None
    zip: str | None = None
    country: int | None = None
    subdivision: int | None = None
    active: bool = True

    def content(self) -> tuple[Any, ...]:
        """What makes two addresses of one party the same."""
        return (self.name, self.street, self.street_bis, self.city, self.zip, self.country, self.subdivision)


class LineTax(msgspec.Struct, frozen=True, gc=False):
    """A tax on a line, with its amount: as published by the channel, or computed for plain lines."""

    tax: int
    amount: Decimal


class Line(Record, kw_only=True, gc=False):
    """sale.line. A shipping line is an ordinary line with `shipment_cost` (as in the ancestor module)."""

    sale: int
    quantity: Decimal
    unit_price: Decimal
    amount: Decimal
    type: str = "line"
    product: int | None = None
    description: str | None = None
    taxes: tuple[LineTax, ...] = ()
    shipment_cost: Decimal | None = None
    channel_identifier: str | None = None


class Payment(Record, kw_only=True, gc=False):
    """sale.payment, and the one completed payment_gateway.transaction behind it."""

    sale: int
    gateway: int
    amount: Decimal
    reference: str | None = None


class Attachment(Record, kw_only=True, gc=False):
    """ir.attachment: a file known by its URL."""

    name: str
    link: str
    resource: str


class Sale(Record, kw_only=True, gc=False):
    """sale.sale. `stated_amount` and `body_hash` are what create_order was given, for the checks of a repeat."""

    channel: int
    party: int
    currency: int
    channel_identifier: str | None = None
    reference: str | None = None
    invoice_address: int | None = None
    shipment_address: int | None = None
    sale_date: date | None = None
    confirmation_time: Instant | None = None
    state: str = "draft"
    lines: tuple[int, ...] = ()
    payments: tuple[int, ...] = ()
    carrier_service: int | None = None
    comment: str | None = None
    gift_message: str | None = None
    priority: str = "2"
    stated_amount: Decimal | None = None
    body_hash: int | None = None
