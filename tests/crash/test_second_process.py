"""Two processes, and orderly ends: the store has one holder, SIGTERM drains, a second SIGTERM hurries."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from flows.demo.orders import generate
from runtime.testing.faults import FaultRule
from tests.crash.world import CREATE, PRODUCTS, Settings, World, opened

pytestmark = pytest.mark.anyio

SEED = 41
DRAIN_S_MAX = 30.0


def _latency(latency_ms: int) -> tuple[FaultRule, ...]:
    return (FaultRule(route=CREATE, kind="latency", probability=1.0, latency_ms=latency_ms),)


async def _under_load(world: World, act: Callable[[], None]) -> tuple[int, float]:
    """Start, do `act` while orders come in and calls are in flight; the exit status, and the seconds until the end.

    The senders go on through the end and a new start, until every order is acknowledged.
    """
    await world.start()
    with anyio.fail_after(45):
        async with anyio.create_task_group() as tasks:

            async def send() -> None:
                await world.send(generate(SEED, 60, products=PRODUCTS), pause_s=0.01, versions=4)

            tasks.start_soon(send)
            await world.calls_in_flight(6)
            began = time.monotonic()
            act()
            status = await world.ended(DRAIN_S_MAX)
            ended_s = time.monotonic() - began
            await world.start()
    return status, ended_s


async def test_a_second_process_is_refused_and_told_who_holds_the_store(tmp_path: Path) -> None:
    """Exit status 75 and the holder's process id; the first process goes on as if nothing had happened."""
    with opened(tmp_path, Settings(seed=SEED)) as world:
        await world.start()
        first, intake_url, ops_url = world.product, world.intake_url, world.ops_url
        assert first is not None
        try:
            world.product = None
            world.launch()
            assert await world.ended() == 75
            assert f"process {first.pid} " in world.log_end()
        finally:
            world.product, world.intake_url, world.ops_url = first, intake_url, ops_url
        await world.send(generate(SEED, 10, products=PRODUCTS))
        await world.rest()
        assert (await world.verdict()).holds


async def test_sigterm_under_load_drains_and_nothing_is_done_again(tmp_path: Path) -> None:
    """Status 0 within 30 s; what was never begun needs no look, what was begun has its outcome on disk."""
    with opened(tmp_path, Settings(seed=SEED, faults=_latency(150))) as world:
        status, ended_s = await _under_load(world, lambda: world.signal(signal.SIGTERM))
        await world.rest()
        verdict, books = await world.verdict(), await world.books()
    assert status == 0
    assert ended_s < DRAIN_S_MAX
    assert verdict.holds, verdict
    assert verdict.looks == books["create_order"]["repeated"] == 0


async def test_sigterm_while_calls_wait_for_the_budget_gives_their_claims_back(tmp_path: Path) -> None:
    """Calls that waited for their turn were certainly not made; the next process begins them without a look."""
    with opened(tmp_path, Settings(seed=SEED, faults=(), requests_per_s=20.0)) as world:
        await world.start()
        await world.send(generate(SEED, 40, products=PRODUCTS))
        world.signal(signal.SIGTERM)
        assert await world.ended(DRAIN_S_MAX) == 0
        assert world.on_disk()[1] > 10, "nothing had to wait for the budget"
        await world.start()
        await world.rest()
        verdict = await world.verdict()
    assert verdict.holds, verdict
    assert verdict.looks == 0


async def test_a_second_sigterm_hurries_and_loses_nothing(tmp_path: Path) -> None:
    """Status 0 long before the calls in flight could end; the next process finds out what became of each of them."""

    def twice() -> None:
        world.signal(signal.SIGTERM)
        while b'"process.draining"' not in world.log_bytes():
            time.sleep(0.002)
        time.sleep(0.05)
        world.signal(signal.SIGTERM)

    with opened(tmp_path, Settings(seed=SEED, faults=_latency(2_500), lost_answer_wait_s=3.0)) as world:
        status, ended_s = await _under_load(world, twice)
        await world.rest(30.0)
        verdict, books = await world.verdict(), await world.books()
    assert status == 0
    assert ended_s < 2.0
    assert verdict.holds, verdict
    assert verdict.looks > 0
    assert books["create_order"]["repeated"] == 0, "a call that was still at work was not given its time"


async def test_a_create_that_outlives_its_process_is_given_its_time(tmp_path: Path) -> None:
    """The process is killed while Fulfil is still at work: the first look waits and finds the sale."""
    with opened(tmp_path, Settings(seed=SEED, faults=_latency(1_500), lost_answer_wait_s=2.0)) as world:
        await world.start()
        await world.send(generate(SEED, 6, products=PRODUCTS))
        await world.calls_in_flight(6)
        world.kill()
        await world.start()
        await world.rest()
        verdict, books = await world.verdict(), await world.books()
    assert verdict.holds, verdict
    assert verdict.looks == 6
    assert books["create_order"]["repeated"] == 0
