"""A file that is no store of ours, or is damaged: told by a sentence, also when it shows long after the start."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from runtime.errors import SeamlineError, Stop, StoreFailed, StoreFull, StoreLocked, StoreUnreadable

_OF_THE_FILE = ("SQLITE_NOTADB", "SQLITE_CORRUPT")
_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED")
"""Met where a transaction begins, before anything of it is written."""
_OF_THE_PLACE = ("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")


def store_error(error: sqlite3.Error) -> SeamlineError:
    """What a failure of SQLite means for us: StoreFull when it found no room, or another program writes to the file;
    else StoreFailed, with what to do.
    """
    name = _name_of(error)
    if name.startswith(_BUSY):
        return StoreFull("another program writes to the store (an sqlite3 shell?); close it, and intake goes on")
    if name == "SQLITE_FULL":
        return StoreFull("the disk that holds the store is full; free some room, intake goes on by itself")
    if name.startswith("SQLITE_IOERR"):
        return StoreFailed(f"the disk failed under the store ({name}); check the disk, then start again")
    return StoreFailed(f"the store cannot be written ({name}: {error}); see the operator's page on store failures")


@contextlib.contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """While the store at this path is held: what SQLite says of the file itself is StoreUnreadable, also where task
    groups have wrapped it. A `Stop` that comes with it comes through; so does everything else.
    """
    try:
        yield
    except BaseException as error:
        inside = list(_inside(error))
        found = next((each for each in inside if isinstance(each, sqlite3.Error) and is_of_the_file(each)), None)
        if found is None or any(isinstance(each, Stop) for each in inside):
            raise
        raise unreadable(path, found) from error


@contextlib.contextmanager
def opening_named(path: Path) -> Iterator[None]:
    """While the store is opened: what the file system refuses is StoreUnreadable, or StoreFailed for a disk that fails
    or is full; StoreLocked where another program writes to the file. A defect of a migration comes through.
    """
    try:
        yield
    except sqlite3.Error as error:
        if _name_of(error) == "SQLITE_FULL":
            raise StoreFailed("the disk that holds the store is full; free some room, then start again") from error
        if _name_of(error).startswith(_BUSY):
            raise StoreLocked(
                f"another program has {path} open to write (an sqlite3 shell?); close it, then start again"
            ) from error
        if _name_of(error).startswith("SQLITE_IOERR"):
            raise store_error(error) from error
        if _name_of(error).startswith(_OF_THE_PLACE):
            raise _no_place(path, str(error)) from error
        raise
    except OSError as error:
        raise _no_place(path, error.strerror or str(error)) from error


def half_restored(store: Path) -> Path:
    """The file that is there while a restore replaces the store, and still is when that was cut off."""
    return store.with_name(f"{store.name}.restoring")


def half_copied(store: Path) -> Path:
    """The file that is there while a restore copies the backup."""
    return store.with_name(f"{store.name}.copying")


def refuse_half_restored(store: Path) -> None:
    """Raise StoreUnreadable where a restore was cut off while it replaced the store, or was to make one."""
    half, copy = half_restored(store), half_copied(store)
    if half.exists():
        raise StoreUnreadable(
            f"a restore of {store} was cut off; type it again (`seamline store restore BACKUP --yes`). To go on with "
            f"what was there before, if anything was: rename {store.name}.before-... to {store.name} (and what ends "
            f"with -wal alike), then delete {half}"
        )
    if copy.exists() and not store.exists():
        raise StoreUnreadable(
            f"a restore of {store} was cut off, and there is no store; type it again (`seamline store restore BACKUP "
            f"--yes`). To begin with an empty store, delete {copy}"
        )


def _no_place(path: Path, why: str) -> StoreUnreadable:
    return StoreUnreadable(
        f"there can be no store at {path.absolute()} ({why}); name the right place under store.path, or let this user "
        "write there"
    )


def unreadable(path: Path, error: sqlite3.Error) -> StoreUnreadable:
    """What is said of a file that is damaged, or is none of ours."""
    return StoreUnreadable(
        f"{path} cannot be read as a store ({error}): it is damaged, or none of ours; name the right file under "
        "store.path, or restore a backup (deploy/runbook/store.md)"
    )


def _inside(error: BaseException) -> Iterator[BaseException]:
    """The error itself, or those that task groups have wrapped, however deep."""
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _inside(each)
    else:
        yield error


def is_of_the_file(error: sqlite3.Error) -> bool:
    """Whether the file itself is what SQLite complains of."""
    return _name_of(error).startswith(_OF_THE_FILE)


def _name_of(error: sqlite3.Error) -> str:
    return getattr(error, "sqlite_errorname", "") or type(error).__name__
