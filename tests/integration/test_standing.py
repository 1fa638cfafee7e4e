"""What stands open is read from the journal, so it is true after a restart."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from flows.exceptions.kinds import KINDS
from flows.model.schema import ORDERS
from flows.standing import Standing
from runtime.clock import SystemClock
from runtime.journal.journal import opened

pytestmark = pytest.mark.anyio


async def test_open_cases_are_counted_by_kind_and_owner_with_the_age_of_the_oldest(tmp_path: Path) -> None:
    """Currencies are added up, closed cases are not counted, a kind without any is 0; a new process says the same."""
    path, clock = tmp_path / "store.db", SystemClock()
    hour_us = 3_600_000_000
    for _ in range(2):
        async with opened(path, clock, lambda _event: None, (ORDERS,)) as journal, anyio.create_task_group() as tasks:
            tasks.start_soon(journal.writer.run)
            now = clock.now()
            rows = [
                ("a", "sku.unknown", "web/1", "X", "s", "ecommerce", "1", "USD", now - 2 * hour_us, now),
                ("b", "sku.unknown", "web/2", "X", "s", "ecommerce", "1", "EUR", now - hour_us, now),
                ("c", "order.edited", "web/3", "edit", "s", "operations", "1", "EUR", now, now),
            ]
            await journal.submit([("open_case", row) for row in rows]).durable()
            await journal.submit([("close_case", (now, "done", "c"))]).durable()
            standing = Standing(journal)
            assert standing.open() == [], "before the first look nothing is said, not even nought"
            await standing.look()
            counted = dict(standing.open())
            assert counted.pop(("sku.unknown", "ecommerce")) == 2.0
            assert counted == {
                (kind.name, kind.owner.value): 0.0 for kind in KINDS.values() if kind.name != "sku.unknown"
            }
            ((labels, age_s),) = standing.oldest_s()
            assert labels == ("sku.unknown", "ecommerce")
            assert 7_199 < age_s < 7_260
            tasks.cancel_scope.cancel()
