"""An intake with everything around it in the hands of the test.

Its `accept` keeps deliveries in memory and otherwise promises what the journal promises: all or none, in order, a
receipt for each, the first one's id for a repeat.
"""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anyio
import msgspec
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from anyio.abc import SocketStream

from connectors.contract import Identification, Identified, NotAnOrder, Unidentifiable
from connectors.patchworks.admission import admission_of
from connectors.patchworks.config import IntakeSettings
from connectors.patchworks.intake import intake_routes
from connectors.patchworks.tokens import Tokens, token_routes
from runtime.clock import Instant
from runtime.config import Secret
from runtime.delivery import Delivery, Receipt
from runtime.http import Limits, Listener, application
from runtime.telemetry.events import RequestRefused

KEY = "patchworks-key-0001"
OTHER_KEY = "patchworks-key-0002"
AUTH = {"Authorization": KEY}
JSON = {"Content-Type": "application/json"}
PATH = "/v1/orders/shop-uk"


class StoppedClock:
    """Time that moves only when a test says so."""

    seconds = 1_000.0

    def now(self) -> Instant:
        return Instant(int(self.seconds * 1_000_000))

    def monotonic(self) -> float:
        return self.seconds


class Shelf:
    """The journal's promise in memory."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str, bytes], int] = {}
        self.deliveries: list[Delivery] = []
        self.calls = 0
        self.failure: Exception | None = None
        self.room: anyio.Event | None = None
        """Until when a slow disk takes nothing."""

    async def accept(self, deliveries: Sequence[Delivery]) -> Sequence[Receipt]:
        self.calls += 1
        await anyio.lowlevel.checkpoint()
        if self.room is not None:
            await self.room.wait()
        if self.failure is not None:
            raise self.failure
        return [self._put(delivery) for delivery in deliveries]

    def _put(self, delivery: Delivery) -> Receipt:
        same = (delivery.key, delivery.version, delivery.digest)
        if same in self.rows:
            return Receipt(self.rows[same], new=False)
        self.rows[same] = len(self.rows) + 1
        self.deliveries.append(delivery)
        return Receipt(self.rows[same], new=True)


class _Payload(msgspec.Struct):
    id: int | str | None = None
    updated_at: str = ""
    draft: bool = False


def identify(sales_channel: str, item: bytes) -> Identification:
    """A format as small as formats get."""
    assert sales_channel in ("shop-uk", "shop-fr")
    payload = msgspec.json.decode(item, type=_Payload)
    if payload.draft:
        return NotAnOrder("`draft` is true: a draft is not an order.")
    if payload.id is None:
        return Unidentifiable("The field `id` is missing.")
    return Identified(str(payload.id), payload.updated_at)


class Door:
    """An intake with everything around it in the hands of the test."""

    def __init__(self, **changes: Any) -> None:
        self.shelf = Shelf()
        self.clock = StoppedClock()
        self.events: list[object] = []
        self.pressure_s: float | None = None
        keys = changes.pop("keys", (Secret(KEY), Secret(OTHER_KEY)))
        settings = IntakeSettings(keys=keys, **changes)
        tokens = Tokens(settings.oauth, self.clock, life_s=settings.oauth_token_s) if settings.oauth else None
        routes = token_routes(tokens, emit=self.events.append) if tokens is not None else []
        self.app = application(
            intake_routes(
                settings,
                sales_channels=["shop-uk", "shop-fr"],
                admission=admission_of(settings, tokens),
                identify=identify,
                accept=self.shelf.accept,
                clock=self.clock,
                emit=self.events.append,
                pressure=lambda: self.pressure_s,
            )
            + routes
        )
        self.client = TestClient(TestServer(self.app))

    async def post(self, body: bytes, path: str = PATH, **headers: str) -> tuple[ClientResponse, Any]:
        """The response and its JSON; `headers` are named with underscores, and an empty one is left out."""
        named = AUTH | JSON | {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in named.items() if value}
        skipped = [name for name, value in named.items() if not value]
        response = await self.client.post(path, data=io.BytesIO(body), headers=sent, skip_auto_headers=skipped)
        text = await response.read()
        return response, json.loads(text) if text else None

    async def stored(self, body: bytes, path: str = PATH, **headers: str) -> None:
        """Post one order that must be new."""
        response, _ = await self.post(body, path, **headers)
        assert response.status == 201

    async def refused(
        self, body: bytes, status: int, code: str, retry: str = "never", **headers: str
    ) -> dict[str, Any]:
        """Post, check the refusal's status, code and advice, that nothing was stored, and that it was counted."""
        before = list(self.shelf.rows)
        response, answer = await self.post(body, **headers)
        error: dict[str, Any] = answer["error"]
        assert (response.status, error["code"], error["retry"]) == (status, code, retry)
        assert error["message"].endswith(".")
        assert list(self.shelf.rows) == before
        assert isinstance(self.events[-1], RequestRefused)
        assert self.events[-1].reason == code
        assert ("Retry-After" in response.headers) == (retry == "later")
        return error


@asynccontextmanager
async def door(**changes: Any) -> AsyncIterator[Door]:
    opened = Door(**changes)
    async with opened.client:
        yield opened


@asynccontextmanager
async def raw(opened: Door) -> AsyncIterator[Callable[[bytes, str], Awaitable[SocketStream]]]:
    """A real listener, and a way to send the beginning of a request with a length and headers of the test's choice."""
    limits = Limits(linger_s=0.01)
    async with Listener("intake", "127.0.0.1", 0, opened.app, limits=limits) as listener, AsyncExitStack() as stack:

        async def begin(body: bytes, headers: str) -> SocketStream:
            stream = await stack.enter_async_context(await anyio.connect_tcp("127.0.0.1", listener.port))
            head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: {KEY}\r\n{headers}\r\n\r\n"
            await stream.send(head.encode() + body)
            return stream

        yield begin


def order(number: int | str = 1, **fields: Any) -> bytes:
    return json.dumps({"id": number, "updated_at": "2026-11-20T09:14:05Z"} | fields).encode()
