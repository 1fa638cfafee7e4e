"""Sales channels with their mappings and exceptions, carriers, attachments. Sources: facts 8.3 and 8.7."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.fields import Fields, Model, chars, company, name_of, of_kind, own, to_one
from connectors.fulfil.sandbox.records import Channel
from connectors.fulfil.sandbox.tables import Table


def models(books: Books, fields: Fields) -> list[Model]:
    """sale.channel with its three mappings and channel.exception, account.tax, carriers, ir.attachment."""
    tax = fields.every(
        name_of,
        *chars("name"),
        *of_kind("numeric", "rate"),
        own("type", "char", get=lambda _: "percentage"),
        own("active", "boolean", get=lambda _: True),
    )
    attachment = fields.every(name_of, *chars("name", "link"), own("resource", "reference"))
    service = own("carrier", "many2one", "carrier", get=lambda row: books.carrier_of(row.id))
    return [
        _channel(books, fields),
        _mapping(fields, "sale.channel.tax", "account.tax", books.channel_taxes, "tax"),
        _mapping(fields, "sale.channel.payment_gateway", "payment_gateway.gateway", books.channel_gateways, "gateway"),
        _mapping(fields, "sale.channel.carrier", "carrier.service", books.channel_carriers, "carrier_service"),
        _exception(books, fields),
        Model("account.tax", books.taxes, tax),
        fields.named("carrier", books.carriers),
        fields.named("carrier.service", books.carrier_services, service),
        Model("ir.attachment", books.attachments, attachment),
    ]


def _channel(books: Books, fields: Fields) -> Model:
    def exceptions(channel: Channel) -> tuple[int, ...]:
        return tuple(row.id for row in books.channel_exceptions if row.channel == channel.id)

    channel = fields.every(
        name_of,
        *chars("name", "code", "source", "invoice_method", "shipment_method"),
        *of_kind("boolean", "active"),
        *to_one("currency.currency", "currency"),
        company(),
        *to_one("stock.location", "warehouse"),
        own("taxes", "one2many", "sale.channel.tax"),
        own("payment_gateways", "one2many", "sale.channel.payment_gateway", get=attrgetter("gateways")),
        own("shipping_carriers", "one2many", "sale.channel.carrier", get=attrgetter("carriers")),
        own("exceptions", "one2many", "channel.exception", get=exceptions),
        own("timezone", "char", get=lambda _: books.config.time_zone),
    )
    return Model("sale.channel", books.channels, channel, hides_inactive=True)


def _mapping(fields: Fields, name: str, target: str, rows: Table[Any], relation: str) -> Model:
    own_fields = fields.every(
        name_of,
        *chars("name"),
        own("code", "char", get=name_of),
        *to_one("sale.channel", "channel"),
        own(relation, "many2one", target, get=attrgetter("target")),
        own("rate", "numeric"),
    )
    return Model(name, rows, own_fields)


def _exception(books: Books, fields: Fields) -> Model:
    exception = fields.every(
        attrgetter("log"),
        own("origin", "reference", get=lambda row: f"sale.sale,{row.origin}"),
        *to_one("sale.channel", "channel"),
        *chars("log"),
        *of_kind("boolean", "is_resolved"),
    )
    return Model("channel.exception", books.channel_exceptions, exception)
