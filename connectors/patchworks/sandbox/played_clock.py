"""The sandbox's clock: the machine's own, moved ahead by a script, so that 72 hours pass at once."""

from __future__ import annotations

from runtime.clock import Clock, Instant

US_PER_S = 1_000_000


class PlayedClock:
    """A `runtime.clock.Clock` that can be moved ahead. Timeouts and back-offs of calls stay on real time."""

    def __init__(self, base: Clock) -> None:
        self._base = base
        self._ahead_s = 0.0

    def now(self) -> Instant:
        """Wall time."""
        return Instant(self._base.now() + round(self._ahead_s * US_PER_S))

    def monotonic(self) -> float:
        """Seconds that never step back; limits per minute are counted by it."""
        return self._base.monotonic() + self._ahead_s

    def advance(self, by_s: float) -> None:
        """Move ahead by so many seconds. Raises ValueError for a step back."""
        if by_s < 0:
            raise ValueError("time only goes ahead")
        self._ahead_s += by_s
