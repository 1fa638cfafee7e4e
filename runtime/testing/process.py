"""A stand-in for an outside system as a process of its own: its settings, its one line when it listens, how it ends."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import anyio
import msgspec

C = TypeVar("C")


class Listening(Protocol):
    """Something that answers at `url`."""

    @property
    def url(self) -> str:
        """Where it answers."""


def settings_in(path: str | None) -> dict[str, Any]:
    """What a JSON or TOML file says, None meaning no file and nothing.

    Raises OSError when the file cannot be read, msgspec.DecodeError when it is neither.
    """
    if path is None:
        return {}
    decode: Any = msgspec.toml.decode if path.endswith(".toml") else msgspec.json.decode
    settings: dict[str, Any] = decode(Path(path).read_bytes())
    return settings


def run_stand_in(configured: Callable[[], C], opened: Callable[[C], AbstractAsyncContextManager[Listening]]) -> int:
    """Run a stand-in until SIGTERM or SIGINT; one JSON line on stdout once it listens. Main thread only.

    Returns the exit status: 0; 78 when `configured` finds no configuration that can be used; 69 when it cannot start.
    """
    try:
        config = configured()
    except (OSError, msgspec.DecodeError) as error:
        sys.stderr.write(f"The sandbox's configuration cannot be used: {error}\n")
        return os.EX_CONFIG
    use_uvloop = importlib.util.find_spec("uvloop") is not None
    try:
        anyio.run(_until_told, opened(config), backend_options={"use_uvloop": use_uvloop})
    except (OSError, ValueError) as error:
        sys.stderr.write(f"The sandbox cannot start: {error}\n")
        return os.EX_UNAVAILABLE
    return 0


async def _until_told(stand_in: AbstractAsyncContextManager[Listening]) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with stand_in as running:
            sys.stdout.write(msgspec.json.encode({"ready": True, "url": running.url}).decode() + "\n")
            sys.stdout.flush()
            async for _ in signals:
                return
