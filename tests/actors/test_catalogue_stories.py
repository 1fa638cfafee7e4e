"""The catalogue over days, in virtual time: aliases, deleted products, refreshes beside orders, and long queues."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import anyio
import msgspec
import pytest

from connectors.fulfil.wire import ProductPageRequest
from flows.catalogue import NAME as CATALOGUE
from flows.demo.orders import Mix
from flows.sku_aliases import AddAlias, RemoveAlias
from runtime.api import RateReading
from runtime.schedule import Interval
from tests.actors.world import Fulfil, World, key_of, orders, process, story

_HOUR_S = 3_600.0


def hourly(world: World) -> None:
    """All products are read again every hour: a day of looks for changes would take long to tell."""
    world.refresh._policy = msgspec.structs.replace(world.refresh._policy, schedule=Interval(_HOUR_S))


def full_reads(fulfil: Fulfil) -> list[ProductPageRequest]:
    """The pages that were asked for of everything."""
    return [each for each in fulfil.products_asked if each.changed_since is None]


async def refreshed(world: World, count: int = 1) -> None:
    """Until so many refreshes are over."""

    async def over() -> bool:
        return world.count("catalogue.refreshed") >= count

    await world.until(over, within_s=2 * _HOUR_S, every_s=10.0)


def test_an_alias_releases_its_orders_in_order_of_purchase_and_outlasts_a_crash(tmp_path: Path) -> None:
    """Failure case 11: held with the SKU, cured by a person's decision, sold under Fulfil's own SKU ever after."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(12, mix=Mix(unknown_sku=1.0))
        store = tmp_path / "store.db"
        (good,) = orders(1)
        async with process(store, fulfil) as world:
            await world.until_catalogue()
            await world.send(*reversed(made[:6]))
            await world.until_idle()
            assert (await world.states())["held"] == 6
            missing = sorted({case[0] for case in await world.sql("SELECT DISTINCT cause FROM exception_case")})
            await world.engine.pause("actor", CATALOGUE, "mona")  # all are decided on before any order is released
            for sku in missing:
                await world.decide_on_alias(AddAlias(alias=sku, sku=good.skus[0], by="mona", reason="as they call it"))
            await world.engine.resume("actor", CATALOGUE, "mona")
            await world.until_sales(6)
            await world.until_idle()
            assert await world.cases() == []
            decided = await world.sql("SELECT subject FROM fact WHERE kind = 'decided' ORDER BY id")
            by_purchase = sorted(made[:6], key=lambda order: order.placed_at)
            assert [subject for (subject,) in decided] == [key_of(order) for order in by_purchase]
            assert all(good.skus[0].encode() in fulfil.sales[3, order.order_id].body for order in made[:6])
            assert not any(sku.encode() in sale.body for sku in missing for sale in fulfil.sales.values())
        async with process(store, fulfil) as world:
            alike = [order for order in made[6:] if set(order.skus) & set(missing)]
            others = [order for order in made[6:] if order not in alike]
            await world.send(*made[6:])
            await world.send(made[0].body)
            await world.until_idle()
            assert (await world.states())["imported"] == 6 + len(alike)
            assert {subject for _, subject in await world.cases()} == {key_of(order) for order in others}

    story(main)


def test_what_was_sold_under_an_alias_is_not_edited_by_taking_the_alias_away(tmp_path: Path) -> None:
    """The order is what the sales channel said; an echo of it is an echo, whatever its SKU stands for by then."""

    async def main() -> None:
        fulfil, (order,), (good,) = Fulfil(), orders(1, mix=Mix(unknown_sku=1.0)), orders(1)
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            missing = set(order.skus) - {product.code for product in fulfil.products.values()}
            for sku in missing:
                await world.decide_on_alias(AddAlias(alias=sku, sku=good.skus[0], by="mona", reason="as they call it"))
            await world.until_idle()
            await world.send(order)
            await world.until_sales(1)
            for sku in missing:
                await world.decide_on_alias(RemoveAlias(alias=sku, by="ole", reason="a product of its own by now"))
            await world.until_idle()
            await world.send(order.body.replace(b'"updated_at":"2026', b'"updated_at":"2027'))
            await world.until_idle()
            assert await world.cases() == []
            assert len(fulfil.sales) == 1

    story(main)


def test_a_deleted_product_is_noticed_by_the_next_refresh_and_its_alias_is_a_case(tmp_path: Path) -> None:
    """No delta tells a deletion. Orders of the SKU are held from then on, before Fulfil has to refuse them."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(40)
        async with process(tmp_path / "store.db", fulfil, before=hourly) as world:
            await world.until_catalogue()
            victim = made[0].skus[0]
            await world.decide_on_alias(AddAlias(alias="as-they-say", sku=victim, by="mona", reason="it is one"))
            (id_,) = (id_ for id_, product in fulfil.products.items() if product.code == victim)
            del fulfil.products[id_]
            await refreshed(world)
            assert not world.index.sellable(victim)
            await anyio.sleep(120)
            assert ("alias.broken", "system/aliases") in await world.cases()
            await world.send(made[0])
            await world.until_idle()
            assert ("sku.unknown", key_of(made[0])) in await world.cases()
            fulfil.add(victim)
            await world.until_sales(1)
            await anyio.sleep(120)
            assert await world.cases() == []

    story(main)


def test_a_refresh_that_is_interrupted_goes_on_where_it_was(tmp_path: Path) -> None:
    """A crash between two pages: what was read is not read again, and nothing counts as gone."""

    async def main() -> None:
        fulfil, store = Fulfil(products=1_500), tmp_path / "store.db"
        async with process(store, fulfil, before=hourly) as world:
            await world.until_catalogue()
            count = len(full_reads(fulfil))
            await anyio.sleep(_HOUR_S - 60)

            async def half() -> bool:
                return len(full_reads(fulfil)) >= count + 4

            await world.until(half)
        asked = [each.after_id for each in full_reads(fulfil)[count:]]
        async with process(store, fulfil, before=hourly) as world:
            await refreshed(world)
            assert len(world.index) == 1_500
        pages = [each.after_id for each in full_reads(fulfil)[count:]]
        assert pages[: len(asked)] == asked
        assert sorted(set(pages)) == list(range(0, 1_500, 200))
        assert len(pages) <= len(set(pages)) + 1, "at most the page that was on its way"

    story(main)


def test_a_refresh_never_delays_orders_and_changes(tmp_path: Path) -> None:
    """Failure case 25, small: 40 pages at 2 calls a second, orders and a new product beside them."""

    async def main() -> None:
        fulfil, made = Fulfil(products=8_000), orders(30)
        fulfil.unchanged_to = 8_000
        async with process(tmp_path / "store.db", fulfil, before=hourly) as world:
            await world.until_catalogue()
            await anyio.sleep(_HOUR_S - 300)
            world.budget.observe(RateReading(limit_per_s=2.0))
            before = len(full_reads(fulfil))

            async def going() -> bool:
                return len(full_reads(fulfil)) > before + 1

            await world.until(going)
            fulfil.add("BRAND-NEW")
            took_s = []
            for order in made:
                began = world.clock.monotonic()
                await world.send(order)
                await world.until_sales(len(took_s) + 1)
                took_s.append(world.clock.monotonic() - began)
            assert max(took_s) < 3.0
            await anyio.sleep(75)
            assert world.index.sellable("BRAND-NEW")
            assert world.count("catalogue.refreshed") == 0, (
                "the refresh is still under way, and everything else is done"
            )
            await refreshed(world)

    story(main)


@pytest.mark.timeout(120)
def test_more_orders_than_fit_a_step_are_all_released_at_once_and_in_order(tmp_path: Path) -> None:
    """1,200 orders wait for one SKU: none of them waits for another sync."""

    async def main() -> None:
        fulfil, (order,) = Fulfil(), orders(1, mix=Mix(unknown_sku=1.0))
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            missing = sorted(set(order.skus) - {product.code for product in fulfil.products.values()})
            bodies = [order.body.replace(order.order_id.encode(), f"9{number:07d}".encode()) for number in range(1_200)]
            for first in range(0, 1_200, 200):
                await world.send(*bodies[first : first + 200])
            await world.until_idle()
            assert (await world.states())["held"] == 1_200
            for sku in missing:
                fulfil.add(sku)
            began = world.clock.monotonic()
            await world.until_sales(1_200)
            assert world.clock.monotonic() - began < timedelta(minutes=2).total_seconds()
            assert await world.cases() == []
            assert len(fulfil.sales) == 1_200

    story(main)
