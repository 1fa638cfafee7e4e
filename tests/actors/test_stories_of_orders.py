"""Stories of orders as sales channels really send them: twice, by two ways, without a SKU, without a customer, beside
one that is broken, echoed after our own writes, and a day late. Each was seen to go wrong elsewhere.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from connectors.fulfil.failures import failure_for
from flows.demo.orders import GeneratedOrder, Mix
from flows.demo.traffic import upgraded
from runtime.clock import to_datetime
from runtime.errors import StoreFull
from runtime.journal.writer import Writer
from tests.actors.world import Fulfil, World, key_of, orders, process, story


def changed(order: GeneratedOrder, *, minutes: int = 1, **changes: Any) -> bytes:
    """The same order as it was updated some minutes later, with some fields changed; `...` drops one."""
    content = {**msgspec.json.decode(order.body), "updated_at": f"2026-11-20T10:{minutes:02}:00+00:00", **changes}
    return msgspec.json.encode({name: value for name, value in content.items() if value is not ...})


def with_lines(order: GeneratedOrder, **changes: Any) -> bytes:
    """The order with some fields of each line changed."""
    content = msgspec.json.decode(order.body)
    return changed(order, line_items=[{**line, **changes} for line in content["line_items"]])


async def told(world: World, order: GeneratedOrder) -> list[str]:
    """The timeline of an order."""
    rows = await world.sql("SELECT kind FROM fact WHERE subject = ? ORDER BY id", key_of(order))
    return [kind for (kind,) in rows]


async def opened(world: World, order: GeneratedOrder) -> list[Any]:
    """The open cases of an order, with their beginnings."""
    return await world.sql(
        "SELECT kind, opened_at, sentence FROM exception_case WHERE subject = ? AND closed_at IS NULL", key_of(order)
    )


# -- the same order again ----------------------------------------------------------------------------------------------


def test_a_thousand_copies_of_an_order_at_once_are_one_sale(tmp_path: Path) -> None:
    """Failure case 1: parallel duplicates are known, each with its receipt, and Fulfil is asked for one sale."""

    async def main() -> None:
        fulfil, (order,) = Fulfil(), orders(1)
        news: list[bool] = []
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()

            async def deliver(after_s: float) -> None:
                await anyio.sleep(after_s)
                (receipt,) = await world.send(order)
                news.append(receipt.new)

            async with anyio.create_task_group() as tasks:
                for number in range(1_000):
                    tasks.start_soon(deliver, 0.04 * (number % 3))
            await world.until_sales(1)
            await world.until_idle()
            assert (news.count(True), len(news)) == (1, 1_000)
            assert (fulfil.calls["create_order"], len(fulfil.sales)) == (1, 1)

    story(main)


def test_a_poll_that_brings_a_newer_update_of_a_pushed_order_makes_no_second_sale(tmp_path: Path) -> None:
    """Failure case 2: a second later with a newer `updated_at`: nothing new is no news, an edit is an edit."""

    async def main() -> None:
        fulfil, (same, edited) = Fulfil(), orders(2)
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            for order, polled in ((same, changed(same, note="left at the door")), (edited, upgraded(edited.body))):
                await world.send(order)
                await anyio.sleep(1)
                (receipt,) = await world.send(polled)
                assert receipt.new, "it is another version, and is decided on"
            await world.until_sales(2)
            await world.until_idle()
            assert fulfil.calls["create_order"] == len(fulfil.sales) == 2
            assert (await told(world, same))[-1] == "unchanged"
            assert await world.cases() == [("order.edited", key_of(edited))]

    story(main)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_ten_thousand_orders_of_which_one_answer_in_twenty_is_lost_are_ten_thousand_sales(tmp_path: Path) -> None:
    """Failure case 3 at its full size, through the whole engine: half of the lost ones were applied, half were not."""

    async def main() -> None:
        fulfil, count, draw = Fulfil(), 10_000, random.Random(5)
        fulfil.lose.extend(draw.choices(("no", "before", "after"), (0.95, 0.025, 0.025), k=2 * count))
        async with process(tmp_path / "store.db", fulfil) as world:
            made = orders(count)
            for first in range(0, count, 100):
                await world.send(*made[first : first + 100])
            await world.until_sales(count)
            await world.until_idle()
            assert len(fulfil.began) == len(set(fulfil.began)) == len(fulfil.sales) == count
            assert fulfil.calls["look"] > count / 25
            assert await world.cases() == []

    story(main)


# -- orders that lack something ----------------------------------------------------------------------------------------


def test_of_a_page_of_fifty_orders_the_one_that_cannot_be_read_is_held_and_the_others_are_sold(tmp_path: Path) -> None:
    """Failure case 9, through the importer: accepted in one request, the 17th is held on disk; nothing stops."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(50)
        broken = made[16]
        page = [each if each is not broken else changed(each, total_price="a lot") for each in made]
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            receipts = await world.send(*page)
            assert [receipt.new for receipt in receipts] == [True] * 50
            await world.until_sales(49)
            await world.until_idle()
            assert await world.cases() == [("order.unreadable", key_of(broken))]
            assert await world.sql("SELECT count(*) FROM body WHERE delivery IN (SELECT keeps FROM state)") == [(1,)]

    story(main)


def test_an_old_order_of_a_deleted_variant_is_sold_by_the_sku_that_its_line_kept(tmp_path: Path) -> None:
    """Failure case 12: product and variant are null; the line's own SKU counts. Without one it is held."""

    async def main() -> None:
        fulfil, (kept, lost, plain) = Fulfil(), orders(3)
        gone = {"product_id": None, "variant_id": None, "product_exists": False, "variant_title": None}
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            await world.send(with_lines(kept, **gone), with_lines(lost, **gone, sku=None), plain)
            await world.until_sales(2)
            await world.until_idle()
            assert {sale.identifier for sale in fulfil.sales.values()} == {kept.order_id, plain.order_id}
            assert await world.cases() == [("sku.unknown", key_of(lost))]
            ((_, _, sentence),) = await opened(world, lost)
            assert "a line without a SKU" in sentence
            assert world.restarts() == []

    story(main)


def test_guests_who_share_an_address_and_orders_of_nobody_are_sold_like_all_others(tmp_path: Path) -> None:
    """Failure case 13: two guests of one mail, one without a mail, one without a name: four sales, no case."""

    async def main() -> None:
        fulfil, made = Fulfil(), orders(4)
        no_mail = {"customer": None, "email": None, "contact_email": None, "phone": None}
        guest = {**no_mail, "email": "Shared@Example.com"}
        nameless = {"first_name": None, "last_name": None, "name": None}
        address = {**msgspec.json.decode(made[3].body)["billing_address"], **nameless, "phone": None}
        nobody = {**no_mail, "billing_address": address, "shipping_address": address}
        bodies = [changed(each, **of) for each, of in zip(made, (guest, guest, no_mail, nobody), strict=True)]
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            await world.send(*bodies)
            await world.until_sales(4)
            await world.until_idle()
            assert await world.cases() == []
            assert world.restarts() == []
            assert all(len(sent) == 1 for sent in fulfil.bodies.values())
            sent = [msgspec.json.decode(fulfil.bodies[each.order_id][0])[1]["customer"] for each in made]
            mails = [dict(each.get("contacts", [])).get("email") for each in sent]
            assert [mail and mail.lower() for mail in mails] == ["shared@example.com"] * 2 + [None] * 2
            assert all(each["name"] for each in sent), "Fulfil makes no party without a name"

    story(main)


# -- what our own writes come back as ----------------------------------------------------------------------------------


def test_an_echo_of_our_own_write_clears_no_case_and_costs_no_call(tmp_path: Path) -> None:
    """Failure case 17: Fulfil's number written at the sales channel comes back as an update. A held order stays held, a
    case of a sale stays open, both since when they began; Fulfil is not called.
    """

    async def main() -> None:
        fulfil, made = Fulfil(), orders(2)
        (held,) = orders(1, sales_channel="outlet", mix=Mix(unknown_sku=1.0))
        edited, plain = made
        written = {"note_attributes": [{"name": "erp", "value": "SO1"}], "tags": "in-erp", "note": "SO1"}
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            await world.send(edited, plain, held)
            await world.until_sales(2)
            await world.send(upgraded(edited.body))
            await anyio.sleep(600)
            before = {order.order_id: await opened(world, order) for order in (edited, plain, held)}
            assert [len(cases) for cases in before.values()] == [1, 0, 1]
            calls = fulfil.calls["create_order"], fulfil.calls["look"], fulfil.calls["find_sale"]
            echo_of_edit = {
                **msgspec.json.decode(upgraded(edited.body)),
                **written,
                "updated_at": "2026-11-20T11:00:00Z",
            }
            await world.send(msgspec.json.encode(echo_of_edit), changed(plain, **written), changed(held, **written))
            await anyio.sleep(600)
            assert {order.order_id: await opened(world, order) for order in (edited, plain, held)} == before
            assert (fulfil.calls["create_order"], fulfil.calls["look"], fulfil.calls["find_sale"]) == calls
            assert (await told(world, plain))[-1] == "unchanged"
            assert [(await world.state(order)).status for order in (edited, plain, held)] == [
                "imported", "imported", "held",
            ]  # fmt: skip

    story(main)


# -- dates, and failures that are hard to write down -------------------------------------------------------------------


def test_an_order_that_is_imported_long_after_it_was_placed_is_dated_by_its_purchase(tmp_path: Path) -> None:
    """Failure case 36: of weeks ago, paused, and imported by the next process, its sale has the instant of purchase."""
    placed = datetime(2025, 11, 20, 23, 59, 30, tzinfo=UTC)

    async def main() -> None:
        fulfil, (order,) = Fulfil(), orders(1, placed_from=placed)
        store = tmp_path / "store.db"
        async with process(store, fulfil) as world:
            await world.until_catalogue()
            await world.engine.pause("partition", "web", "somebody")
            await world.send(order)
            await anyio.sleep(60)
        async with process(store, fulfil) as world:
            await anyio.sleep(60)
            assert not fulfil.sales
            await world.engine.resume("partition", "web", "somebody")
            await world.until_sales(1)
            assert to_datetime(world.clock.now()) - placed > timedelta(days=1)
            (sent,) = fulfil.bodies[order.order_id]
            assert msgspec.json.decode(sent)[1]["confirmed_at"] == placed.isoformat()

    story(main)


REASONS = (
    *(b"", b"null", b"\xff\xfe\x00", b"<html>" + b"x" * 100_000, b"a \x00\x1b[2J\r\n b"),
    *(b'{"type":"UserError","message":"\\ud800 half a character"}', b'{"message":"\\u0000\\u001b[31m"}'),
    *(b'{"message":"\' OR 1=1; -- {reason!r} %s"}', b'{"message":"' + "原因".encode() * 4_000 + b'"}'),
)


def test_a_refusal_that_is_hard_to_write_down_is_held_and_told_all_the_same(tmp_path: Path) -> None:
    """Failure case 37: Fulfil's reason is empty, too long, no text, or half a character, and the disk is full when it
    comes. Each order is held once, with a sentence of bounded length; their neighbour is sold.
    """

    async def main() -> None:
        fulfil, made = Fulfil(), orders(len(REASONS) + 1)
        refused = {order.order_id: reason for order, reason in zip(made, REASONS, strict=False)}
        asked: list[str] = []
        create = fulfil._create

        def refuse(body: bytes) -> Any:
            identifier = msgspec.json.decode(body)[1]["channel_identifier"]
            if identifier in refused:
                asked.append(identifier)
                raise failure_for(400, {}, refused[identifier], is_write=True)
            return create(body)

        fulfil._create = refuse  # type: ignore[method-assign]
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            await world.send(*made)
            await anyio.sleep(0.02)
            fill_the_disk(world, for_s=20)
            await world.until_sales(1)
            await world.until_idle()
            assert await world.states() == {"held": len(refused), "imported": 1}
            assert sorted(asked) == sorted(refused), "each is asked for once"
            rows = await world.sql("SELECT kind, sentence FROM exception_case WHERE closed_at IS NULL")
            assert [kind for kind, _ in rows] == ["fulfil.refused"] * len(refused)
            assert all(len("Fulfil refused the order: ") < len(sentence) < 400 for _, sentence in rows)
            assert all(sentence.isprintable() for _, sentence in rows)
            assert world.restarts() == []

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
