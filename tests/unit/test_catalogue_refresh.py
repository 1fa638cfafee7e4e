"""The full refresh: what it reads, whom it misses, and whom it believes to be gone."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from connectors.fulfil.wire import Product, ProductPage, ProductPageRequest
from flows.catalogue_refresh import KEY, CatalogueRefresh, NextPage, Refresh, RefreshPolicy, RefreshState
from flows.events import CatalogueRefreshed
from flows.model.products import learn, product_rows
from flows.model.schema import ORDERS
from flows.model.skus import SkuIndex
from runtime.actor import Item
from runtime.clock import SystemClock
from runtime.decision import Decision, EffectDone, EffectRefused, Message
from runtime.journal.journal import Journal, opened
from runtime.schedule import Interval

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
DAY, APART = timedelta(days=1), timedelta(seconds=2)
REFUSED = EffectRefused(
    intent=1, kind="search_products", code="403", sentence="no.", began_us=1, ended_us=2, attempts=1
)


class Refreshing:
    """A refresh over a store of its own that takes its steps as the runtime does."""

    def __init__(self, journal: Journal, gone_max: int) -> None:
        policy = RefreshPolicy(page_size=2, schedule=Interval(DAY.total_seconds()), page_every=APART, gone_max=gone_max)
        self.index, self.journal, self.events = SkuIndex(), journal, list[Any]()
        self.actor = CatalogueRefresh(self.index, journal, policy, self.events.append)
        self.state = self.actor.begin(KEY)
        self.now = NOW

    async def step(self, message: Message) -> Decision:
        """One message, decided on and written."""
        (resolved,) = await self.actor.resolve([Item(KEY, self.state, message, None)])
        assert isinstance(resolved, Message)
        decision = self.actor.decide(self.state, resolved, self.now)
        before, self.state = self.state, decision.state
        rows = (*decision.writes, *self.actor.project(KEY, before, self.state, self.now))
        await self.journal.write([(write.statement, write.row) for write in rows])
        self.actor.announce(KEY, before, self.state)
        return decision

    async def page(self, *products: Product, complete: bool = False, uncoded: tuple[int, ...] = ()) -> Decision:
        """A page arrives."""
        last_id = max((*(each.id for each in products), *uncoded), default=self.state.after_id)
        result = ProductPage(products=products, last_id=last_id, complete=complete, uncoded=uncoded)
        done = EffectDone(intent=1, kind="search_products", result=result, began_us=1, ended_us=2, attempts=1)
        return await self.step(done)

    async def begun(self) -> Decision:
        """A refresh begins, because it is due."""
        self.state = RefreshState(due=NOW)
        return await self.step(Refresh())

    async def there(self) -> list[int]:
        """The products that a restarted process would know."""
        return [row[0] for row in await self.journal.query("products", 0, 100)]


@contextlib.asynccontextmanager
async def refreshing(path: Path, known: int, *, gone_max: int = 10) -> AsyncIterator[Refreshing]:
    """With so many known products."""
    async with (
        opened(path / "store.db", SystemClock(), lambda _event: None, (ORDERS,)) as journal,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(journal.writer.run)
        at = Refreshing(journal, gone_max)
        page = ProductPage(products=tuple(map(product, range(1, known + 1))), last_id=known, complete=True)
        learn(at.index, page)
        await journal.write([(write.statement, write.row) for write in product_rows(page, NOW)])
        yield at
        tasks.cancel_scope.cancel()


def product(id_: int) -> Product:
    return Product(id=id_, code=f"S{id_}", name="", active=True)


def asked(decision: Decision) -> ProductPageRequest:
    (effect,) = decision.effects
    assert effect.share == "rest"
    return msgspec.json.decode(effect.body, type=ProductPageRequest)


async def test_the_first_refresh_comes_a_day_after_the_first_sync_and_a_restart_does_not_delay_it(
    tmp_path: Path,
) -> None:
    """The sync has just read everything; a process that was away when it was due begins at once."""
    async with refreshing(tmp_path, 1) as at:
        first = await at.step(Refresh())
        assert [timer.due for timer in first.timers] == [NOW + DAY]
        at.now = NOW + DAY / 2
        again = await at.step(Refresh())
        assert [timer.due for timer in again.timers] == [NOW + DAY]
        at.now = NOW + 2 * DAY
        assert asked(await at.step(Refresh())) == ProductPageRequest(after_id=0, limit=2)


async def test_pages_keep_their_distance_and_a_restart_goes_on_behind_the_last_one(tmp_path: Path) -> None:
    """The next page is asked for by a timer that is on disk; `Refresh` after a restart begins nothing anew."""
    async with refreshing(tmp_path, 3) as at:
        await at.begun()
        one = await at.page(product(1), product(2))
        assert one.effects == ()
        assert [(timer.due, timer.message) for timer in one.timers] == [(NOW + APART, NextPage())]
        assert (await at.step(Refresh())).effects == ()
        assert asked(await at.step(NextPage())).after_id == 2
        over = await at.page(product(3), complete=True)
        assert (at.state.began, [timer.due for timer in over.timers]) == (None, [NOW + DAY])
        assert at.events == [CatalogueRefreshed(products=3, gone=0)]
        assert (await at.step(NextPage())).effects == (), "a timer that comes late"


async def test_a_product_is_gone_when_neither_its_page_nor_the_question_for_it_tells_it(tmp_path: Path) -> None:
    """Forgotten here and after a restart; asked for by id, as many at a time as a page has."""
    async with refreshing(tmp_path, 6) as at:
        await at.begun()
        await at.page(product(1), product(4))
        await at.step(NextPage())
        question = await at.page(complete=True)
        assert asked(question).ids == (2, 3)
        assert at.index.sellable("S2"), "not yet"
        assert asked(await at.page(product(3), complete=True)).ids == (5, 6)
        await at.page(complete=True)
        assert [id_ for id_ in range(1, 7) if at.index.sellable(f"S{id_}")] == [1, 3, 4]
        assert await at.there() == [1, 3, 4]
        assert at.events == [CatalogueRefreshed(products=3, gone=3)]


async def test_a_product_that_disappears_from_one_page_only_is_not_gone(tmp_path: Path) -> None:
    """It was locked, or came while the page was on its way: whoever is told when asked for is there."""
    async with refreshing(tmp_path, 2) as at:
        await at.begun()
        assert asked(await at.page(product(1), complete=True)).ids == (2,)
        await at.page(product(2), complete=True)
        assert at.index.sellable("S2")
        assert await at.there() == [1, 2]


async def test_a_product_that_lost_its_code_can_no_longer_be_sold(tmp_path: Path) -> None:
    """It is in Fulfil, but it has no SKU there."""
    async with refreshing(tmp_path, 2) as at:
        await at.begun()
        await at.page(product(1), uncoded=(2,), complete=True)
        assert not at.index.sellable("S2")
        assert await at.there() == [1]


async def test_too_many_missing_products_are_a_case_and_none_is_taken_out(tmp_path: Path) -> None:
    """More likely than a company that lost its products is a user that may no longer see them."""
    async with refreshing(tmp_path, 6, gone_max=3) as at:
        for _ in range(2):
            at.state = msgspec.structs.replace(at.state, due=NOW)
            await at.step(Refresh())
            over = await at.page(product(1), complete=True)
            assert over.effects == ()
            at.now += DAY
        assert [(case.kind, case.opened_at) for case in at.state.cases] == [("catalogue.shrunk", NOW)]
        assert len(await at.there()) == 6
        at.state = msgspec.structs.replace(at.state, due=at.now)
        await at.step(Refresh())
        await at.page(*map(product, range(1, 7)), complete=True)
        assert at.state.cases == ()
        assert len(await at.journal.query("cases_open", "", "", 0, 10, None)) == 0


async def test_a_refusal_is_a_case_and_the_same_page_is_asked_for_again(tmp_path: Path) -> None:
    """Nothing that was read is read again."""
    async with refreshing(tmp_path, 3) as at:
        await at.begun()
        await at.page(product(1), product(2))
        await at.step(NextPage())
        refused = await at.step(REFUSED)
        assert [case.kind for case in at.state.cases] == ["catalogue.refused"]
        assert isinstance(refused.timers[0].message, NextPage)
        assert asked(await at.step(NextPage())).after_id == 2
        await at.page(product(3))
        assert at.state.cases == (), "it has told a page, and the rest may take hours"


async def test_every_state_survives_the_disk() -> None:
    """As JSON, with what was missed so far."""
    state = RefreshState(due=NOW, began=NOW, after_id=7, missed=(1, 2), asking=True, gone=3)
    assert msgspec.json.decode(msgspec.json.encode(state), type=RefreshState) == state


async def test_a_refusal_ends_no_case_of_a_refresh_that_was_not_believed(tmp_path: Path) -> None:
    """Both are open, and the one of before keeps its beginning."""
    async with refreshing(tmp_path, 6, gone_max=1) as at:
        await at.begun()
        await at.page(complete=True)
        assert [case.kind for case in at.state.cases] == ["catalogue.shrunk"]
        at.now = NOW + DAY
        await at.step(Refresh())
        await at.step(REFUSED)
        await at.step(REFUSED)
        assert [(case.kind, case.opened_at) for case in at.state.cases] == [
            ("catalogue.shrunk", NOW),
            ("catalogue.refused", NOW + DAY),
        ]
