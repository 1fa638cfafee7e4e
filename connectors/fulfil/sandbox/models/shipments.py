"""Shipments of every kind, tracking, packages, batches. Source: facts 8.7."""

from __future__ import annotations

from decimal import Decimal
from operator import attrgetter

from connectors.fulfil.sandbox import shipments
from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.domain import Field
from connectors.fulfil.sandbox.fields import Fields, Model, chars, company, name_of, of_kind, own, to_many, to_one
from connectors.fulfil.sandbox.stock_records import Package, Shipment, Tracking


def models(books: Books, fields: Fields) -> list[Model]:
    """The four kinds of shipment, shipment.tracking, stock.package, stock.shipment.out.batch."""
    batch = fields.every(
        name_of,
        *chars("name", "state"),
        *to_one("stock.location", "warehouse"),
        *to_many("stock.shipment.out", "shipments"),
    )
    kinds = [Model(model, table, _shipment_fields(books, fields, model)) for model, table in books.shipments.items()]
    return [
        *kinds,
        Model("shipment.tracking", books.trackings, _tracking_fields(books, fields)),
        Model("stock.package", books.packages, _package_fields(fields)),
        Model("stock.shipment.out.batch", books.batches, batch),
    ]


def _shipment_fields(books: Books, fields: Fields, model: str) -> dict[str, Field]:
    incoming = model in (shipments.RETURN, shipments.IN)
    outgoing = own(
        "incoming_moves" if incoming else "outgoing_moves", "one2many", "stock.move", get=attrgetter("moves")
    )
    return fields.every(
        shipments.number,
        own("number", "char", get=shipments.number),
        *chars("reference", "state", "delivery_mode", "picking_status", "priority", "shipping_instructions"),
        own("customer", "many2one", "party.party", get=attrgetter("party")),
        own("delivery_address", "many2one", "party.address", get=attrgetter("address")),
        *to_one("stock.location", "warehouse"),
        *of_kind("date", "planned_date", "effective_date"),
        *to_many("sale.sale", "sales"),
        own("channels", "one2many", "sale.channel", get=lambda row: _channels(books, row)),
        own("order_numbers", "char", get=lambda row: _order_numbers(books, row)),
        own("moves", "one2many", "stock.move", get=lambda row: (*row.inventory_moves, *row.moves)),
        *to_many("stock.move", "inventory_moves"),
        outgoing,
        *to_one("carrier.service", "carrier_service"),
        own("carrier", "many2one", "carrier", get=lambda row: books.carrier_of(row.carrier_service)),
        own("tracking_number", "many2one", "shipment.tracking", get=attrgetter("tracking")),
        own("shipping_batch", "many2one", "stock.shipment.out.batch", get=attrgetter("batch")),
        *of_kind("boolean", "on_hold"),
        own("total_quantity", "float", get=lambda row: _quantity(books, row)),
        own("cost", "numeric"),
        own("cost_currency", "many2one", "currency.currency", get=lambda _: books.company_currency),
        own("sale_date", "date", get=lambda row: _sale_date(books, row)),
        own("invoices", "one2many", "account.invoice", get=lambda row: _invoices(books, row)),
        *to_many("stock.package", "packages"),
        own("root_packages", "one2many", "stock.package", get=attrgetter("packages")),
        own("metafields", "json", get=lambda row: books.metafields_of(row.model, row.id)),
        company(),
        *_shipped_at(books, fields),
    )


def _shipped_at(books: Books, fields: Fields) -> list[tuple[str, Field]]:
    name = books.config.shipped_at_field
    return [] if name is None else [fields.moment(name, attrgetter("shipped_at"))]


def _channels(books: Books, shipment: Shipment) -> tuple[int, ...]:
    return tuple(dict.fromkeys(books.sales[id_].channel for id_ in shipment.sales))


def _sale_date(books: Books, shipment: Shipment) -> object:
    return books.sales[shipment.sales[0]].sale_date if shipment.sales else None


def _invoices(books: Books, shipment: Shipment) -> tuple[int, ...]:
    found = (id_ for sale in shipment.sales for id_ in books.sales[sale].invoices)
    return tuple(id_ for id_ in found if books.ledger.invoices[id_].shipment == shipment.id)


def _order_numbers(books: Books, shipment: Shipment) -> str:
    return ", ".join(books.sales[id_].reference or f"SO{id_}" for id_ in shipment.sales)


def _quantity(books: Books, shipment: Shipment) -> Decimal:
    rows = shipments.moves_of(books, shipment)
    return sum((move.quantity for move in rows if move.state != "cancel"), Decimal(0))


def _tracking_fields(books: Books, fields: Fields) -> dict[str, Field]:
    def origin(row: Tracking) -> str:
        return f"{row.shipment_model},{row.shipment}"

    return fields.every(
        attrgetter("tracking_number"),
        *chars("tracking_number", "tracking_url", "state"),
        own("carrier", "many2one", "carrier", get=lambda row: books.carrier_of(row.carrier_service)),
        own("origin", "reference", get=origin),
        *of_kind("boolean", "is_master"),
    )


def _package_fields(fields: Fields) -> dict[str, Field]:
    def shipment(row: Package) -> str:
        return f"{row.shipment_model},{row.shipment}"

    return fields.every(
        lambda row: f"PKG{row.id}",
        own("shipment", "reference", get=shipment),
        own("tracking_number", "many2one", "shipment.tracking", get=attrgetter("tracking")),
        *to_many("stock.move", "moves"),
        *of_kind("numeric", "weight"),
    )
