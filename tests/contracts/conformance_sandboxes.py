"""Our sandboxes, as the conformance suite is told of them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from connectors.fulfil import sandbox as fulfil
from connectors.http import outgoing
from connectors.patchworks import sandbox as patchworks
from runtime.testing.conformance import Reply, Request, Sandbox
from runtime.testing.faults import FaultRule

JSON = {"Content-Type": "application/json", "Accept": "application/json"}


async def ask(url: str, request: Request) -> Reply | None:
    """One request with a session of its own; None when there was no answer."""
    async with outgoing(connections_max=1, connect_timeout_s=5, request_timeout_s=30) as session:
        try:
            async with session.request(
                request.verb, url + request.path, data=request.body, headers=request.headers
            ) as response:
                return Reply(status=response.status, headers=dict(response.headers), body=await response.read())
        except aiohttp.ClientError:
            return None


async def told(url: str, path: str, verb: str = "GET", body: Any = None) -> Any:
    """What a control endpoint of a sandbox answers."""
    raw = b"" if body is None else json.dumps(body).encode()
    reply = await ask(url, Request(verb=verb, path=path, headers=JSON, body=raw))
    assert reply is not None
    assert reply.status == 200, reply.body
    return json.loads(reply.body)


async def digest(url: str) -> str:
    """The books as one figure."""
    return str((await told(url, "/sandbox/books/digest"))["digest"])


# -- Fulfil ------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def open_fulfil(rules: Sequence[FaultRule], seed: int) -> AsyncIterator[str]:
    """A tenant with one product."""
    config = fulfil.SandboxConfig(
        port=0,
        requests_per_s=0,
        products_count=1,
        seed=seed,
        faults=tuple(fulfil.FaultRule(**msgspec.structs.asdict(rule)) for rule in rules),
    )
    async with fulfil.open_sandbox(config) as running:
        yield running.url


FULFIL_HEADERS = {**JSON, "X-API-KEY": "sandbox-token"}
ADDRESS = {"name": "Ada Moss", "address1": "4 Mill Row", "city": "Leeds", "zip": "LS1 4AB", "country_code": "GB"}


def create_order(key: str) -> Request:
    """Facts 8.3: a sale of nothing but itself, under its key."""
    order = {
        "channel_identifier": key,
        "reference": key,
        "confirmed_at": "2026-11-20T09:14:02+00:00",
        "customer": {"name": "Ada Moss", "contacts": [["email", "ada@example.com"]]},
        "billing_address": ADDRESS,
        "shipping_address": ADDRESS,
        "sale_lines": [
            {
                "channel_identifier": f"{key}-1",
                "sku": "SKU-000001",
                "quantity": 1,
                "unit_price": "10.00",
                "amount": "10.00",
            }
        ],
        "amount": "10.00",
        "currency_code": "USD",
        "status": "pending",
    }
    path = "/api/v2/model/sale.channel/create_order"
    return Request(verb="PUT", path=path, headers=FULFIL_HEADERS, body=json.dumps([3, order]).encode())


async def sales(url: str, key: str) -> int:
    """How many sales have this key."""
    books = await told(url, "/sandbox/books")
    return sum(sale["channel_identifier"] == key for sale in books["sales"])


FULFIL = Sandbox(
    name="fulfil",
    open=open_fulfil,
    ask=ask,
    read=Request(verb="PUT", path="/api/v2/model/sale.sale/search_count", headers=FULFIL_HEADERS, body=b"[[]]"),
    write=create_order,
    route="sale.channel/create_order",
    applied=sales,
    digest=digest,
    credentials=("X-API-KEY",),
)

# -- Patchworks --------------------------------------------------------------------------------------------------------

STOCK_FLOW = 4320


@asynccontextmanager
async def open_patchworks(rules: Sequence[FaultRule], seed: int) -> AsyncIterator[str]:
    """A company with one sales channel and the flow that sets its stock."""
    config = patchworks.SandboxConfig(
        port=0,
        seed=seed,
        faults=tuple(rules),
        flows=(
            patchworks.FlowSeed(
                id=STOCK_FLOW,
                sales_channel="web",
                batch=patchworks.Batch(path="levels", size=100),
                send=patchworks.Send(to="stock"),
            ),
        ),
        sales_channels=(
            patchworks.SalesChannelSeed(name="web", products=(patchworks.ProductSeed(sku="MUG", price_cents=100),)),
        ),
    )
    async with patchworks.open_sandbox(config) as running:
        yield running.url


PATCHWORKS_HEADERS = {**JSON, "Authorization": "pk_sandbox"}


def start_stock(key: str) -> Request:
    """Facts 2.5, 11.3: a start with one level of stock under a key of its own."""
    level = {"sku": "MUG", "location": key, "available": 5, "sequence": 1}
    path = f"/start/api/v1/flows/{STOCK_FLOW}/start/raw"
    body = json.dumps({"batch_id": key, "mode": "absolute", "levels": [level]}).encode()
    return Request(verb="POST", path=path, headers=PATCHWORKS_HEADERS, body=body)


async def starts(url: str, key: str) -> int:
    """How often the level of this key has arrived, once everything that was started has ended."""
    assert (await told(url, "/sandbox/settle", "POST", {"timeout_s": 30}))["settled"]
    books = await told(url, "/sandbox/books")
    return int(books["sales_channels"]["web"]["stock"]["keys"].get(f"MUG@{key}#1", 0))


PATCHWORKS = Sandbox(
    name="patchworks",
    open=open_patchworks,
    ask=ask,
    read=Request(verb="GET", path="/core/api/v1/flows", headers=PATCHWORKS_HEADERS),
    write=start_stock,
    route="start/raw",
    applied=starts,
    digest=digest,
    credentials=("Authorization",),
)
