"""A small scripted Patchworks: it remembers what it was asked, and answers what a test has put at each path.

It knows nothing of how our own client works; answers are written from the facts about Patchworks' APIs.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from connectors.http import Session, outgoing
from connectors.patchworks.auth import credentials_of
from connectors.patchworks.client import PatchworksApi
from connectors.patchworks.config import PatchworksConfig
from runtime.api import RateReading
from runtime.clock import Instant
from runtime.config import Secret

KEY = "pk_live_0001"
PASSWORD = "a-password-of-sixteen"


class StoppedClock:
    """Time that moves only when a test says so."""

    seconds = 1_000.0

    def now(self) -> Instant:
        return Instant(int(self.seconds * 1_000_000))

    def monotonic(self) -> float:
        return self.seconds


class Asked(msgspec.Struct, frozen=True):
    """One request, as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    target: str
    """Path and query as they were sent, not decoded."""


class Patchworks:
    """Answers by method and path; each answer is used once, the last one of a path for ever."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: dict[str, list[Callable[[], web.StreamResponse]]] = {}
        self.breaks: set[str] = set()
        """Calls whose connection is dropped once the request is whole: after a commit, perhaps."""
        self.breaks_once = False
        """The next call that breaks is the last one that does."""
        self.hangs: set[str] = set()
        """Calls that are never answered."""
        self.together: dict[str, int] = {}
        """How many of a call have to have come before the first of them is answered."""
        self.revoked: set[str] = set()
        """Credentials that are refused, whoever asks in whichever order; calls refused so use no scripted answer."""

    def will_answer(self, what: str, content: Any = None, *, status: int = 200, **headers: str) -> None:
        """The answer of `"GET /path"`. Content that is not bytes goes as JSON; headers are named with underscores."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        named = {"Content-Type": "application/json"} | {n.replace("_", "-"): value for n, value in headers.items()}
        self.answers.setdefault(what, []).append(lambda: web.Response(status=status, body=body, headers=named))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Note what was asked, and give the next answer of the path; 404 where there is none."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        query = dict(request.query)
        self.asked.append(Asked(request.method, request.path, query, headers, body, request.raw_path))
        what = f"{request.method} {request.path}"
        while self.calls().count(what) < self.together.get(what, 0):
            await anyio.sleep(0.001)
        if what in self.hangs:
            await anyio.sleep_forever()
        if what in self.breaks:
            if self.breaks_once:
                self.breaks.discard(what)
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if headers.get("authorization") in self.revoked:
            return web.json_response({"message": "Unauthenticated."}, status=401)
        answers = self.answers.get(what)
        if not answers:
            return web.json_response({"message": "Not found."}, status=404)
        return (answers.pop(0) if len(answers) > 1 else answers[0])()

    def calls(self) -> list[str]:
        """What was asked, in order."""
        return [f"{each.method} {each.path}" for each in self.asked]


class Door(msgspec.Struct, frozen=True):
    """The connector, the scripted Patchworks behind it, and what was seen of the rate limit."""

    api: PatchworksApi
    patchworks: Patchworks
    readings: list[RateReading]
    config: PatchworksConfig
    session: Session
    clock: StoppedClock
    url: URL

    async def perform(self, kind: str, **fields: Any) -> Any:
        """One call, with a body of plain JSON."""
        return await self.api.perform(kind, json.dumps(fields).encode())

    async def look(self, kind: str, **fields: Any) -> Any:
        """One look."""
        return await self.api.look(kind, json.dumps(fields).encode())


def listed(*rows: Any, page: int = 1, last: int = 1) -> dict[str, Any]:
    """A list's envelope (facts 1.4)."""
    meta = {"current_page": page, "from": 1, "last_page": last, "per_page": 100, "to": len(rows), "total": len(rows)}
    return {"data": list(rows), "meta": meta, "links": {"first": None, "last": None, "prev": None, "next": None}}


def run_row(id_: str, *, attributes: bool = True, **fields: Any) -> dict[str, Any]:
    """A run in either style (facts 1.5)."""
    values = {"status": 1, "trigger": "API", "flow_id": 4320, "started_at": "2026-11-20T09:17:01.000000Z"} | fields
    return {"id": id_, "type": "flow-runs", "attributes": values} if attributes else {"id": id_, **values}


@asynccontextmanager
async def door(**settings: Any) -> AsyncIterator[Door]:
    """The connector and a scripted Patchworks."""
    patchworks, readings, clock = Patchworks(), list[RateReading](), StoppedClock()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", patchworks.answer)
    async with TestServer(application) as server:
        url = server.make_url("/")
        config = PatchworksConfig(
            **{
                "token": Secret(KEY),
                "core_url": str(url / "core/api/v1"),
                "start_url": str(url / "start/api/v1"),
                "login_url": str(url / "fabric/api/login"),
                "limit_share": 1.0,
            }
            | settings
        )
        async with outgoing(
            connections_max=config.concurrency_max,
            connect_timeout_s=config.connect_timeout_s,
            request_timeout_s=config.request_timeout_s,
        ) as session:
            credentials = credentials_of(config, session, clock)
            api = PatchworksApi(config, credentials, session, observe=readings.append)
            yield Door(api, patchworks, readings, config, session, clock, url)
