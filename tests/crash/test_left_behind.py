"""What waits on disk is come back to without a restart: behind a write in flight, a full window, or a pause."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from flows.demo.orders import generate
from runtime.testing.faults import FaultRule
from tests.crash.world import CREATE, PRODUCTS, Settings, opened

pytestmark = pytest.mark.anyio

SEED = 53
_HEARD = {"unchanged", "stale"}
"""What the timeline says of a second version with nothing new in it, or of the first when it came last."""
SLOW = (
    FaultRule(route=CREATE, kind="latency", probability=1.0, latency_ms=60),
    FaultRule(route=CREATE, kind="answer_lost", probability=0.05),
)


async def test_versions_beyond_a_full_window_are_decided_in_the_end(tmp_path: Path) -> None:
    """Every order is followed by a second version while its sale is being created, and memory holds only a few."""
    with opened(tmp_path, Settings(seed=SEED, faults=SLOW, window=4)) as world:
        await world.start()
        with anyio.fail_after(20):
            await world.send(generate(SEED, 80, products=PRODUCTS), versions=1)
        await world.rest()
        verdict = await world.verdict()
        heard = [world.facts(order) for order in world.acknowledged.values()]
    assert verdict.holds, verdict
    assert all(_HEARD.intersection(facts) for facts in heard)


async def test_a_pause_under_load_leaves_nothing_behind_and_repeats_nothing(tmp_path: Path) -> None:
    """A sales channel is paused and resumed again and again while its calls are in flight and versions come in."""
    with opened(tmp_path, Settings(seed=SEED, faults=SLOW)) as world:
        await world.start()
        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:

                async def send() -> None:
                    await world.send(generate(SEED, 150, products=PRODUCTS), versions=1)

                tasks.start_soon(send)
                for _ in range(60):
                    await world.control("pause", name="web")
                    await world.control("resume", name="web")
        await world.rest()
        verdict = await world.verdict()
        heard = [world.facts(order) for order in world.acknowledged.values()]
    assert verdict.holds, verdict
    assert all(_HEARD.intersection(facts) for facts in heard)
    assert all(facts.count("created") == 1 for facts in heard)
