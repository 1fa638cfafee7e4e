"""Stock from Fulfil to a sales channel, between both sandboxes: what is sold can be shipped."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from connectors.patchworks.sandbox import Batch, FlowSeed, Send
from flows.app import composed, telemetry_of
from runtime.clock import SystemClock
from tests.contracts.patchworks_sandbox import KEY, LAMP, MUG
from tests.integration.beside_patchworks import ORDERS, Both, both
from tests.integration.running import INTAKE_KEY, Running, configuration

pytestmark = pytest.mark.anyio

LEVELS = FlowSeed(
    id=4511, name="Stock out", sales_channel="web", batch=Batch(path="levels", size=100), send=Send(to="stock")
)
_MORE = """
[patchworks]
token = "file:{directory}/hub.key"
core_url = "{url}/core/api/v1"
start_url = "{url}/start/api/v1"
calls_per_min = 60000.0
concurrency_max = 8
start_settle_s = 0.2
[sales_channels.web.stock]
locations = [4]
location = "MAIN"
{more}
[sales_channels.web.stock.flow]
flow_id = "4511"
[sales_channels.web.stock.flow.starts]
company_s = 0.05
"""


class Shop:
    """Both sandboxes and Seamline between them."""

    def __init__(self, sides: Both, at: Running) -> None:
        self.sides, self.at = sides, at

    async def counts(self, sku: str, quantity: int) -> None:
        """Somebody counts a product in the warehouse."""
        await self.at.sandbox("play", {"event": "count", "sku": sku, "quantity": quantity})

    async def figures(self) -> dict[str, int]:
        """What the sales channel has, by SKU."""
        async with self.sides.session.get(f"{self.sides.hub.url}/sandbox/sales-channels/web/stock") as answer:
            return {row["sku"]: row["figure"] for row in await answer.json()}

    async def until(self, within_s: float = 20.0, **figures: int) -> None:
        """Until the sales channel has these figures (by name of the product)."""
        wanted = {NAMES[name]: figure for name, figure in figures.items()}
        found: dict[str, int] = {}
        with anyio.move_on_after(within_s):
            while any(found.get(sku) != figure for sku, figure in wanted.items()):
                await anyio.sleep(0.02)
                found = await self.figures()
        assert {sku: found.get(sku) for sku in wanted} == wanted

    async def rows(self, query: str) -> list[Any]:
        return await self.at.app.journal.reading.run(lambda store: store.execute(query).fetchall())


NAMES = {"mug": MUG.sku, "lamp": LAMP.sku}


@contextlib.asynccontextmanager
async def shop(directory: Path, more: str = "") -> AsyncIterator[Shop]:
    """One life of the product; the warehouse has ten of each."""
    async with both(directory, flows=(ORDERS, LEVELS)) as sides:
        (directory / "hub.key").write_text(KEY)
        (directory / "hub.key").chmod(0o600)
        text = _MORE.format(directory=directory, url=sides.hub.url, more=more)
        config, clock = configuration(directory, sides.erp.url, more=text, refresh="stock_every_s = 0.3"), SystemClock()
        async with composed(config, clock, telemetry_of(config, clock)) as app:
            at = Running(app, sides.erp, sides.session, directory)
            await sides.open_door(at)
            yield Shop(sides, at)


async def test_a_level_that_changes_in_fulfil_reaches_the_sales_channel(tmp_path: Path) -> None:
    """The first sweep, then a move that nobody told us of."""
    async with shop(tmp_path) as at:
        await at.counts(MUG.sku, 10)
        await at.counts(LAMP.sku, 3)
        await at.until(mug=10, lamp=3)
        await at.counts(MUG.sku, 7)
        await at.until(mug=7, lamp=3)


async def test_what_is_reserved_and_not_shipped_is_not_sold_again(tmp_path: Path) -> None:
    """Failure case 19: on hand stays, the figure falls at once, and does not rise when the sale is seen in Fulfil."""
    async with shop(tmp_path) as at:
        await at.counts(MUG.sku, 10)
        await at.counts(LAMP.sku, 10)
        await at.until(mug=10, lamp=10)
        await at.sides.place(4)
        await at.at.until({"imported": 4})
        needed = dict(await at.rows("SELECT sku, sum(wanted) FROM order_units GROUP BY sku"))
        mugs, lamps = needed.get(MUG.sku, 0), needed.get(LAMP.sku, 0)
        assert mugs + lamps > 0
        await at.until(mug=10 - mugs, lamp=10 - lamps)
        with anyio.fail_after(20):
            while await at.rows("SELECT 1 FROM order_units"):
                await anyio.sleep(0.05)
        await anyio.sleep(0.5)
        await at.until(mug=10 - mugs, lamp=10 - lamps)
        sequences = [row[0] for row in await at.rows("SELECT sequence FROM stock_published ORDER BY sequence")]
        assert len(set(sequences)) == len(sequences)


async def test_a_buffer_and_a_share_are_kept_back_and_the_wire_is_never_below_zero(tmp_path: Path) -> None:
    """Rules 8 and 11: floored after the share; the truth below zero is kept."""
    async with shop(tmp_path, "buffer = 2\nallocation = 0.5") as at:
        await at.counts(MUG.sku, 9)
        await at.counts(LAMP.sku, 1)
        await at.until(mug=3, lamp=0)
        truths = dict(await at.rows("SELECT sku, truth FROM stock_published"))
        assert truths == {MUG.sku: 7, LAMP.sku: -1}


async def test_levels_can_be_fetched_explained_and_reported(tmp_path: Path) -> None:
    """`GET /v1/stock`, `POST /v1/manifests/stock`, and what people and Prometheus see of both."""
    async with shop(tmp_path) as at:
        await at.counts(MUG.sku, 10)
        await at.counts(LAMP.sku, 3)
        await at.until(mug=10, lamp=3)
        headers = {"X-API-Key": INTAKE_KEY}
        url = f"{at.at.app.intake_url}/v1/stock/web"
        async with at.sides.session.get(url, headers=headers, params={"limit": "1"}) as answer:
            first = await answer.json()
        async with at.sides.session.get(f"{at.at.app.intake_url}{first['next']}", headers=headers) as answer:
            second = await answer.json()
        rows = {row["sku"]: (row["available"], row["location"]) for row in (*first["stock"], *second["stock"])}
        assert rows == {MUG.sku: (10, "MAIN"), LAMP.sku: (3, "MAIN")}
        async with at.sides.session.get(url, params={"since": second["cursor"]}) as answer:
            assert answer.status == 401
        async with at.sides.session.get(url, headers=headers, params={"since": second["cursor"]}) as answer:
            assert (await answer.json())["stock"] == []
        since = {"since": "2020-01-01T00:00:00Z"}
        async with at.sides.session.get(url, headers=headers, params=since) as answer:
            assert len((await answer.json())["stock"]) == 2
        elsewhere = {"sku": MUG.sku, "quantity": 12, "location": "ELSEWHERE"}
        shown = {"levels": [elsewhere, {"sku": LAMP.sku, "quantity": 3}]}
        url = f"{at.at.app.intake_url}/v1/manifests/stock/web"
        async with at.sides.session.post(url, headers=headers, json=shown) as answer:
            assert (answer.status, (await answer.json())["stock"]) == (200, 2)
        with anyio.fail_after(20):
            while ("stock.drift", "stock_drift/web") not in [case[:2] for case in await at.at.cases()]:
                await anyio.sleep(0.05)
        await at.at.app.stock_standing.look()
        metrics = await at.at.ops("/metrics")
        assert 'seamline_stock_drift_units{cause="location",sales_channel="web"} 12.0' in metrics
        assert 'seamline_stock_waiting{sales_channel="web"} 2.0' in metrics, "their run has not been seen to end"
