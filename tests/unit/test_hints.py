"""Hints in virtual time: many are one look, looks keep a distance, and none is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise

import anyio

from connectors.fulfil.hints import LEVELS_EVENT, Hint
from flows.hints import PRODUCTS_MAX, Hints
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


def levels(story: Story, *, most: int = 10**6) -> list[tuple[float, int]]:
    """When levels were asked for, and of how many products."""
    loop = VirtualLoop()
    asked: list[tuple[float, int]] = []

    async def read(products: Sequence[int]) -> None:
        asked.append((loop.time(), len(products)))
        if len(asked) > most:
            raise StoreFull("no room")

    async def told() -> None:
        hints = Hints({}, read)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(hints.run_levels)
            await story(hints)
            tasks.cancel_scope.cancel()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(told())
    return asked


async def moving(hints: Hints) -> None:
    for number in range(40):
        hints.take(Hint(event=LEVELS_EVENT, model="product.product", ids=(number % 7 + 1,), at=None))
        await anyio.sleep(0.1)
    hints.take(Hint(event="product.product.created", model="product.product", ids=(99,), at=None))
    await anyio.sleep(5)


async def flooding(hints: Hints) -> None:
    for number in range(100):
        ids = tuple(range(number * 100 + 1, number * 100 + 101))
        hints.take(Hint(event=LEVELS_EVENT, model="product.product", ids=ids, at=None))
    await anyio.sleep(5)


def test_products_whose_levels_changed_are_named_within_a_second_each_once() -> None:
    """Seven products that change all the time: one read a second; another event names nobody."""
    asked = levels(moving)
    assert [count for _, count in asked] == [7] * len(asked)
    assert len(asked) == 4
    assert asked[0][0] == 1.0


def test_hints_of_many_products_are_bounded_and_a_full_store_ends_nothing() -> None:
    """What is beyond is told by the moves."""
    assert [count for _, count in levels(flooding)] == [PRODUCTS_MAX]
    assert len(levels(moving, most=1)) == 4


def test_a_full_store_does_not_end_the_looking() -> None:
    """Everything is read on schedule, too; the next hint looks again."""
    assert looks(while_looking, refused=1) == [1.0, 12.0]
