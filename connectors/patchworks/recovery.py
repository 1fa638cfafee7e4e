"""Recovering what a failed run was about to deliver, before its payloads are gone: decisions only, no calls.

Patchworks keeps payloads for 72 hours and logs for 7 days. A run that failed (3), succeeded in part (5), or "succeeded"
(2) with warnings or errors, because its failure was caught, holds payloads that may never have reached us. One sweep:

    lists(...)             -> the lists of runs to ask for (`list_runs`); page each of them through
    choose(...)            -> which runs are looked at, those first whose payloads go first
    payloads_to_fetch(...) -> from a run's log and payload rows (`failed_payloads`): which to download
    recovered(...)         -> remember that it was done: a run is recovered once

What is downloaded goes through the same door as a delivery, where a repeat is known by its business key; that is why a
run is never retried as well, which would deliver everything a second time and count as operations.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from connectors.patchworks.requests import ListRuns
from connectors.patchworks.wire import LogLine, PayloadRow, Run, RunStatus

PAYLOADS_KEPT: Final = timedelta(hours=72)
"""How long Patchworks keeps payloads."""
_FORGET_AFTER: Final = timedelta(days=8)
"""Longer than logs are kept: a run so old comes back in no list that is asked for."""
_CLOCK_TOLERANCE: Final = timedelta(minutes=5)
_LONGEST_RUN: Final = timedelta(hours=1)
"""A run that was still under way in the last sweep began at most so long before it."""


class RecoveryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How failed runs are recovered."""

    flow_ids: tuple[str, ...] = ()
    """The flows that deliver to us. Empty: every flow's failed runs are looked at. With names, their successful runs
    are looked through for errors, too, because a failure that was caught may leave no other mark."""
    settle_s: Annotated[float, Meta(ge=0, le=86_400)] = 120.0
    """How long after a run's end it is left alone, so that what Patchworks itself repeats is over."""
    runs_per_sweep_max: Annotated[int, Meta(ge=1, le=1_000)] = 50
    """The most runs of one sweep: each costs three calls or more."""
    warn_before_s: Annotated[float, Meta(ge=0, le=259_200)] = 21_600.0
    """From how long before a run's payloads go it counts as urgent."""


class Done(msgspec.Struct, frozen=True):
    """A run that needs no more looking at, and when it began (or was seen, when that is not known)."""

    run_id: str
    at: datetime


class FailedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run to be looked at. `expires_at`: when its payloads go."""

    run: Run
    expires_at: datetime
    urgent: bool


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """`recover` in the order of their expiry, at most as many as a sweep takes; `later` is how many more there are;
    `expired` are runs that nobody can recover any more: somebody has to be told, once.
    """

    recover: tuple[FailedRun, ...] = ()
    later: int = 0
    expired: tuple[Run, ...] = ()


class Fetch(msgspec.Struct, frozen=True, kw_only=True):
    """Payloads to download. `certain`: the log names them; else they are those of the step that failed, or of the last
    step that stored any. `failed`: the run did fail; then nothing to fetch means that it is lost here. `log_page`:
    where the rest of the log begins, which may name more of them; 0: there is none. `whole`: no payload was left out
    because the run has too many.
    """

    payload_ids: tuple[str, ...] = ()
    certain: bool = True
    failed: bool = True
    log_page: int = 0
    whole: bool = True


def lists(policy: RecoveryPolicy, now: datetime, swept_to: datetime | None) -> tuple[ListRuns, ...]:
    """The lists that together show every run that may need recovery: status 3, status 5, 2 with warnings, and 2 with
    errors for the flows that are named.

    Each is pinned to end now, because lists shift while they are paged. They go back as far as payloads are kept; the
    successes, of which there are many, to `swept_to` (when the last complete sweep began) and an hour more. Raises
    ValueError for a time without a zone.
    """
    oldest = now - PAYLOADS_KEPT - _CLOCK_TOLERANCE
    pinned = ListRuns(started_after_ms=_ms(oldest), started_before_ms=_ms(now + _CLOCK_TOLERANCE))
    since = oldest if swept_to is None else max(oldest, swept_to - _LONGEST_RUN)
    return (
        msgspec.structs.replace(pinned, status=int(RunStatus.FAILURE)),
        msgspec.structs.replace(pinned, status=int(RunStatus.PARTIAL_SUCCESS)),
        msgspec.structs.replace(pinned, has_warnings=True),
        *(
            msgspec.structs.replace(
                pinned, status=int(RunStatus.SUCCESS), flow_id=flow_id, with_errors=True, started_after_ms=_ms(since)
            )
            for flow_id in policy.flow_ids
        ),
    )


def needs_recovery(run: Run) -> bool:
    """Whether a run may have failed to deliver something. Stopped runs were stopped by a person, on purpose."""
    match run.status:
        case RunStatus.FAILURE | RunStatus.PARTIAL_SUCCESS:
            return True
        case RunStatus.SUCCESS:
            return run.has_warnings or run.has_errors
        case _:
            return False


def choose(policy: RecoveryPolicy, runs: Iterable[Run], done: Collection[Done], now: datetime) -> Choice:
    """Which of the listed runs to recover in this sweep. Each run counts once, in however many lists it is.

    A run of unknown beginning is looked at first: nothing says how long its payloads stay.
    """
    known = {each.run_id for each in done}
    found: list[FailedRun] = []
    expired: list[Run] = []
    for run in {run.id: run for run in runs}.values():
        if run.id in known or not needs_recovery(run) or (policy.flow_ids and run.flow_id not in policy.flow_ids):
            continue
        if run.finished_at is not None and now - run.finished_at < timedelta(seconds=policy.settle_s):
            continue
        expires_at = (run.started_at or now - PAYLOADS_KEPT) + PAYLOADS_KEPT
        if run.started_at is not None and expires_at <= now:
            expired.append(run)
            continue
        urgent = expires_at - now <= timedelta(seconds=policy.warn_before_s)
        found.append(FailedRun(run=run, expires_at=expires_at, urgent=urgent))
    found.sort(key=lambda each: (each.expires_at, each.run.id))
    taken = found[: policy.runs_per_sweep_max]
    return Choice(recover=tuple(taken), later=len(found) - len(taken), expired=tuple(expired))


def payloads_to_fetch(run: Run, log: Sequence[LogLine], rows: Sequence[PayloadRow]) -> Fetch:
    """Which payloads of a failed run to download: what the step that failed had in hand.

    Named by the error lines; else those of a step with an error line; else, when the log of a failed run says nothing
    of use, those of the last step that stored any. A log line may name one payload of several, so what was dropped at
    the same step is added; what other steps dropped is not, since a filter does that on purpose. A run that failed has
    stopped there: what lay beside the named payload was never sent, either, and is added, too (what was sent is known
    again by its orders). A success whose log tells of no error has failed at nothing.
    """
    errors = [line for line in log if line.is_error]
    if run.status is RunStatus.SUCCESS and not errors:
        return Fetch(failed=False)
    named = [payload_id for line in errors for payload_id in line.payload_ids]
    steps = {line.step_id for line in errors if line.step_id}
    if named:
        dropped = [row.id for row in rows if row.dropped and row.step_id in steps]
        beside: list[str] = []
        if run.status is RunStatus.FAILURE:
            origins = {row.step_id for row in rows if row.id in named and row.step_id}
            beside = [row.id for row in rows if not row.dropped and row.step_id in origins]
        return Fetch(payload_ids=_each_once(named + dropped + beside))
    found = [row for row in rows if row.step_id in steps]
    kept = [row for row in rows if not row.dropped]
    if not found and kept:
        last = max(kept, key=_age)
        found = [row for row in kept if row.step_id == last.step_id]
    return Fetch(payload_ids=_each_once(row.id for row in found), certain=False)


def named_payloads(run: Run, log: Sequence[LogLine]) -> Fetch:
    """Which payloads a part of a long log says to download: those that its error lines name, and no guess."""
    errors = [line for line in log if line.is_error]
    return Fetch(
        payload_ids=_each_once(payload_id for line in errors for payload_id in line.payload_ids),
        certain=False,
        failed=bool(errors) or run.status is not RunStatus.SUCCESS,
    )


def recovered(done: Collection[Done], run: Run, now: datetime) -> tuple[Done, ...]:
    """The memory with one more run in it, and without those that are too old to be listed again."""
    kept = [each for each in done if each.run_id != run.id and now - each.at < _FORGET_AFTER]
    return (*kept, Done(run.id, run.started_at or now))


def _age(row: PayloadRow) -> tuple[datetime, int, str]:
    return row.created_at or datetime.min.replace(tzinfo=UTC), len(row.id), row.id


def _each_once(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ids))


def _ms(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError("a time without a zone has no place on the time line; give it a zone")
    return max(0, int(moment.timestamp() * 1000))
