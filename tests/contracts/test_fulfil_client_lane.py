"""The runtime's lane with the Fulfil connector: after a dropped connection it looks, and never repeats by hope.

For each kind of write. The other side is scripted; whoever decides is the test.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from runtime.breaker import Breaker
from runtime.budget import Budget, BudgetPolicy
from runtime.clock import SystemClock
from runtime.decision import EffectAbsent, EffectDone, EffectUnknown, Outcome
from runtime.lane import Intent, Lane, LaneConfig
from runtime.retry import RetryPolicy
from tests.contracts.fulfil_at import connector
from tests.contracts.fulfil_cases import CASES, Case

pytestmark = pytest.mark.anyio

EVERY = pytest.mark.parametrize("case", CASES, ids=[case.ask.kind for case in CASES])


class Fulfil:
    """Drops the connection of the first writes, after or before they are applied; answers looks by what was applied."""

    def __init__(self, case: Case, *, drops: int, applies: bool) -> None:
        self.case, self.drops, self.applies = case, drops, applies
        self.applied = False
        self.story: list[str] = []
        self.sent: list[bytes] = []

    async def answer(self, request: web.Request) -> web.Response:
        """One call."""
        body = await request.read()
        if request.path != f"/api/v2/model/{self.case.path}":
            self.story.append("look")
            return web.json_response(self.case.there if self.applied else self.case.absent)
        self.story.append("write")
        self.sent.append(body)
        self.applied = self.applies or len(self.sent) > self.drops
        if len(self.sent) <= self.drops:
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(self.case.answer)


class Told:
    """What the lane told, and what was decided: an absent call is sent again."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.ended = anyio.Event()
        self.lane: Lane | None = None

    def take(self, intent: Intent, outcome: Outcome) -> None:
        """Decide."""
        self.outcomes.append(outcome)
        if isinstance(outcome, EffectAbsent):
            assert self.lane is not None
            self.lane.resend(intent.id)
        elif not isinstance(outcome, EffectUnknown):
            self.ended.set()

    @property
    def words(self) -> list[str]:
        return [type(outcome).__name__ for outcome in self.outcomes]


@asynccontextmanager
async def lane(fulfil: Fulfil) -> AsyncIterator[Told]:
    """A lane that makes the case's write at the scripted Fulfil."""
    application, told, clock = web.Application(), Told(), SystemClock()
    application.router.add_route("*", "/{path:.*}", fulfil.answer)
    retry = RetryPolicy(first_s=0.001, cap_s=0.01)
    config = LaneConfig(workers_per_share={"orders": 2}, retry=retry, settle_s=0.0)
    async with TestServer(application) as server, connector(f"http://127.0.0.1:{server.port}") as api:
        budget = Budget(clock, {"orders": 1}, concurrency_max=2, policy=BudgetPolicy(pause_first_s=0.01))
        ask = fulfil.case.ask
        intent = Intent(
            id=1, actor="test", key="a/1", api=api.name, share="orders", kind=ask.kind, repeat=ask.repeat, body=ask.body
        )

        async def on_disk(_share: str, after: int, *_bounds: int) -> tuple[list[Intent], bool]:
            return ([intent] if after < intent.id else []), True

        told.lane = Lane(
            api,
            config,
            budget,
            Breaker(),
            fetch=on_disk,
            bring_outcome=told.take,
            signal=lambda *_args, **_kwargs: None,
            clock=clock,
            emit=lambda _event: None,
            rng=random.Random(1),
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(told.lane.run)
            yield told
            tasks.cancel_scope.cancel()


@EVERY
async def test_a_write_dropped_after_the_commit_is_found_and_never_sent_again(case: Case) -> None:
    """One write, one look, one result."""
    fulfil = Fulfil(case, drops=1, applies=True)
    async with lane(fulfil) as told:
        with anyio.fail_after(5):
            await told.ended.wait()
    assert told.words == ["EffectUnknown", "EffectDone"]
    done: Any = told.outcomes[-1]
    assert isinstance(done, EffectDone)
    assert done.found_by_look
    assert done.result == (case.result if case.found is None else case.found)
    assert fulfil.story == ["write", "look"]


@EVERY
async def test_a_write_dropped_before_the_commit_is_sent_again_only_after_a_look(case: Case) -> None:
    """The identical bytes, each time after Fulfil has said that nothing is there."""
    fulfil = Fulfil(case, drops=2, applies=False)
    async with lane(fulfil) as told:
        with anyio.fail_after(5):
            await told.ended.wait()
    assert told.words == ["EffectUnknown", "EffectAbsent"] * 2 + ["EffectDone"]
    assert fulfil.story == ["write", "look", "write", "look", "write"]
    assert len(set(fulfil.sent)) == 1
