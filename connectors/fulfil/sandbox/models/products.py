"""Products, their barcodes and listings. Stock fields follow the `locations` context. Sources: facts 8.4 and 8.5."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from operator import attrgetter

from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.domain import Field, Getter
from connectors.fulfil.sandbox.encoding import Malformed
from connectors.fulfil.sandbox.fields import UNIT_ID, Fields, Model, chars, name_of, of_kind, own, to_many, to_one
from connectors.fulfil.sandbox.records import Product

Figure = Callable[[int, list[int] | None], Decimal]


def models(books: Books, fields: Fields) -> list[Model]:
    """product.template, product.product, its channel listings and its barcodes."""
    template = fields.every(
        name_of, *chars("name"), *of_kind("boolean", "active"), *to_many("product.product", "products")
    )
    listing = fields.every(
        attrgetter("product_identifier"),
        *to_one("sale.channel", "channel"),
        *to_one("product.product", "product"),
        *chars("product_identifier", "state"),
    )
    barcode = fields.every(attrgetter("code"), *to_one("product.product", "product"), *chars("type", "code"))
    lookups = {"code": lambda sku: books.product_ids.get(sku, ())}
    return [
        Model("product.template", books.templates, template, hides_inactive=True),
        Model("product.product", books.products, _product_fields(books, fields), lookups, hides_inactive=True),
        Model("product.product.channel_listing", books.listings, listing),
        Model(books.config.identifier_model, books.identifiers, barcode),
    ]


def locations_of(books: Books) -> list[int] | None:
    """The `locations` of the present call's context; None: every warehouse. Raises Malformed."""
    ids = books.transaction.context.get("locations")
    if ids is None or ids == []:
        return None
    if not isinstance(ids, list) or not all(isinstance(id_, int) for id_ in ids):
        raise Malformed("locations is a list of ids")
    return ids


def _product_fields(books: Books, fields: Fields) -> dict[str, Field]:
    def name(product: Product) -> str:
        return books.templates[product.template].name

    def rec_name(product: Product) -> str:
        return f"[{product.code}] {name(product)}" if product.code else name(product)

    def figure(compute: Figure) -> Getter:
        return lambda product: compute(product.id, locations_of(books))

    def listings(product: Product) -> Iterable[int]:
        return tuple(row.id for row in books.listings if row.product == product.id)

    stock = books.stock
    return fields.every(
        rec_name,
        *chars("code", "variant_name", "type", "upc"),
        own("name", "char", get=name),
        *to_one("product.template", "template"),
        *of_kind("boolean", "active"),
        *of_kind("numeric", "list_price", "cost_price"),
        own("default_uom", "many2one", get=lambda _: UNIT_ID),
        own(books.config.sellable_field, "boolean", get=attrgetter("sellable")),
        own("purchasable", "boolean", get=lambda _: True),
        own("quantity_on_hand", "float", get=figure(stock.on_hand)),
        own("quantity_available", "float", get=figure(stock.available)),
        own("quantity_inbound", "float", get=figure(stock.inbound)),
        own("quantity_outbound", "float", get=figure(stock.outbound)),
        own("channel_listings", "one2many", "product.product.channel_listing", get=listings),
        own("warehouse_quantities", "json", get=lambda product: _by_warehouse(books, product)),
    )


def _by_warehouse(books: Books, product: Product) -> object:
    """The object that a live integration read (F S10): `{"data": [one per warehouse]}`."""
    rows = [
        {
            "location_id": id_,
            "location_name": books.stock.locations[id_].name,
            "product_id": product.id,
            "quantity_on_hand": float(books.stock.on_hand(product.id, [id_])),
            "quantity_available": float(books.stock.available(product.id, [id_])),
        }
        for id_ in books.stock.warehouses
    ]
    return {"data": rows}
