"""What is shipped in Fulfil is told to the sales channel, between both real sandboxes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest

from connectors.patchworks.sandbox import Batch, FlowSeed, Send
from flows.fulfilment_watcher import ORDERS as ORDER_SHIPMENTS
from flows.model.unshipped import Outstanding, OutstandingLine, OutstandingSeen
from flows.reading import reading
from tests.contracts.patchworks_sandbox import LAMP, MUG
from tests.integration.beside_patchworks import ORDERS, Both, both
from tests.integration.running import INTAKE_KEY, TOKEN, Running

pytestmark = pytest.mark.anyio

OUT = FlowSeed(
    id=4331,
    name="Fulfilments out",
    sales_channel="web",
    batch=Batch(path="fulfilments", size=1),
    send=Send(to="fulfilments", retries=0),
)
TOLD = """
[sales_channels.web.fulfilments]
carriers = { "ups" = "UPS", "" = "Other" }
{more}
[sales_channels.web.fulfilments.flow]
flow_id = "4331"
[sales_channels.web.fulfilments.flow.starts]
company_s = 0.1
"""


class Warehouse:
    """Both sides, as a test sees them."""

    def __init__(self, world: Both, at: Running) -> None:
        self.world, self.at = world, at

    async def plays(self, *events: dict[str, Any]) -> None:
        """Something happens in Fulfil; Seamline looks at once."""
        await self.at.sandbox("play", list(events))

    async def told(self) -> dict[str, Any]:
        """What the flow brought to the sales channel."""
        async with self.world.session.get(f"{self.world.hub.url}/sandbox/books?full=1") as answer:
            books = await answer.json()
        return dict(books["sales_channels"]["web"]["fulfilments"])

    async def until_told(self, distinct: int, **more: int) -> dict[str, Any]:
        with anyio.move_on_after(20):
            while True:
                told = await self.told()
                if told["distinct"] == distinct and all(told.get(name, 0) == each for name, each in more.items()):
                    return told
                await anyio.sleep(0.02)
        raise AssertionError((await self.told(), await self.at.cases(), await self.notices()))

    async def notices(self) -> list[Any]:
        rows = await self.at.app.journal.query("fulfilments_listed", "", "", 1 << 62, 10_000, None)
        return [tuple(row) for row in rows]

    async def until(self, *states: str) -> None:
        """Until the notices are in these states."""
        with anyio.move_on_after(25):
            while sorted(row[6] for row in await self.notices()) != sorted(states):
                await anyio.sleep(0.02)
        assert sorted(row[6] for row in await self.notices()) == sorted(states), await self.at.cases()

    async def says(self, rows: Sequence[Any]) -> int:
        """The sales channel says what it has."""
        url = f"{self.at.app.intake_url}/v1/manifests/fulfilments/web"
        headers = {"Authorization": f"Bearer {INTAKE_KEY}"}
        async with self.at.session.post(url, json={"fulfilments": rows}, headers=headers) as answer:
            return answer.status

    async def pulls(self, since: str = "") -> Any:
        """What the sales channel fetches instead."""
        url = f"{self.at.app.intake_url}/v1/fulfilments/web"
        async with self.at.session.get(url, params={"since": since}, headers={"X-API-Key": INTAKE_KEY}) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def enters(self, number: int) -> None:
        """Somebody enters an order in Fulfil by hand."""
        price = {"__class__": "Decimal", "decimal": "20.00"}
        address = {"name": "A. Moss", "address1": "1 Elm St", "city": "Austin", "zip": "78701", "country_code": "US"}
        line = {"channel_identifier": f"{number}1", "sku": MUG.sku, "quantity": 1, "unit_price": price, "amount": price}
        order = {
            "channel_identifier": str(number),
            "reference": f"#{number}",
            "confirmed_at": "2026-11-20T09:00:00+00:00",
            "customer": {"name": "A. Moss", "contacts": [["email", "a@example.com"]]},
            "billing_address": address,
            "shipping_address": address,
            "sale_lines": [line],
            "amount": price,
            "currency_code": "USD",
            "status": "pending",
        }
        url = f"{self.at.erp.url}/api/v2/model/sale.channel/create_order"
        async with self.at.session.put(url, json=[3, order], headers={"X-API-KEY": TOKEN}) as answer:
            assert answer.status == 200, await answer.text()


@contextlib.asynccontextmanager
async def warehouse(directory: Path, *, more: str = "", orders: int = 1) -> AsyncIterator[tuple[Warehouse, list[str]]]:
    """Everything, with orders that are in Fulfil, and enough in stock."""
    async with both(directory, flows=(ORDERS, OUT)) as world:
        also = TOLD.replace("{more}", more)
        async with world.seamline(
            recovery=False, also=also, fulfil="fulfilments_every_s = 0.2\nunshipped_every_s = 0.3"
        ) as at:
            await world.open_door(at)
            for sku in (MUG.sku, LAMP.sku):
                await at.sandbox("play", {"event": "count", "sku": sku, "quantity": 100})
            ids = await world.place(orders)
            await at.until({"imported": orders})
            yield Warehouse(world, at), ids


async def test_a_shipment_is_told_with_its_lines_numbers_and_carrier(tmp_path: Path) -> None:
    """The whole way: shipped in Fulfil, taken by the flow, in the sales channel's books, proven by its manifest."""
    async with warehouse(tmp_path) as (at, (order,)):
        await at.plays({"event": "ship", "order": order, "parcels": [{"tracking_number": "1Z5R89390357567127"}]})
        told = await at.until_told(1, applied=1)
        assert told["received"] == 1
        ((notice, count),) = told["keys"].items()
        assert (notice.endswith(f"-{order}"), count) == (True, 1)
        assert await at.says([{"fulfilment_id": notice, "tracking": ["1Z5R89390357567127"]}]) == 200
        await at.until("told")


async def test_three_parcels_partial_shipments_and_a_corrected_number(tmp_path: Path) -> None:
    """Failure case 26: two shipments, each with its lines and numbers; a correction is an update, never a repeat."""
    async with warehouse(tmp_path) as (at, (order,)):
        sale = (await at.at.books())[order]
        line = max(sale["lines"], key=lambda each: Decimal(each["quantity"]))
        parts = 1
        if Decimal(line["quantity"]) > 1 or len(sale["lines"]) > 1:
            await at.plays({"event": "split", "order": order, "goods": [{"sku": line["sku"], "quantity": "1"}]})
            parts = 2
        numbers = [{"tracking_number": f"T{n}"} for n in range(3)]
        await at.plays({"event": "ship", "order": order, "parcels": numbers})
        told = await at.until_told(parts, applied=parts)
        assert told.get("refused", 0) == 0
        first = min(int(notice.split("-")[1]) for notice in told["keys"])
        await at.plays({"event": "retrack", "shipment": first, "tracking_number": "T-new"})
        told = await at.until_told(parts, applied=parts, updated=1)
        assert told.get("repeated", 0) == 0
        assert await at.at.cases() == []


async def test_an_unmapped_carrier_is_held_and_everything_else_goes_on(tmp_path: Path) -> None:
    """Failure case 27: grouped by the carrier's name; coverage drops; the pull route has what was told alone."""
    async with warehouse(tmp_path, orders=2) as (at, (mapped, unmapped)):
        await at.plays(
            {"event": "ship", "order": unmapped, "carrier_service": "nobody_next_day"},
            {"event": "ship", "order": mapped},
        )
        await at.until_told(1, applied=1)
        ((kind, subject, sentence),) = await at.at.cases()
        assert (kind, subject, "'nobody'" in sentence) == ("carrier.unmapped", f"web/{unmapped}", True)
        page = await at.pulls()
        assert [each["order"]["id"] for each in page["fulfilments"]] == [mapped]
        assert (page["more"], page["next"]) == (False, None)
        assert (await at.pulls(page["cursor"]))["fulfilments"] == []
        await at.at.app.standing.look()
        assert at.at.app.standing.coverage() in ([(["web"], 0.5)], [])
        assert at.at.app.standing.untold()[0][1] == 2


async def test_what_has_not_left_in_time_is_a_case_with_its_cause_until_it_leaves(tmp_path: Path) -> None:
    """Both were to leave within seconds. The look reads them at once; the list names cause and amount."""
    within = "ship_within = { business_hours = 0.0015, weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] }"
    async with warehouse(tmp_path, more=within, orders=2) as (at, (held, waits)):
        await at.plays({"event": "hold", "order": held, "note": "address"})
        found = {}
        with anyio.move_on_after(20):
            while {each.cause for each in found.values()} != {"on hold", "unallocated"}:
                async with reading(Path(at.at.app.config.store.path)) as store:
                    found = {each.key: each for each in await store.overdue()}
                await anyio.sleep(0.1)
        assert {key: each.cause for key, each in found.items()} == {
            f"web/{held}": "on hold",
            f"web/{waits}": "unallocated",
        }
        assert all(Decimal(each.amount or 0) > 0 and each.currency == "USD" for each in found.values())
        await at.at.app.standing.look()
        assert dict(at.at.app.standing.overdue()) == {("web", "on hold"): 1, ("web", "unallocated"): 1}
        assert at.at.app.standing.overdue_oldest_s()[0][1] > 0
        await at.plays(
            {"event": "unhold", "order": held}, {"event": "ship", "order": held}, {"event": "ship", "order": waits}
        )
        with anyio.move_on_after(20):
            while await at.at.cases():
                await anyio.sleep(0.05)
        assert await at.at.cases() == []
        assert await at.at.app.journal.query("unshipped_due", "web", 1 << 62, 1 << 62, 9) == []


async def test_a_person_lets_a_shipment_of_an_unknown_order_be_told(tmp_path: Path) -> None:
    """`seamline holds release` on the order's key reaches its shipments, though nobody has received the order."""
    async with warehouse(tmp_path) as (at, _):
        await at.enters(9_001)
        await at.plays({"event": "ship", "order": "9001"})
        await at.until("held")
        assert [(kind, subject) for kind, subject, _ in await at.at.cases()] == [("fulfilment.orphan", "web/9001")]
        status, said = await at.at.control("release", key="web/9001")
        assert (status, said["message"]) == (200, "the shipments of web/9001 will be looked at again")
        told = await at.until_told(1, refused=1)
        assert next(iter(told["keys"])).endswith("-9001"), "the sales channel does not know it either"


async def test_a_person_says_that_units_which_will_not_be_shipped_are_seen_to(tmp_path: Path) -> None:
    """The order itself is imported, and nothing is wrong with it: what is released are its shipments."""
    async with warehouse(tmp_path) as (at, (order,)):
        key = f"web/{order}"
        ((body,),) = await at.at.app.journal.reading.run(
            lambda connection: connection.execute("SELECT bytes FROM body").fetchall()
        )
        line = json.loads(body)["line_items"][0]
        cancelled = OutstandingLine(str(line["id"]), line["sku"], Decimal(1))
        seen = OutstandingSeen(outstanding=Outstanding(looked_at=datetime.now(UTC), lines=(cancelled,)))
        await at.at.app.engine.post(ORDER_SHIPMENTS, key, seen)
        with anyio.move_on_after(10):
            while not await at.at.cases():
                await anyio.sleep(0.02)
        assert [(kind, subject) for kind, subject, _ in await at.at.cases()] == [("units.cancelled", key)]
        status, said = await at.at.control("release", key=key, by="mona", reason="refunded by hand")
        assert (status, said["message"]) == (200, f"the shipments of {key} will be looked at again")
        with anyio.move_on_after(10):
            while await at.at.cases():
                await anyio.sleep(0.02)
        assert await at.at.cases() == []
