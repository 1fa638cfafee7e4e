"""Hints in virtual time: many are one look, looks keep a distance, and none is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise

import anyio

from connectors.fulfil.hints import Hint
from flows.hints import Hints
from runtime.errors import StoreFull
from runtime.testing.virtual_time import VirtualLoop

PRODUCT = Hint(event="e", model="product.product", ids=(1,), at=None)
Story = Callable[[Hints], Awaitable[None]]


def looks(story: Story, *, refused: int = 0) -> list[float]:
    """When the products were looked at while the story ran, in seconds; the first `refused` find no room."""
    loop = VirtualLoop()
    seen: list[float] = []

    async def look() -> None:
        seen.append(loop.time())
        if len(seen) <= refused:
            raise StoreFull("no room")

    async def told() -> None:
        hints = Hints({"product.product": look})
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(hints.run)
            await story(hints)
            tasks.cancel_scope.cancel()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(told())
    return seen


async def many(hints: Hints) -> None:
    for _ in range(500):
        hints.take(PRODUCT)
    await anyio.sleep(60)


async def all_the_time(hints: Hints) -> None:
    for _ in range(600):
        hints.take(PRODUCT)
        await anyio.sleep(0.1)


async def while_looking(hints: Hints) -> None:
    hints.take(PRODUCT)
    await anyio.sleep(1.5)
    hints.take(PRODUCT)
    await anyio.sleep(60)


async def of_nobody(hints: Hints) -> None:
    hints.take(Hint(event="party.created", model="party.party", ids=(), at=None))
    await anyio.sleep(60)


def test_hints_that_come_together_are_one_look() -> None:
    """A second after the first of them."""
    assert looks(many) == [1.0]


def test_hints_that_never_end_cost_few_calls() -> None:
    """A busy tenant's stock changes all the time: at most one look in ten seconds, and the last change is seen."""
    seen = looks(all_the_time)
    assert len(seen) == 6
    assert min(later - earlier for earlier, later in pairwise(seen)) >= 10


def test_a_hint_that_comes_right_after_a_look_is_looked_at_later() -> None:
    """It is not lost."""
    assert looks(while_looking) == [1.0, 12.0]


def test_a_model_that_nobody_reads_is_forgotten() -> None:
    """Nothing is called."""
    assert looks(of_nobody) == []


def test_a_full_store_does_not_end_the_looking() -> None:
    """Everything is read on schedule, too; the next hint looks again."""
    assert looks(while_looking, refused=1) == [1.0, 12.0]
