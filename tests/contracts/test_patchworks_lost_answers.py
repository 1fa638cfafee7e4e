"""The whole runtime with the Patchworks connector: after a dropped connection, or a death, it looks before it repeats.

An actor of the test makes one write and decides as the start protocol does. The other side is scripted from the facts;
`tests/contracts/patchworks_core.py`.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from connectors.patchworks.config import WebhookTarget
from connectors.patchworks.requests import RetryRun, SendWebhook, StartFlow, encode
from connectors.patchworks.triggers import WebhookApi
from runtime.actor import Item
from runtime.api import Api
from runtime.breaker import Breaker
from runtime.budget import Budget, BudgetPolicy
from runtime.clock import SystemClock
from runtime.config import Secret
from runtime.decision import Decision, Effect, EffectAbsent, EffectDone, EffectUnknown, Message, Repeat, Write
from runtime.engine import Engine, EngineConfig, Outside
from runtime.journal.journal import opened
from runtime.lane import LaneConfig
from runtime.retry import RetryPolicy
from runtime.signals import SignalCleared, SignalRaised
from runtime.supervisor import Supervisor
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


class Make(Message, frozen=True, kw_only=True):
    """Make this write; `repeats`: and repeat it when it turns out to be absent."""

    api: str
    kind: str
    body: bytes
    repeats: bool


class Made(msgspec.Struct, frozen=True):
    """What has become of it so far, as words."""

    repeats: bool = False
    words: tuple[str, ...] = ()


class Sender:
    """The actor. `words` is the last durable state's."""

    name = "sender"
    message_type = Make | SignalRaised | SignalCleared
    state_type = Made

    def __init__(self) -> None:
        self.words: tuple[str, ...] = ()

    def begin(self, key: str) -> Made:
        """Nothing yet."""
        return Made()

    async def ready(self) -> None:
        """At once."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Nothing is needed."""
        await anyio.lowlevel.checkpoint()
        return [item.message for item in items]

    def decide(self, state: Made, message: Any, now: datetime) -> Decision:
        """Note what happens; repeat what is absent, where that is wanted."""
        match message:
            case Make():
                effect = Effect(
                    api=message.api, kind=message.kind, body=message.body, repeat=Repeat.CHECK_FIRST, share="stock"
                )
                return Decision(state=Made(message.repeats), effects=(effect,))
            case EffectUnknown():
                return Decision(state=Made(state.repeats, (*state.words, "unknown")))
            case EffectAbsent():
                again = (message.intent,) if state.repeats else ()
                return Decision(state=Made(state.repeats, (*state.words, "absent")), resend=again)
            case EffectDone():
                how = "found" if message.found_by_look else "done"
                words = (*state.words, f"{how} {message.result.run_id}".strip())
                return Decision(state=Made(state.repeats, words))
            case _:
                return Decision(state=state)

    def project(self, key: str, before: Made, after: Made, now: datetime) -> Sequence[Write]:
        """No rows."""
        return ()

    def announce(self, key: str, before: Made, after: Made) -> None:
        """What is durable can be waited for."""
        if not key.startswith("system/"):
            self.words = after.words

    async def until(self, *words: str) -> None:
        """Wait for exactly this story."""
        with anyio.fail_after(10):
            while self.words != words:
                await anyio.sleep(0.002)


@asynccontextmanager
async def process(store: Path, api: Api) -> AsyncIterator[tuple[Engine, Sender]]:
    """A process over this store. Leaving the block is a death: nothing is finished, nothing is told."""
    clock, sender = SystemClock(), Sender()
    lane = LaneConfig(workers_per_share={"stock": 1}, retry=RetryPolicy(first_s=0.001, cap_s=0.01), settle_s=0.0)
    budget = Budget(clock, {"stock": 1}, concurrency_max=1, policy=BudgetPolicy(pause_first_s=0.01))
    async with opened(store, clock, lambda _event: None, ()) as journal:
        engine = Engine(
            journal,
            [sender],
            [Outside(api=api, lane=lane, budget=budget, breaker=Breaker())],
            EngineConfig(),
            signals_to=sender.name,
            sampled=lambda _key: False,
            emit=lambda _event: None,
            rng=random.Random(1),
        )
        supervisor = Supervisor(clock, on_restart=lambda _part, _error: None, on_silence=lambda _part, _silent_s: None)
        supervisor.add("journal", journal.writer.run)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(supervisor.run)
            await engine.prepare()
            engine.supervise(supervisor)
            yield engine, sender
            tasks.cancel_scope.cancel()


async def make(engine: Engine, api: Api, kind: str, *, repeats: bool = False) -> None:
    """Have the actor make one write."""
    body = encode(WRITES[kind][1])
    await engine.post("sender", "stock/web", Make(api=api.name, kind=kind, body=body, repeats=repeats))


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
async def test_a_connection_dropped_after_commit_ends_in_the_run_that_was_begun(kind: str, tmp_path: Path) -> None:
    """One request, then looks, then done: whatever write it was."""
    what, _, trigger = WRITES[kind]
    async with door() as at:
        at.patchworks.breaks.add(what)
        shows(at.patchworks, run_row("r1", trigger=trigger, retry_flow_run_id="r0", started_at="2026-11-20 09:20:00"))
        api = api_of(at, kind)
        async with process(tmp_path / "store.db", api) as (engine, sender):
            await make(engine, api, kind)
            await sender.until("unknown", "found r1")
    assert at.patchworks.calls().count(what) == 1


@pytest.mark.parametrize("kind", WRITES)
async def test_a_connection_dropped_before_commit_is_repeated_only_when_a_decision_says_so(
    kind: str, tmp_path: Path
) -> None:
    """Absent first; then, by decision, the identical bytes, once."""
    what, _, _ = WRITES[kind]
    async with door() as at:
        at.patchworks.breaks.add(what)
        shows(at.patchworks)
        api = api_of(at, kind)
        async with process(tmp_path / "held.db", api) as (engine, sender):
            await make(engine, api, kind)
            await sender.until("unknown", "absent")
        assert at.patchworks.calls().count(what) == 1
        at.patchworks.breaks_once = True
        at.patchworks.will_answer(what, {"message": "Flow initialised.", "flow_run_id": "r1"})
        async with process(tmp_path / "repeated.db", api) as (engine, sender):
            await make(engine, api, kind, repeats=True)
            await sender.until("unknown", "absent", "done" if kind == "send_webhook" else "done r1")
    sent = [each.body for each in at.patchworks.asked if f"{each.method} {each.path}" == what]
    assert len(sent) == 3
    assert len(set(sent)) == 1


async def test_while_it_cannot_be_known_it_is_asked_again_and_never_sent_again(tmp_path: Path) -> None:
    """An outage of the Core API after a lost start."""
    queue = "GET /core/api/v1/scheduled-flows"
    async with door() as at:
        at.patchworks.breaks.add(STARTING)
        at.patchworks.will_answer(queue, b"", status=503)
        at.patchworks.will_answer(queue, {"message": "Too Many Attempts."}, status=429)
        shows(at.patchworks, run_row("r1"))
        async with process(tmp_path / "store.db", at.api) as (engine, sender):
            await make(engine, at.api, "start_flow")
            await sender.until("unknown", "found r1")
    assert (at.patchworks.calls().count(STARTING), at.patchworks.calls().count(queue)) == (1, 3)


async def test_a_death_between_a_start_and_its_record_is_looked_into_by_the_next_process(tmp_path: Path) -> None:
    """The start is under way when the process dies; the next one finds the run and starts nothing."""
    async with door() as at:
        at.patchworks.hangs.add(STARTING)
        shows(at.patchworks, run_row("r1"))
        store = tmp_path / "store.db"
        async with process(store, at.api) as (engine, _):
            await make(engine, at.api, "start_flow")
            with anyio.fail_after(10):
                while STARTING not in at.patchworks.calls():
                    await anyio.sleep(0.002)
        async with process(store, at.api) as (_, sender):
            await sender.until("unknown", "found r1")
    assert at.patchworks.calls().count(STARTING) == 1
