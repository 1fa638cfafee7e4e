"""The shapes of what the books hold: one struct per Fulfil model, kept small because there are many sales.

Relations are ids, never references, so that the structs need no garbage collection (`gc=False`).
"""

from __future__ import annotations

import datetime as dt
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
    carrier: int | None = None
    """Of a carrier's service: the carrier."""


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
    warehouse: int = 4
    invoice_method: str = "shipment"
    shipment_method: str = "order"
    active: bool = True


class ChannelException(Record, kw_only=True, gc=False):
    """channel.exception: why an order could not become a proper sale; `origin` is that sale."""

    origin: int
    channel: int
    log: str
    is_resolved: bool = False


class Listing(Record, kw_only=True, gc=False):
    """product.product.channel_listing: a sales channel's own id of a variant."""

    channel: int
    product: int
    product_identifier: str
    state: str = "active"


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
    cost_price: Decimal = Decimal(0)
    type: str = "goods"
    upc: str | None = None
    active: bool = True
    sellable: bool = True


class Identifier(Record, kw_only=True, gc=False):
    """A barcode of a product; the model's name is a switch."""

    product: int
    code: str
    type: str = "upc"


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
    list_price: Decimal | None = None
    comment: str | None = None
    metadata: Any = None
    strategy: str | None = None
    """ship, pick_up, dropship, backorder or make_on_order; None is ship."""
    moves: tuple[int, ...] = ()
    invoice_lines: tuple[int, ...] = ()
    origin: int | None = None
    """Of a returned line: the line that was sold."""
    return_reason: int | None = None


class Payment(Record, kw_only=True, gc=False):
    """sale.payment: what the customer is to pay by one gateway."""

    sale: int
    gateway: int
    amount: Decimal
    reference: str | None = None
    transactions: tuple[int, ...] = ()


class GatewayTransaction(Record, kw_only=True, gc=False):
    """payment_gateway.transaction: one charge or refund at the gateway."""

    gateway: int
    amount: Decimal
    type: str = "charge"
    state: str = "draft"
    sale_payment: int | None = None
    party: int | None = None
    currency: int | None = None
    provider_reference: str | None = None
    description: str | None = None
    date: dt.date | None = None
    move: int | None = None
    fee: Decimal | None = None


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
    sale_date: dt.date | None = None
    confirmation_time: Instant | None = None
    state: str = "draft"
    lines: tuple[int, ...] = ()
    payments: tuple[int, ...] = ()
    shipments: tuple[int, ...] = ()
    drop_shipments: tuple[int, ...] = ()
    shipment_returns: tuple[int, ...] = ()
    invoices: tuple[int, ...] = ()
    warehouse: int | None = None
    origin: int | None = None
    """Of a return: the sale that was sold."""
    carrier_service: int | None = None
    comment: str | None = None
    gift_message: str | None = None
    priority: str = "2"
    stated_amount: Decimal | None = None
    body_hash: int | None = None


class Webhook(Record, kw_only=True, gc=False):
    """ir.webhook: who is told of an event. The secret is base64, as the UI and the API show it."""

    event: str
    url: str
    secret: str
    active: bool = True
    failures: int = 0
    """Deliveries given up in a row; at 19 the webhook is archived."""
