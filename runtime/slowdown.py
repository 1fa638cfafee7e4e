"""After a call was throttled: how fast calls go, until the limit is trusted again. Pure.

Being throttled says where the limit is: about at the rate that was just used. So the rate goes back a little, comes
soon and ever more slowly to just below where it was refused, stays there a while, and only then tries, at first hardly
and then boldly (twice as much after another half of `recover_s`), whether more is allowed. TCP finds the capacity of a
path in the same way (CUBIC, RFC 9438).

    full      |                                   .
    refused   |          . - - - - - - - - - - '
    slow      | . '
              +----------|--------------------|--------> time
              since   half of recover_s     hold_s

A try that fails costs a pause, so after a long pause the next try is far: `hold_s`.

When far fewer calls were made than are known to be allowed, being throttled may say where the limit is, or nothing at
all. That is `doubtful`: the rate begins where it was refused and doubles each second, so that a limit which is really
there answers after one try more, and one that is not there costs seconds.
"""

from __future__ import annotations

import msgspec

_BELOW = 0.97
"""This part of the rate that was refused is taken to be allowed."""
_DOUBLES_S = 1.0
"""As long as the window of a limit per second: it can say no before the rate is twice too high."""
_DOUBLINGS_MAX = 64


class Slowdown(msgspec.Struct, frozen=True, kw_only=True):
    """One slowdown, and the way back. `full_per_s` None: no limit is known, and the rate grows until it is refused."""

    slow_per_s: float
    refused_per_s: float
    full_per_s: float | None
    since: float
    """When the pause ends, on the clock's monotonic time."""
    recover_s: float
    hold_s: float = 0.0
    """How long after `since` nothing near `refused_per_s` is tried; at least half of `recover_s`."""
    doubtful: bool = False
    """Whether far fewer calls were refused than are known to be allowed."""

    def rate_per_s(self, now: float) -> float | None:
        """Calls per second at this moment; None when the way back is over, and `full_per_s` holds."""
        half_s, near = self.recover_s / 2, self.refused_per_s * _BELOW
        after_s = max(0.0, now - self.since)
        if self.doubtful:
            rate = self.slow_per_s * 2.0 ** min(after_s / _DOUBLES_S, _DOUBLINGS_MAX)
        elif after_s < half_s:
            left = 1 - after_s / half_s
            rate = near - (near - min(near, self.slow_per_s)) * left**3
        else:
            tries = max(0.0, after_s - max(half_s, self.hold_s)) / half_s
            rate = near * (1 + tries**3)
        return None if self.full_per_s is not None and rate >= self.full_per_s else rate
