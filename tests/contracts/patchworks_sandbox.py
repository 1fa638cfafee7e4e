"""A running Patchworks sandbox and a receiver for what it delivers, as tests reach them: by HTTP."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import msgspec
import pytest
import requests
from aiohttp import web
from anyio.from_thread import BlockingPortal, start_blocking_portal

from connectors.patchworks.sandbox import (
    Auth,
    Batch,
    Callback,
    FlowSeed,
    Limits,
    ProductSeed,
    RunningSandbox,
    SalesChannelSeed,
    SandboxConfig,
    Send,
    Switches,
    Webhook,
    open_sandbox,
)

Json = Any
KEY = "pk_sandbox"
HOOK, CALL = "01k44sv2tq9j7m3r5w8x6z4y1a", "01k44sw8p5d2f7h9k3n6q8t0vb"
MUG, LAMP = ProductSeed(sku="MUG-BLUE", price_cents=2_450), ProductSeed(sku="LAMP-OAK", price_cents=8_000)

ORDERS = FlowSeed(id=4310, name="Orders in", sales_channel="web", source="order_events", send=Send())
POLL = FlowSeed(
    id=4311,
    name="Orders, polled",
    sales_channel="web",
    source="orders_updated",
    batch=Batch(),
    send=Send(),
)
STOCK = FlowSeed(
    id=4320,
    name="Stock out",
    sales_channel="web",
    batch=Batch(path="levels", size=100),
    send=Send(to="stock"),
    webhook=Webhook(id=HOOK, signature="hook-secret"),
)
SHIPPED = FlowSeed(
    id=4331, name="Fulfilments out", sales_channel="web", batch=Batch(path="fulfilments"), send=Send(to="fulfilments")
)
ASKED = FlowSeed(
    id=4340,
    name="Orders on demand",
    sales_channel="web",
    source="orders_updated",
    callback=Callback(id=CALL, signature="call-secret"),
)
WEB = SalesChannelSeed(name="web", products=(MUG, LAMP), discounted_share=0)


class Got(msgspec.Struct, frozen=True):
    """A delivery as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        return json.loads(self.body)


class Receiver:
    """Our side of a delivery: keeps what comes, and answers as told (201 when nobody says otherwise)."""

    def __init__(self) -> None:
        self.url = ""
        self.got: list[Got] = []
        self.answers: list[int | tuple[int, dict[str, str]]] = []
        self.slow_s = 0.0
        self.pages: dict[str, Json] = {}
        self.tokens = Counter[str]()

    def order_ids(self) -> list[int]:
        return [each.json["id"] for each in self.got]

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.got.append(Got(request.path_qs, dict(request.headers), body))
        if self.slow_s:
            await anyio.sleep(self.slow_s)
        answer = self.answers.pop(0) if self.answers else 201
        status, headers = (answer, {}) if isinstance(answer, int) else answer
        return web.json_response({"status": status}, status=status, headers=headers)

    async def page(self, request: web.Request) -> web.Response:
        return web.json_response(self.pages[request.query.get("since", "")])

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        assert form["grant_type"] == "client_credentials"
        self.tokens[str(form["client_id"])] += 1
        return web.json_response({"access_token": f"t{self.tokens.total()}", "token_type": "Bearer"})

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/oauth/token", self.token)
        app.router.add_post("/{rest:.*}", self.take)
        app.router.add_get("/v1/{rest:.*}", self.page)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


class Door:
    """A plain HTTP session to one running sandbox."""

    def __init__(self, running: RunningSandbox, receiver: Receiver) -> None:
        self.url = running.url
        self.receiver = receiver
        self.session = requests.Session()
        self.session.headers.update(
            {"Authorization": KEY, "Accept": "application/json", "Content-Type": "application/json"}
        )

    def core(self, verb: str, path: str, body: Json = None, **query: Json) -> requests.Response:
        raw = None if body is None else json.dumps(body)
        return self.session.request(verb, f"{self.url}/core/api/v1/{path}", data=raw, params=query, timeout=10)

    def found(self, path: str, **query: Json) -> list[Json]:
        answer = self.core("GET", path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def start(self, flow: int, body: Json = None, form: str = "start/raw", **query: Json) -> requests.Response:
        raw = body if body is None or isinstance(body, str) else json.dumps(body)
        url = f"{self.url}/start/api/v1/flows/{flow}/{form}"
        return self.session.post(url, data=raw, params=query, timeout=10)

    def started(self, flow: int, body: Json) -> Json:
        """Start, wait, and read the run."""
        run = self.start(flow, body).json()["flow_run_id"]
        self.settle()
        return self.core("GET", f"flow-runs/{run}").json()["data"]

    def trigger(self, surface: str, id_: str, body: Json = None, **kwargs: Any) -> requests.Response:
        url = f"{self.url}/{surface}/api/v1/acme/{id_}"
        raw = None if body is None else json.dumps(body)
        return self.session.request("GET" if raw is None else "POST", url, data=raw, timeout=10, **kwargs)

    def control(self, path: str, body: Json = None, status: int = 200) -> Json:
        if body is None:
            answer = self.session.get(f"{self.url}/sandbox/{path}", timeout=60)
        else:
            answer = self.session.post(f"{self.url}/sandbox/{path}", json=body, timeout=60)
        assert answer.status_code == status, answer.text
        return answer.json()

    def settle(self) -> None:
        assert self.control("settle", {"timeout_s": 30})["settled"]

    def place(self, sku: str = "MUG-BLUE", quantity: int = 1, **more: Json) -> str:
        """One order of one line; its id."""
        wish = {"lines": [{"sku": sku, "quantity": quantity}], **more}
        return str(self.control("sales-channels/web/orders", wish)["orders"][0]["id"])

    def order(self, order_id: str) -> Json:
        return self.control(f"sales-channels/web/orders/{order_id}")

    def change(self, order_id: str, what: str, **change: Json) -> Json:
        return self.control(f"sales-channels/web/orders/{order_id}/{what}", change)

    def books(self) -> Json:
        return self.control("books")

    def logs(self, run: str, **query: Json) -> list[Json]:
        return self.found(f"flow-runs/{run}/flow-run-logs", load_payload_ids="true", sort="id", per_page=500, **query)


Open = Callable[..., Door]


def attributes(row: Json) -> Json:
    """A resource's fields, whichever style it is in."""
    return row.get("attributes", row)


@pytest.fixture(name="portal")
def fixture_portal() -> Iterator[BlockingPortal]:
    """An event loop in a thread of its own."""
    with start_blocking_portal() as portal:
        yield portal


@pytest.fixture(name="open_door")
def fixture_open_door(portal: BlockingPortal) -> Iterator[Open]:
    """Starts sandboxes that deliver to a receiver, and stops both after the test.

    Keywords: settings of the configuration; `switches` and `auth` as dicts.
    """
    opened: list[Any] = []

    def start(**given: Any) -> Door:
        receiver = Receiver()
        opened.append(portal.wrap_async_context_manager(receiver.open()))
        receiver.url = opened[-1].__enter__()
        target = {"url": receiver.url, **given.pop("target", {})}
        settings: dict[str, Any] = {
            "port": 0,
            "flows": (ORDERS, POLL, STOCK, SHIPPED, ASKED),
            "sales_channels": (WEB,),
            "limits": Limits(api_per_min=0, webhooks_per_min=0, callbacks_per_min=0),
            **given,
            "switches": Switches(**given.get("switches", {})),
        }
        config = msgspec.convert({"target": target, **settings}, SandboxConfig, from_attributes=True)
        opened.append(portal.wrap_async_context_manager(open_sandbox(config)))
        door = Door(opened[-1].__enter__(), receiver)
        doors.append(door)
        return door

    doors: list[Door] = []
    yield start
    for door in doors:
        door.session.close()
    for each in reversed(opened):
        each.__exit__(None, None, None)


@pytest.fixture(name="door")
def fixture_door(open_door: Open) -> Door:
    """One sandbox with the usual flows, without limits and faults."""
    return open_door()


__all__ = ["Auth", "Door", "Open", "fixture_door", "fixture_open_door", "fixture_portal"]
