"""Reading a list that changes while it is read, page after page, so that nothing in it is skipped. Pure.

The list is ordered by time of change, oldest first. A next page begins at the time of the last row, not at a number of
rows: an order that is edited meanwhile moves to the end, all rows behind it move up, and a number would skip one of
them. Only where a whole page is of one second (a bulk edit) are pages counted, and such a stretch is read again until
two readings in a row were the same: then no row has left it in between, so none was skipped. An id is never a cursor.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

import msgspec
from msgspec.structs import replace

PAGES_MAX = 20_000
"""Pages of one reading; more of them are a flow that never ends."""


class Unpageable(Exception):
    """The list cannot be read to its end. The text is a sentence for whoever owns the flow."""


class Row(msgspec.Struct, frozen=True):
    """A row as paging sees it: its time of change, None when it has none, and a mark that changes when the row does."""

    time: datetime | None
    mark: str


class Paging(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a reading stands: the page to be asked for next.

    `seen` is the digest of what this counting of pages has met so far, `before` of what the one before it met.
    """

    since: datetime
    page: int = 1
    pages: int = 0
    seen: str = ""
    before: str = ""
    previous: str = ""


def next_page(at: Paging, rows: Sequence[Row], *, limit: int, until: datetime | None = None) -> Paging | None:
    """The page to ask for after this one; None when that was all, or all that changed before `until`.

    Raises Unpageable when the rows are not in order, when pages are repeated, and when they never end.
    """
    times = [row.time for row in rows if row.time is not None]
    if any(later < earlier for earlier, later in pairwise(times)):
        raise Unpageable("the flow does not answer with the oldest change first")
    if at.pages >= PAGES_MAX:
        raise Unpageable(f"the flow's answers do not end after {PAGES_MAX} pages")
    last = times[-1].replace(microsecond=0) if times else None
    complete = len(rows) < limit or (until is not None and last is not None and times[-1] >= until)
    further = None if last is None or last <= at.since else Paging(since=last, pages=at.pages + 1)
    if at.page == 1 and (complete or further is not None):
        return None if complete else further
    here = _digest(*(row.mark for row in rows))
    if at.page > 1 and rows and here == at.previous:
        raise Unpageable("the flow answers with the same orders whatever page is asked for")
    stretch = [row.mark for row in rows if row.time is None or row.time.replace(microsecond=0) <= at.since]
    seen = _digest(at.seen, *stretch)
    if not complete and further is None:
        return replace(at, page=at.page + 1, pages=at.pages + 1, seen=seen, previous=here)
    if seen != at.before:
        return Paging(since=at.since, pages=at.pages + 1, before=seen)
    return None if complete else further


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=12).hexdigest()
