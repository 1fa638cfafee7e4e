"""A bounded window in memory on a queue that lies on disk.

The journal is the queue; a feed holds the next few rows of it. What is committed while there is room goes straight into
the window; when there is none, the feed falls behind and later fetches from disk. So memory is bounded, emitting never
waits, and nothing is missed. Rows come out in id order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar


class Numbered(Protocol):
    """Anything with the id of its row."""

    @property
    def id(self) -> int:
        """The id of the row."""
        ...


T = TypeVar("T", bound=Numbered)

_NONE = 1 << 63

Fetch = Callable[[int, int], Awaitable[list[T]]]
"""(after id, limit) -> the next rows on disk, in id order."""


class Feed(Generic[T]):
    """Rows that may be worked on next. `live` are the ids in memory, here or taken and not yet `forget`-ed."""

    def __init__(self, capacity: int, fetch: Fetch[T]) -> None:
        self.capacity = capacity
        self.items: deque[T] = deque()
        self.live: set[int] = set()
        self.behind = True
        self._fetch = fetch
        self._after = 0
        self._reserved = 0
        self._passed_by = 0
        self._missed = _NONE
        """The lowest id that a read under way may not have seen."""
        self._fetching = False
        self._gone: set[int] = set()
        """Ids forgotten while a read was under way: what it says of them is old."""

    def reserve(self) -> bool:
        """Whether a row that is about to be committed may come straight here; then `offer` or `release` must follow."""
        if self.behind or len(self.items) + self._reserved >= self.capacity:
            self.pass_by()
            return False
        self._reserved += 1
        return True

    def release(self) -> None:
        """The row that a place was reserved for was not committed."""
        self._reserved -= 1

    def offer(self, item: T) -> None:
        """Put the row of a reserved place into the window. Rows must be offered in id order."""
        self._reserved -= 1
        self.items.append(item)
        self.live.add(item.id)
        self._after = max(self._after, item.id)

    def pass_by(self) -> None:
        """There are rows on disk that are not in the window."""
        self.behind = True
        self._passed_by += 1

    def missed(self, id_: int) -> None:
        """The row was committed and has no place here: it must be fetched, also when rows after it have been already."""
        self._after = min(self._after, id_ - 1)
        self._missed = min(self._missed, id_)
        self.pass_by()

    def rewind(self) -> None:
        """Rows that were left out before may be wanted now: fetch from the beginning, skipping what is live."""
        self.missed(1)

    def put_back(self, item: T) -> None:
        """Return a live item to the head of the window."""
        self.items.appendleft(item)

    def forget(self, id_: int) -> None:
        """The row is consumed, or left on disk for later."""
        self.live.discard(id_)
        if self._fetching:
            self._gone.add(id_)

    @property
    def wants_refill(self) -> bool:
        """Whether fetching now is worth a read."""
        return self.behind and not self._fetching and len(self.items) + self._reserved <= self.capacity // 2

    async def refill(self) -> None:
        """Fetch the next rows. Cancelled or failed, it leaves the feed behind, to be asked again."""
        self._fetching = True
        self._gone.clear()
        self._missed = _NONE
        try:
            passed_by, limit = self._passed_by, self.capacity - len(self.items) - self._reserved
            rows = await self._fetch(self._after, limit)
        finally:
            self._fetching = False
        for row in rows:
            self._after = max(self._after, row.id)
            if row.id not in self.live and row.id not in self._gone:
                self.live.add(row.id)
                self.items.append(row)
        self._after = min(self._after, self._missed - 1)
        # Rows committed while the read was under way may be missing from it; only a quiet, short read has seen the end.
        if len(rows) < limit and passed_by == self._passed_by:
            self.behind = False
