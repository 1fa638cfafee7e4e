"""Parts measured alone, each in pairs with what it is held against, in this process; medians of the pairs.

    connector   CPU that the Fulfil connector adds to aiohttp's own call, against a bare answering server
    sandbox     calls per second and core of the Fulfil sandbox, asked by the load generator of nobody else

Run: python -m tests.benchmarks.parts [connector] [sandbox]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import aiohttp
import anyio
import msgspec
from yarl import URL

from connectors.fulfil.client import FulfilApi
from connectors.fulfil.config import FulfilConfig
from connectors.fulfil.wire import encode_create_order
from connectors.http import outgoing
from flows.demo.orders import generate
from flows.formats import shopify
from flows.model.sale import SaleSettings, sale_for
from tests.benchmarks import world
from tests.benchmarks.settings import PRODUCTS, SEED

_PAIRS = 9
_CALLS = 500
_SALE = SaleSettings(
    channel_id=1,
    rounding_sku="ROUNDING",
    taxes={name: name for name in ("TX State Tax", "TX City Tax", "VAT")},
    gateways={"shopify_payments": "shopify_payments"},
)
_CREATE = "/api/v2/model/sale.channel/create_order"


async def _each_us(call: Callable[[], Awaitable[object]]) -> float:
    began = time.process_time()
    for _ in range(_CALLS):
        await call()
    return 1e6 * (time.process_time() - began) / _CALLS


async def _added(port: int) -> tuple[float, float]:
    """(CPU of aiohttp's own call, what the connector adds), microseconds."""
    base, body = f"http://127.0.0.1:{port}", _created_body()
    headers = {"Content-Type": "application/json", "Accept": "application/json", "X-API-KEY": "bench"}
    async with outgoing(connections_max=8, connect_timeout_s=5, request_timeout_s=30) as session:
        api = FulfilApi(FulfilConfig(base_url=base), "bench", session, observe=lambda _reading: None)

        async def bare() -> None:
            async with session.put(URL(base + _CREATE), data=body, headers=headers) as answer:
                await answer.read()

        async def ours() -> None:
            await api.perform("create_order", body)

        await _each_us(bare)
        await _each_us(ours)
        pairs = [(await _each_us(bare), await _each_us(ours)) for _ in range(_PAIRS)]
    return statistics.median(one for one, _ in pairs), statistics.median(two - one for one, two in pairs)


def _created_body() -> bytes:
    (generated,) = generate(SEED, 1, products=PRODUCTS)
    order = shopify.read("web", generated.body)
    assert not isinstance(order, shopify.Unreadable)
    sale = sale_for(order, _SALE)
    return encode_create_order(1, sale)  # type: ignore[arg-type]


def connector() -> Iterator[str]:
    """What the connector adds to aiohttp."""
    (port,) = world.free_ports(1)
    with tempfile.TemporaryDirectory() as name:
        log = Path(name) / "answering.log"
        command = [sys.executable, "-m", "tests.benchmarks.answering", "--port", str(port)]
        with world.running(command, log, {}) as process:
            world.until_ready(process, port, "/stats", log)
            bare_us, added_us = anyio.run(_added, port, backend_options={"use_uvloop": True})
    yield f"{'aiohttp: one create':44}{bare_us:8.1f} us"
    yield f"{'the Fulfil connector adds':44}{added_us:8.1f} us"


async def _asked(port: int, calls: int) -> None:
    url = URL(f"http://127.0.0.1:{port}/api/v2/model/product.product/search_read")
    body = msgspec.json.encode(([["id", "=", 1]], 0, 1, None, ["code"]))
    headers = {"Content-Type": "application/json", "X-API-KEY": "bench-token"}
    async with aiohttp.ClientSession(headers=headers) as session, anyio.create_task_group() as tasks:

        async def ask() -> None:
            for _ in range(calls // 8):
                async with session.put(url, data=body) as answer:
                    assert answer.status == 200, await answer.text()
                    await answer.read()

        for _ in range(8):
            tasks.start_soon(ask)


def sandbox() -> Iterator[str]:
    """Simple calls per second of the sandbox's own CPU."""
    (port,) = world.free_ports(1)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        settings = {"port": port, "token": "bench-token", "requests_per_s": 0, "products_count": PRODUCTS}
        (place / "sandbox.json").write_bytes(msgspec.json.encode(settings))
        command = [sys.executable, "-m", "connectors.fulfil.sandbox", "--config", str(place / "sandbox.json")]
        with world.running(command, place / "sandbox.log", {}) as process:
            world.until_ready(process, port, "/sandbox/books?sales=0", place / "sandbox.log")
            rates = []
            for _ in range(_PAIRS):
                before = world.cpu_s(process.pid)
                anyio.run(_asked, port, 2_000)
                rates.append(2_000 / (world.cpu_s(process.pid) - before))
    yield f"{'the Fulfil sandbox: calls per second of CPU':44}{statistics.median(rates):8,.0f}"


_PARTS: dict[str, Callable[[], Iterator[str]]] = {"connector": connector, "sandbox": sandbox}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*_PARTS, []], help="which; all of them when none is named")
    for part in parser.parse_args().parts or list(_PARTS):
        for line in _PARTS[part]():
            sys.stdout.write(line + "\n")
