"""Statements in virtual time: a day is closed, restated while something of it is open, and kept in every version."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import msgspec

from connectors.patchworks.manifests import read_page
from flows.events import DayStated
from flows.manifests import NAME as MANIFESTS
from flows.manifests import Manifests, PageReceived, key_of
from flows.reconciler import STATEMENTS, StateDays, Statements, StatePolicy, statements_key
from runtime.actor import Actor
from runtime.clock import to_instant
from runtime.journal.journal import Journal
from tests.actors.proving import ProofWorld, process
from tests.actors.world import story

KEY = statements_key("web")
_COLUMNS = "version, verdict, had, received, sales, held, missing, undated, named"


def actors(journal: Journal, emit: Callable[[Any], None]) -> Sequence[Actor]:
    return [Statements(StatePolicy(), journal, emit)]


async def state(world: ProofWorld) -> None:
    """What the process tells it at its start."""
    await world.engine.post(STATEMENTS, KEY, StateDays())
    await world.until_idle()


async def of_day(world: ProofWorld, day: datetime) -> list[Any]:
    return await world.sql(f"SELECT {_COLUMNS} FROM statement WHERE day = '{day.date()}' ORDER BY version")  # noqa: S608


def yesterday(world: ProofWorld) -> datetime:
    """Noon of the day before."""
    return world.now.replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)


async def manifest(world: ProofWorld, day: datetime, listed: int, missing: Sequence[str] = ()) -> str:
    """A manifest of a whole day that was compared, and what of it is still missing."""
    began = day.replace(hour=0)
    span = to_instant(began), to_instant(began + timedelta(days=1))
    key = f"manifest/web/{began:%Y%m%d}"
    open_ = len(missing)
    came = to_instant(began + timedelta(days=1, hours=1))
    await world.write("put_manifest", key, "web", *span, came, came, listed, open_, 0, 0, open_, "digest")
    for order_id in missing:
        await world.write("put_manifest_order", key, order_id, "", 1)
    return key


def test_a_day_is_stated_once_it_is_closed_and_again_only_when_its_figures_are_others(tmp_path: Path) -> None:
    """A missing order is named; when it comes, and when a hold ends, the next version says so; the first one stays."""

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            day = yesterday(world)
            await world.order("1", day)
            await world.order("2", day + timedelta(hours=1), state="held", sale=None)
            await manifest(world, day, 3, ["3"])
            await state(world)
            await anyio.sleep(3 * 3_600)
            (first,) = await of_day(world, day)
            assert first == (1, "incomplete", 3, 2, 1, 1, 1, 0, '["3"]')
            await world.write("put_delivery", "web/3", "v", b"d", 99)
            await world.order("3", day)
            await anyio.sleep(3_700)
            await world.order("2", day + timedelta(hours=1), sale=8)
            await anyio.sleep(3_700)
            assert await of_day(world, day) == [
                first, (2, "complete", 3, 3, 2, 1, 0, 0, "[]"), (3, "complete", 3, 3, 3, 0, 0, 0, "[]"),
            ]  # fmt: skip
            await anyio.sleep(3_700)
            assert len(await of_day(world, day)) == 3

    story(main)


def test_a_crash_states_the_same_day_with_the_same_digest_and_leaves_no_day_out(tmp_path: Path) -> None:
    """Stopped for nine days, the process states each of them when it is back."""

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            day = yesterday(world)
            await world.order("1", day)
            await state(world)
            await anyio.sleep(3 * 3_600)
        await anyio.sleep(9 * 86_400)
        async with process(tmp_path / "s.db", actors) as world:
            await state(world)
            days = await world.sql(
                "SELECT day, count(*), count(DISTINCT digest) FROM statement GROUP BY day ORDER BY day"
            )
            expected = [(str((day + timedelta(days=number)).date()), 1, 1) for number in range(len(days))]
            assert len(days) >= 9
            assert days == expected

    story(main)


def test_an_order_that_cannot_be_read_keeps_its_day_from_being_complete(tmp_path: Path) -> None:
    """Nobody knows of which day it is, so no day since then is called complete."""

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            day = yesterday(world)
            await world.order("1", day)
            await world.order("2", None, state="held", sale=None)
            await manifest(world, day, 1)
            await state(world)
            await anyio.sleep(3 * 3_600)
            (said,) = await of_day(world, day)
            assert said[1:3] == ("incomplete", 1)
            assert said[-2] == 1

    story(main)


def test_polls_that_came_through_are_evidence(tmp_path: Path) -> None:
    """With polls of the whole day and no manifest, the day is complete; before they have read it, it is unproven."""

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            day = yesterday(world)
            await world.order("1", day)
            await world.order("1", day, sales_channel="outlet")
            began = day.replace(hour=0)
            await world.write("put_poll_mark", "web", to_instant(began), to_instant(began + timedelta(hours=23)))
            await state(world)
            await anyio.sleep(3 * 3_600)
            assert [row[1] for row in await of_day(world, day)] == ["unproven"]
            await world.write("put_poll_mark", "web", to_instant(began), to_instant(began + timedelta(hours=24)))
            await anyio.sleep(3_700)
            assert [row[1:4] for row in await of_day(world, day)] == [("unproven", None, 1), ("complete", 1, 1)]

    story(main)


def test_a_manifest_of_a_day_long_past_has_that_day_stated_when_it_has_come(tmp_path: Path) -> None:
    """Before the first day that was ever stated, and before the days that are looked at again; without a restart."""

    def with_manifests(journal: Journal, emit: Callable[[Any], None]) -> Sequence[Actor]:
        return [*actors(journal, emit), Manifests(journal, emit, states=True)]

    async def main() -> None:
        async with process(tmp_path / "s.db", with_manifests) as world:
            await state(world)
            day = yesterday(world) - timedelta(days=90)
            await world.write("put_delivery", "web/1", "1", b"d", 99)
            await world.order("1", day)
            span = {"from": day.replace(hour=0), "to": day.replace(hour=0) + timedelta(days=10)}
            page = read_page("web", msgspec.json.encode({**span, "orders": ["1"]}), {}, world.now)
            await world.engine.post(MANIFESTS, key_of(page), PageReceived(page=page))
            await world.until_idle()
            said = await world.sql(
                "SELECT day, verdict, received FROM statement WHERE verdict = 'complete' ORDER BY day"
            )
            days = [str((day + timedelta(days=number)).date()) for number in range(10)]
            assert said == [(each, "complete", int(each == days[0])) for each in days]
            await world.order("2", day)
            wide = {"from": day - timedelta(days=3_650), "to": day.replace(hour=0) + timedelta(days=10)}
            page = read_page("web", msgspec.json.encode({**wide, "orders": ["1"]}), {}, world.now)
            await world.engine.post(MANIFESTS, key_of(page), PageReceived(page=page))
            await world.until_idle()
            ((count, versions),) = await world.sql(
                "SELECT count(*), max(version) FROM statement WHERE verdict = 'complete'"
            )
            assert (310 < count < 330, versions) == (True, 1), "400 days back, and what is complete is not stated anew"

    story(main)


def test_days_since_the_first_order_are_stated_when_it_is_brought_later(tmp_path: Path) -> None:
    """By a back-fill, say: the days between it and the first one that was stated are not left out."""

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            await state(world)
            await world.order("1", yesterday(world) - timedelta(days=12))
            await anyio.sleep(3_700)
            ((days,),) = await world.sql("SELECT count(DISTINCT day) FROM statement")
            assert days >= 12

    story(main)


async def stated_days(world: ProofWorld) -> list[tuple[str, int]]:
    """Each day that has a statement, and how many versions of it."""
    return await world.sql("SELECT day, count(*) FROM statement GROUP BY day ORDER BY day")


def test_a_process_that_was_away_for_months_leaves_no_day_out(tmp_path: Path) -> None:
    """It begins behind the last day that was stated, however far back days are looked at again."""

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            day = yesterday(world)
            await world.order("1", day)
            await state(world)
            await anyio.sleep(86_400)
        await anyio.sleep(90 * 86_400)
        async with process(tmp_path / "s.db", actors) as world:
            await anyio.sleep(3 * 3_600)
            last = yesterday(world)
            wanted = [(str((day + timedelta(days=number)).date()), 1) for number in range((last - day).days + 1)]
            assert len(wanted) > 90
            assert await stated_days(world) == wanted
            await anyio.sleep(3_700)
            assert await stated_days(world) == wanted

    story(main)


def test_a_sale_that_is_gone_and_an_order_without_a_day_are_news_of_their_day_as_long_as_they_are(
    tmp_path: Path,
) -> None:
    """Each change is another version, and each version is counted."""

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            day = yesterday(world)
            await world.order("1", day)
            await manifest(world, day, 1)
            await state(world)
            await anyio.sleep(3 * 3_600)
            now = world.clock.now()
            case = ("f", "sale.differs", "web/1", "gone", "it is gone", "finance", None, None, now, now)
            await world.write("open_case", *case)
            await anyio.sleep(3_700)
            await world.write("close_case", world.clock.now(), "it is there", "f")
            await anyio.sleep(3_700)
            said = await world.sql(f"SELECT version, verdict, gone FROM statement WHERE day = '{day.date()}'")  # noqa: S608
            assert said == [(1, "complete", 0), (2, "incomplete", 1), (3, "complete", 0)]
            of_day = [each for each in world.events if isinstance(each, DayStated)]
            assert [(each.sales_channel, each.verdict, each.missing) for each in of_day][-3:] == [
                ("web", "complete", 0), ("web", "incomplete", 0), ("web", "complete", 0),
            ]  # fmt: skip

    story(main)


def test_days_that_were_stated_are_looked_at_again_where_their_first_order_is_of_a_later_day(tmp_path: Path) -> None:
    """Its sales channel has corrected it: a manifest that comes then is held against the day all the same."""

    async def main() -> None:
        async with process(tmp_path / "s.db", actors) as world:
            last = yesterday(world)
            first = last - timedelta(days=20)
            await world.order("1", first)
            await state(world)
            days = [str((first + timedelta(days=number)).date()) for number in range(20)]
            assert await stated_days(world) == [(day, 1) for day in days]
            await world.order("1", last)
            await manifest(world, first, 0)
            await anyio.sleep(3 * 3_600)
            assert await stated_days(world) == [(days[0], 2), *((day, 1) for day in (*days[1:], str(last.date())))]
            assert [row[1:4] for row in await of_day(world, first)] == [("unproven", None, 1), ("complete", 0, 0)]

    story(main)
