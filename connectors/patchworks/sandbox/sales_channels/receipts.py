"""What flows brought to a sales channel, as its observer reads it: distinct keys, how often each, what became of it.

The shapes that arrive are those of sections 11.3 and 11.4 of the facts, after whatever map shape the flow has.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

import msgspec
from msgspec import Meta

Text = Annotated[str, Meta(min_length=1, max_length=200)]
Id = str | int


class Level(msgspec.Struct, frozen=True):
    """One stock level, absolute. `previous` is the figure that the sender believes it replaces."""

    sku: Text
    available: int | None = None
    quantity: int | None = None
    """Another name for the same figure, for flows that map it so."""
    location: str = "MAIN"
    sequence: int | None = None
    previous: int | None = None

    @property
    def figure(self) -> int | None:
        """The level, under whichever name it came."""
        return self.available if self.available is not None else self.quantity


class OrderRef(msgspec.Struct, frozen=True):
    """Which order was shipped: by the sales channel's own id, or by its name."""

    id: Id | None = None
    name: str = ""


class Tracking(msgspec.Struct, frozen=True):
    """A parcel's number and address."""

    number: str = ""
    url: str = ""


class NoticeLine(msgspec.Struct, frozen=True):
    """Units of one line of the order, by the sales channel's line id or, failing that, by SKU."""

    quantity: int
    order_line_id: Id | None = None
    sku: str = ""


class Notice(msgspec.Struct, frozen=True):
    """A shipment of one order."""

    fulfilment_id: Id
    order: OrderRef
    lines: list[NoticeLine]
    carrier: str = ""
    service: str = ""
    tracking: list[Tracking] = []

    @property
    def key(self) -> str:
        """What makes it the same notice when it comes again."""
        return str(self.fulfilment_id)


class Receipts:
    """The counts of one sales channel."""

    def __init__(self) -> None:
        self.levels: Counter[str] = Counter()
        """By what became of them: applied, stale, conflict, refused, repeated."""
        self.level_keys: Counter[str] = Counter()
        """How often each sku @ location # sequence arrived."""
        self.sequences: dict[tuple[str, str], int] = {}
        """The highest sequence applied per SKU and location."""
        self.notices: Counter[str] = Counter()
        """By what became of them: applied, updated, repeated, refused."""
        self.notice_keys: Counter[str] = Counter()
        """How often each fulfilment arrived, whatever became of it."""

    def level(self, level: Level) -> None:
        """Note that a level arrived."""
        key = f"{level.sku}@{level.location}#{level.sequence}"
        self.levels["repeated"] += level.sequence is not None and key in self.level_keys
        self.level_keys[key] += 1

    def notice(self, notice: Notice) -> bool:
        """Note that a fulfilment arrived; whether it had been here before."""
        known = notice.key in self.notice_keys
        self.notice_keys[notice.key] += 1
        return known

    def statement(self, *, full: bool) -> dict[str, Any]:
        """The counts, and when `full` every key."""
        keys = {"keys": dict(self.level_keys)} if full else {}
        notices = {"keys": dict(self.notice_keys)} if full else {}
        return {
            "stock": {
                "received": self.level_keys.total(),
                "distinct": len(self.level_keys),
                **dict(sorted(self.levels.items())),
                **keys,
            },
            "fulfilments": {
                "received": self.notice_keys.total(),
                "distinct": len(self.notice_keys),
                **dict(sorted(self.notices.items())),
                **notices,
            },
        }
