"""The budget of an outside API, in virtual time: pace, shares, slots, learning, and going away while waiting."""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_left
from collections import Counter
from itertools import pairwise

import anyio
import anyio.lowlevel
import pytest

from runtime.api import RateReading
from runtime.budget import Budget
from runtime.testing.virtual_time import VirtualClock, VirtualLoop

pytestmark = pytest.mark.anyio

SHARES = {"orders": 70, "fulfilments": 15, "stock": 10, "rest": 5}


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return "asyncio", {"loop_factory": VirtualLoop}


def now() -> float:
    return asyncio.get_running_loop().time()


def budget_of(limit_per_s: float | None = 10.0, concurrency_max: int = 1_000, burst: int = 1, seed: int = 1) -> Budget:
    clock = VirtualClock(asyncio.get_running_loop())
    return Budget(
        clock,
        SHARES,
        limit_per_s=limit_per_s,
        concurrency_max=concurrency_max,
        burst=burst,
        rng=random.Random(seed),
    )


class Callers:
    """Workers that call without a break, and when each call began."""

    def __init__(self, budget: Budget, workers: dict[str, int], call_s: float = 0.05) -> None:
        self.budget, self.workers, self.call_s = budget, workers, call_s
        self.began: list[float] = []
        self.calls: Counter[str] = Counter()
        self.wait_s_max = dict.fromkeys(workers, 0.0)

    async def run(self, for_s: float) -> None:
        with anyio.move_on_after(for_s):
            async with anyio.create_task_group() as tasks:
                for share, count in self.workers.items():
                    for _ in range(count):
                        tasks.start_soon(self._work, share)
        assert self.budget.statistics().in_flight == 0
        assert not any(self.budget.statistics().waiting.values())

    async def _work(self, share: str) -> None:
        while True:
            asked = now()
            async with self.budget.slot(share):
                self.began.append(now())
                self.calls[share] += 1
                self.wait_s_max[share] = max(self.wait_s_max[share], now() - asked)
                await anyio.sleep(self.call_s)


def most_in_a_second(began: list[float]) -> int:
    """The greatest number of calls that began in any half-open second."""
    began = sorted(began)
    return max(bisect_left(began, at + 1.0 - 1e-5) - number for number, at in enumerate(began))


# -- pace --------------------------------------------------------------------------------------------------------------


async def test_with_a_call_to_spare_nobody_waits_or_even_yields() -> None:
    """The fast path ends without giving the event loop a turn."""
    budget = budget_of()
    with pytest.raises(StopIteration):
        budget.acquire("orders").send(None)
    assert budget.statistics().in_flight == 1


@pytest.mark.parametrize("limit_per_s", [0.5, 2.0, 10.0, 33.3, 200.0])
async def test_calls_are_paced_at_the_limit_and_never_above_it(limit_per_s: float) -> None:
    """Over a long time the limit is used to the full; in no second is it passed by more than 1 % and the burst."""
    callers, for_s = Callers(budget_of(limit_per_s), {"orders": 40}), 30 if limit_per_s > 100 else 100
    await callers.run(for_s)
    assert len(callers.began) == pytest.approx(limit_per_s * for_s, abs=2)
    assert most_in_a_second(callers.began) <= limit_per_s * 1.01 + 1


async def test_an_idle_budget_saves_up_its_burst_and_no_more() -> None:
    """After an hour of silence three calls go at once, and then one per tenth of a second."""
    budget = budget_of(10.0, burst=3)
    await anyio.sleep(3_600)
    began = now()
    offsets = []
    for _ in range(6):
        await budget.acquire("orders")
        offsets.append(round(now() - began, 4))
    assert offsets == [0.0, 0.0, 0.0, 0.1, 0.2, 0.3]


def spend(for_s: float) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.spend(for_s)


async def test_a_caller_that_is_woken_late_does_not_cost_the_rate() -> None:
    """Somebody keeps the event loop busy for some milliseconds now and then: calls come late, and none is lost."""
    callers, dice = Callers(budget_of(100.0), {"orders": 20}), random.Random(3)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(callers.run, 60.0)
        while now() < 59.9:
            await anyio.sleep(dice.uniform(0.0, 0.02))
            spend(dice.uniform(0.0, 0.009))
    assert len(callers.began) == pytest.approx(6_000, abs=5)


async def test_a_loop_that_stalled_is_not_made_up_for_at_the_cost_of_the_limit() -> None:
    """After a second without a turn no more than 1 % of a second's calls come early."""
    callers = Callers(budget_of(200.0), {"orders": 100})
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(callers.run, 10.0)
        for _ in range(8):
            await anyio.sleep(1)
            spend(0.2)
    assert most_in_a_second(callers.began) <= 200 * 1.01 + 1


async def test_never_more_calls_than_slots_are_in_flight() -> None:
    """Without a limit of the rate the slots alone decide."""
    callers = Callers(budget_of(None, concurrency_max=4), {"orders": 10, "rest": 10}, call_s=1.0)
    await callers.run(for_s=50.5)
    assert len(callers.began) == 4 * 51
    assert max(Counter(callers.began).values()) == 4


async def test_a_slot_that_becomes_free_is_used_when_the_rate_allows() -> None:
    """The one that waits for a slot notices that it has to wait for time as well."""
    budget = budget_of(limit_per_s=0.1, concurrency_max=1)
    await budget.acquire("orders")
    began: list[float] = []

    async def second() -> None:
        async with budget.slot("rest"):
            began.append(now())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(second)
        await anyio.sleep(2)
        budget.release()
    assert began == [pytest.approx(10.0)]


async def test_a_call_that_fails_gives_its_slot_back() -> None:
    """However the block ends."""
    budget = budget_of(None, concurrency_max=1)
    for _ in range(3):
        with pytest.raises(OSError, match="reset"):
            async with budget.slot("orders"):
                raise OSError("reset")
    assert budget.statistics().in_flight == 0


async def test_misuse_is_an_error() -> None:
    """A release too many, an unknown share, or numbers that allow no call."""
    budget = budget_of()
    with pytest.raises(RuntimeError, match="never acquired"):
        budget.release()
    with pytest.raises(KeyError, match="gifts"):
        await budget.acquire("gifts")
    await budget.acquire("orders")
    with pytest.raises(KeyError, match="gifts"):
        await budget.acquire("gifts")
    assert budget.statistics().in_flight == 1
    for wrong in ({"concurrency_max": 0}, {"burst": 0}, {"limit_per_s": 0.0}):
        with pytest.raises(ValueError, match="a budget needs"):
            budget_of(**wrong)


# -- shares ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("concurrency_max", [8, 1_000])
async def test_under_saturation_the_shares_hold_within_two_per_cent(concurrency_max: int) -> None:
    """70, 15, 10 and 5 of a hundred, whether the rate or both the rate and the slots are short."""
    callers = Callers(budget_of(20.0, concurrency_max), dict.fromkeys(SHARES, 20), call_s=0.3)
    await callers.run(for_s=200)
    total = sum(callers.calls.values())
    assert total == pytest.approx(4_000, rel=0.01)
    for share, weight in SHARES.items():
        assert abs(callers.calls[share] / total - weight / 100) < 0.02


async def test_nothing_starves() -> None:
    """With forty callers for orders, the single caller of the last share never waits for more than twenty calls."""
    callers = Callers(budget_of(10.0), {"orders": 40, "fulfilments": 40, "stock": 40, "rest": 1}, call_s=0.01)
    await callers.run(for_s=200)
    assert callers.wait_s_max["rest"] <= 2.1
    assert callers.calls["rest"] == pytest.approx(100, abs=5)


async def test_an_unused_share_flows_to_the_others() -> None:
    """Alone, the least share gets the whole limit; two of them divide it by their weights."""
    alone = Callers(budget_of(10.0), {"rest": 5})
    await alone.run(for_s=100)
    assert alone.calls["rest"] == pytest.approx(1_000, abs=2)
    both = Callers(budget_of(10.0), {"stock": 10, "rest": 10})
    await both.run(for_s=300)
    assert both.calls["stock"] == pytest.approx(2_000, abs=40)
    assert both.calls["rest"] == pytest.approx(1_000, abs=40)


async def test_a_call_that_did_not_wait_is_paid_for_too() -> None:
    """Of two equal shares the one that was just served yields to the other."""
    budget = Budget(VirtualClock(asyncio.get_running_loop()), {"a": 1, "b": 1}, limit_per_s=10.0, concurrency_max=9)
    await budget.acquire("a")
    began: list[str] = []

    async def caller(share: str) -> None:
        async with budget.slot(share):
            began.append(share)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(caller, "a")
        await anyio.lowlevel.checkpoint()
        tasks.start_soon(caller, "b")
    assert began == ["b", "a"]


async def test_nobody_overtakes_those_who_wait() -> None:
    """A caller that comes when a call has just become due, and nobody was woken yet, queues behind the first."""
    budget = budget_of(10.0)
    await budget.acquire("orders")
    began: list[str] = []

    async def caller(name: str) -> None:
        async with budget.slot("orders"):
            began.append(name)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(caller, "first")
        await anyio.sleep(0.01)
        spend(0.5)
        await caller("second")
    assert began == ["first", "second"]


async def test_orders_do_not_wait_behind_a_backlog_of_the_rest() -> None:
    """A hundred sweeps are queued; an order that comes now is next."""
    budget = budget_of(10.0)

    async def sweep() -> None:
        async with budget.slot("rest"):
            pass

    async with anyio.create_task_group() as tasks:
        for _ in range(100):
            tasks.start_soon(sweep)
        await anyio.sleep(3.01)
        asked = now()
        async with budget.slot("orders"):
            assert now() - asked <= 0.1 + 1e-6
        tasks.cancel_scope.cancel()


# -- learning ----------------------------------------------------------------------------------------------------------


async def test_the_limit_is_learned_from_answers() -> None:
    """Lower or higher than what was known, it holds from then on; also for those who wait already."""
    budget = budget_of(0.01)
    callers = Callers(budget, {"orders": 20})
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(callers.run, 60.0)
        await anyio.sleep(10)
        assert len(callers.began) == 1
        budget.observe(RateReading(limit_per_s=20.0))
        await anyio.sleep(10)
        assert len(callers.began) == pytest.approx(201, abs=2)
        budget.observe(RateReading(limit_per_s=2.0))
        await anyio.sleep(10)
        assert len(callers.began) == pytest.approx(221, abs=2)
        budget.observe(RateReading())
        budget.observe(RateReading(limit_per_s=0.0))
        assert budget.statistics().limit_per_s == 2.0


async def test_when_nothing_remains_it_waits_for_the_reset() -> None:
    """The API's own window counts other clients as well."""
    budget = budget_of(10.0)
    await budget.acquire("orders")
    budget.observe(RateReading(limit_per_s=10.0, remaining=0, reset_after_s=7.5))
    assert budget.statistics().paused_s == 7.5
    await budget.acquire("orders")
    assert now() == pytest.approx(7.5)
    budget.observe(RateReading(remaining=3, reset_after_s=100.0))
    await budget.acquire("orders")
    assert now() == pytest.approx(7.6)
    budget.observe(RateReading(remaining=0))
    await budget.acquire("orders")
    assert now() == pytest.approx(8.6), "a second, when nobody says how long"


async def test_being_throttled_pauses_and_the_rate_comes_back_almost_to_the_limit_before_it_tries_it() -> None:
    """Nothing goes before Retry-After is over; then 8.5/s, 9.7/s from a quarter of a minute on, and 10/s in the end."""
    budget = budget_of(10.0)
    callers = Callers(budget, {"orders": 20})
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(callers.run, 100.0)
        await anyio.sleep(10.01)
        before = len(callers.began)
        budget.throttled(4.0)
        await anyio.sleep(3.9)
        assert len(callers.began) == before
        assert budget.statistics().rate_per_s == 8.5
        await anyio.sleep(5.5)
        early = len(callers.began) - before
        assert 40 <= early <= 52, "about 9/s, growing"
        await anyio.sleep(11.0)
        assert budget.statistics().rate_per_s == pytest.approx(9.7)
        await anyio.sleep(25.0)
        assert budget.statistics().rate_per_s == 10.0
        assert budget.statistics().throttled_total == 1
        recovered = len(callers.began)
        await anyio.sleep(20.0)
        assert len(callers.began) - recovered == pytest.approx(200, abs=2)
    assert most_in_a_second(callers.began) <= 11


async def test_many_throttled_answers_of_one_moment_are_one_lesson() -> None:
    """Eight calls in flight, eight answers: slower once, and the longest pause asked for."""
    budget = budget_of(10.0)
    for asked_s in (2.0, 5.0, 3.0, None, 1.0, 4.0, 5.0, 2.0):
        budget.throttled(asked_s)
    assert budget.statistics().rate_per_s == 8.5
    assert 5.0 <= budget.statistics().paused_s <= 5.5


async def test_without_retry_after_pauses_double_while_nothing_goes_well_and_start_small_again() -> None:
    """1, 2, 4 ... 60 seconds with a little jitter, at ever less than the rate; after some quiet, 1 again."""
    budget, pauses = budget_of(10.0), []
    for _ in range(9):
        budget.throttled(None)
        pauses.append(budget.statistics().paused_s)
        await anyio.sleep(pauses[-1] + 0.1)
    for pause_s, base_s in zip(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60], strict=True):
        assert base_s <= pause_s <= base_s * 1.1
    assert (
        len({pause_s / base_s for pause_s, base_s in zip(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60], strict=True)}) == 9
    )
    assert 0.5 <= (budget.statistics().rate_per_s or 0.0) < 0.8, "never below a twentieth, so that it can grow back"
    await anyio.sleep(600)
    assert budget.statistics().rate_per_s == 10.0
    budget.throttled(None)
    assert budget.statistics().paused_s <= 1.1


async def test_a_pause_does_not_double_when_calls_went_well_in_between() -> None:
    """Being throttled now and then by a limit that is not known is no storm."""
    budget = budget_of(None)
    for _ in range(4):
        for _ in range(5):
            async with budget.slot("orders"):
                await anyio.sleep(0.05)
        async with budget.slot("orders"):
            budget.throttled(None)
        assert budget.statistics().paused_s <= 1.1


async def test_no_burst_follows_a_pause() -> None:
    """What was saved up before is not spent on a server that has just said that it is too much."""
    budget = budget_of(10.0, burst=4)
    callers = Callers(budget, {"orders": 10})
    budget.throttled(30.0)
    await callers.run(for_s=35)
    assert min(later - earlier for earlier, later in pairwise(callers.began)) > 0.09


async def test_an_absurd_retry_after_is_bounded() -> None:
    """A year is taken for an hour (and its jitter), so that a broken header does not end the work."""
    budget = budget_of(10.0)
    budget.throttled(31_536_000.0)
    assert 3_600 <= budget.statistics().paused_s <= 3_960
    budget.observe(RateReading(remaining=0, reset_after_s=1e12))
    assert budget.statistics().paused_s <= 3_960


async def test_without_a_known_limit_the_rate_is_learned_from_being_throttled() -> None:
    """A little less than was called in the last second; then more again, until it is too much."""
    budget = budget_of(None)
    callers = Callers(budget, {"orders": 10}, call_s=0.25)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(callers.run, 10.0)
        await anyio.sleep(5.1)
        budget.throttled(1.0)
        assert budget.statistics().rate_per_s == pytest.approx(0.85 * 40, rel=0.05)
        assert budget.statistics().limit_per_s is None


async def test_a_limit_that_was_believed_far_too_high_is_corrected_by_what_was_really_called() -> None:
    """200 calls a second are thought to be allowed, and 16 are made: it goes on from 16, not from 200."""
    budget = budget_of(200.0, concurrency_max=16)
    callers = Callers(budget, {"orders": 16}, call_s=5.0)
    await callers.run(for_s=0.5)
    budget.throttled(1.0)
    assert budget.statistics().rate_per_s == pytest.approx(0.85 * 16, rel=0.05)


async def test_a_limit_that_is_learned_while_the_rate_recovers_is_never_passed() -> None:
    """An answer says 5/s a moment after 10/s was throttled."""
    budget = budget_of(10.0)
    budget.throttled(1.0)
    budget.observe(RateReading(limit_per_s=5.0))
    for _ in range(60):
        await anyio.sleep(1.0)
        assert (budget.statistics().rate_per_s or 0.0) <= 5.0
    assert budget.statistics().rate_per_s == 5.0


class Throttling:
    """An API with a fixed window of one second: more than `limit` calls in it are throttled. In a storm, all are."""

    def __init__(
        self, budget: Budget, limit: int, storms: list[tuple[float, float]], retry_after_s: float | None
    ) -> None:
        self.budget, self.limit, self.storms, self.retry_after_s = budget, limit, storms, retry_after_s
        self.served: list[float] = []
        self.throttled: list[float] = []
        self._window, self._count = -1, 0

    async def call(self) -> None:
        at = now()
        window = int(at)
        if window != self._window:
            self._window, self._count = window, 0
        self._count += 1
        refused = self._count > self.limit or any(begin <= at < end for begin, end in self.storms)
        await anyio.sleep(0.08)
        if refused:
            self.throttled.append(at)
            self.budget.throttled(self.retry_after_s)
        else:
            self.served.append(at)


@pytest.mark.parametrize("retry_after_s", [None, 5.0])
async def test_a_throttle_storm_is_met_with_few_calls_and_recovered_from(retry_after_s: float | None) -> None:
    """An hour at 2/s with storms of minutes: never above the limit, few calls wasted, everybody served, jitter seen."""
    storms = [(300.0, 420.0), (1_000.0, 1_010.0), (1_500.0, 2_100.0), (3_000.0, 3_001.0)]
    budget = budget_of(2.0)
    api = Throttling(budget, 2, storms, retry_after_s)
    served: Counter[str] = Counter()

    async def worker(share: str) -> None:
        while True:
            async with budget.slot(share):
                before = len(api.served)
                await api.call()
                served[share] += len(api.served) > before

    with anyio.move_on_after(3_600):
        async with anyio.create_task_group() as tasks:
            for share in SHARES:
                for _ in range(5):
                    tasks.start_soon(worker, share)
    assert most_in_a_second(api.served + api.throttled) <= 2 * 1.01 + 1
    stormy_s = sum(end - begin for begin, end in storms)
    assert len(api.served) > 2 * (3_600 - stormy_s) * 0.85
    assert len(api.throttled) < (60 if retry_after_s is None else 260)
    for share, weight in SHARES.items():
        assert served[share] / len(api.served) == pytest.approx(weight / 100, abs=0.02)
    pauses = [round(later - earlier, 2) for earlier, later in pairwise(api.throttled)]
    assert len(set(pauses)) > len(pauses) / 3, "jitter"


# -- going away --------------------------------------------------------------------------------------------------------


async def test_callers_that_go_away_while_waiting_leave_nothing_behind() -> None:
    """No place in the queue, no slot, no call from the rate: those who stay are served as if they had been alone."""
    budget = budget_of(10.0)
    await budget.acquire("orders")

    async def impatient(patience_s: float) -> None:
        with anyio.move_on_after(patience_s):
            async with budget.slot("orders"):
                pass

    began: list[float] = []

    async def patient() -> None:
        async with budget.slot("rest"):
            began.append(now())

    async with anyio.create_task_group() as tasks:
        for number in range(50):
            tasks.start_soon(impatient, 0.001 + number / 1_000)
        tasks.start_soon(patient)
    assert began == [pytest.approx(0.1)]
    statistics = budget.statistics()
    assert statistics.in_flight == 1
    assert not any(statistics.waiting.values())
    assert statistics.granted_total == {"orders": 1, "fulfilments": 0, "stock": 0, "rest": 1}


async def test_a_timekeeper_that_goes_away_hands_its_duty_on() -> None:
    """The first to wait keeps the time; when it is cancelled, the second wakes at the right moment."""
    budget = budget_of(0.1)
    await budget.acquire("orders")
    began: list[float] = []

    async def second() -> None:
        async with budget.slot("rest"):
            began.append(now())

    async with anyio.create_task_group() as tasks:
        with anyio.move_on_after(5):
            async with anyio.create_task_group() as first:
                first.start_soon(budget.acquire, "rest")
                await anyio.sleep(1)
                tasks.start_soon(second)
    assert began == [pytest.approx(10.0)]


@pytest.mark.parametrize("cancelled_first", [True, False])
async def test_a_grant_that_meets_a_cancellation_is_not_lost(cancelled_first: bool) -> None:
    """Granted and cancelled in the same turn: slot and call come to the next caller, at once if it did not begin."""
    budget = budget_of(limit_per_s=0.1, concurrency_max=1)
    await budget.acquire("orders")
    began: list[str] = []

    async def caller(name: str, scope: anyio.CancelScope) -> None:
        with scope:
            async with budget.slot("rest"):
                began.append(name)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            doomed = anyio.CancelScope()
            tasks.start_soon(caller, "doomed", doomed)
            await anyio.sleep(1)
            tasks.start_soon(caller, "next", anyio.CancelScope())
            await anyio.sleep(19)
            for end in (doomed.cancel, budget.release) if cancelled_first else (budget.release, doomed.cancel):
                end()
    assert began == (["next"] if cancelled_first else ["doomed", "next"])
    assert now() == pytest.approx(20.0 if cancelled_first else 30.0, abs=0.02)
    assert budget.statistics().in_flight == 0
    assert budget.statistics().granted_total["rest"] == len(began)


async def test_it_can_be_looked_at() -> None:
    """What is known, what is used, who waits, what is in flight and how long it pauses."""
    budget = budget_of(10.0, concurrency_max=1)
    await budget.acquire("orders")
    async with anyio.create_task_group() as tasks:
        for share in ("orders", "orders", "stock"):
            tasks.start_soon(budget.acquire, share)
        await anyio.sleep(1)
        seen = budget.statistics()
        assert seen.waiting == {"orders": 2, "fulfilments": 0, "stock": 1, "rest": 0}
        assert (seen.limit_per_s, seen.rate_per_s, seen.in_flight, seen.paused_s) == (10.0, 10.0, 1, 0.0)
        tasks.cancel_scope.cancel()
