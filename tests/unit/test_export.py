"""Spans over the wire: what an OTLP receiver gets, and what becomes of spans by its answer."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiohttp
import anyio
import anyio.lowlevel
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan

from runtime.clock import Instant, to_instant
from runtime.telemetry.export import RETRY_AFTER_S_MAX, ExportResult, Post, TraceExporter, encode
from runtime.telemetry.tracing import TimelineRow, ids_of, root_span_of, spans_of

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RESOURCE = Resource({"service.name": "seamline"})


class Noon:
    """A clock that stands still."""

    def now(self) -> Instant:
        return to_instant(NOON)

    def monotonic(self) -> float:
        return 0.0


class Answer(msgspec.Struct):
    """What the receiver answers."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Receiver:
    """An OTLP/HTTP receiver: keeps what it takes, and answers as it is told."""

    def __init__(self) -> None:
        self.answer = Answer()
        self.requests: list[ExportTraceServiceRequest] = []

    async def take(self, request: web.Request) -> web.Response:
        assert request.headers["Content-Encoding"] == "gzip"  # aiohttp has undone it when the body is read
        assert request.content_type == "application/x-protobuf"
        self.requests.append(ExportTraceServiceRequest.FromString(await request.read()))
        return web.Response(status=self.answer.status, headers=self.answer.headers, body=self.answer.body)

    @property
    def spans(self) -> list[Span]:
        """All spans of all requests."""
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@asynccontextmanager
async def receiving() -> AsyncIterator[tuple[Receiver, TraceExporter]]:
    """A receiver on loopback, and an exporter that posts to it."""
    receiver = Receiver()
    app = web.Application(client_max_size=16_000_000)
    app.router.add_post("/v1/traces", receiver.take)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:

        async def post(body: bytes, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
            async with session.post(server.make_url("/v1/traces"), data=body, headers=headers) as answer:
                return answer.status, answer.headers, await answer.read()

        yield receiver, TraceExporter(post, Noon())


def story(subject: str, facts: int = 3, *, closes: bool = True) -> list[ReadableSpan]:
    """The spans of a story in which a fact of a second follows the other after an hour."""
    hour_us, second_us = 3_600_000_000, 1_000_000
    rows = [
        TimelineRow(number, subject, "clerk", "noted", number * hour_us, number * hour_us + second_us, {"step": number})
        for number in range(1, facts + 1)
    ]
    spans = spans_of(rows, RESOURCE, since_us=hour_us)
    return [*spans, root_span_of(rows, RESOURCE, name="order")] if closes else spans


async def test_a_receiver_gets_the_tree_with_the_ids_that_anybody_can_compute() -> None:
    """Every child hangs at the root, whose ids are those of the subject; the root spans the whole story."""
    async with receiving() as (receiver, exporter):
        spans = story("shop/1001")
        assert await exporter.export(spans) == ExportResult(exported=len(spans))
    trace_id, root_id = ids_of("shop/1001")
    assert {span.trace_id.hex() for span in receiver.spans} == {f"{trace_id:032x}"}
    *children, root = receiver.spans
    assert [span.name for span in receiver.spans] == [
        *("clerk noted", "wait noted", "clerk noted", "wait noted", "clerk noted", "order")
    ]
    assert (root.span_id.hex(), root.parent_span_id) == (f"{root_id:016x}", b"")
    assert {span.parent_span_id for span in children} == {root.span_id}
    assert len({span.span_id for span in receiver.spans}) == len(spans)
    assert (root.start_time_unix_nano, root.end_time_unix_nano) == (
        children[0].start_time_unix_nano,
        children[-1].end_time_unix_nano,
    )
    assert root.end_time_unix_nano - root.start_time_unix_nano == 7_201_000_000_000


async def test_the_service_and_the_values_arrive() -> None:
    """The resource names the service, and a stage carries its values with their types."""
    async with receiving() as (receiver, exporter):
        await exporter.export(story("shop/1001", 1, closes=False))
    (resource,) = receiver.requests[0].resource_spans
    assert [(each.key, each.value.string_value) for each in resource.resource.attributes] == [
        ("service.name", "seamline")
    ]
    attributes = {each.key: each.value for each in receiver.spans[0].attributes}
    assert attributes["seamline.step"].int_value == 1
    assert attributes["seamline.subject"].string_value == "1001"


async def test_exporting_twice_repeats_the_same_spans() -> None:
    """A receiver can drop the repeats: ids and times are the same."""
    async with receiving() as (receiver, exporter):
        for _ in range(2):
            await exporter.export(story("shop/1001"))
    half = len(receiver.spans) // 2
    assert half == len(story("shop/1001"))
    assert receiver.spans[:half] == receiver.spans[half:]


async def test_many_spans_are_one_request_that_lets_others_have_their_turn() -> None:
    """Hundreds of spans arrive complete in one post, and while they are encoded somebody else runs."""
    spans = [span for number in range(100) for span in story(f"shop/{number}")]
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.lowlevel.checkpoint()

    async with receiving() as (receiver, exporter):
        assert (await exporter.export(spans)).exported == 600
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(count)
            await encode(spans)
            tasks.cancel_scope.cancel()
    assert len(receiver.requests) == 1
    assert len({(span.trace_id, span.span_id) for span in receiver.spans}) == 600
    assert turns >= 600 // 64


async def test_nothing_to_tell_is_not_posted() -> None:
    """Without spans there is no request."""
    async with receiving() as (receiver, exporter):
        assert await exporter.export([]) == ExportResult()
        assert not receiver.requests


def _partial(rejected: int) -> bytes:
    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = rejected
    response.partial_success.error_message = "too old"
    return bytes(response.SerializeToString())


SPANS = 6
ANSWERS = (
    (Answer(200, {}, _partial(2)), ExportResult(exported=4, dropped=2, reason="rejected")),
    (Answer(200, {}, _partial(0)), ExportResult(exported=SPANS)),
    (Answer(200, {}, _partial(99)), ExportResult(dropped=SPANS, reason="rejected")),
    (Answer(200, {}, _partial(-1)), ExportResult(exported=SPANS)),
    (Answer(202, {}, b"\xff\xffnot protobuf"), ExportResult(exported=SPANS)),
    (Answer(400), ExportResult(dropped=SPANS, reason="http_400")),
    (Answer(401), ExportResult(dropped=SPANS, reason="http_401")),
    (Answer(413), ExportResult(dropped=SPANS, reason="http_413")),
    (Answer(500), ExportResult(dropped=SPANS, reason="http_500")),
    (Answer(429, {"Retry-After": "30"}), ExportResult(retry_after_s=30, reason="http_429")),
    (Answer(503, {"retry-after": " 7 "}), ExportResult(retry_after_s=7, reason="http_503")),
    (Answer(503, {"Retry-After": "0"}), ExportResult(retry_after_s=0, reason="http_503")),
    (Answer(429), ExportResult(retry_after_s=5, reason="http_429")),
    (Answer(429, {"Retry-After": "soon"}), ExportResult(retry_after_s=5, reason="http_429")),
    (Answer(429, {"Retry-After": "-3"}), ExportResult(retry_after_s=5, reason="http_429")),
    (Answer(502), ExportResult(retry_after_s=5, reason="http_502")),
    (Answer(504), ExportResult(retry_after_s=5, reason="http_504")),
    (
        Answer(503, {"Retry-After": "Sun, 01 Mar 2026 12:01:30 GMT"}),
        ExportResult(retry_after_s=90, reason="http_503"),
    ),
    (Answer(503, {"Retry-After": "Sun, 01 Mar 2026 11:00:00 GMT"}), ExportResult(retry_after_s=0, reason="http_503")),
    (
        Answer(503, {"Retry-After": "99999999999999999999"}),
        ExportResult(retry_after_s=RETRY_AFTER_S_MAX, reason="http_503"),
    ),
)


@pytest.mark.parametrize(("answer", "result"), ANSWERS)
async def test_the_answer_says_what_became_of_the_spans(answer: Answer, result: ExportResult) -> None:
    """Taken, refused for good, or to be sent again after a while that is never longer than an hour."""
    async with receiving() as (receiver, exporter):
        receiver.answer = answer
        assert await exporter.export(story("shop/1001")) == result
        assert len(receiver.requests) == 1


@pytest.mark.parametrize("error", [ConnectionRefusedError, TimeoutError, OSError])
async def test_a_receiver_that_is_away_is_a_result(error: type[OSError]) -> None:
    """Nobody answered: the same spans again after a while."""

    async def post(body: bytes, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        raise error

    result = await TraceExporter(post, Noon()).export(story("shop/1001"))
    assert result == ExportResult(retry_after_s=5, reason="no_answer")


async def test_the_body_is_compressed_and_always_the_same() -> None:
    """The same spans are the same bytes, and much fewer than uncompressed."""
    sent: list[bytes] = []

    async def post(body: bytes, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        sent.append(body)
        return 200, {}, b""

    poster: Post = post
    for _ in range(2):
        await TraceExporter(poster, Noon()).export(story("shop/1001", 50))
    assert sent[0] == sent[1]
    assert len(sent[0]) * 3 < len(gzip.decompress(sent[0]))
