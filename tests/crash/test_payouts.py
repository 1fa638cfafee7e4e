"""The real product is killed while it takes payouts in: the same file brought again ends with the same rows."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from flows.payout_importer.messages import PayoutPage
from flows.reading import reading
from flows.reading.payouts import lines_of, payouts_judged, payouts_named
from tests.actors.payout_world import pages
from tests.crash.world import Settings, World, opened
from tests.unit import payout_files as files

pytestmark = pytest.mark.anyio

_LINES = 650
_PAYOUT = "payout/web/shopify_payments/77"


@pytest.fixture(name="world", scope="module")
def fixture_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One sandbox for all; each test brings the payout of another day."""
    with opened(tmp_path_factory.mktemp("payouts"), Settings(seed=11)) as world:
        yield world


def told(payout: int, run: str) -> list[PayoutPage]:
    """A file of four pages, as the command sends them."""
    lines = [
        files.shopify_line(
            payout * 10_000 + number,
            "reserve",
            "1.00",
            "0.10",
            "0.90",
            payout_id=payout,
            source_order_id=None,
            source_order_transaction_id=None,
        )
        for number in range(_LINES)
    ]
    header = {**files.SHOPIFY_PAYOUT, "id": payout, "amount": "585.00"}
    return pages(files.shopify(lines, header), run)


async def books(store: Path, payout: int, run: str) -> tuple[dict[str, Any], list[Any]]:
    """The payout and its lines once an import is judged, without what names the import, the payout and the time."""
    key = _PAYOUT.replace("77", str(payout))
    async with reading(store) as read:
        with anyio.fail_after(20):
            while not await payouts_judged(read, run):
                await anyio.sleep(0.02)
        (row,) = await payouts_named(read, key)
        lines = [msgspec.structs.replace(each, line="") async for each in lines_of(read, key)]
    own = ("key", "payout", "told_at", "run")
    return {name: value for name, value in msgspec.structs.asdict(row).items() if name not in own}, lines


@pytest.mark.parametrize(
    ("payout", "point"),
    [(2, "step.before_journal@payout_importer:3"), (3, "step.after_journal@payout_importer:2")],
)
async def test_a_death_while_pages_are_decided_on_ends_with_the_same_rows(
    world: World, payout: int, point: str
) -> None:
    """Pages that were answered are in the queue; the command typed again brings all of them, and nothing is twice."""
    await world.start()
    assert await world.bring(told(1, "calm"))
    undisturbed = await books(world.store, 1, "calm")
    assert (undisturbed[0]["lines"], undisturbed[0]["verdict"]) == (_LINES, "proven")
    await world.start(die=point)
    await world.bring(told(payout, "first"))
    assert await world.ended() == -signal.SIGKILL
    await world.start()
    assert await world.bring(told(payout, f"again-{payout}"))
    assert await books(world.store, payout, f"again-{payout}") == undisturbed
    world.kill()
