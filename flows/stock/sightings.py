"""Sightings: whether the goods of sales that we made are reserved in Fulfil, so that they count there and not twice.

In: `LookForSales` (by timer while any are unseen), sales as they are read. Out: units that were seen, and their
products to the stock reader. Key: `stock/sightings`. All calls are reads, of 500 sales at once, and repeat freely.
A sale is seen when it is processing or done and has something to ship, or is cancelled: a draft, a quotation or a
confirmed sale reserves nothing (rule 8). The instant of a sighting is when its read had *ended*: only a level whose
read began after that has the reservation for certain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from connectors.fulfil.models import Find
from connectors.fulfil.sales import SALES, Sale
from flows.exceptions.kinds import ExceptionCase
from flows.model.cases import announce_cases, case_rows
from flows.model.sale_gate import CANCELLED
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
from runtime.journal.journal import Journal

NAME = "stock_sightings"
KEY = "stock/sightings"
_EVERY = timedelta(seconds=5)
_SLOWLY = timedelta(seconds=30)
"""When a look has seen nothing: sales that Fulfil processes in its own time."""
_AGAIN_AFTER = timedelta(minutes=1)
_DONE = "done"
_MOVING = ("processing", _DONE)


class LookForSales(Message, frozen=True):
    """Look at the sales whose goods have not been seen."""


class _Unseen(Message, frozen=True, kw_only=True):
    sales: tuple[int, ...]


class SightingsState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`after`: the sale after which the next look goes on, so that those that stay unseen keep out no others."""

    asking: bool = False
    began: datetime | None = None
    """When the look under way began: what a sale was changed to since then, it has not seen."""
    after: int = 0
    next_at: datetime | None = None
    """Not before then: a look is a call, however many orders have come meanwhile."""
    cases: tuple[ExceptionCase, ...] = ()


class StockSightings:
    """The actor. See the module."""

    name = NAME
    message_type = LookForSales
    state_type = SightingsState

    def __init__(self, places: Sequence[str], journal: Journal, emit: Callable[[Any], None], *, page_size: int) -> None:
        self._places, self._journal, self._emit, self._page_size = tuple(places), journal, emit, page_size

    def begin(self, key: str) -> SightingsState:  # noqa: ARG002 - there is one
        """Nothing is under way."""
        return SightingsState()

    async def ready(self) -> None:
        """It can always decide."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """The next sales that are unseen."""
        return [await self._resolved(item) for item in items]

    async def _resolved(self, item: Item) -> Message:
        if not isinstance(item.message, LookForSales) or item.state.asking:
            return item.message
        for after in (item.state.after, 0) if item.state.after else (0,):
            rows = await self._journal.query("sales_unseen", after, self._page_size)
            if rows:
                return _Unseen(sales=tuple(sale for (sale,) in rows))
        return _Unseen(sales=())

    def decide(self, state: SightingsState, message: Any, now: datetime) -> Decision:
        """Look at them, and mark those whose goods are reserved."""
        match message:
            case _Unseen(sales=sales) if sales and state.next_at is not None and now < state.next_at:
                return _later(state, state.next_at)
            case _Unseen(sales=sales) if sales:
                # a search: a read by ids is refused as a whole when somebody has deleted one of them
                effect = SALES.find(Find(by="id", values=sales, limit=len(sales))).effect("stock")
                return Decision(state=replace(state, asking=True, after=sales[-1], began=now), effects=(effect,))
            case _Unseen():
                return Decision(state=replace(state, after=0))
            case EffectDone(result=page):
                return self._seen(state, page.rows, now)
            case EffectRefused(sentence=sentence):
                case_ = refused(state.cases, "sales", sentence, now)
                return _later(replace(state, asking=False, cases=(case_,)), now + _AGAIN_AFTER)
            case EffectExhausted() | EffectUnknown():
                return _later(replace(state, asking=False), now + _AGAIN_AFTER)
            case _:
                return Decision(state=state)

    def _seen(self, state: SightingsState, sales: Sequence[Sale], now: datetime) -> Decision:
        at = to_instant(now)
        seen = [sale.id for sale in sales if is_seen(sale)]
        began = to_instant(state.began or now)
        writes = [Write("see_units", (at, id_, began)) for id_ in seen]
        writes += [Write("reread_units", (at, id_)) for id_ in seen]
        writes += [Write("tell_done_units", (sale.id,)) for sale in sales if sale.state == _DONE]
        told = tuple(Emit(channel=STOCK_READER, key=place_key(place), message=LookLevels()) for place in self._places)
        next_at = now + (_EVERY if seen else _SLOWLY)
        decision = _later(replace(state, asking=False, next_at=now + _EVERY, cases=()), next_at)
        return replace(decision, writes=tuple(writes), emits=told if seen else ())

    def project(self, key: str, before: SightingsState, after: SightingsState, now: datetime) -> Sequence[Write]:
        """The case."""
        return case_rows(key, before.cases, after.cases, now, how="they were read")

    def announce(self, key: str, before: SightingsState, after: SightingsState) -> None:
        """Count the case."""
        announce_cases(key, before.cases, after.cases, self._emit)


def is_seen(sale: Sale) -> bool:
    """Whether what the sale needs is in Fulfil's figures from now on."""
    if sale.state in CANCELLED:
        return True
    return sale.state in _MOVING and (sale.state == _DONE or bool(sale.shipments or sale.drop_shipments))


def _later(state: SightingsState, due: datetime) -> Decision:
    return Decision(state=state, timers=(Timer(name="look", due=due, message=LookForSales()),))
