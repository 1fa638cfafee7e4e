"""The budget of an outside API: how many calls a second, how many at once, and who goes first when that is too few.

The rate is paced rather than counted in windows: each call moves the time of the next one on by 1/rate. It is learned:
from what answers say about the limit, and from being throttled (see `Slowdown`). Waiting callers are served by the
shares of a `FairQueue`.

There is no background task. Of the callers that wait, one is the timekeeper: it alone sleeps until the next call is
due, serves whoever's turn it is, and passes the duty on when it leaves. With a slot and a call to spare and nobody
waiting, `acquire` does not wait at all.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Mapping
from types import TracebackType

import anyio
import msgspec
from msgspec.structs import replace

from runtime.api import RateReading
from runtime.clock import Clock
from runtime.fair import FairQueue
from runtime.slowdown import Slowdown

LATENESS_S = 0.01
"""How late a waiting caller may be served without a call being lost; it lets 1 % more begin in a second."""

_TICK_S = 0.001
"""Event loops count time in whole milliseconds; sleeping for less would spin until it is over."""
_NAP_S = 0.1
"""For so short a time the timekeeper does not listen for news: sleeping through is cheaper (about 50 us a call)."""
_SLOWER = 0.85
"""A throttled rate goes back to this part of it: far enough for a limit that was just met, near enough to use it."""
_SLOWER_IN_VAIN = 0.5
"""And to this part while nothing but throttled answers comes, whatever the rate."""
_IN_VAIN_FLOOR = 0.05
_SLOWEST_PER_S = 0.2
"""Whatever is throttled, this is tried: a server that answers 429 at random would be asked ever less."""
_PAUSES_BETWEEN_PROBES = 8
"""For so many pauses' time nothing above the throttled rate is tried: a probe that fails costs another pause."""
_HOLD_S_MAX = 300.0
_WINDOW_S = 1.0
"""The window of a limit per second: what to wait when an answer says that nothing remains, but not for how long."""
_GRANTS_REMEMBERED = 64


class BudgetPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How a budget answers to being throttled.

    A throttled answer without Retry-After pauses for `pause_first_s`, doubling up to `pause_cap_s` while nothing but
    throttled answers comes. How the rate comes back after the pause, `Slowdown` says with `recover_s`. What the other
    side asks for is honoured up to `pause_asked_s_max`.
    """

    pause_first_s: float = 1.0
    pause_cap_s: float = 60.0
    pause_asked_s_max: float = 3_600.0
    recover_s: float = 30.0


class BudgetStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """A look at a budget. `limit_per_s` is what is known, `rate_per_s` what is used now; None is no limit.

    `waiting` and `granted_total` are calls by share; `paused_s` is how long no call will be made (0: not paused).
    """

    limit_per_s: float | None
    rate_per_s: float | None
    waiting: Mapping[str, int]
    granted_total: Mapping[str, int]
    in_flight: int
    paused_s: float
    throttled_total: int


class _Waiter:
    __slots__ = ("granted", "news")

    def __init__(self) -> None:
        self.granted = False
        self.news = anyio.Event()


class _Slot:
    """One call's place, as a block."""

    __slots__ = ("_budget", "_share")

    def __init__(self, budget: Budget, share: str) -> None:
        self._budget, self._share = budget, share

    async def __aenter__(self) -> None:
        await self._budget.acquire(self._share)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._budget.release()


class Budget:
    """See the module. `shares` are whole weights by name; `limit_per_s` holds until an answer says otherwise.

    In any second at most 1.01 * limit + `burst` calls begin. Raises ValueError for numbers that make no sense.
    """

    def __init__(
        self,
        clock: Clock,
        shares: Mapping[str, int],
        *,
        limit_per_s: float | None = None,
        concurrency_max: int,
        burst: int = 1,
        policy: BudgetPolicy | None = None,
        rng: random.Random | None = None,
    ) -> None:
        if concurrency_max < 1 or burst < 1 or (limit_per_s is not None and limit_per_s <= 0):
            raise ValueError(
                f"a budget needs at least one slot ({concurrency_max}), a burst of at least one ({burst}) and a limit "
                f"above 0 or none ({limit_per_s})"
            )
        self._clock = clock
        self._policy = policy or BudgetPolicy()
        self._random = rng or random.Random()  # noqa: S311 - spreads pauses; guards nothing
        self._concurrency_max, self._burst = concurrency_max, burst
        self._limit_per_s = limit_per_s
        self._queue: FairQueue[_Waiter] = FairQueue(shares)
        self._timekeeper: _Waiter | None = None
        self._in_flight = 0
        self._due = clock.monotonic()
        """When the next call is due at the present rate; in the past when calls are to spare."""
        self._paused_until = -math.inf
        self._throttled_until = -math.inf
        """When the last pause ends, or has ended, that a throttled answer began."""
        self._pause_s = 0.0
        """The last pause, when nobody said how long; 0: none yet."""
        self._slowdown: Slowdown | None = None
        """None: calls go at the limit."""
        self._recent: deque[float] = deque(maxlen=_GRANTS_REMEMBERED)
        """Times of the last calls: the rate that was really throttled."""
        self._went_well = 0
        """Calls that were begun since the last pause and ended without being throttled."""
        self._granted_total = dict.fromkeys(shares, 0)
        self._throttled_total = 0

    # -- calling -------------------------------------------------------------------------------------------------------

    def slot(self, share: str) -> _Slot:
        """`async with budget.slot(share):` around one call: `acquire` and `release`."""
        return _Slot(self, share)

    async def acquire(self, share: str) -> None:
        """Wait for the turn of one call of this share; `release` must follow when the call has ended.

        Cancelled while waiting, it has taken neither a slot nor a call from the rate: what may have been granted at
        the same moment goes to the next caller. Raises KeyError for a share that was not declared.
        """
        now = self._clock.monotonic()
        if not self._queue and self._wait_s(now) == 0.0:
            self._queue.charge(share)
            self._take(share, now, 0.0)
            return
        waiter = _Waiter()
        self._queue.push(share, waiter)
        try:
            await self._wait(waiter)
        except BaseException:
            self._abandon(waiter, share)
            raise

    def release(self) -> None:
        """The call has ended, however it ended. Raises RuntimeError when no call is in flight."""
        if self._in_flight < 1:
            raise RuntimeError("a call was released that was never acquired")
        was_full = self._in_flight >= self._concurrency_max
        self._in_flight -= 1
        self._went_well += 1
        if self._queue:
            self._serve()
            if was_full and self._in_flight < self._concurrency_max:
                self._wake_timekeeper()  # it waited for a slot without an end; now it is time that is wanting

    # -- learning ------------------------------------------------------------------------------------------------------

    def observe(self, reading: RateReading) -> None:
        """Learn from what an answer said: the limit, and whether calls are left in the API's own window."""
        limit = reading.limit_per_s
        if limit is not None and limit > 0 and limit != self._limit_per_s:
            self._limit_learned(limit)
        if reading.remaining is not None and reading.remaining <= 0:
            self._nothing_remains(reading.reset_after_s)

    def throttled(self, retry_after_s: float | None) -> None:
        """A call in a slot of this budget was throttled: pause, then go on more slowly, as `Slowdown` has it.

        What comes in during such a pause are the answers to calls of the same moment: they may lengthen the pause, but
        teach nothing more.
        """
        now = self._clock.monotonic()
        self._throttled_total += 1
        if self._slowdown is None or now >= self._throttled_until:
            in_vain = self._went_well <= 0 and now - self._throttled_until < 2 * max(self._pause_s, _WINDOW_S)
            if not retry_after_s:
                first, cap = self._policy.pause_first_s, self._policy.pause_cap_s
                self._pause_s = min(cap, 2 * self._pause_s) if in_vain and self._pause_s else first
            self._slow_down(now, in_vain=in_vain)
            self._went_well = -self._in_flight  # those end yet, and say nothing about the time after the pause
        asked_s = min(retry_after_s, self._policy.pause_asked_s_max) if retry_after_s else self._pause_s
        if now + asked_s > self._paused_until:
            self._pause(asked_s * (1 + self._random.random() / 10))
        self._throttled_until = self._paused_until
        assert self._slowdown is not None  # noqa: S101 - `_slow_down` has just made it, or an answer before
        hold_s = min(_HOLD_S_MAX, _PAUSES_BETWEEN_PROBES * (self._paused_until - now))
        self._slowdown = replace(self._slowdown, since=self._paused_until, hold_s=max(self._slowdown.hold_s, hold_s))

    def statistics(self) -> BudgetStatistics:
        """How the budget stands now."""
        now = self._clock.monotonic()
        return BudgetStatistics(
            limit_per_s=self._limit_per_s,
            rate_per_s=self._rate_per_s(now),
            waiting=self._queue.depths(),
            granted_total=dict(self._granted_total),
            in_flight=self._in_flight,
            paused_s=max(0.0, self._paused_until - now),
            throttled_total=self._throttled_total,
        )

    # -- the rate ------------------------------------------------------------------------------------------------------

    def _nothing_remains(self, reset_after_s: float | None) -> None:
        """Wait for the reset, but not for one within two seconds: whole seconds are too coarse to wait for, and who
        keeps to a known limit meets the end of each such window. Then only what was saved up is not to be spent.
        """
        rate = self._rate_per_s(self._clock.monotonic())
        if rate is not None and reset_after_s is not None and reset_after_s <= 2 * _WINDOW_S:
            self._due = max(self._due, self._clock.monotonic() + self._saved() / rate)
        else:
            after_s = _WINDOW_S if reset_after_s is None else reset_after_s
            self._pause(min(after_s, self._policy.pause_asked_s_max))

    def _rate_per_s(self, now: float) -> float | None:
        if self._slowdown is None:
            return self._limit_per_s
        rate = self._slowdown.rate_per_s(now)
        if rate is None:
            self._slowdown = None
            return self._limit_per_s
        return rate

    def _wait_s(self, now: float) -> float | None:
        """Until the next call may begin: 0 is now, None is not before another call ends."""
        if self._in_flight >= self._concurrency_max:
            return None
        wait_s = self._paused_until - now
        rate = self._rate_per_s(now)
        if rate is not None:
            wait_s = max(wait_s, self._due - self._saved() / rate - now)
        return max(0.0, wait_s)

    def _saved(self) -> int:
        """How many calls may have been saved up; none on the way back from being throttled."""
        return 0 if self._slowdown is not None else self._burst - 1

    def _take(self, share: str, now: float, lateness_s: float) -> None:
        self._in_flight += 1
        self._granted_total[share] += 1
        rate = self._rate_per_s(now)
        if rate is not None:
            self._due = max(self._due, now - lateness_s) + 1 / rate
        self._recent.append(now)

    def _limit_learned(self, limit_per_s: float) -> None:
        self._limit_per_s = limit_per_s
        if (back := self._slowdown) is not None:
            slow, refused = min(back.slow_per_s, limit_per_s), min(back.refused_per_s, limit_per_s)
            self._slowdown = replace(back, slow_per_s=slow, refused_per_s=refused, full_per_s=limit_per_s)
        # At the old rate the next call may be far away.
        soonest = max(self._paused_until, self._clock.monotonic() + 1 / limit_per_s)
        self._due = min(self._due, soonest)
        self._wake_timekeeper()

    def _slow_down(self, now: float, *, in_vain: bool) -> None:
        """In vain is a call whose predecessors were throttled, too: it says that all are, and nothing of the rate."""
        rate, back = self._rate_per_s(now), self._slowdown
        if in_vain and back is not None and rate is not None:
            refused, doubtful = back.refused_per_s, back.doubtful
            slower = max(rate * _SLOWER_IN_VAIN, refused * _IN_VAIN_FLOOR)
        else:
            refused, doubtful = self._refused(now, rate)
            slower = refused * _SLOWER
        known = self._limit_per_s
        self._slowdown = Slowdown(
            slow_per_s=slower,
            refused_per_s=max(refused, min(_SLOWEST_PER_S, known or _SLOWEST_PER_S)),
            full_per_s=known,
            since=now,
            recover_s=self._policy.recover_s,
            doubtful=doubtful,
        )

    def _refused(self, now: float, rate_per_s: float | None) -> tuple[float, bool]:
        """How fast calls were begun, and whether that leaves in doubt where the limit is: they were far fewer than the
        rate allowed. Right after a pause they cannot be counted; they went at the rate.
        """
        doubted = self._slowdown is not None and self._slowdown.doubtful
        if rate_per_s is not None and (not self._recent or now - self._throttled_until < _WINDOW_S):
            return rate_per_s, False
        lately = self._lately_per_s(now)
        if rate_per_s is None:
            return lately, False
        if lately < rate_per_s / 2:
            return lately, True
        return (min(lately, rate_per_s) if doubted else rate_per_s), False

    def _lately_per_s(self, now: float) -> float:
        """Calls begun in the last second; more of them than are remembered are extrapolated."""
        lately = [at for at in self._recent if now - at < _WINDOW_S]
        if len(lately) == _GRANTS_REMEMBERED and lately[-1] > lately[0]:
            return (len(lately) - 1) / (lately[-1] - lately[0])
        return float(max(1, len(lately)))

    def _pause(self, after_s: float) -> None:
        self._paused_until = max(self._paused_until, self._clock.monotonic() + after_s)
        self._due = max(self._due, self._paused_until)

    # -- waiting -------------------------------------------------------------------------------------------------------

    async def _wait(self, waiter: _Waiter) -> None:
        while not waiter.granted:
            if self._timekeeper is None:
                self._timekeeper = waiter
            if self._timekeeper is not waiter:
                await waiter.news.wait()
                continue
            self._serve()
            if waiter.granted:
                return
            waiter.news = anyio.Event()
            wait_s = self._wait_s(self._clock.monotonic())
            if wait_s is None:
                await waiter.news.wait()
            elif wait_s <= _NAP_S:
                await anyio.sleep(max(wait_s, _TICK_S))
            else:
                with anyio.move_on_after(wait_s):
                    await waiter.news.wait()

    def _serve(self) -> None:
        """Give every call that may begin now to whoever's turn it is."""
        now = self._clock.monotonic()
        while self._queue and self._wait_s(now) == 0.0:
            share, waiter = self._queue.peek_class(), self._queue.pop()
            self._take(share, now, LATENESS_S)
            waiter.granted = True
            waiter.news.set()
            if waiter is self._timekeeper:
                self._timekeeper = None
        self._appoint()

    def _appoint(self) -> None:
        """Somebody who waits keeps the time, whenever anybody waits."""
        if self._timekeeper is None and self._queue:
            self._timekeeper = self._queue.peek()
            self._timekeeper.news.set()

    def _wake_timekeeper(self) -> None:
        if self._timekeeper is not None:
            self._timekeeper.news.set()

    def _abandon(self, waiter: _Waiter, share: str) -> None:
        if waiter is self._timekeeper:
            self._timekeeper = None
        if not waiter.granted:
            self._queue.remove(share, waiter)
            self._appoint()
            return
        self._in_flight -= 1
        self._granted_total[share] -= 1
        rate = self._rate_per_s(self._clock.monotonic())
        if rate is not None:
            self._due -= 1 / rate
        self._wake_timekeeper()
