"""Stories of holds, releases, pauses, timers, parked messages and late versions."""

from __future__ import annotations

import gc
import random
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from flows.demo.orders import GeneratedOrder, Mix
from flows.demo.traffic import cancelled, upgraded
from flows.model.messages import Recheck
from flows.order_importer import OrderImporter
from runtime.decision import Decision, Message, Timer
from runtime.engine import EngineConfig, Scope
from runtime.errors import Failure, Refused, StoreFull
from runtime.journal.writer import Writer
from tests.actors.world import SEED, Fulfil, World, key_of, orders, process, story

BOTH = [(seed, shuffled) for seed in (1, 2) for shuffled in (False, True)]


def test_orders_of_an_unknown_sku_are_released_in_order_of_purchase(tmp_path: Path) -> None:
    """Failure case 10: held whole, with the SKU; when the products appear they are imported, the first buyer first."""

    async def main() -> None:
        fulfil = Fulfil()
        made = orders(30, mix=Mix(unknown_sku=1.0))
        missing = sorted(
            {sku for order in made for sku in order.skus} - {each.code for each in fulfil.products.values()}
        )
        async with process(tmp_path / "store.db", fulfil, config=EngineConfig(loops_per_actor=1)) as world:
            await world.until_catalogue()
            shuffled = random.Random(1).sample(made, len(made))
            for order in shuffled:
                await world.send(order)

            async def held() -> bool:
                return await world.states() == {"held": len(made)}

            await world.until(held)
            assert not fulfil.bodies
            assert {kind for kind, _ in await world.cases()} == {"sku.unknown"}
            causes = [cause for (cause,) in await world.journal.query("causes_open", "sku.unknown")]
            assert sorted(causes) == missing
            for sku in missing:
                fulfil.add(sku)
            await world.until_sales(len(made), within_s=180)
            assert await world.cases() == []
            decided = await world.sql("SELECT subject FROM fact WHERE kind = 'decided' ORDER BY id")
            by_purchase = sorted(made, key=lambda order: order.placed_at)
            assert [subject for (subject,) in decided] == [key_of(order) for order in by_purchase]

    story(main)


def test_only_whoever_waits_for_the_product_that_came_is_released(tmp_path: Path) -> None:
    """The others stay held, and are not asked about again."""

    async def main() -> None:
        fulfil = Fulfil()
        made = orders(6, mix=Mix(unknown_sku=1.0))
        known = {each.code for each in fulfil.products.values()}
        wanted = {order.order_id: next(sku for sku in order.skus if sku not in known) for order in made}
        assert len(set(wanted.values())) > 1
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.send(*made)
            await world.until_catalogue()
            came = wanted[made[0].order_id]
            fulfil.add(came)
            await anyio.sleep(180)
            assert {sale.identifier for sale in fulfil.sales.values()} == {
                order.order_id for order in made if wanted[order.order_id] == came
            }

    story(main)


@pytest.mark.parametrize("mended_by", ["archived", "recoded"])
def test_an_order_of_an_ambiguous_sku_is_held_until_one_product_has_it(tmp_path: Path, mended_by: str) -> None:
    """A second active product with the SKU appears: its orders are held, also after a restart, and then imported."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(30)
        sku = made[0].skus[0]
        (first,) = [each.id for each in fulfil.products.values() if each.code == sku]
        fulfil.add(sku)
        second = len(fulfil.products)
        theirs = {key_of(order) for order in made if sku in order.skus}
        store = tmp_path / "store.db"
        async with process(store, fulfil) as world:
            await world.until_catalogue()
            await world.send(*made)
            await world.until_sales(len(made) - len(theirs))
            assert await world.cases() == sorted(("sku.ambiguous", key) for key in theirs)
        async with process(store, fulfil) as world:
            await anyio.sleep(180)
            assert await world.cases() == sorted(("sku.ambiguous", key) for key in theirs)
            rows = await world.sql("SELECT DISTINCT sentence FROM exception_case")
            products = f"{first} ({sku}) and {second} ({sku})"
            assert rows == [(f"2 active products in Fulfil have the SKU {sku!r}: {products}",)]
            changes = {"active": False} if mended_by == "archived" else {"code": "OTHER-SKU"}
            fulfil.products[first] = msgspec.structs.replace(fulfil.products[first], **changes)
            await world.until_sales(len(made), within_s=180)
            assert await world.cases() == []

    story(main)


def test_an_order_that_is_refused_again_after_a_release_is_the_same_case(tmp_path: Path) -> None:
    """Its deadline runs from the first refusal: two releases in vain do not put it off; the sale ends it."""

    async def main() -> None:
        fulfil, (order,) = Fulfil(), orders(1)

        def refuses(kind: str) -> Failure | None:
            return Refused("no such channel", code="E1000") if kind == "create_order" else None

        async def opened() -> list[Any]:
            return await world.sql("SELECT opened_at, deadline_at FROM exception_case WHERE closed_at IS NULL")

        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            fulfil.weather = refuses
            await world.send(order)
            await world.until(opened)
            (first,) = await opened()
            for tries in (2, 3):
                await anyio.sleep(3_600)
                await world.engine.post("order_importer", key_of(order), Recheck(because="person"))
                await anyio.sleep(10)
                assert await opened() == [first]
                assert fulfil.calls["create_order"] == tries
            assert world.count("case.opened") == 1
            fulfil.weather = lambda _kind: None
            await world.engine.post("order_importer", key_of(order), Recheck(because="person"))
            await world.until_sales(1)
            assert (await opened(), world.count("case.closed")) == ([], 1)

    story(main)


@pytest.mark.parametrize(("seed", "shuffled"), BOTH)
def test_late_versions_never_overwrite_newer_ones(tmp_path: Path, seed: int, *, shuffled: bool) -> None:
    """Failure case 5, by the whole engine: an order, its edit and its cancel in any order end at the cancel."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(24)
        versions = [each for order in made for each in (order.body, upgraded(order.body), cancelled(order.body))]
        if shuffled:
            random.Random(seed).shuffle(versions)
        async with process(tmp_path / "store.db", fulfil, seed=seed, config=EngineConfig(window=4)) as world:
            await world.until_catalogue()
            for body in versions:
                await world.send(body)
            await world.until_idle()
            sold = {sale.identifier for sale in fulfil.sales.values()}
            for order in made:
                state = await world.state(order)
                assert state.version > "2026-11-20T08:20"
                assert state.status == ("imported" if order.order_id in sold else "cancelled")
            assert await world.cases() == sorted(
                ("order.cancelled", key_of(order)) for order in made if order.order_id in sold
            )
            assert len(fulfil.sales) == len(sold)

    story(main, seed=seed)


class Poisoned(OrderImporter):
    """An importer with a defect: one order makes its decision raise, and quotes the customer when it does."""

    victim = ""

    def decide(self, state: Any, message: Any, now: Any) -> Decision:
        if getattr(getattr(message, "order", None), "order_id", None) == self.victim:
            raise ValueError("cannot make sense of Ada Moss, ada@example.com")
        return super().decide(state, message, now)


def poison(order: GeneratedOrder) -> Any:
    def plant(world: World) -> None:
        world.importer.__class__ = type("Defect", (Poisoned,), {"victim": order.order_id})

    return plant


def test_a_poisoned_order_delays_nobody_and_a_restart_tries_again(tmp_path: Path) -> None:
    """Failure case 41: its key waits, whole and in order, with the place of the defect and nobody's name."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(30)
        store, victim = tmp_path / "store.db", made[7]
        async with process(store, fulfil, before=poison(victim)) as world:
            await world.until_catalogue()
            await world.send(*made, upgraded(victim.body))
            await world.until_sales(len(made) - 1)
            await world.send(cancelled(victim.body))
            await anyio.sleep(30)
            assert await world.cases() == [("step.parked", key_of(victim))]
            ((channel, key, _, reason, _),) = await world.journal.query("parked")
            assert (channel, key) == ("order_importer", key_of(victim))
            assert "ValueError at test_order_of_things.py" in reason
            assert "Ada" not in reason
            assert world.count("message.parked") == 1, "it is decided on once, not over and over"
            assert (await world.state(victim)).status == "new"
            assert world.restarts() == []
            assert await parking_of(world, victim) == [("parked", '{"error":"ValueError"}')]
        async with process(store, fulfil) as world:

            async def settled() -> bool:
                return (await world.state(victim)).version > "2026-11-20T08:20"

            await world.until(settled)
            await world.until_idle()
            assert {kind for kind, _ in await world.cases()} == {"order.cancelled"}
            assert len(fulfil.sales) == len(made)
            assert await world.journal.query("parked") == []
            assert await parking_of(world, victim) == [("parked", '{"error":"ValueError"}'), ("tried_again", "{}")]
            told = [kind for (kind,) in await world.sql("SELECT kind FROM fact WHERE subject = ?", key_of(victim))]
            assert told.index("tried_again") < told.index("decided")

    story(main)


async def parking_of(world: World, order: GeneratedOrder) -> list[Any]:
    """What the timeline of an order tells of messages that were set aside."""
    return await world.sql(
        "SELECT kind, data FROM fact WHERE subject = ? AND kind IN ('parked', 'tried_again') ORDER BY id", key_of(order)
    )


def test_an_order_that_is_parked_again_says_so_each_time(tmp_path: Path) -> None:
    """The same version of ours after a restart: tried, and set aside again; the defect is told each time it is met."""

    async def main() -> None:
        fulfil, (victim,) = Fulfil(), orders(1)
        store = tmp_path / "store.db"
        for restarts in range(3):
            async with process(store, fulfil, before=poison(victim)) as world:
                await world.index.ready.wait()
                await world.send(victim)
                await anyio.sleep(30)
                told = [kind for kind, _ in await parking_of(world, victim)]
                assert told == ["parked", *["tried_again", "parked"] * restarts]
                assert await world.cases() == [("step.parked", key_of(victim))]

    story(main)


def test_a_parked_order_stays_parked_while_its_call_ends(tmp_path: Path) -> None:
    """The outcome of a call in flight is recorded all the same; the parked message is not tried again by it."""

    async def main() -> None:
        fulfil, (order,) = Fulfil(), orders(1)
        fulfil.lose.append("after")

        class LaterPoisoned(Poisoned):
            victim = order.order_id

            def decide(self, state: Any, message: Any, now: Any) -> Decision:
                if state.status == "new":
                    return OrderImporter.decide(self, state, message, now)
                return super().decide(state, message, now)

        def plant(world: World) -> None:
            world.importer.__class__ = LaterPoisoned

        async with process(tmp_path / "store.db", fulfil, before=plant) as world:
            await world.until_catalogue()
            await world.send(order)
            await world.until(lambda: world.sql("SELECT 1 FROM intent WHERE unknown = 1"))
            await world.send(upgraded(order.body))
            await world.until_sales(1)
            await anyio.sleep(60)
            assert world.count("message.parked") == 1
            assert (await world.state(order)).status == "imported"
            assert await world.sql("SELECT count(*) FROM message") == [(1,)]

    story(main)


def test_a_message_that_nobody_can_read_parks_its_key_alone(tmp_path: Path) -> None:
    """Failure case 42: a row of another version is set aside; sixty others of the same batch go on."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(60)
        store = tmp_path / "store.db"
        async with process(store, fulfil) as world:
            await world.until_catalogue()
        async with process(store, fulfil) as world:
            id_ = world.journal.new_id()
            row = (id_, "order_importer", 0, "web/future", b'{"type":"OrderDreamt"}', None)
            await world.journal.write([("put_message", row)])
            world.engine.channels["order_importer"].nudge(id_)
            await world.send(*made)
            await world.until_sales(len(made))
            assert await world.cases() == [("step.parked", "web/future")]
            assert world.restarts() == []

    story(main)


def test_a_state_that_nobody_can_read_parks_its_key_alone(tmp_path: Path) -> None:
    """A state of another version does not take the batch down."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(40)
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            broken = (("order_importer", key_of(made[3]), b'{"status":"dreaming"}', None, None, None),)
            await world.journal.write([("put_state", row) for row in broken])
            await world.send(*made)
            await world.until_sales(len(made) - 1)
            assert await world.cases() == [("step.parked", key_of(made[3]))]
            assert world.restarts() == []

    story(main)


def test_a_batch_that_cannot_be_resolved_is_resolved_one_by_one(tmp_path: Path) -> None:
    """A defect in the shell parks the message it fails on, and no other of its batch."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(40)
        victim = made[5]

        class Defect(OrderImporter):
            async def resolve(self, items: Any) -> Any:
                if any(item.key == key_of(victim) for item in items):
                    raise RuntimeError("the whole batch fails")
                return await super().resolve(items)

        def plant(world: World) -> None:
            world.importer.__class__ = Defect

        async with process(tmp_path / "store.db", fulfil, before=plant) as world:
            await world.until_catalogue()
            await world.send(*made)
            await world.until_sales(len(made) - 1)
            assert await world.cases() == [("step.parked", key_of(victim))]
            assert world.restarts() == []

    story(main)


@pytest.mark.parametrize(("scope", "name"), [("partition", "web"), ("actor", "order_importer")])
def test_a_pause_survives_a_restart_and_ends_without_loss(tmp_path: Path, scope: Scope, name: str) -> None:
    """Paused: intake goes on, nothing is sent; another sales channel goes on; resumed: all of it, in order."""

    async def main() -> None:
        fulfil = Fulfil()
        web, outlet = orders(50), orders(20, sales_channel="outlet")
        store, small = tmp_path / "store.db", EngineConfig(window=8)
        async with process(store, fulfil, config=small) as world:
            await world.until_catalogue()
            await world.engine.pause(scope, name, "operator")
            await world.send(*web[:25], *outlet[:10])
            await anyio.sleep(60)
        async with process(store, fulfil, config=small) as world:
            await world.send(*web[25:], *outlet[10:])
            await world.send(*(upgraded(order.body) for order in web))
            await anyio.sleep(60)
            sold = {sale.channel for sale in fulfil.sales.values()}
            assert sold == ({4} if scope == "partition" else set())
            await world.engine.resume(scope, name, "operator")
            await world.until_sales(len(web) + len(outlet))
            await world.until_idle()
            assert len(fulfil.sales) == len(web) + len(outlet)
            facts = await world.sql("SELECT count(*) FROM fact WHERE kind = 'stale'")
            assert facts == [(0,)], "the edit came after the order, also in the pause"
            assert {kind for kind, _ in await world.cases()} == {"order.edited"}

    story(main)


def test_a_pause_of_a_sales_channel_keeps_its_calls_back(tmp_path: Path) -> None:
    """Calls that were decided on but not begun wait for the end of the pause; those of others go on."""

    async def main() -> None:
        fulfil = Fulfil()
        web, outlet = orders(60), orders(10, sales_channel="outlet")
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            fulfil.takes_s = 2.0
            await world.send(*web)
            await anyio.sleep(1.0)
            await world.engine.pause("partition", "web", "operator")
            await anyio.sleep(30)
            begun = len(fulfil.sales)
            assert begun <= 16 * 2
            await world.send(*outlet)
            await world.until_sales(begun + len(outlet))
            await anyio.sleep(30)
            assert len(fulfil.sales) == begun + len(outlet)
            await world.engine.resume("partition", "web", "operator")
            await world.until_sales(len(web) + len(outlet))
            assert all(len(bodies) == 1 for bodies in fulfil.bodies.values())

    story(main)


class Rings(OrderImporter):
    """An importer that sets a timer for each order, and counts the rings."""

    rung: list[tuple[str, bool]]

    def decide(self, state: Any, message: Any, now: Any) -> Decision:
        decision = super().decide(state, message, now)
        if isinstance(message, Recheck):
            self.rung.append((message.because, True))
        if getattr(message, "order", None) is not None:
            due = now.replace(microsecond=0) + msgspec.json.decode(b'"PT10M"', type=__import__("datetime").timedelta)
            ring: Message = Recheck(because=message.order.order_id)
            timers = (*decision.timers, Timer(name="ring", due=due, message=ring))
            decision = msgspec.structs.replace(decision, timers=timers)
        return decision


@pytest.mark.parametrize("down_s", [0, 60, 3_600])
def test_a_timer_rings_once_across_restarts(tmp_path: Path, down_s: float) -> None:
    """Due in ten minutes: the process that set it is gone, for a while or past the hour; each rings once."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(20)
        rung: list[tuple[str, bool]] = []
        store = tmp_path / "store.db"

        def plant(world: World) -> None:
            world.importer.__class__ = type("Ringing", (Rings,), {"rung": rung})

        async with process(store, fulfil, before=plant) as world:
            await world.until_catalogue()
            await world.send(*made)
            await world.until_sales(len(made))
        await anyio.sleep(down_s)
        async with process(store, fulfil, before=plant) as world:
            await anyio.sleep(700)
            await world.until_idle()
        async with process(store, fulfil, before=plant) as world:
            await anyio.sleep(700)
            assert sorted(because for because, _ in rung) == sorted(order.order_id for order in made)

    story(main)


def test_a_full_disk_for_a_minute_costs_time_and_nothing_else(tmp_path: Path) -> None:
    """Writes fail for want of room: parts wait and go on, no part is restarted, no order is lost or sent twice."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(40)
        async with process(tmp_path / "store.db", fulfil, config=EngineConfig(window=4)) as world:
            await world.until_catalogue()
            fulfil.takes_s = 3.0
            await world.send(*made)
            await anyio.sleep(1)
            fill_the_disk(world, for_s=60)
            await world.until_sales(len(made))
            await world.until_idle()
            assert world.restarts() == []
            assert all(len(bodies) == 1 for bodies in fulfil.bodies.values())
            assert await world.cases() == []
            await anyio.sleep(200)
            assert fulfil.calls["search_products"] > 3, "timers go on"

    story(main)


def fill_the_disk(world: World, for_s: float) -> None:
    """Let no transaction find room until then."""
    until = world.clock.monotonic() + for_s
    writer, original = world.journal.writer, Writer._transaction

    def transaction(connection: Any, apply: Any) -> int:
        if world.clock.monotonic() < until:
            raise StoreFull("the disk that holds the store is full")
        return original(writer, connection, apply)

    writer._transaction = transaction  # type: ignore[method-assign]


def test_the_same_seed_tells_the_same_story(tmp_path: Path) -> None:
    """Two runs with one seed write the same facts at the same instants; another seed may interleave otherwise."""

    def tell(name: str, seed: int) -> list[Any]:
        facts: list[Any] = []

        async def main() -> None:
            fulfil, made = Fulfil(), orders(40, mix=Mix(unknown_sku=0.1, wrong_total=0.1))
            draw = random.Random(SEED)
            fulfil.lose.extend(draw.choice(("before", "after", "no")) for _ in range(60))
            async with process(tmp_path / name, fulfil, seed=seed) as world:
                for order in made:
                    await world.send(order)
                await anyio.sleep(600)
                rows = await world.sql("SELECT subject, actor, kind, began_at, ended_at, data FROM fact ORDER BY id")
                facts.extend(rows)
                facts.append(sorted((sale.identifier, sale.id) for sale in fulfil.sales.values()))

        story(main, seed=seed)
        return facts

    assert tell("first.db", 5) == tell("second.db", 5)


def test_orders_that_are_dealt_with_leave_nothing_to_the_collector(tmp_path: Path) -> None:
    """A cycle would keep payload and call of each order in memory until the collector stops everything to find it."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(100)
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            gc.collect()
            gc.disable()
            try:
                await world.send(*made)
                await world.until_sales(len(made))
                await world.until_idle()
                assert gc.collect() < len(made)
            finally:
                gc.enable()

    story(main)
