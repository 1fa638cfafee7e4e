"""The sandbox as an HTTP server: authentication, rate limit, faults and being down, around the operations.

The order is fixed: down, token, rate limit, fault plan, operation. So neither a refused token nor the rate limit (which
depend on timing) uses up an attempt of the fault plan (which must not).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

import anyio
import msgspec
from aiohttp import web

from connectors.fulfil.sandbox.answers import Reply, error_text, http_error, odd_error, result, server_error, throttled
from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.calls import DROPPED, Calls
from connectors.fulfil.sandbox.channel_api import ChannelApi
from connectors.fulfil.sandbox.config import SandboxConfig
from connectors.fulfil.sandbox.control import Control
from connectors.fulfil.sandbox.encoding import decode_json
from connectors.fulfil.sandbox.limits import RateLimit, ResourceLimits
from connectors.fulfil.sandbox.operations import Operations, Request, Target, business_key, order_key
from connectors.fulfil.sandbox.playing import Stage
from connectors.fulfil.sandbox.schema import USER_ID
from connectors.fulfil.sandbox.webhooks import Webhooks
from runtime.clock import Clock, SystemClock
from runtime.testing.faults import SPARED, FaultPlan

PREFIXES = ("/api/v2/", "/api/v1/")
"""v1 was deprecated in 2020, and is served by v2 since (facts 1)."""
LINE_BYTES_MAX = 64 * 1024
STOP_WITHIN_S = 1.0
ODD: dict[str, Callable[[], Reply]] = {"odd_error": odd_error, "error_text": error_text}


class Sandbox:
    """One sandbox: books, and the door to them."""

    def __init__(self, config: SandboxConfig, clock: Clock) -> None:
        self.config = config
        self.books = Books(config, clock)
        self.calls = Calls()
        self.plan = FaultPlan(config.faults, config.seed)
        tokens = (config.token, *config.other_tokens)
        self.limits = {token: RateLimit(config.requests_per_s, config.burst, clock) for token in tokens}
        self.operations = Operations(self.books, self.calls)
        self.resources = ResourceLimits(config.resource_limits, clock)
        self.webhooks = Webhooks(self.books)
        self.control = Control(Stage(self.operations), self.calls, self.plan, self.webhooks)

    def application(self) -> web.Application:
        """The HTTP application: Fulfil's paths, and our own below `/sandbox/`."""
        app = web.Application(client_max_size=self.config.body_bytes_max)
        channels = ChannelApi(self.operations)
        app.add_routes([*self.control.routes(), *channels.routes(), web.post("/", self._login)])
        for prefix in PREFIXES:
            app.router.add_route("*", prefix + "{rest:.*}", self._api)
        return app

    async def _api(self, request: web.Request) -> web.Response:
        parts = tuple(request.match_info["rest"].split("/"))
        target = self.operations.target(request.method, parts)
        if self.control.down == "drop":
            return self._drop(request, target)
        refusal = self._refusal(request, target)
        if refusal is not None:
            return self._reply(request, target, refusal)
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return self._reply(
                request, target, http_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large.")
            )
        asked = Request(request.method, parts, list(request.query.items()), body)
        return await self._served(request, target, asked)

    def _refusal(self, request: web.Request, target: Target) -> Reply | None:
        """The answer that needs no look at the body, if it is one of those."""
        if self.control.down is not None:
            return server_error("0" * 32, HTTPStatus.SERVICE_UNAVAILABLE)
        limit = self._limit(request)
        if limit is None:
            status = HTTPStatus(self.config.bad_token_status)
            return http_error(status, "The API key or token is missing or not valid.")
        full = limit if not limit.take() else self.resources.refusing(target.route)
        if full is not None:
            return throttled(full.retry_after_s() if self.config.retry_after == "always" else None)
        if len(request.raw_path) > self.config.url_bytes_max:
            return http_error(HTTPStatus.REQUEST_URI_TOO_LONG, "The URL is too long.")
        return None

    async def _served(self, request: web.Request, target: Target, asked: Request) -> web.Response:
        fate = self.plan.fate(target.route, business_key(target, asked)) if self.plan.concerns(target.route) else SPARED
        if fate.latency_ms:
            await anyio.sleep(fate.latency_ms / 1000)
        if fate.kind == "throttle":
            return self._reply(request, target, throttled(fate.retry_after_s))
        order = order_key(target, asked)
        if order is not None:
            self.calls.asked(order)
        if fate.kind == "server_error":
            return self._reply(request, target, server_error(fate.mark, fate.status, as_json=fate.as_json))
        if fate.kind in ODD:
            if order is not None:
                self.calls.refused(order)
            return self._reply(request, target, ODD[fate.kind]())
        if fate.kind == "reset_before":
            return self._drop(request, target)
        seen = await self._looked() if order is not None else None
        self.books.parties_seen = seen
        outcome = self.operations.answer(target, asked)
        self.books.parties_seen = None
        self.webhooks.collect()
        if order is not None and outcome.placed is None:
            self.calls.refused(order)
        answer_lost = fate.kind == "answer_lost"
        if outcome.placed is not None:
            self.calls.order(outcome.placed.outcome, changed=outcome.placed.changed, answer_lost=answer_lost)
        return self._drop(request, target) if answer_lost else self._reply(request, target, outcome.reply)

    async def _looked(self) -> int | None:
        """The last party that a create sees which looks now, and makes its sale later; None: it sees them all."""
        if not self.config.create_order_takes_s:
            return None
        seen = self.books.parties.last_id
        await anyio.sleep(self.config.create_order_takes_s)
        return seen

    def _reply(self, request: web.Request, target: Target, reply: Reply) -> web.Response:
        self.calls.count(target.route, int(reply.status))
        limit = self._limit(request)
        headers = {**reply.headers, **(limit.headers() if limit is not None else {})}
        content_type = reply.content_type if reply.body else None
        return web.Response(body=reply.body, status=reply.status, headers=headers, content_type=content_type)

    def _drop(self, request: web.Request, target: Target) -> web.Response:
        """Cut the connection. The response that is returned goes nowhere."""
        self.calls.count(target.route, DROPPED)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    def _limit(self, request: web.Request) -> RateLimit | None:
        """The rate limit of the request's token; None without a known token.

        It comes as X-API-KEY, as Bearer, or as the user name of Basic.
        """
        given = request.headers.get("X-API-KEY", "")
        if not given:
            scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
            if scheme.lower() == "bearer":
                given = rest.strip()
            elif scheme.lower() == "basic":
                given = _basic_user(rest)
        known = [limit for token, limit in self.limits.items() if hmac.compare_digest(given.encode(), token.encode())]
        return known[0] if known else None

    async def _login(self, request: web.Request) -> web.Response:
        """The legacy JSON-RPC login of fulfil_client: any login, the token as password."""
        try:
            call = decode_json(await request.read())
            _, password = call["params"]
            known = call["method"] == "common.db.login" and str(password) in self.limits
        except (msgspec.DecodeError, KeyError, TypeError, ValueError):
            known = False
        session = hashlib.sha256(b"session" + self.config.token.encode()).hexdigest()
        reply = result({"result": [USER_ID, session]} if known else {"error": ["NotLogged", "", None]})
        return web.Response(body=reply.body, content_type=reply.content_type)


def _basic_user(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


class RunningSandbox(msgspec.Struct, frozen=True):
    """A sandbox that answers at `url` (no trailing slash)."""

    url: str
    sandbox: Sandbox


@asynccontextmanager
async def open_sandbox(config: SandboxConfig, clock: Clock | None = None) -> AsyncIterator[RunningSandbox]:
    """Run a sandbox for the length of the block. Raises OSError when the port is taken."""
    sandbox = Sandbox(config, clock or SystemClock())
    runner = web.AppRunner(
        sandbox.application(),
        access_log=None,
        max_line_size=LINE_BYTES_MAX,
        shutdown_timeout=STOP_WITHIN_S,
        handle_signals=False,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, config.host, config.port, backlog=1_024).start()
        port = runner.addresses[0][1]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sandbox.webhooks.run)
            yield RunningSandbox(f"http://{config.host}:{port}", sandbox)
            tasks.cancel_scope.cancel()
    finally:
        await runner.cleanup()
