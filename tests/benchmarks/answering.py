"""The outside world of a measurement: answers every create, product page and trace export, and counts what it saw.

A raw asyncio protocol (HTTP/1.1, keep-alive, pipelining), because both measured sides call it and its own cost must
stay small beside theirs: below 50 microseconds of CPU per request.

    PUT  /api/v2/model/sale.channel/create_order  the sale of that channel_identifier, made once
    PUT  /api/v2/model/product.product/search_read  pages of the generator's catalogue, by offset or `id >` keyset
    PUT  anything else                            []
    POST /v1/traces                               200, body ignored
    GET  /stats                                   what was counted, and this process's own CPU
    GET  /created                                 {channel_identifier: instant of the answer}, monotonic seconds

Run: python -m tests.benchmarks.answering --port 8701. Ends on SIGTERM and prints its counts.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import resource
import signal
import sys
import time
from typing import Any, cast

import msgspec
import uvloop

from flows.demo.orders import catalogue
from tests.benchmarks.settings import PRODUCTS, SEED

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_KEYSET = re.compile(rb'\["id",\s*">",\s*(\d+)\]')
_HEAD_BYTES_MAX = 16_384
_CREATED_ON = {"__class__": "datetime", "iso_string": "2026-01-05T09:00:00"}


class _Create(msgspec.Struct):
    channel_identifier: str


_create = msgspec.json.Decoder(tuple[int, _Create])


class World:
    """What the outside has seen: sales by channel identifier, and counts."""

    def __init__(self) -> None:
        self.sales: dict[str, tuple[int, float]] = {}
        self.creates = 0
        self.requests = 0
        self.trace_posts = 0
        self.faults = 0
        self.products = [
            {
                "id": number,
                "code": product.sku,
                "rec_name": product.name,
                "active": True,
                "salable": True,
                "type": "goods",
                "create_date": _CREATED_ON,
                "write_date": _CREATED_ON,
            }
            for number, product in enumerate(catalogue(SEED, PRODUCTS), start=1)
        ]

    def create(self, body: bytes) -> bytes:
        """The sale for this body; the same one for the same identifier."""
        identifier = _create.decode(body)[1].channel_identifier
        self.creates += 1
        known = self.sales.get(identifier)
        if known is None:
            known = self.sales[identifier] = (len(self.sales) + 1, time.monotonic())
        return b'{"id": %d, "rec_name": "SO%07d"}' % (known[0], known[0])

    def product_page(self, body: bytes) -> bytes:
        """One page of the catalogue. A question about later changes is answered with none: nothing ever changes."""
        question: Any = msgspec.json.decode(body)
        if isinstance(question, dict):
            domain, offset, limit = (question.get(name) for name in ("filters", "offset", "limit"))
        else:
            domain, offset, limit = (list(question) + [None] * 3)[:3]
        asked = msgspec.json.encode(domain)
        if b'"write_date"' in asked:
            return b"[]"
        keyset = _KEYSET.search(asked)
        first = (int(keyset[1]) if keyset else 0) + (offset or 0)
        return msgspec.json.encode(self.products[first : first + min(limit or 500, 500)])

    def stats(self) -> dict[str, Any]:
        """Counts since the start; CPU in seconds, of this process alone."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "distinct": len(self.sales),
            "creates": self.creates,
            "duplicates": self.creates - len(self.sales),
            "requests": self.requests,
            "trace_posts": self.trace_posts,
            "faults": self.faults,
            "cpu_s": used.ru_utime + used.ru_stime,
        }

    def answer(self, line: bytes, body: bytes) -> tuple[bytes, bytes]:
        """Status and body for one request."""
        self.requests += 1
        method, path, _ = line.split(b" ", 2)
        if method == b"PUT":
            return b"200 OK", self._called(path, body)
        if path == b"/v1/traces":
            self.trace_posts += 1
            return b"200 OK", b"{}"
        if path == b"/stats":
            return b"200 OK", msgspec.json.encode(self.stats())
        if path == b"/created":
            return b"200 OK", msgspec.json.encode({key: made for key, (_, made) in self.sales.items()})
        return b"404 Not Found", b"{}"

    def _called(self, path: bytes, body: bytes) -> bytes:
        if b"/sale.channel/create_order" in path:
            return self.create(body)
        if b"/product.product/search_read" in path:
            return self.product_page(body)
        return b"[]"


class Answering(asyncio.Protocol):
    """One connection: collects whole requests and answers them in order."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        while (end := buffer.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(buffer, 0, end + 2)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(buffer) < whole:
                break
            self._answer(buffer[: buffer.index(b"\r\n")], buffer[end + 4 : whole])
            buffer = buffer[whole:]
        self._buffer = buffer
        if end < 0 and len(buffer) > _HEAD_BYTES_MAX:
            self._transport.close()

    def _answer(self, line: bytes, body: bytes) -> None:
        try:
            status, answer = self._world.answer(line, body)
        except (msgspec.MsgspecError, TypeError, ValueError) as fault:
            self._world.faults += 1
            status, answer = b"400 Bad Request", msgspec.json.encode({"type": "ClientError", "message": str(fault)})
        head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(answer))
        self._transport.write(head + answer)


async def _main(port: int) -> None:
    world, loop, stop = World(), asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await loop.create_server(lambda: Answering(world), "127.0.0.1", port, backlog=512)
    await stop.wait()
    server.close()
    counted = world.stats()
    per_request_us = 1e6 * counted["cpu_s"] / max(1, counted["requests"])
    sys.stdout.write(msgspec.json.encode({**counted, "cpu_per_request_us": round(per_request_us, 1)}).decode() + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(_main(parser.parse_args().port))
