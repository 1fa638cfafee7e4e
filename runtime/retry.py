"""What follows a failed outside call, as a value: try again, look first, or give up.

Pure: no clock, no dice, no sleeping. The caller brings the number of the attempt and a random number, and does what the
answer says. Backoff is exponential with full jitter: a random share of a doubling span, so that calls which failed
together do not come back together.
"""

from __future__ import annotations

import msgspec

from runtime.errors import Failure, Refused, Throttled, Unauthorised, Unavailable

_DOUBLINGS_MAX = 63


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How patient the calls of one API are. Raises ValueError for numbers that contradict each other.

    The span of the backoff is `first_s` after the first attempt and doubles up to `cap_s`. After `attempts_max`
    attempts (None: no end) the call is given up. A Retry-After is honoured up to `retry_after_max_s`, because a broken
    one must not park a call for a year. While the credentials are refused, one try per `probe_s`.
    """

    first_s: float = 0.5
    cap_s: float = 60.0
    attempts_max: int | None = None
    retry_after_max_s: float = 3_600.0
    probe_s: float = 300.0

    def __post_init__(self) -> None:
        if not 0 < self.first_s <= self.cap_s:
            raise ValueError(f"first_s ({self.first_s}) must be above 0 and at most cap_s ({self.cap_s})")
        if self.attempts_max is not None and self.attempts_max < 1:
            raise ValueError(f"attempts_max ({self.attempts_max}) must be at least 1, or absent for no end")
        if self.retry_after_max_s <= 0 or self.probe_s <= 0:
            raise ValueError("retry_after_max_s and probe_s must be above 0")


class TryAgain(msgspec.Struct, frozen=True):
    """Make the same call again after `after_s`. `counts`: whether the failed attempt uses up one of `attempts_max`."""

    after_s: float
    counts: bool = True


class LookFirst(msgspec.Struct, frozen=True):
    """It may have been applied: after `after_s`, find out whether it was. Repeating it now could do it twice."""

    after_s: float


class GiveUp(msgspec.Struct, frozen=True):
    """No further attempt; `reason` completes the sentence "given up because ..."."""

    reason: str


NextTry = TryAgain | LookFirst | GiveUp


def next_try(
    policy: RetryPolicy, failure: Failure, attempt: int, random: float, *, repeats_freely: bool = False
) -> NextTry:
    """What to do after the `attempt`-th attempt (from 1, counting only those that `counts`) ended in `failure`.

    `random` in [0, 1) spreads the delay. `repeats_freely`: the call is a read or an absolute write, so an unknown
    outcome needs no look. A throttled call never uses up an attempt: the other side did not even try it.
    """
    match failure:
        case Refused():
            return GiveUp("the same call will be refused again")
        case Unauthorised():
            return TryAgain(max(policy.probe_s, _asked(policy, failure)), counts=False)
        case Throttled():
            return TryAgain(_delay(policy, failure, attempt, random), counts=False)
        case Unavailable():
            pass
        case _ if not repeats_freely:  # Unknown, and any class this function has not heard of: it may be applied
            return LookFirst(_delay(policy, failure, attempt, random))
    if policy.attempts_max is not None and attempt >= policy.attempts_max:
        return GiveUp("it was tried once" if attempt == 1 else f"it was tried {attempt} times")
    return TryAgain(_delay(policy, failure, attempt, random))


def _delay(policy: RetryPolicy, failure: Failure, attempt: int, random: float) -> float:
    """Full jitter, counted from the moment the other side asked us to wait for: later than that, never earlier."""
    doublings = min(max(attempt - 1, 0), _DOUBLINGS_MAX)
    return _asked(policy, failure) + random * min(policy.cap_s, policy.first_s * 2.0**doublings)


def _asked(policy: RetryPolicy, failure: Failure) -> float:
    return min(max(failure.retry_after_s or 0.0, 0.0), policy.retry_after_max_s)
