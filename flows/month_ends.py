"""The actor that keeps what was on stock when a month ended, and what it cost, for the report of its value.

In: `KeepStock` (at start, then at the end of each month of finance's company). Out: a row for each SKU of each place
that has some; then that the month is kept. Key: `stock/month-end`. No effects: it copies what the reads of stock and
of products have left on disk, some at a time. A crash goes on behind the last row. When nobody ran at the end of the
month it is kept as soon as somebody does, within a day, and the report says when; later than that it is not, nor is it
while no level was ever read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from flows.events import MonthStockKept
from flows.model.month import month_of
from runtime.actor import Item
from runtime.channel import BULK
from runtime.clock import to_instant
from runtime.decision import Decision, Emit, Message, Timer, Write
from runtime.journal.journal import Journal

NAME = "month_ends"
KEY = "stock/month-end"
_ROWS_PER_STEP_MAX: Final = 500
_WITHIN: Final = timedelta(days=1)


class KeepStock(Message, frozen=True, kw_only=True):
    """Keep what is on stock, if a month has just ended. `after`: go on behind this place and SKU."""

    after: tuple[str, str] | None = None


class _Read(Message, frozen=True, kw_only=True):
    """The next rows: place, SKU, on hand, cost or None, when read. `more`: there may be others."""

    rows: tuple[tuple[str, str, str, str | None, int], ...]
    begins: bool
    more: bool
    is_known: bool = True
    """Whether any level was ever read."""


class MonthEndsState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The month that was kept last, or is being kept since `began`."""

    month: str = ""
    began: datetime | None = None
    levels: int = 0


def decide(state: MonthEndsState, message: Any, now: datetime, zone: ZoneInfo) -> Decision:
    """Keep the rows, go on, and come back at the end of the month. Pure."""
    if not isinstance(message, _Read):
        raise TypeError(f"the end of a month has no use for a {type(message).__name__}")
    this = month_of(now.astimezone(zone).date())
    again = Timer(name="month", due=this.ended(zone), message=KeepStock())
    if message.begins:  # what is being kept already goes on with the message that is in the queue
        ended = this.before
        is_over = str(ended) <= state.month or now - ended.ended(zone) >= _WITHIN
        if state.began is not None or is_over or not message.is_known:
            return Decision(state=state, timers=(again,))
        state = MonthEndsState(month=str(ended), began=now)
    writes = [
        Write("put_month_stock", (state.month, place, sku, on_hand, cost, read_at))
        for place, sku, on_hand, cost, read_at in message.rows
    ]
    state = replace(state, levels=state.levels + len(message.rows))
    if message.more:
        further = KeepStock(after=message.rows[-1][:2])
        return Decision(
            state=state, writes=tuple(writes), emits=(Emit(channel=NAME, key=KEY, message=further, priority=BULK),)
        )
    kept = Write("put_month_kept", (state.month, to_instant(state.began or now), to_instant(now), state.levels))
    return Decision(state=replace(state, began=None), writes=(*writes, kept), timers=(again,))


class MonthEnds:
    """The actor. See the module."""

    name = NAME
    message_type = KeepStock
    state_type = MonthEndsState

    def __init__(self, time_zone: str, journal: Journal, emit: Callable[[Any], None]) -> None:
        self._zone, self._journal, self._emit = ZoneInfo(time_zone), journal, emit

    def begin(self, key: str) -> MonthEndsState:  # noqa: ARG002 - there is one
        """Nothing is kept."""
        return MonthEndsState()

    async def ready(self) -> None:
        """It can always decide."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Read the next rows of what is on stock."""
        return [await self._read(item.message) for item in items]

    async def _read(self, message: Any) -> Message:
        rows = await self._journal.query("stock_to_keep", *(message.after or ("", "")), _ROWS_PER_STEP_MAX)
        begins = message.after is None
        return _Read(
            rows=tuple(map(tuple, rows)),
            begins=begins,
            more=len(rows) == _ROWS_PER_STEP_MAX,
            is_known=bool(rows) or not begins or bool(await self._journal.query("stock_known")),
        )

    def decide(self, state: MonthEndsState, message: Any, now: datetime) -> Decision:
        """See `decide` above."""
        return decide(state, message, now, self._zone)

    def project(self, key: str, before: MonthEndsState, after: MonthEndsState, now: datetime) -> Sequence[Write]:  # noqa: ARG002
        """Rows are written as they are decided on."""
        return ()

    def announce(self, key: str, before: MonthEndsState, after: MonthEndsState) -> None:  # noqa: ARG002 - there is one
        """Tell that a month is kept."""
        if before is not after and after.month and after.began is None:
            self._emit(MonthStockKept(month=after.month, levels=after.levels))
