"""A journal on a real file, as tests use it: opened, with its writer running, and what is accepted by it."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio

from runtime.clock import Instant, SystemClock
from runtime.delivery import Delivery
from runtime.journal.journal import Journal, opened


def nothing(_event: Any) -> None:
    """Ignore telemetry."""


def delivery(key: str, version: str = "1", body: bytes = b'{"id":1}', at: int = 1_000) -> Delivery:
    return Delivery(
        key=key, version=version, digest=hashlib.sha256(body).digest()[:16], body=body, received_at=Instant(at)
    )


@contextlib.asynccontextmanager
async def running(path: Path, emit: Callable[[Any], None] = nothing, **options: Any) -> AsyncIterator[Journal]:
    """The journal at this path, and its writer, for one life of a process."""
    async with opened(path, SystemClock(), emit, **options) as journal, anyio.create_task_group() as tasks:
        tasks.start_soon(journal.writer.run)
        yield journal
        tasks.cancel_scope.cancel()


async def accept(journal: Journal, *deliveries: Delivery) -> tuple[list[int], list[bool]]:
    handed_over: list[int] = []
    receipts = await journal.accept(deliveries, "inbox", 0, lambda id_, *_: handed_over.append(id_))
    assert handed_over == [receipt.id for receipt in receipts if receipt.new]
    return [receipt.id for receipt in receipts], [receipt.new for receipt in receipts]
