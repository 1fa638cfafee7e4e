"""The window on a queue that lies on disk: what comes in at once, what is fetched later, and that nothing is twice."""

from __future__ import annotations

import anyio
import msgspec
import pytest

from runtime.feed import Feed

pytestmark = pytest.mark.anyio
BYTES_MAX = 1_000


class Row(msgspec.Struct, frozen=True):
    id: int
    size_bytes: int = 10


class Disk:
    """Rows on disk, and reads that wait until they are let go."""

    def __init__(self, *ids: int) -> None:
        self.ids = set(ids)
        self.reads: list[tuple[int, int]] = []
        self.gate: anyio.Event | None = None

    async def fetch(self, after: int, limit: int, bytes_max: int) -> tuple[list[Row], bool]:
        self.reads.append((after, limit))
        beyond = [Row(id_) for id_ in sorted(self.ids) if id_ > after]
        seen = beyond[: min(limit, max(1, -(-bytes_max // 10)))]
        if self.gate is not None:
            await self.gate.wait()
        return seen, len(seen) == len(beyond) < limit


def ids(feed: Feed[Row]) -> list[int]:
    return [row.id for row in feed.items]


def commit(feed: Feed[Row], disk: Disk, id_: int) -> bool:
    """A row becomes durable: whether it went straight into the window."""
    placed = feed.reserve()
    disk.ids.add(id_)
    if placed:
        feed.offer(Row(id_))
    else:
        feed.pass_by(id_)
    return placed


async def caught_up(disk: Disk, capacity: int = 4) -> Feed[Row]:
    feed = Feed[Row](capacity, BYTES_MAX, disk.fetch)
    await feed.refill()
    assert not feed.behind
    return feed


async def test_a_new_feed_is_behind_until_a_short_quiet_read() -> None:
    """What an earlier process left comes first, as much as there is room for."""
    disk = Disk(*range(1, 8))
    feed = Feed[Row](4, BYTES_MAX, disk.fetch)
    assert feed.wants_refill
    await feed.refill()
    assert (ids(feed), feed.behind, feed.wants_refill) == ([1, 2, 3, 4], True, False)
    assert not commit(feed, disk, 8)
    for _ in range(4):
        feed.items.popleft()
    await feed.refill()
    assert (ids(feed), feed.behind) == ([5, 6, 7, 8], True)
    for _ in range(3):
        feed.items.popleft()
    await feed.refill()
    assert (ids(feed), feed.behind) == ([8], False)


async def test_what_is_committed_while_there_is_room_needs_no_read() -> None:
    """The hot path: no read at all; above the capacity rows stay on disk, and are fetched in order."""
    disk = Disk()
    feed = await caught_up(disk)
    assert [commit(feed, disk, id_) for id_ in range(1, 7)] == [True] * 4 + [False] * 2
    assert len(disk.reads) == 1
    for _ in range(3):
        feed.forget(feed.items.popleft().id)
    disk.ids -= {1, 2, 3}
    await feed.refill()
    assert ids(feed) == [4, 5, 6]


async def test_places_are_counted_while_rows_are_on_their_way() -> None:
    """A reserved place is taken; one that is given back is free again."""
    feed = await caught_up(Disk(), capacity=2)
    assert feed.reserve()
    assert feed.reserve()
    assert not feed.reserve()
    feed.release()
    feed.release()
    assert feed.behind
    await feed.refill()
    assert feed.reserve()


async def test_a_row_that_got_no_place_is_fetched_even_if_the_feed_caught_up_before_its_commit() -> None:
    """No place for 1; before its commit a read ends short and 2 gets a place: 1 is found all the same."""
    disk = Disk()
    feed = await caught_up(disk, capacity=1)
    assert feed.reserve()
    assert not feed.reserve(), "row 1"
    feed.release()
    await feed.refill()
    assert not feed.behind
    assert feed.reserve(), "row 2"
    disk.ids |= {1, 2}
    feed.pass_by(1)
    feed.offer(Row(2))
    feed.items.popleft()
    await feed.refill()
    assert ids(feed) == [1]


async def test_a_row_that_is_committed_during_a_read_is_not_missed() -> None:
    """The read has not seen it, and may not declare the end."""
    disk = Disk(1)
    disk.gate = anyio.Event()
    feed = Feed[Row](4, BYTES_MAX, disk.fetch)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(feed.refill)
        await anyio.lowlevel.checkpoint()
        assert not commit(feed, disk, 2)
        disk.gate.set()
    assert (ids(feed), feed.behind) == ([1], True)
    await feed.refill()
    assert (ids(feed), feed.behind) == ([1, 2], False)


async def test_a_rewind_during_a_read_is_not_forgotten_and_the_order_is_kept() -> None:
    """Rows that were left out before come before those that the read has brought."""
    disk = Disk(5, 6)
    feed = await caught_up(disk)
    feed.items.clear()
    for id_ in (5, 6):
        feed.forget(id_)
    feed.pass_by(7)
    disk.ids.add(7)
    disk.gate = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(feed.refill)
        await anyio.lowlevel.checkpoint()
        feed.rewind()
        disk.gate.set()
    assert ids(feed) == []
    await feed.refill()
    assert ids(feed) == [5, 6, 7]


async def test_a_row_that_is_consumed_during_a_read_is_not_brought_back() -> None:
    """The read saw it before it was gone."""
    disk = Disk(1, 2)
    feed = await caught_up(disk)
    taken = feed.items.popleft()
    feed.rewind()
    disk.gate = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(feed.refill)
        await anyio.lowlevel.checkpoint()
        disk.ids.discard(taken.id)
        feed.forget(taken.id)
        disk.gate.set()
    assert ids(feed) == [2]


async def test_a_row_that_a_read_found_first_is_not_taken_twice() -> None:
    """A reader may see a commit before the loop hears of it."""
    disk = Disk()
    feed = await caught_up(disk)
    assert feed.reserve()
    disk.ids.add(1)
    feed.behind = True
    await feed.refill()
    feed.offer(Row(1))
    assert ids(feed) == [1]


@pytest.mark.parametrize("ends", ["cancelled", "failed"])
async def test_a_read_that_ends_badly_leaves_the_feed_behind(ends: str) -> None:
    """It is asked again, and nothing was skipped."""
    disk = Disk(1)
    feed = Feed[Row](4, BYTES_MAX, disk.fetch)
    if ends == "cancelled":
        disk.gate = anyio.Event()
        with anyio.move_on_after(0.01):
            await feed.refill()
        disk.gate = None
    else:
        working, feed._fetch = feed._fetch, broken
        with pytest.raises(OSError, match="the disk"):
            await feed.refill()
        feed._fetch = working
    assert feed.wants_refill
    await feed.refill()
    assert ids(feed) == [1]


async def broken(_after: int, _limit: int, _bytes_max: int) -> tuple[list[Row], bool]:
    raise OSError("the disk")


async def test_a_window_that_is_full_of_bytes_leaves_the_rest_on_disk() -> None:
    """Three rows of ten bytes reach the limit of thirty, though there are a hundred places."""
    disk = Disk()
    feed = Feed[Row](100, 30, disk.fetch)
    await feed.refill()
    assert [commit(feed, disk, id_) for id_ in (1, 2, 3, 4)] == [True, True, True, False]
    assert (ids(feed), feed.behind, feed.wants_refill) == ([1, 2, 3], True, False)
    for _ in range(2):
        disk.ids.discard(feed.take().id)
    await feed.refill()
    assert (ids(feed), feed.behind) == ([3, 4], False)


async def test_a_row_larger_than_the_window_comes_alone() -> None:
    """Nothing is too large to be worked on; it only has no company."""
    disk = Disk(1, 2, 3)
    feed = Feed[Row](100, 5, disk.fetch)
    for id_ in (1, 2, 3):
        await feed.refill()
        assert ids(feed) == [id_]
        assert not feed.wants_refill
        disk.ids.discard(feed.take().id)
    await feed.refill()
    assert not feed.behind


async def test_rows_that_are_left_give_their_room_back() -> None:
    """A pause takes rows out of the window: others fit in their place."""
    disk = Disk()
    feed = Feed[Row](100, 30, disk.fetch)
    await feed.refill()
    for id_ in (1, 2, 3):
        assert commit(feed, disk, id_)
    assert [row.id for row in feed.leave(lambda row: row.id < 3)] == [1, 2]
    assert commit(feed, disk, 4)
    assert ids(feed) == [3, 4]
