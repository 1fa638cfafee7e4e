"""Stories of answers that get lost and processes that die: look, and only then repeat the identical bytes."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path
from typing import Any

import anyio
import pytest

from flows.demo.orders import GeneratedOrder
from flows.demo.traffic import cancelled, upgraded
from flows.order_importer import CONFIRM_AFTER, RESENDS_MAX
from runtime.engine import EngineConfig
from runtime.errors import Failure
from runtime.testing import crash
from tests.actors.world import Fulfil, World, away, key_of, orders, process, story


def kinds_of(facts: list[Any]) -> list[str]:
    return [kind for (kind,) in facts]


async def told(world: World, order: GeneratedOrder) -> list[str]:
    """The timeline of an order."""
    return kinds_of(await world.sql("SELECT kind FROM fact WHERE subject = ? ORDER BY id", key_of(order)))


def test_a_lost_answer_is_looked_for_and_found(tmp_path: Path) -> None:
    """Failure case 3: Fulfil made the sale and the connection broke; it is found, and not made again."""

    async def main() -> None:
        fulfil, (order,) = Fulfil(), orders(1)
        fulfil.lose.append("after")
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.send(order)
            await world.until_sales(1)
            await world.until_idle()
            assert fulfil.calls["create_order"] == 1
            assert fulfil.calls["look"] == 1
            assert await told(world, order) == ["received", "decided", "outcome_unknown", "created"]
            assert (await world.state(order)).sale == 1

    story(main)


def test_what_is_absent_is_sent_again_as_the_identical_bytes(tmp_path: Path) -> None:
    """The create was never applied: after a look that found nothing the stored bytes go again, twice here."""

    async def main() -> None:
        fulfil, (order,) = Fulfil(), orders(1)
        fulfil.lose.extend(("before", "before"))
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.send(order)
            await world.until_sales(1)
            bodies = fulfil.bodies[order.order_id]
            assert len(bodies) == 3
            assert len(set(bodies)) == 1
            looked = ["outcome_unknown", "looked_absent"]
            assert await told(world, order) == ["received", "decided", *looked, *looked, "created"]

    story(main)


def test_a_thousand_lost_answers_make_no_second_sale(tmp_path: Path) -> None:
    """Failure case 3 in bulk: a third of the answers is lost before, a third after the sale was made."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(300)
        draw = random.Random(3)
        fulfil.lose.extend(draw.choice(("before", "after", "no")) for _ in range(1_000))
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.send(*made)
            await world.until_sales(len(made))
            await world.until_idle()
            assert sorted(fulfil.began) == sorted(order.order_id for order in made)
            for bodies in fulfil.bodies.values():
                assert len(set(bodies)) == 1
            assert await world.cases() == []

    story(main)


def test_a_cancel_while_the_answer_is_lost_is_not_answered_with_a_second_create(tmp_path: Path) -> None:
    """The sale is absent and the order no longer wanted; a slow server makes it later, and the second look tells it."""

    async def main() -> None:
        fulfil, (order,) = Fulfil(), orders(1)
        fulfil.lose.append("before")
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            await world.send(order)
            await world.until(lambda: world.sql("SELECT 1 FROM intent WHERE unknown = 1"))
            await world.send(cancelled(order.body))

            async def closed() -> bool:
                return (await world.state(order)).status == "cancelled"

            await world.until(closed, within_s=30)
            assert fulfil.calls["create_order"] == 1
            fulfil._create(fulfil.bodies[order.order_id][0])  # the slow server is done at last
            await anyio.sleep(CONFIRM_AFTER.total_seconds() + 5)
            assert fulfil.calls["find_sale"] == 1
            assert await world.cases() == [("order.cancelled", key_of(order))]
            assert (await world.state(order)).sale == 1

    story(main)


@pytest.mark.parametrize("meanwhile", ["nothing", "a cancel", "a restart"])
def test_a_sale_that_was_given_up_and_appears_is_found_by_the_second_look(tmp_path: Path, meanwhile: str) -> None:
    """Every answer is lost, no look finds the sale: held. A slow server makes it, and ten minutes later it is seen."""

    async def main() -> None:
        fulfil, (order,) = Fulfil(), orders(1)
        fulfil.lose.extend(["before"] * RESENDS_MAX)
        store = tmp_path / "store.db"

        async def held(world: World) -> None:
            async def there() -> bool:
                return await world.cases() == [("fulfil.unsettled", key_of(order))]

            await world.until(there)
            fulfil._create(fulfil.bodies[order.order_id][0])
            if meanwhile == "a cancel":
                await world.send(cancelled(order.body))

        async def seen(world: World) -> None:
            await anyio.sleep(CONFIRM_AFTER.total_seconds() + 5)
            await world.until_idle()
            assert fulfil.calls["find_sale"] == 1
            assert await world.cases() == [("order.cancelled", key_of(order))] * (meanwhile == "a cancel")
            assert fulfil.calls["create_order"] == RESENDS_MAX
            state = await world.state(order)
            assert (state.status, state.sale, len(fulfil.sales)) == ("imported", 1, 1)

        async with process(store, fulfil) as world:
            await world.until_catalogue()
            await world.send(order)
            await held(world)
            if meanwhile != "a restart":
                await seen(world)
        if meanwhile == "a restart":
            async with process(store, fulfil) as world:
                await seen(world)

    story(main)


def test_an_edit_while_the_answer_is_lost_never_changes_what_is_sent(tmp_path: Path) -> None:
    """The identical bytes of the first version go again; the edit is a case against the sale."""

    async def main() -> None:
        fulfil, (order,) = Fulfil(), orders(1)
        fulfil.lose.append("before")
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            await world.send(order)
            await world.until(lambda: world.sql("SELECT 1 FROM intent WHERE unknown = 1"))
            await world.send(upgraded(order.body))
            await world.until_sales(1)
            assert len(set(fulfil.bodies[order.order_id])) == 1
            assert fulfil.calls["create_order"] == 2
            assert await world.cases() == [("order.edited", key_of(order))]
            assert fulfil.sales[3, order.order_id].total == order.total

    story(main)


class Died(BaseException):
    """The process stops existing."""


@pytest.mark.parametrize(
    "point",
    [
        "journal.before_commit",
        "journal.after_commit",
        "step.before_journal",
        "step.after_journal",
        "effect.before_call",
        "effect.after_call",
        "outcome.before_journal",
        "outcome.after_journal",
    ],
)
@pytest.mark.parametrize("nth", [1, 4])
def test_a_death_at_any_point_costs_no_order_and_makes_no_second_sale(tmp_path: Path, point: str, nth: int) -> None:
    """Failure case 34, in one process: the sender repeats what was not acknowledged, the next process does the rest."""
    seen = 0

    def die(reached: str, _: str) -> None:
        nonlocal seen
        seen += reached == point
        if reached == point and seen == nth:
            crash.install(None)
            raise Died

    async def main() -> None:
        fulfil, made = Fulfil(), orders(8)
        store = tmp_path / "store.db"
        async with process(store, fulfil) as world:
            await world.until_catalogue()
            await world.until_idle()
        acknowledged: set[str] = set()

        async def deliver() -> None:
            async with process(store, fulfil) as world:
                crash.install(die)
                for order in made:
                    await world.send(order)
                    acknowledged.add(order.order_id)
                await world.until_sales(len(made), within_s=60)

        with contextlib.suppress(BaseExceptionGroup):
            await deliver()
        crash.install(None)
        assert seen >= nth, "the point was never reached"
        async with process(store, fulfil) as world:
            await world.send(*made)
            await world.until_sales(len(made))
            await world.until_idle()
            assert sorted(fulfil.began) == sorted(order.order_id for order in made)
            assert await world.states() == {"imported": len(made)}
            for bodies in fulfil.bodies.values():
                assert len(set(bodies)) == 1
            assert await world.cases() == []

    story(main)


def test_claimed_calls_of_a_dead_process_are_looked_up_before_anything_is_sent(tmp_path: Path) -> None:
    """Dropped in full flight: sixteen calls may have been applied, and each is asked about first."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(40)
        store = tmp_path / "store.db"
        async with process(store, fulfil, config=EngineConfig(window=8)) as world:
            await world.until_catalogue()
            fulfil.takes_s = 5.0
            await world.send(*made)
            await anyio.sleep(7.5)
            begun = set(fulfil.bodies)
            assert 0 < len(begun) < len(made)
        fulfil.takes_s = 0.05
        async with process(store, fulfil) as world:
            await world.until_sales(len(made))
            await world.until_idle()
            assert all(len(set(bodies)) == 1 for bodies in fulfil.bodies.values())
            assert all(len(fulfil.bodies[identifier]) == 1 for identifier in begun), "found by a look, not sent again"
            assert fulfil.calls["look"] >= len(begun)
            assert len(fulfil.sales) == len(made)

    story(main)


def test_an_orderly_stop_leaves_nothing_to_look_up(tmp_path: Path) -> None:
    """Claims of what was never begun are given back: the next process just begins it, also after an outage."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(60)
        store = tmp_path / "store.db"
        async with process(store, fulfil, drains=True) as world:
            await world.until_catalogue()
            fulfil.weather = away
            await world.send(*made)
            await anyio.sleep(90)
        fulfil.weather = lambda _kind: None
        async with process(store, fulfil) as world:
            await world.until_sales(len(made))
            assert fulfil.calls["look"] == 0
            assert all(len(bodies) == 1 for bodies in fulfil.bodies.values())

    story(main)


def test_a_look_that_fails_or_breaks_is_made_again(tmp_path: Path) -> None:
    """The question itself goes unanswered, and then the connector has a defect: the order still gets its one sale."""

    async def main() -> None:
        fulfil, (order,) = Fulfil(), orders(1)
        fulfil.lose.append("after")
        asked = 0

        def weather(kind: str) -> Failure | None:
            nonlocal asked
            asked += kind == "look"
            if kind == "look" and asked == 1:
                return away(kind)
            if kind == "look" and asked == 2:
                raise ZeroDivisionError
            return None

        fulfil.weather = weather
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.send(order)
            await world.until_sales(1)
            assert asked == 3
            assert world.restarts() == []
            assert fulfil.calls["create_order"] == 1

    story(main)
