"""The real product is killed around starts of the flow that takes stock levels: none is repeated without a look, and no
level is lost.

Patchworks' sandbox lives in the test and outlives every kill; what its sales channel received is the judge.
"""

from __future__ import annotations

import contextlib
import signal
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import msgspec
import pytest

from connectors.patchworks.sandbox import (
    Batch,
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
[patchworks]
token = "env:SEAMLINE_CRASH_KEY"
core_url = "{url}/core/api/v1"
start_url = "{url}/start/api/v1"
calls_per_min = 60000.0
start_settle_s = 0.3
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
    async with aiohttp.ClientSession() as session:
        for sku in SKUS:
            wish = msgspec.json.encode({"event": "count", "sku": sku, "quantity": quantity})
            async with session.post(f"{world.sandbox_url}/sandbox/play", data=wish) as answer:
                assert answer.status == 200, await answer.text()


async def die(world: World, point: str) -> None:
    """One life of the product, until it reaches the point."""
    if await world.start(die=point):
        assert await world.ended() == -signal.SIGKILL


def batches(hub: RunningSandbox) -> Counter[str]:
    """How many runs have begun with each batch."""
    books = hub.sandbox.books
    first = {run.payload_ids[0] for run in books.runs.values() if run.payload_ids}
    rows = [books.payloads[id_] for id_ in first if id_ in books.payloads]
    return Counter(_batch_of(row.item) for row in rows)


def _batch_of(item: Any) -> str:
    body = item.body if hasattr(item, "body") else item
    decoded = msgspec.json.decode(body) if isinstance(body, bytes | str) else body
    return str(decoded["batch_id"])


def begun_and_not_recorded(world: World, hub: RunningSandbox) -> int:
    """Starts that Patchworks has taken, and of which the store does not know it."""
    with contextlib.closing(sqlite3.connect(f"file:{world.store}?mode=ro", uri=True, timeout=5.0)) as connection:
        states = connection.execute("SELECT body FROM state WHERE actor = 'flow_starts'").fetchall()
    opened_ = [(msgspec.json.decode(body).get("starts", {}).get("open") or {}).get("key") for (body,) in states]
    return sum(key in batches(hub) for key in opened_ if key)


@pytest.mark.timeout(180)
async def test_a_death_between_a_start_and_its_record_repeats_and_loses_nothing(tmp_path: Path) -> None:
    """Five deaths on one store, new levels before each; some of them hit exactly there."""
    async with open_sandbox(hub_config()) as hub:
        settings = Settings(seed=SEED, faults=(), more=_STOCK.format(url=hub.url))
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
