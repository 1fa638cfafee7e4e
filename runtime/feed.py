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
    """Anything with the id of its row, and a size."""

    @property
    def id(self) -> int:
        """The id of the row."""
        ...

    @property
    def size_bytes(self) -> int:
        """What it carries: payload and message."""
        ...


T = TypeVar("T", bound=Numbered)

Fetch = Callable[[int, int, int], Awaitable[tuple[list[T], bool]]]
"""(after id, limit, bytes_max) -> the next rows on disk, in id order, and whether they are all that there are.

At most `limit` rows; no more once they have reached `bytes_max`, but at least one when there is one.
"""

_NOTHING = 1 << 63
"""Above every id."""


class Feed(Generic[T]):
    """Rows that may be worked on next. `live` are the ids in memory, here or taken and not yet `forget`-ed.

    The window holds at most `capacity` rows, and takes no more once they have reached `bytes_max`.
    """

    def __init__(self, capacity: int, bytes_max: int, fetch: Fetch[T]) -> None:
        self.capacity, self.bytes_max = capacity, bytes_max
        self.items: deque[T] = deque()
        """To be looked at; rows leave by `take` and `leave`."""
        self._bytes = 0
        self.live: set[int] = set()
        self.behind = True
        self._fetch = fetch
        self._after = 0
        """Of the rows on disk up to this id, those that are wanted have been in the window."""
        self._reserved = 0
        self._passed_by = 0
        self._fetching = False
        self._gone: set[int] = set()
        """Ids forgotten while a read was under way: what it says of them is old."""
        self._missed = _NOTHING
        """The lowest id passed by while a read was under way."""

    def reserve(self) -> bool:
        """Whether a row that is about to be committed may come straight here: then `offer` or `release` must follow,
        else `pass_by`, once it is committed.
        """
        if (
            self.behind or len(self.items) + self._reserved >= self.capacity or self._bytes >= self.bytes_max
        ):  # fmt: skip
            self.behind = True
            return False
        self._reserved += 1
        return True

    def release(self) -> None:
        """The row that a place was reserved for was not committed."""
        self._reserved -= 1

    def offer(self, item: T) -> None:
        """Put the row of a reserved place into the window. Rows must be offered in id order."""
        self._reserved -= 1
        if item.id in self.live:  # a read was faster than the news of the commit
            return
        self._append(item)
        if not self.behind:
            self._after = max(self._after, item.id)

    def take(self) -> T:
        """The next row, out of the window; it stays live until it is forgotten. Raises IndexError for an empty one."""
        item = self.items.popleft()
        self._bytes -= item.size_bytes
        return item

    def leave(self, unwanted: Callable[[T], bool]) -> list[T]:
        """Take the rows that are not wanted out of the window; they stay live until they are forgotten."""
        left = [item for item in self.items if unwanted(item)]
        if left:
            self.items = deque(item for item in self.items if not unwanted(item))
            self._bytes -= sum(item.size_bytes for item in left)
        return left

    def _append(self, item: T) -> None:
        self.items.append(item)
        self.live.add(item.id)
        self._bytes += item.size_bytes

    def pass_by(self, id_: int) -> None:
        """The row with this id is on disk, and was not offered."""
        self.behind = True
        self._passed_by += 1
        self._after = min(self._after, id_ - 1)
        self._missed = min(self._missed, id_)

    def rewind(self) -> None:
        """Rows that were left out before may be wanted now: fetch from the beginning, skipping what is live."""
        self.pass_by(1)

    def forget(self, id_: int) -> None:
        """The row is consumed, or left on disk for later."""
        self.live.discard(id_)
        if self._fetching:
            self._gone.add(id_)

    @property
    def wants_refill(self) -> bool:
        """Whether fetching now is worth a read."""
        return (
            self.behind
            and not self._fetching
            and len(self.items) + self._reserved <= self.capacity // 2
            and self._bytes <= self.bytes_max // 2
        )

    async def refill(self) -> None:
        """Fetch the next rows. Cancelled or failed, it leaves the feed behind, to be asked again."""
        self._fetching, self._missed = True, _NOTHING
        self._gone.clear()
        try:
            passed_by, limit = self._passed_by, self.capacity - len(self.items) - self._reserved
            rows, complete = await self._fetch(self._after, limit, self.bytes_max - self._bytes)
        finally:
            self._fetching = False
        for row in rows:
            if row.id >= self._missed:  # rows before it were not wanted when the read began: they go first, next time
                break
            self._after = max(self._after, row.id)
            if row.id not in self.live and row.id not in self._gone:
                self._append(row)
        # Rows committed while the read was under way may be missing from it; only a quiet read to the end has seen all.
        if complete and passed_by == self._passed_by:
            self.behind = False
