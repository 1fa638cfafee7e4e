"""When the orders that wait will be in Fulfil: looked at again and again, for a gauge, for readiness and for people.

Nothing of it is remembered over a restart: the queue is read from the journal, the rate is soon observed again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import anyio
import msgspec

from flows.events import OrderSettled
from flows.model.drain import WINDOW_S, Drain, Look, drain_of, sentences
from flows.outside import SHARES
from runtime.clock import to_datetime
from runtime.engine import Outside
from runtime.journal.journal import Journal

_EVERY_S = 5.0
_OF_THE_TIME = 50
"""Counting a long queue takes a while: at most one part in so many of the time goes into it."""
_LOOKS_MAX = round(WINDOW_S / _EVERY_S) + 1
_AWAY = {
    "unavailable": "Fulfil does not answer, so they wait until it does",
    "credentials": "Fulfil refuses our credentials, so they wait until it takes them",
}

Emit = Callable[[Any], None]


class Forecast:
    """The queue of orders as it was a few seconds ago. `run` is a part of the supervisor."""

    def __init__(self, journal: Journal, decides: str, fulfil: Outside) -> None:
        """`decides` is the actor that decides on orders, `fulfil` the outside in which they are created."""
        self._journal, self._decides, self._fulfil = journal, decides, fulfil
        self._looks: deque[Look] = deque(maxlen=_LOOKS_MAX)
        self._paused = False
        self._channels_paused: tuple[tuple[str, int], ...] = ()
        self._lost_answers: Callable[[], int] = lambda: 0
        self._settled = self._behind = 0

    def counting(self, emit: Emit) -> Emit:
        """The same `emit`, which also counts the orders that come to rest."""

        def counted(event: Any) -> None:
            if type(event) is OrderSettled:
                self._settled += 1
            emit(event)

        return counted

    def asks(self, lost_answers: Callable[[], int]) -> None:
        """How many calls to Fulfil there are whose answers were lost, and are being looked up."""
        self._lost_answers = lost_answers

    async def run(self) -> None:
        """Look again and again, for ever."""
        clock = self._journal.clock
        while True:
            began = clock.monotonic()
            await self.look()
            await anyio.sleep(max(_EVERY_S, _OF_THE_TIME * (clock.monotonic() - began)))

    async def look(self) -> None:
        """Count the orders that wait, once."""
        rows = await self._journal.query("orders_in_queue", self._decides, self._fulfil.api.name, "orders")
        pauses = await self._journal.query("pauses_counted", self._decides)
        self._behind = (await self._journal.query("orders_behind_others"))[0][0]
        self._paused = any(scope == "actor" and name == self._decides for scope, name, *_ in pauses)
        self._channels_paused = tuple((name, waiting) for scope, name, _, _, waiting in pauses if scope == "partition")
        if self._held_up():
            self._looks.clear()  # what did not go in while it could not says nothing of how fast they will
        self._looks.append(Look(self._journal.clock.monotonic(), rows[0][0], self._settled))

    def _held_up(self) -> str:
        if self._paused:
            return f"{self._decides} is paused"
        cause = self._fulfil.breaker.cause
        return "" if cause is None else _AWAY[cause]

    def drain(self) -> Drain:
        """What can be said now."""
        drain = drain_of(self._looks, self._allowed_per_s(), self._held_up())
        age_s = self._journal.clock.monotonic() - self._looks[-1].at_s if self._looks else 0.0
        return msgspec.structs.replace(
            drain,
            age_s=age_s,
            lost_answers=self._lost_answers(),
            paused=self._channels_paused,
            behind=self._behind,
        )

    def _allowed_per_s(self) -> float | None:
        """How many calls a second are left to orders, by what is known of the limit and by whoever waits besides."""
        budget = self._fulfil.budget.statistics()
        if budget.rate_per_s is None:
            return None
        rivals = sum(weight for share, weight in SHARES.items() if share != "orders" and budget.waiting.get(share))
        return budget.rate_per_s * SHARES["orders"] / (SHARES["orders"] + rivals)

    def notes(self) -> list[str]:
        """A sentence while orders wait for Fulfil, and one for each pause that orders wait for."""
        return sentences(self.drain(), to_datetime(self._journal.clock.now()))

    def waiting(self) -> list[tuple[Sequence[str], float]]:
        """How many orders wait; nothing before the first look."""
        return [((), float(self._looks[-1].waiting))] if self._looks else []

    def seconds(self) -> list[tuple[Sequence[str], float]]:
        """Until those are done; nothing while it cannot be said."""
        seconds = self.drain().seconds if self._looks else None
        return [] if seconds is None else [((), seconds)]

    def report(self) -> StatusReport:
        """Everything, for who asks from outside."""
        drain, budget = self.drain(), self._fulfil.budget.statistics()
        return StatusReport(
            waiting=drain.waiting,
            draining_per_s=drain.per_s,
            how=drain.how,
            arriving_per_s=drain.arriving_per_s,
            drain_s=drain.seconds,
            held_up=drain.held_up,
            counted_s_ago=drain.age_s,
            lost_answers=drain.lost_answers,
            calls_per_s=budget.rate_per_s,
            calls_per_s_allowed=budget.limit_per_s,
            calls_paused_s=budget.paused_s,
            sentences=sentences(msgspec.structs.replace(drain, paused=()), to_datetime(self._journal.clock.now())),
        )


class StatusReport(msgspec.Struct, frozen=True, kw_only=True):
    """What waits, how fast it goes in, and when it will be done; calls are those to Fulfil.

    `how` is observed, allowed or unknown (see `Drain`); None is what cannot be said. What waits for a pause is not
    in it: whoever asks reads that from the store, as `seamline pause` does, so that both say the same.
    """

    waiting: int
    draining_per_s: float | None
    how: str
    arriving_per_s: float | None
    drain_s: float | None
    held_up: str
    counted_s_ago: float
    lost_answers: int
    calls_per_s: float | None
    calls_per_s_allowed: float | None
    calls_paused_s: float
    sentences: list[str]
