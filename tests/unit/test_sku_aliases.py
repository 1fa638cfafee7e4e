"""Aliases: who may be called what, what follows, and the chain of who decided it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from flows.events import AliasDecided
from flows.model.messages import AUDIT_LOG, Record, Release
from flows.model.schema import ORDERS
from flows.model.skus import SkuIndex
from flows.sku_aliases import KEY, AddAlias, AliasState, CheckAliases, RemoveAlias, SkuAliases, decide_on_alias
from runtime.actor import Item
from runtime.clock import SystemClock
from runtime.decision import Decision, Message
from runtime.errors import SeamlineError
from runtime.journal.journal import Journal, opened

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
EVERY = timedelta(minutes=1)
ADD = {"action": "add", "alias": " abc-1", "sku": "ABC-1", "by": "mona", "reason": "typed in the shop"}


class Deciding:
    """The actor over a store of its own."""

    def __init__(self, journal: Journal) -> None:
        self.index, self.journal, self.events = SkuIndex(), journal, list[Any]()
        self.actor = SkuAliases(self.index, check_every=EVERY, emit=self.events.append)
        self.state = self.actor.begin(KEY)
        self.posted: list[Message] = []
        for id_, (sku, active) in enumerate((("ABC-1", True), ("OLD", False), ("TWO", True), ("TWO", True)), start=1):
            self.index.learn(sku, id_, active=active)
        self.index.ready.set()

    async def step(self, message: Message) -> Decision:
        """One message, decided on and written."""
        (resolved,) = await self.actor.resolve([Item(KEY, self.state, message, None)])
        assert isinstance(resolved, Message)
        decision = self.actor.decide(self.state, resolved, NOW)
        before, self.state = self.state, decision.state
        rows = (*decision.writes, *self.actor.project(KEY, before, self.state, NOW))
        await self.journal.write([(write.statement, write.row) for write in rows])
        self.actor.announce(KEY, before, self.state)
        return decision

    async def ask(self, **changes: str) -> str:
        """What a person asks for, with changes to a sound question."""

        async def post(message: Message) -> None:
            self.posted.append(message)

        return await decide_on_alias({**ADD, **changes}, self.index, self.journal, post)

    async def hold(self, key: str, placed_at: int, *skus: str) -> None:
        """An order that waits for SKUs."""
        order = (key, "web", key, key, "held", "proven", "1", "USD", placed_at, None, None, 1)
        cases = [
            ("open_case", (f"{key}{sku}", "sku.unknown", key, sku, "s", "ecommerce", "1", "USD", 1, 2)) for sku in skus
        ]
        await self.journal.write([("put_order_view", order), *cases])


@contextlib.asynccontextmanager
async def deciding(path: Path) -> AsyncIterator[Deciding]:
    async with (
        opened(path / "store.db", SystemClock(), lambda _event: None, (ORDERS,)) as journal,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(journal.writer.run)
        yield Deciding(journal)
        tasks.cancel_scope.cancel()


def added(alias: str = "abc-1", sku: str = "ABC-1") -> AddAlias:
    return AddAlias(alias=alias, sku=sku, by="mona", reason="typed in the shop")


async def test_an_alias_is_in_force_once_it_is_durable_and_has_orders_released(tmp_path: Path) -> None:
    """Failure case 11: nothing is matched by itself; a person decides, and the orders go on."""
    async with deciding(tmp_path) as at:
        assert at.index.trouble("abc-1") == "sku.unknown"
        decision = await at.step(added())
        assert at.index.sold_as("abc-1") == "ABC-1"
        record, release = decision.emits
        assert (release.channel, release.message) == ("catalogue", Release())
        assert isinstance(record.message, Record)
        assert at.events == [AliasDecided(action="add")]
        assert [row[:2] for row in await at.journal.query("aliases")] == [("abc-1", "ABC-1")]
        await at.step(RemoveAlias(alias="abc-1", by="ole", reason="was wrong"))
        assert at.index.trouble("abc-1") == "sku.unknown"
        assert await at.journal.query("aliases") == []


async def test_who_decided_what_and_why_is_on_its_way_to_the_record(tmp_path: Path) -> None:
    """Alias and record are in one transaction."""
    async with deciding(tmp_path) as at:
        decisions = [
            await at.step(added()),
            await at.step(added(sku="TWO")),
            await at.step(RemoveAlias(alias="abc-1", by="ole", reason="was wrong")),
        ]
        records = [emit.message for each in decisions for emit in each.emits if emit.channel == AUDIT_LOG]
        assert [(each.by, each.action, each.values) for each in records if isinstance(each, Record)] == [
            ("mona", "alias.add", {"sku": "ABC-1"}),
            ("mona", "alias.add", {"sku": "TWO"}),
            ("ole", "alias.remove", {}),
        ]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"reason": " "}, "say why"),
        ({"by": ""}, "who decides"),
        ({"alias": ""}, "which alias"),
        ({"alias": "ABC-1"}, "need no alias"),
        ({"sku": "GONE"}, "is not sold"),
        ({"sku": "OLD"}, "is not sold"),
        ({"sku": "TWO"}, "several products"),
        ({"reason": "x" * 201}, "longer than 200"),
        ({"action": "remove"}, "is no alias"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_a_sentence(
    tmp_path: Path, changes: dict[str, str], sentence: str
) -> None:
    """And nothing is posted."""
    async with deciding(tmp_path) as at:
        with pytest.raises(SeamlineError, match=sentence):
            await at.ask(**changes)
        assert at.posted == []


async def test_before_the_first_sync_no_alias_is_taken(tmp_path: Path) -> None:
    """Nobody could say yet whether Fulfil sells what it stands for."""
    async with deciding(tmp_path) as at:
        at.index.ready = anyio.Event()
        with pytest.raises(SeamlineError, match="not known yet"):
            await at.ask()


async def test_a_preview_names_the_orders_and_changes_nothing(tmp_path: Path) -> None:
    """In order of purchase; those that wait for something else, too, are counted apart."""
    async with deciding(tmp_path) as at:
        assert "releases no order" in await at.ask(dry_run="yes")
        await at.hold("web/2", 20, "abc-1")
        await at.hold("web/1", 10, "abc-1")
        await at.hold("web/3", 5, "abc-1", "OTHER")
        preview = await at.ask(dry_run="yes")
        assert "It releases 2 orders: web/1, web/2. 1 more waits for other things, too." in preview
        assert preview.endswith("Nothing was changed.")
        assert at.posted == []
        assert await at.ask() == preview.removesuffix(" Nothing was changed.")
        assert at.posted == [added()]
        await at.step(at.posted[0])
        with pytest.raises(SeamlineError, match="already"):
            await at.ask()


async def test_an_alias_whose_sku_is_gone_is_a_case_until_it_is_back_or_removed(tmp_path: Path) -> None:
    """It keeps its beginning; orders that name the alias are held meanwhile."""
    async with deciding(tmp_path) as at:
        await at.step(added())
        assert (await at.step(CheckAliases())).state.cases == ()
        at.index.forget(1)
        decision = await at.step(CheckAliases())
        assert [(case.kind, case.cause) for case in at.state.cases] == [("alias.broken", "abc-1")]
        assert "'abc-1' stands for 'ABC-1', which is not sold in Fulfil" in at.state.cases[0].sentence
        assert [timer.due for timer in decision.timers] == [NOW + EVERY]
        assert at.index.trouble("abc-1") == "sku.unknown"
        first = at.state.cases[0].opened_at
        assert (await at.step(CheckAliases())).state.cases[0].opened_at == first
        at.index.learn("ABC-1", 9, active=True)
        assert (await at.step(CheckAliases())).state.cases == ()
        at.index.learn("ABC-1", 10, active=True)
        assert "is that of several products" in (await at.step(CheckAliases())).state.cases[0].sentence
        await at.step(RemoveAlias(alias="abc-1", by="ole", reason="was wrong"))
        assert at.state.cases == ()
        assert await at.journal.query("cases_open", "", "", 0, 10, None) == []


def test_every_state_survives_the_disk() -> None:
    """With the last change; one of a version before, which kept the end of the chain, too."""
    state = AliasState(decisions=3, changed=("a", None))
    assert msgspec.json.decode(b'{"end": {"seq": 3, "digest": "abc"}}', type=AliasState) == AliasState()
    assert msgspec.json.decode(msgspec.json.encode(state), type=AliasState) == state
