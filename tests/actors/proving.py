"""A process that only reconciles, in virtual time: the real engine and journal, and orders as rows."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio

from flows.desk import NAME as DESK
from flows.desk import Desk
from flows.model.schema import ORDERS
from runtime.actor import Actor
from runtime.clock import to_datetime, to_instant
from runtime.engine import Engine, EngineConfig, Outside
from runtime.journal.journal import Journal, opened
from runtime.supervisor import Supervisor
from runtime.testing.virtual_time import VirtualClock

Make = Callable[[Journal, Callable[[Any], None]], Sequence[Actor]]


class ProofWorld:
    """One process. Leaving the block is a crash."""

    def __init__(self, journal: Journal, clock: VirtualClock, make: Make, outsides: Sequence[Outside]) -> None:
        self.journal, self.clock, self.events = journal, clock, list[Any]()
        actors = [*make(journal, self.events.append), Desk(self.events.append)]
        self.engine = Engine(
            journal, actors, outsides, EngineConfig(), signals_to=DESK, sampled=lambda _key: False,
            emit=self.events.append, rng=random.Random(1),
        )  # fmt: skip
        self.supervisor = Supervisor(clock, on_restart=lambda *_: None, on_silence=lambda *_: None)

    @property
    def now(self) -> datetime:
        return to_datetime(self.clock.now())

    async def write(self, statement: str, *row: Any) -> None:
        """A row of a projection, as another actor would leave it."""
        await self.journal.write([(statement, row)])

    async def order(
        self, order_id: str, placed: datetime | None, *, state: str = "imported", sale: int | None = 7,
        amount: str = "100.00", tax: str | None = None, sales_channel: str = "web",
    ) -> str:  # fmt: skip
        """An order as the importer lists it; its key."""
        key = f"{sales_channel}/{order_id}"
        number = None if sale is None else f"SO{sale}"
        instant = None if placed is None else to_instant(placed)
        await self.write(
            "put_order_view", key, sales_channel, order_id, f"#{order_id}", state, "proven", amount, "USD", instant,
            sale, number, self.clock.now(), *(() if tax is None else (tax,)),
        )  # fmt: skip
        return key

    async def sql(self, query: str) -> list[Any]:
        """What is on disk."""
        return await self.journal.reading.run(lambda connection: connection.execute(query).fetchall())

    async def cases(self) -> list[tuple[str, str, str, str | None]]:
        """Open cases: kind, subject, cause, amount."""
        return sorted(
            (row[1], row[2], row[3], row[6]) for row in await self.journal.query("cases_open", "", "", 0, 1000, None)
        )

    async def until_idle(self) -> None:
        """Until no message and no call is left on disk."""
        with anyio.fail_after(3_600):
            while await self.sql("SELECT 1 FROM message UNION SELECT 1 FROM intent LIMIT 1"):
                await anyio.sleep(0.25)


@contextlib.asynccontextmanager
async def process(
    store: Path, make: Make, outsides: Callable[[VirtualClock], Sequence[Outside]] = lambda _clock: ()
) -> AsyncIterator[ProofWorld]:
    """A process over this store."""
    clock = VirtualClock(asyncio.get_running_loop())
    async with opened(store, clock, lambda _event: None, (ORDERS,), threads=False) as journal:
        world = ProofWorld(journal, clock, make, outsides(clock))
        world.supervisor.add("journal", journal.writer.run)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(world.supervisor.run)
            await world.engine.prepare()
            world.engine.supervise(world.supervisor)
            yield world
            tasks.cancel_scope.cancel()
