"""The real product is killed at random moments under load, on a bad day at Fulfil; nothing is lost, nothing doubled.

`SEAMLINE_CRASH_RUNS=N` kills N times (default: a few). The seed is printed; `SEAMLINE_CRASH_SEED` repeats the orders,
the faults and the moments drawn (not the machine's own timing).
"""

from __future__ import annotations

import os
import random
import secrets
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from flows.demo.orders import GeneratedOrder, Mix, generate
from tests.crash.observer import Verdict
from tests.crash.world import PRODUCTS, Settings, World, opened, recovered_in_time, runs

pytestmark = pytest.mark.anyio

QUICK = 5
_ORDERS_PER_KILL_MAX = 400
_LOAD_S_MAX = 0.25
_START_S = 0.8
"""About how long a start takes: a kill during it falls anywhere in this time."""
_KILLS_AT_START = 0.2
THROTTLED_S = 90.0
"""How long nothing may get less: two calls that are throttled one after the other just after a start make all others
slow, for half a minute and more, and those that were on their way at the kill are looked up first.
"""


class _Supply:
    """Orders until somebody says that it is enough."""

    def __init__(self, seed: int, count: int) -> None:
        self.enough = False
        self._orders = generate(seed, count, products=PRODUCTS, mix=Mix(unknown_sku=0.03, discounted=0.3))

    def __iter__(self) -> Iterator[GeneratedOrder]:
        for order in self._orders:
            if self.enough:
                return
            yield order


async def _kill_often(world: World, kills: int, moments: random.Random) -> None:
    """Kill while orders come in, or while the product is still starting."""
    for _ in range(kills):
        if moments.random() < _KILLS_AT_START:
            world.launch()
            await anyio.sleep(moments.uniform(0, _START_S))
        else:
            await world.start()
            await anyio.sleep(moments.uniform(0, _LOAD_S_MAX))
        world.kill()


def _summary(world: World, verdict: Verdict, seed: int, kills_s: float) -> str:
    times = sorted(world.recoveries_s)
    quantiles = statistics.quantiles(times, n=100, method="inclusive")
    return (
        f"\nseed {seed}: kills {world.kills} ({world.kills / kills_s:.2f}/s), acknowledged {verdict.acknowledged}, "
        f"lost {len(verdict.lost)}, doubled {len(verdict.doubled)}, repeated without a look {verdict.unlooked}, "
        f"lookups {verdict.looks}, recovery p50 {quantiles[49]:.2f} s, p99 {quantiles[98]:.2f} s, max {times[-1]:.2f} s"
    )


@pytest.mark.timeout(3_600)
async def test_kills_at_random_moments_lose_nothing_and_double_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever a sender was told is stored becomes one right sale, however often and whenever the process dies."""
    kills = runs(QUICK)
    seed = int(os.environ.get("SEAMLINE_CRASH_SEED", secrets.randbelow(1_000_000)))
    supply = _Supply(seed, kills * _ORDERS_PER_KILL_MAX)
    with opened(tmp_path, Settings(seed=seed, imports=True)) as world:
        async with anyio.create_task_group() as tasks:

            async def send() -> None:
                await world.send(supply, senders=6, pause_s=0.003, versions=5)

            tasks.start_soon(send)
            began = time.monotonic()
            await _kill_often(world, kills, random.Random(seed))
            kills_s = time.monotonic() - began
            supply.enough = True
            await world.start()
        await world.rest(THROTTLED_S)
        verdict = await world.verdict()
    with capsys.disabled():
        print(_summary(world, verdict, seed, kills_s))
    assert verdict.holds, (seed, verdict)
    assert verdict.acknowledged, "the load did not reach the product"
    assert recovered_in_time(world.recoveries_s)
