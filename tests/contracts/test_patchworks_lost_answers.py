"""A lane of the runtime with the Patchworks connector: after a dropped connection it looks, and never just repeats.

The other side is scripted from the facts; `tests/contracts/patchworks_core.py`.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import msgspec
import pytest

from connectors.patchworks.config import WebhookTarget
from connectors.patchworks.requests import RetryRun, SendWebhook, StartFlow, encode
from connectors.patchworks.triggers import WebhookApi
from connectors.patchworks.wire import RetryStarted, Started
from runtime.api import Api
from runtime.breaker import Breaker
from runtime.budget import Budget, BudgetPolicy
from runtime.clock import SystemClock
from runtime.config import Secret
from runtime.decision import EffectAbsent, EffectDone, EffectUnknown, Outcome, Repeat
from runtime.lane import Intent, Lane, LaneConfig
from runtime.retry import RetryPolicy
from tests.contracts.patchworks_core import Door, Patchworks, door, listed, run_row

pytestmark = pytest.mark.anyio

BATCH = "stk-20261120-0917-0003"
PAYLOAD = b'{"batch_id":"' + BATCH.encode() + b'","levels":[]}'
RUNS = "GET /core/api/v1/flow-runs"
STARTING = "POST /start/api/v1/flows/4320/start/raw"
RETRYING = "POST /core/api/v1/flow-runs/r0/retry"
WEBHOOK = "POST /webhooks/api/v1/acme/01k44s"
WRITES = {
    "start_flow": (STARTING, StartFlow(flow_id="4320", key=BATCH, began_ms=1, payload=msgspec.Raw(PAYLOAD)), "API"),
    "retry_run": (RETRYING, RetryRun(run_id="r0"), "Retry"),
    "send_webhook": (
        WEBHOOK,
        SendWebhook(webhook="stock", key=BATCH, began_ms=1, payload=msgspec.Raw(PAYLOAD)),
        "Webhook",
    ),
}


class Run:
    """A lane at work on one call, and what came of it."""

    def __init__(self, lane: Lane, intent: Intent, outcomes: list[Outcome]) -> None:
        self.lane, self.intent, self.outcomes = lane, intent, outcomes

    async def until(self, kind: type[Outcome]) -> Outcome:
        """Wait for an outcome of this kind, which has to be the last."""
        with anyio.fail_after(5):
            while not self.outcomes or not isinstance(self.outcomes[-1], kind):
                await anyio.sleep(0.001)
        return self.outcomes[-1]


@asynccontextmanager
async def working(api: Api, kind: str, body: bytes) -> AsyncIterator[Run]:
    """The lane, with one write of this kind in it."""
    outcomes: list[Outcome] = []
    clock = SystemClock()

    async def nothing_on_disk(_share: str, _after: int, _limit: int) -> list[Intent]:
        await anyio.lowlevel.checkpoint()
        return []

    lane = Lane(
        api,
        LaneConfig(workers_per_share={"stock": 1}, retry=RetryPolicy(first_s=0.001, cap_s=0.01), settle_s=0.0),
        Budget(clock, {"stock": 1}, concurrency_max=1, policy=BudgetPolicy(pause_first_s=0.01)),
        Breaker(),
        fetch=nothing_on_disk,
        bring_outcome=lambda _intent, outcome: outcomes.append(outcome),
        signal=lambda _key, _message: None,
        clock=clock,
        emit=lambda _event: None,
        rng=random.Random(1),
    )
    intent = Intent(
        id=1, actor="stock_publisher", key="stock/web", api=api.name, share="stock", kind=kind,
        repeat=Repeat.CHECK_FIRST, body=body,
    )  # fmt: skip
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lane.run)
        while not lane.reserve("stock"):
            await anyio.sleep(0.001)
        intent.claimed = True
        lane.offer(intent)
        yield Run(lane, intent, outcomes)
        tasks.cancel_scope.cancel()


def api_of(at: Door, kind: str) -> Api:
    """The API that makes calls of this kind."""
    if kind != "send_webhook":
        return at.api
    target = WebhookTarget(url=Secret(f"{at.url}webhooks/api/v1/acme/01k44s?patchworks_signature=x"), flow_id="4320")
    config = msgspec.structs.replace(at.config, webhooks={"stock": target})
    return WebhookApi(config, at.api, at.session, observe=lambda _reading: None)


def shows(patchworks: Patchworks, *runs: dict[str, Any]) -> None:
    """What Patchworks shows of its runs afterwards; the first payload of each holds the batch."""
    patchworks.will_answer(f"{RUNS}/r0", {"data": run_row("r0", status=3)})
    patchworks.will_answer("GET /core/api/v1/scheduled-flows", listed())
    patchworks.will_answer(RUNS, listed(*runs))
    patchworks.will_answer("GET /core/api/v1/payload-metadata", listed({"id": 7}))
    patchworks.will_answer("GET /core/api/v1/payload-metadata/7/download", PAYLOAD)


@pytest.mark.parametrize("kind", WRITES)
async def test_a_connection_dropped_after_commit_ends_in_the_run_that_was_begun(kind: str) -> None:
    """One request, then looks, then done: whatever write it was."""
    what, request, trigger = WRITES[kind]
    async with door() as at:
        at.patchworks.breaks.add(what)
        shows(at.patchworks, run_row("r1", trigger=trigger, retry_flow_run_id="r0"))
        async with working(api_of(at, kind), kind, encode(request)) as run:
            done = await run.until(EffectDone)
    assert isinstance(done, EffectDone)
    assert done.found_by_look
    assert done.result == (
        RetryStarted(run_id="r1") if kind == "retry_run" else Started(run_id="r1", evidence="payload")
    )
    assert [type(each) for each in run.outcomes] == [EffectUnknown, EffectDone]
    assert at.patchworks.calls().count(what) == 1


@pytest.mark.parametrize("kind", WRITES)
async def test_a_connection_dropped_before_commit_is_repeated_only_when_a_decision_says_so(kind: str) -> None:
    """Absent first; then the identical bytes, once."""
    what, request, _ = WRITES[kind]
    async with door() as at:
        at.patchworks.breaks.add(what)
        shows(at.patchworks)
        async with working(api_of(at, kind), kind, encode(request)) as run:
            await run.until(EffectAbsent)
            assert at.patchworks.calls().count(what) == 1
            at.patchworks.breaks.clear()
            at.patchworks.will_answer(what, {"message": "Flow initialised.", "flow_run_id": "r1"})
            run.lane.resend(run.intent.id)
            await run.until(EffectDone)
    sent = [each.body for each in at.patchworks.asked if f"{each.method} {each.path}" == what]
    assert len(sent) == 2
    assert sent[0] == sent[1]


async def test_while_it_cannot_be_known_it_is_asked_again_and_never_sent_again() -> None:
    """An outage of the Core API after a lost start."""
    async with door() as at:
        at.patchworks.breaks.add(STARTING)
        at.patchworks.will_answer("GET /core/api/v1/scheduled-flows", b"", status=503)
        at.patchworks.will_answer("GET /core/api/v1/scheduled-flows", {"message": "Too Many Attempts."}, status=429)
        shows(at.patchworks, run_row("r1"))
        async with working(at.api, "start_flow", encode(WRITES["start_flow"][1])) as run:
            await run.until(EffectDone)
    assert at.patchworks.calls().count(STARTING) == 1
    assert at.patchworks.calls().count("GET /core/api/v1/scheduled-flows") == 3
