"""Exports timelines as spans: reads the work that steps left in the journal, posts it, and deletes it when it is taken.

At least once, with the same ids. A receiver that is away costs disk, never an order: the work waits in the journal, and
the exporter backs off. What the receiver refuses for good is counted and dropped.
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import anyio
import msgspec
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan

from runtime.errors import Failure, Throttled, Unavailable, Unknown
from runtime.journal.journal import Journal
from runtime.retry import RetryPolicy, TryAgain, next_try
from runtime.telemetry.events import ExportFailed, SpansDropped, SpansExported
from runtime.telemetry.tracing import TimelineRow, spans_of
from runtime.testing.crash import reach

SUBJECTS_PER_POST_MAX = 100
_IDLE_S = 0.5
_GZIP_LEVEL = 1

Post = Callable[[bytes, Mapping[str, str]], Awaitable[tuple[int, Mapping[str, str], bytes]]]
"""(body, headers) -> (status, headers, body). Raises OSError or TimeoutError when nobody answered."""


class Exporter:
    """One part of the supervisor. `root` is the name of every root span."""

    def __init__(
        self, journal: Journal, post: Post, service: Mapping[str, str], *, root: str, emit: Callable[[Any], None]
    ) -> None:
        self._journal, self._post, self._root, self._emit = journal, post, root, emit
        self._resource = Resource(dict(service))
        self._retry = RetryPolicy(first_s=0.5, cap_s=60.0)
        self._random = random.Random()  # noqa: S311 - spreads retries

    async def run(self) -> None:
        """Export for ever."""
        failed = 0
        while True:
            work = await self._journal.query("trace_work", 0, SUBJECTS_PER_POST_MAX)
            if not work:
                await anyio.sleep(_IDLE_S)
                continue
            try:
                await self._export(work)
                failed = 0
            except Failure as failure:
                failed += 1
                self._emit(ExportFailed(reason=failure.kind))
                again = next_try(self._retry, failure, failed, self._random.random(), repeats_freely=True)
                await anyio.sleep(again.after_s if isinstance(again, TryAgain) else self._retry.cap_s)

    async def _export(self, work: Sequence[Any]) -> None:
        spans: list[ReadableSpan] = []
        for _, subject, after, to, closes in work:
            rows = [_row(row) for row in await self._journal.query("timeline", subject, 0, to)]
            before = [row for row in rows if row.id <= after]
            stretch = [row for row in rows if row.id > after]
            began = rows[0].began_us if rows else 0
            since = max((row.ended_us for row in before), default=began)
            spans += spans_of(stretch, self._resource, closes=False, root=self._root, since_us=since)
            if closes:
                spans += spans_of(rows, self._resource, closes=True, root=self._root, since_us=began)[-1:]
        if spans:
            await self._send(spans)
        reach("export.before_delete")
        await self._journal.submit([("end_trace_work", (row[0],)) for row in work]).durable()

    async def _send(self, spans: Sequence[ReadableSpan]) -> None:
        body = gzip.compress(encode_spans(spans).SerializeToString(), _GZIP_LEVEL)
        headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
        try:
            status, answer_headers, answer = await self._post(body, headers)
        except (OSError, TimeoutError) as error:
            raise Unavailable(f"the trace receiver does not answer ({type(error).__name__})") from None
        failure = _failure(status, answer_headers)
        if failure is not None:
            raise failure
        if status >= 400:  # noqa: PLR2004 - the receiver will never take these
            self._emit(SpansDropped(reason=str(status), count=len(spans)))
            return
        rejected = _rejected(answer)
        if rejected:
            self._emit(SpansDropped(reason="partial", count=rejected))
        self._emit(SpansExported(count=len(spans) - rejected))


def _failure(status: int, headers: Mapping[str, str]) -> Failure | None:
    """What to wait for, by the OTLP specification: 429, 502, 503 and 504 are retried, other refusals are final."""
    asked = headers.get("Retry-After", "")
    after_s = float(asked) if asked.isdecimal() else None
    if status == 429:  # noqa: PLR2004
        return Throttled("the trace receiver limits our rate", retry_after_s=after_s)
    if status in (502, 503, 504):
        return Unavailable(f"the trace receiver answered {status}", retry_after_s=after_s)
    if status < 200 or 300 <= status < 400:  # noqa: PLR2004
        return Unknown(f"the trace receiver answered {status}")
    return None


def _rejected(answer: bytes) -> int:
    """How many spans a partial success left out."""
    response = ExportTraceServiceResponse()
    try:
        response.ParseFromString(answer)
    except Exception:  # noqa: BLE001 - protobuf raises its own DecodeError; a receiver that answers "ok" took all
        return 0
    return int(response.partial_success.rejected_spans)


def _row(row: Sequence[Any]) -> TimelineRow:
    id_, subject, actor, kind, began, ended, values = row
    return TimelineRow(id_, subject, actor, kind, began, ended, msgspec.json.decode(values))
