"""The real product is killed at each named crash point; what `runtime/docs/spec/step.md` says of it is true afterwards.

One sandbox and one store live through all of it, so every test also judges what those before it left behind.
"""

from __future__ import annotations

import gzip
import re
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Self

import anyio
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from flows.demo.orders import GeneratedOrder, Mix, generate
from runtime.testing.crash import CRASH_POINTS
from tests.crash.world import PRODUCTS, ROOT, UNDER_LOAD, Settings, World, opened, recovered_in_time

pytestmark = pytest.mark.anyio

SEED = 11
_ORDERS = 20
_DEATHS = {
    "intake.before_journal": "intake.before_journal:6",
    "intake.before_answer": "intake.before_answer:6",
    "journal.before_commit": f"{UNDER_LOAD}journal.before_commit:5",
    "journal.after_commit": f"{UNDER_LOAD}journal.after_commit:5",
    "step.before_journal": "step.before_journal@order_importer:3",
    "step.after_journal": "step.after_journal@order_importer:3",
    "effect.before_call": "effect.before_call@create_order:6",
    "effect.after_call": "effect.after_call@create_order:6",
    "outcome.before_journal": "outcome.before_journal@create_order:6",
    "outcome.after_journal": "outcome.after_journal@order_importer:6",
    "timer.before_fire": "timer.before_fire:1",
    "export.before_delete": "export.before_delete:1",
}
"""When the process dies at each point: with orders on their way. The final checkpoint has its own test."""


class Receiver:
    """A trace receiver that remembers, for each post, the ids of the spans in it."""

    def __init__(self) -> None:
        self.posts: list[set[tuple[bytes, bytes]]] = []
        receiver = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.take(gzip.decompress(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/traces"

    def take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        spans = [span for each in request.resource_spans for scope in each.scope_spans for span in scope.spans]
        self.posts.append({(span.trace_id, span.span_id) for span in spans})

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(name="receiver", scope="module")
def fixture_receiver() -> Iterator[Receiver]:
    """One trace receiver."""
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(name="world", scope="module")
def fixture_world(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One sandbox and one store for all points."""
    settings = Settings(seed=SEED, otlp_url=receiver.url)
    with opened(tmp_path_factory.mktemp("points"), settings) as world:
        yield world


def _orders(point: str) -> list[GeneratedOrder]:
    """The orders of one point, a few of which nobody can import."""
    index = CRASH_POINTS.index(point)
    every = list(generate(SEED, _ORDERS * len(CRASH_POINTS), products=PRODUCTS, mix=Mix(unknown_sku=0.05)))
    return every[index * _ORDERS : (index + 1) * _ORDERS]


async def _die_and_return(world: World, point: str) -> None:
    """Under load, let the process die at the point; start it again; wait until every order is acknowledged."""
    await world.start(die=_DEATHS[point])
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:

            async def send() -> None:
                await world.send(_orders(point), senders=4, pause_s=0.005, versions=3)

            tasks.start_soon(send)
            assert await world.ended() == -signal.SIGKILL, f"the process did not die at {point}"
            assert await world.start()


async def _judge(world: World) -> None:
    await world.rest()
    verdict = await world.verdict()
    world.kill()
    assert verdict.holds, verdict
    assert recovered_in_time(world.recoveries_s[-1:])


@pytest.mark.parametrize("point", _DEATHS)
async def test_a_death_at_the_point_loses_nothing_and_doubles_nothing(
    world: World, receiver: Receiver, point: str
) -> None:
    """Every order that was acknowledged, before or after the death, becomes one right sale."""
    posts = len(receiver.posts)
    await _die_and_return(world, point)
    await world.rest()
    if point == "export.before_delete":
        await _until_exported_again(receiver, posts)
    await _judge(world)


async def _until_exported_again(receiver: Receiver, posts: int) -> None:
    """What was posted right before the death comes once more, under the same ids."""
    first = receiver.posts[posts]
    with anyio.fail_after(10):
        while not first <= set().union(*receiver.posts[posts + 1 :]):
            await anyio.sleep(0.01)


async def test_a_death_in_the_final_checkpoint_loses_nothing(world: World) -> None:
    """A process that was told to stop and dies at the very end leaves a store that replays its log."""
    await world.start(die="journal.before_checkpoint:1")
    with anyio.fail_after(20):
        await world.send(_orders("journal.before_checkpoint"), versions=3)
        world.signal(signal.SIGTERM)
        assert await world.ended() == -signal.SIGKILL
    assert await world.start()
    await _judge(world)


def test_every_named_point_is_in_production_code_and_is_tried_here() -> None:
    """A point that nobody reaches protects nothing; one that nobody tries is only a name."""
    files = [path for part in ("runtime", "connectors", "flows") for path in (ROOT / part).rglob("*.py")]
    reached = {name for path in files for name in re.findall(r'\breach\("([\w.]+)"', path.read_text())}
    assert reached == set(CRASH_POINTS)
    elsewhere = "restore.before_rename"  # tests/crash/test_restore.py
    assert {*_DEATHS, "journal.before_checkpoint", elsewhere} == set(CRASH_POINTS)


def test_every_named_point_has_its_row_in_the_specification() -> None:
    """What must be true after each death is written down."""
    table = (ROOT / "runtime" / "docs" / "spec" / "step.md").read_text()
    assert all(f"`{point}`" in table for point in CRASH_POINTS)
