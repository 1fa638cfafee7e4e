"""Reading what changed, page by page and poll by poll, without missing anything: pure, no clock and no I/O.

A *sweep* reads every record that was created or changed at or after an instant (`since`), in order of id, page by page;
a page that is shorter than asked is the last. When a sweep is over, the next one begins `overlap` before the moment at
which this one began.

Why nothing is missed. A record that changes during a sweep, behind its cursor, carries a time at or after the sweep's
beginning, so the next sweep has it. A change that was stamped before a sweep began and became visible only afterwards
(a late commit) is in the next sweep as long as `overlap` covers three spans together: the longest time from stamp to
commit, the longest call, and what the clocks differ by. The sweep's beginning is the earlier of our clock and of the
Date of the first page's answer, so a clock of ours that runs ahead loses nothing. An id is no watermark: updates of
old records have old ids.

What an overlap brings twice is recognised by `fresh`, by content and not by time alone: two changes in one microsecond,
or in one second on a server that keeps no fractions, are two changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
from msgspec import Meta

from connectors.fulfil.rows import Row
from connectors.fulfil.typed import datetime_out
from connectors.fulfil.wire import RECORDS_MAX
from runtime.delivery import digest

T = TypeVar("T", bound=Row)

AwareMoment = Annotated[datetime, Meta(tz=True)]
_encode: Final = msgspec.json.Encoder().encode


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """A question: the records changed at `since` or later (None: all), with an id above `after_id`, in order of id.

    `states`: only those that are in one of them now; empty: in any. `limit` is bounded by the tenant's page size.
    """

    since: AwareMoment | None = None
    after_id: Annotated[int, Meta(ge=0)] = 0
    limit: Annotated[int, Meta(ge=1)] = RECORDS_MAX
    states: tuple[str, ...] = ()


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Rows in order of id. `last_id` is the `after_id` of the next page; `complete`: there is none.

    `answered_at`: the Date of the answer, to the second, when it had one.
    """

    rows: tuple[T, ...]
    last_id: int
    complete: bool
    answered_at: AwareMoment | None = None


class Watermark(msgspec.Struct, frozen=True, kw_only=True):
    """Where the reading of one model's changes stands. An actor keeps it in its state, so a restart goes on from it."""

    since: AwareMoment | None = None
    """Everything changed before this instant has been read; None before the first sweep is over."""
    after_id: int = 0
    """The cursor of the sweep under way."""
    began: AwareMoment | None = None
    """When the sweep under way began; None when none is."""


def changed_since(since: datetime | None) -> tuple[Any, ...]:
    """The clauses of a domain. `write_date` is null until the first change, so the creation counts beside it."""
    if since is None:
        return ()
    moment = datetime_out(since)
    return (("OR", ("write_date", ">=", moment), ("create_date", ">=", moment)),)


def begin_or_go_on(mark: Watermark, now: datetime, *, limit: int = RECORDS_MAX) -> tuple[Watermark, Changes]:
    """The next page to ask for, and the watermark to keep while it is being asked. `now` is aware."""
    going = mark if mark.began is not None else msgspec.structs.replace(mark, began=now, after_id=0)
    return going, Changes(since=going.since, after_id=going.after_id, limit=limit)


def advance(mark: Watermark, page: Page[Any], *, overlap: timedelta) -> Watermark:
    """The watermark after a page, to be stored in the same step as what became of its rows.

    After the last page of a sweep `began` is None. `since` never goes back. Raises ValueError when no sweep is
    under way.
    """
    began = mark.began
    if began is None:
        raise ValueError("a page arrived although no sweep is under way")
    if mark.after_id == 0 and page.answered_at is not None:
        began = min(began, page.answered_at)
    if not page.complete:
        return Watermark(since=mark.since, after_id=page.last_id, began=began)
    reached = began - overlap
    return Watermark(since=reached if mark.since is None else max(mark.since, reached))


class Seen(msgspec.Struct, frozen=True):
    """What of the overlap was seen already: a digest of each row's content, by id, and when it was changed."""

    rows: Mapping[int, tuple[datetime | None, bytes]] = {}


def fresh(seen: Seen, rows: Iterable[T]) -> tuple[tuple[T, ...], Seen]:
    """The rows that are new or differ from what was seen of them, and what is seen then."""
    known = dict(seen.rows)
    new: list[T] = []
    for row in rows:
        mark = (row.changed_at, digest(_encode(row)))
        if known.get(row.id) != mark:
            known[row.id] = mark
            new.append(row)
    return tuple(new), Seen(known)


def forget(seen: Seen, since: datetime | None) -> Seen:
    """Without what no later sweep brings again, once the watermark stands at `since`: it bounds what is remembered."""
    if since is None:
        return seen
    return Seen({id_: mark for id_, mark in seen.rows.items() if mark[0] is None or mark[0] >= since})
