"""What the warehouse does in the demo's day, as events for the Fulfil sandbox's script, and what must come of it.

Pure. The names of the events are those of `POST /sandbox/play`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from flows.demo.figures import Figures
from flows.demo.orders import Product
from flows.demo.settings import CARRIER_SERVICES, ERP_STOCK
from flows.demo.stories import Handling

Event = dict[str, Any]
_ARRIVING, _COUNTED = 300, 25


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
        case _:
            return [_ship(handled, place)], Due(shipped=1, parcels=1)


def _ship(handled: Handled, place: int, *, parcels: int = 1) -> Event:
    numbers = [f"1Z{handled.order_id}{parcel}" for parcel in range(parcels)]
    return {
        "event": "ship",
        "order": handled.order_id,
        "carrier_service": CARRIER_SERVICES[place % len(CARRIER_SERVICES)],
        "parcels": [{"tracking_number": number, "url": f"https://track.example.com/{number}"} for number in numbers],
    }
