"""The door to SQLite: functions of a `sqlite3.Connection` run on a thread of their own, one hop for a transaction.

aiosqlite offers a hop per statement; a commit here is ten to fifteen statements, and hops would cost more than the
writing. So a whole function is handed to aiosqlite's worker thread at once. `Inline` runs the same functions on the
spot, for stories in virtual time, where a thread would be a second clock.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

import aiosqlite
import anyio

from runtime.errors import StoreUnreadable
from runtime.journal.damage import is_of_the_file, unreadable

T = TypeVar("T")

_STATEMENTS_CACHED = 512
_BUSY_TIMEOUT_MS = 5_000
_WAL_PAGES_BEFORE_CHECKPOINT = 4_000
_WAL_FILE_BYTES_MAX = 64 * 1024 * 1024


class Connection(Protocol):
    """Runs functions of one SQLite connection, one after another."""

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """`function(connection, *args)`, run to its end even when the caller is cancelled. Raises what it raises."""
        ...


class _Threaded:
    """A connection on aiosqlite's worker thread."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        # `_execute` is the queue into aiosqlite's thread that all its public methods use; `_conn` is the sqlite3
        # connection behind it. tests/integration/test_journal.py pins both, so that a release that moves them is seen.
        inner = self._connection
        with anyio.CancelScope(shield=True):
            execute, connection = inner._execute, inner._conn  # noqa: SLF001
            result: T = await execute(function, connection, *args)  # type: ignore[no-untyped-call]
        return result


class Inline:
    """A connection that runs in the caller's own thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """`function(connection, *args)`, at once."""
        return function(self._connection, *args)


def _prepare_writer(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA page_count").fetchone() == (0,):  # later it has no effect, and still writes
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    _refuse_foreign(connection)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES_BEFORE_CHECKPOINT}")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_FILE_BYTES_MAX}")
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA cache_size = -16384")  # 16 MiB, part of the published memory formula


def _refuse_foreign(connection: sqlite3.Connection) -> None:
    """Raise StoreUnreadable, before anything is written, for a database that has tables and never was a store."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and "migration" not in tables:
        raise StoreUnreadable(
            "the file at store.path is the database of another program (it has no table `migration`); name another one "
            "there. Nothing has been written to it"
        )


def _prepare_reader(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA query_only = ON")
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA cache_size = -4096")


@contextlib.asynccontextmanager
async def open_writer(path: Path) -> AsyncIterator[Connection]:
    """The one writing connection: WAL, every commit fsynced. Creates the file when there is none."""
    async with _opened(f"file:{path.as_posix()}?mode=rwc", _prepare_writer) as connection:
        yield connection


@contextlib.asynccontextmanager
async def open_reader(path: Path, *, one_state: bool = False) -> AsyncIterator[Connection]:
    """A reading connection: sees what is committed, blocks nobody. Raises StoreUnreadable for what is not ours.

    `one_state`: every read sees the store as the first one did, whatever is committed meanwhile. Meanwhile the log of
    what is committed grows, so it is for seconds and not for hours.
    """
    if path.is_dir() or not os.access(path, os.R_OK):  # noqa: ASYNC240 - one look; aiosqlite would leave its thread
        raise StoreUnreadable(f"{path} cannot be read: it is no file, or not for this user; name the store's file")
    try:
        async with _opened(f"file:{path.as_posix()}?mode=ro", _prepare_reader) as connection:
            if one_state:
                await connection.run(lambda store: store.execute("BEGIN"))
            yield connection
    except sqlite3.Error as error:
        if is_of_the_file(error):
            raise unreadable(path, error) from error
        raise StoreUnreadable(f"{path} cannot be read ({error}); is it the store of this version?") from error


@contextlib.asynccontextmanager
async def _opened(uri: str, prepare: Callable[[sqlite3.Connection], None]) -> AsyncIterator[Connection]:
    async with aiosqlite.connect(
        uri, uri=True, isolation_level=None, cached_statements=_STATEMENTS_CACHED
    ) as connection:
        threaded = _Threaded(connection)
        await threaded.run(prepare)
        yield threaded


@contextlib.contextmanager
def open_inline(path: Path) -> Iterator[Inline]:
    """The same file without threads: one connection to write and to read, for stories in virtual time."""
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=_STATEMENTS_CACHED)
    try:
        _prepare_writer(connection)
        yield Inline(connection)
    finally:
        connection.close()
