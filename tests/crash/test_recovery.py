"""The real product is killed while it recovers failed runs of Patchworks: no order is lost, and none becomes two sales.

Patchworks' sandbox lives in the test and outlives every kill; Fulfil's books are the judge.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import anyio
import msgspec
import pytest

from connectors.patchworks.sandbox import (
    FlowSeed,
    Limits,
    ProductSeed,
    RunningSandbox,
    SalesChannelSeed,
    SandboxConfig,
    Send,
    open_sandbox,
)
from flows.demo.orders import catalogue
from tests.crash.starts import die
from tests.crash.world import KEY, PRODUCTS, Settings, World, opened

pytestmark = pytest.mark.anyio

SEED = 17
_PER_LIFE = 2
_DEATHS = [
    "step.before_journal@order_importer:1",
    "step.before_journal@run_recovery:3",
    "effect.before_call@create_order:1",
    "step.after_journal@order_importer:1",
    "step.before_journal@order_importer:2",
]
"""From the end of a sweep's lists until the orders it found are sales."""
_PATCHWORKS = """\
[patchworks]
token = "env:SEAMLINE_CRASH_KEY"
core_url = "{url}/core/api/v1"
start_url = "{url}/start/api/v1"
calls_per_min = 60000.0
[recovery]
settle_s = 0.0
[recovery.flows]
4310 = "web"
"""


def hub_config() -> SandboxConfig:
    """A hub whose deliveries reach nobody: every run fails."""
    goods = tuple(ProductSeed(sku=product.sku) for product in list(catalogue(SEED, PRODUCTS))[:5])
    flow = FlowSeed(id=4310, sales_channel="web", source="order_events", send=Send(retries=0))
    return SandboxConfig(
        port=0,
        api_keys=(KEY,),
        flows=(flow,),
        sales_channels=(SalesChannelSeed(name="web", products=goods),),
        limits=Limits(api_per_min=0),
    )


async def place(hub: RunningSandbox) -> dict[str, str]:
    """Some orders whose runs fail: run id -> order id."""
    books, channel = hub.sandbox.books, hub.sandbox.channels["web"]
    known, orders = (
        set(books.runs),
        [str(channel.place([], payment="paid", announce=True).id) for _ in range(_PER_LIFE)],
    )
    await hub.sandbox.engine.settled()
    return dict(zip((run for run in books.runs if run not in known), orders, strict=True))


def accepted_and_not_decided(world: World, placed: dict[str, str]) -> int:
    """Orders that are on disk although the run that brought them is not done."""
    stored = {key for (key,) in world.read("SELECT key FROM delivery")}
    states = world.read("SELECT key, body FROM state WHERE actor = 'run_recovery'")
    ended = {key for key, body in states if msgspec.json.decode(body).get("ended")}
    return sum(f"web/{order}" in stored and f"patchworks/run/{run}" not in ended for run, order in placed.items())


@pytest.mark.timeout(120)
async def test_a_death_between_the_accept_of_a_payload_and_its_decision_doubles_nothing(tmp_path: Path) -> None:
    """Five deaths on one store, two more failed runs before each; some of them hit exactly there."""
    async with open_sandbox(hub_config()) as hub:
        placed: dict[str, str] = {}
        between = 0
        settings = Settings(seed=SEED, faults=(), more=_PATCHWORKS.format(url=hub.url))
        with opened(tmp_path, settings) as world:
            for point in _DEATHS:
                placed |= await place(hub)
                await die(world, point)
                between += accepted_and_not_decided(world, placed)
            with anyio.fail_after(60):
                while len((await world.books())["sales"]) < len(placed):
                    assert await world.start()  # goes on with the sweep that was cut off; the next start begins one
                    with anyio.move_on_after(5):
                        await world.sales_made(len(placed))
            await world.rest()
            books = await world.books()
        sales = Counter(sale["channel_identifier"] for sale in books["sales"])
        assert sales == Counter(placed.values()), "each order once, none else"
        assert books["create_order"]["repeated_without_look"] == 0
        assert between > 0, "no death came between an accept and its decision"
