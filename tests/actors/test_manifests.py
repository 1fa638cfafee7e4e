"""Manifests in virtual time: what a sales channel says it has, against what was received."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import msgspec

from connectors.patchworks.manifests import ManifestPage, read_page
from flows.manifests import NAME, PageReceived, key_of
from runtime.clock import to_datetime
from runtime.errors import Refused
from tests.actors.asking import WEB, Shop, World, process
from tests.actors.world import story

ON_DEMAND = msgspec.structs.replace(WEB, poll=None)


def page_of(world: World, orders: Sequence[Any], **more: Any) -> ManifestPage:
    """A page that lists these orders, for yesterday's and today's purchases."""
    now = to_datetime(world.journal.clock.now())
    day = datetime(now.year, now.month, now.day, tzinfo=UTC)
    window = {"from": day - timedelta(days=1), "to": day + timedelta(days=1)}
    return read_page("web", msgspec.json.encode({**window, "orders": orders, **more}), {}, now)


async def send(world: World, orders: Sequence[Any], **more: Any) -> str:
    """Deliver a page as the route does; the manifest's key."""
    page = page_of(world, orders, **more)
    await world.engine.post(NAME, key_of(page), PageReceived(page=page))
    await anyio.sleep(5)
    return key_of(page)


async def statement(world: World, key: str) -> dict[str, Any]:
    """What the statement says."""
    ((_, _, _, _, received, checked, listed, missing, outdated, unlisted, opened, digest),) = await world.journal.query(
        "manifest_by_key", key
    )
    return {
        "received": received, "checked": checked, "listed": listed, "missing": missing, "outdated": outdated,
        "unlisted": unlisted, "open": opened, "digest": digest,
    }  # fmt: skip


def figures(said: dict[str, Any]) -> tuple[int, ...]:
    return tuple(said[name] for name in ("listed", "missing", "outdated", "unlisted", "open"))


def test_a_listed_order_that_never_arrived_is_fetched_and_counted(tmp_path: Path) -> None:
    """Failure case 6, by manifest: 600 orders of which 1 was not pushed; it is here within 15 minutes, once."""

    async def main() -> None:
        shop = Shop()
        async with process(tmp_path / "s.db", shop, ON_DEMAND) as world:
            placed = [shop.place() for _ in range(600)]
            for id_ in placed[1:]:
                await world.push(id_)
            key = await send(world, placed)
            assert figures(await statement(world, key)) == (600, 1, 0, 0, 1)
            await anyio.sleep(600)
            assert figures(await statement(world, key)) == (600, 1, 0, 0, 0)
            assert await world.known() == dict.fromkeys(placed, 1)
            assert [each.key for each in world.named("order.missed")] == [f"web/{placed[0]}"]
            assert await world.cases() == []
            assert await world.sql("SELECT count(*) FROM manifest_order") == [(0,)]

    story(main)


def test_hundreds_of_missing_orders_are_looked_for_some_at_a_time(tmp_path: Path) -> None:
    """1,200 are missing, more than one step takes: the statement counts them all, and all of them come."""

    async def main() -> None:
        shop = Shop()
        shop.takes_s = 0.001
        async with process(tmp_path / "s.db", shop, ON_DEMAND) as world:
            placed = [shop.place() for _ in range(1_200)]
            key = await send(world, placed)
            await anyio.sleep(900)
            assert figures(await statement(world, key)) == (1_200, 1_200, 0, 0, 0)
            assert await world.known() == dict.fromkeys(placed, 1)

    story(main)


def test_without_a_flow_to_ask_a_missing_order_is_a_persons_case_until_it_comes(tmp_path: Path) -> None:
    """The orphan is at the order, is operations', and is due within 15 minutes; a push ends it by itself."""

    async def main() -> None:
        shop = Shop()
        async with process(tmp_path / "s.db", shop, None) as world:
            id_ = shop.place()
            await send(world, [id_])
            assert await world.cases() == [("order.orphan", f"web/{id_}")]
            ((owner, opened, deadline),) = await world.sql("SELECT owner, opened_at, deadline_at FROM exception_case")
            assert (owner, deadline - opened) == ("operations", 15 * 60 * 1_000_000)
            await world.push(id_)
            await anyio.sleep(301)
            assert await world.cases() == []

    story(main)


def test_an_order_that_the_flow_does_not_have_or_refuses_is_an_orphan(tmp_path: Path) -> None:
    """The sentence says why; the order is asked for again every five minutes."""

    async def main() -> None:
        shop = Shop()
        async with process(tmp_path / "s.db", shop, ON_DEMAND) as world:
            await send(world, [77])
            ((sentence,),) = await world.sql("SELECT sentence FROM exception_case")
            assert "does not have it, either" in sentence
            shop.weather = lambda: Refused("no such flow", code="404")
            await anyio.sleep(600)
            ((sentence,),) = await world.sql("SELECT sentence FROM exception_case")
            assert "no such flow" in sentence
            assert len(shop.asked) == 3

    story(main)


def test_a_manifest_twice_changes_nothing(tmp_path: Path) -> None:
    """Rows, statement and calls are those of the first time."""

    async def main() -> None:
        shop = Shop()
        async with process(tmp_path / "s.db", shop, ON_DEMAND) as world:
            placed = [shop.place() for _ in range(3)]
            key = await send(world, placed)
            await anyio.sleep(600)
            first, asked = await statement(world, key), len(shop.asked)
            await send(world, placed)
            await anyio.sleep(600)
            assert await statement(world, key) == first
            assert len(shop.asked) == asked == 3

    story(main)


def test_pages_are_compared_when_all_are_here_in_any_order(tmp_path: Path) -> None:
    """Page 2 first, then again, then page 1 after a crash: one statement; its digest is that of the whole list."""

    async def main() -> None:
        shop = Shop()
        async with process(tmp_path / "s.db", shop, ON_DEMAND) as world:
            placed = [shop.place() for _ in range(4)]
            whole = {"manifest": "run-1", "pages": 2}
            key = await send(world, placed[2:], page=2, **whole)
            await send(world, placed[2:], page=2, **whole)
            assert (await statement(world, key))["checked"] is None
        async with process(tmp_path / "s.db", shop, ON_DEMAND) as world:
            await send(world, placed[:2], page=1, **whole)
            said = await statement(world, key)
            assert figures(said)[:2] == (4, 4)
            await anyio.sleep(600)
            await send(world, placed)  # the same list as one page, another manifest of the same window
            assert (await statement(world, key))["digest"] == said["digest"]
            assert figures(await statement(world, key)) == (4, 0, 0, 0, 0)

    story(main)


def test_a_late_page_of_a_manifest_that_a_later_one_has_replaced_changes_nothing(tmp_path: Path) -> None:
    """A run is delivered once more: what the later one has listed stands. Without a name of the run nobody can say."""

    async def main() -> None:
        shop = Shop()
        async with process(tmp_path / "s.db", shop, ON_DEMAND) as world:
            placed = [shop.place() for _ in range(4)]
            for id_ in placed:
                await world.push(id_)
            await send(world, placed[:2], page=1, manifest="run-1", pages=1)
            key = await send(world, placed, page=1, manifest="run-2", pages=1)
            said = await statement(world, key)
            assert figures(said) == (4, 0, 0, 0, 0)
            await send(world, placed[:2], page=1, manifest="run-1", pages=1)
            assert await statement(world, key) == said
            await send(world, placed[:2], page=1, manifest="run-3", pages=2)
            await send(world, placed, page=1, manifest="run-2", pages=1)
            assert (await statement(world, key))["checked"] is None, "run 3 is on its way"
            await send(world, placed[2:3], page=2, manifest="run-3", pages=2)
            assert figures(await statement(world, key)) == (3, 0, 0, 0, 0)
            for listed in (placed, placed[:3], placed):
                await send(world, listed)
                assert (await statement(world, key))["listed"] == len(listed)

    story(main)


def test_a_page_that_changes_after_the_comparison_waits_for_the_others(tmp_path: Path) -> None:
    """The pages of a compared manifest are gone from disk: a new first page alone is not compared."""

    async def main() -> None:
        shop = Shop()
        async with process(tmp_path / "s.db", shop, ON_DEMAND) as world:
            placed = [shop.place() for _ in range(4)]
            for id_ in placed:
                await world.push(id_)
            whole = {"manifest": "run-1", "pages": 2}
            await send(world, placed[:2], page=1, **whole)
            key = await send(world, placed[2:], page=2, **whole)
            assert figures(await statement(world, key)) == (4, 0, 0, 0, 0)
            await send(world, placed[:1], page=1, **whole)
            assert (await statement(world, key))["checked"] is None
            await send(world, placed[2:], page=2, **whole)
            assert figures(await statement(world, key)) == (3, 0, 0, 0, 0)

    story(main)


def test_an_older_version_than_the_listed_one_is_brought_up_to_date(tmp_path: Path) -> None:
    """The edit was never pushed: the manifest says the time of change, so the order is fetched; nobody missed it."""

    async def main() -> None:
        shop = Shop()
        async with process(tmp_path / "s.db", shop, ON_DEMAND) as world:
            id_ = shop.place()
            await world.push(id_)
            await anyio.sleep(60)
            shop.edit(id_)
            zone = datetime.fromisoformat(msgspec.json.decode(shop.body(id_))["updated_at"])
            elsewhere = zone.astimezone(tz=datetime.fromisoformat("2026-01-01T00:00:00+05:30").tzinfo)
            key = await send(world, [{"id": str(id_), "updated_at": elsewhere.isoformat()}])
            assert figures(await statement(world, key))[:3] == (1, 0, 1)
            await anyio.sleep(400)
            assert await world.known() == {id_: 2}
            assert world.named("order.missed") == []
            assert figures(await statement(world, key))[4] == 0

    story(main)


def test_an_order_that_the_sales_channel_does_not_list_is_a_finding(tmp_path: Path) -> None:
    """Of three orders that are here, one is not listed, and one is too young for the manifest: one finding, which the
    next manifest of the window ends.
    """

    async def main() -> None:
        shop = Shop()
        async with process(tmp_path / "s.db", shop, ON_DEMAND) as world:
            now = world.journal.clock.now()
            hour = 3_600 * 1_000_000
            for name, placed_at in (("1", now - hour), ("2", now - hour), ("3", now), ("4", now - 72 * hour)):
                row = (f"web/{name}", "web", name, name, "imported", "proven", "1", "USD", placed_at, 1, "SO1", now)
                await world.journal.write(
                    [("put_order_view", row), ("put_delivery", (f"web/{name}", "", b"", int(name)))]
                )
            key = await send(world, ["1"])
            assert figures(await statement(world, key)) == (1, 0, 0, 1, 0)
            assert await world.cases() == [("manifest.unlisted", key)]
            ((sentence,),) = await world.sql("SELECT sentence FROM exception_case")
            assert sentence.endswith(": 2")
            await send(world, ["1", "2"])
            assert await world.cases() == []

    story(main)
