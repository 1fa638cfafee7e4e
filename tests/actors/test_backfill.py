"""Back-fill in virtual time: what is new is counted first, and history is never shipped."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from flows.backfill import NAME, Begin, ask, key_of
from flows.model.on_demand import OnDemandSettings
from runtime.decision import Repeat
from runtime.errors import SeamlineError, Unavailable
from tests.actors.asking import Shop, World, process
from tests.actors.world import orders, story

ON_DEMAND = OnDemandSettings(callback="orders", page_size=100)
MANY = int(os.environ.get("SEAMLINE_BACKFILL_ORDERS", "1000"))
"""10000 is the figure of the acceptance; it takes its time."""
LONG_AGO, LATER = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
ALL = ("shipments", "invoices", "payments")


async def backfilled(world: World, **more: Any) -> dict[str, Any]:
    """Ask, wait until it has ended, and read the figures."""
    begin = Begin(**{"run": "r", "began": LONG_AGO, "ended": LATER, **more})
    await world.engine.post(NAME, key_of("web"), begin)
    await anyio.sleep(1)
    with anyio.fail_after(7_200):
        while (said := await figures(world))["status"] in {"counting", "taking"}:
            await anyio.sleep(1)
    return said


async def figures(world: World) -> dict[str, Any]:
    names = (
        *("key", "run", "sales_channel", "began", "ended", "is_dry", "status", "sentence", "asked", "changed"),
        *("read_to", "known", "new", "shipments", "invoices", "payments", "closed", "undecided", "taken"),
    )
    (row,) = await world.journal.query("backfill_by_key", key_of("web"))
    return dict(zip(names, row, strict=True))


def history(shop: Shop, count: int, **changes: Any) -> list[int]:
    return [shop.sold(order.body, **changes) for order in orders(count)]


def test_of_many_orders_of_which_nine_in_ten_are_known_a_tenth_is_new_and_then_none(tmp_path: Path) -> None:
    """Failure case 18: dry run and back-fill say the same, and repeating it brings nothing. By time of change, pages of
    100; an order that was received long ago is known, whatever its version is by now.
    """

    async def main() -> None:
        shop = Shop()
        shop.takes_s = 0.001
        async with process(tmp_path / "s.db", shop, ON_DEMAND) as world:
            ids = history(shop, MANY)
            for id_ in ids[MANY // 10 :]:
                await world.push(id_)
            said = await backfilled(world)
            new = MANY // 10
            assert (said["new"], said["known"], said["taken"], said["status"]) == (new, MANY - new, 0, "done")
            assert (said["shipments"], said["invoices"], said["payments"]) == (new, new, new)
            said = await backfilled(world, is_dry=False, allowed=ALL)
            assert (said["new"], said["known"], said["taken"], said["status"]) == (new, MANY - new, new, "done")
            assert await world.known() == dict.fromkeys(ids, 1)
            said = await backfilled(world, is_dry=False, allowed=ALL)
            assert (said["new"], said["known"], said["taken"], said["status"]) == (0, MANY, 0, "done")
            assert await world.known() == dict.fromkeys(ids, 1)
            assert await world.sql("SELECT count(*) FROM backfill_order") == [(0,)]

    story(main)


def test_history_is_never_shipped_unless_somebody_allows_it(tmp_path: Path) -> None:
    """Without leave nothing is taken, not even what would set off nothing; each consequence needs its own."""

    async def main() -> None:
        shop = Shop()
        async with process(tmp_path / "s.db", shop, ON_DEMAND) as world:
            history(shop, 3)
            for allowed in ((), ("shipments",), ("shipments", "payments")):
                said = await backfilled(world, is_dry=False, allowed=allowed)
                assert (said["status"], said["taken"]) == ("refused", 0)
                assert "3 invoices" in said["sentence"]
            assert await world.known() == {}

    story(main)


def test_a_date_in_a_closed_period_needs_leave_of_its_own(tmp_path: Path) -> None:
    """By the company's day: an order of 20 November in UTC, before dawn, is of the 19th there. A sale that is imported
    as completed makes nothing but carries its date, too. Where no period is known that is said.
    """

    async def main() -> None:
        shop = Shop()
        async with process(tmp_path / "s.db", shop, ON_DEMAND) as world:
            made = orders(4)
            shop.sold(made[0].body, processed_at="2026-11-20T03:00:00Z")
            shop.sold(made[1].body, processed_at="2026-11-20T06:00:00Z")
            shop.sold(made[2].body, processed_at="2026-11-18T12:00:00Z", test=True)
            shop.sold(made[3].body, processed_at="2026-12-02T12:00:00Z")
            assert (await backfilled(world))["closed"] is None
            days = [("2026-11-01", "2026-11-19", "closed"), ("2026-11-20", "2026-11-30", "open")]
            rows = [("put_ledger_period", (number, "", *each)) for number, each in enumerate(days)]
            await world.journal.write(rows)
            said = await backfilled(world)
            assert (said["closed"], said["invoices"], said["status"]) == (2, 3, "done")
            said = await backfilled(world, is_dry=False, allowed=ALL)
            assert (said["status"], said["taken"]) == ("refused", 0)
            assert "2 sales dated in closed periods" in said["sentence"]
            said = await backfilled(world, is_dry=False, allowed=(*ALL, "closed_dates"))
            assert (said["status"], said["taken"]) == ("done", 4)

    story(main)


def test_what_the_gate_excludes_is_taken_and_sets_off_nothing(tmp_path: Path) -> None:
    """Shipped, test and refunded orders are known from then on; what cannot be read or shipped whole is named."""

    async def main() -> None:
        shop = Shop()
        async with process(tmp_path / "s.db", shop, ON_DEMAND) as world:
            made = orders(7)
            taken = {
                shop.sold(made[0].body, fulfillment_status="fulfilled"),
                shop.sold(made[1].body, fulfillment_status="partial", cancelled_at="2026-11-20T09:00:00Z"),
                shop.sold(made[2].body, test=True),
                shop.sold(made[3].body, financial_status="refunded"),
                shop.sold(made[5].body, cancelled_at="2026-11-20T09:00:00Z"),
            }
            shop.sold(made[4].body, line_items="none")
            shop.sold(made[6].body, fulfillment_status="partial")
            said = await backfilled(world, is_dry=False, allowed=ALL)
            assert msgspec.json.decode(said["undecided"]) == {"unreadable": 1, "shipped in part": 1}
            assert (said["new"], said["taken"], said["status"]) == (7, 5, "done")
            assert (said["shipments"], said["invoices"], said["payments"]) == (0, 0, 0)
            assert set(await world.known()) == taken

    story(main)


def test_the_range_is_over_the_time_of_purchase(tmp_path: Path) -> None:
    """The first instant is in it, the last is not; an order of the range that was changed since is found."""

    async def main() -> None:
        shop = Shop()
        async with process(tmp_path / "s.db", shop, ON_DEMAND) as world:
            made = orders(5)
            ids = [shop.sold(order.body) for order in made]
            moved = shop.sold(made[1].body, updated_at="2026-11-29T00:00:00Z")
            said = await backfilled(world, began=made[1].placed_at, ended=made[4].placed_at, is_dry=False, allowed=ALL)
            assert said["taken"] == 3
            assert set(await world.known()) == {moved, ids[2], ids[3]}

    story(main)


def test_a_back_fill_outlives_the_process(tmp_path: Path) -> None:
    """Killed again and again while it counts and takes: it goes on, and each order is here once."""

    async def main() -> None:
        shop = Shop()
        shop.takes_s = 1.0
        ids = history(shop, 40)
        small = msgspec.structs.replace(ON_DEMAND, page_size=3)
        begin = Begin(run="r", began=LONG_AGO, ended=LATER, is_dry=False, allowed=ALL)
        async with process(tmp_path / "s.db", shop, small) as world:
            await world.engine.post(NAME, key_of("web"), begin)
            await anyio.sleep(4.5)
        for _ in range(8):
            async with process(tmp_path / "s.db", shop, small) as world:
                await anyio.sleep(5.3)
        async with process(tmp_path / "s.db", shop, small) as world:
            await anyio.sleep(120)
            said = await figures(world)
            assert (said["status"], said["new"]) == ("done", 40)
            assert await world.known() == dict.fromkeys(ids, 1)

    story(main)


def test_a_flow_that_fails_stops_the_back_fill_which_can_be_asked_for_again(tmp_path: Path) -> None:
    """The sentence says how far it came."""

    async def main() -> None:
        shop = Shop()
        async with process(tmp_path / "s.db", shop, ON_DEMAND) as world:
            history(shop, 3)
            shop.weather = lambda: Unavailable("Patchworks failed (HTTP 500)")
            said = await backfilled(world)
            assert said["status"] == "stopped"
            assert "0 orders" in said["sentence"]
            shop.weather = lambda: None
            assert (await backfilled(world))["new"] == 3

    story(main)


def test_who_asks_for_another_one_meanwhile_is_refused(tmp_path: Path) -> None:
    """The same question joins the one under way; another one waits; nonsense is refused with a sentence."""

    async def main() -> None:
        shop = Shop()
        shop.takes_s = 10.0
        async with process(tmp_path / "s.db", shop, ON_DEMAND) as world:
            history(shop, 3)
            flows = {"web": ON_DEMAND}
            asked = {"name": "web", "run": "a", "from": "2026-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z"}

            async def post(key: str, begin: Begin) -> None:
                await world.engine.post(NAME, key, begin)

            async def refused(**changes: str) -> str:
                with pytest.raises(SeamlineError) as caught:
                    await ask(post, world.journal, flows, {**asked, **changes})
                return str(caught.value)

            assert "read" in await ask(post, world.journal, flows, asked)
            await anyio.sleep(1)
            await ask(post, world.journal, flows, {**asked, "run": "b"})
            await anyio.sleep(1)
            assert (await figures(world))["run"] == "b"
            assert "under way" in await refused(to="2026-06-01T00:00:00Z")
            assert "[on_demand]" in await refused(name="outlet")
            assert "before" in await refused(to="2025-01-01T00:00:00Z")
            assert "no back-fill" in await refused(allow="everything")
            await anyio.sleep(60)
            assert len(shop.asked) == 1

    story(main)


def test_who_has_the_past_brought_in_is_on_record(tmp_path: Path) -> None:
    """With the range, and what may be set off; once, also when it is asked for again meanwhile, and across a crash.
    Whoever only counts decides nothing.
    """

    async def main() -> None:
        shop = Shop()
        shop.takes_s = 10.0
        asked = {"name": "web", "from": "2026-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z", "by": "mona"}
        counts = {**asked, "run": "a", "dry": "yes"}
        begins = {**asked, "run": "b", "dry": "no", "allow": "shipments payments", "reason": "the shop has moved"}
        for wait_s, parameters in ((60, counts), (1, begins), (60, {**begins, "run": "c", "by": "ole", "reason": ""})):
            async with process(tmp_path / "s.db", shop, ON_DEMAND) as world:

                async def post(key: str, begin: Begin, world: World = world) -> None:
                    await world.engine.post(NAME, key, begin)

                await ask(post, world.journal, {"web": ON_DEMAND}, parameters)
                await anyio.sleep(wait_s)
                rows = await world.sql('SELECT by, action, subject, "values", reason FROM audit')
        values = {"allow": "shipments payments", "from": "2026-01-01T00:00:00+00:00", "to": "2027-01-01T00:00:00+00:00"}
        ((by, action, subject, data, reason),) = rows
        assert (by, action, subject, reason) == ("mona", "backfill.begin", "web", "the shop has moved")
        assert msgspec.json.decode(data) == values

    story(main)


def test_live_orders_go_before_a_back_fill(tmp_path: Path) -> None:
    """Its calls are paid for by the rest of the budget, and repeat freely."""

    async def main() -> None:
        shop = Shop()
        shop.takes_s = 10.0
        async with process(tmp_path / "s.db", shop, ON_DEMAND) as world:
            await world.engine.post(NAME, key_of("web"), Begin(run="r", began=LONG_AGO, ended=LATER))
            await anyio.sleep(1)
            assert await world.sql("SELECT share, repeat FROM intent") == [("rest", Repeat.SAFE.value)]
            await anyio.sleep(30)
            assert (await figures(world))["new"] == 0

    story(main)
