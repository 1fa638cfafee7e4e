"""Following runs: one list per poll covers all flows, however many runs are under way. A pure state machine.

A poll asks for what began since the oldest run that is followed, with an overlap, newest first, and pins the end of the
list, because it shifts while it is paged. A run that is neither seen nor ended after `patience_ms` leaves the watch as
overdue, so that one stuck run does not make every list longer. Instants are Unix milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from connectors.patchworks.requests import ListRuns
from connectors.patchworks.wire import Page, Run, RunStatus

OVERLAP_MS: Final = 120_000
"""How far before our own time of a start its run may be dated."""
PATIENCE_MS: Final = 3_600_000
PAGES_MAX: Final = 20


class Followed(msgspec.Struct, frozen=True):
    """A run whose end is awaited, and when its start was answered."""

    run_id: str
    since_ms: int


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """The runs that are followed. `poll` is the list that is being paged through, None between polls."""

    followed: tuple[Followed, ...] = ()
    poll: ListRuns | None = None


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a page has told: runs that ended, whether the poll is over, and else the next page to ask for."""

    ended: tuple[Run, ...] = ()
    next: ListRuns | None = None


def follow(watch: Watch, run_id: str, now_ms: int) -> Watch:
    """Follow one more run. One that is followed already stays as it is."""
    if any(each.run_id == run_id for each in watch.followed):
        return watch
    return msgspec.structs.replace(watch, followed=(*watch.followed, Followed(run_id, now_ms)))


def begin_poll(watch: Watch, now_ms: int) -> tuple[Watch, ListRuns | None]:
    """The first page to ask for; None when nothing is followed, or a poll is still under way."""
    if not watch.followed or watch.poll is not None:
        return watch, None
    oldest_ms = min(each.since_ms for each in watch.followed)
    asked = ListRuns(started_after_ms=max(0, oldest_ms - OVERLAP_MS), started_before_ms=now_ms + OVERLAP_MS)
    return msgspec.structs.replace(watch, poll=asked), asked


def page_seen(watch: Watch, page: Page[Run]) -> tuple[Watch, Seen]:
    """Learn from a page of the poll. The poll is over when all that is followed has ended, too."""
    ids = {each.run_id for each in watch.followed}
    ended = tuple({run.id: run for run in page.rows if run.id in ids and has_ended(run)}.values())
    watch = _without(watch, {run.id for run in ended})
    if watch.poll is None or page.complete or not watch.followed or page.number >= PAGES_MAX:
        return msgspec.structs.replace(watch, poll=None), Seen(ended=ended)
    asked = msgspec.structs.replace(watch.poll, page=page.number + 1)
    return msgspec.structs.replace(watch, poll=asked), Seen(ended=ended, next=asked)


def poll_failed(watch: Watch) -> Watch:
    """The poll was not answered; the next one sees what it would have shown."""
    return msgspec.structs.replace(watch, poll=None)


def overdue(watch: Watch, now_ms: int, patience_ms: int = PATIENCE_MS) -> tuple[Watch, tuple[str, ...]]:
    """Runs that have been followed for too long. They leave the watch; ask for each, or tell somebody."""
    late = tuple(each.run_id for each in watch.followed if now_ms - each.since_ms > patience_ms)
    return _without(watch, late), late


def has_ended(run: Run) -> bool:
    """Whether a run is over. A status that nobody knows is taken as an end only when the run says when it ended."""
    return run.finished_at is not None if run.status is None else run.status is not RunStatus.STARTED


def succeeded(run: Run) -> bool:
    """Whether a run ended as it should. A caught failure can end as a success, so warnings make it doubtful."""
    return run.status is RunStatus.SUCCESS and not run.has_warnings


def _without(watch: Watch, run_ids: Iterable[str]) -> Watch:
    gone = set(run_ids)
    return msgspec.structs.replace(watch, followed=tuple(each for each in watch.followed if each.run_id not in gone))
