"""Asking a tenant what it can do: a list of items, each with a question, run one after another.

An item that fails is `unknown`, with its reason, while the others go on. Every call waits for its turn in a budget,
every item has an end in time. Nothing here knows a vendor; what is asked is each connector's own.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Final, Generic, Literal, TypeVar

import anyio
import msgspec

from connectors.capability import Finding, not_found
from connectors.http import Answer
from runtime.budget import Budget
from runtime.errors import Failure, Throttled, Unavailable

C = TypeVar("C")
R = TypeVar("R")

MARK: Final = "seamline-probe"
"""Begins the key of everything that a probe writes, so that it can be known again."""
SHARE: Final = "probe"
_TRIES_MAX: Final = 5
CONNECTIONS_MAX: Final = 10
"""How many calls of a burst are under way at once: one after the other, a slow tenant would never be too fast for."""

Effect = Literal["reads", "bursts", "writes"]
"""What an item does to the tenant: reads; reads faster than it may, until it is told so; writes."""


class Item(msgspec.Struct, Generic[C], frozen=True, kw_only=True):
    """One thing to find out. `finds` are the capabilities it answers, `asks` says in a sentence what is sent."""

    finds: tuple[str, ...]
    asks: str
    find: Callable[[C], Awaitable[Mapping[str, Finding]]]
    effect: Effect = "reads"


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a probe wrote and that is still there. `what` names it as a person would look for it."""

    what: str
    state: str
    remedy: str


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """An item has been asked: its number of so many, and what it found."""

    number: int
    of: int
    findings: Mapping[str, Finding]


def new_mark() -> str:
    """A key for what one run of a probe writes: `seamline-probe-` and eight hexadecimal digits."""
    return f"{MARK}-{secrets.token_hex(4)}"


def chosen(items: Sequence[Item[C]], effects: frozenset[Effect]) -> tuple[Item[C], ...]:
    """The items that do no more to the tenant than they may."""
    return tuple(item for item in items if item.effect in effects)


async def find_all(
    items: Sequence[Item[C]],
    context: C,
    *,
    timeout_s: float,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> dict[str, Finding]:
    """What the items find. Raises nothing of the tenant's: what fails, or takes longer than `timeout_s`, is unknown.

    Cancelled, it leaves what was written to be found by the next run.
    """
    found: dict[str, Finding] = {}
    for number, item in enumerate(items, start=1):
        findings = await _asked(item, context, timeout_s)
        known = {name for name, finding in found.items() if finding.how != "unknown"}
        found.update({name: each for name, each in findings.items() if each.how != "unknown" or name not in known})
        on_progress(Progress(number=number, of=len(items), findings=findings))
    return found


async def _asked(item: Item[C], context: C, timeout_s: float) -> Mapping[str, Finding]:
    try:
        with anyio.fail_after(timeout_s):
            findings = await item.find(context)
    except Failure as failure:
        return _open(item, str(failure))
    except TimeoutError:
        return _open(item, f"it took longer than {timeout_s:g} s")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        return _open(item, f"the answer has a shape that is not known ({type(error).__name__})")
    return {**_open(item, "nothing in the answers tells"), **findings}


def _open(item: Item[C], reason: str) -> dict[str, Finding]:
    return {name: not_found(reason) for name in item.finds}


async def limited_in_a_burst(call: Callable[[], Awaitable[Answer]], *, calls_max: int) -> Answer:
    """The first answer of at most `calls_max` calls, some of them at a time, that is a 429.

    A call that fails has no answer, and is no reason to stop. Raises `Unavailable` when no call meets a limit.
    """
    for _ in range(calls_max // CONNECTIONS_MAX):
        answers: list[Answer] = []

        async def one(into: list[Answer] = answers) -> None:
            with suppress(Failure):
                into.append(await call())

        async with anyio.create_task_group() as tasks:
            for _ in range(CONNECTIONS_MAX):
                tasks.start_soon(one)
        for answer in answers:
            if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
                return answer
    raise Unavailable(f"{calls_max} calls, {CONNECTIONS_MAX} at a time, met no limit")


async def in_turn(budget: Budget, call: Callable[[], Awaitable[R]]) -> R:
    """Make a call when its turn has come; again when it is throttled, which proves that it was not applied.

    Raises what the call raises: a `Failure`, Throttled only when it was throttled again and again.
    """
    for _ in range(_TRIES_MAX):
        async with budget.slot(SHARE):
            try:
                return await call()
            except Throttled as throttled:
                budget.throttled(throttled.retry_after_s)
                last = throttled
    raise last
