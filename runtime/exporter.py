"""Exports timelines as spans: reads the work that steps left in the journal, posts it, and deletes it when it is taken.

At least once, with the same ids. A receiver that is away costs disk, never an order: the work waits in the journal, and
the exporter backs off. What the receiver refuses for good is counted and dropped.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import anyio
import msgspec
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan

from runtime.errors import Stop
from runtime.journal.journal import Journal
from runtime.telemetry.events import ExportFailed, SpansDropped, SpansExported
from runtime.telemetry.export import Post, TraceExporter
from runtime.telemetry.tracing import TimelineRow, root_span_of, spans_of
from runtime.testing.crash import reach

SUBJECTS_PER_POST_MAX = 100
_IDLE_S = 0.5
_BACKOFF_S_MAX = 60.0


class Exporter:
    """One part of the supervisor. `root` is the name of every root span."""

    def __init__(
        self, journal: Journal, post: Post, service: Mapping[str, str], *, root: str, emit: Callable[[Any], None]
    ) -> None:
        self._journal, self._root, self._emit = journal, root, emit
        self._exporter = TraceExporter(post, journal.clock)
        self._resource = Resource(dict(service))
        self._random = random.Random()  # noqa: S311 - spreads retries

    async def run(self) -> None:
        """Export for ever."""
        failed = 0
        while True:
            work = await self._journal.query("trace_work", 0, SUBJECTS_PER_POST_MAX)
            try:
                retry_s = await self._export(work) if work else 0.0
            except Stop:
                raise
            except Exception:  # noqa: BLE001 - traces are for looking at: a defect in making them must not end the process
                self._emit(ExportFailed(reason="defect"))
                retry_s = _BACKOFF_S_MAX
            failed = failed + 1 if retry_s else 0
            if retry_s:
                backoff_s = min(_BACKOFF_S_MAX, retry_s * 2.0 ** min(failed, 6)) if failed > 1 else retry_s
                await anyio.sleep(backoff_s * (1 + self._random.random() / 4))
            elif len(work) < SUBJECTS_PER_POST_MAX:  # there is no hurry: what comes meanwhile shares the next post
                await anyio.sleep(_IDLE_S)

    async def _export(self, work: Sequence[Any]) -> float:
        """One post. Returns how long to wait before the same work is tried again; 0 when it is done."""
        timelines: dict[str, list[TimelineRow]] = {subject: [] for _, subject, *_ in work}
        for row in await self._journal.query_list("timelines", list(timelines)):
            timelines[row[1]].append(_row(row))
        spans: list[ReadableSpan] = []
        for _, subject, after, to, closes in work:
            spans += self._spans(timelines[subject], after, to, closes=bool(closes))
        result = await self._exporter.export(spans)
        if result.retry_after_s is not None:
            self._emit(ExportFailed(reason=result.reason))
            return max(result.retry_after_s, _IDLE_S)
        if result.dropped:
            self._emit(SpansDropped(reason=result.reason, count=result.dropped))
        if result.exported:
            self._emit(SpansExported(count=result.exported))
        reach("export.before_delete")
        await self._journal.write([("end_trace_work", (row[0],)) for row in work])
        return 0.0

    def _spans(self, timeline: Sequence[TimelineRow], after: int, to: int, *, closes: bool) -> list[ReadableSpan]:
        """The spans of one stretch of a timeline, and the root over the whole story when it closes."""
        story = [row for row in timeline if row.id <= to]
        if not story:
            return []
        stretch = [row for row in story if row.id > after]
        since = max((row.ended_us for row in story if row.id <= after), default=story[0].began_us)
        spans = spans_of(stretch, self._resource, since_us=since)
        if closes:
            spans.append(root_span_of(story, self._resource, name=self._root))
        return spans


def _row(row: Sequence[Any]) -> TimelineRow:
    id_, subject, actor, kind, began, ended, values = row
    return TimelineRow(id_, subject, actor, kind, began, ended, msgspec.json.decode(values))
