"""The events that a script can play at the tenant: what people in the warehouse, in finance and at the desk do.

Each is one JSON object with its name under `event`; `POST /sandbox/play` takes one, or an array that is played in
order. An event that cannot happen is refused with a sentence; those before it have happened, and of one that concerns
several shipments those before the first that cannot. Sales are named by their channel_identifier (`order`), products
by SKU, shipments by id. An event on an order's shipments concerns all that are under way, unless `shipment` names one.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Literal

import msgspec

Model = Literal["stock.shipment.out", "stock.shipment.drop", "stock.shipment.out.return"]


def _tag(name: str) -> str:
    return "".join(f"_{sign.lower()}" if sign.isupper() else sign for sign in name).lstrip("_")


class Event(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="event",
    tag=_tag,
):
    """What every event is: a struct with its name, in small letters and underscores, under `event`."""


def check(quantity: Decimal, *, least: int) -> None:
    """Raises ValueError for what is no quantity: `least` 1 means above zero, 0 means zero or above."""
    if not quantity.is_finite() or quantity < 0 or (least and not quantity):
        raise ValueError(f"a quantity is {'above zero' if least else 'not negative'}")


class Goods(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A quantity of a product."""

    sku: str
    quantity: Decimal

    def __post_init__(self) -> None:
        check(self.quantity, least=1)


class Parcel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A parcel; without `goods` it is not said what is in it."""

    tracking_number: str
    url: str | None = None
    goods: tuple[Goods, ...] = ()


class OfShipment(Event, frozen=True, kw_only=True):
    """An event on shipments: one by id, or those of an order that are under way."""

    order: str | None = None
    shipment: int | None = None


class Receive(Event, frozen=True, kw_only=True):
    """Goods arrive from suppliers: a stock.shipment.in."""

    goods: tuple[Goods, ...]
    warehouse: int | None = None


class Count(Event, frozen=True, kw_only=True):
    """Somebody counts a product: a stock.inventory; the difference goes to lost and found."""

    sku: str
    quantity: Decimal
    warehouse: int | None = None

    def __post_init__(self) -> None:
        check(self.quantity, least=0)


class Transfer(Event, frozen=True, kw_only=True):
    """Goods go from the storage of one warehouse to another's: the moves of a stock.shipment.internal, done at once."""

    goods: tuple[Goods, ...]
    from_warehouse: int
    to_warehouse: int


class Process(Event, frozen=True, kw_only=True):
    """Sales that wait to be processed are processed now (asynchronous processing)."""

    order: str | None = None


class Confirm(Event, frozen=True, kw_only=True):
    """Somebody takes a draft or quotation through to processing."""

    order: str


class CancelSale(Event, frozen=True, kw_only=True):
    """Somebody cancels a sale, as far as the tenant's rules allow."""

    order: str


class ChangeLine(Event, frozen=True, kw_only=True):
    """Somebody changes the quantity of a sale's line by hand, up to the gate."""

    order: str
    sku: str
    quantity: Decimal

    def __post_init__(self) -> None:
        check(self.quantity, least=0)


class Allocate(OfShipment, frozen=True, kw_only=True):
    """Waiting shipments get their goods, oldest first; without a name, all of them. Answers which did."""


class Pick(OfShipment, frozen=True, kw_only=True):
    """Picking begins and ends; a waiting shipment is assigned first."""

    ends: bool = True


class ShortPick(OfShipment, frozen=True, kw_only=True):
    """The picker finds less than ordered: the rest is cancelled, or waits in a shipment of its own."""

    sku: str
    found: Decimal
    rest: Literal["cancel", "backorder"] = "backorder"

    def __post_init__(self) -> None:
        check(self.found, least=0)


class Pack(OfShipment, frozen=True, kw_only=True):
    """Shipments are packed; picked first when they are not."""


class Ship(OfShipment, frozen=True, kw_only=True):
    """Shipments leave; packed first when they are not. Of a drop shipment: the supplier sent it, and it is done."""

    carrier_service: str | None = None
    parcels: tuple[Parcel, ...] = ()


class HandOver(OfShipment, frozen=True, kw_only=True):
    """A customer collects a pick-up shipment."""


class Split(OfShipment, frozen=True, kw_only=True):
    """A part of a shipment becomes one of its own."""

    goods: tuple[Goods, ...]


class Merge(Event, frozen=True, kw_only=True):
    """Two shipments to one customer become one, for both sales."""

    shipment: int
    other: int


class Batch(Event, frozen=True, kw_only=True):
    """Shipments are put into a batch to be picked together."""

    name: str
    shipments: tuple[int, ...]


class Hold(OfShipment, frozen=True, kw_only=True):
    """Shipments are put on hold."""

    note: str | None = None


class Unhold(OfShipment, frozen=True, kw_only=True):
    """Shipments are released from hold."""


class CancelShipment(OfShipment, frozen=True, kw_only=True):
    """The warehouse gives up shipments; nobody refunds them."""


class Retrack(Event, frozen=True, kw_only=True):
    """A tracking number is corrected after the fact."""

    shipment: int
    tracking_number: str


class Track(Event, frozen=True, kw_only=True):
    """The carrier tells where the parcels of a shipment are."""

    shipment: int
    state: Literal[
        "in_transit", "exception", "delivered", "out_for_delivery", "failure", "returned", "cancelled", "unknown"
    ]


class ReceiveReturn(Event, frozen=True, kw_only=True):
    """Returned goods arrive and are put back: the return shipments of an order, or of a return by its own key."""

    order: str


class Capture(Event, frozen=True, kw_only=True):
    """The gateway captures what an order's payments have authorised."""

    order: str


class Refund(Event, frozen=True, kw_only=True):
    """The gateway gives money back on an order's payment; all of it without an amount."""

    order: str
    amount: Decimal | None = None
    provider_reference: str | None = None

    def __post_init__(self) -> None:
        if self.amount is not None:
            check(self.amount, least=1)


class PostPayments(Event, frozen=True, kw_only=True):
    """Finance posts every collected transaction."""


class ClosePeriod(Event, frozen=True, kw_only=True):
    """Finance closes the month of a day."""

    day: dt.date


class Advance(Event, frozen=True, kw_only=True):
    """The tenant's clock is put forward; what became due happens."""

    seconds: Annotated[float, msgspec.Meta(gt=0, le=400 * 86_400)]


class CommitLate(Event, frozen=True, kw_only=True):
    """Records turn out to have been written a while ago, as after a transaction that took long."""

    model: str
    ids: tuple[int, ...]
    seconds: Annotated[float, msgspec.Meta(gt=0, le=3_600)]


AnyEvent = (
    Receive
    | Count
    | Transfer
    | Process
    | Confirm
    | CancelSale
    | ChangeLine
    | Allocate
    | Pick
    | ShortPick
    | Pack
    | Ship
    | HandOver
    | Split
    | Merge
    | Batch
    | Hold
    | Unhold
    | CancelShipment
    | Retrack
    | Track
    | ReceiveReturn
    | Capture
    | Refund
    | PostPayments
    | ClosePeriod
    | Advance
    | CommitLate
)
EVENTS: tuple[type[Event], ...] = AnyEvent.__args__
"""Every event, in the order of the list in the package's documentation."""


def name_of(event: type[Event]) -> str:
    """How a script calls an event."""
    return str(event.__struct_config__.tag)
