"""A flow is configured no more: what waited for it goes by the one that is configured now, and its case ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import msgspec

from flows.config import Config
from flows.demo.orders import catalogue
from flows.model.outgoing import FlowTarget
from tests.actors import shipping, stock_world
from tests.actors.stock_world import StockFulfil, config_of
from tests.actors.world import story

A, B, C = (product.sku for product in catalogue(11, 3))
HELD = [("flow.refused", "4511")]


def corrected() -> Config:
    """The levels of the sales channel go by the flow 4320."""
    config = config_of()
    web = config.sales_channels["web"]
    assert web.stock is not None
    stock = msgspec.structs.replace(web.stock, flow=FlowTarget(flow_id="4320"))
    return msgspec.structs.replace(config, sales_channels={"web": msgspec.structs.replace(web, stock=stock)})


async def waiting(at: Any) -> Any:
    """How many lines each flow has."""
    return await at.sql("SELECT flow, count(*) FROM outgoing GROUP BY flow")


def stocked() -> StockFulfil:
    """Ten of each of three products."""
    fulfil = StockFulfil()
    for sku in (A, B, C):
        fulfil.stock(sku, "10")
    return fulfil


def test_a_corrected_flow_and_a_restart_publish_every_level(tmp_path: Path) -> None:
    """The wrong flow was refused; nothing waits for it afterwards, and its case says why it has ended."""

    async def main() -> None:
        fulfil = stocked()
        hub = stock_world.Hub({"4511": "web", "4320": "web"})
        hub.unknown = {"4511"}
        async with stock_world.process(tmp_path / "s.db", fulfil, hub=hub) as at:
            with anyio.fail_after(60):
                while await at.cases() != HELD:
                    await anyio.sleep(1)
            assert await waiting(at) == [("4511", 3)]
        async with stock_world.process(tmp_path / "s.db", fulfil, config=corrected(), hub=hub) as at:
            await at.until_shown(**{A: 10, B: 10, C: 10}, within_s=60)
            await anyio.sleep(30)
            assert await waiting(at) == []
            assert await at.cases() == []
            ((how,),) = await at.sql("SELECT closed_how FROM exception_case")
            assert "configured no more" in how
            assert await at.sql("SELECT count(*) FROM stock_published WHERE sent_at IS NULL") == [(0,)]
            assert hub.stale == 0

    story(main)


def test_a_batch_under_way_is_followed_to_its_end_and_published_by_the_new_flow(tmp_path: Path) -> None:
    """A run of the flow of before has not ended at the restart; whom it told is not known, so all is told again."""

    async def main() -> None:
        fulfil = stocked()
        hub = stock_world.Hub({"4511": "web", "4320": "web"})
        hub.run_s = 30.0
        async with stock_world.process(tmp_path / "s.db", fulfil, hub=hub) as at:
            await at.until(lambda: hub.starts == 1)
            await anyio.sleep(2)
        async with stock_world.process(tmp_path / "s.db", fulfil, config=corrected(), hub=hub) as at:
            await anyio.sleep(10)
            assert {start.flow_id for *_, start in hub.told} == {"4511"}
            await at.until(lambda: hub.lines["web"] == 6, within_s=120)
            await anyio.sleep(60)
            assert {(start.flow_id, sku) for _, _, sku, _, start in hub.told[3:]} == {("4320", s) for s in (A, B, C)}
            assert await waiting(at) == []
            assert await at.sql("SELECT count(*) FROM stock_published WHERE sent_at IS NULL") == [(0,)]

    story(main)


def test_notices_of_shipments_go_by_the_corrected_flow(tmp_path: Path) -> None:
    """Each once, as it was; the order hears that it was sent."""

    async def main() -> None:
        depot, hub = shipping.Depot(), shipping.Hub()
        hub.unknown = {shipping.FLOW}
        async with shipping.process(tmp_path / "s.db", depot, hub) as world:
            await world.knows("1001", "1002")
            for order in ("1001", "1002"):
                (line,) = depot.sale(order, 3)
                depot.ships([(line, 3)])
            with anyio.fail_after(120):
                while [kind for kind, _ in await world.cases()] != ["flow.refused"]:
                    await anyio.sleep(1)
        right = msgspec.structs.replace(shipping.TOLD, flow=FlowTarget(flow_id="4330"))
        async with shipping.process(tmp_path / "s.db", depot, hub, right) as world:
            await world.until(sent=2, within_s=60)
            assert sorted(each["order"]["id"] for _, each in hub.arrived) == ["1001", "1002"]
            assert await waiting(world) == []
            assert await world.cases() == []

    story(main)
