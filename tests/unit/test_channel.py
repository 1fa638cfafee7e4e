"""An inbox: serial per key, parallel across keys, set aside and called back, paused and resumed."""

from __future__ import annotations

from collections.abc import Iterable

import anyio
import pytest

from runtime.channel import BULK, LIVE, Channel, Envelope
from runtime.clock import SystemClock

pytestmark = pytest.mark.anyio


class Disk:
    """Messages on disk: id -> (key, priority)."""

    def __init__(self) -> None:
        self.rows: dict[int, tuple[str, int]] = {}
        self.paused: set[str] = set()
        self.reads = 0
        self.channel = Channel("inbox", 8, 1_000, self.fetch, self.fetch_oldest, SystemClock())

    async def fetch(self, priority: int, after: int, limit: int, bytes_max: int) -> tuple[list[Envelope], bool]:
        self.reads += 1
        beyond = [
            Envelope(id=id_, key=key, priority=of)
            for id_, (key, of) in sorted(self.rows.items())
            if of == priority and id_ > after and key.partition("/")[0] not in self.paused
        ]
        return beyond[:limit], len(beyond) < limit

    async def fetch_oldest(self, key: str) -> Envelope | None:
        ids = sorted(id_ for id_, (of, _) in self.rows.items() if of == key)
        return Envelope(id=ids[0], key=key, priority=self.rows[ids[0]][1]) if ids else None

    def send(self, id_: int, key: str, priority: int = LIVE) -> None:
        self.rows[id_] = key, priority
        self.channel.offer(Envelope(id=id_, key=key, priority=priority))

    async def take(self, count: int = 64) -> list[Envelope]:
        """What can be had now; empty when a consumer would wait."""
        with anyio.move_on_after(0.01):
            return await self.channel.receive(count)
        return []

    def done(self, envelope: Envelope, *, blocked: bool = False) -> None:
        """Decided on and durable."""
        self.rows.pop(envelope.id, None)
        self.channel.done(envelope)
        if not blocked:
            self.channel.unblock(envelope.key)


def ids(envelopes: Iterable[Envelope]) -> list[int]:
    return [envelope.id for envelope in envelopes]


def outcome(id_: int, key: str) -> Envelope:
    return Envelope(id=id_, key=key, outcome=True)


async def test_a_batch_has_one_message_of_each_key_and_the_rest_wait_behind() -> None:
    """Serial per key, parallel across keys."""
    disk = Disk()
    for id_, key in enumerate(("s/a", "s/a", "s/b", "s/a", "s/c"), start=1):
        disk.send(id_, key)
    first = await disk.take()
    assert ids(first) == [1, 3, 5]
    assert await disk.take() == []
    disk.done(first[0])
    assert ids(await disk.take()) == [2]


async def test_a_key_whose_write_is_in_flight_delays_no_other_and_comes_back_in_order() -> None:
    """What comes meanwhile stays on disk; after the outcome it comes one by one, and then as ever."""
    disk = Disk()
    disk.send(1, "s/a")
    (first,) = await disk.take()
    disk.send(2, "s/a")
    disk.done(first, blocked=True)
    (second,) = await disk.take()
    disk.channel.defer(second)
    for id_ in (3, 4):
        disk.send(id_, "s/a")
    disk.send(5, "s/b")
    assert ids(await disk.take()) == [5]
    assert disk.channel.statistics().deferred_keys == 1
    disk.channel.bring_outcome(outcome(-1, "s/a"))
    (came,) = await disk.take()
    assert came.outcome
    disk.done(came)
    for wanted in (2, 3, 4):
        (envelope,) = await disk.take()
        assert envelope.id == wanted
        disk.done(envelope)
    assert await disk.take() == []
    assert disk.channel.statistics().deferred_keys == 0
    disk.send(6, "s/a")
    assert ids(await disk.take()) == [6]


async def test_what_waits_behind_a_deferred_message_goes_back_to_disk_with_it() -> None:
    """Nothing of the key is given out from memory while its write is in flight."""
    disk = Disk()
    for id_ in (1, 2, 3):
        disk.send(id_, "s/a")
    (first,) = await disk.take()
    disk.channel.defer(first)
    assert await disk.take() == []
    disk.channel.unblock("s/a")
    (again,) = await disk.take()
    assert again.id == 1


async def test_bulk_gets_every_fifth_turn_of_a_busy_inbox() -> None:
    """Live messages first, and bulk is not starved."""
    disk = Disk()
    await disk.take()
    for id_ in range(1, 9):
        disk.send(id_, f"s/live{id_}")
    for id_ in range(101, 109):
        disk.send(id_, f"s/bulk{id_}", BULK)
    took = ids(await disk.take(10))
    assert took.count(101) == 1
    assert sum(id_ > 100 for id_ in took) == 2
    assert took[0] == 1


async def test_outcomes_go_ahead_and_through_a_pause() -> None:
    """They end what has begun."""
    disk = Disk()
    disk.send(1, "s/a")
    disk.channel.pause(None)
    disk.channel.bring_outcome(outcome(-7, "s/b"))
    assert disk.channel.outcomes_waiting
    assert ids(await disk.take()) == [-7]
    assert await disk.take() == []


@pytest.mark.parametrize("scope", [None, "s"])
async def test_a_pause_leaves_everything_on_disk_and_a_resume_finds_it_in_order(scope: str | None) -> None:
    """In the window, behind a key, or committed meanwhile; another partition goes on when only one is paused."""
    disk = Disk()
    disk.send(1, "s/a")
    (first,) = await disk.take()
    for id_ in (2, 3):
        disk.send(id_, "s/a")
    disk.channel.pause(scope)
    if scope is not None:
        disk.paused.add(scope)
    disk.send(4, "s/a")
    disk.send(5, "other/x")
    disk.done(first)
    assert ids(await disk.take()) == ([5] if scope is not None else [])
    disk.paused.clear()
    disk.channel.resume(scope)
    got = []
    for _ in range(6):
        for envelope in await disk.take():
            got.append(envelope.id)
            disk.done(envelope)
    assert [id_ for id_ in got if id_ != 5] == [2, 3, 4]
    assert got.count(5) == (0 if scope is not None else 1)


async def test_a_parked_key_stays_parked_whatever_comes_for_it() -> None:
    """Until a restart; outcomes of its calls still come through, and do not set it free."""
    disk = Disk()
    for id_ in (1, 2):
        disk.send(id_, "s/a")
    (first,) = await disk.take()
    disk.channel.park(first)
    disk.send(3, "s/a")
    disk.channel.bring_outcome(outcome(-1, "s/a"))
    (came,) = await disk.take()
    assert came.outcome
    disk.done(came)
    assert await disk.take() == []
    disk.send(4, "s/b")
    assert ids(await disk.take()) == [4]


async def test_what_is_put_back_is_given_out_again_before_what_waits_behind_it() -> None:
    """A batch whose consumer failed is not lost, and not turned round."""
    disk = Disk()
    for id_ in (1, 2):
        disk.send(id_, "s/a")
    (first,) = await disk.take()
    disk.channel.put_back(first)
    (again,) = await disk.take()
    assert again.id == 1
    disk.done(again)
    assert ids(await disk.take()) == [2]


async def test_one_busy_key_does_not_fill_the_memory() -> None:
    """Hundreds of messages of a key that is being decided: a few wait in memory, the others on disk."""
    disk = Disk()
    for id_ in range(1, 301):
        disk.send(id_, "s/a")
    (first,) = await disk.take()
    disk.send(301, "s/b")
    assert ids(await disk.take()) == [301]
    assert disk.channel.statistics().depth <= 16
    took = [first.id]
    disk.done(first)
    while envelopes := await disk.take():
        for envelope in envelopes:
            took.append(envelope.id)
            disk.done(envelope)
    assert took == list(range(1, 301))


async def test_a_consumer_that_waits_is_woken_and_a_cancelled_one_takes_nothing() -> None:
    """Waiting costs no reads."""
    disk = Disk()
    assert await disk.take() == []
    reads = disk.reads
    assert await disk.take() == []
    assert disk.reads == reads
    got: list[int] = []

    async def consume() -> None:
        got.extend(ids(await disk.channel.receive(1)))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(consume)
        await anyio.lowlevel.checkpoint()
        disk.send(1, "s/a")
    assert got == [1]


async def test_has_work_says_whether_a_consumer_would_get_something() -> None:
    """What a watcher needs to tell idle from stuck."""
    disk = Disk()
    await disk.take()
    assert not disk.channel.has_work
    disk.send(1, "s/a")
    assert disk.channel.has_work
    disk.channel.pause(None)
    assert not disk.channel.has_work


async def test_a_message_that_is_called_twice_while_it_lies_in_the_window_is_given_once() -> None:
    """Deferred, called, deferred again by a write that goes out anew, read again after a pause, and called again."""
    disk = Disk()
    disk.send(1, "s/a")
    (first,) = await disk.take(1)
    disk.send(2, "s/a")
    disk.channel.defer(first)
    disk.channel.unblock("s/a")
    (first,) = await disk.take(1)
    disk.done(first)
    (second,) = await disk.take(1)
    disk.channel.defer(second)
    disk.channel.pause(None)
    disk.channel.resume(None)
    assert await disk.take(0) == []  # it reads what is on disk
    disk.channel.unblock("s/a")
    (second,) = await disk.take(1)
    assert second.id == 2
    disk.done(second)
    assert await disk.take() == []
    disk.send(3, "s/a")
    assert ids(await disk.take()) == [3]
