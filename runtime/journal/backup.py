"""A backup of the store beside the process that writes to it, and the store that goes on from one.

A backup is one state of the store, in one file, whatever is committed while it is made. A store that goes on from a
backup has forgotten what came after it, and the outside has not. So it begins with an epoch above any that the lost
store may have reached (ids, keys of starts and sequences of stock all grow out of the epoch, and none comes twice), and
remembers that it was restored until a person says that its books agree with the outside: see `runtime.lane`.

Nothing is deleted: what was there is put aside under another name. A restore that dies on the way leaves the old store
as it was, or the new one under a name by which every process knows that it must not start (`damage`); it is run again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from runtime.clock import Clock, Instant, to_datetime
from runtime.errors import SeamlineError, StoreUnreadable
from runtime.journal.damage import half_copied, half_restored, opening_named
from runtime.journal.journal import ID_BITS_PER_EPOCH
from runtime.journal.lock import held
from runtime.journal.schema import JOURNAL, Schema, migrate
from runtime.journal.statements import Statements
from runtime.journal.writer import Row
from runtime.testing.crash import reach

_TICK_S = 360
_TICKS_FROM = datetime(2020, 1, 1, tzinfo=UTC)
"""A restored store begins with the number of ticks since then as its epoch. A store that is started less than ten
times an hour stays below the clock: so did the one that was lost, and so does what an earlier restore of this backup
became. Numbers that grow out of the epoch are exact where all numbers are binary floats (below 2^53) until 2043."""
_PAGES_PER_STEP = 2_048
_ASIDE = ("", "-wal", "-shm")

Progress = Callable[[int, int], None]
"""`progress(pages copied, pages)`, again and again."""


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """What a store holds that is in one file."""

    bytes: int
    sha256: str
    epoch: int
    deliveries: int
    """Everything that was ever received."""
    last_received_at: Instant | None
    """When the last delivery came whose body is in it; None when there is none."""
    last_delivery: int
    """Its id; 0 when there is none."""


class Restoring(msgspec.Struct, frozen=True, kw_only=True):
    """A restore that is done. `aside`: where the store is now that was there before; None when there was none. `newer`:
    deliveries that it has and the backup has not; None when it cannot be read.
    """

    backup: Backup
    epoch: int
    aside: Path | None
    newer: int | None


def back_up(store: Path, to: Path, progress: Progress) -> Backup:
    """Copy the store, whether a process writes to it or not. Blocks nobody; its log grows meanwhile.

    Raises StoreUnreadable when it is no store, or damaged; SeamlineError when the copy cannot be made.
    """
    if to.exists():
        raise SeamlineError(f"{to} is there already, and a backup overwrites nothing; name a file that is not")
    partial = to.with_name(f"{to.name}.part")
    with _gone_unless_renamed(partial):
        _copy(store, partial, progress)
        found = look_at(partial)
        _rename(partial, to)
    return found


def look_at(backup: Path) -> Backup:
    """What a backup holds, once all of it was read and found whole. Raises StoreUnreadable."""
    with _reading(backup) as connection:
        ((verdict,),) = connection.execute("PRAGMA integrity_check(1)").fetchall()
        if verdict != "ok":
            raise StoreUnreadable(f"{backup} is damaged ({verdict}); take another backup")
        ((epoch,),) = connection.execute("SELECT epoch FROM instance").fetchall()
        deliveries, last_id = connection.execute("SELECT count(*), coalesce(max(id), 0) FROM delivery").fetchone()
        last = connection.execute("SELECT received_at FROM body ORDER BY delivery DESC LIMIT 1").fetchone()
    with backup.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Backup(
        bytes=backup.stat().st_size, sha256=digest, epoch=epoch, deliveries=deliveries, last_delivery=last_id,
        last_received_at=last[0] if last else None,
    )  # fmt: skip


def newer_in(store: Path, backup: Backup) -> int | None:
    """How many deliveries the store has that came after the backup; None when it is not there, or cannot say."""
    try:
        with _reading(store) as connection:
            query = "SELECT count(*) FROM delivery WHERE id > ?"
            ((newer,),) = connection.execute(query, (backup.last_delivery,)).fetchall()
            return int(newer)
    except StoreUnreadable:
        return None


def restore(
    backup: Path,
    store: Path,
    clock: Clock,
    progress: Progress,
    *,
    schemas: Sequence[Schema] = (),
    also: Callable[[int], Sequence[tuple[str, Row]]] = lambda _id: (),
) -> Restoring:
    """Have the store go on from a backup. `also`: rows by statement names that are in it from the beginning, given the
    first of the ids that are free for them.

    Raises StoreLocked while a process holds the store, StoreUnreadable for a backup that is none, is damaged, or was
    written by a newer version; the store is as it was then.
    """
    if store.exists() and backup.exists() and backup.samefile(store):
        raise SeamlineError(f"{backup} is the store itself; name a backup of it")
    if not backup.is_file():
        raise StoreUnreadable(f"{backup} is no file that can be read; name a backup of the store")
    with opening_named(store):
        store.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with held(store, clock):
            return _restored(backup, store, clock, progress, (JOURNAL, *schemas), also)


def _restored(
    backup: Path,
    store: Path,
    clock: Clock,
    progress: Progress,
    schemas: tuple[Schema, ...],
    also: Callable[[int], Sequence[tuple[str, Row]]],
) -> Restoring:
    now, copy = clock.now(), half_copied(store)
    begun_at = _restored_at(half_restored(store))
    found = look_at(backup)
    with _gone_unless_renamed(copy):
        _copy(backup, copy, progress)
        known = max(found.epoch, _epoch_of(store), _epoch_of(half_restored(store)))
        epoch = max(known + 1, (to_datetime(now) - _TICKS_FROM) // timedelta(seconds=_TICK_S))
        with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
            migrate(connection, schemas)
            statements = Statements(*(schema.queries for schema in schemas))
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(
                "UPDATE instance SET epoch = ?, restored_at = ?, last_received_at = ?",
                (epoch, now, found.last_received_at),
            )
            connection.execute("UPDATE intent SET unknown = 1 WHERE repeat <> 'safe'")  # the lost life may have made it
            for name, row in also(epoch << ID_BITS_PER_EPOCH):
                statements[name].write(connection, [row])
            connection.execute("COMMIT")
        _rename(copy, half_restored(store))
    newer = newer_in(store, found)
    # one that was cut off goes on: what belongs together has one name
    aside = _put_aside(store, _free_name(store, now) if begun_at is None else _name_aside(store, begun_at))
    reach("restore.before_rename")
    _rename(half_restored(store), store)
    return Restoring(backup=found, epoch=epoch, aside=aside, newer=newer)


def _name_aside(store: Path, at: Instant) -> Path:
    return store.with_name(f"{store.name}.before-{to_datetime(at):%Y%m%dT%H%M%SZ}")


def _free_name(store: Path, at: Instant) -> Path:
    while (aside := _name_aside(store, at)).exists():
        at = Instant(at + 1_000_000)
    return aside


def _put_aside(store: Path, aside: Path) -> Path | None:
    """The old store has another name from now on, and so has its log: SQLite must not find that beside the new one."""
    for end in _ASIDE:
        old = store.with_name(f"{store.name}{end}")
        if old.exists():
            old.replace(aside.with_name(f"{aside.name}{end}"))
    _synced(store.parent)
    return aside if aside.exists() else None


def _copy(source: Path, to: Path, progress: Progress) -> None:
    try:
        to.unlink(missing_ok=True)
        os.close(os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise SeamlineError(f"{to} cannot be written ({error.strerror})") from None
    with _reading(source) as reading, closing(sqlite3.connect(to)) as copy:
        reading.execute("BEGIN")
        reading.execute("SELECT 1 FROM migration LIMIT 1").fetchall()  # from here on it sees one state
        try:
            reading.backup(copy, pages=_PAGES_PER_STEP, progress=lambda _, left, pages: progress(pages - left, pages))
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, and no log beside it
        except sqlite3.OperationalError as error:
            raise SeamlineError(f"{to} cannot be written ({error})") from error


def _epoch_of(store: Path) -> int:
    """Of a store that is replaced; 0 when it cannot say."""
    return _said(store, "epoch") or 0


def _restored_at(half: Path) -> Instant | None:
    """When a restore began that was cut off; None when none was."""
    at = _said(half, "restored_at")
    return None if at is None else Instant(at)


def _said(store: Path, column: str) -> Any:
    """What the store says of itself; None when it is not there, or says nothing."""
    try:
        with _reading(store) as connection:
            ((value,),) = connection.execute(f"SELECT {column} FROM instance").fetchall()  # noqa: S608 - ours
            return value
    except StoreUnreadable:
        return None


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that only reads. Raises StoreUnreadable for what is no store of ours."""
    if not path.is_file():
        raise StoreUnreadable(f"there is no file {path}")
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
            connection.execute("SELECT epoch FROM instance").fetchall()
            yield connection
    except sqlite3.DatabaseError as error:
        raise StoreUnreadable(
            f"{path} cannot be read as a store ({error}): it is damaged, none of ours, or a copy that was made without "
            "its log"
        ) from error


@contextlib.contextmanager
def _gone_unless_renamed(path: Path) -> Iterator[None]:
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _rename(path: Path, to: Path) -> None:
    """Durable under the new name, in place of what had it."""
    _synced(path)
    path.replace(to)
    _synced(to.parent)


def _synced(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
