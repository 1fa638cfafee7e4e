"""What a sales channel changes of its figures itself, in virtual time: by orders, by edits, by shipments (rule 9)."""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from flows.demo.orders import GeneratedOrder, catalogue, generate
from flows.fulfilment_watcher.parts import (
    ORDERS,
    NoticeSent,
    OrderedLine,
    PartLine,
    ShipmentPart,
    ShipmentSeen,
    notice_id,
)
from flows.model.stock import STOCK_READER, ReadProducts, Semantics, place_key
from runtime.clock import to_datetime
from tests.actors.stock_world import Hub, StockFulfil, StockWorld, config_of, place, process, units_in
from tests.actors.world import story

SKUS = [product.sku for product in catalogue(11, 3)]


class Shop:
    """The books of the one sales channel. What it was told last is in the hub's; it changes that itself."""

    def __init__(self, at: StockWorld, semantics: Semantics) -> None:
        self.at, self.semantics = at, semantics
        self.unshipped: Counter[str] = Counter()

    @property
    def shown(self) -> dict[str, int]:
        """What it has for sale of each SKU."""
        own = self.unshipped if self.semantics != "available" else Counter[str]()
        return {sku: figure - own[sku] for sku, figure in self.at.hub.shows["web"].items()}

    async def sells(self, order: GeneratedOrder, body: bytes | None = None) -> None:
        """Somebody buys: it counts that at once, and tells us."""
        for sku, units in units_in(order).items():
            self.unshipped[sku] += units
            if self.semantics == "available":
                self.at.hub.shows["web"][sku] -= units
        await self.at.send(order if body is None else msgspec.structs.replace(order, body=body))

    def takes_notice(self, units: dict[str, int]) -> None:
        """It was told of a shipment: the goods are gone from its figures."""
        for sku, count in units.items():
            self.unshipped[sku] -= count
            if self.semantics != "available":
                self.at.hub.shows["web"][sku] -= count


def semantics_of(semantics: Semantics) -> Any:
    """The configuration of a sales channel that takes a level for this."""
    return config_of(web={"quantity_semantics": semantics})


async def shows(shop: Shop, fulfil: StockFulfil, within_s: float = 300.0) -> None:
    """Until the sales channel sells what there is, and a minute later still does."""

    def right() -> dict[str, int]:
        return {sku: int(fulfil.on_hand[number]) - fulfil.reserved[number] for number, sku in enumerate(SKUS, 1)}

    try:
        await shop.at.until(lambda: shop.shown == right(), within_s)
    except TimeoutError:
        raise AssertionError(f"the sales channel sells {shop.shown}, and there are {right()}") from None
    await anyio.sleep(60)
    assert shop.shown == right()


def warehouse(count: int = 50, **options: Any) -> StockFulfil:
    """So many of each of three products."""
    fulfil = StockFulfil(**options)
    for sku in SKUS:
        fulfil.stock(sku, str(count))
    return fulfil


def test_a_unit_that_is_sold_while_another_comes_back_is_told_though_the_figure_is_the_same(tmp_path: Path) -> None:
    """The sales channel has subtracted it itself, and would show one too few until something else changes."""

    async def main() -> None:
        fulfil = warehouse()
        order = next(each for each in generate(11, 60, products=3) if units_in(each))
        async with process(tmp_path / "store.db", fulfil) as at:
            shop = Shop(at, "available")
            await at.until_shown(**dict.fromkeys(SKUS, 50))
            told, read = at.hub.lines["web"], ReadProducts(products=(1, 2, 3))
            await at.engine.post(STOCK_READER, place_key(place()), read)
            await anyio.sleep(0.3)  # a look has just been; the next one finds both
            for number, sku in enumerate(SKUS, 1):
                fulfil.count(number, str(50 + units_in(order).get(sku, 0)))
            await at.engine.post(STOCK_READER, place_key(place()), read)
            await shop.sells(order)
            await shows(shop, fulfil)
            again = {sku for _, _, sku, _, _ in at.hub.told[told:]}
            assert set(units_in(order)) == again, "what nobody changed is not told again"

    story(main)


@pytest.mark.parametrize("semantics", ["available", "on_hand"])
@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_at_once_the_sales_channel_ends_with_what_there_is(
    tmp_path: Path, seed: int, semantics: Semantics
) -> None:
    """Orders, goods that come and go, and crashes in between, faster than anybody is told."""
    draw = random.Random(seed)

    async def main() -> None:
        fulfil, hub = warehouse(processes_after_s=draw.choice((0.0, 7.0))), Hub({"4511": "web"})
        orders = islice(generate(11, 60, products=3), 12 * seed, None)
        unshipped: Counter[str] = Counter()
        for round_ in range(3):
            async with process(tmp_path / "store.db", fulfil, config=semantics_of(semantics), hub=hub) as at:
                shop = Shop(at, semantics)
                shop.unshipped = unshipped
                await at.until(lambda: len(hub.shows["web"]) == len(SKUS))
                for _ in range(4):
                    if draw.random() < 0.6:
                        number = draw.randint(1, len(SKUS))
                        fulfil.count(number, str(int(fulfil.on_hand[number]) + draw.randint(-2, 3)))
                    await shop.sells(next(orders))
                    await anyio.sleep(draw.choice((0.0, 0.3, 2.0, 11.0)))
                if round_ == 2:
                    await shows(shop, fulfil)

    story(main)


def test_a_sales_channel_that_subtracts_its_unshipped_units_is_told_them_until_it_knows_that_they_are_shipped(
    tmp_path: Path,
) -> None:
    """Reserved, seen, read, restarted: they stay in its figure; and leave it with the notice, not with the parcel."""

    async def main() -> None:
        fulfil, hub = warehouse(), Hub({"4511": "web"})
        order = next(each for each in generate(11, 60, products=3) if len(units_in(each)) > 1)
        units, config = units_in(order), semantics_of("on_hand")
        async with process(tmp_path / "store.db", fulfil, config=config, hub=hub) as at:
            shop = Shop(at, "on_hand")
            await at.until(lambda: len(hub.shows["web"]) == len(SKUS))
            await shop.sells(order)
            await at.until(lambda: at.sql("SELECT 1 FROM order_units WHERE seen > 0"))
            await shows(shop, fulfil)
            assert hub.shows["web"] == dict.fromkeys(SKUS, 50), "it is told what is there"
            unshipped = shop.unshipped
        async with process(tmp_path / "store.db", fulfil, config=config, hub=hub) as at:
            shop = Shop(at, "on_hand")
            shop.unshipped = unshipped
            for number, sku in enumerate(SKUS, 1):  # the parcel leaves
                fulfil.on_hand[number] -= units.get(sku, 0)
                fulfil.reserved[number] -= units.get(sku, 0)
                fulfil.moved(number)
            await shows(shop, fulfil)
            await tell_shipped(at, order)
            await at.until(lambda: hub.notices)
            shop.takes_notice(units)
            run = NoticeSent(notice=notice_id("out-1", order.order_id), run_id="run-1", at=to_datetime(at.clock.now()))
            await at.engine.post(ORDERS, f"web/{order.order_id}", run)
            await shows(shop, fulfil)
            assert hub.shows["web"] == {sku: 50 - units.get(sku, 0) for sku in SKUS}
            fulfil.moved(1), fulfil.moved(2), fulfil.moved(3)
            await shows(shop, fulfil)
            assert await at.sql("SELECT * FROM order_units") == [], "nobody needs them any more"

    story(main)


async def tell_shipped(at: StockWorld, order: GeneratedOrder) -> None:
    """What the fulfilment watcher says when it has read a shipment with the whole order in it."""
    lines = [each for each in msgspec.json.decode(order.body)["line_items"] if each["sku"]]
    part = ShipmentPart(
        shipment="out-1",
        number="CS1",
        carrier="UPS",
        changed_at=to_datetime(at.clock.now()),
        lines=tuple(PartLine(str(each["id"]), each["sku"], Decimal(each["quantity"])) for each in lines),
        ordered=tuple(OrderedLine(str(each["id"]), each["sku"], Decimal(each["quantity"])) for each in lines),
    )
    await at.engine.post(ORDERS, f"web/{order.order_id}", ShipmentSeen(part=part))


def test_an_edit_that_takes_units_off_is_not_for_sale_before_fulfil_has_given_them_back(tmp_path: Path) -> None:
    """The sales channel adds them to its figure at once; it is told the figure without them again."""

    async def main() -> None:
        fulfil = warehouse()
        order = next(each for each in generate(11, 60, products=3) if units_in(each))
        async with process(tmp_path / "store.db", fulfil) as at:
            shop = Shop(at, "available")
            await at.until_shown(**dict.fromkeys(SKUS, 50))
            await shop.sells(order)
            await shows(shop, fulfil)
            assert sum(fulfil.reserved.values()) == sum(units_in(order).values())
            body = msgspec.json.decode(order.body)
            told = at.hub.lines["web"]
            edited, off = edited_down(body)
            shop.at.hub.shows["web"][off] += 1
            await at.send(msgspec.structs.replace(order, body=msgspec.json.encode(edited)))
            await shows(shop, fulfil)
            assert at.hub.lines["web"] == told + 1, "only that, and nothing twice"

    story(main)


def edited_down(body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The order with one unit less of a line, a minute later; which SKU that is."""
    line = next(each for each in body["line_items"] if each["sku"])
    line["current_quantity"] = line["fulfillable_quantity"] = line["quantity"] - 1
    body["updated_at"] = body["updated_at"].replace("T08", "T09")
    return body, line["sku"]


def test_who_begins_to_subtract_its_own_units_is_not_told_again_what_it_knows_to_be_shipped(tmp_path: Path) -> None:
    """The open orders are counted anew; what was shipped of them before is known all the same."""

    async def main() -> None:
        fulfil, hub = warehouse(), Hub({"4511": "web"})
        first, second = [each for each in generate(11, 60, products=3) if units_in(each)][:2]
        async with process(tmp_path / "store.db", fulfil, config=config_of(told=True), hub=hub) as at:
            await at.until_shown(**dict.fromkeys(SKUS, 50))
            shop = Shop(at, "available")
            await shop.sells(first)
            await shop.sells(second)
            await shows(shop, fulfil)
            for number, sku in enumerate(SKUS, 1):
                fulfil.on_hand[number] -= units_in(first).get(sku, 0)
                fulfil.reserved[number] -= units_in(first).get(sku, 0)
                fulfil.moved(number)
            await tell_shipped(at, first)
            await at.until(lambda: hub.notices)
            await shows(shop, fulfil)
            shop.takes_notice(units_in(first))
            unshipped = shop.unshipped
        async with process(tmp_path / "store.db", fulfil, config=semantics_of("on_hand"), hub=hub) as at:
            shop = Shop(at, "on_hand")
            shop.unshipped = unshipped
            await shows(shop, fulfil)

    story(main)
