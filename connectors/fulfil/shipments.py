"""What leaves the warehouse and what comes back to it: shipments of each kind, their parcels and their tracking.

A pick-up is a customer shipment whose `delivery_mode` is `pick_up`. States are moved in `workflow`. Shipments are made
by processing a sale, never directly. Fields: recorded records, an official batch sample, Tryton's shipping modules
(drop shipments and returns: the modules alone, so a tenant may have other names for them).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final

from msgspec import field

from connectors.fulfil.models import Model
from connectors.fulfil.rows import Row
from connectors.fulfil.typed import Reference


class Shipment(Row, frozen=True, kw_only=True):
    """A customer shipment. `state`: draft, waiting, assigned, packed (not shipped yet), done (shipped) or cancel."""

    number: str | None = None
    reference: str | None = None
    state: str | None = None
    delivery_mode: str | None = None
    """`ship` or `pick_up`."""
    warehouse: int | None = None
    planned_date: date | None = None
    effective_date: date | None = None
    """The day it was done."""
    sales: tuple[int, ...] | None = None
    """More than one when sales were shipped together."""
    order_numbers: str | None = None
    carrier: int | None = None
    carrier_name: str | None = field(default=None, name="carrier.rec_name")
    carrier_service: int | None = None
    carrier_service_code: str | None = field(default=None, name="carrier_service.code")
    carrier_service_name: str | None = field(default=None, name="carrier_service.name")
    tracking: int | None = field(default=None, name="tracking_number")
    tracking_number: str | None = field(default=None, name="tracking_number.tracking_number")
    """What people call the tracking number; the field of that name is only a link to its record."""
    tracking_url: str | None = field(default=None, name="tracking_number.tracking_url")
    picking_status: str | None = None
    """None, `in-progress` or `done`."""
    shipping_batch: int | None = None
    """The picking batch that it is in."""
    on_hold: bool | None = None
    outgoing_moves: tuple[int, ...] | None = None
    packages: tuple[int, ...] | None = None


class DropShipment(Row, frozen=True, kw_only=True):
    """A shipment that a supplier makes to the customer. `state`: draft, waiting, shipped, done or cancel."""

    number: str | None = None
    state: str | None = None
    effective_date: date | None = None
    carrier: int | None = None
    carrier_name: str | None = field(default=None, name="carrier.rec_name")
    tracking: int | None = field(default=None, name="tracking_number")
    tracking_number: str | None = field(default=None, name="tracking_number.tracking_number")
    tracking_url: str | None = field(default=None, name="tracking_number.tracking_url")
    moves: tuple[int, ...] | None = None


class ReturnShipment(Row, frozen=True, kw_only=True):
    """Goods that come back from a customer. `state`: draft, received, done or cancel."""

    number: str | None = None
    state: str | None = None
    effective_date: date | None = None
    incoming_moves: tuple[int, ...] | None = None


class Package(Row, frozen=True, kw_only=True):
    """A parcel of a shipment, with its own tracking number."""

    shipment: Reference | None = None
    tracking: int | None = field(default=None, name="tracking_number")
    tracking_number: str | None = field(default=None, name="tracking_number.tracking_number")
    tracking_url: str | None = field(default=None, name="tracking_number.tracking_url")
    moves: tuple[int, ...] | None = None
    weight: Decimal | None = None


class Tracking(Row, frozen=True, kw_only=True):
    """A tracking number: its text, whose it is, and what the carrier says.

    `state`: waiting, in_transit, out_for_delivery, delivered, exception, failure, returned, cancelled, unknown or
    pending_cancellation. `origin` is the parcel or the shipment that it was made for.
    """

    tracking_number: str | None = None
    carrier: int | None = None
    origin: Reference | None = None
    is_master: bool | None = None
    tracking_url: str | None = None
    state: str | None = None


class Carrier(Row, frozen=True, kw_only=True):
    """A carrier."""

    by_name = frozenset({"active"})

    name: str | None = field(default=None, name="rec_name")
    active: bool | None = None


class CarrierOffer(Row, frozen=True, kw_only=True):
    """What a carrier offers (`carrier.service`), with the code that the carrier gives it."""

    name: str | None = None
    code: str | None = None


SHIPMENTS: Final = Model("stock.shipment.out", Shipment, "shipments", by=("number", "sales"))
DROP_SHIPMENTS: Final = Model("stock.shipment.drop", DropShipment, "drop_shipments", by=("number",))
RETURN_SHIPMENTS: Final = Model("stock.shipment.out.return", ReturnShipment, "return_shipments", by=("number",))
PACKAGES: Final = Model("stock.package", Package, "packages", by=("shipment",))
TRACKINGS: Final = Model("shipment.tracking", Tracking, "trackings", by=("origin", "tracking_number"))
CARRIERS: Final = Model("carrier", Carrier, "carriers")
CARRIER_SERVICES: Final = Model("carrier.service", CarrierOffer, "carrier_services")

MODELS: Final = (SHIPMENTS, DROP_SHIPMENTS, RETURN_SHIPMENTS, PACKAGES, TRACKINGS, CARRIERS, CARRIER_SERVICES)
