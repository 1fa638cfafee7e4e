"""Finding out whether a start or a retry whose answer was lost has begun: what can be read from Patchworks about it.

A run is known again by the batch's key in its payload. A run whose payload cannot be read is taken by its time and
trigger alone, which the result says. Runs that wait in the queue are looked through as well, because one that waits is
in no list of runs. Each look is bounded in calls: one or two lists, and the payloads of a few candidates. Where it
cannot be concluded yet, the look is refused, which is no strike against Patchworks: it answered, and is asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, Protocol

from connectors.patchworks.requests import DownloadPayload, GetRun, ListPayloads, ListQueue, ListRuns, holds_key
from connectors.patchworks.wire import Page, Payload, PayloadRow, QueuedRun, RetryStarted, Run, Started
from runtime.errors import Refused, Unavailable

PAGES_MAX: Final = 5
CANDIDATES_MAX: Final = 20
"""Runs whose payloads are looked at: those that began nearest to the start that is looked for."""
_PAYLOADS_PER_RUN_MAX: Final = 2
_TRIGGERS: Final = ("api", "manual", "router", "webhook", "schedule", "shape", "retry", "event", "callback")


class Reads(Protocol):
    """What a look needs of the Core API. Every method raises a `runtime.errors.Failure`."""

    async def list_runs(self, asked: ListRuns) -> Page[Run]:
        """One page of runs."""
        ...

    async def get_run(self, asked: GetRun) -> Run:
        """One run."""
        ...

    async def list_payloads(self, asked: ListPayloads) -> Page[PayloadRow]:
        """One page of a run's payloads."""
        ...

    async def list_queue(self, asked: ListQueue) -> Page[QueuedRun]:
        """One page of the runs that wait."""
        ...

    async def download(self, asked: DownloadPayload) -> Payload:
        """One payload."""
        ...


async def find_run(
    core: Reads,
    flow_id: str,
    key: str,
    began_ms: int,
    known_run_ids: frozenset[str],
    *,
    trigger: str,
    tolerance_ms: int = 0,
) -> Started | None:
    """The run of `flow_id` that works on the batch `key`, or waits to; None when there is no sign of one.

    `began_ms`: when it was started, by our clock; `tolerance_ms`: how far Patchworks' clock may be behind it. Looks at
    runs that began since by this trigger and are not known already; a flow that is started often has had many within
    the tolerance, so those nearest to the start come first. Raises a `runtime.errors.Failure` when that could not be
    found out: `Refused` while something waits that may be it (`still_waiting`), and when there is too much to look
    through (`too_many_runs`).
    """
    after_ms = max(0, began_ms - tolerance_ms)
    # the queue first: what leaves it meanwhile is among the runs then
    if await _waits(core, flow_id, key, after_ms, trigger):
        return Started(evidence="payload")
    unread: list[Run] = []
    for run in await _nearest(core, flow_id, began_ms, after_ms, lambda run: _may_be(run, trigger, known_run_ids)):
        match await _works_on(core, run, key):
            case True:
                return Started(run_id=run.id, evidence="payload")
            case None:
                unread.append(run)
    return Started(run_id=unread[0].id, evidence="timing") if unread else None


async def _nearest(core: Reads, flow_id: str, began_ms: int, after_ms: int, may_be: Callable[[Run], bool]) -> list[Run]:
    """The runs that may be it and began nearest to then; no more of the list is read than it takes to know them.

    Raises Refused when that is more than is looked through.
    """
    found: dict[str, Run] = {}
    for number in range(1, PAGES_MAX + 1):
        asked = ListRuns(flow_id=flow_id, started_after_ms=after_ms, oldest_first=True, page=number)
        page = await core.list_runs(asked)
        found.update((run.id, run) for run in page.rows)
        near = sorted(filter(may_be, found.values()), key=lambda run: _apart(run, began_ms))[:CANDIDATES_MAX]
        if page.complete or _is_behind(page.rows, near, began_ms):
            return near
    raise Refused(f"the flow {flow_id} has had too many runs since to look through", code="too_many_runs")


def _is_behind(rows: Sequence[Run], near: Sequence[Run], began_ms: int) -> bool:
    """Whether whatever comes after these rows began further off than all that are near, which are as many as are read.

    Only where rows rise: a tenant may list them otherwise.
    """
    first, last = (rows[0].started_at, rows[-1].started_at) if rows else (None, None)
    if len(near) < CANDIDATES_MAX or first is None or last is None or not first < last:
        return False
    is_past = last.timestamp() * 1000 >= began_ms
    return is_past and _apart(rows[-1], began_ms) >= _apart(near[-1], began_ms)


def _apart(run: Run, began_ms: int) -> float:
    """How far from then a run began, in milliseconds; one that does not say comes last."""
    return float("inf") if run.started_at is None else abs(run.started_at.timestamp() * 1000 - began_ms)


async def find_retry(core: Reads, run_id: str) -> RetryStarted | None:
    """The run that repeats this one, whoever started it; None when there is no sign of one.

    Raises a `runtime.errors.Failure` when that could not be found out.
    """
    run = await core.get_run(GetRun(run_id=run_id))
    if not run.flow_id or run.started_at is None:
        raise Unavailable(f"Patchworks does not say which flow the run {run_id} is of, or when it began")
    for linked_id in run.linked_run_ids:
        # a run that is a retry itself may be linked to what it repeats; only a later run repeats it
        if run.trigger != "retry" or await _began_after(core, linked_id, run.started_at):
            return RetryStarted(run_id=linked_id)
    for other in await _runs_since(core, run.flow_id, int(run.started_at.timestamp() * 1000)):
        if run_id in other.linked_run_ids and other.trigger == "retry" and _later(other, run.started_at):
            return RetryStarted(run_id=other.id)
    return None


async def _began_after(core: Reads, run_id: str, began: datetime) -> bool:
    return _later(await core.get_run(GetRun(run_id=run_id)), began)


def _later(run: Run, began: datetime) -> bool:
    """Whether a run began after this, or may have: one that has not begun yet will, and times may be whole seconds.

    In doubt it did: what is taken for the repeat is not repeated once more.
    """
    return run.started_at is None or run.started_at >= began


async def _runs_since(core: Reads, flow_id: str, after_ms: int) -> list[Run]:
    """Newest first, each once: the list shifts while it is read."""
    found: dict[str, Run] = {}
    for number in range(1, PAGES_MAX + 1):
        page = await core.list_runs(ListRuns(flow_id=flow_id, started_after_ms=after_ms, page=number))
        found.update((run.id, run) for run in page.rows)
        if page.complete:
            return list(found.values())
    raise Refused(f"the flow {flow_id} has had too many runs since to look through", code="too_many_runs")


def _may_be(run: Run, trigger: str, known_run_ids: frozenset[str]) -> bool:
    return run.id not in known_run_ids and _of(run.trigger, trigger)


async def _works_on(core: Reads, run: Run, key: str) -> bool | None:
    """Whether the run's first payload, or the one after it, holds the key; None when the first cannot be read."""
    rows: list[PayloadRow] = []
    for number in range(1, PAGES_MAX + 1):  # their order is not documented, so the first may come last
        page = await core.list_payloads(ListPayloads(run_id=run.id, page=number))
        rows += [row for row in page.rows if row.run_id in ("", run.id)]
        if page.complete:
            break
    else:
        return None
    first = sorted(rows, key=_in_order)[:_PAYLOADS_PER_RUN_MAX]
    answers = [await _holds(core, row.id, key) for row in first]
    if True in answers:
        return True
    return answers[0] if answers else None


def _in_order(row: PayloadRow) -> tuple[int, str]:
    return len(row.id), row.id  # numbers, or ids that sort by time


async def _holds(core: Reads, payload_id: str, key: str) -> bool | None:
    try:
        payload = await core.download(DownloadPayload(payload_id=payload_id))
    except Refused:  # gone, or not for our eyes
        return None
    return holds_key(payload.body, key)


async def _waits(core: Reads, flow_id: str, key: str, after_ms: int, trigger: str) -> bool:
    """Whether the queue holds the batch. Refused while something waits there that may be it, and cannot be read."""
    waiting = [
        row
        for row in await _queue(core)
        if row.flow_id in ("", flow_id) and _of(row.trigger, trigger) and not _before(row.created_at, after_ms)
    ]
    doubtful = False
    for row in waiting[:CANDIDATES_MAX]:
        holds = await _holds(core, row.payload_id, key) if row.payload_id else None
        if holds:
            return True
        doubtful |= holds is None and row.flow_id == flow_id
    if doubtful or len(waiting) > CANDIDATES_MAX:
        raise Refused(
            f"runs of the flow {flow_id} still wait to begin, and one may be what was started", code="still_waiting"
        )
    return False


async def _queue(core: Reads) -> list[QueuedRun]:
    """All that waits; where it may not be read, nothing can be said about it, and nothing is."""
    found: dict[str, QueuedRun] = {}
    for number in range(1, PAGES_MAX + 1):
        try:
            page = await core.list_queue(ListQueue(page=number))
        except Refused:
            return []
        found.update((row.id, row) for row in page.rows)
        if page.complete:
            return list(found.values())
    raise Refused("more runs wait in Patchworks' queue than can be looked through", code="too_many_runs")


def _of(trigger: str, wanted: str) -> bool:
    """A trigger that is none of the known words (a number, perhaps) excludes nothing."""
    return trigger == wanted or trigger not in _TRIGGERS


def _before(created_at: datetime | None, after_ms: int) -> bool:
    return created_at is not None and created_at.timestamp() * 1000 < after_ms
