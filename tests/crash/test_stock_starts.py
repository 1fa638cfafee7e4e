"""The real product is killed around starts of the flow that takes stock levels: none is repeated without a look, and no
level is lost.
"""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from connectors.patchworks.sandbox import (
    Batch,
    FlowSeed,
    Limits,
    ProductSeed,
    SalesChannelSeed,
    SandboxConfig,
    Send,
    open_sandbox,
)
from flows.demo.orders import catalogue
from tests.crash.starts import PATCHWORKS, batches, begun_and_not_recorded, die, play
from tests.crash.world import KEY, PRODUCTS, Settings, World, opened

pytestmark = pytest.mark.anyio

SEED = 23
SKUS = [product.sku for product in catalogue(SEED, PRODUCTS)][:5]
_DEATHS = [
    "effect.after_call@start_flow:1",
    "outcome.before_journal@start_flow:1",
    "step.before_journal@flow_starts:2",
    "effect.before_call@start_flow:1",
    "effect.after_call@start_flow:1",
]
"""From the read of the levels until the record of the start that took them."""
_STOCK = """\
[sales_channels.web.stock]
locations = [4]
[sales_channels.web.stock.flow]
flow_id = "4511"
[sales_channels.web.stock.flow.starts]
company_s = 0.05
"""


def hub_config() -> SandboxConfig:
    """A hub with one flow, which sets levels at the one sales channel."""
    flow = FlowSeed(id=4511, sales_channel="web", batch=Batch(path="levels", size=100), send=Send(to="stock"))
    goods = tuple(ProductSeed(sku=sku) for sku in SKUS)
    return SandboxConfig(
        port=0,
        api_keys=(KEY,),
        flows=(flow,),
        sales_channels=(SalesChannelSeed(name="web", products=goods),),
        limits=Limits(api_per_min=0),
    )


async def count(world: World, quantity: int) -> None:
    """Somebody counts every product in the warehouse."""
    await play(world, *({"event": "count", "sku": sku, "quantity": quantity} for sku in SKUS))


@pytest.mark.timeout(180)
async def test_a_death_between_a_start_and_its_record_repeats_and_loses_nothing(tmp_path: Path) -> None:
    """Five deaths on one store, new levels before each; some of them hit exactly there."""
    async with open_sandbox(hub_config()) as hub:
        settings = Settings(seed=SEED, faults=(), more=PATCHWORKS.format(url=hub.url) + _STOCK)
        between, quantity = 0, 10
        with opened(tmp_path, settings) as world:
            for point in _DEATHS:
                quantity += 1
                await count(world, quantity)
                await die(world, point)
                between += begun_and_not_recorded(world, hub)
            assert await world.start()
            stock = hub.sandbox.channels["web"].stock
            with anyio.fail_after(30):
                while {stock.figure(sku, "MAIN") for sku in SKUS} != {quantity}:
                    await anyio.sleep(0.05)
            await world.rest()
        received = hub.sandbox.channels["web"].receipts.statement(full=False)["stock"]
        assert set(batches(hub).values()) == {1}, "each start has begun one run"
        assert received.get("repeated", 0) == 0, "no level arrived twice"
        assert between > 0, "no death came between a start and its record"
