"""Traces as a real OTLP receiver gets them: decoded from the wire, with the ids that anybody can compute."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from connectors.fulfil.sandbox import FaultRule
from flows.demo.orders import GeneratedOrder, Mix, catalogue, generate
from runtime.telemetry.tracing import ids_of
from tests.integration.running import Running, running, sandbox_config

pytestmark = pytest.mark.anyio

SEED = 7
SKUS = tuple(product.sku for product in catalogue(SEED, 500))


class Receiver:
    """An OTLP/HTTP receiver that keeps every span it took, and answers as it is told."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.refused: list[Any] = []
        self.answers: list[int] = []
        self.headers: set[tuple[str, str]] = set()
        self.raw = b""
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        """One post."""
        body = await request.read()  # the server has inflated it
        self.headers.add((request.headers["Content-Type"], request.headers["Content-Encoding"]))
        asked = ExportTraceServiceRequest.FromString(body)
        spans = [span for part in asked.resource_spans for scope in part.scope_spans for span in scope.spans]
        status = self.answers.pop(0) if self.answers else 200
        if status != 200:
            self.refused += spans
            return web.Response(status=status, headers={"Retry-After": "0"})
        self.raw += body
        self.spans += spans
        answer = ExportTraceServiceResponse().SerializeToString()
        return web.Response(body=answer, content_type="application/x-protobuf")

    def of(self, order: GeneratedOrder) -> list[Any]:
        """The spans of one order's trace."""
        trace_id = ids_of(f"{order.sales_channel}/{order.order_id}")[0].to_bytes(16)
        return [span for span in self.spans if span.trace_id == trace_id]


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on loopback."""
    receiver, app = Receiver(), web.Application()
    app.add_routes([web.post("/v1/traces", receiver.take)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/traces"
        yield receiver
    finally:
        await runner.cleanup()


def traced(receiver: Receiver, share: float) -> str:
    return f'otlp_url = "{receiver.url}"\ntrace_share = {share}'


def orders(count: int, **mix: float) -> list[GeneratedOrder]:
    return list(generate(SEED, count, mix=Mix(**mix)))


async def until(holds: Callable[[], Any]) -> None:
    with anyio.fail_after(15):
        while not holds():
            await anyio.sleep(0.02)


async def until_all_taken(at: Running) -> None:
    with anyio.fail_after(15):
        while await at.app.journal.query("trace_work_count") != [(0,)]:
            await anyio.sleep(0.02)


def names(spans: list[Any]) -> list[str]:
    """Of what happened, in order, without the waits."""
    return [
        span.name for span in sorted(spans, key=lambda s: s.end_time_unix_nano) if not span.name.startswith("wait ")
    ]


async def test_an_imported_order_is_one_trace_with_the_ids_that_anybody_can_compute(tmp_path: Path) -> None:
    """Trace and root ids are hashes of sales channel and order id; one root over the whole; nothing personal in it."""
    made = orders(5)
    async with receiving() as receiver, running(tmp_path, skus=SKUS, telemetry=traced(receiver, 1.0)) as at:
        for order in made:
            await at.post(order.body)
        await at.until({"imported": len(made)})
        await until(lambda: sum(span.name == "order" for span in receiver.spans) == len(made))
        assert receiver.headers == {("application/x-protobuf", "gzip")}
        for order in made:
            spans = receiver.of(order)
            _, root_id = ids_of(f"web/{order.order_id}")
            (root,) = [span for span in spans if not span.parent_span_id]
            assert (root.name, root.span_id) == ("order", root_id.to_bytes(8))
            assert {span.parent_span_id for span in spans if span is not root} == {root.span_id}
            happened = ["intake received", "order_importer decided", "order_importer created"]
            assert sorted(names([span for span in spans if span is not root])) == sorted(happened)
            assert root.start_time_unix_nano == min(span.start_time_unix_nano for span in spans)
            assert root.end_time_unix_nano == max(span.end_time_unix_nano for span in spans)
        assert len({span.trace_id for span in receiver.spans}) == len(made)
        assert len({(span.trace_id, span.span_id) for span in receiver.spans}) == len(receiver.spans)
        for word in (b"@example.com", b"+1 555", b"Street", b"Road", b"Lane", b"Avenue", b"787", b"Texas"):
            assert word not in receiver.raw


async def test_a_receiver_that_was_away_gets_everything_once_with_the_same_ids(tmp_path: Path) -> None:
    """503 and then well again: the work was kept, and the repeat carries the identical spans."""
    made = orders(3)
    async with receiving() as receiver, running(tmp_path, skus=SKUS, telemetry=traced(receiver, 1.0)) as at:
        receiver.answers = [503]
        await at.post(b"[" + b",".join(order.body for order in made) + b"]")
        await at.until({"imported": len(made)})
        await until(lambda: sum(span.name == "order" for span in receiver.spans) == len(made))
        assert receiver.refused
        taken = {(span.trace_id, span.span_id): span for span in receiver.spans}
        assert len(taken) == len(receiver.spans), "each once"
        for span in receiver.refused:
            assert taken[span.trace_id, span.span_id] == span
        text = await at.ops("/metrics")
        assert 'seamline_span_export_failures_total{reason="http_503"} 1.0' in text


async def test_an_order_that_meets_an_exception_is_exported_whole_whatever_the_share(tmp_path: Path) -> None:
    """Nothing healthy is traced at share 0; a lost answer is, from its first delivery to its root."""
    (order,), healthy = orders(1), orders(6)[1:]
    lost = FaultRule(route="sale.channel/create_order", kind="answer_lost", probability=1.0)
    async with (
        receiving() as receiver,
        running(tmp_path, skus=SKUS, telemetry=traced(receiver, 0.0), erp=sandbox_config(faults=(lost,))) as at,
    ):
        await at.post(order.body)
        await at.until({"imported": 1})
        await at.sandbox("faults", [])
        for each in healthy:
            await at.post(each.body)
        await at.until({"imported": 6})
        await until(lambda: any(span.name == "order" for span in receiver.spans))
        await until_all_taken(at)
        assert len(receiver.of(order)) == len(receiver.spans)
        assert Counter(names(receiver.spans)) == Counter(
            {
                "intake received": 1,
                "order_importer decided": 1,
                "order_importer outcome_unknown": 1,
                "order_importer created": 1,
                "order": 1,
            }
        )


async def test_a_hold_is_exported_when_it_begins_and_goes_on_when_it_ends(tmp_path: Path) -> None:
    """An unknown SKU at share 0: traced from its beginning while it is held, and in the same trace to its end."""
    (order,) = orders(1, unknown_sku=1.0)
    async with receiving() as receiver, running(tmp_path, skus=SKUS, telemetry=traced(receiver, 0.0)) as at:
        await at.post(order.body)
        await at.until({"held": 1})
        await until(lambda: len(receiver.of(order)) >= 2)
        assert names(receiver.spans) == ["intake received", "order_importer held"]
        await at.sandbox("products", [{"sku": sku} for sku in set(order.skus) - set(SKUS)])
        await at.until({"imported": 1})
        await until(lambda: any(span.name == "order" for span in receiver.spans))
        spans = receiver.of(order)
        assert len({span.span_id for span in spans}) == len(spans) == len(receiver.spans)
        assert Counter(names(spans)) == Counter(
            ["intake received", "order_importer held", "order_importer decided", "order_importer created", "order"]
        )


async def test_without_an_address_nothing_is_noted_for_a_receiver(tmp_path: Path) -> None:
    """Nor of orders that are held, which would be exported in any case: nobody would ever take it away."""
    made = orders(3, unknown_sku=1.0)
    async with running(tmp_path, skus=SKUS) as at:
        for order in made:
            await at.post(order.body)
        await at.until({"held": len(made)})
        assert await at.app.journal.query("trace_work_count") == [(0,)]
