"""Measures the figures of deploy/runbook/memory.md: resident memory of the real process, beside the Fulfil sandbox.

idle: ready, an empty catalogue. SKUs: the same with 100,000 of them, when they have just arrived and after a restart.
Backlog: Fulfil is away and orders keep coming; then every order comes once more, changed, so that its key is deferred.

Run: python -m tests.benchmarks.memory [--orders 500000] [--skus 500000] [--backlog-only | --catalogue-only]
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import http.client
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tests.benchmarks import world

_PER_REQUEST = 500
_QUIET_S = 3.0
_PATIENCE_S = 900
_KEY = "memory-key-0123456789"
_ENVIRONMENT = {"SEAMLINE_MEMORY_KEY": _KEY}
_CONFIG = """
[store]
path = "{directory}/seamline.db"
[intake]
port = {intake}
keys = ["env:SEAMLINE_MEMORY_KEY"]
[ops]
port = {ops}
[fulfil]
token = "env:SEAMLINE_MEMORY_KEY"
requests_per_s = 1000
catalogue_every_s = 3600
[fulfil.api]
base_url = "http://127.0.0.1:{fulfil}"
[telemetry]
log_level = "error"
[sales_channels.web]
format = "seamline"
[sales_channels.web.sale]
channel_id = 3
"""


class _Place(msgspec.Struct, frozen=True, kw_only=True):
    directory: Path
    fulfil: int
    intake: int
    ops: int


@contextlib.contextmanager
def _sandbox(place: _Place, products: int) -> Iterator[None]:
    settings = {
        "port": place.fulfil,
        "token": _KEY,
        "requests_per_s": 0,
        "products_count": products,
        "channels": [{"id": 3, "name": "web", "code": "web"}],
    }
    file = place.directory / "sandbox.json"
    file.write_bytes(msgspec.json.encode(settings))
    command = [sys.executable, "-m", "connectors.fulfil.sandbox", "--config", str(file)]
    log = place.directory / "sandbox.log"
    with world.running(command, log, {}) as process:
        world.until_ready(process, place.fulfil, "/sandbox/books?sales=0", log)
        yield


@contextlib.contextmanager
def _seamline(place: _Place) -> Iterator[int]:
    """The process id of a ready Seamline."""
    config = place.directory / "seamline.toml"
    config.write_text(_CONFIG.format(**msgspec.structs.asdict(place)))
    command = [sys.executable, "-m", "flows.cli", "run", "--config", str(config)]
    log = place.directory / "seamline.log"
    with world.running(command, log, _ENVIRONMENT) as process:
        world.until_ready(process, place.ops, "/readyz", log)
        yield process.pid


def _resident_mib(pid: int) -> float:
    time.sleep(_QUIET_S)
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def _metric(place: _Place, name: str) -> float:
    return world.metric(world.get(place.ops, "/metrics")[1].decode(), name)


def _until(place: _Place, name: str, least: float) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while _metric(place, name) < least:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name} did not come to {least:g} within {_PATIENCE_S} s")
        time.sleep(0.1)


def _order(number: int, version: int) -> dict[str, Any]:
    price = f"{10 + version}.00"
    return {
        "order_id": f"ORDER-{number:08d}",
        "placed_at": "2026-11-20T14:03:11+01:00",
        "updated_at": f"2026-11-20T14:0{version}:11+01:00",
        "currency": "USD",
        "taxes_included": False,
        "total": price,
        "lines": [{"id": "1", "sku": "SKU-000001", "quantity": "1", "unit_price": price}],
        "shipping_address": {"country_code": "US", "name": "Ada Moss", "address1": "1 Elm Street"},
    }


def _send(place: _Place, version: int, orders: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", place.intake, timeout=60)
    headers = {"Content-Type": "application/json", "X-API-Key": _KEY}
    for first in range(0, orders, _PER_REQUEST):
        numbers = range(first, min(first + _PER_REQUEST, orders))
        body = msgspec.json.encode([_order(number, version) for number in numbers])
        connection.request("POST", "/v1/orders/web", body, headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"orders were answered {answer.status}")
    connection.close()


def _catalogue(place: _Place, skus: int) -> Iterator[tuple[str, float]]:
    with _sandbox(place, 0), _seamline(place) as pid:
        yield "idle, no SKUs", _resident_mib(pid)
    with _sandbox(place, skus):
        for file in place.directory.glob("seamline.db*"):
            file.unlink()
        with _seamline(place) as pid:
            _until(place, "seamline_catalogue_skus", skus)
            yield f"{skus:,} SKUs, just read from Fulfil", _resident_mib(pid)
        with _seamline(place) as pid:
            yield f"{skus:,} SKUs, after a restart", _resident_mib(pid)


def _backlog(place: _Place, orders: int) -> Iterator[tuple[str, float]]:
    with contextlib.ExitStack() as stack:
        with _sandbox(place, 1):
            pid = stack.enter_context(_seamline(place))
            _until(place, "seamline_catalogue_skus", 1)
            yield "one SKU", _resident_mib(pid)
        for version in (1, 2):
            _send(place, version, orders)
            _until(place, "seamline_channel_deferred_keys" if version > 1 else "seamline_actor_messages_total", orders)
            what = "orders waiting for Fulfil" if version == 1 else "of them changed meanwhile"
            yield f"{orders:,} {what}", _resident_mib(pid)
        yield "peak of that process", world.peak_mib(pid)


def _main(measures: Sequence[Callable[[_Place], Iterator[tuple[str, float]]]]) -> None:
    for measure in measures:
        with tempfile.TemporaryDirectory() as name:
            fulfil, intake, ops = world.free_ports(3)
            for what, mib in measure(_Place(directory=Path(name), fulfil=fulfil, intake=intake, ops=ops)):
                sys.stdout.write(f"{what:40} {mib:8.1f} MiB\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000, help="orders of the backlog")
    parser.add_argument("--skus", type=int, default=100_000, help="SKUs of the catalogue")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--backlog-only", action="store_true")
    only.add_argument("--catalogue-only", action="store_true")
    arguments = parser.parse_args()
    catalogue = functools.partial(_catalogue, skus=arguments.skus)
    backlog = functools.partial(_backlog, orders=arguments.orders)
    _main([*([] if arguments.backlog_only else [catalogue]), *([] if arguments.catalogue_only else [backlog])])
