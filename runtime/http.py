"""HTTP listeners: bounded in every direction, without a banner, on the loopback unless told otherwise.

`application` makes an aiohttp application whose refusals are bare, `Listener` binds it and drains it, `read_body` reads
a body within bytes and seconds, `ApiKeys` compares keys in constant time, and `ops_app` is what an operator's machines
ask: liveness, readiness, metrics, pause and resume. It belongs on a listener of its own, away from the public one.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import hmac
import logging
import traceback
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import TracebackType
from typing import Final, Self

import anyio
import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from runtime.config import Secret
from runtime.errors import AddressTaken, ConfigInvalid, SeamlineError

CONTROL_BODY_BYTES_MAX: Final = 1_048_576
"""The longest body of a command."""
READ_BUFFER_BYTES: Final = 65_536
"""What aiohttp buffers of a body before it stops reading from the socket (twice this, at most)."""

_decode_parameters: Final = msgspec.json.Decoder(dict[str, str]).decode
_log = logging.getLogger("seamline.http")
_protocol_log = logging.getLogger("seamline.http.protocol")

Check = Callable[[], tuple[bool, str]]
"""One condition of readiness: whether it holds, and a sentence. It looks inwards only, never at another system."""

Notes = Callable[[], Iterable[str]]
"""What is worth knowing beside the checks and never counts against readiness: a sentence each."""

Status = Callable[[], object]
"""What is told of the process as JSON."""

RenderMetrics = Callable[[str], tuple[bytes, str]]
"""The metrics, for the value of an Accept header: body and content type."""

Command = Callable[[Mapping[str, str]], Awaitable[str]]
"""Does what an operator asks, with the request's parameters, and answers a sentence; or raises SeamlineError."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one listener grants to whoever connects."""

    connections_max: int = 500
    header_line_bytes_max: int = 8_190
    headers_max: int = 64
    headers_timeout_s: float = 10.0
    """From connecting, or from the last answer, to the last byte of the next request's headers; then it is closed."""
    linger_s: float = 2.0
    """How long the rest of a refused body is read and thrown away, so that the sender sees the answer."""


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """The commands that an operator gives over HTTP, by name, and the key that guards them.

    A command gets the parameters (of the query, and of a body that is a JSON object of texts: what may be long, or
    should stand in no access log) and answers with a sentence; it raises SeamlineError with the reason when what was
    asked makes no sense.
    """

    key: Secret
    commands: Mapping[str, Command]


class ApiKeys:
    """The live keys of one door. Holds only their digests; several may be live while one replaces another."""

    def __init__(self, keys: Iterable[Secret]) -> None:
        self._digests = tuple(key.digest() for key in keys)

    def admits(self, request: web.BaseRequest) -> bool:
        """Whether `Authorization` (bare or `Bearer`) or `X-API-Key` holds a live key. Its time tells nothing."""
        admitted = False
        for value in (request.headers.get("Authorization"), request.headers.get("X-API-Key")):
            if value:
                presented = value[7:].strip() if value[:7].lower() == "bearer " else value
                digest = hashlib.sha256(presented.encode("utf-8", "surrogateescape")).digest()
                for live in self._digests:
                    admitted |= hmac.compare_digest(digest, live)
        return admitted


# -- applications ------------------------------------------------------------------------------------------------------


def application(routes: Iterable[web.AbstractRouteDef], *, body_bytes_max: int = READ_BUFFER_BYTES) -> web.Application:
    """An application that says no more than it must.

    Unknown paths and methods, and everything raised as `web.HTTPException`, get an empty body; a defect gets an empty
    500, and a log line with its type and place but without its text, which may quote a request. `body_bytes_max`
    bounds `request.read()`; `read_body` has its own bound.
    """
    app = web.Application(middlewares=[_bare_refusals], client_max_size=body_bytes_max)
    app.on_response_prepare.append(_drop_banner)
    app.add_routes(routes)
    return app


@web.middleware
async def _bare_refusals(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as refusal:
        kept = {name: refusal.headers[name] for name in ("Allow", "WWW-Authenticate") if name in refusal.headers}
        return web.Response(status=refusal.status, headers=kept)
    except ConnectionError:
        raise  # the sender is gone; there is nobody to answer
    except Exception as defect:  # noqa: BLE001  the last fence: one request must not end the listener
        place = traceback.extract_tb(defect.__traceback__)[-1]
        kind = type(defect).__name__
        route = request.match_info.route.resource
        _log.error(
            "A request to %s failed with %s at %s:%s; it was answered 500 and is a defect to report.",
            route.canonical if route is not None else "an unknown path",
            kind,
            place.name,
            place.lineno,
        )
        return web.Response(status=500)


async def _drop_banner(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.popall("Server", None)


async def read_body(request: web.Request, *, bytes_max: int, timeout_s: float) -> bytes:
    """The whole body as sent, in at most `bytes_max` bytes and `timeout_s` seconds.

    Raises `web.HTTPRequestEntityTooLarge` (before reading, when the length is announced), `web.HTTPRequestTimeout`,
    or `web.HTTPBadRequest` when the body breaks off or its framing is broken.
    """
    announced = request.content_length
    if announced is not None and announced > bytes_max:
        raise web.HTTPRequestEntityTooLarge(max_size=bytes_max, actual_size=announced)
    content = request.content
    try:
        if content.is_eof():  # the usual case: it came with the headers
            body = content.read_nowait(-1)
        else:
            with anyio.fail_after(timeout_s):
                body = await _read_chunks(request, bytes_max)
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except (web.RequestPayloadError, HttpProcessingError, ConnectionError):
        raise web.HTTPBadRequest from None
    if len(body) > bytes_max:
        raise web.HTTPRequestEntityTooLarge(max_size=bytes_max, actual_size=len(body))
    return body


def bytes_to_come(request: web.Request, *, bytes_max: int) -> int:
    """How much memory a body may still take before it is here; 0 when it came with the headers."""
    if request.content.is_eof():
        return 0
    announced = request.content_length
    return bytes_max if announced is None else min(announced, bytes_max)


async def _read_chunks(request: web.Request, bytes_max: int) -> bytes:
    """Reads until the end, or until it is one chunk more than allowed."""
    chunks: list[bytes] = []
    size = 0
    while size <= bytes_max and (chunk := await request.content.readany()):
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)


# -- listening ---------------------------------------------------------------------------------------------------------


class _TypesOnly(logging.Filter):
    """Keeps what a sender wrote out of the log: an exception is named by its type."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[0] is not None:
            record.msg, record.args = f"{record.getMessage()}: {record.exc_info[0].__name__}", ()
            record.exc_info = None
        return True


_protocol_log.addFilter(_TypesOnly())


class _Protocol(web.RequestHandler):
    """Answers what is not HTTP with a bare 400: no banner, no echo of the sender's bytes, no log line to flood."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,  # noqa: ARG002  the signature is aiohttp's
        message: str | None = None,  # noqa: ARG002
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("a part of the answer was sent already")
        response = web.Response(status=status, headers={"Server": "seamline"})
        response.force_close()
        return response


class _TooMany(asyncio.Protocol):
    """Hangs up on a connection above the limit."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            transport.abort()


class Listener:
    """One address, one application. `async with` starts and stops it; a handler is never cancelled by its client.

    Port 0 binds any free port; `port` says which. A reverse proxy in front should keep idle connections for less than
    `limits.headers_timeout_s`, or expect them to be closed.
    """

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        app: web.Application,
        *,
        limits: Limits | None = None,
        drain_s: float = 20.0,
    ) -> None:
        self.name = name
        self.host = host
        self.port = port
        self.limits = limits or Limits()
        # aiohttp waits this long for handlers to end, breaks their reading off, waits as long again, and cancels them
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, handler_cancellation=False, shutdown_timeout=drain_s / 2
        )
        self._socket: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. Raises `AddressTaken` when another process has the port, `ConfigInvalid` when the address cannot be
        bound at all; nothing stays open then.
        """
        await self._runner.setup()
        try:
            self._socket = await asyncio.get_running_loop().create_server(self._connect, self.host, self.port)
        except BaseException as error:
            await self.stop()
            if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
                raise AddressTaken(
                    f"the {self.name} listener cannot bind {self.host}:{self.port}: the port is taken by another "
                    f"process; end that one, or set another port ({self.name}.port = N)"
                ) from None
            if isinstance(error, OSError):
                raise ConfigInvalid(
                    f"the {self.name} listener cannot bind {self.host}:{self.port} ({error.strerror or error}); "
                    f"set another address ({self.name}.host, {self.name}.port)"
                ) from None
            raise
        self.port = self._socket.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening at once, let running requests end for up to the drain time, then close. Safe to repeat.

        Shielded from cancellation: when it returns, no socket of this listener is open.
        """
        with anyio.CancelScope(shield=True):
            if self._socket is not None:
                self._socket.close()
                self._socket = None
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _connect(self) -> asyncio.Protocol:
        """The protocol of one new connection."""
        server = self._runner.server
        limits = self.limits
        if server is None or len(server.connections) >= limits.connections_max:
            return _TooMany()
        return _Protocol(
            server,
            loop=asyncio.get_running_loop(),
            logger=_protocol_log,
            access_log=None,  # type: ignore[arg-type]  # aiohttp's own runner passes None, too
            keepalive_timeout=limits.headers_timeout_s,
            lingering_time=limits.linger_s,
            max_line_size=limits.header_line_bytes_max,
            max_field_size=limits.header_line_bytes_max,
            max_headers=limits.headers_max,
            read_bufsize=READ_BUFFER_BYTES,
            auto_decompress=False,  # inflating happens on the event loop, before any handler could refuse
        )


# -- what an operator's machines ask -----------------------------------------------------------------------------------


def ops_app(
    *,
    checks: Mapping[str, Check],
    metrics: RenderMetrics,
    notes: Notes = tuple,
    status: Status | None = None,
    control: Control | None = None,
) -> web.Application:
    """`/livez`, `/readyz` (`?verbose` lists the checks and the notes), `/metrics`, `/status` as JSON, and
    `POST /v1/control/{command}`.

    Readiness must never include "the ERP is up": an outage there would take our intake out of service, too. A control
    request carries the control key; without `control` there is no such route.
    """
    routes = [
        web.get("/livez", _livez),
        web.get("/readyz", _readyz(dict(checks), notes)),
        web.get("/metrics", _metrics(metrics)),
    ]
    if status is not None:
        routes.append(web.get("/status", _status(status)))
    if control is not None:
        routes.append(web.post("/v1/control/{command}", _control(control)))
    return application(routes, body_bytes_max=CONTROL_BODY_BYTES_MAX)


async def _livez(_request: web.Request) -> web.Response:
    """The event loop turns: that it answers is the answer."""
    return web.Response(text="alive\n")


def _readyz(checks: Mapping[str, Check], notes: Notes) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def readyz(request: web.Request) -> web.Response:
        lines = []
        ready = True
        for name, check in checks.items():
            try:
                holds, sentence = check()
            except Exception as defect:  # noqa: BLE001  a check that fails is an answer, too
                holds, sentence = False, f"the check itself failed with {type(defect).__name__}"
            ready = ready and holds
            lines.append(f"[{'+' if holds else '-'}] {name}: {sentence}\n")
        summary = "ready\n" if ready else "not ready\n"
        if "verbose" in request.query:
            summary = "".join([*lines, *_noted(notes), summary])
        return web.Response(status=200 if ready else 503, text=summary)

    return readyz


def _noted(notes: Notes) -> list[str]:
    """A line for each note; one that cannot be told is no reason to be taken out of service."""
    try:
        return [f"[i] {sentence}\n" for sentence in notes()]
    except Exception as defect:  # noqa: BLE001  see above
        return [f"[i] the notes themselves failed with {type(defect).__name__}\n"]


def _status(status: Status) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def tell(_request: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(status()), content_type="application/json")

    return tell


def _metrics(render: RenderMetrics) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def metrics(request: web.Request) -> web.Response:
        body, content_type = render(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    return metrics


def _control(control: Control) -> Callable[[web.Request], Awaitable[web.Response]]:
    keys = ApiKeys([control.key])

    async def obey(request: web.Request) -> web.Response:
        if not keys.admits(request):
            raise web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"})
        command = control.commands.get(request.match_info["command"])
        if command is None:
            raise web.HTTPNotFound
        try:
            given = _decode_parameters(await request.read() or b"{}")
        except msgspec.DecodeError:
            raise web.HTTPBadRequest from None
        try:
            return web.json_response({"message": await command({**request.query, **given})})
        except SeamlineError as error:
            return web.json_response({"error": {"code": "refused", "message": str(error)}}, status=409)

    return obey
