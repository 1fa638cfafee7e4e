"""What a connector offers to the runtime: one outside API that performs effects.

The runtime owns retries, budgets, breakers and the unknown-outcome protocol; a connector makes one attempt and tells
the truth about it, by returning a result or by raising the `Failure` that says what to do next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec


class RateReading(msgspec.Struct, frozen=True):
    """What one answer said about the API's rate limit. Every part may be absent.

    `limit_per_s` requests per second; `remaining` requests in the current window; `reset_after_s` seconds until the
    window renews.
    """

    limit_per_s: float | None = None
    remaining: int | None = None
    reset_after_s: float | None = None


ObserveRate = Callable[[RateReading], None]


class Api(Protocol):
    """One outside API. Implementations must be safe to cancel: a cancelled `perform` counts as unknown."""

    name: str

    async def perform(self, kind: str, body: bytes) -> Any:
        """Make one attempt with exactly these bytes.

        Returns the typed result. Raises a `runtime.errors.Failure` otherwise, and nothing else: an exception outside
        that list is a defect of the connector and is treated as an unknown outcome.
        """
        ...

    async def look(self, kind: str, body: bytes) -> Any | None:
        """Find out whether the write with these bytes was applied: its result, or None when it provably was not.

        Raises a `Failure` when the question itself could not be answered.
        """
        ...
