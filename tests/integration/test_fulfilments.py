"""What is shipped in Fulfil is told to the sales channel, between both real sandboxes."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from connectors.patchworks.sandbox import Batch, FlowSeed, Send
from tests.contracts.patchworks_sandbox import LAMP, MUG
from tests.integration.beside_patchworks import ORDERS, Both, both
from tests.integration.running import INTAKE_KEY, Running

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
carriers = { "UPS" = "UPS", "" = "Other" }
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
        rows = await self.at.app.journal.query("fulfilments_listed", "", "", 0, 1 << 62, 10_000)
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


@contextlib.asynccontextmanager
async def warehouse(directory: Path, *, more: str = "", orders: int = 1) -> AsyncIterator[tuple[Warehouse, list[str]]]:
    """Everything, with orders that are in Fulfil, and enough in stock."""
    async with both(directory, flows=(ORDERS, OUT)) as world:
        also = TOLD.replace("{more}", more)
        async with world.seamline(recovery=False, also=also, fulfil="fulfilments_every_s = 0.2") as at:
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
