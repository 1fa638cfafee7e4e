"""From the warehouse to the sales channel, in virtual time: polls, late commits, crashes, lost answers, manifests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import msgspec
from msgspec.structs import replace

from connectors.fulfil.changes import Watermark
from flows.fulfilment_watcher import Watch, WatchPolicy
from flows.fulfilment_watcher.sweeping import SweepState, watched
from runtime.errors import Failure, Refused
from tests.actors.shipping import CHANNEL, TOLD, Depot, Hub, process
from tests.actors.world import story


def test_a_shipment_is_told_seconds_after_it_left(tmp_path: Path) -> None:
    """Seen by the next poll, started with company, followed, sent, and told when the sales channel says so."""

    async def main() -> None:
        depot, hub = Depot(), Hub()
        async with process(tmp_path / "s.db", depot, hub) as world:
            await world.knows("1001")
            await anyio.sleep(30)
            (line,) = depot.sale("1001", 3)
            shipment, left_at = depot.ships([(line, 3)]), depot.now()
            await world.until(sent=1)
            ((at, notice),) = hub.arrived
            assert (at - left_at).total_seconds() < 30
            assert notice["fulfilment_id"] == f"out-{shipment}-1001"
            await world.says(notice["fulfilment_id"])
            await world.until(told=1)
            assert await world.cases() == []
            (event,) = world.named("fulfilment.told")
            assert event.seconds < 60
            ((state,),) = await world.sql("SELECT state FROM order_shipping")
            facts = [
                kind for (kind,) in await world.sql("SELECT kind FROM fact WHERE subject = 'web/1001' ORDER BY id")
            ]
            assert (state, facts[1:]) == ("told", ["shipped", "fulfilment_sent", "told"])

    story(main)


def test_a_sales_channel_may_list_each_parcel_of_a_fulfilment_by_itself(tmp_path: Path) -> None:
    """All of them together are the fulfilment."""

    async def main() -> None:
        depot, hub = Depot(), Hub()
        async with process(tmp_path / "s.db", depot, hub) as world:
            await world.knows("1001")
            shipment = depot.ships([(depot.sale("1001", 1)[0], 1)], parcels=2)
            await world.until(sent=1)
            rows = [{"fulfilment_id": f"out-{shipment}-1001", "tracking": [f"T{shipment}-{n}"]} for n in range(2)]
            await world.says(rows[0])
            await anyio.sleep(5)
            await world.until(sent=1)
            await world.says(*rows)
            await world.until(told=1)

    story(main)


def test_an_idle_poll_costs_one_call_for_each_kind(tmp_path: Path) -> None:
    """What the overlap brings again is known by its content: nothing more is read for it."""

    async def main() -> None:
        depot, hub = Depot(), Hub()
        async with process(tmp_path / "s.db", depot, hub) as world:
            await world.knows("1001")
            (line,) = depot.sale("1001", 3)
            depot.ships([(line, 3)])
            await world.until(sent=1)
            before = depot.calls.copy()
            await anyio.sleep(100)
            spent = depot.calls - before
            assert set(spent) == {"changed_shipments", "changed_drop_shipments"}
            assert spent["changed_shipments"] in (9, 10)
            assert len(hub.arrived) == 1

    story(main)


def test_a_late_commit_inside_the_overlap_is_seen(tmp_path: Path) -> None:
    """Failure case 8: written now, visible 40 seconds later, when several polls have gone by."""

    async def main() -> None:
        depot, hub = Depot(), Hub()
        async with process(tmp_path / "s.db", depot, hub) as world:
            await world.knows("1001")
            (line,) = depot.sale("1001", 3)
            depot.ships([(line, 3)], late_s=40)
            await anyio.sleep(35)
            assert hub.arrived == []
            await world.until(sent=1)

    story(main)


def test_every_page_is_read_and_an_old_shipment_that_changes_is_seen(tmp_path: Path) -> None:
    """Failure case 39: the id is no watermark; 25 shipments are three pages."""

    async def main() -> None:
        depot, hub = Depot(), Hub()
        async with process(tmp_path / "s.db", depot, hub) as world:
            await world.knows(*(f"{n}" for n in range(25)))
            shipments = []
            for n in range(25):
                (line,) = depot.sale(f"{n}", 1)
                shipments.append(depot.ships([(line, 1)]))
            await world.until(sent=25)
            assert len({each["fulfilment_id"] for _, each in hub.arrived}) == len(hub.arrived) == 25
            calls = sum(depot.calls.values()) - depot.calls["changed_drop_shipments"]
            assert calls <= 3 * 6 + 4
            await anyio.sleep(90)
            depot.retracks(shipments[0], "T-new")
            await anyio.sleep(30)
            assert hub.books()[f"out-{shipments[0]}-0"]["tracking"][0]["number"] == "T-new"
            assert len(hub.arrived) == 26

    story(main)


def test_shipments_of_a_supplier_and_merged_ones_are_told_to_each_order(tmp_path: Path) -> None:
    """Rule 13: the key is shipment and order; what is in a drop shipment is known by its moves."""

    async def main() -> None:
        depot, hub = Depot(), Hub()
        async with process(tmp_path / "s.db", depot, hub) as world:
            await world.knows("1001", "1002")
            (one,), (other,) = depot.sale("1001", 2), depot.sale("1002", 5)
            merged = depot.ships([(one, 1), (other, 5)])
            drop = depot.ships([(one, 1)], drop=True)
            depot.ships([(depot.sale("1003", 1, channel=99)[0], 1)])
            await world.until(sent=3)
            assert set(hub.books()) == {f"out-{merged}-1001", f"out-{merged}-1002", f"drop-{drop}-1001"}
            assert hub.units() == {"1001-0": 2, "1002-0": 5}

    story(main)


def test_a_crash_at_any_time_loses_no_shipment_and_tells_none_twice(tmp_path: Path) -> None:
    """Killed every 1.7 seconds, with a page, a start or a poll under way; each fulfilment arrives once."""

    async def main() -> None:
        depot, hub = Depot(), Hub()
        depot.takes_s = 0.3
        orders = [f"{n}" for n in range(8)]
        for life in range(8):
            async with process(tmp_path / "s.db", depot, hub) as world:
                await world.knows(*orders)
                (line,) = depot.sale(orders[life], 2)
                depot.ships([(line, 1)])
                depot.ships([(line, 1)], late_s=1.0)
                await anyio.sleep(1.7)
        async with process(tmp_path / "s.db", depot, hub) as world:
            await world.until(sent=16)
        assert len(hub.books()) == 16
        assert len(hub.arrived) == 16
        assert set(hub.units().values()) == {2}

    story(main)


def test_a_lost_answer_is_looked_for_and_a_possible_repeat_is_counted(tmp_path: Path) -> None:
    """What began is found and not repeated; what did not is sent again, under the same keys."""

    async def main() -> None:
        depot, hub = Depot(), Hub()
        hub.lose.extend(["after", "before"])
        async with process(tmp_path / "s.db", depot, hub) as world:
            await world.knows("1001", "1002")
            depot.ships([(depot.sale("1001", 1)[0], 1)])
            await world.until(sent=1)
            depot.ships([(depot.sale("1002", 1)[0], 1)])
            await world.until(sent=2)
            assert len(hub.arrived) == len(hub.books()) == 2
            assert len(world.named("flow.possible_repeat")) == 1

    story(main)


def test_a_held_notice_goes_when_the_carrier_is_mapped_after_a_restart(tmp_path: Path) -> None:
    """Failure case 27: nobody has to release it."""

    async def main() -> None:
        depot, hub = Depot(), Hub()
        async with process(tmp_path / "s.db", depot, hub) as world:
            await world.knows("1001", "1002")
            for order in ("1001", "1002"):
                depot.ships([(depot.sale(order, 1)[0], 1)], carrier="DPD Next Day v2")
            await world.until(held=2)
            assert await world.cases() == [("carrier.unmapped", f"web/{order}") for order in ("1001", "1002")]
        mapped = msgspec.structs.replace(TOLD, carriers={"UPS": "ups", "DPD Next Day v2": "dpd"})
        async with process(tmp_path / "s.db", depot, hub, mapped) as world:
            await world.until(sent=2)
            assert await world.cases() == []
            assert {each["carrier"] for each in hub.books().values()} == {"dpd"}

    story(main)


def test_an_orphan_goes_when_its_order_comes(tmp_path: Path) -> None:
    """It is looked for every few minutes."""

    async def main() -> None:
        depot, hub = Depot(), Hub()
        async with process(tmp_path / "s.db", depot, hub) as world:
            depot.ships([(depot.sale("1001", 1)[0], 1)])
            await world.until(held=1)
            assert await world.cases() == [("fulfilment.orphan", "web/1001")]
            await world.knows("1001")
            await world.until(sent=1)
            assert await world.cases() == []

    story(main)


def test_what_is_sent_and_not_told_becomes_a_case_that_the_sales_channel_ends(tmp_path: Path) -> None:
    """By the order and its numbers, where it does not keep our ids; a restart forgets no deadline."""

    async def main() -> None:
        depot, hub = Depot(), Hub()
        quick = msgspec.structs.replace(TOLD, told_within_s=60.0)
        async with process(tmp_path / "s.db", depot, hub, quick) as world:
            await world.knows("1001")
            shipment = depot.ships([(depot.sale("1001", 1)[0], 1)], parcels=2)
            await world.until(sent=1)
        async with process(tmp_path / "s.db", depot, hub, quick) as world:
            await anyio.sleep(70)
            assert await world.cases() == [("fulfilment.untold", "web/1001")]
            numbers = [f"T{shipment}-{parcel}" for parcel in (0, 1)]
            await world.says({"order_id": "1001", "tracking": numbers[:1]}, "out-9-9", {"fulfilment_id": "?"})
            await anyio.sleep(5)
            assert await world.cases() == [("fulfilment.untold", "web/1001")]
            await world.says({"order_id": "1001", "tracking": numbers})
            await world.until(told=1)
            assert await world.cases() == []

    story(main)


MUGS = {
    "id": "1001-0", "sku": "SKU-1", "title": "Mug", "quantity": "3", "unit_price": "10.00", "gross": "30.00",
}  # fmt: skip
ORDER = {
    "placed_at": "2026-11-20T09:00:00Z", "currency": "EUR", "taxes_included": True, "total": "30.00", "lines": [MUGS],
}  # fmt: skip


def test_units_that_the_warehouse_gives_up_are_a_case_until_the_sales_channel_refunds_them(tmp_path: Path) -> None:
    """Found minutes after the rest has left, with a crash in the middle of the look; nobody had promised a day."""

    async def main() -> None:
        depot, hub = Depot(), Hub()
        silent = msgspec.structs.replace(TOLD, evidence="none")
        async with process(tmp_path / "s.db", depot, hub, silent) as world:
            await world.receives("1001", **ORDER)
            (line,) = depot.sale("1001", 3)
            await world.imported("1001", depot.lines[line].sale or 0)
            depot.gives_up(line, 2)
            depot.ships([(line, 1)])
            await world.until(sent=1)
            assert await world.cases() == []
            depot.takes_s = 20.0
            with anyio.move_on_after(300):
                while depot.calls["find_shipped_lines"] < 2:
                    await anyio.sleep(1)
        depot.takes_s = 0.05
        async with process(tmp_path / "s.db", depot, hub, silent) as world:
            await anyio.sleep(60)
            assert await world.cases() == [("units.cancelled", "web/1001")]
            assert await world.sql("SELECT amount, currency FROM exception_case") == [("20.00", "EUR")]
            refund = {"id": "r1", "amount": "20.00"}
            await world.receives("1001", **ORDER, updated_at="2026-11-21T09:00:00Z", refunds=[refund])
            await anyio.sleep(620)
            assert await world.cases() == []
            assert await world.sql("SELECT key FROM unshipped") == []

    story(main)


def test_what_will_not_be_shipped_is_found_of_an_order_that_can_be_read_only_as_a_person_has_changed_it(
    tmp_path: Path,
) -> None:
    """The source left its currency out, and somebody has put it in."""

    async def main() -> None:
        depot, hub = Depot(), Hub()
        async with process(tmp_path / "s.db", depot, hub, replace(TOLD, evidence="none")) as world:
            await world.receives("1001", **{name: value for name, value in ORDER.items() if name != "currency"})
            patch = msgspec.json.encode({"currency": ORDER["currency"]})
            await world.journal.write([("put_order_patch", ("web/1001", patch, 1, "mona", "it was left out"))])
            (line,) = depot.sale("1001", 3)
            await world.imported("1001", depot.lines[line].sale or 0)
            depot.gives_up(line, 2)
            depot.ships([(line, 1)])
            await anyio.sleep(300)
            assert await world.cases() == [("units.cancelled", "web/1001")]

    story(main)


def test_a_cancelled_shipment_is_withdrawn_or_a_case(tmp_path: Path) -> None:
    """Before its start nothing is sent of it; after it somebody has to act."""

    async def main() -> None:
        depot, hub = Depot(), Hub()
        patient = msgspec.structs.replace(
            TOLD,
            flow=msgspec.structs.replace(TOLD.flow, starts=msgspec.structs.replace(TOLD.flow.starts, company_s=60.0)),
        )
        async with process(tmp_path / "s.db", depot, hub, patient) as world:
            await world.knows("1001", "1002")
            gone = depot.ships([(depot.sale("1001", 1)[0], 1)])
            await world.until(waiting=1)
            depot.changes(gone, state="cancel")
            await world.until(withdrawn=1)
            undone = depot.ships([(depot.sale("1002", 1)[0], 1)])
            await world.until(withdrawn=1, sent=1)
            depot.changes(undone, state="cancel")
            await world.until(withdrawn=2)
            assert set(hub.books()) == {f"out-{undone}-1002"}
            assert await world.cases() == [("fulfilment.cancelled", "web/1002")]

    story(main)


def test_history_is_not_told(tmp_path: Path) -> None:
    """What was shipped before the first start is not read; what somebody touches of it is known and not told."""

    async def main() -> None:
        depot, hub = Depot(), Hub()
        async with process(tmp_path / "s.db", depot, hub) as world:
            await world.knows("1001")
            (line,) = depot.sale("1001", 3)
            old = depot.ships([(line, 2)])
            depot.changes(old, effective_date=(depot.now() - timedelta(days=9)).date())
            depot.ships([(line, 2)])
            await world.until(known=1, sent=1)
            assert hub.units() == {"1001-0": 1}
            assert await world.cases() == [("fulfilment.residual", "web/1001")]

    story(main)


def test_a_sales_channel_that_is_added_later_hears_of_everything_since_it_is_to_be_told(tmp_path: Path) -> None:
    """Shipments of its own were read, and belonged to nobody, while another one was told alone."""

    async def main() -> None:
        depot, hub = Depot(), Hub()

        alone = WatchPolicy(
            every=timedelta(seconds=10), overlap=timedelta(minutes=1), sales_channels={CHANNEL + 1: ("outlet", None)}
        )
        async with process(tmp_path / "s.db", depot, hub, policy=alone) as world:
            await world.knows("1001", "1002")
            began = depot.now()
            for order in ("1001", "1002"):
                depot.ships([(depot.sale(order, 1)[0], 1)])
                await anyio.sleep(300 if order == "1001" else 20)
            assert await world.states() == {}
        both = replace(alone, sales_channels={**alone.sales_channels, CHANNEL: ("web", began)})
        async with process(tmp_path / "s.db", depot, hub, policy=both) as world:
            await world.until(sent=2)
            read = depot.calls["read_stock_moves"]
            await anyio.sleep(300)
            assert depot.calls["read_stock_moves"] == read

    story(main)


def test_without_a_day_a_sales_channel_is_told_since_the_first_start_with_it() -> None:
    """Not since that with another one: an earlier integration has told what was shipped in between."""
    then, now = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)
    told = WatchPolicy(
        every=timedelta(seconds=10),
        overlap=timedelta(minutes=1),
        sales_channels={3: ("web", None), 4: ("outlet", None)},
    )
    state = SweepState(started=then, since={"web": then}, mark=Watermark(since=now - timedelta(minutes=1)))
    decision = watched(state, Watch(), now, told)
    assert (decision.state.since, decision.writes) == ({"web": then, "outlet": now}, ())
    assert watched(replace(state, since={}), Watch(), now, told).state.since == {"web": then, "outlet": then}


def test_what_leaves_in_the_evening_of_the_first_day_is_told_where_it_is_the_day_before(tmp_path: Path) -> None:
    """Fulfil says the day of a company in America: in UTC, where the first start is dated, the next one has begun."""

    async def main() -> None:
        depot, hub = Depot(), Hub()
        async with process(tmp_path / "s.db", depot, hub) as world:
            await world.knows("1001")
            await anyio.sleep(60)
            yesterday = (depot.now() - timedelta(days=1)).date()
            left_at = depot.now()
            depot.changes(depot.ships([(depot.sale("1001", 1)[0], 1)]), effective_date=yesterday)
            assert yesterday < left_at.date()
            await world.until(sent=1)
            ((_, notice),) = hub.arrived
            assert notice["shipped_at"] == f"{left_at:%Y-%m-%dT%H:%M:%SZ}"

    story(main)


def no_moves(kind: str) -> Failure | None:
    return Refused("no right to read moves", code="403") if "moves" in kind else None


def test_fulfil_that_refuses_to_tell_is_a_case_and_nothing_is_missed(tmp_path: Path) -> None:
    """It is read from where the last sweep began."""

    async def main() -> None:
        depot, hub = Depot(), Hub()
        async with process(tmp_path / "s.db", depot, hub) as world:
            await world.knows("1001")
            depot.weather = no_moves
            depot.ships([(depot.sale("1001", 1)[0], 1)])
            await anyio.sleep(60)
            assert await world.cases() == [("shipments.refused", "shipments/out")]
            depot.weather = lambda _kind: None
            await world.until(sent=1)
            assert await world.cases() == []

    story(main)
