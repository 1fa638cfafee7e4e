"""The actor that looks whether the cost of what has left is in Fulfil's ledger, for the cut-off of a month (rule 24).

In: `LookAtCosts` (at start, then four times a day), and reads of Fulfil. Out: a row for each shipment to a customer:
whether its cost is booked, and dated on which day. Key: `shipments/costs`. All calls are reads, of hundreds of
shipments at once, at the lowest share of the budget, and repeat freely. A shipment whose cost is not booked is looked
at again when twice as much time has passed, at the latest after a week, until it is a hundred days old. What a crash
leaves: a look under way goes on with the call that is next, and rows are written whole with its end. What is held
rather than retried: nothing; a look that Fulfil refuses is made again, and is a case.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from connectors.fulfil.wire import RECORDS_MAX
from flows.events import CostsLookedAt
from flows.exceptions.kinds import ExceptionCase
from flows.model.cases import announce_cases, case_rows
from flows.reconciler.costing import Costing, CostOrigin, Left, asked, found_of, learned
from runtime.actor import Item
from runtime.clock import Instant, to_datetime, to_instant
from runtime.decision import Decision, EffectDone, EffectExhausted, EffectRefused, Emit, Message, Timer, Write
from runtime.journal.journal import Journal

NAME = "shipment_costs"
KEY = "shipments/costs"
_SHARE: Final = "rest"
_EVERY: Final = timedelta(hours=6)
_WITHIN: Final = timedelta(days=7)
"""At the latest a shipment without a booked cost is looked at again then ..."""
LOOKED_FOR: Final = timedelta(days=100)
"""... until it is so old."""
_AGAIN_AFTER: Final = timedelta(minutes=15)
"""When to look again after Fulfil has refused."""


class LookAtCosts(Message, frozen=True):
    """Look at the shipments that are due."""


class _Due(Message, frozen=True, kw_only=True):
    """Those that are due."""

    shipments: tuple[Left, ...]


class CostsState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The look under way, and what the last one came to: shipments, those without a booked cost, and all calls."""

    costing: Costing | None = None
    found: tuple[int, int] = (0, 0)
    looks: int = 0
    calls: int = 0
    cases: tuple[ExceptionCase, ...] = ()


def decide(state: CostsState, message: Any, now: datetime, origin: CostOrigin) -> Decision:
    """What follows. Pure."""
    match message:
        case _Due(shipments=()):
            return _later(replace(state, cases=()), now + _EVERY)
        case _Due(shipments=shipments) if state.costing is None:
            return _asked(state, Costing(began=now, shipments=shipments), now, origin)
        case EffectDone(result=page) if state.costing is not None:
            return _asked(state, learned(state.costing, page, origin), now, origin)
        case EffectRefused(sentence=sentence) | EffectExhausted(sentence=sentence):
            return _refused(state, sentence, now)
        case _:  # a look is under way, and goes on by itself
            return Decision(state=state)


def _asked(state: CostsState, costing: Costing, now: datetime, origin: CostOrigin) -> Decision:
    ask = asked(costing)
    if ask is None:
        return _kept(state, costing, now, origin)
    under_way = replace(state, costing=costing, calls=state.calls + 1)
    return Decision(state=under_way, effects=(ask.effect(_SHARE),))


def _kept(state: CostsState, costing: Costing, now: datetime, origin: CostOrigin) -> Decision:
    """A row for each shipment; then the next ones, while there are more."""
    writes, missing = [], 0
    for each in costing.shipments:
        booked, day = found_of(costing, each, origin)
        missing += booked == "missing"
        look_at = _look_again(each, now) if booked == "missing" else None
        said = None if day is None else day.isoformat()
        writes.append(Write("put_shipment_cost", (each.name, booked, said, each.at, to_instant(now), look_at)))
    after = replace(
        state, costing=None, found=(len(writes), missing), looks=state.looks + 1, cases=()
    )  # fmt: skip
    if len(costing.shipments) < RECORDS_MAX:
        return replace(_later(after, now + _EVERY), writes=tuple(writes))
    return Decision(state=after, writes=tuple(writes), emits=(Emit(channel=NAME, message=LookAtCosts()),))


def _look_again(left: Left, now: datetime) -> Instant | None:
    age = now - to_datetime(left.at)
    return None if age >= LOOKED_FOR else to_instant(now + min(max(age, _EVERY), _WITHIN))


def _refused(state: CostsState, sentence: str, now: datetime) -> Decision:
    opened_at = state.cases[0].opened_at if state.cases else now
    told = f"it cannot be read whether the cost of shipments is booked: {sentence}".rstrip(".")
    case_ = ExceptionCase(kind="proof.refused", cause="costs", sentence=told, opened_at=opened_at)
    return _later(replace(state, costing=None, cases=(case_,)), now + _AGAIN_AFTER)


def _later(state: CostsState, due: datetime) -> Decision:
    return Decision(state=state, timers=(Timer(name="look", due=due, message=LookAtCosts()),))


class ShipmentCosts:
    """The actor. See the module."""

    name = NAME
    message_type = LookAtCosts
    state_type = CostsState

    def __init__(self, origin: CostOrigin, journal: Journal, emit: Callable[[Any], None]) -> None:
        """`origin`: what an entry of cost names as its origin."""
        self._origin, self._journal, self._emit = origin, journal, emit

    def begin(self, key: str) -> CostsState:  # noqa: ARG002 - there is one
        """Nothing was looked at."""
        return CostsState()

    async def ready(self) -> None:
        """It can always decide."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """The shipments that are due."""
        return [
            await self._due()
            if isinstance(item.message, LookAtCosts) and item.state.costing is None
            else item.message
            for item in items
        ]  # fmt: skip

    async def _due(self) -> _Due:
        now = self._journal.clock.now()
        since = to_instant(to_datetime(now) - LOOKED_FOR)
        rows = await self._journal.query("shipments_to_cost", since, now, RECORDS_MAX)
        return _Due(shipments=tuple(Left(name, at) for name, at in rows))

    def decide(self, state: CostsState, message: Any, now: datetime) -> Decision:
        """See `decide` above."""
        return decide(state, message, now, self._origin)

    def project(self, key: str, before: CostsState, after: CostsState, now: datetime) -> Sequence[Write]:
        """The case that it cannot be read."""
        return case_rows(key, before.cases, after.cases, now, how="Fulfil tells it again")

    def announce(self, key: str, before: CostsState, after: CostsState) -> None:
        """Count the calls, what was looked at, and the case."""
        if after.calls > before.calls or after.looks > before.looks:
            shipments, missing = after.found if after.looks > before.looks else (0, 0)
            self._emit(CostsLookedAt(shipments=shipments, missing=missing, calls=after.calls - before.calls))
        announce_cases(key, before.cases, after.cases, self._emit)
