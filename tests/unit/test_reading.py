"""What people may ask of the store: lists, searches and stories, beside a running process or without one."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.model.schema import ORDERS
from flows.reading import Reading, reading
from flows.reading.pages import Place, place_in
from flows.reading.rows import PauseRow
from runtime.clock import Instant, SystemClock, to_instant
from runtime.errors import StoreUnreadable
from runtime.journal.journal import Journal, opened
from runtime.journal.schema import Schema
from runtime.key import parts_of

pytestmark = pytest.mark.anyio

PLACED = datetime(2026, 11, 20, 8, tzinfo=UTC)


@contextlib.asynccontextmanager
async def both(path: Path, schema: Schema = ORDERS) -> AsyncIterator[tuple[Journal, Reading]]:
    """A process that writes, and somebody who asks."""
    store = path / "store.db"
    async with (
        opened(store, SystemClock(), lambda _event: None, (schema,)) as journal,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(journal.writer.run)
        async with reading(store) as read:
            yield journal, read
        tasks.cancel_scope.cancel()


def view(key: str, **changes: Any) -> tuple[str, tuple[Any, ...]]:
    sales_channel, order_id = parts_of(key)
    fields: dict[str, Any] = {
        "key": key,
        "sales_channel": sales_channel,
        "order_id": order_id,
        "reference": f"#{order_id}",
        "state": "imported",
        "proof": "proven",
        "amount": "10.00",
        "currency": "USD",
        "placed_at": to_instant(PLACED),
        "sale": 9,
        "sale_number": "SO9",
        "changed_at": 100,
    }
    return "put_order_view", tuple({**fields, **changes}.values())


def case(
    key: str, kind: str = "sku.unknown", owner: str = "ecommerce", deadline: int = 50
) -> tuple[str, tuple[Any, ...]]:
    return "open_case", (f"{key}{kind}", kind, key, "A", "s", owner, "10.00", "USD", 1, deadline)


async def test_orders_are_listed_by_their_latest_change_and_page_by_page(tmp_path: Path) -> None:
    """Filters by state and sales channel; the next page begins before the last change that was shown."""
    async with both(tmp_path) as (journal, read):
        await journal.write([view(f"web/{number}", changed_at=number) for number in range(1, 6)])
        await journal.write([view("outlet/9", changed_at=9, state="held", sale=None, sale_number=None, placed_at=None)])
        assert [row.order_id for row in await read.orders()] == ["9", "5", "4", "3", "2", "1"]
        first = await read.orders(sales_channel="web", limit=2)
        assert [row.order_id for row in first] == ["5", "4"]
        rest = await read.orders(sales_channel="web", before=first[-1].place)
        assert [row.order_id for row in rest] == ["3", "2", "1"]
        (held,) = await read.orders(state="held")
        assert (held.key, held.sale, held.placed_at, held.amount) == ("outlet/9", None, None, "10.00")
        assert first[0].placed_at == PLACED
        assert await read.orders_by_state() == [("outlet", "held", 1), ("web", "imported", 5)]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_pages_join_without_gap_or_repeat_when_a_whole_batch_changed_at_once(tmp_path: Path, limit: int) -> None:
    """A group commit stamps many orders, and many cases, with one instant: the next page begins after the last row."""
    async with both(tmp_path) as (journal, read):
        await journal.write([view(f"web/{number}", changed_at=5 + number // 5) for number in range(12)])
        await journal.write([case(f"web/{number}", deadline=50 + number // 5) for number in range(12)])
        orders = [row.key for row in await read.orders()]
        cases = [row.fingerprint for row in await read.cases()]
        assert (len(orders), len(cases)) == (12, 12)
        seen: list[str] = []
        at: Place | None = None
        while page := await read.orders(before=at, limit=limit):
            seen, at = seen + [row.key for row in page], page[-1].place
        assert seen == orders
        seen, at = [], None
        while held := await read.cases(after=at, limit=limit):
            seen, at = seen + [row.fingerprint for row in held], held[-1].place
        assert seen == cases


async def test_an_instant_alone_leaves_out_all_of_that_instant(tmp_path: Path) -> None:
    """`--before` an instant is before it, and `--after` a deadline is after it."""
    async with both(tmp_path) as (journal, read):
        await journal.write([view(f"web/{number}", changed_at=number // 2) for number in range(6)])
        await journal.write([case(f"web/{number}", deadline=number // 2) for number in range(2, 6)])
        assert [row.key for row in await read.orders(before=Place(Instant(1)))] == ["web/0", "web/1"]
        assert [row.subject for row in await read.cases(after=Place(Instant(1)))] == ["web/4", "web/5"]


_NAMES = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)


@given(st.integers(0, 4 * 10**15), st.none() | _NAMES)
def test_a_place_is_read_back_and_is_one_harmless_word(at: int, name: str | None) -> None:
    """Order ids are what others send: blanks, quotes, escape sequences. A shell and a terminal see none of it."""
    text = str(Place(Instant(at), name))
    assert place_in(text) == Place(Instant(at), name)
    assert re.fullmatch(r"[\w:.@%/~-]+", text, re.ASCII)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20T08:00:00Z", PLACED),
        ("2026-11-20T08:00:00.000000+00:00", PLACED),
        ("2026-11-20T09:00:00+01:00", PLACED),
        ("2026-11-20 08:00:00", PLACED),
        ("2026-11-20", PLACED.replace(hour=0)),
    ],
)
def test_an_instant_is_understood_however_people_write_it(text: str, moment: datetime) -> None:
    """Without an offset it is UTC."""
    assert place_in(text) == Place(to_instant(moment))


@pytest.mark.parametrize("text", ["yesterday", "", "@web/1", "2026-13-01"])
def test_what_is_no_instant_is_answered_with_one(text: str) -> None:
    """The sentence shows how it is written."""
    with pytest.raises(ValueError, match="2026-11-25T09:30:00Z"):
        place_in(text)


async def test_an_order_is_found_by_the_number_of_its_sale_unless_another_has_that_number_itself(
    tmp_path: Path,
) -> None:
    """What a person reads in Fulfil leads to the order."""
    async with both(tmp_path) as (journal, read):
        await journal.write([view("web/1", sale_number="SO90001"), view("web/2", sale_number="#3"), view("web/3")])
        assert await read.find("SO90001") == ["web/1"]
        assert await read.find("#3") == ["web/3"]


async def test_an_order_is_found_by_key_id_or_the_number_that_people_say(tmp_path: Path) -> None:
    """Several are all told; a received order is found before it is decided on; what nobody sent is not found."""
    async with both(tmp_path) as (journal, read):
        await journal.write([view("web/1"), view("web/2", reference="#1"), view("outlet/1")])
        assert await read.find("web/1") == ["web/1"]
        assert await read.find("1") == ["outlet/1", "web/1"]
        assert await read.find("#1") == ["outlet/1", "web/1", "web/2"]
        assert await read.find("nowhere/7") == []
        await journal.write([("put_fact", ("web/7", journal.new_id(), "intake", "received", 1, 2, "{}"))])
        assert await read.find("web/7") == ["web/7"]
        assert (await read.story("web/7")).order is None


async def test_an_order_is_found_with_and_without_the_sign_before_its_number(tmp_path: Path) -> None:
    """Unless one is named exactly so; where a sale has that number, too, both are told."""
    async with both(tmp_path) as (journal, read):
        await journal.write([view("web/a", reference="#1001"), view("web/b", reference="1002"), view("web/c")])
        assert await read.find("1001") == ["web/a"]
        assert await read.find("#1002") == ["web/b"]
        assert await read.find("##1002") == []
        await journal.write([view("web/d", reference="1001", sale_number="1003"), view("web/e", reference="#1003")])
        assert (await read.find("1001"), await read.find("#1001")) == (["web/d"], ["web/a"])
        assert await read.find("1003") == ["web/d", "web/e"]


async def test_an_order_is_found_by_what_paid_for_it_at_last(tmp_path: Path) -> None:
    """At whatever sales channel; an order of that number goes before it."""
    async with both(tmp_path) as (journal, read):
        paid = [("web", "ch_1", "web/1"), ("outlet", "ch_1", "outlet/7"), ("web", "5001", "web/2")]
        rows = [("put_order_tender", (*each, "sale", "10.00", "EUR")) for each in paid]
        await journal.write([*rows, view("web/3", reference="5002")])
        assert await read.find("ch_1") == ["outlet/7", "web/1"]
        assert await read.find("5001") == ["web/2"]
        assert await read.find("ch_2") == []
        await journal.write([view("web/4", reference="5001")])
        assert await read.find("5001") == ["web/4"]


async def test_a_story_is_the_order_its_cases_and_its_timeline(tmp_path: Path) -> None:
    """Open cases first; facts in order, with their values; nothing of any other order."""
    async with both(tmp_path) as (journal, read):
        facts = [
            ("put_fact", ("web/1", journal.new_id(), "intake", "received", 1, 2, "{}")),
            ("put_fact", ("web/1", journal.new_id(), "order_importer", "held", 3, 3, '{"causes":"x"}')),
            ("put_fact", ("web/10", journal.new_id(), "intake", "received", 1, 2, "{}")),
        ]
        closed = ("close_case", (7, "order imported", "web/1order.contradiction"))
        await journal.write([view("web/1"), case("web/1", "order.contradiction", "finance"), case("web/1"), *facts])
        await journal.write([closed])
        story = await read.story("web/1")
        assert story.order is not None
        assert [(each.kind, each.closed_how) for each in story.cases] == [
            ("sku.unknown", None),
            ("order.contradiction", "order imported"),
        ]
        assert [(fact.kind, fact.values) for fact in story.timeline] == [("received", {}), ("held", {"causes": "x"})]
        empty = await read.story("web/404")
        assert (empty.order, empty.cases, empty.timeline) == (None, (), ())


async def test_open_cases_come_by_deadline_and_are_counted(tmp_path: Path) -> None:
    """By owner and kind; a closed one is in no list."""
    async with both(tmp_path) as (journal, read):
        await journal.write(
            [case("web/1", deadline=30), case("web/2", deadline=20), case("web/3", "tax.unmapped", "finance", 10)]
        )
        assert [each.subject for each in await read.cases()] == ["web/3", "web/2", "web/1"]
        assert [each.subject for each in await read.cases(owner="ecommerce")] == ["web/2", "web/1"]
        assert [each.subject for each in await read.cases(kind="tax.unmapped")] == ["web/3"]
        assert [each.subject for each in await read.cases(limit=1)] == ["web/3"]
        await journal.write([("close_case", (7, "done", "web/3tax.unmapped"))])
        assert [each.subject for each in await read.cases()] == ["web/2", "web/1"]
        assert [row[:4] for row in await read.cases_counted()] == [("sku.unknown", "ecommerce", "USD", 2)]


async def test_a_case_that_begins_again_has_a_new_beginning_and_one_that_goes_on_keeps_its_own(tmp_path: Path) -> None:
    """The same fingerprint is the same row."""
    async with both(tmp_path) as (journal, read):
        again = ("open_case", (*case("web/1")[1][:8], 5, 60))
        await journal.write([case("web/1")])
        await journal.write([again])
        (kept,) = await read.cases()
        assert to_instant(kept.opened_at) == 1
        await journal.write([("close_case", (7, "done", "web/1sku.unknown"))])
        await journal.write([again])
        (anew,) = await read.cases()
        assert (to_instant(anew.opened_at), to_instant(anew.deadline_at), anew.closed_at) == (
            Instant(5),
            Instant(60),
            None,
        )


def delivered(key: str, id_: int, version: str = "1") -> tuple[str, tuple[Any, ...]]:
    return "put_delivery", (key, version, b"digest", id_)


def queued(key: str, id_: int, channel: str = "order_importer") -> tuple[str, tuple[Any, ...]]:
    return "put_message", (id_, channel, 0, key, b"{}", id_)


async def test_an_order_is_found_by_its_id_before_it_is_decided_on(tmp_path: Path) -> None:
    """At whatever sales channel it was received, also when another one has an order of this id; none that is alike."""
    keys = ["a/7", "web/1", "web/12", "web-2/1", "web-2/10", "web-20/1", "outlet/2", "zoo/x/1"]
    async with both(tmp_path) as (journal, read):
        assert await read.find("1") == []
        await journal.write([delivered(key, number) for number, key in enumerate(keys, 1)])
        await journal.write([delivered("web/1", 99, "2")])
        assert await read.find("1") == ["web-2/1", "web-20/1", "web/1"]
        assert await read.find("7") == ["a/7"]
        assert await read.find("x/1") == ["zoo/x/1"]
        assert await read.find("") == []
        assert await read.find("3") == []
        await journal.write([view("outlet/1", reference="#9"), view("web/1", reference="1")])
        assert await read.find("1") == ["outlet/1", "web-2/1", "web-20/1", "web/1"]
        assert await read.find("#9") == ["outlet/1"]


async def test_orders_that_nobody_has_decided_on_are_counted(tmp_path: Path) -> None:
    """Once each, however many versions wait; one that is known and has a newer version is not among them."""
    async with both(tmp_path) as (journal, read):
        await journal.write([queued("web/1", 1), queued("web/1", 2), queued("web/2", 3), queued("system/x", 4, "desk")])
        await journal.write([("put_state", ("order_importer", "web/2", b"{}", None, None, None))])
        assert await read.undecided() == 1


async def test_pauses_are_told_with_who_and_when_and_how_many_orders_wait(tmp_path: Path) -> None:
    """What is stopped must not be forgotten: orders not decided on, and sales not created, each order once."""
    intent = (
        "put_intent",
        (9, "order_importer", "web/1", "fulfil", "orders", "create_order", "keyed", b"", b"", 0, 0, 0),
    )
    other = (
        "put_intent",
        (10, "order_importer", "web/3", "fulfil", "orders", "create_order", "keyed", b"", b"", 0, 0, 0),
    )
    async with both(tmp_path) as (journal, read):
        await journal.write([queued("web/1", 1), queued("web/2", 2), queued("web-2/3", 3), queued("web2/4", 4)])
        await journal.write([intent, other])
        await journal.write([("put_pause", ("actor", "desk", to_instant(PLACED), "mona"))])
        await journal.write([("put_pause", ("partition", "web", to_instant(PLACED), "operator"))])
        web, desk = await read.pauses()
        assert web == PauseRow(scope="sales channel", name="web", since=PLACED, by="operator", waiting=3)
        assert desk == PauseRow(scope="actor", name="desk", since=PLACED, by="mona", waiting=0)
        assert (web.resume, desk.resume) == ("seamline resume web", "seamline resume --actor desk")
        assert (await read.story("web/1")).pauses == (web,)
        assert (await read.story("web2/4")).pauses == ()
        await journal.write([("put_pause", ("actor", "order_importer", to_instant(PLACED), "mona"))])
        (stopped,) = (await read.story("web2/4")).pauses
        assert (stopped.name, stopped.waiting) == ("order_importer", 4)


@pytest.mark.parametrize("content", [None, b"not a database at all, and long enough to be looked at" * 40, b""])
async def test_what_is_no_store_is_said_in_a_sentence(tmp_path: Path, content: bytes | None) -> None:
    """No file, another file, an empty file: exit status 65 and a next step, never a trace of SQLite."""
    store = tmp_path / "store.db"
    if content is not None:
        store.write_bytes(content)
    with pytest.raises(StoreUnreadable):
        async with reading(store) as read:
            await read.orders()


async def test_a_store_that_is_not_there_is_named_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path says from where it counts; an absolute one needs no such hint."""
    monkeypatch.chdir(tmp_path)
    for path, hint in (
        (Path("var/s.db"), " (store.path is relative to the working directory)"),
        (tmp_path / "t.db", ""),
    ):
        with pytest.raises(StoreUnreadable) as refused:
            async with reading(path):
                pass
        assert str(refused.value).startswith(
            f"there is no store at {tmp_path / path}{hint}; start `seamline run` first"
        )


async def test_a_store_with_the_index_by_state_lists_the_same_orders_without_it(tmp_path: Path) -> None:
    """Failure case 42: an upgrade drops an index; no order is lost from any list."""
    earlier = tmp_path / "earlier"
    earlier.mkdir()
    for name in ("0001_orders.sql", "0002_products.sql"):
        (earlier / name).write_text((ORDERS.migrations / name).read_text(encoding="utf-8"))
    async with both(tmp_path, Schema("orders", earlier, ORDERS.queries)) as (journal, _):
        await journal.write([view("web/1", changed_at=1), view("web/2", changed_at=2, state="held")])
        assert "order_view_by_state" in await indexes(journal)
    async with both(tmp_path) as (journal, read):
        assert [row.key for row in await read.orders()] == ["web/2", "web/1"]
        assert [row.key for row in await read.orders(state="held")] == ["web/2"]
        assert "order_view_by_state" not in await indexes(journal)


async def test_an_upgrade_no_longer_counts_orders_as_told_whose_shipment_is_held(tmp_path: Path) -> None:
    """An earlier version did; nothing would have corrected it before the shipment is told."""
    earlier = tmp_path / "earlier"
    earlier.mkdir()
    for file in ORDERS.migrations.iterdir():
        if file.name < "0020":
            (earlier / file.name).write_text(file.read_text(encoding="utf-8"))
    async with both(tmp_path, Schema("orders", earlier, ORDERS.queries)) as (journal, _):
        for key, state in ("web/1", "held"), ("web/2", "told"):
            notice = ("web", f"out-{key}", key, "out-1", "CS1", 0, state, "", "", "", "", 0, "[]", "1", 1, 1)
            await journal.write([view(key, changed_at=1), ("put_fulfilment", (*notice, None, None, 1, 1, None))])
            await journal.write([("put_order_shipping", (key, "web", "told", "1", "1", 1))])
    async with both(tmp_path) as (_, read):
        assert {row.key: row.shipping for row in await read.orders()} == {"web/1": "shipped", "web/2": "told"}


async def test_every_index_serves_a_statement(tmp_path: Path) -> None:
    """One that no query plan names costs every order its share of writing, for nothing."""
    async with both(tmp_path) as (journal, _):
        plans = ""
        for statement in journal.statements.all():
            text = statement.text(2)
            numbered = [int(part) for part in re.findall(r"\?(\d+)", text)]
            nulls = (None,) * (max(numbered) if numbered else text.count("?"))
            rows = await journal.writing.run(
                lambda connection, text=text, nulls=nulls: connection.execute(
                    f"EXPLAIN QUERY PLAN {text}", nulls
                ).fetchall()
            )
            plans += "".join(f"{row[3]} " for row in rows)
        assert [name for name in await indexes(journal) if f"INDEX {name} " not in plans] == []


async def indexes(journal: Journal) -> list[str]:
    """The indexes that migrations made, by name."""
    asked = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name"
    rows = await journal.reading.run(lambda connection: connection.execute(asked).fetchall())
    return [name for (name,) in rows]
