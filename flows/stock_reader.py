"""The stock reader: what Fulfil says is there, read again when something may have changed, and all of it once a day.

In: `LookLevels` (of whoever knows that something changed, and by timer), pages of levels. Out: rows of `stock_level`,
and SKUs whose figures are due. Key: `stock/<place>`, one for each set of locations that is added up. All calls are
reads and repeat freely; a crash asks again. Products that changed go first, the sweep over all in the gaps.
A level is as of the beginning of its read: whatever Fulfil reserved later is not in it for certain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import replace

from connectors.fulfil.changes import Page
from connectors.fulfil.stock import STOCK_LEVELS, StockLevel, StockQuestion
from flows.model.stock import STOCK_READER, LookLevels
from runtime.actor import Item
from runtime.clock import to_instant
from runtime.decision import (
    Decision,
    EffectDone,
    EffectExhausted,
    EffectRefused,
    EffectUnknown,
    Emit,
    Message,
    Timer,
    Write,
)
from runtime.journal.journal import Journal
from runtime.schedule import Schedule, next_after

NAME = STOCK_READER
_AGAIN_AFTER = timedelta(minutes=1)
_NOTHING = Decimal(0)


class ReadPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often, and how much at once."""

    sweep: Schedule
    """When all levels are read; for the first time at once."""
    sweep_page_every: timedelta
    """The distance between two pages of that."""
    page_size: int


class _Unread(Message, frozen=True, kw_only=True):
    """The next products to be read, and how often each had changed."""

    products: tuple[tuple[int, int], ...]


class _LevelsRead(Message, frozen=True, kw_only=True):
    """What a page of levels says: (sku, product, available, on hand), and the SKUs whose figures may follow.

    Those are also SKUs whose level is the same: units that were seen reserved meanwhile are in it now.
    """

    rows: tuple[tuple[str, int, str, str], ...]
    due: tuple[str, ...]
    last_id: int
    complete: bool


class ReaderState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One place. `began`: when the read under way began; None when none is. `asked`: the products that it is about and
    how often each had changed; none when it is a page of the sweep.
    """

    place: str
    began: datetime | None = None
    asked: tuple[tuple[int, int], ...] = ()
    after_id: int = 0
    """How far the sweep has come; 0 when none is under way."""
    next_at: datetime | None = None
    """When the sweep goes on, or begins again. None: at once."""


class StockReader:
    """The actor. See the module. `nudge` is called when levels have arrived that are news."""

    name = NAME
    message_type = LookLevels
    state_type = ReaderState

    def __init__(
        self,
        places: Mapping[str, tuple[int, ...]],
        journal: Journal,
        policy: ReadPolicy,
        *,
        nudge: Callable[[], None],
    ) -> None:
        """`places`: the locations of each place, as `place_of` names it."""
        self._places, self._journal, self._policy, self._nudge = places, journal, policy, nudge

    def begin(self, key: str) -> ReaderState:
        """Nothing has been read of it."""
        return ReaderState(place=key.partition("/")[2])

    async def ready(self) -> None:
        """It can always decide."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Which products are to be read, and which of the levels that arrived are news."""
        return [await self._resolved(item) for item in items]

    async def _resolved(self, item: Item) -> Message:
        state: ReaderState = item.state
        match item.message:
            case LookLevels() if state.began is None and state.place in self._places:
                rows = await self._journal.query("stock_unread_next", state.place, self._policy.page_size)
                return _Unread(products=tuple((product, changes) for product, changes in rows))
            case EffectDone(result=page):
                return await self._levels(state, page)
            case other:
                return other

    async def _levels(self, state: ReaderState, page: Page[StockLevel]) -> _LevelsRead:
        """A product that is asked for and not answered, or is inactive, has nothing to sell."""
        told = {row.id: row for row in page.rows}
        wanted = [*told, *(product for product, _ in state.asked if product not in told)]
        known = {
            product: (sku, Decimal(available), Decimal(on_hand))
            for product, sku, available, on_hand in await self._journal.query_list(
                "stock_levels_of_products", wanted, state.place
            )
        }
        rows: list[tuple[str, int, str, str]] = []
        due: list[str] = []
        for product in wanted:
            row, was = told.get(product), known.get(product)
            sku = (row.code if row is not None else None) or (was[0] if was is not None else "")
            if not sku:
                continue
            there = row if row is not None and row.active is not False else None
            available = _NOTHING if there is None else there.quantity_available or _NOTHING
            on_hand = _NOTHING if there is None else there.quantity_on_hand or _NOTHING
            rows.append((sku, product, str(available), str(on_hand)))
            if state.asked or was != (sku, available, on_hand):
                due += [sku] if was is None or was[0] == sku else [sku, was[0]]
        if not state.asked:
            needed = await self._journal.query_list("units_of_skus", [row[0] for row in rows])
            due = list(dict.fromkeys((*due, *(row[0] for row in needed))))
        return _LevelsRead(rows=tuple(rows), due=tuple(due), last_id=page.last_id, complete=page.complete)

    def decide(self, state: ReaderState, message: Any, now: datetime) -> Decision:
        """What changed first, then the sweep."""
        match message:
            case _Unread(products=products) if products:
                asked = StockQuestion(
                    locations=self._places[state.place], products=tuple(product for product, _ in products)
                )
                return Decision(
                    state=replace(state, began=now, asked=products), effects=(STOCK_LEVELS(asked).effect("stock"),)
                )
            case _Unread() if state.next_at is None or state.next_at <= now:
                page = StockQuestion(
                    locations=self._places[state.place], after_id=state.after_id, limit=self._policy.page_size
                )
                return Decision(state=replace(state, began=now, asked=()), effects=(STOCK_LEVELS(page).effect("rest"),))
            case _Unread():
                return _later(state, state.next_at)
            case _LevelsRead():
                return self._learn(state, message, now)
            case EffectRefused() | EffectExhausted() | EffectUnknown():
                return _later(replace(state, began=None, asked=()), now + _AGAIN_AFTER)
            case _:
                return Decision(state=state)

    def _learn(self, state: ReaderState, read: _LevelsRead, now: datetime) -> Decision:
        began = to_instant(state.began or now)
        writes = [Write("put_stock_level", (state.place, *row, began)) for row in read.rows]
        writes += [Write("forget_units", (row[0],)) for row in read.rows]
        writes += [Write("put_stock_due", (sku, to_instant(now))) for sku in read.due]
        writes += [Write("end_stock_unread", (state.place, product, changes)) for product, changes in state.asked]
        if not state.asked:
            if read.complete:
                state = replace(state, after_id=0, next_at=next_after(self._policy.sweep, now))
            else:
                state = replace(state, after_id=read.last_id, next_at=now + self._policy.sweep_page_every)
        again = Emit(channel=NAME, message=LookLevels())
        return Decision(state=replace(state, began=None, asked=()), writes=tuple(writes), emits=(again,))

    def project(self, key: str, before: ReaderState, after: ReaderState, now: datetime) -> Sequence[Write]:  # noqa: ARG002
        """Levels are written as they arrive."""
        return ()

    def announce(self, key: str, before: ReaderState, after: ReaderState) -> None:  # noqa: ARG002
        """Have figures looked at when levels have arrived."""
        if before.began is not None and after.began is None:
            self._nudge()


def _later(state: ReaderState, due: datetime | None) -> Decision:
    timers = () if due is None else (Timer(name="look", due=due, message=LookLevels()),)
    return Decision(state=state, timers=timers)
