"""Keeping the store's size within its bounds: retention of bodies, freed pages, the disk budget, and its figures."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import msgspec

from runtime.errors import StoreFull
from runtime.journal.journal import Journal
from runtime.telemetry.events import StoreMeasured

_BODIES_PER_TURN_MAX = 500
_PAGES_FREED_PER_TURN_MAX = 1_000
_EVERY_S = 1.0
_US_PER_DAY = 86_400_000_000


class Room(msgspec.Struct, frozen=True):
    """How much room the store may use."""

    disk_budget_bytes: int = 20 * 1024**3
    """Above this, intake refuses with 503; what is already accepted goes on."""
    disk_reserve_bytes: int = 256 * 1024**2
    """What must stay free on the disk, so that outcomes of what is already accepted can still be written."""
    bodies_kept_days: float = 30.0
    """Payload bodies older than this, and needed by nothing open, are reclaimed. Keys and digests stay for ever."""


async def run_upkeep(journal: Journal, path: Path, room: Room, emit: Callable[[Any], None]) -> None:
    """Measure and tidy once a second, in small turns, for ever."""
    after = 0
    while True:
        used_bytes, wal_bytes = await journal.reading.run(_measure, path)
        free_bytes = shutil.disk_usage(path.parent).free
        journal.full = judge(used_bytes + wal_bytes, free_bytes, room)
        emit(StoreMeasured(file_bytes=used_bytes, wal_bytes=wal_bytes, free_bytes=free_bytes))
        after = await reclaim_bodies(journal, journal.clock.now() - int(room.bodies_kept_days * _US_PER_DAY), after)
        with contextlib.suppress(sqlite3.OperationalError):  # a full disk: also giving pages back needs some room
            await journal.writing.run(_give_back_pages)
        await anyio.sleep(_EVERY_S)


async def reclaim_bodies(journal: Journal, before: int, after: int) -> int:
    """One bounded turn of retention over the bodies that arrived after delivery `after`: reclaims those received before
    the instant `before` that nothing open needs. Returns where the next turn begins (0: from the start again).
    """
    rows = await journal.query("bodies_after", after, _BODIES_PER_TURN_MAX)
    old = [(id_, needed) for id_, received_at, needed in rows if received_at < before]
    if free := [(id_,) for id_, needed in old if not needed]:
        await journal.write([("free_bodies", row) for row in free])
    return old[-1][0] if len(old) == _BODIES_PER_TURN_MAX else 0


def judge(used_bytes: int, free_bytes: int, room: Room) -> StoreFull | None:
    """Whether intake has to refuse for want of room, and what to tell the operator."""
    if used_bytes > room.disk_budget_bytes:
        return StoreFull(
            f"the store uses {used_bytes >> 20} MiB of its budget of {room.disk_budget_bytes >> 20} MiB; "
            "intake waits until orders have drained, or raise store.disk_budget_bytes"
        )
    if free_bytes < room.disk_reserve_bytes:
        return StoreFull(
            f"the disk has {free_bytes >> 20} MiB left, less than the reserve of {room.disk_reserve_bytes >> 20} MiB; "
            "free some room, intake goes on by itself"
        )
    return None


def _measure(connection: sqlite3.Connection, path: Path) -> tuple[int, int]:
    ((pages,),) = connection.execute("PRAGMA page_count").fetchall()
    ((free,),) = connection.execute("PRAGMA freelist_count").fetchall()
    ((page_bytes,),) = connection.execute("PRAGMA page_size").fetchall()
    wal = path.with_name(path.name + "-wal")
    return (pages - free) * page_bytes, wal.stat().st_size if wal.exists() else 0


def _give_back_pages(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA incremental_vacuum({_PAGES_FREED_PER_TURN_MAX})").fetchall()
