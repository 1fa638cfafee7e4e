"""The suite for sandboxes can fail: each planted defect breaks the rule that is there to find it.

The honest one is the Patchworks sandbox; a defect stands between it and the suite.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import msgspec
import pytest

from runtime.testing.conformance import Reply, Request, Sandbox, Violation, sandbox_cases_of
from runtime.testing.conformance.sandboxes import SANDBOX_RULES
from runtime.testing.faults import FaultRule
from tests.contracts.conformance_sandboxes import PATCHWORKS, ask, digest, open_patchworks, starts


def violations(sandbox: Sandbox) -> dict[str, str]:
    """The rules that it breaks, each with its complaint."""
    found: dict[str, str] = {}
    for case in sandbox_cases_of(sandbox):
        try:
            case.run()
        except Violation as violation:
            found[case.rule] = str(violation)
    return found


def with_rules(**kinds: str) -> Any:
    """Takes one kind of fault for another."""

    @asynccontextmanager
    async def opened(rules: Sequence[FaultRule], seed: int) -> AsyncIterator[str]:
        other = [msgspec.structs.replace(rule, kind=kinds.get(rule.kind, rule.kind)) for rule in rules]
        async with open_patchworks(other, seed) as url:
            yield url

    return opened


@asynccontextmanager
async def seeded_by_itself(rules: Sequence[FaultRule], seed: int) -> AsyncIterator[str]:
    """Knows better than to take a seed."""
    async with open_patchworks(rules, seed % 1) as url:
        yield url


@asynccontextmanager
async def everywhere(rules: Sequence[FaultRule], seed: int) -> AsyncIterator[str]:
    """Says that it listens on all addresses."""
    async with open_patchworks(rules, seed) as url:
        yield url.replace("127.0.0.1", "0.0.0.0")  # noqa: S104 - the defect


@asynccontextmanager
async def slow_to_close(rules: Sequence[FaultRule], seed: int) -> AsyncIterator[str]:
    """Waits for those who will never come."""
    async with open_patchworks(rules, seed) as url:
        yield url
        await anyio.sleep(60)


async def ask_with_a_key(url: str, request: Request) -> Reply | None:
    """Lets everybody in."""
    return await ask(url, msgspec.structs.replace(request, headers={**request.headers, "Authorization": "pk_sandbox"}))


async def ask_and_succeed(url: str, request: Request) -> Reply | None:
    """Answers what it does not know with an empty success."""
    reply = await ask(url, request)
    return msgspec.structs.replace(reply, status=200) if reply is not None and reply.status == 404 else reply


async def ask_twice(url: str, request: Request) -> Reply | None:
    """Applies everything twice."""
    await ask(url, request)
    return await ask(url, request)


async def ask_without_headers(url: str, request: Request) -> Reply | None:
    """Says nothing of how long to wait."""
    reply = await ask(url, request)
    return None if reply is None else msgspec.structs.replace(reply, headers={})


async def counted_by_calls(_url: str, _key: str) -> int:
    """Books that have everything once, whatever happened."""
    return 1


class Arrivals:
    """Books that count in the order of arrival."""

    def __init__(self) -> None:
        self.number = 0

    async def digest(self, url: str) -> str:
        """Another one each time."""
        self.number += 1
        return f"{await digest(url)}-{self.number}"


def changed(**changes: Any) -> Sandbox:
    """The honest sandbox, with a defect."""
    return msgspec.structs.replace(PATCHWORKS, **changes)


DEFECTS: dict[str, tuple[Sandbox, set[str]]] = {
    "lost means not applied": (changed(open=with_rules(answer_lost="reset_before")), {"a_lost_answer_was_applied"}),
    "reset is applied": (changed(open=with_rules(reset_before="answer_lost")), {"a_reset_before_was_not_applied"}),
    "an error is a lost answer": (
        changed(open=with_rules(server_error="answer_lost")),
        {"a_server_error_was_not_applied"},
    ),
    "throttling is an error": (changed(open=with_rules(throttle="server_error")), {"throttling_says_how_long_to_wait"}),
    "no Retry-After": (changed(ask=ask_without_headers), {"throttling_says_how_long_to_wait"}),
    "no latency": (changed(open=with_rules(latency="duplicate")), {"latency_delays_and_does_no_more"}),
    "no seed": (changed(open=seeded_by_itself), {"one_seed_gives_one_set_of_fates_and_books"}),
    "books by arrival": (changed(digest=Arrivals().digest), {"one_seed_gives_one_set_of_fates_and_books"}),
    "everybody is let in": (changed(ask=ask_with_a_key), {"nobody_is_served_without_credentials"}),
    "simulates success": (changed(ask=ask_and_succeed), {"what_it_does_not_know_is_not_found"}),
    "applies twice": (changed(ask=ask_twice), {"a_write_is_in_its_books_once"}),
    "books of wishes": (
        changed(applied=counted_by_calls),
        {"a_write_is_in_its_books_once", "each_opening_is_a_new_room_and_it_closes_at_once"},
    ),
    "open to the network": (changed(open=everywhere), {"it_listens_on_this_machine_alone"}),
    "never closes": (changed(open=slow_to_close), {"each_opening_is_a_new_room_and_it_closes_at_once"}),
}


@pytest.mark.parametrize(("sandbox", "rules"), DEFECTS.values(), ids=DEFECTS)
def test_a_planted_defect_is_found(sandbox: Sandbox, rules: set[str]) -> None:
    """By the rules that are there for it."""
    found = violations(sandbox)
    assert rules <= set(found), found


def test_an_honest_sandbox_is_not_accused() -> None:
    """Nothing is found where nothing is wrong."""
    assert violations(changed(applied=starts)) == {}


def test_every_rule_is_broken_by_some_defect() -> None:
    """No rule is there that nothing has ever failed."""
    tried = set().union(*(rules for _, rules in DEFECTS.values()))
    assert tried == {rule.__name__ for rule in SANDBOX_RULES}
