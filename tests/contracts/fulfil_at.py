"""A scripted Fulfil for the connector's tests: it answers what it is told to, written from the facts about the API.

Where connections break, a bare socket stands in for it.
"""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.abc
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from connectors.fulfil.client import FulfilApi
from connectors.fulfil.config import FulfilConfig
from connectors.http import outgoing
from runtime.api import RateReading
from runtime.errors import Failure

TOKEN = "token-0001"


class Fulfil:
    """A server that remembers what it was asked and answers what it was told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        self.answers: list[web.Response] = []

    def will_answer(self, content: Any = None, *, status: int = 200, **headers: str) -> None:
        """The next answer; content that is not bytes goes as JSON. Header names are written with underscores."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append(web.Response(status=status, body=body, headers=named))

    async def answer(self, request: web.Request) -> web.Response:
        """Note what was asked, and give the next answer."""
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append((request.method, request.path_qs, headers, json.loads(body)))
        return self.answers.pop(0)


class Door:
    """A connector that speaks to the scripted server, and what it saw of the rate limit."""

    def __init__(self, api: FulfilApi, fulfil: Fulfil, readings: list[RateReading]) -> None:
        self.api, self.fulfil, self.readings = api, fulfil, readings


@asynccontextmanager
async def connector(
    base_url: str, readings: list[RateReading] | None = None, *, token: str = TOKEN, **settings: Any
) -> AsyncIterator[FulfilApi]:
    """The connector, configured for a server that listens at `base_url`."""
    config = FulfilConfig(base_url=base_url, **settings)
    seen = readings if readings is not None else []
    async with outgoing(
        connections_max=config.concurrency_max,
        connect_timeout_s=config.connect_timeout_s,
        request_timeout_s=config.request_timeout_s,
    ) as session:
        yield FulfilApi(config, token, session, observe=seen.append)


@asynccontextmanager
async def door(host: str = "127.0.0.1", **settings: Any) -> AsyncIterator[Door]:
    """The connector and a scripted Fulfil, which it knows by the name `host`."""
    fulfil, readings = Fulfil(), list[RateReading]()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", fulfil.answer)
    async with (
        TestServer(application) as server,
        connector(f"http://{host}:{server.port}", readings, **settings) as api,
    ):
        yield Door(api, fulfil, readings)


@asynccontextmanager
async def socket_server(serve: Callable[[anyio.abc.SocketStream], Awaitable[None]]) -> AsyncIterator[str]:
    """A server on which each connection is handed to `serve`; yields its address."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610 - anyio, not Django
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)
        yield f"http://127.0.0.1:{port}"
        group.cancel_scope.cancel()


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


async def read_request(stream: anyio.abc.SocketStream) -> bytes:
    """One whole request, by its Content-Length."""
    received = b""
    while True:
        received += await stream.receive()
        head, separator, body = received.partition(b"\r\n\r\n")
        if separator:
            length = next(
                int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
            )
            if len(body) >= length:
                return received


async def failure_of(call: Awaitable[Any]) -> Failure:
    """The failure that the call ends in."""
    with pytest.raises(Failure) as caught:
        await call
    return caught.value


# -- ways in which a connection breaks after the whole request was there -----------------------------------------------


async def never_answer(stream: anyio.abc.SocketStream) -> None:
    """Take the request and fall silent."""
    async with stream:
        await read_request(stream)
        await anyio.sleep_forever()


async def close_unanswered(stream: anyio.abc.SocketStream) -> None:
    """Take the request and close."""
    async with stream:
        await read_request(stream)


async def reset(stream: anyio.abc.SocketStream) -> None:
    """Take the request and reset the connection."""
    await read_request(stream)
    raw = stream.extra(anyio.abc.SocketAttribute.raw_socket)  # noqa: S610 - anyio, not Django
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    await stream.aclose()


async def answer_half(stream: anyio.abc.SocketStream) -> None:
    """Break off within the answer's body."""
    async with stream:
        await read_request(stream)
        await stream.send(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n[{"id": 1')


async def answer_nonsense(stream: anyio.abc.SocketStream) -> None:
    """Answer something that is not HTTP."""
    async with stream:
        await read_request(stream)
        await stream.send(b"220 mail.example.com ESMTP\r\n\r\n")
