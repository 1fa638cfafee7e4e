"""The real product is killed around starts of the flow that tells of shipments: none is repeated without a look, and no
shipment is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from connectors.patchworks.sandbox import (
    Batch,
    FlowSeed,
    Limits,
    RunningSandbox,
    SalesChannelSeed,
    SandboxConfig,
    Send,
    open_sandbox,
)
from flows.demo.orders import catalogue, generate
from runtime.testing.faults import FaultRule
from tests.crash.starts import PATCHWORKS, batches, begun_and_not_recorded, play
from tests.crash.world import KEY, PRODUCTS, Settings, World, opened

pytestmark = pytest.mark.anyio

SEED = 29
_LOST = FaultRule(route="start/raw", kind="answer_lost", probability=1)
_DEATHS: Sequence[Sequence[FaultRule]] = ((), (_LOST,))
"""How Patchworks misbehaves before each death: the start is answered, or its answer is lost, and it is looked for."""
_TOLD = """\
[sales_channels.web.fulfilments]
carriers = { "" = "Other" }
[sales_channels.web.fulfilments.flow]
flow_id = "4331"
[sales_channels.web.fulfilments.flow.starts]
company_s = 0.05
"""


def hub_config() -> SandboxConfig:
    """A hub with one flow, which takes fulfilments to a sales channel that counts them, known or not."""
    flow = FlowSeed(
        id=4331, sales_channel="web", catch="succeed", batch=Batch(path="fulfilments"),
        send=Send(to="fulfilments", retries=0),
    )  # fmt: skip
    web = SalesChannelSeed(name="web")
    return SandboxConfig(
        port=0, api_keys=(KEY,), flows=(flow,), sales_channels=(web,), limits=Limits(api_per_min=0)
    )  # fmt: skip


async def killed_at_a_start(world: World, hub: RunningSandbox, before: int) -> None:
    """Kill the product in the moment in which one more run has begun than `before`: its answer is on the way."""
    with anyio.fail_after(20):
        while len(hub.sandbox.books.runs) <= before:
            await anyio.lowlevel.checkpoint()
    world.kill()


@pytest.mark.timeout(180)
async def test_a_death_between_a_start_and_its_record_repeats_and_loses_no_shipment(
    tmp_path: Path,
) -> None:
    """A shipment before each death, and one before the last life."""
    async with open_sandbox(hub_config()) as hub:
        often = "fulfilments_every_s = 0.2"
        settings = Settings(seed=SEED, faults=(), fulfil=often, more=PATCHWORKS.format(url=hub.url) + _TOLD)
        receipts = hub.sandbox.channels["web"].receipts
        between = 0
        with opened(tmp_path, settings) as world:
            goods = [product.sku for product in catalogue(SEED, PRODUCTS)]
            await play(world, *({"event": "count", "sku": sku, "quantity": 100} for sku in goods))
            assert await world.start()
            orders = list(generate(SEED, len(_DEATHS) + 1, sales_channel="web", products=PRODUCTS))
            await world.send(orders)
            await world.rest()
            for order, faults in zip(orders, _DEATHS, strict=False):
                hub.sandbox.plan.replace(faults)
                await play(world, _shipped(order.order_id))
                await killed_at_a_start(world, hub, len(hub.sandbox.books.runs))
                between += begun_and_not_recorded(world, hub)
                assert await world.start()
            hub.sandbox.plan.replace(())
            await play(world, _shipped(orders[-1].order_id))
            with anyio.fail_after(30):
                while len(receipts.notice_keys) < len(orders):
                    await anyio.sleep(0.05)
            await world.rest()
        assert set(batches(hub).values()) == {1}, "each start has begun one run"
        assert set(receipts.notice_keys.values()) == {1}, "no shipment was told twice"
        assert between > 0, "no death came between a start and its record"


def _shipped(order_id: str) -> dict[str, Any]:
    return {"event": "ship", "order": order_id, "parcels": [{"tracking_number": f"T{order_id}"}]}
