"""One process per store: an operating system lock beside the file, and the holder's name for whoever comes second."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec

from runtime.clock import Clock, to_datetime
from runtime.errors import StoreLocked


class Holder(msgspec.Struct, frozen=True):
    """Who holds a store."""

    pid: int
    host: str
    since: str
    """UTC, ISO 8601."""


@contextlib.contextmanager
def held(store: Path, clock: Clock) -> Iterator[Holder]:
    """Hold the store of this path until the block ends; the operating system frees it when the process dies.

    Raises StoreLocked, naming the holder, when another process has it.
    """
    path = store.with_name(store.name + ".lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreLocked(_refusal(store, os.pread(descriptor, 4096, 0))) from None
        since = to_datetime(clock.now()).isoformat(timespec="seconds")
        holder = Holder(pid=os.getpid(), host=socket.gethostname(), since=since)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, msgspec.json.encode(holder), 0)
        yield holder
    finally:
        os.close(descriptor)


def _refusal(store: Path, content: bytes) -> str:
    try:
        holder = msgspec.json.decode(content, type=Holder)
    except msgspec.MsgspecError:
        return f"another process holds {store}, and has not said who it is yet; try again in a moment"
    return (
        f"process {holder.pid} on {holder.host} has held {store} since {holder.since}; "
        "stop it first (SIGTERM drains it), or give this one a store of its own"
    )
