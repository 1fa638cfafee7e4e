"""The one module that reads the clock.

Everything else is given the time. Wall time (`now`) stamps what happened; monotonic time measures how long it took.
Stored instants are integers: microseconds since 1970-01-01 UTC (`Instant`), because they sort, subtract and index.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import NewType, Protocol

Instant = NewType("Instant", int)
"""Microseconds since 1970-01-01T00:00:00 UTC."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Clock(Protocol):
    """A source of time. `SystemClock` in production; `runtime.testing.virtual_time` in stories."""

    def now(self) -> Instant:
        """Wall time."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never steps back."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> Instant:
        """Wall time, from the operating system."""
        return Instant(time.time_ns() // 1000)

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; unaffected by clock steps."""
        return time.monotonic()


def to_datetime(instant: Instant) -> datetime:
    """The instant as an aware UTC datetime."""
    return _EPOCH + timedelta(microseconds=instant)


def to_instant(moment: datetime) -> Instant:
    """An aware datetime as an instant. Raises ValueError for a naive one: a time without a zone is not a fact."""
    if moment.tzinfo is None:
        raise ValueError("a naive datetime has no place on the time line; give it a zone")
    return Instant((moment - _EPOCH) // _MICROSECOND)
