"""The stock backlog: what open orders need that were decided on before anybody counted it.

In: `CountUnits` at each start, its own pages. Out: rows of units, and the mark that all are counted, before which
nothing is published. Key: `stock/backlog`. It calls nobody.
From the beginning of the count every decision of the order importer counts, too; so each order of before is looked at
once, in order of the keys, and is counted unless it is over, or was counted by a decision meanwhile. What it needs is
read from the payload that was decided on, with what a person has changed of it. Of orders that were imported so long
ago that their payload is gone (30 days, unless `store.room` says otherwise) nothing is counted: Fulfil has had the time
to reserve them. A crash goes on with the page that was not written. When stock is not published any more, nobody
counts, and a later start begins anew; so does one at which another sales channel subtracts its unshipped units itself,
since those of before were forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from flows.model.order_state import OrderState
from flows.model.stock import StockSettings, subtracting
from flows.model.units import Units, at_least
from runtime.actor import Item
from runtime.clock import to_instant
from runtime.decision import Decision, Emit, Message, Write
from runtime.journal.journal import Journal
from runtime.key import partition_of

NAME = "stock_backlog"
KEY = "stock/backlog"
ORDERS_PER_STEP = 100
_ORDERS = "order_importer"


class CountUnits(Message, frozen=True):
    """The process has started: see that everything is counted, or that nobody believes it is."""


class CountMore(Message, frozen=True):
    """The next page."""


class _Open(msgspec.Struct, frozen=True):
    """An order that may not be counted, and what it needs."""

    key: str
    units: Units


class _Page(Message, frozen=True, kw_only=True):
    orders: tuple[_Open, ...]
    last: str
    complete: bool


class BacklogState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`counted`: everything is. `counting`: a count is under way, and has come to the order `after`. `subtracting`: the
    sales channels for which units were remembered until they are shipped.
    """

    counted: bool = False
    counting: bool = False
    after: str = ""
    subtracting: tuple[str, ...] = ()


class StockBacklog:
    """The actor. See the module."""

    name = NAME
    message_type = CountUnits | CountMore
    state_type = BacklogState

    def __init__(
        self,
        journal: Journal,
        units_in: Callable[[str, bytes, bytes | None], Units],
        stock: Mapping[str, StockSettings],
        *,
        nudge: Callable[[], None],
    ) -> None:
        """`units_in`: what an order needs, by its key, payload and patch. `stock`: whose stock is published."""
        self._journal, self._units_in, self._nudge = journal, units_in, nudge
        self._counts, self._subtracting = bool(stock), subtracting(stock)

    def begin(self, key: str) -> BacklogState:  # noqa: ARG002 - there is one
        """Nothing is counted."""
        return BacklogState()

    async def ready(self) -> None:
        """It can always decide."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """The next orders, with what they need."""
        return [await self._page(item.state) if self._goes_on(item) else item.message for item in items]

    def _goes_on(self, item: Item) -> bool:
        return isinstance(item.message, CountMore) and item.state.counting and self._counts

    async def _page(self, state: BacklogState) -> _Page:
        rows = await self._journal.query("orders_to_count", state.after, ORDERS_PER_STEP)
        keys = [row[0] for row in rows]
        of = {key: msgspec.json.decode(body, type=OrderState) for key, body, *_ in await self._states(keys)}
        versions = {key: _versions(state) for key, state in of.items()}
        bodies = dict(await self._journal.query_list("bodies", [id_ for ids in versions.values() for id_ in ids]))
        patches = dict(await self._journal.query_list("patches", keys))
        orders = []
        for key in keys:
            units: Units = {}
            patch = patches.get(key)
            # a sale may have been made, or edited in vain, before the order was patched
            readings = (patch,) if patch is None or key not in of or of[key].sale is None else (patch, None)
            for delivery in (each for each in versions.get(key, ()) if each in bodies):
                for reading in readings:
                    units = at_least(units, self._units_in(key, bodies[delivery], reading))
            if units:
                orders.append(_Open(key, units))
        return _Page(orders=tuple(orders), last=keys[-1] if keys else "", complete=len(rows) < ORDERS_PER_STEP)

    async def _states(self, keys: Sequence[str]) -> Sequence[Any]:
        return await self._journal.query_list("states", keys, _ORDERS)

    def decide(self, state: BacklogState, message: Any, now: datetime) -> Decision:
        """Begin, go on, or end; or forget that anything is counted."""
        at = to_instant(now)
        match message:
            case CountUnits() if not self._counts:
                stop = (Write("stop_counting", (at,)),) if state.counted or state.counting else ()
                return Decision(state=BacklogState(), writes=stop)
            case CountUnits() if (state.counted or state.counting) and state.subtracting == self._subtracting:
                return Decision(state=state, emits=() if state.counted else (_more(),))
            case CountUnits():
                begin = (Write("begin_counting", (at,)), Write("forget_all_units", (at,)))
                begun = BacklogState(counting=True, subtracting=self._subtracting)
                return Decision(state=begun, writes=begin, emits=(_more(),))
            case _Page():
                return self._count(state, message, at)
            case _:
                return Decision(state=state)

    def _count(self, state: BacklogState, page: _Page, at: int) -> Decision:
        writes = [
            Write("fill_units", (each.key, sku, partition_of(each.key), wanted, at))
            for each in page.orders
            for sku, wanted in each.units.items()
        ]
        if not page.complete:
            return Decision(state=replace(state, after=page.last), writes=tuple(writes), emits=(_more(),))
        ended = (Write("due_all_unsent", (at,)), Write("end_counting", (at,)))
        return Decision(state=replace(state, counted=True, counting=False, after=""), writes=(*writes, *ended))

    def project(self, key: str, before: BacklogState, after: BacklogState, now: datetime) -> Sequence[Write]:  # noqa: ARG002
        """Units are written as they are counted."""
        return ()

    def announce(self, key: str, before: BacklogState, after: BacklogState) -> None:  # noqa: ARG002
        """Figures can be published from now on."""
        if after.counted and not before.counted:
            self._nudge()


def _versions(state: OrderState) -> list[int]:
    """The deliveries that say what an order may need: the one that was decided on, and a newer one that waits."""
    found = (state.delivery, state.later.delivery if state.later is not None else None)
    return [delivery for delivery in found if delivery is not None]


def _more() -> Emit:
    return Emit(channel=NAME, message=CountMore())
