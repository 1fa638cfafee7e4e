"""Locations, moves and stock counts. Source: facts 8.5."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.domain import Field, Getter
from connectors.fulfil.sandbox.encoding import Malformed
from connectors.fulfil.sandbox.fields import (
    UNIT_ID,
    Fields,
    Model,
    chars,
    company,
    name_of,
    of_kind,
    own,
    to_many,
    to_one,
)
from connectors.fulfil.sandbox.stock_records import StockMove


def models(books: Books, fields: Fields) -> list[Model]:
    """stock.location, stock.move, stock.inventory and its lines."""
    count = fields.every(
        lambda row: f"INV{row.id}",
        *to_one("stock.location", "location", "lost_found"),
        *chars("type", "state"),
        *of_kind("date", "date"),
        *to_many("stock.inventory.line", "lines"),
    )
    count_line = fields.every(
        lambda row: f"Line {row.id}",
        *to_one("stock.inventory", "inventory"),
        *to_one("product.product", "product"),
        *of_kind("float", "quantity"),
        own("expected_quantity", "float"),
    )
    return [
        Model("stock.location", books.stock.locations, _location_fields(books, fields), hides_inactive=True),
        Model("stock.move", books.stock.moves, _move_fields(books, fields)),
        Model("stock.inventory", books.stock.counts, count),
        Model("stock.inventory.line", books.stock.count_lines, count_line),
    ]


def _location_fields(books: Books, fields: Fields) -> dict[str, Field]:
    def figure(compute: Callable[[int, list[int]], Decimal]) -> Getter:
        """The figure of the context's `product` at the location; none without one."""

        def get(location: object) -> Decimal | None:
            product = books.transaction.context.get("product")
            if product is not None and not isinstance(product, int):
                raise Malformed("product is an id")
            return None if product is None else compute(product, [location.id])  # type: ignore[attr-defined]

        return get

    return fields.every(
        name_of,
        *chars("name", "code", "type"),
        *of_kind("boolean", "active"),
        *to_one("stock.location", "parent"),
        *(own(f"{zone}_location", "many2one", "stock.location", get=_zone(zone)) for zone in ("input", "output")),
        own("storage_location", "many2one", "stock.location", get=_zone("storage")),
        own("picking_location", "many2one", "stock.location", get=_zone("storage")),
        own("quantity_on_hand", "float", get=figure(books.stock.on_hand)),
        own("quantity_available", "float", get=figure(books.stock.available)),
    )


def _zone(name: str) -> Getter:
    return lambda row: getattr(row, name)


def _move_fields(books: Books, fields: Fields) -> dict[str, Field]:
    def rec_name(move: StockMove) -> str:
        return f"{move.quantity} x {books.products[move.product].code}"

    def shipment(move: StockMove) -> str | None:
        return None if move.shipment_model is None else f"{move.shipment_model},{move.shipment}"

    def unit_price(move: StockMove) -> Decimal | None:
        line = books.lines.get(move.line)
        return None if line is None else line.unit_price

    def planned(move: StockMove) -> object:
        table = books.shipments.get(move.shipment_model or "")
        row = None if table is None else table.get(move.shipment)
        return None if row is None else row.planned_date

    return fields.every(
        rec_name,
        *to_one("product.product", "product"),
        own("quantity", "float"),
        own("internal_quantity", "float", get=lambda move: move.quantity),
        own("uom", "many2one", get=lambda _: UNIT_ID),
        *to_one("stock.location", "from_location", "to_location"),
        own("shipment", "reference", get=shipment),
        own("origin", "reference", get=lambda move: None if move.line is None else f"sale.line,{move.line}"),
        *chars("state"),
        *of_kind("date", "effective_date"),
        own("unit_price", "numeric", get=unit_price),
        own("cost_price", "numeric", get=lambda move: books.products[move.product].cost_price),
        own("currency", "many2one", "currency.currency", get=lambda _: books.company_currency),
        own("planned_date", "date", get=planned),
        company(),
    )
