"""The actor that looks for orders which have not left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from flows.exceptions.kinds import ExceptionCase
from flows.model.cases import announce_cases, case_rows
from flows.model.ship_by import ShipWithin, due_at
from flows.model.unshipped import Outstanding, OutstandingSeen
from flows.unshipped.looking import Due, Levels, Looking, asked, begun, learned, outstanding, waiting_skus
from runtime.actor import Item
from runtime.clock import Instant, to_datetime, to_instant
from runtime.decision import Decision, EffectDone, EffectExhausted, EffectRefused, Emit, Message, Timer, Write
from runtime.journal.journal import Journal

NAME = "unshipped"
KEY = "shipments/unshipped"
_ORDERS: Final = "order_fulfilments"
_AGAIN_AFTER: Final = timedelta(minutes=15)
"""When to look again after Fulfil has refused."""
_SHARE: Final = "rest"


class UnshippedPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often is looked, and for whom. `sales_channels`: those that hear of shipments, and their setting."""

    every: timedelta
    sales_channels: Mapping[str, ShipWithin | None]
    again_after: timedelta = timedelta(hours=4)
    """An order that was found late, or short, is looked at again then: that it has left is seen without it."""
    orders_max: int = 200
    """Orders of one look: the lines and moves of so many are few reads."""


class LookForUnshipped(Message, frozen=True):
    """Look at the orders that are due."""


class _Due(Message, frozen=True, kw_only=True):
    """The orders that are due; `more`: there may be others."""

    orders: tuple[Due, ...]
    more: bool = False


class _Read(Message, frozen=True, kw_only=True):
    """A read has ended, and what there is of the goods that it is about."""

    looking: Looking
    levels: dict[str, tuple[Decimal, Decimal]]


class UnshippedState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The look under way. `more`: it is followed by another one at once."""

    looking: Looking | None = None
    more: bool = False
    cases: tuple[ExceptionCase, ...] = ()


def decide(state: UnshippedState, message: Any, now: datetime, policy: UnshippedPolicy) -> Decision:
    """What follows. Pure."""
    match message:
        case LookForUnshipped():
            return Decision(state=state)  # a look is under way, and goes on by itself
        case _Due(orders=()):
            return _later(state, now + policy.every)
        case _Due(orders=orders, more=more):
            return _asked(replace(state, looking=begun(orders), more=more))
        case _Read(looking=looking, levels=levels):
            if asked(looking) is not None:
                return _asked(replace(state, looking=looking))
            return _handed_on(state, looking, levels, now, policy)
        case EffectRefused(sentence=sentence) | EffectExhausted(sentence=sentence):
            known = state.cases[0].opened_at if state.cases else now
            told = f"what is outstanding of orders cannot be read: {sentence}".rstrip(".")
            case_ = ExceptionCase(kind="shipments.refused", cause="unshipped", sentence=told, opened_at=known)
            return _later(UnshippedState(cases=(case_,)), now + _AGAIN_AFTER)
        case _:
            return Decision(state=state)


def _asked(state: UnshippedState) -> Decision:
    ask = asked(state.looking) if state.looking is not None else None
    return Decision(state=state) if ask is None else Decision(state=state, effects=(ask.effect(_SHARE),))


def _handed_on(
    state: UnshippedState, looking: Looking, levels: Levels, now: datetime, policy: UnshippedPolicy
) -> Decision:
    """Each order learns what is outstanding of it, and it is noted when to look again."""
    emits, writes = [], []
    for due, found in outstanding(looking, levels, now):
        emits.append(Emit(channel=_ORDERS, key=due.key, message=OutstandingSeen(outstanding=found)))
        writes.append(Write("note_unshipped", (*_noted(found, now, policy), due.key)))
    done = _later(UnshippedState(), now if state.more else now + policy.every)
    return replace(done, emits=tuple(emits), writes=tuple(writes))


def _noted(found: Outstanding, now: datetime, policy: UnshippedPolicy) -> tuple[int | None, int | None, str]:
    """When to look again (None: when it is due), by when it was to leave, and why it has not; '': it is not late."""
    is_late = found.due_at is not None and found.due_at <= now and bool(found.cause)
    is_short = any(line.cancelled for line in found.lines)
    look_at = to_instant(now + policy.again_after) if is_late or is_short else None
    if not is_late:
        return look_at, None, ""
    return look_at, to_instant(found.due_at or now), found.cause


def _later(state: UnshippedState, due: datetime) -> Decision:
    return Decision(state=state, timers=(Timer(name="look", due=due, message=LookForUnshipped()),))


class Unshipped:
    """See the package."""

    name = NAME
    message_type = LookForUnshipped
    state_type = UnshippedState

    def __init__(self, policy: UnshippedPolicy, journal: Journal, emit: Callable[[Any], None]) -> None:
        self._policy, self._journal, self._emit = policy, journal, emit

    def begin(self, key: str) -> UnshippedState:  # noqa: ARG002 - there is one
        """Nothing is under way."""
        return UnshippedState()

    async def ready(self) -> None:
        """It can always decide."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """The orders that are due, or what a read has brought."""
        return [await self._resolved(item) for item in items]

    async def _resolved(self, item: Item) -> Message:
        match item.message:
            case LookForUnshipped() if item.state.looking is None:
                return await self._due()
            case EffectDone(result=result) if item.state.looking is not None:
                looking = learned(item.state.looking, result)
                skus = waiting_skus(looking) if asked(looking) is None else ()
                rows = await self._journal.query_list("stock_levels_of", skus) if skus else ()
                return _Read(looking=looking, levels=_best(rows))
            case other:
                return other

    async def _due(self) -> _Due:
        now = self._journal.clock.now()
        found: list[Due] = []
        for name, within in self._policy.sales_channels.items():
            until = 0 if within is None else to_instant(within.placed_until(to_datetime(now)))
            left = self._policy.orders_max - len(found)
            for key, sale, placed, promised in await self._journal.query("unshipped_due", name, now, until, left):
                found.append(Due(key, sale, due_at(_moment(placed), _moment(promised), within)))
        return _Due(orders=tuple(found), more=len(found) >= self._policy.orders_max)

    def decide(self, state: UnshippedState, message: Any, now: datetime) -> Decision:
        """See `decide` above."""
        return decide(state, message, now, self._policy)

    def project(self, key: str, before: UnshippedState, after: UnshippedState, now: datetime) -> Sequence[Write]:
        """The case that it cannot be read."""
        return case_rows(key, before.cases, after.cases, now, how="Fulfil tells it again")

    def announce(self, key: str, before: UnshippedState, after: UnshippedState) -> None:
        """Count the case."""
        announce_cases(key, before.cases, after.cases, self._emit)


def _moment(instant: int | None) -> datetime | None:
    return None if instant is None else to_datetime(Instant(instant))


def _best(rows: Sequence[Any]) -> dict[str, tuple[Decimal, Decimal]]:
    """What there is of each SKU at the place that has most of it."""
    found: dict[str, tuple[Decimal, Decimal]] = {}
    for _, sku, _, available, on_hand, _ in rows:
        level = Decimal(on_hand), Decimal(available)
        found[sku] = max(level, found.get(sku, level))
    return found
