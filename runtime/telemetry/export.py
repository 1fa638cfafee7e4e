"""Spans over OTLP/HTTP: encodes them, has them posted, and reads from the answer what became of them.

One attempt per call; whoever calls keeps the work until it is told that it is done, and repeats it otherwise, which is
safe because span ids are always the same. The rules of the answers are those of the OTLP specification
(https://opentelemetry.io/docs/specs/otlp/#otlphttp-response).
"""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

import anyio.lowlevel
import msgspec
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace import ReadableSpan

from runtime.clock import Clock, to_instant

Post = Callable[[bytes, Mapping[str, str]], Awaitable[tuple[int, Mapping[str, str], bytes]]]
"""(body, headers) -> (status, headers, body). Raises OSError or TimeoutError when nobody answered."""

HEADERS: Final = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
RETRY_AFTER_S_MAX: Final = 3_600.0
"""What a receiver may ask for at most; a broken one must not silence us for days."""

_RETRIED: Final = frozenset((429, 502, 503, 504))
_RETRY_S: Final = 5.0
_SPANS_PER_TURN_MAX: Final = 64
_GZIP_LEVEL: Final = 1


class ExportResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the spans of one post.

    `exported` were taken, `dropped` never will be (`reason` says why, in a word). With `retry_after_s` nothing was
    taken: send the same spans again, not before so many seconds.
    """

    exported: int = 0
    dropped: int = 0
    retry_after_s: float | None = None
    reason: str = ""


class TraceExporter:
    """See the module."""

    def __init__(self, post: Post, clock: Clock) -> None:
        self._post, self._clock = post, clock

    async def export(self, spans: Sequence[ReadableSpan]) -> ExportResult:
        """Post spans once. Raises nothing of its own: a receiver that is away is a result, too."""
        if not spans:
            return ExportResult()
        body = await encode(spans)
        try:
            status, headers, answer = await self._post(body, HEADERS)
        except (OSError, TimeoutError):
            return ExportResult(retry_after_s=_RETRY_S, reason="no_answer")
        if status in _RETRIED:
            return ExportResult(retry_after_s=self._asked_s(headers), reason=f"http_{status}")
        if not 200 <= status < 300:  # noqa: PLR2004 - the receiver will never take these
            return ExportResult(dropped=len(spans), reason=f"http_{status}")
        rejected = min(_rejected(answer), len(spans))
        return ExportResult(exported=len(spans) - rejected, dropped=rejected, reason="rejected" if rejected else "")

    def _asked_s(self, headers: Mapping[str, str]) -> float:
        """Seconds that Retry-After asks for, given as a number or as a date (RFC 9110, 10.2.3)."""
        asked = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
        if asked.isascii() and asked.isdecimal():
            wait_s = float(asked)
        else:
            try:
                moment = parsedate_to_datetime(asked)
            except ValueError:
                return _RETRY_S
            moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
            wait_s = (to_instant(moment) - self._clock.now()) / 1e6
        return min(max(wait_s, 0.0), RETRY_AFTER_S_MAX)


async def encode(spans: Sequence[ReadableSpan]) -> bytes:
    """One gzipped ExportTraceServiceRequest, made a few spans at a time, so that everybody else gets a turn between.

    The parts are encoded as requests of their own: protobuf joins repeated fields of messages that are concatenated.
    """
    parts: list[bytes] = []
    for first in range(0, len(spans), _SPANS_PER_TURN_MAX):
        parts.append(encode_spans(spans[first : first + _SPANS_PER_TURN_MAX]).SerializeToString())
        await anyio.lowlevel.checkpoint()
    return gzip.compress(b"".join(parts), _GZIP_LEVEL, mtime=0)


def _rejected(answer: bytes) -> int:
    """How many spans a partial success left out. An answer that cannot be read still is a success."""
    response = ExportTraceServiceResponse()
    try:
        response.ParseFromString(answer)
    except DecodeError:
        return 0
    return max(response.partial_success.rejected_spans, 0)
