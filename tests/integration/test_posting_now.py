"""The composed product posts what is due when a person says so."""

from __future__ import annotations

from pathlib import Path

import anyio
import msgspec
import pytest

from flows.cli import commands
from tests.actors.payout_world import pages
from tests.integration.running import running
from tests.unit import payout_files as files

pytestmark = pytest.mark.anyio

_POSTINGS = """
[postings]
mode = "live"
currency = "USD"
[[postings.rows]]
event = "payout"
debit = "1000"
credit = "1200"
journal = "GEN"
"""


def _typed(*words: str) -> object:
    """The exit status of a command, which runs a loop of its own."""
    with pytest.raises(SystemExit) as end:
        commands.main([*words])
    return end.value.code


async def test_an_operator_has_what_is_due_posted_now(tmp_path: Path) -> None:
    """A payout that was imported after the start waits for its hour, or for this; who asked for it is on record."""
    paid = {**files.SHOPIFY_PAYOUT, "amount": "96.80", "date": "2025-12-22"}
    (page,) = pages(files.shopify([files.shopify_line(1, "charge", "100.00", "3.20", "96.80")], paid))
    async with running(tmp_path, knows={"ledger": "readable"}, more=_POSTINGS) as at:
        await at.control("payout", page=msgspec.json.encode(page).decode())
        with anyio.fail_after(10):
            while not await at.app.journal.query("postings_waiting", "", "", "", 10):
                await anyio.sleep(0.01)
        moves = at.erp.sandbox.books.ledger.moves
        assert [each for each in moves if (each.description or "").startswith("Seamline")] == []
        config = tmp_path / "seamline.toml"
        port = at.app.ops_url.rpartition(":")[2]
        config.write_text(config.read_text().replace("[ops]\nport = 0", f"[ops]\nport = {port}"))
        words = ("postings", "post", "--sales-channel", "web", "--by", "Ann", "--config", str(config))
        assert await anyio.to_thread.run_sync(_typed, *words) == 0
        with anyio.fail_after(10):
            while [each.state for each in moves if (each.description or "").startswith("Seamline")] != ["posted"]:
                await anyio.sleep(0.01)
            while not (kept := await at.app.journal.query("audit_of", "web", "", "")):
                await anyio.sleep(0.01)
        assert [(row[2], row[3]) for row in kept] == [("Ann", "postings.post")]
