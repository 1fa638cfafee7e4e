"""The shapes of the warehouse: locations, moves, shipments of every kind, tracking, packages, counts.

Relations are ids, never references (`gc=False`). Quantities are exact decimals in the product's unit.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from connectors.fulfil.sandbox.records import Record
from runtime.clock import Instant


class Location(Record, kw_only=True, gc=False):
    """stock.location. A warehouse names its input, output and storage; those name it as their parent."""

    name: str
    code: str
    type: str
    parent: int | None = None
    input: int | None = None
    output: int | None = None
    storage: int | None = None
    active: bool = True


class StockMove(Record, kw_only=True, gc=False):
    """stock.move: states draft, assigned, done, cancel. `line` is the sale line it comes from, its origin."""

    product: int
    quantity: Decimal
    from_location: int
    to_location: int
    state: str = "draft"
    shipment_model: str | None = None
    shipment: int | None = None
    line: int | None = None
    effective_date: dt.date | None = None


class Shipment(Record, kw_only=True, gc=False):
    """A shipment of any kind: stock.shipment.out, .drop, .out.return or .in, each in a table of its own.

    `moves` are the outgoing moves (of a return or a receipt: the incoming ones); `inventory_moves` take the goods from
    storage to the output location, and exist from the assignment on.
    """

    model: str
    state: str
    warehouse: int
    party: int | None = None
    address: int | None = None
    sales: tuple[int, ...] = ()
    moves: tuple[int, ...] = ()
    inventory_moves: tuple[int, ...] = ()
    reference: str | None = None
    carrier_service: int | None = None
    tracking: int | None = None
    trackings: tuple[int, ...] = ()
    packages: tuple[int, ...] = ()
    delivery_mode: str = "ship"
    planned_date: dt.date | None = None
    effective_date: dt.date | None = None
    shipped_at: Instant | None = None
    picking_status: str | None = None
    on_hold: bool = False
    hold_note: str | None = None
    batch: int | None = None
    priority: str = "2"
    cost: Decimal | None = None
    shipping_instructions: str | None = None


class Tracking(Record, kw_only=True, gc=False):
    """shipment.tracking: one parcel's number at its carrier."""

    tracking_number: str
    carrier_service: int | None
    shipment_model: str
    shipment: int
    is_master: bool = True
    tracking_url: str | None = None
    state: str = "waiting"


class Package(Record, kw_only=True, gc=False):
    """stock.package: one parcel with the moves in it."""

    shipment_model: str
    shipment: int
    tracking: int | None = None
    moves: tuple[int, ...] = ()
    weight: Decimal | None = None


class Batch(Record, kw_only=True, gc=False):
    """stock.shipment.out.batch: shipments that are picked together."""

    name: str
    warehouse: int
    shipments: tuple[int, ...] = ()
    state: str = "draft"


class Count(Record, kw_only=True, gc=False):
    """stock.inventory: a stock count; states draft, done, cancel."""

    location: int
    date: dt.date
    lost_found: int | None = None
    type: str = "cycle"
    state: str = "draft"
    lines: tuple[int, ...] = ()


class CountLine(Record, kw_only=True, gc=False):
    """stock.inventory.line: what was counted, and (once completed) what was expected."""

    inventory: int
    product: int
    quantity: Decimal
    expected_quantity: Decimal | None = None
