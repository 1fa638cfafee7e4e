"""Restarts, their limit, stops, and silence; all in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from itertools import pairwise

import anyio
import pytest

from runtime.errors import RestartLimitReached, StoreFailed, Unavailable
from runtime.supervisor import RestartLimit, Supervisor
from runtime.testing.virtual_time import VirtualClock, VirtualLoop

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return "asyncio", {"loop_factory": VirtualLoop}


class Story:
    """A supervisor and what it told."""

    def __init__(self, limit: RestartLimit | None = None) -> None:
        self.clock = VirtualClock(asyncio.get_running_loop())
        self.restarts: list[tuple[str, str]] = []
        self.silences: list[tuple[str, float]] = []
        self.supervisor = Supervisor(
            self.clock,
            limit=limit,
            on_restart=lambda part, error: self.restarts.append((part, type(error).__name__)),
            on_silence=lambda part, silent_s: self.silences.append((part, silent_s)),
            rng=random.Random(1),
        )


def failing(times: int, error: Callable[[], Exception], after_s: float = 0.0) -> Callable[[], Awaitable[None]]:
    """A part that fails so many times, each after a while, and then finishes."""
    left = times

    async def part() -> None:
        nonlocal left
        await anyio.sleep(after_s)
        if left:
            left -= 1
            raise error()

    return part


async def test_a_part_that_returns_is_finished_and_the_last_one_ends_the_run() -> None:
    """Nobody is restarted for having done its work."""
    story, done = Story(), []

    async def part(name: str, after_s: float) -> None:
        await anyio.sleep(after_s)
        done.append((name, story.clock.monotonic()))

    story.supervisor.add("short", lambda: part("short", 1))
    story.supervisor.add("long", lambda: part("long", 7), silence_max_s=60)
    await story.supervisor.run()
    assert done == [("short", 1.0), ("long", 7.0)]
    assert story.restarts == []


async def test_a_part_that_fails_is_started_again_and_the_others_do_not_notice() -> None:
    """Three failures, three restarts, each told with its error."""
    story, ticks = Story(), []

    async def ticking() -> None:
        for _ in range(10):
            await anyio.sleep(1)
            ticks.append(story.clock.monotonic())

    shaky = story.supervisor.add("shaky", failing(3, lambda: KeyError("x")))
    story.supervisor.add("ticking", ticking)
    await story.supervisor.run()
    assert story.restarts == [("shaky", "KeyError")] * 3
    assert shaky.restarts_total == 3
    assert ticks == [float(second) for second in range(1, 11)]


async def test_restarts_back_off_with_jitter() -> None:
    """The span doubles from restart to restart up to its cap, and each wait is a part of it."""
    limit = RestartLimit(restarts_max=8, period_s=600, backoff_first_s=1.0, backoff_cap_s=10.0)
    story, starts = Story(limit), []

    async def part() -> None:
        starts.append(story.clock.monotonic())
        if len(starts) <= 8:
            raise OSError

    story.supervisor.add("part", part)
    await story.supervisor.run()
    waits = [later - earlier for earlier, later in pairwise(starts)]
    spans = [1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0, 10.0]
    assert all(0 < wait <= span for wait, span in zip(waits, spans, strict=True))
    assert len({round(wait / span, 6) for wait, span in zip(waits, spans, strict=True)}) == 8


async def test_failing_too_often_ends_the_process_with_the_part_and_its_last_error() -> None:
    """Five restarts a minute are allowed; the sixth failure ends it, and cancels the others."""
    story, cancelled = Story(), []

    async def bystander() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.append(True)

    story.supervisor.add("bystander", bystander)
    story.supervisor.add("broken", failing(99, lambda: Unavailable("the far side is away")))
    with pytest.raises(RestartLimitReached, match=r"'broken' failed 6 times within 60 s.*Unavailable: the far side"):
        await story.supervisor.run()
    assert len(story.restarts) == 5
    assert cancelled == [True]


async def test_an_error_of_others_is_told_by_type_and_place_only() -> None:
    """Its message may quote anything, a customer's name included; the error itself is the cause."""
    story = Story(RestartLimit(restarts_max=0))
    story.supervisor.add("broken", failing(1, lambda: ValueError("Jane Doe, 1 High Street")))
    with pytest.raises(RestartLimitReached, match=r"ValueError at test_supervisor\.py:\d+") as caught:
        await story.supervisor.run()
    assert "Jane" not in str(caught.value)
    assert isinstance(caught.value.__cause__, ValueError)


async def test_failures_that_are_far_apart_never_reach_the_limit() -> None:
    """A part that fails every twenty seconds stays below five in sixty, for a thousand times."""
    story = Story()
    story.supervisor.add("tired", failing(1_000, OSError, after_s=20))
    await story.supervisor.run()
    assert len(story.restarts) == 1_000


async def test_a_stop_ends_everything_at_once_and_comes_out_as_it_is() -> None:
    """No restart, no exception group around it, also when the part's own task group wrapped it."""
    story = Story()

    async def writer() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep_forever)
            await anyio.sleep(3)
            raise StoreFailed("the disk failed")

    story.supervisor.add("writer", writer)
    story.supervisor.add("other", anyio.sleep_forever)
    with pytest.raises(StoreFailed, match="the disk failed"):
        await story.supervisor.run()
    assert story.clock.monotonic() == 3.0
    assert story.restarts == []


async def test_a_part_added_later_starts_at_once() -> None:
    """The writer has to run before others can be prepared."""
    story, started = Story(), []

    async def late() -> None:
        started.append(story.clock.monotonic())

    async def first() -> None:
        await anyio.sleep(5)
        story.supervisor.add("late", late)
        await anyio.sleep(5)

    story.supervisor.add("first", first)
    await story.supervisor.run()
    assert started == [5.0]


async def test_names_are_unique() -> None:
    """Two parts of one name could not be told apart in a message."""
    story = Story()
    story.supervisor.add("lane", anyio.sleep_forever)
    with pytest.raises(ValueError, match="already a part named 'lane'"):
        story.supervisor.add("lane", anyio.sleep_forever)


async def test_cancelling_the_run_ends_every_part() -> None:
    """Nothing outlives it, and nothing is restarted for having been cancelled."""
    story, ended = Story(), []

    async def part() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(True)

    for number in range(3):
        story.supervisor.add(f"part {number}", part, silence_max_s=1e6)
    with anyio.move_on_after(10):
        await story.supervisor.run()
    assert ended == [True] * 3
    assert story.restarts == []


async def test_a_stop_in_the_cleanup_of_a_cancelled_part_is_not_lost() -> None:
    """A last commit that fails while the process goes down still decides its exit status."""
    story = Story()

    async def writer() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise StoreFailed("the last commit failed")

    story.supervisor.add("writer", writer)
    with pytest.raises(StoreFailed, match="last commit"):
        with anyio.move_on_after(10):
            await story.supervisor.run()


async def test_a_part_that_has_work_and_falls_silent_is_told_once() -> None:
    """A consumer that hangs: not told before its time, at most a quarter late, and not again until it has beaten."""
    story = Story()

    async def consumer() -> None:
        for _ in range(100):
            await anyio.sleep(1)
            part.beat()
        await anyio.sleep(500)
        part.beat()
        await anyio.sleep(500)

    part = story.supervisor.add("consumer", consumer, silence_max_s=40)
    await story.supervisor.run()
    assert [name for name, _ in story.silences] == ["consumer", "consumer"]
    assert all(40 <= silent_s <= 50 for _, silent_s in story.silences)


async def test_silence_is_counted_from_when_there_was_work() -> None:
    """An idle part may be silent for days; the clock starts when work arrives."""
    story = Story()
    work_from_s = 100_000.0

    def has_work() -> bool:
        return story.clock.monotonic() >= work_from_s

    story.supervisor.add("idle", lambda: anyio.sleep(work_from_s + 39), silence_max_s=40, has_work=has_work)
    await story.supervisor.run()
    assert story.silences == []


async def test_a_part_that_waits_for_its_restart_is_not_silent() -> None:
    """That it failed has been told already."""
    limit = RestartLimit(backoff_first_s=1_000, backoff_cap_s=1_000)
    story = Story(limit)
    story.supervisor.add("shaky", failing(2, OSError), silence_max_s=5)
    await story.supervisor.run()
    assert len(story.restarts) == 2
    assert story.silences == []
