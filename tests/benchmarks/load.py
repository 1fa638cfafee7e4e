"""The load: distinct generated orders, posted by a cheap process of its own, so that it never is what is measured.

Closed loop (default): `--in-flight` connections, each sends its next order when the last one was answered.
Open loop (`--rate`): one order every 1/rate seconds whatever the answers do; the instant of each start is reported.

Prints one JSON object: statuses, start and end (monotonic seconds), orders/s of the answers, latencies of the answers,
its own CPU share of one core (near 1.0 the generator is what was measured), and the start of each order in open loop.
Run: python -m tests.benchmarks.load --url http://127.0.0.1:8702/orders
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import statistics
import sys
import time
from collections import Counter, deque
from collections.abc import Iterable
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
import uvloop

from flows.demo.orders import generate
from tests.benchmarks.settings import IN_FLIGHT, ORDERS, PRODUCTS, SEED

_SILENCE_S = 30
"""The run ends when the target has answered nothing for this long."""


class Request(msgspec.Struct):
    """One prepared HTTP request, and when it was started."""

    order_id: str
    wire: bytes
    began: float = 0.0


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request on it."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._buffer = b""
        self._request: Request | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send(self, request: Request) -> None:
        request.began = time.monotonic()
        self._request = request
        self._transport.write(request.wire)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer = self._buffer + data
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = buffer[:end].lower()
        place = head.find(b"content-length:")
        length = int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
        if len(buffer) < end + 4 + length:
            return
        self._buffer = b""
        request, self._request = self._request, None
        assert request is not None, "the target answered twice"
        self._load.answered(self, request, int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.lost(self, self._request)


class Load:
    """All connections of one run, the orders still to send, and what came back."""

    def __init__(self, requests: Iterable[Request]) -> None:
        self.waiting = deque(requests)
        self.sent = len(self.waiting)
        self.statuses: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.starts: dict[str, float] = {}
        self.idle: list[Connection] = []
        self.paced = False
        self.lost_connections = 0
        self.last_answer = 0.0
        self.finished = asyncio.Event()

    def answered(self, connection: Connection, request: Request, status: int) -> None:
        self.last_answer = time.monotonic()
        self.statuses[str(status)] += 1
        self.latencies.append(self.last_answer - request.began)
        self.starts[request.order_id] = request.began
        if self.waiting and not self.paced:
            connection.send(self.waiting.popleft())
        else:
            self.idle.append(connection)
        self._finish()

    def lost(self, connection: Connection, request: Request | None) -> None:
        self.lost_connections += 1
        if connection in self.idle:
            self.idle.remove(connection)
        if request is not None:
            self.statuses["lost"] += 1
        self._finish()

    def _finish(self) -> None:
        if self.statuses.total() == self.sent:
            self.finished.set()

    async def pace(self, rate: float) -> None:
        """Start one request every 1/rate seconds, on any idle connection; a start without one counts as lost."""
        self.paced, began = True, time.monotonic()
        for turn in range(self.sent):
            await asyncio.sleep(max(0.0, began + turn / rate - time.monotonic()))
            request = self.waiting.popleft()
            if self.idle:
                self.idle.pop().send(request)
            else:
                self.statuses["not sent"] += 1
                self._finish()

    async def watch(self) -> None:
        """Return when everything was answered, or nothing was for too long."""
        while not self.finished.is_set():
            before = self.statuses.total()
            try:
                async with asyncio.timeout(_SILENCE_S):
                    await self.finished.wait()
            except TimeoutError:
                if self.statuses.total() == before:
                    self.statuses["unanswered"] += self.sent - before
                    return


def _requests(url: str, first: int, count: int, headers: list[str]) -> list[Request]:
    parts = urlsplit(url)
    extra = "".join(f"{header}\r\n" for header in headers)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    head = (
        f"POST {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n{extra}Content-Length: "
    )
    orders = list(generate(SEED, first + count, products=PRODUCTS))[first:]
    return [
        Request(order.order_id, head.encode() + str(len(order.body)).encode() + b"\r\n\r\n" + order.body)
        for order in orders
    ]


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _main(url: str, requests: list[Request], connections: int, rate: float | None) -> dict[str, Any]:
    load, loop, parts = Load(requests), asyncio.get_running_loop(), urlsplit(url)
    for _ in range(connections):
        _, connection = await loop.create_connection(
            lambda: Connection(load), parts.hostname or "127.0.0.1", parts.port or 80
        )
        load.idle.append(connection)
    cpu_before, began = _cpu_s(), time.monotonic()
    if rate is None:
        ready, load.idle = load.idle[: load.sent], load.idle[load.sent :]
        for connection in ready:
            connection.send(load.waiting.popleft())
    else:
        await load.pace(rate)
    await load.watch()
    wall_s = max(1e-9, load.last_answer - began)
    quantiles = statistics.quantiles(load.latencies, n=100) if len(load.latencies) > 1 else [0.0] * 99
    return {
        "began": began,
        "ended": load.last_answer,
        "statuses": dict(load.statuses),
        "lost_connections": load.lost_connections,
        "answers_per_s": load.sent / wall_s,
        "latency_ms": {f"p{q}": 1e3 * quantiles[q - 1] for q in (50, 90, 99)},
        "cpu_share": (_cpu_s() - cpu_before) / wall_s,
        "starts": load.starts if rate is not None else {},
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--orders", type=int, default=ORDERS)
    parser.add_argument(
        "--first", type=int, default=0, help="index of the first order, so that two runs do not overlap"
    )
    parser.add_argument("--in-flight", type=int, default=IN_FLIGHT)
    parser.add_argument("--rate", type=float, default=None, help="open loop: orders per second")
    parser.add_argument("--header", action="append", default=[], help="such as 'X-Source-System: web'; repeatable")
    arguments = parser.parse_args()
    prepared = _requests(arguments.url, arguments.first, arguments.orders, arguments.header)
    result = uvloop.run(_main(arguments.url, prepared, arguments.in_flight, arguments.rate))
    sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
