"""The tests are tested: every planted defect is caught by a check that a healthy product passes.

Each check returns what it found wrong, in words; empty means nothing. The product that it tries is healthy in the
control run, and carries one defect of `tests.crash.defects` in the other.
"""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from flows.demo.orders import GeneratedOrder, generate
from runtime.testing.faults import FaultRule
from tests.crash.defects import PLANTED
from tests.crash.observer import Verdict
from tests.crash.world import CREATE, PRODUCTS, NotAtRest, Settings, World, next_version, opened

pytestmark = pytest.mark.anyio

SEED = 23
SLOW = FaultRule(route=CREATE, kind="latency", probability=1.0, latency_ms=400)
LOST = FaultRule(route=CREATE, kind="answer_lost", probability=0.5)

Check = Callable[[World, str], Awaitable[str]]


def _orders(how_many: int, **given: Any) -> list[GeneratedOrder]:
    return list(islice(generate(SEED, 100, products=PRODUCTS, **given), how_many))


async def _found(world: World) -> str:
    """What is wrong once the product has come to rest."""
    try:
        await world.rest(4.0)
    except NotAtRest as unrest:
        return str(unrest).splitlines()[0]
    return _wrong(await world.verdict())


def _wrong(verdict: Verdict) -> str:
    figures = msgspec.structs.asdict(verdict)
    return ", ".join(f"{name}: {figures[name]}" for name in ("lost", "doubled", "wrong", "unlooked", "changed")
                     if figures[name])  # fmt: skip


async def _send(world: World, orders: Sequence[GeneratedOrder], **how: Any) -> None:
    """Send until all is acknowledged."""
    with anyio.fail_after(15):
        await world.send(orders, **how)


# -- the checks --------------------------------------------------------------------------------------------------------


async def plain(world: World, defect: str) -> str:
    """Orders come in, nothing dies."""
    await world.start(defect=defect)
    await _send(world, _orders(12))
    return await _found(world)


def dying(point: str, *nths: int) -> Check:
    """Deaths at the point under load, at each of these reachings until something is wrong; after each a restart."""

    async def check(world: World, defect: str) -> str:
        orders = iter(_orders(16 * len(nths)))
        found = ""
        for nth in nths:
            await world.start(die=f"{point}:{nth}", defect=defect)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_send, world, list(islice(orders, 16)))
                assert await world.ended() == -signal.SIGKILL
                await world.start(defect=defect)
            if found := await _found(world):
                break
            world.kill()
        return found

    return check


async def answers_lost(world: World, defect: str) -> str:
    """Every other answer of Fulfil is lost."""
    await world.plague([LOST])
    return await plain(world, defect)


async def two_shops_with_one_id(world: World, defect: str) -> str:
    """Two sales channels use the same order ids."""
    web = _orders(3)
    outlet = [
        msgspec.structs.replace(
            order,
            order_id=twin.order_id,
            body=msgspec.json.encode({**msgspec.json.decode(order.body), "id": int(twin.order_id)}),
        )
        for order, twin in zip(_orders(3, sales_channel="outlet"), web, strict=True)
    ]
    await world.start(defect=defect)
    await _send(world, web + outlet, senders=1)
    return await _found(world)


async def stopping_under_load(world: World, defect: str) -> str:
    """A stop while calls are in flight, then a restart: nothing is done again without a look."""
    await world.plague([SLOW])
    await world.start(defect=defect)
    await _send(world, _orders(6))
    await world.calls_in_flight(6)
    world.signal(signal.SIGTERM)
    status = await world.ended()
    await world.start(defect=defect)
    return await _found(world) or (f"exit status {status}" if status else "")


async def waiting_behind_a_write(world: World, defect: str) -> str:
    """A cancel arrives while the order's sale is being created, and the process dies: the cancel is still heard."""
    await world.plague([SLOW])
    for number, order in enumerate(_orders(3), start=1):
        await world.start(defect=defect)
        await _send(world, [order])
        await world.calls_in_flight(1)
        await world.deliver(next_version(order, cancelled_at="2027-01-01T00:00:00+00:00", cancel_reason="customer"))
        world.kill()
        await world.sales_made(number)
        await world.start(defect=defect)
        if found := await _found(world):
            return found
        if "cancelled_after_import" not in world.facts(order):
            return "the cancel was not heard"
    return ""


async def overtaken(world: World, defect: str) -> str:
    """The store is taken over (its lock was lost): the first process writes nothing more and ends with 75."""
    await world.start(defect=defect)
    first = world.product
    assert first is not None
    world.product = None
    old_intake = world.intake_url
    try:
        await world.start(defect="lock_not_held")
        second, world.product, world.intake_url = world.product, first, old_intake
        with anyio.move_on_after(2.0):
            await world.send(_orders(1))
        status = first.poll()
        world.product = second
        return "" if status == 75 else f"the overtaken process has status {status}"
    finally:
        if first.poll() is None:
            first.kill()
            first.wait()


async def second_process(world: World, defect: str) -> str:
    """A second process on the same store ends with 75 and says who holds it."""
    await world.start()
    first = world.product
    assert first is not None
    world.product = None
    try:
        second = world.launch(defect=defect)
        with anyio.move_on_after(3.0):
            await world.ended()
        refused = second.poll() == 75 and f"process {first.pid} " in world.log_end()
        return "" if refused else f"the second process has status {second.poll()}"
    finally:
        first.kill()
        first.wait()


CAUGHT_BY: dict[str, Check] = {
    "acknowledge_before_commit": dying("intake.before_answer", 6),
    "repeat_without_look": answers_lost,
    "key_without_sales_channel": two_shops_with_one_id,
    "consumed_mark_outside_transaction": dying("step.before_journal@order_importer", 1, 2),
    "outcome_dropped_on_restart": dying("effect.after_call@create_order", 5),
    "float_money": plain,
    "outcome_before_call": dying("effect.before_call@create_order", 4),
    "claims_given_back_in_flight": stopping_under_load,
    "lock_not_held": second_process,
    "epoch_not_checked": overtaken,
    "left_behind_while_blocked": waiting_behind_a_write,
}


@pytest.mark.parametrize("defect", CAUGHT_BY)
@pytest.mark.parametrize("planted", [False, True], ids=["healthy", "planted"])
async def test_the_check_passes_a_healthy_product_and_catches_the_defect(
    tmp_path: Path, defect: str, planted: bool
) -> None:
    """The same check finds nothing without the defect, and finds it with it."""
    with opened(tmp_path, Settings(seed=SEED, faults=())) as world:
        found = await CAUGHT_BY[defect](world, defect if planted else "")
    print(f"{defect}, {'planted' if planted else 'healthy'}: {found or 'nothing found'}")
    assert bool(found) is planted, found


def test_every_planted_defect_has_a_check() -> None:
    """No defect is planted that nobody looks for."""
    assert PLANTED.keys() == CAUGHT_BY.keys()
