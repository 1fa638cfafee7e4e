"""Fulfil's webhooks make a whole Seamline look at once: the real sandbox signs them, and sends them over loopback."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest

from connectors.fulfil.sandbox import RunningSandbox, open_sandbox
from flows.app import composed, telemetry_of
from flows.demo.orders import GeneratedOrder, Mix, catalogue, generate
from runtime.clock import SystemClock
from tests.integration.running import TOKEN, Running, add_products, configuration, sandbox_config

pytestmark = pytest.mark.anyio

SEED = 7
SKUS = tuple(product.sku for product in catalogue(SEED, 500))
STOCK = "product.product.inventory_level_changed"
HINTS = "/v1/hints/fulfil"
_WEBHOOKS = """
[fulfil.webhooks]
secrets = ["file:{directory}/hook.key"]
"""


async def asked(session: aiohttp.ClientSession, erp: RunningSandbox, method: str, *arguments: Any) -> Any:
    """A call of Fulfil's API on its webhooks."""
    url = f"{erp.url}/api/v2/model/ir.webhook/{method}"
    async with session.put(url, json=list(arguments), headers={"X-API-KEY": TOKEN}) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


@asynccontextmanager
async def hinted(directory: Path) -> AsyncIterator[Running]:
    """A Seamline that reads changed products once an hour, and to which Fulfil tells changes of stock."""
    async with open_sandbox(sandbox_config()) as erp, aiohttp.ClientSession() as session:
        await add_products(session, erp, SKUS)
        (hook,) = await asked(session, erp, "create", [{"event": STOCK, "url": "http://127.0.0.1:9/"}])
        ((row),) = await asked(session, erp, "read", [hook], ["secret"])
        (directory / "hook.key").write_text(row["secret"])
        (directory / "hook.key").chmod(0o600)
        fulfil = _WEBHOOKS.format(directory=directory)
        config, clock = configuration(directory, erp.url, fulfil=fulfil, catalogue_every_s="3600.0"), SystemClock()
        async with composed(config, clock, telemetry_of(config, clock)) as app:
            await asked(session, erp, "write", [hook], {"url": app.intake_url + HINTS})
            at = Running(app, erp, session, directory)
            await until_synced(at, 1)
            yield at


async def metric(at: Running, name: str, **labels: str) -> float:
    """A counter's value; 0 while it has none."""
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    lines = [line for line in (await at.ops("/metrics")).splitlines() if re.match(rf"{name}[ {{]", line)]
    return sum(float(line.split()[-1]) for line in lines if all(each in line for each in wanted))


async def until_synced(at: Running, times: int) -> None:
    """Wait until the products have been read so often."""
    with anyio.fail_after(10):
        while await metric(at, "seamline_catalogue_syncs_total") < times:
            await anyio.sleep(0.02)


def held_order() -> tuple[GeneratedOrder, list[str]]:
    """An order with a SKU that Fulfil does not have, and that SKU."""
    (order,) = generate(SEED, 1, mix=Mix(unknown_sku=1.0))
    return order, sorted(set(order.skus) - set(SKUS))


async def test_a_webhook_has_the_products_read_at_once_and_releases_what_waited(tmp_path: Path) -> None:
    """Failure case 10, without waiting for the schedule, which would come in an hour."""
    order, missing = held_order()
    async with hinted(tmp_path) as at:
        await at.post(order.body)
        await at.until({"held": 1})
        await at.sandbox("products", [{"sku": sku, "stock": "5"} for sku in missing])
        await at.until({"imported": 1}, within_s=8)
        assert await at.cases() == []
        assert await metric(at, "seamline_catalogue_syncs_total") == 2


async def test_many_webhooks_are_one_read_of_the_products(tmp_path: Path) -> None:
    """Fifty changes of stock within a moment: all are taken, and Fulfil is asked once more."""
    async with hinted(tmp_path) as at:
        events = [{"event": "receive", "goods": [{"sku": sku, "quantity": 1}]} for sku in SKUS[:50]]
        for event in events:
            await at.sandbox("play", event)
        with anyio.fail_after(10):
            while at.erp.sandbox.webhooks.sent < 50:
                await anyio.sleep(0.01)
        await until_synced(at, 2)
        assert at.erp.sandbox.webhooks.failed == 0
        assert await metric(at, "seamline_catalogue_syncs_total") == 2


async def test_a_wrong_signature_is_refused_and_counted(tmp_path: Path) -> None:
    """Failure case 45: 401, and a count."""
    async with hinted(tmp_path) as at:
        headers = {"X-Fulfil-Event": STOCK, "X-Fulfil-Hmac-SHA256": "bm90IGl0"}
        async with at.session.post(at.app.intake_url + HINTS, data=b"[]", headers=headers) as answer:
            assert answer.status == 401
        refused = await metric(at, "seamline_requests_refused_total", partition="fulfil", reason="unauthorised")
        assert refused == 1
