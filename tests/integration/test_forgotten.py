"""What Fulfil has and a restored store does not know: by its sales, page by page, and by entries of the ledger."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.fulfil.changes import Changes, Page
from connectors.fulfil.config import FulfilConfig
from connectors.fulfil.ledger import LedgerMove
from connectors.fulfil.sales import Sale
from flows import forgotten as module
from flows.config import FulfilSettings
from flows.forgotten import Forgotten, forgotten, judged
from flows.model.schema import ORDERS
from runtime.config import Secret
from runtime.errors import SeamlineError, Unavailable
from tests.actors.world import SALES_CHANNELS
from tests.integration.journals import running

pytestmark = pytest.mark.anyio

SINCE = datetime(2026, 11, 20, 9, tzinfo=UTC)
SETTINGS = FulfilSettings(api=FulfilConfig(base_url="https://acme.fulfil.io"), token=Secret("token"))
CHANNEL = SALES_CHANNELS["web"].sale.channel_id


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def sale(id_: int, identifier: str | None, **of: Any) -> Sale:
    fields = {"state": "processing", "create_date": SINCE, "channel": CHANNEL, "number": f"SO{id_}", **of}
    return Sale(id=id_, channel_identifier=identifier, **fields)


def move(id_: int, description: str | None) -> LedgerMove:
    return LedgerMove(id=id_, description=description, state="posted", create_date=SINCE)


@pytest.mark.parametrize(
    ("known", "state", "here"),
    [
        (None, "processing", "no such order is here"),
        (("imported", 7, "SO7"), "processing", ""),
        (("imported", 8, "SO8"), "processing", "the order has sale SO8"),
        (("creating", None, None), "processing", ""),
        (("unknown", None, None), "processing", ""),
        (("held", None, None), "processing", "the order is held, without a sale"),
        (("waiting", None, None), "processing", "the order is waiting, without a sale"),
        (("cancelled", None, None), "processing", "the order is cancelled, without a sale"),
        (("cancelled", None, None), "cancel", ""),
        (("excluded", None, None), "done", "the order is excluded, without a sale"),
        (("excluded", None, None), "cancel", ""),
    ],
)
def test_a_sale_is_known_by_what_is_here_of_its_order(known: Any, state: str, here: str) -> None:
    """One of an order that ended is nothing to do when it ended in Fulfil, too."""
    found, remedy = judged(sale(7, "1", state=state), "web/1", known)
    assert found == here
    assert bool(remedy) == bool(here)


async def compared(
    store: Path, monkeypatch: pytest.MonkeyPatch, sales: list[Sale], moves: list[LedgerMove] | None
) -> tuple[list[Forgotten], list[tuple[int, int]]]:
    """What is found, of pages of two rows, and what the bar was told."""
    rows: dict[str, list[Any]] = {"sales": sales, "ledger_moves": moves or []}

    @contextlib.asynccontextmanager
    async def asking(_settings: Any) -> AsyncIterator[Any]:
        async def answer(question: Any) -> Any:
            verb, _, noun = question.kind.partition("_")
            asked = msgspec.json.decode(question.body, type=Changes)
            assert asked.since == SINCE
            if verb == "count":
                return len(rows[noun])
            left = [row for row in rows[noun] if row.id > asked.after_id]
            page = tuple(left[:2])
            return Page(rows=page, last_id=page[-1].id if page else 0, complete=len(left) <= 2)

        yield answer

    monkeypatch.setattr(module, "asking", asking)
    told: list[tuple[int, int]] = []
    found = await forgotten(
        store, SETTINGS, SALES_CHANNELS, SINCE, lambda *each: told.append(each), entries=moves is not None
    )
    return found, told


async def test_all_pages_are_read_and_what_is_not_ours_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of another channel, without an identifier, a return, older and only changed since, or linked by a person."""
    store = tmp_path / "s.db"
    async with running(store, schemas=(ORDERS,)) as journal:
        await journal.write([("put_sale_link", (6, "web/6"))])
    sales = [
        sale(1, "1"), sale(2, "2", channel=CHANNEL + 99), sale(3, None), sale(4, "4", has_return=True),
        sale(5, "5", create_date=datetime(2026, 11, 19, tzinfo=UTC)), sale(6, "6"), sale(7, "7", create_date=None),
    ]  # fmt: skip
    found, told = await compared(store, monkeypatch, sales, None)
    assert [(each.name, each.order) for each in found] == [("SO1", "web/1"), ("SO7", "web/7")]
    assert told == [(2, 7), (4, 7), (6, 7), (7, 7)]


async def test_entries_of_batches_that_were_not_made_here_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the reference of the batch; entries of others are theirs."""
    store, ours = tmp_path / "s.db", "Seamline web USD 2026-11-20 no 1 abc"
    async with running(store, schemas=(ORDERS,)) as journal:
        row = (ours, "web", "USD", "2026-11-20", "GEN", "posted", "1.00", "[]", "abc", 1, 1, 1, 1, "")
        await journal.write([("put_posting_batch", row)])
    lost = "Seamline web USD 2026-11-20 no 2 def"
    found, told = await compared(store, monkeypatch, [], [move(1, ours), move(2, lost), move(3, "rent"), move(4, None)])
    assert [(each.what, each.name) for each in found] == [("entry", lost)]
    assert told[-1] == (4, 4)


async def test_where_fulfil_does_not_answer_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is concluded from half of it."""
    store = tmp_path / "s.db"
    async with running(store, schemas=(ORDERS,)):
        pass

    @contextlib.asynccontextmanager
    async def asking(_settings: Any) -> AsyncIterator[Any]:
        async def answer(_question: Any) -> Any:
            raise Unavailable("Fulfil failed (HTTP 503)")

        yield answer

    monkeypatch.setattr(module, "asking", asking)
    with pytest.raises(SeamlineError, match=r"could not be asked.*503"):
        await forgotten(store, SETTINGS, SALES_CHANNELS, SINCE, lambda *_: None, entries=False)
