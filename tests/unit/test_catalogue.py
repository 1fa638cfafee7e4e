"""The catalogue: page after page into the index, who is released when, and what the index makes of odd products."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.fulfil.wire import Product, ProductPage, ProductPageRequest
from flows.catalogue import KEY, NAME, Catalogue, CatalogueState, Sync
from flows.exceptions.kinds import ExceptionCase
from flows.model.messages import Recheck
from flows.model.schema import ORDERS
from flows.model.skus import SkuIndex
from runtime.actor import Item
from runtime.channel import BULK
from runtime.clock import SystemClock
from runtime.decision import Decision, EffectDone, EffectExhausted, EffectRefused, Message, Repeat
from runtime.journal.journal import Journal, opened
from runtime.journal.schema import Schema
from runtime.schedule import Interval

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
EVERY, OVERLAP = timedelta(minutes=1), timedelta(minutes=5)


@contextlib.asynccontextmanager
async def catalogue(path: Path, schema: Schema = ORDERS) -> AsyncIterator[tuple[Catalogue, Journal]]:
    """A catalogue over a store of its own."""
    async with (
        opened(path / "store.db", SystemClock(), lambda _event: None, (schema,)) as journal,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(journal.writer.run)
        yield made(journal), journal
        tasks.cancel_scope.cancel()


def made(journal: Journal) -> Catalogue:
    schedule = Interval(EVERY.total_seconds())
    return Catalogue(SkuIndex(), journal, page_size=2, schedule=schedule, overlap=OVERLAP, emit=lambda _event: None)


def page(*products: Product, complete: bool = True) -> EffectDone:
    result = ProductPage(products=products, last_id=products[-1].id if products else 0, complete=complete)
    return EffectDone(intent=1, kind="search_products", result=result, began_us=1, ended_us=2, attempts=1)


def product(id_: int, code: str, *, active: bool = True, sellable: bool | None = None) -> Product:
    return Product(id=id_, code=code, name=code, active=active, sellable=sellable)


async def decided(at: Catalogue, state: CatalogueState, message: Message, now: datetime = NOW) -> Decision:
    (resolved,) = await at.resolve([Item(KEY, state, message, None)])
    assert isinstance(resolved, Message)
    return at.decide(state, resolved, now)


async def store(journal: Journal, decision: Decision) -> None:
    """What the step would write."""
    await journal.write([(write.statement, write.row) for write in decision.writes])


def asked(decision: Decision) -> ProductPageRequest:
    (effect,) = decision.effects
    assert (effect.kind, effect.repeat, effect.share) == ("search_products", Repeat.SAFE, "rest")
    return msgspec.json.decode(effect.body, type=ProductPageRequest)


async def hold(journal: Journal, key: str, sku: str, placed_at: int, kind: str = "sku.unknown") -> None:
    """An order that waits for a SKU."""
    order = (key, "web", key, key, "held", "proven", "1", "USD", placed_at, None, None, 1)
    case = (f"{key}{sku}", kind, key, sku, "s", "ecommerce", "1", "USD", 1, 2)
    await journal.write([("put_order_view", order), ("open_case", case)])


async def test_a_sync_reads_page_after_page_and_comes_back_later(tmp_path: Path) -> None:
    """Everything the first time; then only what changed since the last complete sync began, with an overlap."""
    async with catalogue(tmp_path) as (at, journal):
        begun = at.decide(CatalogueState(), Sync(), NOW)
        assert asked(begun) == ProductPageRequest(changed_since=None, after_id=0, limit=2)
        more = await decided(at, begun.state, page(product(1, "A"), product(2, "B"), complete=False))
        assert (asked(more).after_id, more.timers) == (2, ())
        assert not at.index.ready.is_set()
        last = await decided(at, more.state, page(product(3, "C")), NOW + timedelta(seconds=30))
        assert at.index.ready.is_set()
        assert [at.index.sellable(sku) for sku in "ABCD"] == [True, True, True, False]
        assert last.state.complete_to == NOW - OVERLAP
        (timer,) = last.timers
        assert (timer.due, timer.message) == (NOW + timedelta(seconds=30) + EVERY, Sync())
        assert asked(at.decide(last.state, Sync(), NOW + EVERY)).changed_since == NOW - OVERLAP
        for each in (begun, more, last):
            await store(journal, each)
        assert [row[0] for row in await journal.query("products", 0, 10)] == [1, 2, 3]


def test_a_sync_under_way_is_not_begun_twice() -> None:
    """The timer comes back; nothing is read twice at once."""
    at = made(None)  # type: ignore[arg-type]
    running = CatalogueState(began=NOW)
    decision = at.decide(running, Sync(), NOW + EVERY)
    assert (decision.state, decision.effects) == (running, ())
    assert len(decision.timers) == 1


@pytest.mark.parametrize(
    "outcome",
    [
        EffectRefused(intent=1, kind="search_products", code="400", sentence="no", began_us=1, ended_us=2, attempts=1),
        EffectExhausted(
            intent=1, kind="search_products", cause="unavailable", sentence="no", began_us=1, ended_us=2, attempts=3
        ),
    ],
)
def test_a_sync_that_is_refused_is_a_case_until_one_is_complete(outcome: Any) -> None:
    """It is tried again by the timer; the case keeps its beginning, and ends with the next complete sync."""
    at = made(None)  # type: ignore[arg-type]
    first = at.decide(CatalogueState(began=NOW), outcome, NOW)
    again = at.decide(first.state, outcome, NOW + EVERY)
    assert [case.kind for case in again.state.cases] == ["catalogue.refused"]
    assert again.state.cases[0].opened_at == NOW
    assert (again.state.began, len(again.timers)) == (None, 1)


async def test_whoever_waits_for_a_product_that_came_is_released_in_order_of_purchase(tmp_path: Path) -> None:
    """Across SKUs, each order once, as bulk, and only with the last page."""
    async with catalogue(tmp_path) as (at, journal):
        for key, sku, placed_at in (("c", "A", 30), ("a", "B", 10), ("b", "A", 20), ("d", "NEVER", 5), ("b", "B", 20)):
            await hold(journal, key, sku, placed_at)
        state = CatalogueState(began=NOW)
        first = await decided(at, state, page(product(1, "A"), product(2, "B"), complete=False))
        assert first.emits == ()
        last = await decided(at, state, page())
        assert [emit.key for emit in last.emits] == ["a", "b", "c"]
        assert {(emit.channel, emit.priority) for emit in last.emits} == {("order_importer", BULK)}
        assert last.emits[0].message == Recheck(because="catalogue")


@pytest.mark.parametrize(
    ("held_for", "products", "released"),
    [
        ("sku.ambiguous", (product(1, "A"), product(2, "A")), False),
        ("sku.ambiguous", (product(1, "A"), product(2, "A", active=False)), True),
        ("sku.ambiguous", (product(1, "A"), product(2, "B")), True),
        ("sku.ambiguous", (product(1, "A", active=False), product(2, "A", sellable=False)), True),
        ("sku.ambiguous", (product(1, "A"), product(2, "A"), product(3, "A")), False),
        ("sku.unknown", (product(1, "A"), product(2, "A")), True),
        ("sku.unknown", (product(1, "A", active=False),), False),
    ],
    ids=["still two", "one archived", "one recoded", "none left", "a third", "unknown, now two", "unknown, inactive"],
)
async def test_an_order_is_looked_at_again_when_its_sku_is_no_longer_what_it_is_held_for(
    tmp_path: Path, held_for: str, products: tuple[Product, ...], *, released: bool
) -> None:
    """Whatever comes of it: imported, or held for what is the matter now."""
    async with catalogue(tmp_path) as (at, journal):
        await hold(journal, "web/1", "A", 1, held_for)
        last = await decided(at, CatalogueState(began=NOW), page(*products))
        assert [emit.key for emit in last.emits] == ["web/1"] * released


async def test_releases_are_bounded_and_the_oldest_purchases_come_first(tmp_path: Path) -> None:
    """Six hundred orders wait: as many as go into a step, then at once the others; no sync is waited for."""
    async with catalogue(tmp_path) as (at, journal):
        for number in range(600):
            await hold(journal, f"o{number:03}", "A", 10_000 - number)
        last = await decided(at, CatalogueState(began=NOW), page(product(1, "A")))
        *first, more = last.emits
        assert [emit.key for emit in first] == [f"o{number:03}" for number in range(599, 99, -1)]
        assert (more.channel, more.key, more.priority) == (NAME, "", BULK)
        assert last.state.releasing
        again = await decided(at, last.state, page(product(2, "B")))
        assert again.emits == (), "nobody is sent on twice by the sync that comes meanwhile"
        rest = await decided(at, again.state, more.message)
        assert [emit.key for emit in rest.emits] == [f"o{number:03}" for number in range(99, -1, -1)]
        assert not rest.state.releasing


async def test_a_restart_knows_the_products_and_is_ready_only_after_a_complete_sync(tmp_path: Path) -> None:
    """Half of a catalogue would hold orders for products that are there."""
    async with catalogue(tmp_path) as (at, journal):
        await store(journal, await decided(at, CatalogueState(began=NOW), page(product(1, "A"), product(2, "B"))))
        again = made(journal)
        await again.load()
        assert again.index.sellable("A")
        assert not again.index.ready.is_set()
        body = msgspec.json.encode(CatalogueState(complete_to=NOW))
        await journal.write([("put_state", (NAME, KEY, body, None, None, None))])
        await again.load()
        assert again.index.ready.is_set()


async def test_a_product_that_cannot_be_sold_is_known_as_inactive(tmp_path: Path) -> None:
    """Archived, or declared unsellable: held with that hint, also after a restart."""
    async with catalogue(tmp_path) as (at, journal):
        arrived = page(product(1, "A", active=False), product(2, "B", sellable=False), product(3, "C", sellable=True))
        await store(journal, await decided(at, CatalogueState(began=NOW), arrived))
        again = made(journal)
        await again.load()
        for index in (at.index, again.index):
            assert [index.sellable(sku) for sku in "ABC"] == [False, False, True]
            assert [index.inactive(sku) for sku in "ABC"] == [True, True, False]


ODD = {
    "a changed code": ([product(1, "OLD"), product(1, "NEW")], {"NEW"}),
    "deactivated": ([product(1, "A"), product(1, "A", active=False)], set()),
    "activated": ([product(1, "A", active=False), product(1, "A")], {"A"}),
    "archived twin after": ([product(1, "A"), product(2, "A", active=False)], {"A"}),
    "archived twin before": ([product(1, "A", active=False), product(2, "A")], {"A"}),
    "swapped codes": ([product(1, "A"), product(2, "B"), product(1, "B"), product(2, "A")], {"A", "B"}),
    "code taken over": ([product(1, "A"), product(2, "A"), product(1, "B")], {"A", "B"}),
    "two of one code": ([product(1, "A"), product(2, "A")], set()),
    "the first of two archived": ([product(1, "A"), product(2, "A"), product(1, "A", active=False)], {"A"}),
    "the second of two unsellable": ([product(1, "A"), product(2, "A"), product(2, "A", sellable=False)], {"A"}),
    "two of three recoded": (
        [*(product(n, "A") for n in (1, 2, 3)), product(1, "B"), product(3, "OLD")],
        {*"AB", "OLD"},
    ),
    "two told again": ([product(1, "A"), product(2, "A"), product(1, "A")], set()),
    "two archived": ([*(product(n, "A", active=on) for on in (True, False) for n in (1, 2))], set()),
    "archived and back": ([product(1, "A"), product(2, "A", active=False), product(2, "A")], set()),
}


@pytest.mark.parametrize(("arriving", "sellable"), ODD.values(), ids=ODD)
async def test_the_index_and_the_disk_agree_on_odd_products(
    tmp_path: Path, arriving: list[Product], sellable: set[str]
) -> None:
    """Brands archive and make anew, rename and swap: what can be sold can be imported, before and after a restart."""
    async with catalogue(tmp_path) as (at, journal):
        state = CatalogueState(began=NOW)
        for each in arriving:
            await store(journal, await decided(at, state, page(each)))
        again = made(journal)
        await again.load()
        for index in (at.index, again.index):
            assert {sku for sku in ("A", "B", "OLD", "NEW") if index.sellable(sku)} == sellable


_TOLD = st.lists(
    st.builds(product, st.integers(1, 4), st.sampled_from("AB"), active=st.booleans()), min_size=1, max_size=12
)


@given(_TOLD)
def test_the_index_follows_from_what_was_told_of_each_product_last(told: list[Product]) -> None:
    """In whatever order products come, change their codes, are archived and come back."""
    index, last = SkuIndex(), {each.id: each for each in told}
    for each in told:
        index.learn(each.code, each.id, active=each.active)
    for sku in "AB":
        active = sorted(each.id for each in last.values() if each.code == sku and each.active)
        assert index.sellable(sku) == (len(active) == 1)
        assert index.twins(sku) == (active if len(active) > 1 else [])
        assert index.inactive(sku) == any(each.code == sku and not each.active for each in last.values())
        assert index.trouble(sku) == {0: "sku.unknown", 1: None}.get(len(active), "sku.ambiguous")
    assert len(index) == sum(index.sellable(sku) for sku in "AB")


async def test_a_store_of_one_product_per_sku_reads_all_products_again(tmp_path: Path) -> None:
    """Failure case 42: it had forgotten the second product of a SKU, so no order is judged before a whole sync."""
    before = Schema("orders", tmp_path / "before", tmp_path / "before.sql")
    (tmp_path / "before").mkdir()
    first = ORDERS.migrations / "0001_orders.sql"
    (tmp_path / "before" / first.name).write_text(first.read_text(encoding="utf-8"))
    put_order, put_case = statement("put_order_view"), statement("open_case")
    (tmp_path / "before.sql").write_text(
        f"{put_order}{put_case}-- name: put_old\n-- As it was.\nINSERT INTO catalogue VALUES :rows(5);\n"
    )
    case_ = ExceptionCase(kind="catalogue.refused", cause="products", sentence="no", opened_at=NOW)
    state = msgspec.json.encode(CatalogueState(complete_to=NOW, began=NOW, cases=(case_,)))
    intent = (7, NAME, KEY, "fulfil", "rest", "search_products", "safe", b"{}", b"", 0, 0, 0)
    async with catalogue(tmp_path, before) as (_, journal):
        await hold(journal, "web/1", "GONE", 1)
        await journal.write([("put_old", ("A", "a", 1, "Mug", 1)), ("put_state", (NAME, KEY, state, None, None, None))])
        await journal.write([("put_intent", intent)])
    async with catalogue(tmp_path) as (at, journal):
        await at.load()
        assert not at.index.ready.is_set()
        ((_, body, *_),) = await journal.query_list("states", [KEY], NAME)
        known = msgspec.json.decode(body, type=CatalogueState)
        assert known == CatalogueState(cases=(case_,)), "what is refused is still a case"
        assert await journal.query("intents_after", "fulfil", "rest", 0, 10) == []
        assert await journal.query("causes_open", "sku.unknown") == [("GONE",)]
        begun = at.decide(known, Sync(), NOW)
        assert asked(begun).changed_since is None
        await store(journal, await decided(at, begun.state, page(product(1, "A"), product(2, "A"))))
        assert await journal.query("products_of_sku", "a", "A") == [(1, "A"), (2, "A")]
        assert at.index.twins("A") == [1, 2]


def statement(name: str) -> str:
    """The text of a named statement of the projections."""
    text = ORDERS.queries.read_text(encoding="utf-8")
    return next(f"-- name: {part}" for part in text.split("-- name: ") if part.startswith(f"{name}\n"))
