"""Stock moves: which products Fulfil has moved since we last looked, so that their levels are read again.

In: `ReadMoves` (every few seconds, and at once when a webhook hints), pages of moves. Out: `LookLevels` to the stock
reader of each place. Key: `stock/moves`: one watermark with overlap (`connectors.fulfil.changes` says why none is
missed). All calls are reads and repeat freely; a crash asks for the same page again, and looks once more at what the
overlap brings twice, which is remembered in memory alone. A move says only *which* product: its quantities are never
added up here, Fulfil's own figure is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from connectors.fulfil.changes import Page, Seen, Watermark, advance, begin_or_go_on, forget, fresh
from connectors.fulfil.stock import STOCK_MOVES, StockMove
from flows.exceptions.kinds import ExceptionCase
from flows.model.cases import announce_cases, case_rows
from flows.model.stock import STOCK_READER, LookLevels, place_key
from flows.model.stock_cases import refused
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

NAME = "stock_moves"
KEY = "stock/moves"
_AGAIN_AFTER = timedelta(minutes=1)
_PAGES_TOGETHER = 20
"""After so many pages the levels are read, whatever follows: a product that moves on every page is read once."""


class ReadMoves(Message, frozen=True):
    """Look now."""


class _Moved(Message, frozen=True, kw_only=True):
    """A page of moves, and the products of those that are news."""

    page: Page[StockMove]
    products: tuple[int, ...]


class MovesState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The watermark. `asking`: a page is under way; `again`: somebody hinted meanwhile."""

    watermark: Watermark = Watermark()
    asking: bool = False
    again: bool = False
    pages: int = 0
    """Pages of this look whose products the readers were not told of yet."""
    cases: tuple[ExceptionCase, ...] = ()


class StockMoves:
    """The actor. See the module."""

    name = NAME
    message_type = ReadMoves
    state_type = MovesState

    def __init__(
        self,
        places: Sequence[str],
        emit: Callable[[Any], None],
        *,
        every: timedelta,
        overlap: timedelta,
        page_size: int,
    ) -> None:
        self._places, self._emit = tuple(places), emit
        self._every, self._overlap, self._page_size = every, overlap, page_size
        self._seen = self._seen_then = Seen()
        """What of the overlap was seen, as of the last step that is durable, and of the one that is not yet."""

    def begin(self, key: str) -> MovesState:  # noqa: ARG002 - there is one
        """What moved before the first look is in the first sweep of all levels."""
        return MovesState()

    async def ready(self) -> None:
        """It can always decide."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Which of the moves on a page are news."""
        return [self._news(item.message) for item in items]

    def _news(self, message: Message) -> Message:
        if not isinstance(message, EffectDone):
            return message
        rows, self._seen_then = fresh(self._seen, message.result.rows)
        products = tuple(sorted({row.product for row in rows if row.product is not None}))
        return _Moved(page=message.result, products=products)

    def decide(self, state: MovesState, message: Any, now: datetime) -> Decision:
        """Ask for a page, or learn from one."""
        match message:
            case ReadMoves() if state.asking:
                return Decision(state=replace(state, again=True))
            case ReadMoves():
                mark = state.watermark
                if mark.since is None and mark.began is None:
                    mark = Watermark(since=now - self._overlap)
                return self._ask(replace(state, watermark=mark), now)
            case _Moved():
                return self._learn(state, message, now)
            case EffectRefused(sentence=sentence):
                case_ = refused(state.cases, "moves", sentence, now)
                return self._later(replace(state, asking=False, cases=(case_,)), now + _AGAIN_AFTER)
            case EffectExhausted() | EffectUnknown():
                return self._later(replace(state, asking=False), now + _AGAIN_AFTER)
            case _:
                raise TypeError(f"stock moves have no use for a {type(message).__name__}")

    def _ask(self, state: MovesState, now: datetime) -> Decision:
        mark, asked = begin_or_go_on(state.watermark, now, limit=self._page_size)
        state = replace(state, watermark=mark, asking=True)
        return Decision(state=state, effects=(STOCK_MOVES.changed(asked).effect("stock"),))

    def _learn(self, state: MovesState, moved: _Moved, now: datetime) -> Decision:
        """Each product that moved has its levels read again, at every place."""
        page, products, at = moved.page, moved.products, to_instant(now)
        mark = advance(state.watermark, page, overlap=self._overlap)
        writes = tuple(
            Write("put_stock_unread", (place, product, at)) for place in self._places for product in products
        )
        pages = state.pages + 1
        tells = page.complete or pages >= _PAGES_TOGETHER
        told = tuple(Emit(channel=STOCK_READER, key=place_key(place), message=LookLevels()) for place in self._places)
        state = replace(state, watermark=mark, asking=False, pages=0 if tells else pages, cases=())
        if not page.complete or state.again:
            decision = self._ask(replace(state, again=False), now)
        else:
            decision = self._later(state, now + self._every)
        return replace(decision, writes=writes, emits=told if tells and (products or pages > 1) else ())

    def _later(self, state: MovesState, due: datetime) -> Decision:
        return Decision(state=state, timers=(Timer(name="moves", due=due, message=ReadMoves()),))

    def project(self, key: str, before: MovesState, after: MovesState, now: datetime) -> Sequence[Write]:
        """The case."""
        return case_rows(key, before.cases, after.cases, now, how="they were read")

    def announce(self, key: str, before: MovesState, after: MovesState) -> None:
        """What was seen is durable: what no later look brings again is forgotten."""
        announce_cases(key, before.cases, after.cases, self._emit)
        self._seen = self._seen_then = forget(self._seen_then, after.watermark.since)
