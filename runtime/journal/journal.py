"""The journal's verbs: accept deliveries, commit steps, read back what waits.

Everything a promise depends on goes through here: a delivery is acknowledged after `accept`, an outside call is made
after its intent's unit is durable, a message is gone only together with what was decided on it.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import anyio
import msgspec

from runtime.clock import Clock, Instant
from runtime.delivery import Delivery, DeliveryReceived, Receipt
from runtime.errors import StoreFull
from runtime.journal.connection import Connection, open_inline, open_reader, open_writer
from runtime.journal.damage import damage_named, opening_named, refuse_half_restored
from runtime.journal.lock import held
from runtime.journal.schema import JOURNAL, Schema, migrate
from runtime.journal.statements import Statements
from runtime.journal.writer import Arrival, Row, Unit, Writer
from runtime.testing.crash import reach

ID_BITS_PER_EPOCH = 32
_STORE_FULL_WAIT_S = 1.0
_encode = msgspec.json.encode


class Restored(msgspec.Struct, frozen=True):
    """The store goes on from a backup, and nobody has said yet that it agrees with the outside.

    `last_received_at`: when the last delivery came that the backup knew; None when it knew of none.
    """

    at: Instant
    last_received_at: Instant | None


OnNew = Callable[[int, Delivery, DeliveryReceived, Row | None], None]


class Journal:
    """The store of one process. Construct it with `opened`; run `writer.run` before anything is submitted."""

    def __init__(
        self,
        writing: Connection,
        reading: Connection,
        statements: Statements,
        epoch: int,
        clock: Clock,
        emit: Callable[[Any], None],
        restored: Restored | None = None,
    ) -> None:
        self.statements, self.epoch, self.clock, self.restored = statements, epoch, clock, restored
        self.writing, self.reading = writing, reading
        self.writer = Writer(writing, statements, epoch, clock, emit)
        self.full: StoreFull | None = None
        """Set by upkeep while the disk budget is used up."""
        self._last_id = epoch << ID_BITS_PER_EPOCH
        self._put_delivery = statements["put_delivery"]
        self._put_body = statements["put_body"]
        self._put_message = statements["put_message"]
        self._put_fact = statements["put_fact"]

    def new_id(self) -> int:
        """An id that no row has or had: higher than every id before it, across restarts."""
        self._last_id += 1
        return self._last_id

    def submit(self, rows: Sequence[tuple[str, Row]], on_durable: Callable[[], None] | None = None) -> Unit:
        """One atomic change by statement names, for callers outside the hot path."""
        statements = self.statements
        return self.writer.submit(Unit([(statements[name], row) for name, row in rows], on_durable=on_durable))

    async def write(self, rows: Sequence[tuple[str, Row]], on_durable: Callable[[], None] | None = None) -> None:
        """One atomic change that must not fail for want of room; see `landed`."""
        await self.landed(self.submit(rows, on_durable))

    async def landed(self, unit: Unit) -> None:
        """Wait until a submitted unit is on disk. A full disk delays it, as often as it takes.

        Raises SeamlineError when the unit contradicts what is stored, or the Stop that ended the writer.
        """
        while True:
            try:
                await unit.durable()
            except StoreFull:
                await anyio.sleep(_STORE_FULL_WAIT_S)
                self.writer.submit(unit)
            else:
                return

    async def query(self, name: str, *row: Any) -> list[Any]:
        """The rows of a named query, from the last commit."""
        return await self.reading.run(lambda connection: self.statements[name].read(connection, row))

    async def query_some(self, name: str, *row: Any, rows_max: int, bytes_max: int) -> tuple[list[Any], bool]:
        """The first rows of a named query whose last parameter is its limit, and whether they are all; see
        `Statement.read_some`.
        """
        return await self.reading.run(
            lambda connection: self.statements[name].read_some(connection, row, rows_max, bytes_max)
        )

    async def query_list(self, name: str, items: Sequence[Any], *before: Any) -> list[Any]:
        """The rows of a named query over a list of items (asked in chunks); `before` is bound ahead of the list."""
        if not items:
            return []
        return await self.reading.run(lambda connection: self.statements[name].read_list(connection, items, *before))

    async def accept(self, deliveries: Sequence[Delivery], channel: str, priority: int, on_new: OnNew) -> list[Receipt]:
        """Make deliveries durable and queue the new ones for the actor of `channel`, in one transaction.

        Returns after the commit, in the order given. `on_new(message id, delivery, message, state)` is called for each
        new delivery, in id order, before any later commit; `state` is the row of `states` that this commit left of the
        delivery's key, None when there is none. Raises StoreFull with nothing stored.
        """
        if self.full is not None:
            raise self.full
        arrivals = [self._arrival(delivery, channel, priority) for delivery in deliveries]

        def hand_over() -> None:
            for arrival, delivery in zip(arrivals, deliveries, strict=True):
                if arrival.known_as is None:
                    on_new(arrival.id, delivery, arrival.message, arrival.state)

        unit = self.writer.submit(Unit(arrivals=arrivals, on_durable=hand_over))
        await unit.durable()
        return [
            Receipt(arrival.id, new=True) if arrival.known_as is None else Receipt(arrival.known_as, new=False)
            for arrival in arrivals
        ]

    def _arrival(self, delivery: Delivery, channel: str, priority: int) -> Arrival:
        id_, at = self.new_id(), delivery.received_at
        message = DeliveryReceived(delivery=id_, version=delivery.version, digest=delivery.digest, received_us=at)
        return Arrival(
            id_,
            channel,
            message,
            (delivery.key, delivery.version, delivery.digest, id_),
            (
                (self._put_body, (id_, at, delivery.body)),
                (self._put_message, (id_, channel, priority, delivery.key, _encode(message), id_)),
                (self._put_fact, (delivery.key, self.new_id(), "intake", "received", at, self.clock.now(), "{}")),
            ),
        )


@contextlib.asynccontextmanager
async def opened(
    path: Path, clock: Clock, emit: Callable[[Any], None], schemas: tuple[Schema, ...] = (), *, threads: bool = True
) -> AsyncIterator[Journal]:
    """The store at `path`, held, migrated and fenced: its epoch is one higher than that of any process before.

    Without `threads` SQLite runs in the caller's own thread, for stories in virtual time. Raises StoreLocked,
    StoreUnreadable, or StoreFailed.
    """
    every = (JOURNAL, *schemas)
    statements = Statements(*(schema.queries for schema in every))
    async with contextlib.AsyncExitStack() as stack:
        with opening_named(path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            holder = stack.enter_context(held(path, clock))
            refuse_half_restored(path)
            stack.enter_context(damage_named(path))
            path.open("ab").close()  # aiosqlite leaves a thread behind where it fails; nothing here has locked it yet
            writing: Connection
            if threads:
                writing = await stack.enter_async_context(open_writer(path))
            else:
                writing = stack.enter_context(open_inline(path))
            await writing.run(migrate, every)
            epoch, restored = await writing.run(_take_over, f"process {holder.pid} on {holder.host}", clock.now())
            reading = await stack.enter_async_context(open_reader(path)) if threads else writing
        yield Journal(writing, reading, statements, epoch, clock, emit, restored)
        reach("journal.before_checkpoint")
        await writing.run(_checkpoint)


def _take_over(connection: sqlite3.Connection, holder: str, now: int) -> tuple[int, Restored | None]:
    ((epoch, at, last_received_at),) = connection.execute(
        "UPDATE instance SET epoch = epoch + 1, holder = ?, started_at = ? "
        "RETURNING epoch, restored_at, last_received_at",
        (holder, now),
    ).fetchall()
    return int(epoch), None if at is None else Restored(at, last_received_at)


def _checkpoint(connection: sqlite3.Connection) -> None:
    """Leave one tidy file behind a clean stop."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
