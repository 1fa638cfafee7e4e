"""The circuit breaker of an outside API: after enough failures nobody calls for a while, then one call tries.

    closed --strikes_max in a row--> open --its time is over--> half-open (one probe) --answered--> closed
                                       ^--------------- the probe failed ----------------'

A state machine without clock or dice: every transition is given the time (monotonic seconds) and a random number.
It counts strikes in a row, not a ratio: a budget of ten calls a second fills no window that a ratio could be trusted
on, an API that is away fails every call, and one that fails now and then is the business of retries.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from runtime.errors import Failure, Refused, Throttled, Unauthorised

_DOUBLINGS_MAX = 63
_PROBE_POLL_S = 0.25

Cause = Literal["unavailable", "credentials"]
State = Literal["closed", "open", "half_open"]


class BreakerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """When the breaker opens and for how long. Raises ValueError for numbers that make no sense.

    It stays open for `open_first_s`, doubling with each probe that fails up to `open_cap_s`; half of that is jitter.
    Refused credentials keep it open for `credentials_s`. A probe that has not ended after `probe_s_max` (its caller was
    cancelled, or hangs) is given up, and another call may probe.
    """

    strikes_max: int = 5
    open_first_s: float = 1.0
    open_cap_s: float = 60.0
    credentials_s: float = 300.0
    probe_s_max: float = 90.0

    def __post_init__(self) -> None:
        if self.strikes_max < 1:
            raise ValueError(f"strikes_max ({self.strikes_max}) must be at least 1")
        if not 0 < self.open_first_s <= self.open_cap_s:
            raise ValueError(f"open_first_s ({self.open_first_s}) must be above 0 and at most {self.open_cap_s}")
        if self.credentials_s <= 0 or self.probe_s_max <= 0:
            raise ValueError("credentials_s and probe_s_max must be above 0")


class Breaker:
    """Ask `may_call` right before a call, and tell `success` or `failure` after it."""

    def __init__(self, config: BreakerConfig | None = None) -> None:
        self.config = config or BreakerConfig()
        self.state: State = "closed"
        self.strikes = 0
        """Failures in a row, while closed."""
        self._cause: Cause = "unavailable"
        self._until = 0.0
        """Open: when a probe may go. Half-open: when the probe under way is given up."""
        self._opened_in_a_row = 0

    @property
    def cause(self) -> Cause | None:
        """Why calls are held back: `unavailable`, `credentials` (a person has to act), or None while closed."""
        return None if self.state == "closed" else self._cause

    def may_call(self, now: float) -> bool:
        """Whether a call may be made now. A yes while not closed makes this call the probe, and the next answer no."""
        if self.state == "closed":
            return True
        if now < self._until:
            return False
        self.state = "half_open"
        self._until = now + self.config.probe_s_max
        return True

    def seconds_until_try(self, now: float) -> float:
        """How long to wait before asking again; 0 exactly when `may_call(now)` would say yes.

        Short while a probe is under way, because its end may come at any moment.
        """
        if self.state == "closed":
            return 0.0
        left_s = max(0.0, self._until - now)
        return min(left_s, _PROBE_POLL_S) if self.state == "half_open" else left_s

    def success(self, now: float) -> bool:  # noqa: ARG002 - every transition is given the time
        """A call was answered. True when that closed the breaker.

        While open this is a call from before; it may say little about now, so the probe decides.
        """
        if self.state == "open":
            return False
        closed = self.state == "half_open"
        self.state = "closed"
        self.strikes = self._opened_in_a_row = 0
        return closed

    def failure(self, failure: Failure, now: float, random: float) -> bool:
        """A call failed; `random` in [0, 1) spreads the open time. True when that opened (or reopened) the breaker.

        Refused is an answer like any other. Throttled says nothing about health: no strike, and a probe that met it is
        given back. Unauthorised opens at once, whatever the state. All else is a strike.
        """
        match failure:
            case Refused():
                self.success(now)
                return False
            case Throttled():
                if self.state == "half_open":
                    self.state, self._until = "open", now
                return False
            case Unauthorised():
                return self._credentials_refused(now)
        return self._strike(failure, now, random)

    def _strike(self, failure: Failure, now: float, random: float) -> bool:
        if self.state == "open":
            return False
        self.strikes += 1
        if self.state == "closed" and self.strikes < self.config.strikes_max:
            return False
        if self.state == "half_open" and self._cause == "credentials":
            return self._credentials_refused(now)  # still nobody has seen these credentials work
        self._open("unavailable", now + self._open_s(failure, random))
        return True

    def _credentials_refused(self, now: float) -> bool:
        news = self.state != "open" or self._cause != "credentials"
        if news:
            self._open("credentials", now + self.config.credentials_s)
        return news

    def _open(self, cause: Cause, until: float) -> None:
        self.state, self._cause, self._until = "open", cause, until
        self.strikes = 0
        self._opened_in_a_row += 1

    def _open_s(self, failure: Failure, random: float) -> float:
        span_s = min(
            self.config.open_cap_s, self.config.open_first_s * 2.0 ** min(self._opened_in_a_row, _DOUBLINGS_MAX)
        )
        asked_s = min(failure.retry_after_s or 0.0, self.config.open_cap_s)
        return max(asked_s, span_s * (1 + random) / 2)
