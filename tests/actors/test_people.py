"""What people do to orders, in virtual time: patched, linked to a sale, released with all of one cause; and crashes."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import msgspec

from connectors.fulfil.changes import Page
from connectors.fulfil.models import Find, Ids
from connectors.fulfil.sales import Sale as SaleRow
from flows.demo.orders import GeneratedOrder, Mix
from flows.order_importer import NAME as ORDER_IMPORTER
from flows.order_importer.messages import LinkOrder, PatchOrder, RemovePatch
from flows.reading import Reading
from flows.reading.rows import Story
from flows.release import release_cause
from runtime.decision import Message
from tests.actors.world import Fulfil, World, away, key_of, orders, process, story


class Handmade(Fulfil):
    """The twin, with sales that somebody made by hand: found by number and by id."""

    def __init__(self) -> None:
        super().__init__()
        self.by_hand: dict[int, SaleRow] = {}

    def make(self, id_: int, total: str, **told: Any) -> SaleRow:
        """Make one."""
        row = SaleRow(
            id=id_, number=f"SO{id_}", state="processing", total_amount=Decimal(total), currency_code="USD",
        )  # fmt: skip
        self.by_hand[id_] = msgspec.structs.replace(row, **told)
        return self.by_hand[id_]

    async def perform(self, kind: str, body: bytes) -> Any:
        """Sales by number, and by id; everything else as the twin does it."""
        if kind not in ("find_sales", "read_sales"):
            return await super().perform(kind, body)
        self.calls[kind] += 1
        await anyio.sleep(self.takes_s)
        failure = self.weather(kind)
        if failure is not None:
            raise failure
        if kind == "read_sales":
            return tuple(self.by_hand[id_] for id_ in msgspec.json.decode(body, type=Ids).ids if id_ in self.by_hand)
        wanted = msgspec.json.decode(body, type=Find).values
        rows = tuple(row for _, row in sorted(self.by_hand.items()) if row.number in wanted)
        return Page(rows=rows, last_id=0, complete=True)


async def ask(world: World, order: GeneratedOrder, message: Message) -> None:
    """A person asks it of the order."""
    await world.engine.post(ORDER_IMPORTER, key_of(order), message)


def patch(order: GeneratedOrder, sku: str, *, reason: str = "typed wrong in the shop") -> PatchOrder:
    """What gives every line of the order this SKU; an array is replaced as a whole."""
    lines = json.loads(order.body)["line_items"]
    return PatchOrder(
        patch=json.dumps({"line_items": [{**line, "sku": sku} for line in lines]}), by="mona", reason=reason
    )


def link(sale: str) -> LinkOrder:
    return LinkOrder(sale=sale, by="mona", reason="typed in by hand while the shop was down")


def again(order: GeneratedOrder, year: str = "2027") -> bytes:
    """The same order, sent again as a later version."""
    return order.body.replace(b'"updated_at":"2026', f'"updated_at":"{year}'.encode())


def read(world: World) -> Reading:
    return Reading(world.journal.reading, world.journal.statements)


async def told(world: World, order: GeneratedOrder) -> Story:
    return await read(world).story(key_of(order))


async def facts(world: World, order: GeneratedOrder) -> list[str]:
    return [fact.kind for fact in (await told(world, order)).timeline]


async def actions(world: World) -> list[str]:
    """What is on record, in a chain that is whole."""
    entries, broken = await read(world).audited()
    assert broken is None
    return [entry.action for entry in entries]


# -- patches -----------------------------------------------------------------------------------------------------------


def test_a_patch_imports_a_held_order_and_is_in_every_later_version_of_it(tmp_path: Path) -> None:
    """Held for its SKU; patched, it is imported. The source sends it again without: it is the same order still, until
    somebody takes the patch away.
    """

    async def main() -> None:
        fulfil, store = Fulfil(), tmp_path / "store.db"
        (order,), (good,) = orders(1, mix=Mix(unknown_sku=1.0)), orders(1)
        async with process(store, fulfil) as world:
            await world.until_catalogue()
            await world.send(order)
            await world.until_idle()
            assert (await world.states())["held"] == 1
            await ask(world, order, patch(order, good.skus[0]))
            await world.until_sales(1)
            await world.until_idle()
            ((_, sale),) = fulfil.sales.items()
            assert sale.body.count(good.skus[0].encode()) == len(json.loads(order.body)["line_items"])
            assert await world.sql("SELECT count(*) FROM body WHERE bytes = ?", order.body) == [(1,)]
            await world.send(again(order))
            await world.until_idle()
            assert await world.cases() == []
        async with process(store, fulfil) as world:  # the patch outlasts a crash
            await world.until_catalogue()
            await world.send(again(order, "2028"))
            await world.until_idle()
            assert await world.cases() == []
            await ask(world, order, RemovePatch(by="ole", reason="the shop is right by now"))
            await world.until_idle()
            assert await world.cases() == [("order.edited", key_of(order))]
            await ask(world, order, patch(order, good.skus[0], reason="it is not"))
            await world.until_idle()
            assert await world.cases() == []
            assert len(fulfil.sales) == fulfil.calls["create_order"] == 1
            assert await facts(world, order) == [
                *(
                    "received",
                    "held",
                    "patched",
                    "decided",
                    "created",
                    "received",
                    "unchanged",
                    "received",
                    "unchanged",
                ),
                *("patch_removed", "edited_after_import", "patched", "unchanged"),
            ]
            assert await actions(world) == ["order.patch", "order.patch_remove", "order.patch"]

    story(main)


def test_a_patch_that_was_taken_outlasts_a_crash_before_it_is_decided_on(tmp_path: Path) -> None:
    """The person has an answer, and the process dies at once: patch, record and import follow after the restart."""

    async def main() -> None:
        fulfil, store = Fulfil(), tmp_path / "store.db"
        (order,), (good,) = orders(1, mix=Mix(unknown_sku=1.0)), orders(1)
        async with process(store, fulfil) as world:
            await world.until_catalogue()
            await world.send(order)
            await world.until_idle()
            await world.engine.pause("partition", "web", "mona")
            await ask(world, order, patch(order, good.skus[0]))
            assert (await told(world, order)).patch is None
        async with process(store, fulfil) as world:
            await world.engine.resume("partition", "web", "mona")
            await world.until_sales(1)
            await world.until_idle()
            assert len(fulfil.sales) == 1
            shown = (await told(world, order)).patch
            assert shown is not None
            assert (shown.decided_by, shown.fields) == ("mona", ("/line_items",))
            assert await actions(world) == ["order.patch"]

    story(main)


def test_a_crash_right_after_the_step_of_a_patch_repeats_nothing(tmp_path: Path) -> None:
    """Patch, record and the intent of the create are one transaction: the next process goes on from there."""

    async def main() -> None:
        fulfil, store = Fulfil(), tmp_path / "store.db"
        fulfil.takes_s = 5.0
        (order,), (good,) = orders(1, mix=Mix(unknown_sku=1.0)), orders(1)
        async with process(store, fulfil) as world:
            await world.until_catalogue()
            await world.send(order)
            await world.until_idle()
            await ask(world, order, patch(order, good.skus[0]))

            async def creating() -> bool:
                return (await world.states())["creating"] == 1

            await world.until(creating)
            assert fulfil.sales == {}
        async with process(store, fulfil) as world:
            await world.until_sales(1)
            await world.until_idle()
            assert await world.cases() == []
            assert len(fulfil.sales) == 1
            assert (await facts(world, order)).count("patched") == 1
            assert await actions(world) == ["order.patch"]

    story(main)


def test_an_edit_of_a_patched_order_is_compared_with_what_went_to_fulfil(tmp_path: Path) -> None:
    """The version that is there is read with its patch, too: what the patch changed is no edit."""

    async def main() -> None:
        fulfil, store = Fulfil(), tmp_path / "store.db"
        (order,), (good,) = orders(1, mix=Mix(unknown_sku=1.0)), orders(1)
        async with process(store, fulfil) as world:
            await world.until_catalogue()
            await world.send(order)
            await world.until_idle()
            await ask(world, order, patch(order, good.skus[0]))
            await world.until_sales(1)
            await world.send(again(order).replace(b'"city":"', b'"city":"New '))
            await world.until_idle()
            (case,) = [each for each in (await told(world, order)).cases if each.closed_at is None]
            assert case.kind == "order.edited"
            assert "the shipping address is another" in case.sentence
            assert good.skus[0] not in case.sentence

    story(main)


# -- links -------------------------------------------------------------------------------------------------------------


def test_an_order_that_was_made_by_hand_is_linked_and_never_created(tmp_path: Path) -> None:
    """By its number; the totals agree. Later versions are compared as with any sale, and cannot be made in it."""

    async def main() -> None:
        fulfil, store = Handmade(), tmp_path / "store.db"
        (order,) = orders(1, mix=Mix(unknown_sku=1.0))
        async with process(store, fulfil) as world:
            await world.until_catalogue()
            await world.send(order)
            await world.until_idle()
            fulfil.make(900, (await world.state(order)).amount)
            await ask(world, order, link("SO900"))
            await world.until_idle()
            state = await world.state(order)
            assert (state.status, state.sale, state.sale_number) == ("imported", 900, "SO900")
            assert await world.cases() == []
            await world.send(again(order))
            await world.until_idle()
            assert await world.cases() == []
            await world.send(again(order, "2028").replace(b'"city":"', b'"city":"New '))
            await world.until_idle()
            ((kind, _),) = await world.cases()
            assert kind == "order.edited"
            assert "made by hand" in (await told(world, order)).cases[0].sentence
            assert fulfil.calls["create_order"] == 0
            assert await actions(world) == ["order.link"]

    story(main)


def test_a_sale_that_says_something_else_is_linked_with_a_case(tmp_path: Path) -> None:
    """By its id, since no sale has that number. Another total: finance is told both, and what they differ by."""

    async def main() -> None:
        fulfil, store = Handmade(), tmp_path / "store.db"
        (order,) = orders(1, mix=Mix(unknown_sku=1.0))
        async with process(store, fulfil) as world:
            await world.until_catalogue()
            await world.send(order)
            await world.until_idle()
            total = Decimal((await world.state(order)).amount)
            fulfil.make(901, str(total + 1))
            await ask(world, order, link("901"))
            await world.until_idle()
            assert (await world.state(order)).sale == 901
            assert await world.cases() == [("sale.mismatch", key_of(order))]
            (case,) = [each for each in (await told(world, order)).cases if each.closed_at is None]
            assert case.sentence == f"sale SO901 in Fulfil has a total of {total + 1} USD, the order {total} USD"
            assert case.amount == "1.00"
            assert (fulfil.calls["find_sales"], fulfil.calls["read_sales"]) == (1, 1)

    story(main)


def test_while_a_sale_is_looked_up_nothing_is_created_and_a_crash_loses_nothing(tmp_path: Path) -> None:
    """Fulfil is away; the product appears, a version comes, the process dies: the link comes first, then they do."""

    async def main() -> None:
        fulfil, store = Handmade(), tmp_path / "store.db"
        first, second = orders(2, mix=Mix(unknown_sku=1.0))
        async with process(store, fulfil) as world:
            await world.until_catalogue()
            await world.send(first, second)
            await world.until_idle()
            fulfil.make(900, (await world.state(first)).amount)
            fulfil.weather = lambda kind: away(kind) if kind == "find_sales" else None
            await ask(world, first, link("SO900"))
            await ask(world, second, link("SO-NONE"))
            for cause in sorted({case[0] for case in await world.sql("SELECT DISTINCT cause FROM exception_case")}):
                fulfil.add(cause)
            await world.send(again(second))
            await anyio.sleep(300)
            assert fulfil.calls["create_order"] == 0
            assert fulfil.calls["find_sales"] > 1
        fulfil.weather = lambda _kind: None
        async with process(store, fulfil) as world:
            await world.until_sales(2)
            await world.until_idle()
            assert (await world.state(first)).sale == 900
            assert (await world.state(second)).sale == 1
            assert await world.cases() == []
            assert fulfil.calls["create_order"] == 1
            assert "link_refused" in await facts(world, second)
            assert sorted(await actions(world)) == ["order.link", "order.link_refused"]

    story(main)


def test_of_two_orders_that_ask_for_one_sale_one_has_it(tmp_path: Path) -> None:
    """At the same instant, and again after a restart: the other one is not linked, and stays where it was."""

    async def main() -> None:
        fulfil, store = Handmade(), tmp_path / "store.db"
        made = orders(6, mix=Mix(unknown_sku=1.0))
        fulfil.make(900, "10.00")
        async with process(store, fulfil) as world:
            await world.until_catalogue()
            await world.send(*made)
            await world.until_idle()
            for order in made[:5]:
                await ask(world, order, link("SO900"))
            await world.until_idle()
            states = await world.states()
            assert (states["imported"], states["held"]) == (1, 5)
        async with process(store, fulfil) as world:
            await ask(world, made[5], link("900"))
            await world.until_idle()
            assert (await world.states())["held"] == 5
            (last,) = [fact for fact in (await told(world, made[5])).timeline if fact.kind == "link_refused"]
            assert "linked to order web/" in last.values["why"]
            await world.until_idle()
            assert sorted(await actions(world)) == ["order.link", *["order.link_refused"] * 5]

    story(main)


# -- all of one cause --------------------------------------------------------------------------------------------------


def test_all_orders_of_one_cause_are_released_the_oldest_purchase_first(tmp_path: Path) -> None:
    """More than fit one transaction, over a crash; those that are held for something else are left alone."""

    async def main() -> None:
        fulfil, store = Fulfil(), tmp_path / "store.db"
        order, *others = orders(3, mix=Mix(unknown_sku=1.0))
        bodies = [order.body.replace(order.order_id.encode(), f"9{number:07d}".encode()) for number in range(700)]
        async with process(store, fulfil) as world:
            await world.until_catalogue()
            for first in range(0, 700, 100):
                await world.send(*bodies[first : first + 100])
            await world.send(*others)
            await world.until_idle()
            cause = (await world.sql("SELECT cause FROM exception_case WHERE subject = 'web/90000000'"))[0][0]
            said = {"kind": "sku.unknown", "cause": cause, "by": "mona", "reason": ""}
            answer = await release_cause(said, world.engine, world.journal, ORDER_IMPORTER)
            assert answer.startswith("700 orders held for sku.unknown")
        async with process(store, fulfil) as world:
            await world.until_idle()
            held = await world.sql("SELECT subject FROM fact WHERE kind = 'held' AND subject LIKE 'web/9%' ORDER BY id")
            assert len(held) == 1_400
            assert held[700:] == sorted(held[700:])
            for other in others:
                assert (await facts(world, other)).count("held") == 1
            assert await actions(world) == ["hold.release_cause"]

    story(main)
