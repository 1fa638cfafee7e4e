"""The real product is killed while it posts into the ledger, and answers are lost: each batch is there, once."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import anyio
import pytest

from flows.payout_importer.messages import PayoutPage
from runtime.testing.faults import FaultRule
from tests.actors.payout_world import pages
from tests.crash.starts import die
from tests.crash.world import Settings, World, opened
from tests.integration.running import known_of
from tests.unit import payout_files as files

pytestmark = pytest.mark.anyio

_POSTINGS = """
[postings]
mode = "live"
currency = "USD"
[[postings.rows]]
event = "fee"
debit = "6100"
credit = "1200"
journal = "GEN"
[[postings.rows]]
event = "payout"
debit = "1000"
credit = "1200"
journal = "CASH"
"""
_LOST = tuple(
    FaultRule(route=f"account.move/{method}", kind="answer_lost", probability=0.3) for method in ("create", "post")
)
_DEATHS = ("outcome.before_journal@make_ledger_move:1", "outcome.before_journal@post_ledger_move:1")
"""A move has been made, or was posted, its answer lost or not, and nobody has written it down."""


def told() -> list[PayoutPage]:
    """A payout of yesterday."""
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86_400))
    sold = files.shopify_line(1, "charge", "100.00", "3.20", "96.80")
    paid = {**files.SHOPIFY_PAYOUT, "amount": "96.80", "date": day}
    return pages(files.shopify([sold], paid))


async def until(world: World, query: str, wanted: list[tuple[Any, ...]]) -> None:
    """Until the store answers so."""
    found: list[tuple[Any, ...]] = []
    with anyio.move_on_after(15):
        while found != wanted:
            await anyio.sleep(0.02)
            found = world.read(query)
    assert found == wanted, world.log_end()


async def test_each_batch_is_in_the_ledger_once_whenever_the_process_dies(tmp_path: Path) -> None:
    """Two deaths on the way of two batches, answers lost: two moves, each posted once."""
    known = f'capabilities = "{tmp_path}/fulfil.toml"'
    with opened(tmp_path, Settings(seed=61, faults=_LOST, fulfil=known, more=_POSTINGS)) as world:
        known_of(world.sandbox_url, tmp_path, ledger="readable")
        world.environment["SEAMLINE__POSTINGS__MODE"] = "preview"  # the first life must not post what it takes in
        assert await world.start()
        assert await world.bring(told())
        await until(world, "SELECT count(*) FROM posting", [(2,)])
        world.kill()
        del world.environment["SEAMLINE__POSTINGS__MODE"]
        for death in _DEATHS:
            await die(world, death)
        await world.start()
        await until(world, "SELECT status, count(*) FROM posting_batch GROUP BY status", [("posted", 2)])
        moves = await world.rows("account.move", "description", "state")
        lines = await world.rows("account.move.line", "debit", "credit")
    assert Counter(move["state"] for move in moves) == {"posted": 2}
    assert len({move["description"] for move in moves}) == 2
    assert len(lines) == 4
