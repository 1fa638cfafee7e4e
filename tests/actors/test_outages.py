"""Stories of a Fulfil that is away, slow, or says no: intake goes on, nothing is lost, and one case tells it."""

from __future__ import annotations

from pathlib import Path

import anyio

from runtime.engine import EngineConfig
from runtime.errors import Failure
from tests.actors.world import Fulfil, away, bad_token, key_of, orders, process, story, throttles


def test_orders_become_sales_and_nothing_is_left_behind(tmp_path: Path) -> None:
    """The happy path: one create per order, the exact totals, an empty queue, no case."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(60)
        async with process(tmp_path / "store.db", fulfil) as world:
            for order in made:
                (receipt,) = await world.send(order)
                assert receipt.new
            await world.until_sales(len(made), within_s=60)
            await world.until_idle()
            assert {sale.identifier: sale.total for sale in fulfil.sales.values()} == {
                order.order_id: order.total for order in made
            }
            assert fulfil.calls["create_order"] == len(made)
            assert await world.cases() == []
            assert world.restarts() == []
            assert await world.sql("SELECT count(*) FROM body") == [(len(made),)]
            assert await world.sql("SELECT count(*) FROM state WHERE keeps IS NOT NULL") == [(0,)]

    story(main)


def test_ten_minutes_without_fulfil_under_load(tmp_path: Path) -> None:
    """Failure case 35, short: intake goes on, one case opens and closes, memory stays at the windows, all drain."""
    window = EngineConfig(window=16)

    async def main() -> None:
        fulfil, made = Fulfil(), orders(400)
        store = tmp_path / "store.db"
        async with process(store, fulfil, config=window) as world:
            await world.until_catalogue()
            fulfil.weather = away
            deepest = 0
            for order in made:
                await world.send(order)
                await anyio.sleep(1.5)
                inbox = world.engine.channels["order_importer"].statistics()
                deepest = max(deepest, inbox.depth + sum(world.engine.lanes["fulfil"].depth().values()))
            assert await world.cases() == [("api.unavailable", "system/fulfil")]
            assert not fulfil.sales
            assert deepest <= 16 * 2 + 2 * 32 + 16
            fulfil.weather = lambda _kind: None
            await world.until_sales(len(made), within_s=600)
            await world.until_idle()
            assert await world.cases() == []
            assert world.count("signal.raised") == world.count("signal.cleared") == 1
            assert len(fulfil.sales) == len(made)
            assert all(len(bodies) == 1 for bodies in fulfil.bodies.values())
            assert world.restarts() == []
            assert world.silences() == []

    story(main)


def test_versions_that_arrive_during_an_outage_are_decided_in_order(tmp_path: Path) -> None:
    """With few places in memory, the newest version of each order stands after the outage, none is forgotten."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(40)
        async with process(tmp_path / "store.db", fulfil, config=EngineConfig(window=4)) as world:
            await world.until_catalogue()
            fulfil.weather = away
            for version in (1, 2, 3):
                for order in made:
                    await world.send(of_version(order.body, version))
            await anyio.sleep(120)
            fulfil.weather = lambda _kind: None
            await world.until_sales(len(made))
            await world.until_idle()
            for order in made:
                assert (await world.state(order)).version.startswith("2026-11-21T00:00:03")
            kinds = await world.sql(
                "SELECT subject, group_concat(kind) FROM (SELECT * FROM fact ORDER BY subject, id) GROUP BY subject"
            )
            assert len(kinds) == len(made)
            for _, told in kinds:
                assert "stale" not in told
                assert told.count("unchanged") == 2

    story(main)


def of_version(body: bytes, version: int) -> bytes:
    """The same order as it was updated at another second of the next day."""
    begin = body.index(b'"updated_at":"') + len(b'"updated_at":"')
    return body[:begin] + f"2026-11-21T00:00:{version:02}+00:00".encode() + body[body.index(b'"', begin) :]


def test_a_storm_of_throttling_delays_and_loses_nothing(tmp_path: Path) -> None:
    """429 for two minutes: no strike, no case, one create per order that counts."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(100)
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            fulfil.weather = throttles(5.0)
            for order in made:
                await world.send(order)
            await anyio.sleep(120)
            assert fulfil.calls["create_order"] < 200, "it would be hammered while it asks for a pause"
            fulfil.weather = lambda _kind: None
            await world.until_sales(len(made))
            assert await world.cases() == []
            assert len(fulfil.sales) == len(made)
            assert all(len(bodies) == 1 for bodies in fulfil.bodies.values())

    story(main)


def test_refused_credentials_are_one_case_and_intake_goes_on(tmp_path: Path) -> None:
    """Failure case 43: Fulfil is asked now and then, orders wait on disk, and the case ends with the new token."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(50)
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            fulfil.weather = bad_token
            for order in made:
                await world.send(order)
            await anyio.sleep(1_800)
            assert await world.cases() == [("api.credentials", "system/fulfil")]
            assert world.count("case.opened") == 1
            assert fulfil.calls["create_order"] < 40
            fulfil.weather = lambda _kind: None
            await world.until_sales(len(made))
            assert await world.cases() == []
            assert all(len(bodies) == 1 for bodies in fulfil.bodies.values())

    story(main)


def test_a_case_that_a_dead_process_left_open_is_closed_by_the_next(tmp_path: Path) -> None:
    """The process dies in an outage; the next one finds Fulfil well, and nobody is left with an alarm."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(5)
        store = tmp_path / "store.db"
        async with process(store, fulfil) as world:
            await world.until_catalogue()
            fulfil.weather = away
            await world.send(*made)
            await anyio.sleep(60)
            assert await world.cases() == [("api.unavailable", "system/fulfil")]
        fulfil.weather = lambda _kind: None
        async with process(store, fulfil) as world:
            await world.until_sales(len(made))
            await world.until_idle()
            assert await world.cases() == []

    story(main)


def test_a_failure_now_and_then_is_nobodys_business(tmp_path: Path) -> None:
    """Every third call fails: retried, and nobody is told."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(60)
        calls = 0

        def weather(kind: str) -> Failure | None:
            nonlocal calls
            calls += 1
            return away(kind) if calls % 3 == 0 else None

        fulfil.weather = weather
        async with process(tmp_path / "store.db", fulfil) as world:
            for order in made:
                await world.send(order)
            await world.until_sales(len(made))
            assert await world.cases() == []
            assert len(fulfil.sales) == len(made)

    story(main)


def test_orders_wait_for_the_first_catalogue(tmp_path: Path) -> None:
    """Fulfil is away when the process starts for the first time: no order is judged by an empty catalogue."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(20)
        fulfil.weather = away
        async with process(tmp_path / "store.db", fulfil) as world:
            for order in made:
                await world.send(order)
            await anyio.sleep(300)
            assert await world.cases() == [("api.unavailable", "system/fulfil")]
            assert not await world.states()
            fulfil.weather = lambda _kind: None
            await world.until_sales(len(made))
            assert not [case for case in await world.cases() if case[0] == "sku.unknown"]
            assert world.silences() == []

    story(main)


def test_half_a_catalogue_is_no_catalogue(tmp_path: Path) -> None:
    """The process dies in the middle of the first sync: the next one judges no order before it has all products."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(20)
        store = tmp_path / "store.db"

        def after_the_first_page(kind: str) -> Failure | None:
            return away(kind) if fulfil.calls["search_products"] > 1 else None

        fulfil.weather = after_the_first_page
        async with process(store, fulfil) as world:
            await world.until(lambda: world.journal.query("products", 0, 1))
            await anyio.sleep(1)
        async with process(store, fulfil) as world:
            await world.send(*made)
            await anyio.sleep(60)
            assert not await world.states()
            fulfil.weather = lambda _kind: None
            await world.until_sales(len(made))
            assert await world.sql("SELECT count(*) FROM fact WHERE kind = 'held'") == [(0,)]

    story(main)


def test_the_order_of_purchase_is_kept_per_order_not_between_orders(tmp_path: Path) -> None:
    """Calls are parallel: sixteen at once, so that one slow order delays nobody."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(64)
        fulfil.takes_s = 1.0
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            await world.send(*made)
            await world.until_sales(len(made), within_s=30)
            assert fulfil.under_way_max == 16
            assert (await world.state(made[0])).status == "imported"
            assert key_of(made[0]).startswith("web/")

    story(main)
