"""What the warehouse does in the demo's day, as events for the Fulfil sandbox's script, and what must come of it.

Pure. The names of the events are those of `POST /sandbox/play`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from flows.demo.figures import Figures
from flows.demo.orders import Product
from flows.demo.settings import CARRIER_SERVICES, ERP_STOCK, STORE, UNMAPPED_SERVICE, WAREHOUSE
from flows.demo.stories import Handling

Event = dict[str, Any]
_ARRIVING, _COUNTED = 300, 25
_TRANSFERRED, _BROUGHT_BACK = 40, 15


class Handled(msgspec.Struct, frozen=True):
    """An order that the warehouse has in its hands. `lines` are those of its sale."""

    order_id: str
    handling: Handling
    figures: Figures


class Due(msgspec.Struct, frozen=True):
    """How many shipments must be done, packed and on hold in the end, and how many parcels must have a number."""

    shipped: int = 0
    packed: int = 0
    on_hold: int = 0
    parcels: int = 0

    def __add__(self, other: Due) -> Due:
        """What both make due."""
        return Due(
            self.shipped + other.shipped,
            self.packed + other.packed,
            self.on_hold + other.on_hold,
            self.parcels + other.parcels,
        )


def arrivals(products: Sequence[Product]) -> list[Event]:
    """Goods arrive while orders do, and somebody counts a few products."""
    goods = [{"sku": each.sku, "quantity": str(_ARRIVING)} for each in products]
    counts = [
        {"event": "count", "sku": each.sku, "quantity": str(ERP_STOCK + _ARRIVING + place % 7)}
        for place, each in enumerate(products[:_COUNTED])
    ]
    return [{"event": "receive", "goods": goods}, *counts]


def transfers(products: Sequence[Product]) -> list[Event]:
    """A part of these products goes to the store, where no sales channel sells it, and some of that comes back."""
    there = [{"sku": each.sku, "quantity": str(_TRANSFERRED)} for each in products]
    back = [{"sku": each.sku, "quantity": str(_BROUGHT_BACK)} for each in products[::2]]
    return [
        {"event": "transfer", "goods": there, "from_warehouse": WAREHOUSE, "to_warehouse": STORE},
        {"event": "transfer", "goods": back, "from_warehouse": STORE, "to_warehouse": WAREHOUSE},
    ]


def delivery(skus: Iterable[str]) -> list[Event]:
    """A last delivery of the day: a piece of each of these products."""
    return [{"event": "receive", "goods": [{"sku": sku, "quantity": "1"} for sku in sorted(skus)]}]


def events(handled: Sequence[Handled]) -> tuple[list[Event], Due]:
    """Everything that is done with these orders' shipments, and what must come of it."""
    played: list[Event] = []
    due = Due()
    for place, each in enumerate(handled):
        some, made = _of(each, place)
        played += some
        due += made
    return played, due


def _of(handled: Handled, place: int) -> tuple[list[Event], Due]:
    """The events of one order, and what they add to `Due`."""
    order = {"order": handled.order_id}
    match handled.handling:
        case Handling.HELD:
            return [{"event": "hold", "note": "address to be checked", **order}], Due(on_hold=1)
        case Handling.PACKED:
            return [{"event": "pick", **order}, {"event": "pack", **order}], Due(packed=1)
        case Handling.PICKED:
            return [{"event": "pick", **order}], Due()
        case Handling.TWO_PARCELS:
            return [{"event": "pick", **order}, _ship(handled, place, parcels=2)], Due(shipped=1, parcels=2)
        case Handling.SHORT if len({line.sku for line in handled.figures.lines}) > 1:
            sku = handled.figures.lines[0].sku
            short = {"event": "short_pick", "sku": sku, "found": "0", "rest": "cancel", **order}
            return [short, _ship(handled, place)], Due(shipped=1, parcels=1)
        case Handling.PARTIAL if is_parted(handled):
            part = {"sku": handled.figures.lines[0].sku, "quantity": "1"}
            return [{"event": "split", "goods": [part], **order}], Due()
        case Handling.UNMAPPED:
            return [{**_ship(handled, place), "carrier_service": UNMAPPED_SERVICE}], Due(shipped=1, parcels=1)
        case _:
            return [_ship(handled, place)], Due(shipped=1, parcels=1)


def is_parted(handled: Handled) -> bool:
    """Whether the order leaves in two parts: there is more than one piece of it."""
    is_partial = handled.handling is Handling.PARTIAL
    return is_partial and sum((line.quantity for line in handled.figures.lines), Decimal(0)) > 1


def part(handled: Handled, shipment: int, place: int) -> tuple[Event, Due]:
    """One of two shipments of an order leaves; `place` 0 is the first of them."""
    event = {**_ship(handled, place, first=place), "shipment": shipment}
    del event["order"]
    return event, Due(shipped=1, parcels=1)


def _ship(handled: Handled, place: int, *, parcels: int = 1, first: int = 0) -> Event:
    numbers = [f"1Z{handled.order_id}{parcel}" for parcel in range(first, first + parcels)]
    return {
        "event": "ship",
        "order": handled.order_id,
        "carrier_service": CARRIER_SERVICES[place % len(CARRIER_SERVICES)],
        "parcels": [{"tracking_number": number, "url": f"https://track.example.com/{number}"} for number in numbers],
    }
