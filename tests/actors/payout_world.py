"""A process that only imports payouts, in virtual time: the real engine and journal, and orders as rows."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import anyio

from flows.desk import NAME as DESK
from flows.desk import Desk
from flows.model.messages import Recheck
from flows.model.schema import ORDERS
from flows.payout_import.file import PayoutFile, examine, pages_of
from flows.payout_importer import NAME, PageReceived, PayoutImporter, PayoutPage, payout_key
from flows.payout_importer.messages import DropPayout
from flows.payouts import PAYOUT_FORMATS, Source
from runtime.actor import Actor
from runtime.engine import Engine, EngineConfig, Outside
from runtime.errors import StoreFailed
from runtime.journal.journal import Journal, opened
from runtime.journal.writer import Unit
from runtime.supervisor import Supervisor
from runtime.testing.virtual_time import VirtualClock

_KEPT = {
    "payout_line": "SELECT * FROM payout_line ORDER BY payout, line",
    "payout_line_changed": "SELECT * FROM payout_line_changed ORDER BY payout, line",
    "exception_case": "SELECT * FROM exception_case ORDER BY fingerprint",
    "payout": "SELECT key, status, paid, bank, net, classes, lines, unlinked, verdict, told_at FROM payout ORDER BY 1",
}


def pages(content: bytes, run: str = "one", format_: str = "shopify", bank: str = "") -> list[PayoutPage]:
    """What the command makes of a file."""
    file = PayoutFile(source=Source(content=content), format=PAYOUT_FORMATS[format_], digest="")
    amount = Decimal(bank) if bank else None
    return list(pages_of(file, examine(file), sales_channel="web", run=run, bank=amount))


World = TypeVar("World", bound="PayoutWorld")


class PayoutWorld:
    """One process. Leaving the block is a crash."""

    def __init__(self, journal: Journal, clock: VirtualClock) -> None:
        self.journal, self.clock, self.events = journal, clock, list[Any]()
        self.engine = Engine(
            journal, self.actors(), self.outsides(), EngineConfig(),
            signals_to=DESK, sampled=lambda _key: False, emit=self.events.append, rng=random.Random(1),
        )  # fmt: skip
        self.supervisor = Supervisor(clock, on_restart=lambda *_: None, on_silence=lambda *_: None)

    def actors(self) -> list[Actor]:
        """Who is there."""
        return [PayoutImporter(self.journal, self.events.append), Desk(self.events.append)]

    def outsides(self) -> list[Outside]:
        """Whom they call."""
        return []

    async def begin(self) -> None:
        """What the composition root does at start."""

    async def post(self, *told: PayoutPage) -> None:
        """Send pages, as the control listener takes them."""
        for page in told:
            key = payout_key(page.sales_channel, page.provider, page.header.id)
            await self.engine.post(NAME, key, PageReceived(page=page))

    async def bring(self, *told: PayoutPage) -> None:
        """The same, and let them be decided on."""
        await self.post(*told)
        await self.until_idle()

    async def release(self, key: str) -> None:
        """A person has looked."""
        await self.engine.post(NAME, key, Recheck(because="person"))
        await self.until_idle()

    async def drop(self, key: str) -> None:
        """A person takes a payout back."""
        await self.engine.post(NAME, key, DropPayout())
        await self.until_idle()

    async def order(self, order_id: str, *, number: str = "", transaction: str = "") -> str:
        """An order that was imported; its key."""
        key, named = f"web/{order_id}", self.journal.statements
        row = (key, "web", order_id, number or order_id, "imported", "proven", "1", "USD", None, 7, "SO7", 0)
        rows = [(named["put_order_view"], row)]
        if transaction:
            rows.append((named["put_order_tender"], ("web", transaction, key, "sale", "1", "USD")))
        await self.journal.landed(self.journal.writer.submit(Unit(rows)))
        return key

    async def sql(self, query: str) -> list[Any]:
        """What is on disk."""
        return await self.journal.reading.run(lambda connection: connection.execute(query).fetchall())

    async def books(self) -> dict[str, list[Any]]:
        """Everything that is kept of payouts, but for which import told it last."""
        return {table: await self.sql(query) for table, query in _KEPT.items()}

    async def cases(self) -> list[tuple[str, str]]:
        """Open cases: kind and amount."""
        return sorted((row[1], row[6]) for row in await self.journal.query("cases_open", "", "", 0, 1000, None))

    async def until_idle(self) -> None:
        """Until no message is left on disk."""
        with anyio.fail_after(3_600):
            while await self.sql("SELECT 1 FROM message LIMIT 1"):
                await anyio.sleep(0.25)


@contextlib.asynccontextmanager
async def process(store: Path) -> AsyncIterator[PayoutWorld]:
    """A process over this store."""
    async with living(store, PayoutWorld) as world:
        yield world


@contextlib.asynccontextmanager
async def living(store: Path, make: Callable[[Journal, VirtualClock], World]) -> AsyncIterator[World]:
    """The same, of any such world."""
    clock = VirtualClock(asyncio.get_running_loop())
    async with opened(store, clock, lambda _event: None, (ORDERS,), threads=False) as journal:
        world, is_over = make(journal, clock), False
        world.supervisor.add("journal", journal.writer.run)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(world.supervisor.run)
                await world.engine.prepare()
                await world.begin()
                world.engine.supervise(world.supervisor)
                yield world
                is_over = True
                tasks.cancel_scope.cancel()
        except* StoreFailed:  # a part that heard of the writer's end before its own
            if not is_over:
                raise
