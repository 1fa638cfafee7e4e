"""The actor that states, for each closed business day and sales channel, whether every order is accounted for.

In: `StateDays` (at start, then every hour), and `StateWindow` when a manifest was compared, of whatever days it is.
Out: a version of a statement wherever the figures are others than in the one before. Key: `statements/<sales
channel>`. No effects: it reads what manifests, polls and the importer have left on disk. A crash states the day that
was under way again, with the same digest.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from flows.events import DayStated
from flows.model.reconciliation import RESTATED, STATEMENTS, StateWindow, statements_key
from flows.reconciler.statement import (
    Evidence,
    Listed,
    Statement,
    Tally,
    Window,
    evidence_of,
    last_closed,
    statement_of,
    window_of,
)
from runtime.actor import Item
from runtime.clock import Instant, to_datetime, to_instant
from runtime.decision import Decision, Emit, Message, Timer, Write
from runtime.journal.journal import Journal
from runtime.key import parts_of

__all__ = ["NAME", "StateDays", "StatePolicy", "Statements", "StatementsState", "decide", "statements_key"]

NAME = STATEMENTS
_EVERY: Final = timedelta(hours=1)
_DAYS_PER_STEP_MAX: Final = 7
_LOOKED_AT_MAX: Final = timedelta(days=50)
"""How many days one step looks at, however few of them are news."""
_ORDERS_PER_READ: Final = 5_000
_READ_WITHIN_US: Final = 600_000_000
"""A change that is so much older than a statement may have come after its orders were counted."""
_LATE: Final = timedelta(days=1)
"""An order that nobody can read is counted with the days that ended at most so long before it came."""
_INSTANT: Final = timedelta(microseconds=1)
_WINDOW_MAX: Final = timedelta(days=400)
"""How far back from the last closed day a manifest has days stated: one of ten years does not state ten years."""
_DECIDED_WITHIN: Final = timedelta(hours=1)
"""What has just come is on its way to be read, and stands in the next version."""


class StatePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """In which time zone days end, and how long after that they are stated."""

    time_zone: str = "UTC"
    after: timedelta = timedelta(hours=2)


class StateDays(Message, frozen=True, kw_only=True):
    """State the days that have been closed, and those again that have changed. `after`: only those behind this one."""

    after: date | None = None


class _Stated(Message, frozen=True, kw_only=True):
    """What is to be said: the statements that are new or others than before, with their versions."""

    statements: tuple[tuple[int, Statement], ...]
    looked_to: date | None
    more: bool
    rest: StateWindow | None = None
    """What is left of a window that was asked for; None: none was, or nothing."""
    of_window: bool = False


class StatementsState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`first`: the first day that was ever stated. `verdicts`: of the step that was taken last, for the metrics."""

    first: date | None = None
    to: date | None = None
    """Every day from the first to this one has a statement."""
    verdicts: tuple[tuple[str, int], ...] = ()


def decide(state: StatementsState, message: Any, now: datetime) -> Decision:
    """Keep what is to be said, and look again later. Pure."""
    if not isinstance(message, _Stated):
        raise TypeError(f"statements have no use for a {type(message).__name__}")
    writes = tuple(statement.row(version, now) for version, statement in message.statements)
    days = [statement.day for _, statement in message.statements]
    looked_to = None if message.of_window else message.looked_to
    state = replace(
        state,
        first=min((each for each in (state.first, *days) if each is not None), default=None),
        to=max((each for each in (state.to, looked_to) if each is not None), default=None),
        verdicts=tuple((each.verdict, each.missing) for _, each in message.statements),
    )
    if message.of_window:
        further = () if message.rest is None else (Emit(channel=NAME, message=message.rest),)
        return Decision(state=state, writes=writes, emits=further)
    if message.more:
        return Decision(
            state=state, writes=writes, emits=(Emit(channel=NAME, message=StateDays(after=message.looked_to)),)
        )
    return Decision(state=state, writes=writes, timers=(Timer(name="state", due=now + _EVERY, message=StateDays()),))


class Statements:
    """The actor: counts on disk before it decides."""

    name = NAME
    message_type = StateDays | StateWindow
    state_type = StatementsState

    def __init__(self, policy: StatePolicy, journal: Journal, emit: Callable[[Any], None]) -> None:
        self._policy, self._journal, self._emit = policy, journal, emit

    def begin(self, key: str) -> StatementsState:  # noqa: ARG002 - every sales channel begins alike
        """Nothing was stated."""
        return StatementsState()

    async def ready(self) -> None:
        """Stating needs nothing."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Count what is to be stated."""
        found = list[Message | Exception]()
        for item in items:
            sales_channel = parts_of(item.key)[1]
            match item.message:
                case StateWindow() as window:
                    found.append(await self._window_stated(sales_channel, window))
                case StateDays() as days:
                    found.append(await self._stated(sales_channel, item.state, days))
                case other:
                    found.append(other)
        return found

    async def _window_stated(self, sales_channel: str, asked: StateWindow) -> Message:
        """The days of a window that are closed. Of those that are looked at no more by themselves only what is not
        complete: manifests of a long stretch that come each day are no news of each of its days.
        """
        now, zone = to_datetime(self._journal.clock.now()), ZoneInfo(self._policy.time_zone)
        closed = self._last_closed()
        day = max(asked.began, now - _WINDOW_MAX).astimezone(zone).date()
        last = min((min(asked.ended, now) - _INSTANT).astimezone(zone).date(), closed)
        found, looked = await self._days(sales_channel, day, last, kept=closed - RESTATED)
        rest = None
        if looked is not None and looked < last:
            rest = StateWindow(began=window_of(looked, self._policy.time_zone).ended, ended=asked.ended)
        return _Stated(statements=found, looked_to=looked, more=rest is not None, rest=rest, of_window=True)

    def _last_closed(self) -> date:
        return last_closed(to_datetime(self._journal.clock.now()), self._policy.time_zone, self._policy.after)

    async def _stated(self, sales_channel: str, state: StatementsState, message: StateDays) -> Message:
        last = self._last_closed()
        known = await self._first_day(sales_channel, last)
        first = max(min(state.first or known, known), last - RESTATED)
        if state.to is not None and state.to + timedelta(days=1) < first:
            first = state.to + timedelta(days=1)  # it was away for longer than that: no day is left out
        day = first if message.after is None else message.after + timedelta(days=1)
        found, looked = await self._days(sales_channel, day, last)
        looked = looked or message.after
        return _Stated(statements=found, looked_to=looked, more=looked is not None and day <= last and looked < last)

    async def _days(
        self, sales_channel: str, day: date, last: date, *, kept: date = date.min
    ) -> tuple[tuple[tuple[int, Statement], ...], date | None]:
        """What is to be said of the next days, a bounded number, and up to which day that is. `kept`: days before
        this one that are complete, with nothing open, stay as they are.
        """
        waited = to_instant(to_datetime(self._journal.clock.now()) - _DECIDED_WITHIN)
        undecided = [row[0] for row in await self._journal.query("deliveries_undecided", sales_channel, waited)]
        found: list[tuple[int, Statement]] = []
        looked: date | None = None
        last = min(last, day + _LOOKED_AT_MAX)
        while day <= last and len(found) < _DAYS_PER_STEP_MAX:
            window = window_of(day, self._policy.time_zone)
            statement = await self._restated(sales_channel, window, undecided, stays=day < kept)
            if statement is not None:
                found.append(statement)
            looked, day = day, day + timedelta(days=1)
        return tuple(found), looked

    async def _first_day(self, sales_channel: str, last: date) -> date:
        """The day of the first order that anybody tells of; the last closed one where nobody does."""
        ((placed,),) = await self._journal.query("first_purchase", sales_channel)
        if placed is None:
            return last
        return last_closed(to_datetime(Instant(placed)), self._policy.time_zone, timedelta()) + timedelta(days=1)

    async def _restated(
        self, sales_channel: str, window: Window, undecided: Sequence[int], *, stays: bool
    ) -> tuple[int, Statement] | None:
        """The statement about a day, if it is another one than before; `stays`: if it is not complete already."""
        ask, day = self._journal.query, window.day.isoformat()
        instants = to_instant(window.began), to_instant(window.ended)
        marks = await ask("poll_mark", sales_channel)
        manifests = [_listed(row) for row in await ask("manifests_over", sales_channel, *instants)]
        evidence = evidence_of(window, manifests, tuple(marks[0]) if marks else None)
        until = to_instant(window.ended + _LATE)
        ((unread,),) = await ask("orders_undated", sales_channel, instants[0], until)
        undated = unread + sum(instants[0] <= came < until for came in undecided)
        ((gone,),) = await ask("sales_gone", sales_channel, *instants)
        before = await ask("statement_last", sales_channel, day)
        if not before:
            missing = await self._missing(sales_channel, evidence, (), frozenset())
            tally = await self._tally(sales_channel, instants)
            return 1, statement_of(sales_channel, window, tally, evidence, missing, undated=undated, gone=gone)
        version, digest, taken, missed, *counts, names, said = before[0]
        told = msgspec.json.decode(said, type=Evidence)
        if stays and told.kind != "none" and not (missed or any(counts) or evidence.open):
            return None
        if not missed and evidence == told and counts == [undated, gone]:
            ((changed,),) = await ask("window_changed", sales_channel, *instants, taken - _READ_WITHIN_US)
            if not changed:
                return None
        named = msgspec.json.decode(names, type=tuple[str, ...])
        missing = await self._missing(sales_channel, evidence, named, frozenset(told.keys))
        tally = await self._tally(sales_channel, instants)
        statement = statement_of(sales_channel, window, tally, evidence, missing, undated=undated, gone=gone)
        return None if statement.digest == digest else (version + 1, statement)

    async def _tally(self, sales_channel: str, instants: tuple[Instant, Instant]) -> Tally:
        """Every order of the window, some thousands at a time."""
        tally, after = Tally(), (instants[0], "")
        while rows := await self._journal.query(
            "orders_of_window", sales_channel, *after, instants[1], _ORDERS_PER_READ
        ):
            for key, _, order_state, sale, rule in rows:
                tally.add(key, order_state, sale, rule)
            after = rows[-1][1], rows[-1][0]
        return tally

    async def _missing(
        self, sales_channel: str, evidence: Evidence, named: Sequence[str], asked: Collection[str]
    ) -> Sequence[str]:
        """What the manifests list and nobody brought. `named`: what was missing before. Manifests forget what they list
        after a day; of one that no statement had `asked` before that, every order that is wanted may be.
        """
        ask, found = self._journal.query, list(named)
        for key in evidence.keys if evidence.open else ():
            rows = await ask("manifest_missing", key, sales_channel)
            if not rows and key not in asked:
                rows = await ask("orders_wanted", sales_channel)
            found += [row[0] for row in rows]
        known = await self._journal.query_list("keys_known", [f"{sales_channel}/{each}" for each in found])
        here = {parts_of(key)[1] for (key,) in known}
        return [each for each in found if each not in here]

    def decide(self, state: StatementsState, message: Any, now: datetime) -> Decision:
        """See `decide` above."""
        return decide(state, message, now)

    def project(self, key: str, before: StatementsState, after: StatementsState, now: datetime) -> Sequence[Write]:  # noqa: ARG002
        """Statements are written as they are decided on."""
        return ()

    def announce(self, key: str, before: StatementsState, after: StatementsState) -> None:
        """Count what was stated."""
        if after is not before:
            for verdict, missing in after.verdicts:
                self._emit(DayStated(sales_channel=parts_of(key)[1], verdict=verdict, missing=missing))


def _listed(row: Sequence[Any]) -> Listed:
    fields: Mapping[str, Any] = dict(zip(Listed.__struct_fields__, row, strict=True))
    return Listed(**fields)
