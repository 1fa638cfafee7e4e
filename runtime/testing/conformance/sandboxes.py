"""What every sandbox has to be: a closed room that tells the truth about what was applied, whatever it was told to do.

The vendor's facts are tests of the sandbox itself, each with its source (`facts`). These are the promises that tests,
demos and observers build on, the same for every vendor: faults by plan, books, credentials, an end.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import anyio
import msgspec

from runtime.testing.conformance.ending import require
from runtime.testing.conformance.subject import Reply
from runtime.testing.conformance.suite import Case
from runtime.testing.faults import FaultRule

_KEYS: Final = tuple(f"key-{number:04}" for number in range(12))
_STOP_S: Final = 5.0
_CREATED: Final = (200, 201, 202, 204)
_UNAUTHORISED: Final = (401, 403)
_NOT_FOUND: Final = 404
_TOO_MANY: Final = 429
_SERVER_ERRORS: Final = range(500, 600)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request of the vendor's API, credentials included. `path` begins with a slash."""

    verb: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


Ask = Callable[[str, Request], Awaitable[Reply | None]]
"""`ask(url, request)`: make it once. None: the connection ended without an answer."""


class Sandbox(msgspec.Struct, frozen=True, kw_only=True):
    """A sandbox under test.

    `open(rules, seed)` runs one that misbehaves as the rules say, and yields its URL. `write(key)` is a write whose
    business key is `key`, `route` the name of its route in fault rules; `applied(url, key)` reads from the books how
    often it was applied. `credentials` are the headers that prove who asks. `digest(url)` tells one set of books from
    another, without ids and times.
    """

    name: str
    open: Callable[[Sequence[FaultRule], int], AbstractAsyncContextManager[str]]
    ask: Ask
    read: Request
    write: Callable[[str], Request]
    route: str
    applied: Callable[[str, str], Awaitable[int]]
    digest: Callable[[str], Awaitable[str]]
    credentials: tuple[str, ...]
    unauthorised: tuple[int, ...] = _UNAUTHORISED


def sandbox_cases_of(sandbox: Sandbox) -> list[Case]:
    """All that the sandbox has to keep, to be run like those of a connector."""
    return [Case(rule.__name__, sandbox.name, partial(rule, sandbox)) for rule in SANDBOX_RULES]


# -- the rules ---------------------------------------------------------------------------------------------------------


async def it_listens_on_this_machine_alone(sandbox: Sandbox) -> None:
    """A stand-in with published credentials is nothing for a network."""
    async with sandbox.open((), 0) as url:
        host = urlsplit(url).hostname or ""
    require(ipaddress.ip_address(host).is_loopback, sandbox.name, f"it listens on {host}")


async def a_write_is_in_its_books_once(sandbox: Sandbox) -> None:
    """And a read is answered."""
    async with sandbox.open((), 0) as url:
        written = await _status(sandbox, url, sandbox.write(_KEYS[0]))
        require(written in _CREATED, sandbox.name, f"a good write was answered {written}")
        read = await _status(sandbox, url, sandbox.read)
        require(read in _CREATED, sandbox.name, f"a good read was answered {read}")
        await _require_applied(sandbox, url, _KEYS[0], 1, "a good write")
        await _require_applied(sandbox, url, _KEYS[1], 0, "a write that nobody made")


async def nobody_is_served_without_credentials(sandbox: Sandbox) -> None:
    """Neither without any nor with wrong ones, and nothing is applied."""
    write = sandbox.write(_KEYS[0])
    others = {name: value for name, value in write.headers.items() if name not in sandbox.credentials}
    async with sandbox.open((), 0) as url:
        for headers in (others, {**others, **dict.fromkeys(sandbox.credentials, "nobody")}):
            status = await _status(sandbox, url, msgspec.structs.replace(write, headers=headers))
            require(status in sandbox.unauthorised, sandbox.name, f"without credentials the answer was {status}")
        await _require_applied(sandbox, url, _KEYS[0], 0, "without credentials")


async def what_it_does_not_know_is_not_found(sandbox: Sandbox) -> None:
    """Nothing simulates success."""
    path = sandbox.read.path.split("?")[0] + "-of-nothing"
    async with sandbox.open((), 0) as url:
        status = await _status(sandbox, url, msgspec.structs.replace(sandbox.read, path=path))
    require(status == _NOT_FOUND, sandbox.name, f"a path that does not exist was answered {status}")


async def a_lost_answer_was_applied(sandbox: Sandbox) -> None:
    """`answer_lost`: the connection ends, and the books have it."""
    await _meets(sandbox, FaultRule(route=sandbox.route, kind="answer_lost", probability=1), (None,), applied=1)


async def a_reset_before_was_not_applied(sandbox: Sandbox) -> None:
    """`reset_before`: the connection ends, and the books do not have it."""
    await _meets(sandbox, FaultRule(route=sandbox.route, kind="reset_before", probability=1), (None,), applied=0)


async def a_server_error_was_not_applied(sandbox: Sandbox) -> None:
    """`server_error`: a 5xx, and the books do not have it."""
    rule = FaultRule(route=sandbox.route, kind="server_error", probability=1)
    await _meets(sandbox, rule, tuple(_SERVER_ERRORS), applied=0)


async def throttling_says_how_long_to_wait(sandbox: Sandbox) -> None:
    """`throttle`: 429 with the Retry-After that the rule says, or without one; not applied."""
    for after_s in (7, None):
        rule = FaultRule(route=sandbox.route, kind="throttle", probability=1, retry_after_s=after_s)
        told = (await _meets(sandbox, rule, (_TOO_MANY,), applied=0)).get("retry-after")
        wanted = None if after_s is None else str(after_s)
        require(told == wanted, sandbox.name, f"the rule says Retry-After {wanted}, and the answer {told}")


async def latency_delays_and_does_no_more(sandbox: Sandbox) -> None:
    """`latency`: applied and answered, later."""
    rule = FaultRule(route=sandbox.route, kind="latency", probability=1, latency_ms=1_500)
    began = anyio.current_time()
    await _meets(sandbox, rule, _CREATED, applied=1)
    took_s = anyio.current_time() - began
    require(took_s >= rule.latency_ms / 1_000, sandbox.name, f"it was to wait 1.5 s, and answered after {took_s:g}")


async def one_seed_gives_one_set_of_fates_and_books(sandbox: Sandbox) -> None:
    """In whatever order the calls come; and another seed gives others."""
    rules = (
        FaultRule(route=sandbox.route, kind="answer_lost", probability=0.3),
        FaultRule(route=sandbox.route, kind="server_error", probability=0.3),
    )
    first, books = await _day(sandbox, rules, 7, _KEYS)
    again, same_books = await _day(sandbox, rules, 7, _KEYS[::-1])
    other, _ = await _day(sandbox, rules, 8, _KEYS)
    require(len(set(first.values())) > 1, sandbox.name, f"rules of three in ten never or always fired: {first}")
    require(first == again, sandbox.name, f"the order of calls changed their fates: {first} became {again}")
    require(first != other, sandbox.name, "another seed changes nothing")
    require(books == same_books, sandbox.name, "the same calls in another order gave other books")


async def each_opening_is_a_new_room_and_it_closes_at_once(sandbox: Sandbox) -> None:
    """Nothing is left of the one before; a connection that is kept open delays no end."""
    for _ in range(2):
        async with sandbox.open((), 0) as url:
            await _require_applied(sandbox, url, _KEYS[0], 0, "at the beginning")
            await _status(sandbox, url, sandbox.write(_KEYS[0]))
            await _require_applied(sandbox, url, _KEYS[0], 1, "after a good write")
            began = anyio.current_time()
        took_s = anyio.current_time() - began
        require(took_s <= _STOP_S, sandbox.name, f"it took {took_s:g} s to close")


SANDBOX_RULES: Final = (
    it_listens_on_this_machine_alone,
    a_write_is_in_its_books_once,
    nobody_is_served_without_credentials,
    what_it_does_not_know_is_not_found,
    a_lost_answer_was_applied,
    a_reset_before_was_not_applied,
    a_server_error_was_not_applied,
    throttling_says_how_long_to_wait,
    latency_delays_and_does_no_more,
    one_seed_gives_one_set_of_fates_and_books,
    each_opening_is_a_new_room_and_it_closes_at_once,
)
"""The rules that every sandbox keeps."""

# -- parts -------------------------------------------------------------------------------------------------------------


async def _status(sandbox: Sandbox, url: str, request: Request) -> int | None:
    reply = await sandbox.ask(url, request)
    return None if reply is None else reply.status


async def _require_applied(sandbox: Sandbox, url: str, key: str, wanted: int, when: str) -> None:
    applied = await sandbox.applied(url, key)
    require(applied == wanted, sandbox.name, f"{when}: the books have it {applied} times instead of {wanted}")


async def _meets(
    sandbox: Sandbox, rule: FaultRule, statuses: Sequence[int | None], *, applied: int
) -> Mapping[str, str]:
    """What one write meets under one rule: its headers, in lower case."""
    async with sandbox.open((rule,), 0) as url:
        reply = await sandbox.ask(url, sandbox.write(_KEYS[0]))
        status = None if reply is None else reply.status
        require(status in statuses, sandbox.name, f"under {rule.kind} a write was answered {status or 'not at all'}")
        await _require_applied(sandbox, url, _KEYS[0], applied, f"under {rule.kind}")
    return {} if reply is None else {name.lower(): value for name, value in reply.headers.items()}


async def _day(
    sandbox: Sandbox, rules: Sequence[FaultRule], seed: int, keys: Sequence[str]
) -> tuple[dict[str, int | None], str]:
    """The fate of each key, and the digest of the books afterwards."""
    async with sandbox.open(rules, seed) as url:
        fates = {key: await _status(sandbox, url, sandbox.write(key)) for key in keys}
        return dict(sorted(fates.items())), await sandbox.digest(url)
