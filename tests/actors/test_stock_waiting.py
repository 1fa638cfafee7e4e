"""What is published while orders are received that nobody decides on yet, in virtual time."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from flows.demo.orders import GeneratedOrder, catalogue, generate
from flows.model.gate import GateSettings
from flows.order_importer import NAME as ORDER_IMPORTER
from flows.order_importer.messages import PatchOrder
from flows.stock.pull import StockPull
from flows.stock.unsettled import Unsettled
from tests.actors.stock_world import Hub, StockFulfil, StockWorld, config_of, process, units_in
from tests.actors.world import key_of, story

A, B, C = (product.sku for product in catalogue(11, 3))


def warehouse(each: str = "100") -> StockFulfil:
    """So many of each of three products."""
    fulfil = StockFulfil()
    for sku in (A, B, C):
        fulfil.stock(sku, each)
    return fulfil


def an_order(*skus: str, of: int = 0) -> GeneratedOrder:
    """One that has a unit of each of these SKUs, and nothing else; it does not add up."""
    order = list(generate(11, of + 1, products=3))[of]
    body = json.loads(order.body)
    lines = [{**line, "sku": sku, "quantity": 1} for line, sku in zip(body["line_items"], skus, strict=False)]
    return msgspec.structs.replace(order, body=json.dumps({**body, "line_items": lines}).encode())


async def patched(at: StockWorld, order: GeneratedOrder, *skus: str) -> None:
    """A person gives its lines these SKUs, and it is decided on."""
    lines = json.loads(order.body)["line_items"]
    lines = [{**line, "sku": sku} for line, sku in zip(lines, skus, strict=True)]
    message = PatchOrder(patch=json.dumps({"line_items": lines}), by="mona", reason="typed wrong")
    await at.engine.post(ORDER_IMPORTER, key_of(order), message)
    await at.until(lambda: at.sql("SELECT 1 FROM order_patch"))


# -- sales channels that are paused ------------------------------------------------------------------------------------


def test_while_a_sales_channel_is_paused_its_orders_keep_no_figure_from_the_others(tmp_path: Path) -> None:
    """What they take is told to the others within a minute or so, and what becomes of the product meanwhile, too."""

    async def main() -> None:
        fulfil, order = warehouse(), an_order(A)
        async with process(tmp_path / "store.db", fulfil, config=config_of(("web", "shop"))) as at:
            await at.until_shown("shop", **{A: 100, B: 100, C: 100})
            await at.engine.pause("partition", "web", "mona", ())
            await at.send(order)
            assert await at.until_shown("shop", **{A: 99}) < 90
            fulfil.count(1, "6")
            assert await at.until_shown("shop", **{A: 5}) < 90
            unsettled = Unsettled(at.config.sales_channels, at.index, at.journal)
            rows = await StockPull({"shop": "MAIN"}, unsettled, at.journal).read("shop", None, 10)
            assert len(rows) == 3

    story(main)


@pytest.mark.parametrize("dies", [False, True])
def test_a_figure_is_as_it_was_when_what_waited_needs_nothing_after_all(tmp_path: Path, dies: bool) -> None:
    """It is decided on and excluded: also when the process died after it was told what the order would take."""

    async def main() -> None:
        fulfil, (order,) = warehouse(), generate(11, 1, products=3)
        excludes = config_of()
        gate = GateSettings(starts_at=datetime(2030, 1, 1, tzinfo=UTC))
        excludes.sales_channels["web"] = msgspec.structs.replace(excludes.sales_channels["web"], gate=gate)
        hub, store = Hub({"4511": "web"}), tmp_path / "store.db"
        async with process(store, fulfil, config=excludes, hub=hub) as at:
            await at.until_shown(**{A: 100, B: 100, C: 100})
            await at.engine.pause("partition", "web", "mona", ())
            await at.send(order)
            await at.until_shown(**{sku: 100 - units for sku, units in units_in(order).items()})
            if not dies:
                await at.engine.resume("partition", "web", "mona", ())
                await at.until_shown(**{A: 100, B: 100, C: 100})
                return
            await at.sql("DELETE FROM pause")
        async with process(store, fulfil, config=excludes, hub=hub) as at:
            await at.until(lambda: at.sql("SELECT 1 FROM order_view WHERE state = 'excluded'"))
            await at.until_shown(**{A: 100, B: 100, C: 100})
            assert await at.sql("SELECT * FROM stock_waiting") == []

    story(main)


# -- orders that people have changed -----------------------------------------------------------------------------------


def test_what_a_person_has_changed_of_an_order_counts_when_stock_is_switched_on(tmp_path: Path) -> None:
    """Held, and patched to another SKU before anybody counted: that one is needed, and not the one it came with."""

    async def main() -> None:
        fulfil, store = warehouse(), tmp_path / "store.db"
        order = an_order(A, "GONE")
        async with process(store, fulfil, config=config_of(())) as at:
            await at.send(order)
            await at.until(lambda: at.sql("SELECT 1 FROM order_view WHERE state = 'held'"))
            await patched(at, order, C, "GONE")
        async with process(store, fulfil) as at:
            await at.until_shown(**{A: 100, B: 100, C: 99})

    story(main)


def test_a_later_version_of_an_order_that_was_patched_takes_what_it_will_be_read_as(tmp_path: Path) -> None:
    """It waits on disk while its sales channel is paused, and is in the figures of the others."""

    async def main() -> None:
        fulfil, order = warehouse(), an_order(A, "GONE")
        async with process(tmp_path / "store.db", fulfil, config=config_of(("web", "shop"))) as at:
            await at.send(order)
            await at.until_shown("shop", **{A: 99, C: 100})
            await patched(at, order, C, "GONE")
            await at.until_shown("shop", **{A: 100, C: 99})
            await at.engine.pause("partition", "web", "mona", ())
            body = order.body.replace(b'"updated_at": "2026', b'"updated_at": "2027')
            assert body != order.body
            await at.send(msgspec.structs.replace(order, body=body))
            fulfil.count(1, "80")
            fulfil.count(3, "80")
            await at.until_shown("shop", **{A: 80, C: 79})

    story(main)
