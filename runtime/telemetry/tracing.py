"""From a timeline to spans: ids that anybody can compute, and one short span per fact.

Trace id and root span id are hashes of the subject (`partition/id`), span ids are hashes of trace id and fact id. So a
story has one trace over days and restarts, exporting twice gives the same spans, and a support person can compute the
trace of an order without asking. Waiting is a span, too: what lies between two facts is `wait`, so the spans of a
closed story cover its whole time. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from runtime.key import parts_of

SCHEME = "seamline/v1"
WAIT_SHOWN_US = 5_000
"""Gaps between facts from this length on become spans of their own; a shorter one is counted to the fact after it."""

_LOW_64 = (1 << 64) - 1
_SCOPE = InstrumentationScope("seamline", "1")
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_ERROR, _UNSET = Status(StatusCode.ERROR), Status(StatusCode.UNSET)
_FAILED = frozenset(("refused", "exhausted", "outcome_unknown", "parked"))
_CALLS = frozenset(("created", "refused", "exhausted", "outcome_unknown"))


class TimelineRow(msgspec.Struct, frozen=True):
    """One fact of a timeline. Instants in microseconds since 1970 UTC."""

    id: int
    subject: str
    actor: str
    kind: str
    began_us: int
    ended_us: int
    values: Mapping[str, Any]


def ids_of(subject: str) -> tuple[int, int]:
    """(trace id, root span id) of a subject `partition/id`: parts of SHA-256 of `seamline/v1|partition|id`."""
    partition, name = parts_of(subject)
    digest = hashlib.sha256(f"{SCHEME}|{partition}|{name}".encode()).digest()
    return int.from_bytes(digest[:16]) or 1, int.from_bytes(digest[16:24]) or 1


def sampled(subject: str, share: float) -> bool:
    """Whether a healthy subject is among the share (0 to 1) that is traced.

    Decided by its trace id, so it is always alike, and by the rule of OpenTelemetry's TraceIdRatioBased sampler, so
    that others who sample by trace id keep the same traces.
    """
    return ids_of(subject)[0] & _LOW_64 < round(share * (_LOW_64 + 1))


class _Trace:
    """The trace of one subject: makes its spans, which share ids and attributes."""

    def __init__(self, subject: str, resource: Resource) -> None:
        self.id, self.root_id = ids_of(subject)
        partition, name = parts_of(subject)
        self._resource = resource
        self._shared = {"seamline.partition": partition, "seamline.subject": name}
        self._root = SpanContext(self.id, self.root_id, is_remote=True, trace_flags=_SAMPLED)

    def span(self, name: str, id_: int, began_us: int, ended_us: int, **more: Any) -> ReadableSpan:
        return ReadableSpan(
            name=name,
            context=SpanContext(self.id, id_, is_remote=False, trace_flags=_SAMPLED),
            parent=None if id_ == self.root_id else self._root,
            resource=self._resource,
            attributes=self._shared | more.pop("attributes", {}),
            start_time=began_us * 1_000,
            end_time=ended_us * 1_000,
            instrumentation_scope=_SCOPE,
            **more,
        )


def spans_of(rows: Sequence[TimelineRow], resource: Resource, *, since_us: int) -> list[ReadableSpan]:
    """The spans of a stretch of one subject's timeline, one per fact, and one per wait between them.

    `since_us` is when the last fact before this stretch ended (the subject's beginning for the first one), for the wait
    that led here.
    """
    if not rows:
        return []
    trace = _Trace(rows[0].subject, resource)
    spans, last_us = [], since_us
    for row in rows:
        began_us, gap_us = row.began_us, row.began_us - last_us
        if gap_us >= WAIT_SHOWN_US:
            spans.append(trace.span(f"wait {row.kind}", _id(trace.id, row.id, "wait"), last_us, began_us))
        elif gap_us > 0:
            began_us = last_us
        stage = trace.span(
            f"{row.actor} {row.kind}",
            _id(trace.id, row.id, "fact"),
            began_us,
            max(row.ended_us, began_us),
            attributes={"seamline.actor": row.actor, **_attributes(row.values)},
            kind=SpanKind.CLIENT if row.kind in _CALLS else SpanKind.INTERNAL,
            status=_ERROR if row.kind in _FAILED else _UNSET,
        )
        spans.append(stage)
        last_us = max(last_us, row.ended_us)
    return spans


def root_span_of(story: Sequence[TimelineRow], resource: Resource, *, name: str) -> ReadableSpan:
    """The root span over a whole story (at least one fact), to be exported once, when it closes."""
    trace = _Trace(story[0].subject, resource)
    began_us, ended_us = min(row.began_us for row in story), max(row.ended_us for row in story)
    return trace.span(name, trace.root_id, began_us, max(began_us, ended_us))


def _id(trace_id: int, fact: int, part: str) -> int:
    digest = hashlib.blake2b(f"{trace_id:x}|{fact}|{part}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) or 1


def _attributes(values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"seamline.{name}": value for name, value in values.items() if value is not None}
