"""The sandbox as an HTTP server: being down, keys, limits and faults around the operations, always in that order.

One process serves what Patchworks spreads over hosts: `/core/api/v1`, `/start/api/v1`, `/webhooks/api/v1`,
`/callbacks/api/v1`, `/fabric/api/login` and `/health`; `/core-main` and `/core-start` are the dashboard's names for the
first two (facts 1.1). Neither a refused key nor the limit uses up an attempt of the fault plan.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

import aiohttp
import anyio
import msgspec
from aiohttp import web

from connectors.patchworks.sandbox.answers import ApiRefusal, Asked, Reply, page_of
from connectors.patchworks.sandbox.books import Books
from connectors.patchworks.sandbox.calls import DROPPED, Calls
from connectors.patchworks.sandbox.config import SandboxConfig
from connectors.patchworks.sandbox.control import Control
from connectors.patchworks.sandbox.core_flows import CoreFlows
from connectors.patchworks.sandbox.core_others import CoreConversations, CoreLookups, CorePools, CoreSystems
from connectors.patchworks.sandbox.core_runs import CoreRuns
from connectors.patchworks.sandbox.delivery import Delivery
from connectors.patchworks.sandbox.engine import Engine
from connectors.patchworks.sandbox.limits import Limits, Surface
from connectors.patchworks.sandbox.login import Login
from connectors.patchworks.sandbox.played_clock import PlayedClock
from connectors.patchworks.sandbox.resources import Shown
from connectors.patchworks.sandbox.sales_channels.sales_channel import SalesChannel
from connectors.patchworks.sandbox.start import Start
from connectors.patchworks.sandbox.triggers import Triggers
from runtime.clock import Clock, SystemClock
from runtime.testing.faults import FaultPlan

CONTROL_BODY_BYTES_MAX = 64 * 1024 * 1024
STOP_WITHIN_S = 1.0
CONNECTIONS_MAX = 100
Operation = Callable[[Asked], Awaitable[Reply]]
_API = "/api/v1"


class Sandbox:
    """One sandbox: its books, its flows, and the door to them."""

    def __init__(self, config: SandboxConfig, clock: Clock, session: aiohttp.ClientSession) -> None:
        self.config = config
        self.clock = PlayedClock(clock)
        self.books = Books(config, self.clock)
        self.calls = Calls()
        self.plan = FaultPlan(config.faults, config.seed)
        self.delivery = Delivery(config.target, config.switches, self.plan, session)
        self.channels: dict[str, SalesChannel] = {}
        self.engine = Engine(self.books, self.channels, self.delivery, self.plan)
        for seed in config.sales_channels:
            self.channels[seed.name] = SalesChannel(seed, config.seed, self.clock, self.engine.announce)
        self.login = Login(config, self.clock)
        self.limits = Limits(config, self.clock)
        self.control = Control(self.engine, self.channels, self.delivery, self.calls, self.plan, self.clock, self.login)

    def application(self) -> web.Application:
        """The HTTP application: Patchworks' paths, and our own below `/sandbox/`."""
        app = web.Application(client_max_size=CONTROL_BODY_BYTES_MAX)
        app.add_routes(self.control.routes())
        app.router.add_get("/health", _healthy)
        for prefix in ("/core", "/core-main"):
            self._add_core(app, prefix + _API)
        for prefix in ("/start", "/core-start"):
            self._add_start(app, prefix + _API)
        for path in ("/fabric/api/login", "/fabric/api/v1/login"):
            self._add(app, "POST", path, "login", None, self.login.log_in)
        triggers = Triggers(self.books, self.engine)
        for surface, operation in (("webhooks", triggers.webhook), ("callbacks", triggers.callback)):
            for path in ("/{company}/{trigger}", "/{company}/{trigger}/{environment}"):
                for method in ("GET", "POST"):
                    self._add(app, method, f"/{surface}{_API}{path}", surface, surface, operation)  # type: ignore[arg-type]
        return app

    def _add_core(self, app: web.Application, prefix: str) -> None:
        shown = Shown(self.config)
        runs, flows = CoreRuns(self.books, self.engine, shown), CoreFlows(self.books, shown)
        pools, lookups = CorePools(self.books, shown), CoreLookups(self.books, shown)
        agents, systems = CoreConversations(self.books, shown), CoreSystems(self.books, shown)
        table: list[tuple[str, str, Operation]] = [
            ("GET", "/flows", flows.flows),
            ("POST", "/flows/import", flows.take_in),
            ("GET", "/flows/{flow}", flows.flow),
            ("GET", "/flows/{flow}/flow-versions", flows.versions),
            ("GET", "/flow-versions/{version}/steps", flows.steps),
            ("GET", "/flow-runs", runs.runs),
            ("GET", "/flow-runs/{run}", runs.run),
            ("POST", "/flow-runs/{run}/retry", runs.retry),
            ("GET", "/flow-runs/{run}/flow-run-logs", runs.logs),
            ("GET", "/payload-metadata", runs.payloads),
            ("GET", "/payload-metadata/{payload}/download", runs.download),
            ("GET", "/scheduled-flows", runs.scheduled),
            ("DELETE", "/scheduled-flows/{scheduled}", runs.unschedule),
            ("GET", "/tracked-data", runs.tracked),
            ("GET", "/data-pool", pools.pools),
            ("POST", "/data-pool", pools.create),
            ("GET", "/data-pool/{pool}", pools.pool),
            ("PATCH", "/data-pool/{pool}", pools.pool),
            ("DELETE", "/data-pool/{pool}", pools.pool),
            ("GET", "/data-pool/{pool}/deduped-data", pools.deduped),
            ("GET", "/cross-reference-lookups", lookups.lookups),
            ("POST", "/cross-reference-lookups", lookups.create),
            ("GET", "/cross-reference-lookups/{lookup}", lookups.lookup),
            ("PATCH", "/cross-reference-lookups/{lookup}", lookups.lookup),
            ("GET", "/systems", systems.systems),
            ("GET", "/connectors", systems.connectors),
            ("GET", "/agents/conversations", agents.conversations),
            ("POST", "/agents/conversations", agents.create),
            ("GET", "/agents/conversations/{conversation}", agents.conversation),
            ("POST", "/agents/conversations/{conversation}/reply", agents.reply),
        ]
        for method, path, operation in table:
            for spelling in (path, path + "/"):
                self._add(app, method, prefix + spelling, f"{method} {path}", "core", operation)

    def _add_start(self, app: web.Application, prefix: str) -> None:
        start = Start(self.books, self.engine)
        table: list[tuple[str, Operation]] = [
            ("start/raw", start.raw),
            ("start", start.standard),
            ("manual/raw", start.manual_raw),
            ("manual", start.manual),
        ]
        for path, operation in table:
            for version in ("", "/{version}"):
                self._add(app, "POST", f"{prefix}/flows/{{flow}}/{path}{version}", path, "start", operation)

    def _add(
        self,
        app: web.Application,
        method: str,
        path: str,
        route: str,
        surface: Surface | None,
        operation: Operation,
    ) -> None:
        """Put an operation behind the door. `surface` is the limit it counts against; None: none, and no key."""

        async def answer(request: web.Request) -> web.Response:
            return await self._answer(request, route, surface, operation)

        app.router.add_route(method, path, answer)

    async def _answer(
        self, request: web.Request, route: str, surface: Surface | None, operation: Operation
    ) -> web.Response:
        headers: dict[str, str] = {}
        try:
            if self.control.down == "drop":
                return self._drop(request, route)
            if self.control.down is not None:
                raise ApiRefusal(HTTPStatus.SERVICE_UNAVAILABLE)
            bucket = self._bucket(request, route, surface)
            if surface is not None:
                passes, headers = self.limits.take(surface, bucket)
                if not passes:
                    raise ApiRefusal(HTTPStatus.TOO_MANY_REQUESTS)
            asked = await self._asked(request)
            reply = await self._fated(request, route, asked, operation)
        except ApiRefusal as refusal:
            wants_json = "json" in request.headers.get("Accept", "")
            reply = refusal.reply if wants_json or surface not in {"core", "start"} else page_of(refusal)
        if reply is None:
            return self._drop(request, route)
        self.calls.count(route, int(reply.status))
        content_type = reply.content_type if reply.body else None
        return web.Response(
            body=reply.body, status=reply.status, content_type=content_type, headers={**headers, **reply.headers}
        )

    async def _fated(self, request: web.Request, route: str, asked: Asked, operation: Operation) -> Reply | None:
        """The answer, unless the fault plan has something else; None: the connection is cut."""
        fate = self.plan.fate(route, _key(request, asked))
        if fate.latency_ms:
            await anyio.sleep(fate.latency_ms / 1_000)
        match fate.kind:
            case "throttle":
                refusal = ApiRefusal(HTTPStatus.TOO_MANY_REQUESTS)
                after = {} if fate.retry_after_s is None else {"Retry-After": str(fate.retry_after_s)}
                return msgspec.structs.replace(refusal.reply, headers=after)
            case "server_error":
                raise ApiRefusal(HTTPStatus.INTERNAL_SERVER_ERROR)
            case "reset_before":
                return None
            case "answer_lost":
                await operation(asked)
                return None
            case _:
                return await operation(asked)

    def _bucket(self, request: web.Request, route: str, surface: Surface | None) -> str:
        """What a request is counted by: its key, or its trigger. Raises ApiRefusal when it is nobody's."""
        if surface not in {"core", "start"}:
            return request.match_info.get("trigger", "")
        caller = self.login.caller(request.headers.get("Authorization", ""))
        if caller is None:
            raise ApiRefusal(HTTPStatus.UNAUTHORIZED)
        if route in self.config.restricted_routes and not caller.is_administrator:
            raise ApiRefusal(self.config.switches.restricted_status)
        return caller.key

    async def _asked(self, request: web.Request) -> Asked:
        if (request.content_length or 0) > self.config.body_bytes_max:
            raise ApiRefusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            raise ApiRefusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE) from None
        if len(body) > self.config.body_bytes_max:
            raise ApiRefusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        base = str(request.url.with_query(None))
        return Asked(request.method, base, request.match_info, request.query, request.headers, body)

    def _drop(self, request: web.Request, route: str) -> web.Response:
        """Cut the connection. The response that is returned goes nowhere."""
        self.calls.count(route, DROPPED)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()


def _key(request: web.Request, asked: Asked) -> bytes:
    """What makes two requests the same to the fault plan."""
    content = b"%s\0%s\0%s" % (request.method.encode(), request.raw_path.encode(), asked.body)
    return hashlib.blake2b(content, digest_size=16).digest()


async def _healthy(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


class RunningSandbox(msgspec.Struct, frozen=True):
    """A sandbox that answers at `url` (no trailing slash)."""

    url: str
    sandbox: Sandbox


@asynccontextmanager
async def open_sandbox(config: SandboxConfig, clock: Clock | None = None) -> AsyncIterator[RunningSandbox]:
    """Run a sandbox for the length of the block. Raises OSError when the port is taken."""
    connector = aiohttp.TCPConnector(limit=CONNECTIONS_MAX)
    async with aiohttp.ClientSession(connector=connector, trust_env=False, auto_decompress=True) as session:
        sandbox = Sandbox(config, clock or SystemClock(), session)
        runner = web.AppRunner(
            sandbox.application(), access_log=None, shutdown_timeout=STOP_WITHIN_S, handle_signals=False
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, config.host, config.port, backlog=1_024).start()
            port = runner.addresses[0][1]
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(sandbox.engine.work)
                yield RunningSandbox(f"http://{config.host}:{port}", sandbox)
                tasks.cancel_scope.cancel()
        finally:
            await runner.cleanup()
            await sandbox.engine.close()
