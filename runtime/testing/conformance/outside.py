"""The outside as a script: a server on the loopback that notes each request, and answers or breaks as it is told."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from aiohttp import web

from runtime.testing.conformance.ending import Violation
from runtime.testing.conformance.subject import Asked, Break, Reply, Respond

_STREAM_CHUNK = b"x" * 65_536


class Outside:
    """What the connector calls. `asked` are the requests, in order of arrival."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.url = ""
        self.asked: list[Asked] = []
        self.breaks: Break | None = None
        self.spared = 0
        """Requests that are answered before it begins to break."""
        self.breaks_only: tuple[str, str] | None = None
        """The method and path that break; None: all do."""
        self.held: anyio.Event | None = None
        """While this is not set, answers wait."""
        self.endless_bytes_max = 0
        """Above 0: answers are a stream of so many bytes."""
        self.streamed_bytes = 0
        self.complaint: Violation | None = None
        """What `respond` raised instead of an answer; it comes out of the block."""

    def requests(self, verb: str, path: str) -> list[Asked]:
        """Those with this method and path."""
        return [asked for asked in self.asked if (asked.verb, asked.path) == (verb, path)]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Note the request, and do what was said."""
        asked = Asked(
            verb=request.method,
            path=request.path,
            target=request.raw_path,
            query=dict(request.query),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.read(),
        )
        self.asked.append(asked)
        number = len(self.asked)
        held = self.held
        try:
            reply = self.respond(asked)
        except Violation as violation:
            self.complaint = self.complaint or violation
            return web.Response(status=500)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is no answer
            told = f"{asked.verb} {asked.path}: what is said about the API has no answer to it ({type(error).__name__})"
            self.complaint = self.complaint or Violation(told)
            return web.Response(status=500)
        if held is not None:
            await held.wait()
        concerned = self.breaks_only in (None, (asked.verb, asked.path))
        if self.breaks is not None and concerned and number > self.spared:
            return await _broken(request, self.breaks)
        if self.endless_bytes_max:
            return await self._streamed(request, reply)
        return web.Response(status=reply.status, headers=reply.headers, body=reply.body)

    async def _streamed(self, request: web.Request, reply: Reply) -> web.StreamResponse:
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        await response.prepare(request)
        try:
            while self.streamed_bytes < self.endless_bytes_max:
                await response.write(_STREAM_CHUNK)
                self.streamed_bytes += len(_STREAM_CHUNK)
        except ConnectionError:
            pass  # the reader has had enough, as it should
        return response


async def _broken(request: web.Request, how: Break) -> web.StreamResponse:
    transport = request.transport
    if transport is None:
        return web.Response()
    match how:
        case Break.SILENT:
            await anyio.sleep_forever()
        case Break.HALF:
            transport.write(
                b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n[{"id": 1'
            )
            transport.close()
        case Break.NONSENSE:
            transport.write(b"220 mail.example.com ESMTP\r\n\r\n")
            transport.close()
        case Break.RESET:
            raw = transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            transport.abort()
        case Break.CLOSED:
            transport.abort()
    return web.Response()


@asynccontextmanager
async def open_outside(respond: Respond) -> AsyncIterator[Outside]:
    """An outside that listens for the length of the block."""
    outside = Outside(respond)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", outside.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1, handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        outside.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield outside
        if outside.complaint is not None:
            raise outside.complaint
    except Exception as error:
        if outside.complaint not in (None, error):
            raise outside.complaint from error  # the connector only met its consequence
        raise
    finally:
        await runner.cleanup()


def nobody() -> str:
    """The address of a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}"
