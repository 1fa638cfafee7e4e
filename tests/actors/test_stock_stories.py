"""Stock in virtual time: what breaks others (failure cases 19 to 25), and what catalogues, orders and people do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from flows.demo.orders import catalogue, generate
from flows.model.bundles import Bundle, Component
from flows.model.stock import (
    STOCK_PUBLISHER,
    STOCK_PUBLISHER_KEY,
    STOCK_READER,
    PublishAgain,
    ReadProducts,
    place_key,
)
from runtime.errors import StoreFull
from tests.actors.stock_world import Hub, StockFulfil, StockWorld, config_of, place, process, units_in
from tests.actors.world import story

A, B, C = (product.sku for product in catalogue(11, 3))


def warehouse(**options: Any) -> tuple[StockFulfil, int, int, int]:
    """Ten of each of three products."""
    fulfil = StockFulfil(**options)
    return fulfil, fulfil.stock(A, "10"), fulfil.stock(B, "10"), fulfil.stock(C, "10")


def shown(at: StockWorld, channel: str = "web") -> dict[str, int]:
    """What a sales channel shows."""
    return at.hub.shows[channel]


async def settled(at: StockWorld, **figures: int) -> None:
    """Until the sales channel shows this of A, B and C, and a minute later still does."""
    wanted = {{"a": A, "b": B, "c": C}[name]: figure for name, figure in figures.items()}
    await at.until_shown(**wanted)
    await anyio.sleep(60)
    assert {sku: shown(at).get(sku) for sku in wanted} == wanted


def test_a_product_that_is_renamed_has_its_stock_under_its_new_sku_alone(tmp_path: Path) -> None:
    """Whoever still sells the old SKU shows nothing of it; another product may take it over."""

    async def main() -> None:
        fulfil, first, *_ = warehouse()
        async with process(tmp_path / "store.db", fulfil) as at:
            await settled(at, a=10, b=10)
            renamed = fulfil.products[first]
            fulfil.products[first] = type(renamed)(id=first, code="NEW-SKU", name="n", active=True)
            fulfil.moved(first)
            await at.until_shown(**{A: 0, "NEW-SKU": 10})
            other = fulfil.stock(A, "4")
            fulfil.moved(other)
            await at.until_shown(**{A: 4, "NEW-SKU": 10})
            fulfil.count(first, "9")
            await at.until_shown(**{A: 4, "NEW-SKU": 9})

    story(main)


def test_an_archived_product_takes_nothing_from_the_one_that_has_its_sku_now(tmp_path: Path) -> None:
    """Brands archive a product and make it anew; the sweep reads the archived one, too, before or after it."""

    async def main() -> None:
        fulfil = StockFulfil()
        fulfil.stock(A, "7", active=False)
        fulfil.stock(A, "10")
        fulfil.stock(A, "3", active=False)
        second = fulfil.stock(B, "5")
        async with process(tmp_path / "store.db", fulfil) as at:
            await settled(at, a=10, b=5)
            product = fulfil.products[second]
            fulfil.products[second] = type(product)(id=second, code=B, name="n", active=False)
            fulfil.moved(second)
            await settled(at, a=10, b=0)

    story(main)


def test_a_product_that_is_gone_has_nothing_to_sell_and_many_at_once_are_not_believed(tmp_path: Path) -> None:
    """A sweep that leaves one out has it asked for by its id; an API user that sees nothing empties no shop."""

    async def main() -> None:
        fulfil, first, *_ = warehouse()
        others = [fulfil.stock(f"SKU-{number}", "5") for number in range(20)]
        async with process(tmp_path / "store.db", fulfil, config=config_of(sweep_every_s=200.0)) as at:
            await at.until_shown(**{A: 10})
            fulfil.gone.add(first)
            await at.until_shown(**{A: 0})
            fulfil.gone.update(others)
            await anyio.sleep(500)
            assert shown(at)["SKU-3"] == 5

    story(main)


def test_an_order_lowers_what_is_shown_without_a_read_and_its_sighting_does_not_raise_it(tmp_path: Path) -> None:
    """Failure case 19, and rule 12: decided, reserved late, seen, read: the figure falls once, and stays."""

    async def main() -> None:
        fulfil, *_ = warehouse(processes_after_s=300.0)
        order = next(each for each in generate(11, 60, products=3) if units_in(each))
        needed = units_in(order)
        async with process(tmp_path / "store.db", fulfil) as at:
            await at.until_shown(**{A: 10, B: 10, C: 10})
            reads = fulfil.calls["stock_levels"]
            await at.send(order)
            left = {sku: 10 - needed.get(sku, 0) for sku in (A, B, C)}
            took_s = await at.until_shown(**left)
            assert took_s < 10
            assert fulfil.calls["stock_levels"] == reads, "what an order takes needs no read"
            for _ in range(42):
                await anyio.sleep(10)
                assert {sku: shown(at)[sku] for sku in left} == left
            assert await at.sql("SELECT count(*) FROM order_units") == [(0,)], "it is in Fulfil's figures by now"

    story(main)


def test_a_sale_that_somebody_deletes_keeps_no_other_from_being_seen(tmp_path: Path) -> None:
    """A read by ids is refused as a whole when one of them is gone; what the sale had is still subtracted."""

    async def main() -> None:
        fulfil, *_ = warehouse(processes_after_s=100.0)
        async with process(tmp_path / "store.db", fulfil) as at:
            await at.send(*generate(11, 2, products=3))
            await at.until(lambda: len(fulfil.sales) == 2)
            first = min(sale.id for sale in fulfil.sales.values())
            fulfil.deleted.add(first)
            await anyio.sleep(300)
            assert await at.sql("SELECT DISTINCT sale FROM order_units") == [(first,)]
            assert await at.cases() == []

    story(main)


def test_open_orders_that_were_decided_on_before_stock_was_published_are_counted_first(tmp_path: Path) -> None:
    """Held ones, and imported ones that Fulfil has not reserved: else the first publish would sell them once more."""

    async def main() -> None:
        fulfil, *_ = warehouse(processes_after_s=300.0)
        orders = list(generate(11, 6, products=3))
        needed = {sku: sum(units_in(order).get(sku, 0) for order in orders) for sku in (A, B, C)}
        for product in (1, 2, 3):
            fulfil.on_hand[product] = fulfil.on_hand[product] + 100
        async with process(tmp_path / "store.db", fulfil, config=config_of(())) as at:
            await at.send(*orders)
            await at.until(lambda: len(fulfil.sales) == 6)
            assert await at.sql("SELECT count(*) FROM order_units") == [(0,)]
        hub = Hub({"4511": "web"})
        async with process(tmp_path / "store.db", fulfil, hub=hub) as at:
            await at.until_shown(**{sku: 110 - needed[sku] for sku in needed})
            assert {available for _, _, sku, available, _ in hub.told if sku == A} == {110 - needed[A]}
            await anyio.sleep(400)
            await at.until_shown(**{sku: 110 - needed[sku] for sku in needed})
            assert await at.sql("SELECT count(*) FROM order_units") == [(0,)]

    story(main)


def test_a_pause_of_publishing_forgets_what_was_counted_and_begins_anew(tmp_path: Path) -> None:
    """While stock is not published nobody counts, so what was counted before holds no more."""

    async def main() -> None:
        fulfil, *_ = warehouse(processes_after_s=1e9)
        first, second = list(generate(11, 2, products=3))
        store = tmp_path / "store.db"
        async with process(store, fulfil) as at:
            await at.send(first)
            await at.until(lambda: at.sql("SELECT 1 FROM order_units"))
        async with process(store, fulfil, config=config_of(())) as at:
            await at.send(second)
            await at.until(lambda: len(fulfil.sales) == 2)
            assert await at.sql("SELECT 1 FROM stock_counting") == []
        async with process(store, fulfil) as at:
            needed = {sku: units_in(first).get(sku, 0) + units_in(second).get(sku, 0) for sku in (A, B, C)}
            await at.until_shown(**{sku: 10 - needed[sku] for sku in needed if needed[sku] <= 10})

    story(main)


def test_settings_that_have_changed_hold_for_every_figure_whatever_is_looked_at_first(tmp_path: Path) -> None:
    """A correction that waited for the restart comes before the first look at what is due."""

    async def main() -> None:
        fulfil, *_ = warehouse()
        hub, store = Hub({"4511": "web"}), tmp_path / "store.db"
        async with process(store, fulfil, hub=hub) as at:
            await settled(at, a=10, b=10, c=10)
            again = PublishAgain(sales_channel="web", lines={A: 9})
            await at.engine.post(STOCK_PUBLISHER, STOCK_PUBLISHER_KEY, again)
        async with process(store, fulfil, config=config_of(web={"buffer": 2}), hub=hub) as at:
            await settled(at, a=8, b=8, c=8)

    story(main)


def test_a_place_that_has_another_name_is_told_every_figure(tmp_path: Path) -> None:
    """The figures are as they were, but of the place of that name the sales channel knows none."""

    async def main() -> None:
        fulfil, *_ = warehouse()
        hub, store = Hub({"4511": "web"}), tmp_path / "store.db"
        async with process(store, fulfil, hub=hub) as at:
            await settled(at, a=10, b=10, c=10)
        async with process(store, fulfil, config=config_of(web={"location": "LEEDS"}), hub=hub) as at:
            await anyio.sleep(60)
            levels = [each for *_, start in hub.told for each in msgspec.json.decode(start.payload)["levels"]]
            assert {each["sku"] for each in levels if each["location"] == "LEEDS"} == {A, B, C}
            lines = hub.lines["web"]
        async with process(store, fulfil, config=config_of(web={"location": "LEEDS"}), hub=hub):
            await anyio.sleep(60)
            assert hub.lines["web"] == lines

    story(main)


def test_a_bundle_shows_what_the_scarcest_of_its_components_allows_and_an_alias_what_it_stands_for(
    tmp_path: Path,
) -> None:
    """Failure case 21: neither is a product of Fulfil, and each follows its products at once."""

    async def main() -> None:
        fulfil, first, *_ = warehouse()
        rules = {"GIFT-BOX": Bundle(components={A: Component(quantity=3), B: Component()})}
        async with process(tmp_path / "store.db", fulfil, config=config_of(bundles=rules)) as at:
            await at.until_shown(**{A: 10, "GIFT-BOX": 3})
            fulfil.count(first, "5")
            await at.until_shown(**{A: 5, "GIFT-BOX": 1})
            at.index.rename({"OLD-NAME": B})
            await at.until_shown(**{"OLD-NAME": 10})
            fulfil.count(2, "0")
            await at.until_shown(**{B: 0, "OLD-NAME": 0, "GIFT-BOX": 0})

    story(main)


def test_a_name_that_stands_for_nothing_any_more_is_told_as_zero(tmp_path: Path) -> None:
    """An alias that was taken back, and a bundle whose rule is gone: every order of them would be held."""

    async def main() -> None:
        fulfil, *_ = warehouse()
        hub, store = Hub({"4511": "web"}), tmp_path / "store.db"
        rules = {"GIFT-BOX": Bundle(components={A: Component(quantity=3), B: Component()})}
        async with process(store, fulfil, config=config_of(bundles=rules), hub=hub) as at:
            at.index.rename({"OLD-NAME": B})
            await at.until_shown(**{A: 10, "GIFT-BOX": 3, "OLD-NAME": 10})
            at.index.rename({"OLD-NAME": None})
            await at.until_shown(**{A: 10, B: 10, "GIFT-BOX": 3, "OLD-NAME": 0})
            at.index.rename({"OLD-NAME": B})
            await at.until_shown(**{B: 10, "OLD-NAME": 10})
        async with process(store, fulfil, hub=hub) as at:
            await at.until_shown(**{A: 10, B: 10, "GIFT-BOX": 0, "OLD-NAME": 0})
            assert await at.sql("SELECT count(*) FROM stock_published WHERE figure > 0") == [(3,)]

    story(main)


def test_what_cannot_be_a_quantity_stops_nobody_elses_figure(tmp_path: Path) -> None:
    """A part of a unit is rounded down, below zero is zero on the wire, and absurd figures are cut."""

    async def main() -> None:
        fulfil = StockFulfil()
        for sku, quantity in ((A, "2.75"), (B, "-4"), (C, "1e30")):
            fulfil.stock(sku, quantity)
        async with process(tmp_path / "store.db", fulfil) as at:
            await at.until_shown(**{A: 2, B: 0, C: 10**12})
            assert await at.sql("SELECT truth FROM stock_published WHERE sku = ?", B) == [(-4,)]

    story(main)


def test_a_hint_has_the_levels_of_its_products_read_without_a_page_of_moves(tmp_path: Path) -> None:
    """Fulfil's webhook names them."""

    async def main() -> None:
        fulfil, first, *_ = warehouse()
        async with process(tmp_path / "store.db", fulfil) as at:
            await settled(at, a=10)
            fulfil.on_hand[first] -= 6  # and no move says so
            hinted = ReadProducts(products=(first,))
            await at.engine.post(STOCK_READER, place_key(place()), hinted)
            assert await at.until_shown(**{A: 4}) < 10

    story(main)


def test_starts_that_follow_each_other_do_not_put_off_the_look_at_how_they_ended(tmp_path: Path) -> None:
    """Every start has a run to be followed; the ends of earlier ones are asked for all the same."""

    async def main() -> None:
        fulfil, first, *_ = warehouse()
        async with process(tmp_path / "store.db", fulfil) as at:
            await at.until_shown(**{A: 10})
            for quantity in range(25):
                fulfil.count(first, str(100 + quantity))
                await at.engine.post(STOCK_READER, place_key(place()), ReadProducts(products=(first,)))
                await anyio.sleep(5)
            assert at.hub.starts > 10
            ended = await at.sql("SELECT sku FROM stock_published WHERE sent_at IS NOT NULL")
            assert {(B,), (C,)} <= set(ended)

    story(main)


def test_one_sku_that_its_flow_fails_with_delays_no_other(tmp_path: Path) -> None:
    """Failure case 21: it is set aside with a case, and all others arrive."""

    async def main() -> None:
        fulfil, *_ = warehouse()
        for number in range(40):
            fulfil.stock(f"SKU-{number:02}", str(number))
        hub = Hub({"4511": "web"})
        hub.fails = lambda sku: sku == "SKU-07"
        async with process(tmp_path / "store.db", fulfil, hub=hub) as at:
            await at.until(lambda: len(hub.shows["web"]) == 42, within_s=1_800)
            await at.until(lambda: at.sql("SELECT 1 FROM stock_published WHERE refused_at IS NOT NULL"))
            assert await at.cases() == [("flow.line", "SKU-07")]

    story(main)


def test_a_line_whose_run_failed_once_is_sent_however_much_comes_meanwhile(tmp_path: Path) -> None:
    """What has failed lets others go first, but not for ever: on a busy day there are always others."""

    async def main() -> None:
        fulfil, hub = StockFulfil(), Hub({"4511": "web"})
        products = [fulfil.stock(f"SKU-{number}", "10") for number in range(20)]
        hub.takes_s = 2.0
        async with process(tmp_path / "store.db", fulfil, config=config_of(moves_every_s=1.0), hub=hub) as at:
            await at.until_shown(**{"SKU-0": 10, "SKU-19": 10})
            once = ["SKU-0"]
            hub.fails = lambda sku: sku in once and bool(once.pop())
            fulfil.count(products[0], "7")
            for step in range(600):
                fulfil.count(products[1 + step % 19], str(100 + step))
                await anyio.sleep(0.5)
                if step == 240:
                    assert shown(at)["SKU-0"] == 7

    story(main)


def test_nothing_is_posted_and_no_timer_fires_while_a_process_stops(tmp_path: Path) -> None:
    """A commit would come when the writer has ended, and make an orderly end look like a failed disk."""

    async def main() -> None:
        fulfil, first, *_ = warehouse()
        async with process(tmp_path / "store.db", fulfil) as at:
            await at.until_shown(**{A: 10})
            await at.engine.drain()
            messages = await at.sql("SELECT count(*) FROM message")
            await anyio.sleep(600)
            assert await at.sql("SELECT count(*) FROM message") == messages
            with pytest.raises(StoreFull):
                await at.engine.post(STOCK_READER, place_key(place()), ReadProducts(products=(first,)))

    story(main)


def test_a_level_that_is_not_found_once_is_read_again_and_does_not_stay_as_it_was(tmp_path: Path) -> None:
    """Failure case 23: what Fulfil does not find for a moment is not taken for done, and is asked for again."""

    async def main() -> None:
        fulfil, first, *_ = warehouse()
        async with process(tmp_path / "store.db", fulfil, config=config_of(moves_every_s=60.0)) as at:
            await at.until_shown(**{A: 10})
            fulfil.gone.add(first)
            fulfil.count(first, "7")
            await anyio.sleep(90)
            fulfil.gone.discard(first)
            assert shown(at)[A] == 0, "what is not there cannot be sold"
            await at.until_shown(within_s=180.0, **{A: 7})
            fulfil.gone.add(first)
            fulfil.moved(first)
            await at.until_shown(**{A: 0})
            asked = fulfil.calls["stock_levels"]
            await anyio.sleep(7_200)
            assert fulfil.calls["stock_levels"] - asked <= 4, "what stays away is left to the sweep"

    story(main)
