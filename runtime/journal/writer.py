"""Group commit: many steps, one transaction, one fsync.

A step hands in a `Unit`, the rows of one atomic change. The writer collects units while the event loop keeps bringing
more (a loop turn without a new unit means that nothing else can join), writes them as a handful of set statements and
commits once. There is no timer: an idle system commits at once, a busy one commits everything that is ready.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

import anyio
import anyio.lowlevel

from runtime.clock import Clock
from runtime.delivery import DeliveryReceived
from runtime.errors import SeamlineError, Stop, StoreFailed, StoreFenced, StoreFull
from runtime.journal.connection import Connection
from runtime.journal.damage import store_error
from runtime.journal.statements import Statement, Statements
from runtime.telemetry.events import CommitRefused, Committed
from runtime.testing.crash import reach

UNITS_PER_COMMIT_MAX = 512
_TURNS_WAITED_MAX = 64

_OF_A_ROW = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, OverflowError, UnicodeError)
"""What a row can be at fault for: it breaks a constraint, or holds what SQLite cannot (a number above 64 bits, say)."""

Row = tuple[Any, ...]


class Arrival:
    """One delivery on its way into the journal: its own row, and the rows that follow only if it is new."""

    __slots__ = ("actor", "id", "known_as", "message", "row", "state", "then")

    def __init__(
        self,
        id: int,  # noqa: A002
        actor: str,
        message: DeliveryReceived,
        row: Row,
        then: Sequence[tuple[Statement, Row]],
    ) -> None:
        self.id, self.actor, self.message, self.row, self.then = id, actor, message, row, then
        self.known_as: int | None = None
        """After the commit: None when the delivery is new, else the id of the delivery that made it known."""
        self.state: Row | None = None
        """After the commit: what the actor knows of the key, a row of `states`; None when it knows nothing."""


class Unit:
    """The rows of one atomic change. `durable()` returns when they are on disk."""

    __slots__ = ("_done", "_settled", "arrivals", "error", "on_durable", "rows")

    def __init__(
        self,
        rows: Sequence[tuple[Statement, Row]] = (),
        *,
        arrivals: Sequence[Arrival] = (),
        on_durable: Callable[[], None] | None = None,
    ) -> None:
        self.rows, self.arrivals, self.on_durable = rows, arrivals, on_durable
        self.error: SeamlineError | None = None
        self._done: anyio.Event | None = None
        self._settled = False

    async def durable(self) -> None:
        """Wait until the change is on disk. Raises StoreFull (nothing was written), or the Stop that ended it all."""
        while not self._settled:  # the event is shared: it may be that of a commit which had no room for this unit
            if self._done is None:
                raise RuntimeError("the unit was never submitted")
            await self._done.wait()
        if self.error is not None:
            # The writer ends with everything else: who is cancelled with it is not told of a disk that has failed.
            await anyio.lowlevel.checkpoint_if_cancelled()
            raise self.error

    @property
    def landed(self) -> bool:
        """Whether the change is on disk."""
        return self._settled and self.error is None

    def wait_for(self, done: anyio.Event) -> None:
        """This commit will settle the unit."""
        self._done = done
        self._settled = False
        self.error = None

    def settle(self, error: SeamlineError | None) -> None:
        """The unit is durable, or has failed; its waiters see it when the commit's event is set."""
        self.error = self.error or error
        self._settled = True


class Writer:
    """The one writer. `submit` never waits; `run` is a part of the supervisor and never ends by itself."""

    def __init__(
        self, connection: Connection, statements: Statements, epoch: int, clock: Clock, emit: Callable[[Any], None]
    ) -> None:
        self._connection, self._epoch, self._clock, self._emit = connection, epoch, clock, emit
        self._put_delivery = statements["put_delivery"]
        self._known_delivery = statements["known_delivery"]
        self._states = statements["states"]
        self._units: list[Unit] = []
        self._group_done = anyio.Event()
        self._wanted = anyio.Event()
        self._idle = anyio.Event()
        self._idle.set()
        self._ended: SeamlineError | None = None
        self.commits = 0

    def submit(self, unit: Unit) -> Unit:
        """Queue a change for the next commit, in the order of submission."""
        if self._ended is not None:
            unit.settle(self._ended)
            return unit
        unit.wait_for(self._group_done)
        self._units.append(unit)
        if len(self._units) == 1:
            self._wanted.set()
        return unit

    async def run(self) -> None:
        """Commit what is submitted, for ever. Raises StoreFailed or StoreFenced, after telling every waiter."""
        try:
            while True:
                await self._wanted.wait()
                self._wanted = anyio.Event()
                await self._gather()
                await self._commit()
                if self._units:
                    self._wanted.set()
        finally:
            self._end(StoreFailed("the journal's writer has stopped; nothing more can be made durable"))

    @property
    def ended(self) -> bool:
        """Whether nothing can be made durable any more."""
        return self._ended is not None

    async def drained(self) -> None:
        """Wait until nothing is waiting for a commit."""
        while self._units or not self._idle.is_set():
            await self._idle.wait()
            await anyio.lowlevel.checkpoint()

    async def _gather(self) -> None:
        """Let the loop turn while each turn still brings units: they all share the fsync that comes next."""
        seen = 0
        for _ in range(_TURNS_WAITED_MAX):
            if len(self._units) == seen or len(self._units) >= UNITS_PER_COMMIT_MAX:
                return
            seen = len(self._units)
            await anyio.lowlevel.checkpoint()

    async def _commit(self) -> None:
        units, self._units = self._units[:UNITS_PER_COMMIT_MAX], self._units[UNITS_PER_COMMIT_MAX:]
        done = self._group_done
        self._group_done = anyio.Event()
        for unit in self._units:
            unit.wait_for(self._group_done)
        self._idle = anyio.Event()
        began = self._clock.monotonic()
        error: SeamlineError | None = StoreFailed("the journal's writer was stopped in the middle of a commit")
        try:
            reach("journal.before_commit")
            rows = await self._connection.run(self._write, units)
            reach("journal.after_commit")
            error = None
            self.commits += 1
            self._emit(Committed(units=len(units), rows=rows, seconds=self._clock.monotonic() - began))
        except StoreFull as full:
            error = full
            self._emit(CommitRefused(reason=str(full)))
        except Stop as stop:
            error = stop
            raise
        finally:
            for unit in units:
                unit.settle(error)
            self._idle.set()
            done.set()
            for unit in units:
                if unit.on_durable is not None and unit.error is None:
                    proceed, unit.on_durable = unit.on_durable, None  # a step and its unit refer to each other no more
                    proceed()

    def _end(self, error: SeamlineError) -> None:
        if self._ended is None:
            self._ended = error
        for unit in self._units:
            unit.settle(self._ended)
        self._units = []
        self._group_done.set()

    # -- on the connection's thread ------------------------------------------------------------------------------------

    def _write(self, connection: sqlite3.Connection, units: list[Unit]) -> int:
        """One transaction for all units, or, when one of them is at fault, for all the others."""
        try:
            return self._transaction(connection, lambda: self._apply(connection, units))
        except _OF_A_ROW:
            return self._transaction(connection, lambda: self._apply_one_by_one(connection, units))

    def _transaction(self, connection: sqlite3.Connection, apply: Callable[[], int]) -> int:
        try:
            connection.execute("BEGIN IMMEDIATE")
            (epoch,) = connection.execute("SELECT epoch FROM instance").fetchone()
            if epoch != self._epoch:
                raise StoreFenced(f"the store was taken over (epoch {epoch}; ours is {self._epoch}); stop this process")
            rows = apply()
            connection.execute("COMMIT")
        except _OF_A_ROW:
            connection.execute("ROLLBACK")
            raise
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise store_error(error) from error
        except StoreFenced:
            connection.execute("ROLLBACK")
            raise
        return rows

    def _apply(self, connection: sqlite3.Connection, units: Sequence[Unit]) -> int:
        by_statement: dict[Statement, list[Row]] = {}
        arrivals = [arrival for unit in units for arrival in unit.arrivals]
        if arrivals:
            self._arrive(connection, arrivals)
            for arrival in arrivals:
                if arrival.known_as is None:
                    for statement, row in arrival.then:
                        by_statement.setdefault(statement, []).append(row)
        for unit in units:
            for statement, row in unit.rows:
                by_statement.setdefault(statement, []).append(row)
        for statement in sorted(by_statement, key=_rank):
            statement.write(connection, by_statement[statement])
        self._recall(connection, arrivals)
        return len(arrivals) + sum(map(len, by_statement.values()))

    def _arrive(self, connection: sqlite3.Connection, arrivals: Sequence[Arrival]) -> None:
        stored = self._put_delivery.write_returning(connection, [arrival.row for arrival in arrivals])
        new = {id_ for (id_,) in stored}
        for arrival in arrivals:
            arrival.known_as = None
            if arrival.id not in new:
                ((arrival.known_as,),) = self._known_delivery.read(connection, arrival.row[:3])

    def _recall(self, connection: sqlite3.Connection, arrivals: Sequence[Arrival]) -> None:
        """What is known of the keys of new arrivals, read where it costs no hop to another thread."""
        by_actor: dict[str, dict[str, list[Arrival]]] = {}
        for arrival in arrivals:
            arrival.state = None
            if arrival.known_as is None:
                by_actor.setdefault(arrival.actor, {}).setdefault(arrival.row[0], []).append(arrival)
        for actor, by_key in by_actor.items():
            for row in self._states.read_list(connection, list(by_key), actor):
                for arrival in by_key[row[0]]:
                    arrival.state = row

    def _apply_one_by_one(self, connection: sqlite3.Connection, units: Sequence[Unit]) -> int:
        """A row of one unit cannot be written: that unit alone fails. It is a defect of ours."""
        rows = 0
        for unit in units:
            connection.execute("SAVEPOINT unit")
            try:
                rows += self._apply(connection, (unit,))
            except _OF_A_ROW as error:
                connection.execute("ROLLBACK TO unit")
                why = "contradictory" if isinstance(error, sqlite3.IntegrityError) else "not writable"
                unit.error = SeamlineError(f"the journal refused a change as {why}: {error}")
            connection.execute("RELEASE unit")
        return rows


def _rank(statement: Statement) -> int:
    return statement.rank
