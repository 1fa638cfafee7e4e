"""A lane in virtual time: what is under way when somebody decides, pauses, or an outage ends."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from runtime.breaker import Breaker
from runtime.budget import Budget
from runtime.decision import EffectAbsent, EffectDone, Outcome, Repeat
from runtime.errors import Failure, Refused, Throttled, Unavailable, Unknown
from runtime.lane import Intent, Lane, LaneConfig, restored
from runtime.retry import RetryPolicy
from runtime.testing.virtual_time import VirtualClock, VirtualLoop

pytestmark = pytest.mark.anyio

SETTLE_S = 1.0


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return "asyncio", {"loop_factory": VirtualLoop}


class Outside:
    """An API that takes half a second for whatever it is asked."""

    name = "outside"

    def __init__(self) -> None:
        self.story: list[str] = []
        self.failing: Failure | None = None
        self.there: str | None = None

    async def perform(self, kind: str, body: bytes) -> str:
        return await self._answered(f"{kind} {body.decode()}") or "done"

    async def look(self, kind: str, body: bytes) -> str | None:
        return await self._answered(f"look for {kind} {body.decode()}")

    async def _answered(self, what: str) -> str | None:
        self.story.append(what)
        await anyio.sleep(0.5)
        if self.failing is not None:
            raise self.failing
        return self.there


class World:
    """A lane over some intents on disk, and the outcomes that it brought."""

    def __init__(self, rows: list[tuple[Any, ...]], **config: Any) -> None:
        clock = VirtualClock(asyncio.get_running_loop())
        self.outside, self.rows, self.outcomes = Outside(), rows, list[Outcome]()
        self.lane = Lane(
            self.outside,
            LaneConfig(workers_per_share={"orders": 2}, retry=RetryPolicy(), settle_s=SETTLE_S, **config),
            Budget(clock, {"orders": 1}, concurrency_max=2),
            Breaker(),
            fetch=self.fetch,
            bring_outcome=lambda _intent, outcome: self.outcomes.append(outcome),
            signal=lambda *_args: None,
            clock=clock,
            emit=lambda _event: None,
            rng=random.Random(1),
        )

    async def fetch(self, share: str, after: int, *_bounds: int) -> tuple[list[Intent], bool]:
        return [restored(row, "outside", share, 2) for row in self.rows if row[0] > after], True

    @property
    def words(self) -> list[str]:
        return [type(outcome).__name__ for outcome in self.outcomes]


@asynccontextmanager
async def running(*rows: tuple[Any, ...], **config: Any) -> AsyncIterator[World]:
    world = World(list(rows), **config)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(world.lane.run)
        yield world
        tasks.cancel_scope.cancel()


def on_disk(id_: int, key: str, *, unknown: bool = False, repeat: Repeat = Repeat.CHECK_FIRST) -> tuple[Any, ...]:
    """A row of `intents_after` that this process has not begun; `unknown`: an earlier one lost the answer."""
    return (id_, "actor", key, "start", repeat.value, f"batch {id_}".encode(), 0, int(unknown), 1)


# -- decided while a look is still to come -----------------------------------------------------------------------------


@pytest.mark.parametrize("decided_after_s", [0.0, 0.5 * SETTLE_S, SETTLE_S + 0.25])
async def test_what_is_to_be_sent_again_while_a_look_is_to_come_is_sent_once_and_after_it(
    decided_after_s: float,
) -> None:
    """A process was restarted while a person was asked; the answer comes before the new look, or while it is made."""
    async with running(on_disk(7, "a/1", unknown=True)) as world:
        await anyio.sleep(decided_after_s + 0.01)
        world.lane.resend(7)
        await anyio.sleep(60.0)
    assert world.outside.story == ["look for start batch 7", "start batch 7"]
    assert world.words == ["EffectUnknown", "EffectDone"]


async def test_what_the_look_finds_is_not_sent_again_because_it_was_decided_so_before() -> None:
    """The person was asked before the slow server had begun it."""
    async with running(on_disk(7, "a/1", unknown=True)) as world:
        world.outside.there = "run 77"
        await anyio.sleep(0.01)
        world.lane.resend(7)
        await anyio.sleep(60.0)
    assert world.outside.story == ["look for start batch 7"]
    assert world.words == ["EffectUnknown", "EffectDone"]


async def test_a_look_that_finds_nothing_waits_for_a_decision_however_long() -> None:
    """Nothing is sent until somebody says so; then it is, at once and once."""
    async with running(on_disk(7, "a/1", unknown=True)) as world:
        await anyio.sleep(3_600.0)
        assert isinstance(world.outcomes[-1], EffectAbsent)
        assert world.outside.story == ["look for start batch 7"]
        world.lane.resend(7)
        await anyio.sleep(1.0)
        assert world.outside.story == ["look for start batch 7", "start batch 7"]
        await anyio.sleep(60.0)
    assert world.outside.story[2:] == []


async def test_looks_that_are_throttled_for_an_hour_are_made_soon_after_it() -> None:
    """Their backoff does not grow beside the pace of the budget: nothing was tried that could have failed."""
    async with running(*(on_disk(number, f"a/{number}", unknown=True) for number in range(1, 21))) as world:
        world.outside.failing = Throttled("too many", retry_after_s=1.0)
        await anyio.sleep(3_600.0)
        world.outside.failing = None
        await anyio.sleep(30.0)
        assert world.words == ["EffectUnknown"] * 20 + ["EffectAbsent"] * 20


# -- paused while calls wait for the other side ------------------------------------------------------------------------


async def test_a_call_that_waited_for_the_end_of_an_outage_does_not_begin_in_a_partition_that_was_paused() -> None:
    """Workers have calls in hand for as long as the breaker is open; somebody pauses their partition meanwhile."""
    async with running(*(on_disk(number, f"{'ab'[number % 2]}/{number}") for number in range(1, 21))) as world:
        world.outside.failing = Unavailable("away")
        await anyio.sleep(10.0)
        assert world.lane.breaker.state != "closed"
        world.lane.pause("a")
        world.outside.failing = None
        world.outside.story.clear()
        await anyio.sleep(600.0)
        begun = {int(each.split()[-1]) for each in world.outside.story}
        assert begun == {number for number in range(1, 21) if number % 2}
        world.lane.resume("a")
        await anyio.sleep(600.0)
    assert len(world.outside.story) == len(set(world.outside.story)) == 20


# -- a store that was restored from a backup ---------------------------------------------------------------------------


@pytest.mark.parametrize("repeat", [Repeat.KEYED, Repeat.CHECK_FIRST])
async def test_in_a_restored_store_what_is_there_already_is_done_and_not_made_again(repeat: Repeat) -> None:
    """Nobody is told that anything was unknown: it is the same to whoever wanted it."""
    async with running(on_disk(7, "a/1", repeat=repeat)) as world:
        world.lane.looks_first = True
        world.outside.there = "from before"
        await anyio.sleep(60.0)
    assert world.outside.story == ["look for start batch 7"]
    (done,) = world.outcomes
    assert isinstance(done, EffectDone)
    assert (done.result, done.found_by_look) == ("from before", True)


async def test_in_a_restored_store_what_is_not_there_is_made_after_one_look_however_often_it_is_tried() -> None:
    """Each of the two calls is paid for by itself; a read is not looked for."""
    async with running(on_disk(7, "a/1"), on_disk(8, "a/2", repeat=Repeat.SAFE)) as world:
        world.lane.looks_first = True
        await anyio.sleep(0.6)
        world.outside.failing = Unavailable("away")
        await anyio.sleep(0.6)
        world.outside.failing = None
        await anyio.sleep(600.0)
    assert world.words == ["EffectDone", "EffectDone"]
    assert world.outside.story.count("look for start batch 7") == 1
    assert world.outside.story.count("start batch 7") == 2
    assert world.outside.story[:2] == ["look for start batch 7", "start batch 8"]


async def test_a_look_that_fails_in_a_restored_store_is_made_again_before_anything_is_sent() -> None:
    """An outage in the middle of it is no answer."""
    async with running(on_disk(7, "a/1")) as world:
        world.lane.looks_first = True
        world.outside.failing = Unavailable("away")
        await anyio.sleep(20.0)
        assert set(world.outside.story) == {"look for start batch 7"}
        world.outside.failing, world.outside.there = None, "from before"
        await anyio.sleep(600.0)
    assert set(world.outside.story) == {"look for start batch 7"}
    assert world.words == ["EffectDone"]


async def test_a_look_that_is_refused_again_and_again_in_a_restored_store_is_told() -> None:
    """A right to read that is missing: whoever wanted the call hears that nobody knows; nothing is made meanwhile."""
    async with running(on_disk(7, "a/1")) as world:
        world.lane.looks_first = True
        world.outside.failing = Refused("no right to read", code="403")
        await anyio.sleep(3_600.0)
        assert world.words == ["EffectUnknown"]
        assert "no right to read" in world.outcomes[0].cause  # type: ignore[union-attr]
        world.outside.failing = None
        await anyio.sleep(3_600.0)
    assert world.words == ["EffectUnknown", "EffectAbsent"]
    assert set(world.outside.story) == {"look for start batch 7"}


async def test_a_lost_answer_in_a_restored_store_is_looked_for_once_more_and_waits_for_a_decision() -> None:
    """That it was not there before the call says nothing about after it; what is decided to go again goes at once."""
    async with running(on_disk(7, "a/1")) as world:
        world.lane.looks_first = True
        await anyio.sleep(0.6)
        world.outside.failing = Unknown("lost")
        await anyio.sleep(0.6)
        world.outside.failing = None
        await anyio.sleep(60.0)
        assert world.words == ["EffectUnknown", "EffectAbsent"]
        world.lane.resend(7)
        await anyio.sleep(60.0)
    look, start = "look for start batch 7", "start batch 7"
    assert world.outside.story == [look, start, look, start]
    assert world.words == ["EffectUnknown", "EffectAbsent", "EffectDone"]


async def test_in_a_restored_store_what_needs_no_look_is_made_without_one() -> None:
    """A start of a flow: a look could take a run for it that an earlier life has begun, when no payload can be read."""
    async with running(on_disk(7, "a/1"), never_looked_for_first=frozenset({"start"})) as world:
        world.lane.looks_first = True
        await anyio.sleep(60.0)
    assert world.outside.story == ["start batch 7"]
    assert world.words == ["EffectDone"]
