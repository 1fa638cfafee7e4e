"""Whatever the interleaving, an inbox gives every message out once, in the order of its key, one at a time.

The disk, the actor and the outside are models: a dictionary of rows, a consumer that blocks keys as writes in flight
would, and outcomes that come back later. Reads may be stale or slow, commits may be seen by a read before they are
offered, and people pause and resume whatever they like.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any, TypeVar

import anyio
import anyio.abc
import anyio.lowlevel
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runtime.channel import BULK, LIVE, Channel, Envelope
from runtime.testing.virtual_time import VirtualClock, VirtualLoop

KEYS = ("a/1", "a/2", "b/1", "b/2")
PATIENCE_S = 10_000
T = TypeVar("T")


def message(id_: int, key: str, priority: int) -> Envelope:
    """A message of some size, always the same for its id."""
    return Envelope(id=id_, key=key, priority=priority, raw=b"." * (id_ * 7 % 11))


class World:
    """Rows on disk, keys with a write in flight, and who consumes them."""

    def __init__(self, seed: int, capacity: int, clock: VirtualClock, tasks: anyio.abc.TaskGroup) -> None:
        self.random = random.Random(seed)
        self.tasks = tasks
        self.rows: dict[int, tuple[str, int]] = {}
        self.blocked: dict[str, int] = {}
        self.parked: set[str] = set()
        self.paused: set[str] = set()
        self.deciding: set[str] = set()
        self.committed: dict[str, list[int]] = {key: [] for key in KEYS}
        self.decided: dict[str, list[int]] = {key: [] for key in KEYS}
        self.outcomes: list[int] = []
        self.intents = 0
        self.last_id = 0
        self.depth_max = 0
        self.channel = Channel(
            "inbox", capacity, self.random.choice((1, 20, 1_000)), self.fetch, self.fetch_oldest, clock
        )

    async def pass_time(self) -> None:
        for _ in range(self.random.randrange(4)):
            await anyio.lowlevel.checkpoint()
        if self.random.random() < 0.3:
            await anyio.sleep(self.random.choice((0.001, 0.01, 0.1)))

    async def read(self, query: Callable[[], T]) -> T:
        """What a reader in another thread does: it sees one commit, and answers some time after."""
        await self.pass_time()
        seen = query()
        await self.pass_time()
        return seen

    async def fetch(self, priority: int, after: int, limit: int, bytes_max: int) -> tuple[list[Envelope], bool]:
        def query() -> tuple[list[Envelope], bool]:
            found: list[Envelope] = []
            for id_, (key, of) in sorted(self.rows.items()):
                if of != priority or id_ <= after or key in self.parked or key.partition("/")[0] in self.paused:
                    continue
                found.append(message(id_, key, priority))
                if sum(each.size_bytes for each in found) >= bytes_max or len(found) == limit:
                    return found, False
            return found, True

        return await self.read(query)

    async def fetch_oldest(self, key: str) -> Envelope | None:
        return await self.read(
            lambda: next((message(id_, key, of) for id_, (k, of) in sorted(self.rows.items()) if k == key), None)
        )

    async def send(self, key: str, how: str) -> None:
        self.last_id += 1
        id_, priority = self.last_id, BULK if key.endswith("2") else LIVE
        self.rows[id_] = key, priority
        self.committed[key].append(id_)
        if how == "late":  # a read in another thread can see the commit before the loop hears of it
            await anyio.lowlevel.checkpoint()
        if how == "nudge":
            self.channel.nudge(id_, priority)
        else:
            self.channel.offer(message(id_, key, priority))

    async def consume(self) -> None:
        while True:
            batch = await self.channel.receive(self.random.choice((1, 3)))
            self.depth_max = max(self.depth_max, self.channel.statistics().depth)
            assert len({envelope.key for envelope in batch}) == len(batch)
            for envelope in batch:
                assert envelope.key not in self.deciding, "a key was given out twice at once"
                self.deciding.add(envelope.key)
            await self.pass_time()
            for envelope in batch:
                await self.decide(envelope)

    async def decide(self, envelope: Envelope) -> None:
        key = envelope.key
        if envelope.outcome:
            self.outcomes.append(envelope.id)
            if self.blocked.get(key) == envelope.id:
                del self.blocked[key]
            if key not in self.blocked and self.random.random() < 0.3:  # absent: the same bytes go out again
                self.begin_write(key)
        elif key in self.blocked:
            self.deciding.discard(key)
            self.channel.defer(envelope)
            return
        elif self.random.random() < 0.1:
            self.deciding.discard(key)
            self.channel.put_back(envelope)
            return
        else:
            self.decided[key].append(envelope.id)
            if self.random.random() < 0.4:
                self.begin_write(key)
        await self.pass_time()
        self.rows.pop(envelope.id, None)
        await anyio.lowlevel.checkpoint()
        self.deciding.discard(key)
        self.channel.done(envelope)
        if key not in self.blocked:
            self.channel.unblock(key)

    def begin_write(self, key: str) -> None:
        self.intents += 1
        intent = -self.intents
        self.blocked[key] = intent
        self.tasks.start_soon(self.end_write, key, intent)

    async def end_write(self, key: str, intent: int) -> None:
        await anyio.sleep(self.random.choice((0, 0.01, 1.0)))
        if self.random.random() < 0.3:  # the answer is lost: the key is free, and an outcome comes all the same
            if self.blocked.get(key) == intent and key not in self.deciding:
                del self.blocked[key]
                self.channel.unblock(key)
            await anyio.sleep(0.02)
        self.channel.bring_outcome(Envelope(id=intent, key=key, outcome=True))

    async def obey(self, what: str, scope: str | None) -> None:
        if scope is not None and what == "pause":
            self.paused.add(scope)
        elif scope is not None:
            self.paused.discard(scope)
        await self.pass_time()
        (self.channel.pause if what == "pause" else self.channel.resume)(scope)


async def play(script: list[tuple[Any, ...]], seed: int, capacity: int) -> World:
    """Play a script, then let everything go on until nothing is left."""
    clock = VirtualClock(asyncio.get_running_loop())
    async with anyio.create_task_group() as tasks:
        world = World(seed, capacity, clock, tasks)
        tasks.start_soon(world.consume)
        tasks.start_soon(world.consume)
        for what, *rest in script:
            if what == "send":
                await world.send(*rest)
            elif what == "wait":
                await anyio.sleep(rest[0])
            else:
                await world.obey(what, rest[0])
        for scope in (None, "a", "b"):
            await world.obey("resume", scope)
        with anyio.move_on_after(PATIENCE_S):
            while world.rows or world.blocked or len(world.outcomes) < world.intents:
                await anyio.sleep(1)
        await anyio.sleep(1)
        tasks.cancel_scope.cancel()
    return world


SENDS = st.tuples(st.just("send"), st.sampled_from(KEYS), st.sampled_from(("offer", "late", "nudge")))
SCRIPTS = st.lists(
    st.one_of(
        SENDS,
        SENDS,
        SENDS,
        st.tuples(st.just("wait"), st.sampled_from((0.0, 0.001, 0.05, 2.0))),
        st.tuples(st.sampled_from(("pause", "resume")), st.sampled_from((None, "a", "b"))),
    ),
    max_size=60,
)


@pytest.mark.timeout(60)
@given(script=SCRIPTS, seed=st.integers(0, 2**32), capacity=st.sampled_from((1, 2, 3, 8, 64)))
def test_every_message_is_given_once_and_in_the_order_of_its_key(
    script: list[tuple[Any, ...]], seed: int, capacity: int
) -> None:
    """Commits, stale reads, deferrals, outcomes, failures and pauses in any order: nothing lost, doubled or turned."""
    world = anyio.run(play, script, seed, capacity, backend_options={"loop_factory": lambda: VirtualLoop(seed=seed)})
    assert world.decided == world.committed
    assert sorted(world.outcomes) == [-number for number in range(world.intents, 0, -1)]
    assert not world.channel.statistics().busy_keys


@pytest.mark.timeout(60)
@example(seed=287309964, count=50)  # a key was deferred while later messages of it were ahead already
@example(seed=303, count=120)
@given(seed=st.integers(0, 2**32), count=st.integers(50, 200))
def test_memory_is_bounded_by_the_window_whatever_waits_on_disk(seed: int, count: int) -> None:
    """A flood over four keys, few places: two windows, what was called from disk, and eight behind each busy key."""
    picks = random.Random(seed)
    script = [("send", picks.choice(KEYS), picks.choice(("offer", "nudge"))) for _ in range(count)]
    world = anyio.run(play, script, seed, 4, backend_options={"loop_factory": lambda: VirtualLoop(seed=seed)})
    assert world.decided == world.committed
    assert world.depth_max <= 2 * 4 + 4 + len(KEYS) * (8 + 2)
