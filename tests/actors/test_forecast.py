"""Stories of a queue of orders and of what is said of it: in an outage, after it, paused, parked, and empty."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from flows.forecast import Forecast
from flows.order_importer import NAME as ORDER_IMPORTER
from runtime.api import RateReading
from runtime.engine import Outside
from tests.actors.test_order_of_things import poison, upgraded
from tests.actors.world import Fulfil, World, away, orders, process, story


def forecast_of(world: World) -> Forecast:
    """What the composition root makes of a running process."""
    lane = world.engine.lanes["fulfil"]
    forecast = Forecast(
        world.journal,
        ORDER_IMPORTER,
        Outside(api=world.fulfil, lane=lane._config, budget=world.budget, breaker=lane.breaker),
    )
    world.importer._emit = forecast.counting(world.emit)
    return forecast


def test_a_queue_behind_an_outage_is_told_and_its_end_is_forecast(tmp_path: Path) -> None:
    """While Fulfil is away the time counts from when it is back, at what it allowed; then at what is observed."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(60)
        async with process(tmp_path / "store.db", fulfil) as world:
            world.budget.observe(RateReading(limit_per_s=2.0))
            forecast = forecast_of(world)
            assert (forecast.waiting(), forecast.seconds(), forecast.notes()) == ([], [], [])
            await world.until_catalogue()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(forecast.run)
                fulfil.weather = away
                await world.send(*made)
                await anyio.sleep(90)
                assert forecast.waiting() == [((), 60.0)]
                assert forecast.seconds() == [((), 30.0)]
                (note,) = forecast.notes()
                assert note == (
                    "60 orders wait for Fulfil: Fulfil does not answer, so they wait until it does; "
                    "once they go on, at 2.0 a second that is allowed, they are done in about 30 s"
                )
                fulfil.weather = lambda _kind: None
                await world.until_sales(45)
                await anyio.sleep(5.1)
                drain = forecast.drain()
                assert drain.how == "observed"
                assert drain.per_s == pytest.approx(2.0, rel=0.2)
                ((_, seconds),) = forecast.seconds()
                began = world.clock.monotonic()
                await world.until_sales(60)
                assert world.clock.monotonic() - began == pytest.approx(seconds, abs=6)
                await anyio.sleep(6)
                assert (forecast.waiting(), forecast.seconds(), forecast.notes()) == ([((), 0.0)], [((), 0.0)], [])
                tasks.cancel_scope.cancel()

    story(main)


def test_an_order_with_a_call_and_a_later_version_waits_once(tmp_path: Path) -> None:
    """Fulfil is away, and customers go on changing what they ordered."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(10)
        async with process(tmp_path / "store.db", fulfil) as world:
            forecast = forecast_of(world)
            await world.until_catalogue()
            fulfil.weather = away
            await world.send(*made)
            await anyio.sleep(10)
            await world.send(*(upgraded(each.body) for each in made))
            await forecast.look()
            assert forecast.waiting() == [((), 10.0)]
            await world.engine.pause("partition", "web", "somebody")
            await forecast.look()
            assert forecast.waiting() == [((), 0.0)]

    story(main)


def test_what_cannot_go_on_by_itself_is_in_no_forecast(tmp_path: Path) -> None:
    """Orders of a paused sales channel and a parked one do not wait for Fulfil; a paused importer holds all up."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(5)
        elsewhere = orders(7, sales_channel="outlet")
        async with process(tmp_path / "store.db", fulfil, before=poison(made[0])) as world:
            forecast = forecast_of(world)
            await world.until_catalogue()
            await world.engine.pause("partition", "outlet", "somebody")
            await world.send(*made, *elsewhere)
            await world.until_sales(4)
            await anyio.sleep(10)
            await forecast.look()
            assert forecast.waiting() == [((), 0.0)]
            await world.engine.pause("partition", "web", "somebody")
            await forecast.look()
            assert forecast.waiting() == [((), 0.0)], "the parked one is left out once, and not twice"
            await world.engine.resume("partition", "web", "somebody")
            await world.engine.pause("actor", ORDER_IMPORTER, "somebody")
            await world.send(*orders(3, seed=12))
            await forecast.look()
            assert forecast.waiting() == [((), 3.0)]
            note, of_outlet = forecast.notes()
            assert note.startswith("3 orders wait for Fulfil: order_importer is paused; once they go on, at 200.0")
            assert of_outlet == "7 orders wait for outlet, which is paused"

    story(main)


def test_orders_that_wait_for_the_first_one_of_their_customer_are_said_too(tmp_path: Path) -> None:
    """They have no call yet, and are in no forecast; each is counted once, whatever it waits by."""

    async def main() -> None:
        async with process(tmp_path / "store.db", Fulfil()) as world:
            forecast = forecast_of(world)
            rows = [("a", 1, "web/2"), ("b", 1, "web/2"), ("a", 2, "web/3")]
            await world.journal.write([("put_customer_wait", row) for row in rows])
            await forecast.look()
            assert forecast.notes() == ["2 orders wait for the first order of their customers"]

    story(main)


def test_orders_of_a_paused_sales_channel_that_are_decided_on_wait_for_that(tmp_path: Path) -> None:
    """Their calls are not begun either, so they are in no forecast, until somebody resumes it."""

    async def main() -> None:
        fulfil = Fulfil()
        async with process(tmp_path / "store.db", fulfil) as world:
            forecast = forecast_of(world)
            await world.until_catalogue()
            fulfil.weather = away
            await world.send(*orders(40, sales_channel="outlet"))
            await anyio.sleep(10)
            await world.engine.pause("partition", "outlet", "somebody")
            fulfil.weather = lambda _kind: None
            await anyio.sleep(120)
            await forecast.look()
            left = 40 - (await world.states())["imported"]  # a worker that had one in hand has made its call
            assert left >= 24
            assert (forecast.waiting(), forecast.notes()) == (
                [((), 0.0)],
                [f"{left} orders wait for outlet, which is paused"],
            )
            await world.engine.resume("partition", "outlet", "somebody")
            await world.until_sales(40)
            await forecast.look()
            assert forecast.notes() == []

    story(main)


def test_lost_answers_and_the_age_of_a_count_are_said(tmp_path: Path) -> None:
    """While they are looked up little goes in; and nobody has counted for a while."""

    async def main() -> None:
        async with process(tmp_path / "store.db", Fulfil()) as world:
            forecast = forecast_of(world)
            forecast.asks(lambda: 267)
            await world.until_catalogue()
            await world.engine.pause("actor", ORDER_IMPORTER, "somebody")
            await world.send(*orders(2))
            await forecast.look()
            await anyio.sleep(16)
            report = forecast.report()
            assert (report.lost_answers, report.counted_s_ago) == (267, pytest.approx(16, abs=0.1))
            assert report.sentences[0].startswith("2 orders wait for Fulfil (counted 16 s ago): order_importer is paus")
            assert report.sentences[0].endswith("; 267 lost answers are being looked up first")

    story(main)
