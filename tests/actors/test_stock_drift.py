"""What a sales channel shows against what it was told, in virtual time: explained, corrected once, or somebody's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from flows.demo.orders import catalogue, generate
from flows.model.bundles import Bundle, Component
from flows.model.messages import Recheck
from flows.stock import drift, unsettled
from flows.stock.drift import NAME, key_of
from tests.actors.stock_world import WAREHOUSE, Hub, StockFulfil, StockWorld, config_of, process, units_in
from tests.actors.world import story

QUIET = config_of(moves_every_s=1_000.0)
A, B, C = (product.sku for product in catalogue(11, 3))


def warehouse() -> StockFulfil:
    """Ten of each of three products."""
    fulfil = StockFulfil()
    for sku in (A, B, C):
        fulfil.stock(sku, "10")
    return fulfil


async def causes(at: StockWorld) -> dict[str, str]:
    """What is off, by SKU."""
    return dict(await at.sql("SELECT sku, cause FROM stock_drift WHERE cause <> ''"))


async def told(at: StockWorld) -> None:
    """Until the first levels were sent, and that is known."""
    await at.until(lambda: at.sql("SELECT 1 FROM (SELECT count(sent_at) AS sent FROM stock_published) WHERE sent >= 3"))
    await anyio.sleep(1)


def test_a_change_at_the_sales_channel_is_corrected_once_after_two_minutes(tmp_path: Path) -> None:
    """The order that explains it may be on its way; what is equal is not even remembered."""

    async def main() -> None:
        async with process(tmp_path / "store.db", warehouse(), config=QUIET) as at:
            await told(at)
            shows, lines = at.hub.shows["web"], at.hub.lines["web"]
            shows[A] = 17
            await at.reports("web", **shows)
            await at.until(lambda: causes(at))
            assert (await causes(at), await at.cases()) == ({A: "changed"}, [("stock.drift", "changed")])
            await anyio.sleep(100)
            assert shows[A] == 17
            await at.until_shown(**{A: 10}, within_s=60)
            assert at.hub.lines["web"] == lines + 1
            assert b'"previous":17' in bytes(at.hub.told[-1][-1].payload)
            await anyio.sleep(60)
            await at.reports("web", **shows)
            await at.until(lambda: _none(at))
            assert await at.cases() == []
            assert await at.sql("SELECT sku, corrections FROM stock_drift") == [(A, 1)]

    story(main)


def test_corrections_that_have_to_wait_are_made_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While too many orders wait to be decided on nothing is published; what is to be corrected is not forgotten."""
    monkeypatch.setattr(drift, "_CORRECTED_AT_ONCE", 1)

    async def main() -> None:
        async with process(tmp_path / "store.db", warehouse(), config=QUIET) as at:
            await told(at)
            shows = at.hub.shows["web"]
            shows |= {A: 17, B: 18}
            await at.reports("web", **shows)
            monkeypatch.setattr(unsettled, "WAITING_MAX", -1)
            await at.until(lambda: at.sql("SELECT 1 FROM (SELECT sum(corrections) AS n FROM stock_drift) WHERE n = 2"))
            await anyio.sleep(10)
            assert (shows[A], shows[B]) == (17, 18)
            monkeypatch.setattr(unsettled, "WAITING_MAX", 20_000)
            await at.until_shown(**{A: 10, B: 10}, within_s=30)

    story(main)


async def _none(at: StockWorld) -> bool:
    return not await causes(at) and not await at.cases()


def test_a_change_that_comes_back_as_often_as_it_is_corrected_trips_a_breaker(tmp_path: Path) -> None:
    """Three identical corrections, then it is somebody's; a person who has looked can have it corrected again."""

    async def main() -> None:
        async with process(tmp_path / "store.db", warehouse(), config=QUIET) as at:
            await told(at)
            shows, lines = at.hub.shows["web"], at.hub.lines["web"]
            for _ in range(5):
                shows[A] = 17  # another app writes stock there, too
                await at.reports("web", **shows)
                await anyio.sleep(200)
            assert at.hub.lines["web"] == lines + 3
            assert (await causes(at), await at.cases()) == ({A: "loop"}, [("stock.loop", "loop")])
            await at.engine.post(NAME, key_of("web"), Recheck(because="person"))
            await at.until_shown(**{A: 10})
            await anyio.sleep(60)
            await at.reports("web", **shows)
            await at.until(lambda: _none(at))

    story(main)


def test_a_difference_that_ours_explains_is_nobodys(tmp_path: Path) -> None:
    """An order in flight, a level on its way, a bundle, a name that nothing is published for; a location is a case."""

    async def main() -> None:
        fulfil = warehouse()
        fulfil.processes_after_s = 1e9
        hub = Hub({"4511": "web"})
        rules = {"GIFT-BOX": Bundle(components={C: Component(quantity=2)})}
        order = next(each for each in generate(11, 60, products=3) if A in units_in(each))
        async with process(
            tmp_path / "store.db", fulfil, hub=hub, config=config_of(bundles=rules, moves_every_s=100.0)
        ) as at:
            await told(at)
            await at.send(order)
            await at.until_shown(**{A: 10 - units_in(order)[A]})
            await anyio.sleep(30)
            sold = {**hub.shows["web"], A: hub.shows["web"][A] - 1, "GIFT-BOX": 2, "NOT-OURS": 3}
            hub.takes_s = 600.0
            fulfil.count(2, "4")
            await at.until(lambda: at.sql("SELECT 1 FROM stock_published WHERE sku = ? AND figure <= 4", B))
            await at.reports("web", **sold)
            await at.until(lambda: causes(at))
            assert await causes(at) == {A: "in_flight", B: "waiting", "GIFT-BOX": "bundle", "NOT-OURS": "unknown"}
            assert await at.cases() == []
            await anyio.sleep(1_000)
            assert await at.cases() == []

    story(main)


def test_what_could_be_sold_and_is_shown_as_sold_out_is_a_case_after_fifteen_minutes(tmp_path: Path) -> None:
    """Rule 12: underselling, with units; it ends when the sales channel shows it again."""

    async def main() -> None:
        fulfil = warehouse()
        hub = Hub({"4511": "web"})
        async with process(tmp_path / "store.db", fulfil, hub=hub, config=QUIET) as at:
            await told(at)
            hub.fails = lambda _sku: True  # so that no correction arrives
            hub.shows["web"][B] = 0
            await at.reports("web", **{B: 0})
            await anyio.sleep(600)
            assert ("stock.undersold", "sold out") not in await at.cases()
            await at.until(lambda: _undersold(at), within_s=1_800)
            ((sentence,),) = await at.sql("SELECT sentence FROM exception_case WHERE kind = 'stock.undersold'")
            assert "10 units could be sold" in sentence
            await at.reports("web", **{B: 10})
            await at.until(lambda: _sold(at))

    story(main)


async def _undersold(at: StockWorld) -> bool:
    return ("stock.undersold", "sold out") in await at.cases()


async def _sold(at: StockWorld) -> bool:
    return not await _undersold(at)


def test_an_old_report_and_a_repeat_change_nothing(tmp_path: Path) -> None:
    """Pages come in any order; the newest level of a SKU counts."""

    async def main() -> None:
        async with process(tmp_path / "store.db", warehouse(), config=QUIET) as at:
            await told(at)
            now: Any = at.clock.now()
            await at.reports("web", **{A: 9})
            await at.until(lambda: causes(at))
            at.clock.step_wall(-30)
            await at.reports("web", **{A: 10})
            await anyio.sleep(5)
            assert (await causes(at))[A] == "changed"
            assert await at.sql("SELECT reported FROM stock_drift WHERE reported_at >= ?", now) == [(9,)]

    story(main)


def test_a_location_that_only_one_side_has_is_one_case_with_its_units(tmp_path: Path) -> None:
    """Failure case 24, both ways: what a sales channel shows at places of nobody's, and a place that Fulfil has not."""

    async def main() -> None:
        fulfil = warehouse()
        async with process(tmp_path / "store.db", fulfil, config=QUIET) as at:
            await told(at)
            await at.reports("web", "Pop-up", **{A: 4, B: 11})
            await at.reports("web", "Attic", **{C: 1})
            await at.until(lambda: _has_cases(at, 2))
            assert await at.cases() == [("stock.drift", "location Attic"), ("stock.drift", "location Pop-up")]
            sentences = await at.sql("SELECT sentence FROM exception_case ORDER BY cause")
            assert ["1 SKU with 1 units" in sentences[0][0], "2 SKUs with 15 units" in sentences[1][0]] == [True, True]
            await at.reports("web", "Pop-up", **{A: 0, B: 0})
            await at.until(lambda: _has_cases(at, 1))
            fulfil.unknown_locations.add(WAREHOUSE)
            fulfil.count(1, "3")
            await at.until(lambda: _has_cases(at, 2), within_s=3_600)
            ((sentence,),) = await at.sql("SELECT sentence FROM exception_case WHERE kind = 'stock.refused'")
            assert f"no location {WAREHOUSE}" in sentence
            assert at.hub.shows["web"][A] == 10, "what was read last stands"
            fulfil.unknown_locations.clear()
            await at.until_shown(**{A: 3})

    story(main)


async def _has_cases(at: StockWorld, count: int) -> bool:
    return len(await at.cases()) == count
