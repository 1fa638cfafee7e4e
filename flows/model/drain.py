"""How fast the orders that wait go down, and when they will be done. Pure.

What counts is how many orders have really come to rest lately, since when there has been a queue. Until that is known,
just after a start or an outage, what the outside allows stands in for it. Orders are served as they came, so those
that wait now are done after `waiting / rate`, whatever comes behind them; whether the queue grows is said beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

WINDOW_S = 60.0
"""The rate is that of the last minute."""
_SPAN_S_MIN = 20.0
"""Less than that says too little."""
_AGE_S_TOLD = 10.0
"""Older counts say so: under load they are taken less often, and much may have happened since."""


class Look(msgspec.Struct, frozen=True):
    """The queue at one moment (seconds of the monotonic clock), and how many orders had come to rest until then."""

    at_s: float
    waiting: int
    settled: int


class Drain(msgspec.Struct, frozen=True, kw_only=True):
    """What can be said of the queue of orders."""

    waiting: int = 0
    """Orders that were received, and are not in Fulfil, held, waiting by a rule, or excluded yet."""
    per_s: float | None = None
    """How many a second come to rest; None: it is not known."""
    how: Literal["observed", "allowed", "unknown"] = "unknown"
    """Over the last minute; or as many as Fulfil is known to allow; or neither."""
    arriving_per_s: float | None = None
    """How many a second came in over the last minute."""
    held_up: str = ""
    """Why none goes on now; empty when nothing stands against it."""
    age_s: float = 0.0
    """How long ago they were counted."""
    lost_answers: int = 0
    """Calls whose answers were lost: they are looked up before more go in."""
    paused: tuple[tuple[str, int], ...] = ()
    """Sales channels that people have paused, and how many orders wait for that; `waiting` has none of them."""
    behind: int = 0
    """Orders that go to Fulfil after the first order of their customer; `waiting` has none of them either."""

    @property
    def seconds(self) -> float | None:
        """Until those that wait now are done; from when they go on, if they are held up."""
        if not self.waiting:
            return 0.0
        return self.waiting / self.per_s if self.per_s else None

    @property
    def grows(self) -> bool:
        """Whether more come in than go out."""
        return self.waiting > 0 and (self.arriving_per_s or 0.0) > (self.per_s or 0.0)


def drain_of(looks: Sequence[Look], allowed_per_s: float | None, held_up: str = "") -> Drain:
    """What the looks say, the latest last; none: nothing is known. `allowed_per_s` is what the outside allows now."""
    if not looks:
        return Drain()
    last = looks[-1]
    drain = Drain(waiting=last.waiting, held_up=held_up)
    first = _first_of_the_queue(looks)
    span_s = last.at_s - first.at_s
    if span_s >= _SPAN_S_MIN and not held_up:
        settled_per_s = (last.settled - first.settled) / span_s
        arriving_per_s = max(0.0, settled_per_s + (last.waiting - first.waiting) / span_s)
        drain = msgspec.structs.replace(drain, arriving_per_s=arriving_per_s)
        if settled_per_s:
            return msgspec.structs.replace(drain, per_s=settled_per_s, how="observed")
    if allowed_per_s:
        return msgspec.structs.replace(drain, per_s=allowed_per_s, how="allowed")
    return drain


def _first_of_the_queue(looks: Sequence[Look]) -> Look:
    """The first look of the last minute since which orders have waited all the while."""
    first = last = looks[-1]
    for look in reversed(looks):
        if not look.waiting or last.at_s - look.at_s > WINDOW_S:
            break
        first = look
    return first


def sentences(drain: Drain, now: datetime) -> list[str]:
    """The same for people; nothing while nothing waits."""
    return [
        *([_queue(drain, now)] if drain.waiting else []),
        *([f"{orders_wait(drain.behind)} for the first order of {_theirs(drain.behind)}"] if drain.behind else []),
        *(waits_for_pause(name, waiting) for name, waiting in drain.paused if waiting),
    ]


def _queue(drain: Drain, now: datetime) -> str:
    counted = f" (counted {span(drain.age_s)} ago)" if drain.age_s >= _AGE_S_TOLD else ""
    many = f"{orders_wait(drain.waiting)} for Fulfil{counted}"
    if drain.seconds is None or drain.per_s is None:
        told = f"{many}; how fast they go in is not known yet"
    else:
        rate = f"{drain.per_s:,.1f} a second"
        when = f"in about {span(drain.seconds)}"
        if drain.held_up:
            told = f"{many}: {drain.held_up}; once they go on, at {rate} that is allowed, they are done {when}"
        else:
            source = "as over the last minute" if drain.how == "observed" else "as many as Fulfil allows"
            done = (now + timedelta(seconds=drain.seconds)).strftime("%Y-%m-%d %H:%MZ")
            told = f"{many}; {rate} go in, {source}, so these are done {when}, at {done}"
    if drain.lost_answers:
        lost = "answers are" if drain.lost_answers > 1 else "answer is"
        told += f"; {drain.lost_answers:,} lost {lost} being looked up first"
    if drain.grows:
        told += f"; {drain.arriving_per_s:,.1f} a second arrive, so the queue grows"
    return told


def waits_for_pause(name: str, waiting: int) -> str:
    """How many orders wait because somebody has paused their sales channel."""
    return f"{orders_wait(waiting)} for {name}, which is paused"


def _theirs(count: int) -> str:
    return "their customers" if count > 1 else "its customer"


def orders_wait(count: int) -> str:
    """So many orders, and that they wait."""
    return f"{count:,} order{'s wait' if count > 1 else ' waits'}"


def span(seconds: float) -> str:
    """A stretch of time, as people say it."""
    if seconds < 90:  # noqa: PLR2004
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"  # noqa: PLR2004
