"""Rate limits: token buckets for the token and for single resources, and the headers that tell how full they are.

Facts 6: X-RateLimit-Limit (requests per second), -Remaining and -Reset (UTC epoch seconds) on every answer, a general
limit on every request and limits of single resources; Retry-After in seconds on a 429 (by a switch, facts 13.3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from connectors.fulfil.sandbox.config import ResourceLimit
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


class ResourceLimits:
    """The buckets of single resources, beside the general one."""

    def __init__(self, limits: Sequence[ResourceLimit], clock: Clock) -> None:
        self._buckets = [(limit.resource, RateLimit(limit.requests_per_s, limit.burst, clock)) for limit in limits]

    def refusing(self, route: str) -> RateLimit | None:
        """The bucket that has no room for a request of this route; None when it may be served, and is counted."""
        for resource, bucket in self._buckets:
            if route.startswith(resource) and not bucket.take():
                return bucket
        return None
