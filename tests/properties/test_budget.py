"""The budget under any callers, limits, answers and cancellations, in virtual time and in shuffled orders."""

from __future__ import annotations

import asyncio
import functools
import random
from bisect import bisect_right
from math import ceil
from typing import Any

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.api import RateReading
from runtime.budget import Budget
from runtime.testing.virtual_time import VirtualClock, VirtualLoop

SHARES = {"orders": 70, "fulfilments": 15, "stock": 10, "rest": 5}

callers = st.lists(
    st.tuples(
        st.sampled_from(sorted(SHARES)),
        st.floats(0.0, 5.0),  # comes after
        st.floats(0.0, 2.0),  # the call takes
        st.one_of(st.none(), st.floats(0.0, 5.0), st.sampled_from([0.0, 0.1, 0.5, 1.0])),  # its patience
    ),
    max_size=40,
)
answers = st.lists(
    st.tuples(
        st.floats(0.0, 5.0),
        st.one_of(
            st.builds(
                RateReading,
                remaining=st.one_of(st.none(), st.integers(0, 2)),
                reset_after_s=st.one_of(st.none(), st.floats(0.0, 3.0)),
            ),
            st.sampled_from([None, 0.0, 0.5, 2.0]),
        ),
    ),
    max_size=6,
)


@given(
    callers,
    answers,
    st.floats(0.5, 50.0),
    st.tuples(st.integers(1, 5), st.integers(1, 4)),
    st.one_of(st.none(), st.integers(0, 99)),
)
def test_never_above_the_limit_never_above_the_slots_and_nobody_is_forgotten(
    coming: list[tuple[str, float, float, float | None]],
    said: list[tuple[float, Any]],
    limit_per_s: float,
    slots_and_burst: tuple[int, int],
    seed: int | None,
) -> None:
    """Every caller is served or has lost its patience, and no second has more calls than the limit allows.

    In the end the budget is as it was: nothing in flight, nobody waiting, the counts right.
    """
    concurrency_max, burst = slots_and_burst
    began: list[float] = []
    in_flight_most = 0
    impatient = 0

    async def main() -> None:
        loop = asyncio.get_running_loop()
        budget = Budget(
            VirtualClock(loop),
            SHARES,
            limit_per_s=limit_per_s,
            concurrency_max=concurrency_max,
            burst=burst,
            rng=random.Random(0),
        )

        async def call(share: str, after_s: float, call_s: float, patience_s: float | None) -> None:
            nonlocal in_flight_most, impatient
            await anyio.sleep(after_s)
            granted = False
            with anyio.move_on_after(patience_s):
                await budget.acquire(share)
                granted = True
            if not granted:
                impatient += 1
                return
            try:
                began.append(loop.time())
                in_flight_most = max(in_flight_most, budget.statistics().in_flight)
                await anyio.sleep(call_s)
            finally:
                budget.release()

        async def answer(after_s: float, what: RateReading | float | None) -> None:
            await anyio.sleep(after_s)
            if isinstance(what, RateReading):
                budget.observe(what)
            else:
                budget.throttled(what)

        with anyio.fail_after(3_600):
            async with anyio.create_task_group() as tasks:
                for each in coming:
                    tasks.start_soon(call, *each)
                for each_said in said:
                    tasks.start_soon(answer, *each_said)
        left = budget.statistics()
        assert left.in_flight == 0
        assert not any(left.waiting.values())
        assert sum(left.granted_total.values()) == len(began)

    anyio.run(main, backend_options={"loop_factory": functools.partial(VirtualLoop, seed)})
    assert len(began) + impatient == len(coming)
    assert in_flight_most <= concurrency_max
    began.sort()
    for number, at in enumerate(began):
        assert bisect_right(began, at + 1.0 - 1e-5) - number <= limit_per_s * 1.01 + burst + 1e-6


@given(
    st.dictionaries(st.sampled_from("abcde"), st.integers(1, 50), min_size=2),
    st.floats(5.0, 100.0),
    st.one_of(st.none(), st.integers(0, 99)),
)
def test_under_saturation_any_shares_hold(shares: dict[str, int], limit_per_s: float, seed: int | None) -> None:
    """Each class that always waits gets its share of the calls within a turn or two, in whatever order tasks run."""
    calls = dict.fromkeys(shares, 0)

    async def main() -> None:
        budget = Budget(
            VirtualClock(asyncio.get_running_loop()), shares, limit_per_s=limit_per_s, concurrency_max=1_000
        )

        async def worker(share: str) -> None:
            while True:
                async with budget.slot(share):
                    calls[share] += 1

        with anyio.move_on_after(300 / limit_per_s):
            async with anyio.create_task_group() as tasks:
                for share in shares:
                    for _ in range(2):
                        tasks.start_soon(worker, share)

    anyio.run(main, backend_options={"loop_factory": functools.partial(VirtualLoop, seed)})
    total = sum(calls.values())
    assert abs(total - 300) <= 2
    for share, weight in shares.items():
        assert abs(calls[share] - total * weight / sum(shares.values())) <= len(shares) + 1


class Limited:
    """A server that allows 10 calls a second and answers 429 with Retry-After 1 to the others: counted in windows of a
    second (`depth` 0), or by a bucket that holds `depth` calls.
    """

    PER_S = 10.0

    def __init__(self, depth: int) -> None:
        self.depth, self.left, self.at = depth, float(depth or self.PER_S), 0.0

    def admits(self, now: float) -> bool:
        if self.depth:
            self.left = min(self.depth, self.left + (now - self.at) * self.PER_S)
        elif int(now) != int(self.at):
            self.left = self.PER_S
        self.at = now
        if self.left < 1.0:
            return False
        self.left -= 1.0
        return True

    def tells(self, now: float) -> RateReading:
        """What headers say, in whole seconds: the answer's Date cut off, the reset rounded up."""
        reset = now + (self.depth - self.left) / self.PER_S if self.depth else int(now) + 1
        return RateReading(limit_per_s=self.PER_S, remaining=int(self.left), reset_after_s=ceil(reset) - int(now))


def used(
    believed: float | None, depth: int, call_s: float, burst: int, seed: int | None, *, tells: bool
) -> tuple[int, int]:
    """How many calls of those that began after half a minute were served, and how many were throttled."""
    served: list[float] = []
    throttled: list[float] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = Limited(depth)
        budget = Budget(
            VirtualClock(loop), SHARES, limit_per_s=believed, concurrency_max=16, burst=burst, rng=random.Random(0)
        )

        async def work(share: str) -> None:
            while True:
                async with budget.slot(share):
                    began = loop.time()
                    admitted, told = server.admits(began), server.tells(began)
                    await anyio.sleep(call_s)
                    if tells:
                        budget.observe(told)
                    if admitted:
                        served.append(began)
                    else:
                        throttled.append(began)
                        budget.throttled(1.0)

        with anyio.move_on_after(120):
            async with anyio.create_task_group() as tasks:
                for share in SHARES:
                    for _ in range(4):
                        tasks.start_soon(work, share)

    anyio.run(main, backend_options={"loop_factory": functools.partial(VirtualLoop, seed)})
    return sum(at > 30.0 for at in served), sum(at > 30.0 for at in throttled)


believed_limits = st.one_of(st.none(), st.floats(10.0, 500.0))
depths = st.sampled_from([0, 1, 4, 10, 20])
seeds = st.one_of(st.none(), st.integers(0, 99))


@given(believed_limits, depths, st.floats(0.01, 0.4), st.integers(1, 4), seeds)
@settings(max_examples=settings().max_examples // 5)
def test_a_limit_that_only_429s_tell_is_used_to_85_percent(
    believed: float | None, depth: int, call_s: float, burst: int, seed: int | None
) -> None:
    """Whatever was believed and however the server counts: after half a minute 8.5 of its 10 calls a second are used,
    and one answer in twenty at most is a 429.
    """
    served, throttled = used(believed, depth, call_s, burst, seed, tells=False)
    assert served >= 0.85 * Limited.PER_S * 90
    assert throttled <= served / 20


@given(believed_limits, depths, st.floats(0.01, 0.4), st.integers(1, 4), seeds)
@settings(max_examples=settings().max_examples // 5)
def test_a_limit_that_headers_tell_is_used_as_much(
    believed: float | None, depth: int, call_s: float, burst: int, seed: int | None
) -> None:
    """Nothing remains at the end of each window of whoever keeps to the limit, and when there is room again is told to
    the second: that is no reason to wait for it.
    """
    served, throttled = used(believed, depth, call_s, burst, seed, tells=True)
    assert served >= 0.85 * Limited.PER_S * 90
    assert throttled <= served / 20
