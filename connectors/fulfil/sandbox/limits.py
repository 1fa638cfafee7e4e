"""The rate limit of the token: a bucket of requests, and the headers in which Fulfil tells how full it is."""

from __future__ import annotations

import math

from runtime.clock import Clock


class RateLimit:
    """A token bucket: `requests_per_s` on average, `burst` at once. 0 requests per second means no limit."""

    def __init__(self, requests_per_s: float, burst: int, clock: Clock) -> None:
        self.requests_per_s = requests_per_s
        self._burst = burst
        self._clock = clock
        self._left = float(burst)
        self._filled_at = clock.monotonic()

    def take(self) -> bool:
        """Whether one more request may be served now; if so it is counted."""
        if not self.requests_per_s:
            return True
        now = self._clock.monotonic()
        self._left = min(self._burst, self._left + (now - self._filled_at) * self.requests_per_s)
        self._filled_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def retry_after_s(self) -> int:
        """Whole seconds until a request is served again."""
        return max(1, math.ceil((1 - self._left) / self.requests_per_s)) if self.requests_per_s else 0

    def headers(self) -> dict[str, str]:
        """The X-RateLimit headers; none without a limit. Reset is in UTC epoch seconds."""
        if not self.requests_per_s:
            return {}
        full_after_s = (self._burst - self._left) / self.requests_per_s
        return {
            "X-RateLimit-Limit": str(max(1, round(self.requests_per_s))),
            "X-RateLimit-Remaining": str(int(self._left)),
            "X-RateLimit-Reset": str(math.ceil(self._clock.now() / 1_000_000 + full_after_s)),
        }
