"""One call as Tryton runs it: a transaction with one instant, a context, and what it made happen outside itself.

The clock is the tenant's, which a script can advance: everything the books stamp follows it. The rate limit does not,
because its window is a promise to the caller about real time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from connectors.fulfil.sandbox.config import SandboxConfig
from connectors.fulfil.sandbox.records import Record
from runtime.clock import Clock, Instant, to_datetime

SECOND = 1_000_000
"""Microseconds in a second."""
QUARTER_US = 900 * SECOND
HAPPENED_MAX = 100_000
"""Most happenings that wait for somebody to take them; the oldest are lost first (webhooks are not guaranteed)."""


class Happened(msgspec.Struct, frozen=True, gc=False):
    """Something a webhook may tell: a record was created, or changed its state."""

    model: str
    id: int
    what: Literal["created", "updated", "done", "cancelled"]


class Transaction:
    """The present call. `begin` starts one; nothing here is undone, so callers check before they change."""

    def __init__(self, config: SandboxConfig, clock: Clock) -> None:
        self._clock = clock
        self._advanced_us = 0
        self._whole_seconds = config.time_precision == "second"
        self._zone = ZoneInfo(config.time_zone)
        self.context: Mapping[str, Any] = {}
        self.now = self.time()
        self._day = (0, self._day_of(self.now))
        self.stock_changed: dict[tuple[int, int], None] = {}
        """Product and warehouse of every figure of stock that changed, until somebody takes them."""
        self.happened: list[Happened] = []
        self.is_watched = False
        """Whether anybody will take `happened` and `stock_changed`; nothing is kept otherwise."""

    def time(self) -> Instant:
        """The tenant's wall time at this moment."""
        now = self._clock.now() + self._advanced_us
        return Instant(now - now % SECOND if self._whole_seconds else now)

    def advance(self, seconds: float) -> None:
        """Put the tenant's clock forward."""
        self._advanced_us += round(seconds * SECOND)
        self.now = self.time()

    def begin(self, context: Mapping[str, Any]) -> None:
        """Begin a transaction: all that it creates or writes bears one instant."""
        self.now = self.time()
        self.context = context

    @property
    def today(self) -> date:
        """The day in the company's time zone. One object for a whole day: many records bear it."""
        quarter = self.now // QUARTER_US  # no zone's midnight lies within a quarter of an hour of UTC
        if quarter != self._day[0]:
            day = self._day_of(self.now)
            self._day = (quarter, self._day[1] if day == self._day[1] else day)
        return self._day[1]

    def _day_of(self, moment: Instant) -> date:
        return to_datetime(moment).astimezone(self._zone).date()

    def touched(self, record: Record) -> Instant:
        """Stamp a record as written now."""
        record.write_date = self.now
        return self.now

    def note_stock(self, product: int, warehouse: int) -> None:
        """A figure of stock changed."""
        if self.is_watched:
            self.stock_changed[product, warehouse] = None

    def note(self, model: str, id_: int, what: Literal["created", "updated", "done", "cancelled"]) -> None:
        """Something happened that a webhook may tell."""
        if self.is_watched:
            self.happened.append(Happened(model, id_, what))
            del self.happened[:-HAPPENED_MAX]
