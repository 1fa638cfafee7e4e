"""What is remembered of shipments, and what the two actors tell each other."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal

import msgspec

from connectors.patchworks.fulfilments import FulfilmentPage
from runtime.decision import Message
from runtime.key import partition_of, parts_of

NAME: Final = "fulfilment_watcher"
ORDERS: Final = "order_fulfilments"

Kind = Literal["out", "drop"]
"""What leaves a warehouse (pick-ups too), and what a supplier sends."""
KINDS: Final[tuple[Kind, ...]] = ("out", "drop")
_DAYS_END_LATER: Final = timedelta(hours=12)


def watch_key(kind: Kind) -> str:
    """The key under which shipments of a kind are watched."""
    return f"shipments/{kind}"


def told_key(sales_channel: str) -> str:
    """The key under which a sales channel's word for what it was told is taken."""
    return f"told/{sales_channel}"


def watched_models() -> dict[str, Kind]:
    """Fulfil's models of the kinds of shipments."""
    return {"stock.shipment.out": "out", "stock.shipment.drop": "drop"}


def held_key() -> str:
    """The key under which held notices are looked at again."""
    return "shipments/held"


def notice_id(shipment: str, order_id: str) -> str:
    """The id of a notice, by which a sales channel recognises it: `out-55310-6104889327714`."""
    return f"{shipment}-{order_id}"


def order_of(notice: str) -> str:
    """The order of a notice's id; empty for what is none."""
    kind, _, rest = notice.partition("-")
    number, _, order_id = rest.partition("-")
    return order_id if kind in KINDS and number.isdecimal() else ""


def line_of(order_key: str, notice: str) -> str:
    """What a notice is called among the lines of a flow. `order_key_of` finds its order again."""
    return f"{partition_of(order_key)}/{notice}"


def order_key_of(line: str) -> tuple[str, str]:
    """The order's key and the notice's id of a line of a flow."""
    sales_channel, notice = parts_of(line)
    return f"{sales_channel}/{order_of(notice)}", notice


# -- what was shipped of one order -------------------------------------------------------------------------------------


class Parcel(msgspec.Struct, frozen=True, omit_defaults=True):
    """A parcel's tracking number, and where it is followed, if Fulfil says."""

    number: str
    url: str = ""


class Component(msgspec.Struct, frozen=True):
    """Units of one component of a kit: in this shipment, and how many one kit has. `name`: its SKU, or product's id."""

    name: str
    quantity: Decimal
    per_kit: Decimal


class PartLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was shipped of one line. Of a kit its components; `quantity` is then not told by Fulfil, and 0."""

    line_id: str
    sku: str
    quantity: Decimal
    components: tuple[Component, ...] = ()


class OrderedLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the sale that something is, was or will be shipped of."""

    line_id: str
    sku: str
    quantity: Decimal


class ShipmentPart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one shipment that has left brings of one order."""

    shipment: str
    """Kind and id: `out-55310`."""
    number: str
    changed_at: datetime
    shipped_on: date | None = None
    pick_up: bool = False
    warehouse: int | None = None
    carrier: str = ""
    """Fulfil's name of the carrier; empty without one."""
    service_code: str = ""
    service: str = ""
    parcels: tuple[Parcel, ...] = ()
    lines: tuple[PartLine, ...] = ()
    ordered: tuple[OrderedLine, ...] = ()
    """All lines of the sale of which anything is shipped, as they stand now."""
    reference: str = ""
    """The order's number for people."""
    sale: int = 0

    @property
    def is_of_its_day(self) -> bool:
        """Whether it may have been changed last on the day on which it left: Fulfil says the day of the company, which
        west of Greenwich is up to twelve hours longer that day than in UTC.
        """
        return self.shipped_on is not None and (self.changed_at - _DAYS_END_LATER).date() <= self.shipped_on


# -- messages ----------------------------------------------------------------------------------------------------------


class Watch(Message, frozen=True):
    """To the watcher: read what changed (at start, by timer, after a hint)."""


class LookAtHeld(Message, frozen=True, kw_only=True):
    """To the watcher: have held notices looked at again, those behind this row."""

    after: int = 0


class FulfilmentPageReceived(Message, frozen=True, kw_only=True):
    """To the watcher: a sales channel has said what it was told."""

    page: FulfilmentPage


class ShipmentSeen(Message, frozen=True, kw_only=True):
    """To an order: this was shipped of it, as it stands now. `old`: done before anybody wanted to be told."""

    part: ShipmentPart
    old: bool = False


class ShipmentCancelled(Message, frozen=True, kw_only=True):
    """To an order: a shipment that was done, or has nothing of the order any more, is no longer shipped."""

    shipment: str
    number: str = ""


class NoticeSent(Message, frozen=True, kw_only=True):
    """To an order: the run that took this notice has ended well."""

    notice: str
    run_id: str
    at: datetime


class NoticeRefused(Message, frozen=True, kw_only=True):
    """To an order: the flow fails with this notice alone."""

    notice: str


class NoticeTold(Message, frozen=True, kw_only=True):
    """To an order: the sales channel says that it has this, with these tracking numbers if it names any."""

    notice: str
    numbers: tuple[str, ...] = ()
    at: datetime


class Withdraw(Message, frozen=True, kw_only=True):
    """An order to itself, and by timer: see what became of taking a notice back from its flow."""

    notice: str


class Overdue(Message, frozen=True):
    """Timer of an order: something should have been told by now."""
