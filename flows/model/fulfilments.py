"""Telling a sales channel what was shipped: how its flow is started, and what carriers are called there."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from flows.model.outgoing import FlowTarget
from flows.model.ship_by import ShipWithin

NO_CARRIER: Final = "no carrier"
"""What people read where Fulfil has none; in the settings it is the empty name."""


class FulfilmentSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How one sales channel hears of shipments."""

    flow: FlowTarget
    """The flow that takes them."""
    carriers: dict[str, str] = {}
    """Fulfil's names of carriers = what the sales channel calls them; the empty name is for shipments without one."""
    services: dict[str, str] = {}
    """Fulfil's codes or names of carrier services = what the sales channel calls them. Where there are none at all,
    services go under Fulfil's names."""
    unmapped: Literal["hold", "send"] = "hold"
    """What becomes of a shipment by a carrier or service that is not mapped: it is held until it is, or sent under
    Fulfil's own name with its tracking address, and held only without one."""
    tracking_urls: dict[str, str] = {}
    """Fulfil's names of carriers = an address with {number} in it, where Fulfil has no tracking address. Couriers that
    are known have theirs without it."""
    locations: dict[str, str] = {}
    """Fulfil's ids of warehouses, as text = what the sales channel calls the place."""
    notify_customer: bool = True
    """Whether the sales channel is to tell the customer, as far as its flow heeds it."""
    unknown_orders: Literal["hold", "send"] = "hold"
    """What becomes of a shipment of an order that Seamline has never received: it is held for somebody to look at, or
    sent like any other (after a cutover, while orders of the time before are still shipped)."""
    evidence: Literal["manifest", "none"] = "manifest"
    """Whether the sales channel says what it was told; `none` where it cannot, and then *sent* is all that is known."""
    told_within_s: Annotated[float, Meta(gt=0, le=2_592_000)] = 900.0
    """How long after it was sent the sales channel may take to say that it was told."""
    ship_within: ShipWithin | None = None
    """How soon orders are to leave that do not say so themselves. Not set: only those that do are watched."""
    since: Annotated[datetime, Meta(tz=True)] | None = None
    """Shipments done before this instant, with its offset, are known and not told. Not set: since the first start
    with this sales channel."""
