"""What is on the shelves and what moves: levels by location, moves, locations and listings.

`quantity_on_hand` is what should be on the shelves, `quantity_available` what can be promised; both depend on which
locations are asked about, and without any they are the sum over every location in scope, which is never what is wanted:
so locations must always be named. Quantities are JSON floats; the decimal is the shortest that is this float.
Source: developers.fulfil.io, inventory.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, field

from connectors.fulfil.calls import INACTIVE_TOO, Read, Spoken, encode, search_read
from connectors.fulfil.changes import Page
from connectors.fulfil.models import Model
from connectors.fulfil.rows import Row
from connectors.fulfil.tenant import Tenant
from connectors.fulfil.typed import Reference, Undecodable, decimal_of
from connectors.fulfil.wire import RECORDS_MAX
from connectors.http import Answer
from runtime.errors import Unavailable


class StockMove(Row, frozen=True, kw_only=True):
    """Goods that move, or will. `state`: staging, draft, assigned, done or cancel.

    What is reserved is a move from a storage that is assigned; `origin` is `sale.line,ID` when a sale caused it.
    """

    by_name = frozenset({"planned_date"})

    product: int | None = None
    product_code: str | None = field(default=None, name="product.code")
    quantity: Decimal | None = None
    """In `uom`."""
    internal_quantity: Decimal | None = None
    """In the product's own unit."""
    uom: int | None = None
    from_location: int | None = None
    from_type: str | None = field(default=None, name="from_location.type")
    to_location: int | None = None
    to_type: str | None = field(default=None, name="to_location.type")
    shipment: Reference | None = None
    origin: Reference | None = None
    state: str | None = None
    planned_date: date | None = None
    effective_date: date | None = None
    cost_price: Decimal | None = None


class Location(Row, frozen=True, kw_only=True):
    """A place. `type`: supplier, customer, lost_found, warehouse, storage, production, drop, view or transit."""

    code: str | None = None
    name: str | None = None
    type: str | None = None
    parent: int | None = None
    active: bool | None = None


class Listing(Row, frozen=True, kw_only=True):
    """A product on a sales channel: `product_identifier` is the channel's own id of the variant."""

    channel: int | None = None
    product: int | None = None
    product_code: str | None = field(default=None, name="product.code")
    product_identifier: str | None = None
    state: str | None = None


STOCK_MOVES: Final = Model("stock.move", StockMove, "stock_moves", by=("product", "origin", "shipment"))
LOCATIONS: Final = Model("stock.location", Location, "locations", by=("code",))
LISTINGS: Final = Model("product.product.channel_listing", Listing, "listings", by=("channel", "product"))

MODELS: Final = (STOCK_MOVES, LOCATIONS, LISTINGS)

_PRODUCTS: Final = "product.product"
_PosId = Annotated[int, Meta(gt=0)]
_Some = Annotated[tuple[_PosId, ...], Meta(min_length=1, max_length=RECORDS_MAX)]


# -- levels ------------------------------------------------------------------------------------------------------------


class StockLevel(Row, frozen=True, kw_only=True):
    """A product's stock at the locations that were asked about, summed. May be below zero; None: not told."""

    code: str | None = None
    active: bool | None = None
    quantity_on_hand: Decimal | None = None
    quantity_available: Decimal | None = None


class StockQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """A question: stock of products at `locations` (ids of warehouses, zones or bins), summed, in order of id.

    `products` or `codes` say which, at most 500 of them; neither: all of them, page by page from `after_id`.
    """

    locations: _Some
    products: Annotated[tuple[_PosId, ...], Meta(max_length=RECORDS_MAX)] = ()
    codes: Annotated[tuple[str, ...], Meta(max_length=RECORDS_MAX)] = ()
    after_id: Annotated[int, Meta(ge=0)] = 0
    limit: Annotated[int, Meta(ge=1)] = RECORDS_MAX


_LEVELS: Final = Model(_PRODUCTS, StockLevel, "stock_levels")


def _speak_levels(asked: StockQuestion, tenant: Tenant) -> Spoken:
    domain: list[Any] = [("id", ">", asked.after_id)]
    if asked.products:
        domain.append(("id", "in", asked.products))
    if asked.codes:
        domain.append((tenant.field(_PRODUCTS, "code"), "in", asked.codes))
    context = {**INACTIVE_TOO, "locations": asked.locations}
    limit = min(asked.limit, tenant.page_size)
    return search_read(tenant.model(_PRODUCTS), tuple(domain), _LEVELS.fields(tenant), limit, context)


STOCK_LEVELS: Final[Read[StockQuestion, Page[StockLevel]]] = Read(
    kind="stock_levels",
    question=StockQuestion,
    speak=_speak_levels,
    decode=lambda answer, asked, tenant: _LEVELS.page(answer, tenant, after_id=asked.after_id, limit=asked.limit),
)


# -- levels per warehouse ----------------------------------------------------------------------------------------------


class InventoryQuestion(msgspec.Struct, frozen=True):
    """A question: stock of these products in each of these warehouses."""

    products: _Some
    warehouses: _Some


class Inventory(msgspec.Struct, frozen=True, gc=False):
    """A product's stock at one location. None: not told."""

    product: int
    location: int
    quantity_on_hand: Decimal | None
    quantity_available: Decimal | None


def _speak_inventory(asked: InventoryQuestion, tenant: Tenant) -> Spoken:
    path = f"model/{tenant.model(_PRODUCTS)}/get_product_inventory"
    return Spoken(path=path, body=encode((asked.products, asked.warehouses)), context=INACTIVE_TOO)


_decode_inventory: Final = msgspec.json.Decoder(dict[int, dict[int, dict[str, Any]]]).decode


def _inventory(answer: Answer, asked: InventoryQuestion, tenant: Tenant) -> tuple[Inventory, ...]:
    """`{product: {location: {figures}}}`; the ids arrive as strings, because they are keys of JSON objects."""
    on_hand, available = (tenant.field(_PRODUCTS, name) for name in ("quantity_on_hand", "quantity_available"))
    products = _decode_inventory(answer.body)
    if not products.keys() <= set(asked.products):
        raise Unavailable("Fulfil answered the stock of other products than were asked for")
    return tuple(
        [
            Inventory(product, location, _figure(figures.get(on_hand)), _figure(figures.get(available)))
            for product, locations in products.items()
            for location, figures in locations.items()
        ]
    )


def _figure(value: Any) -> Decimal | None:
    try:
        return decimal_of(value)
    except Undecodable:
        return None


PRODUCT_INVENTORY: Final[Read[InventoryQuestion, tuple[Inventory, ...]]] = Read(
    kind="get_product_inventory", question=InventoryQuestion, speak=_speak_inventory, decode=_inventory
)
