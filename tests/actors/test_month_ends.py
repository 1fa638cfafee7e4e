"""The end of a month in virtual time: what was on stock then is kept once, whole, whatever restarts there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from flows import month_ends
from flows.month_ends import KEY, NAME, KeepStock, MonthEnds
from runtime.actor import Actor
from runtime.clock import to_datetime, to_instant
from runtime.journal.journal import Journal
from tests.actors.proving import ProofWorld, process
from tests.actors.world import story


def actors(journal: Journal, emit: Callable[[Any], None]) -> Sequence[Actor]:
    """The stories begin with the year in UTC; in New York it is the evening before."""
    return [MonthEnds("America/New_York", journal, emit)]


async def level(world: ProofWorld, sku: str, on_hand: str, cost: str | None, number: int) -> None:
    """What Fulfil says of a product."""
    await world.write("put_product", number, sku, sku.lower(), sku, 1, 1, None, None, cost)
    await world.write("put_stock_level", "4", sku, number, on_hand, on_hand, to_instant(world.now))


async def kept(world: ProofWorld) -> list[Any]:
    return await world.sql("SELECT month, sku, on_hand, cost FROM month_stock ORDER BY month, sku")


async def until(world: ProofWorld, moment: datetime) -> None:
    """Wait, in virtual time, and then until everything is decided on."""
    await anyio.sleep((moment - world.now).total_seconds())
    await world.until_idle()


def test_what_is_on_stock_is_kept_when_the_month_ends_in_the_company_zone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hours after the end in UTC; page by page; costs of then, and none where none was told; zero is left out."""
    monkeypatch.setattr(month_ends, "_ROWS_PER_STEP_MAX", 2)

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            await world.engine.post(NAME, KEY, KeepStock())
            for number, (sku, on_hand, cost) in enumerate(
                [("A", "3.0", "2.50"), ("B", "-1", "0.125"), ("C", "0.0", "9"), ("D", "4", None)], 1
            ):
                await level(world, sku, on_hand, cost, number)
            await until(world, datetime(2026, 1, 1, 4, 59, 58, tzinfo=UTC))
            assert await kept(world) == []
            await until(world, datetime(2026, 1, 1, 5, 0, 5, tzinfo=UTC))
            december = [("2025-12", "A", "3.0", "2.50"), ("2025-12", "B", "-1", "0.125"), ("2025-12", "D", "4", None)]
            assert await kept(world) == december
            await level(world, "A", "7", "3.00", 1)
        async with process(tmp_path / "s.db", actors) as world:
            await world.engine.post(NAME, KEY, KeepStock())
            await world.until_idle()
            assert await kept(world) == december
            ((month, began, levels),) = await world.sql("SELECT month, began_at, levels FROM month_kept")
            assert (month, levels, to_datetime(began).hour) == ("2025-12", 3, 5)

    story(main)


def test_a_month_that_ended_long_ago_is_not_made_up(tmp_path: Path) -> None:
    """Within a day it is kept late, and the store says when; after that, not at all."""

    def ahead(journal: Journal, emit: Callable[[Any], None]) -> Sequence[Actor]:
        return [MonthEnds("Pacific/Kiritimati", journal, emit)]  # where the month ended fourteen hours ago

    async def main() -> None:
        async with process(tmp_path / "s.db", ahead) as world:
            await level(world, "A", "3", "2.50", 1)
            await until(world, datetime(2026, 1, 1, 9, 59, tzinfo=UTC))
            await world.engine.post(NAME, KEY, KeepStock())
            await world.until_idle()
            assert [row[0] for row in await kept(world)] == ["2025-12"]
        async with process(tmp_path / "late.db", ahead) as world:
            await level(world, "A", "3", "2.50", 1)
            await until(world, datetime(2026, 1, 1, 10, 1, tzinfo=UTC))
            await world.engine.post(NAME, KEY, KeepStock())
            await world.until_idle()
            assert await kept(world) == []

    story(main)


def test_a_month_of_which_no_level_was_ever_read_is_not_kept_as_one_without_stock(tmp_path: Path) -> None:
    """The first start is on the first of a month, before Fulfil has told anything: nobody can say what was there."""

    def ahead(journal: Journal, emit: Callable[[Any], None]) -> Sequence[Actor]:
        return [MonthEnds("Pacific/Kiritimati", journal, emit)]

    async def main() -> None:
        ends = datetime(2026, 1, 31, 10, tzinfo=UTC)
        async with process(tmp_path / "s.db", ahead) as world:
            await world.engine.post(NAME, KEY, KeepStock())
            await world.until_idle()
            assert await world.sql("SELECT month FROM month_kept") == []
            await level(world, "A", "0", "2.50", 1)
            asked_at = world.now
        await anyio.sleep((ends - asked_at).total_seconds() - 5)  # a month with nobody there is short
        async with process(tmp_path / "s.db", ahead) as world:
            await until(world, ends + timedelta(seconds=5))
            assert await world.sql("SELECT month, levels FROM month_kept") == [("2026-01", 0)], "there was none"

    story(main)
