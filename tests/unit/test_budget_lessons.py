"""What a budget makes of answers that say little: a stray 429, or that nothing remains of a second."""

from __future__ import annotations

from itertools import pairwise

import anyio
import pytest

from runtime.api import RateReading
from runtime.testing.virtual_time import VirtualLoop
from tests.unit.test_budget import Callers, budget_of, now

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return "asyncio", {"loop_factory": VirtualLoop}


async def test_a_window_of_a_second_that_is_used_up_is_not_waited_for_and_ends_what_was_saved_up() -> None:
    """Whole seconds are too coarse: the next call goes at the pace of the limit, and none of the burst beside it."""
    budget = budget_of(10.0, burst=4)
    await anyio.sleep(60.0)
    await budget.acquire("orders")
    budget.observe(RateReading(limit_per_s=10.0, remaining=0, reset_after_s=2.0))
    assert budget.statistics().paused_s == 0
    began = []
    for _ in range(3):
        await budget.acquire("orders")
        began.append(now() - 60.0)
    assert began == pytest.approx([0.0, 0.1, 0.2], abs=0.02)


async def test_a_single_429_amid_few_calls_costs_seconds_and_not_the_limit() -> None:
    """2,000 calls a second are allowed, five were made, one was refused: the next hundred are made in five seconds."""
    budget = budget_of(2_000.0, concurrency_max=16)
    await Callers(budget, {"orders": 1}, call_s=0.2).run(for_s=1.0)
    budget.throttled(1.0)
    assert budget.statistics().rate_per_s == pytest.approx(0.85 * 5, rel=0.25)
    callers = Callers(budget, {"orders": 16})
    await callers.run(for_s=6.1)
    assert len(callers.began) >= 100
    await anyio.sleep(10.0)
    assert budget.statistics().rate_per_s == 2_000.0


async def test_an_answer_that_says_429_and_that_nothing_remains_teaches_as_much_as_one_that_only_says_429() -> None:
    """Each lesson is a lower rate, also when the same answer's headers have begun a pause already."""
    budget, rates = budget_of(100.0), []
    for _ in range(5):
        await Callers(budget, {"orders": 20}).run(for_s=2.5)
        budget.observe(RateReading(remaining=0, reset_after_s=1.0))
        budget.throttled(1.0)
        rates.append(budget.statistics().rate_per_s or 0.0)
    assert rates[0] == pytest.approx(85.0)
    assert all(later <= 0.9 * before for before, later in pairwise(rates))
