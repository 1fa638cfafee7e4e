"""Runs, pages, outcomes and policies for the tests of run recovery."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from connectors.patchworks.requests import DownloadPayload, FailedPayloads, ListRuns
from connectors.patchworks.wire import Run, RunStatus
from flows import run_recovery
from flows.config import RecoverySettings
from flows.run_recovery import (
    Policy,
    RunState,
    recovery_policy,
)
from runtime.decision import (
    Decision,
    EffectDone,
    EffectExhausted,
    EffectRefused,
    Repeat,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
FLOW = "4310"
ORDER = b'{"id": "1001"}'


def policy(**changes: Any) -> Policy:
    """One flow, for `web`."""
    settings: dict[str, Any] = {"flows": {FLOW: "web"}, "runs_per_sweep_max": 3, "settle_s": 120, **changes}
    return recovery_policy(RecoverySettings(**settings))


POLICY = policy()


def failed(id_: str = "r1", *, hours_ago: float = 5.0, **more: Any) -> Run:
    """A run that began so long ago, took a minute and failed."""
    began = NOW - hours_ago * HOUR
    fields: dict[str, Any] = {
        "id": id_, "status": RunStatus.FAILURE, "flow_id": FLOW,
        "started_at": began, "finished_at": began + MINUTE, **more,
    }  # fmt: skip
    return Run(**fields)


def listed(*runs: Run, complete: bool = True) -> Any:
    return run_recovery._RunsListed(runs=runs, complete=complete)


def taken(payload_id: str = "p1", **more: Any) -> Any:
    return run_recovery._PayloadTaken(payload_id=payload_id, **more)


def refused(code: str = "403", sentence: str = "Patchworks refused it (HTTP 403)") -> EffectRefused:
    return EffectRefused(intent=1, kind="k", code=code, sentence=sentence, began_us=1, ended_us=2, attempts=1)


def exhausted() -> EffectExhausted:
    sentence = "it was tried 9 times: no answer"
    return EffectExhausted(
        intent=1, kind="k", cause="unavailable", sentence=sentence, began_us=1, ended_us=2, attempts=9
    )


def done(result: Any) -> EffectDone:
    return EffectDone(intent=1, kind="k", result=result, began_us=1, ended_us=2, attempts=1)


GONE = refused("payload_gone", "Patchworks no longer keeps the payload p1 (72 hours)")


def asked(decision: Decision) -> Any:
    """What the one call of a decision asks for."""
    (effect,) = decision.effects
    assert (effect.api, effect.repeat, effect.share) == ("patchworks", Repeat.SAFE, "orders")
    kinds: dict[str, Any] = {each.kind: each for each in (ListRuns, FailedPayloads, DownloadPayload)}
    return msgspec.json.decode(effect.body, type=kinds[effect.kind])


def going(*left: str, **more: Any) -> RunState:
    """A run with these payloads to take, the first of which is being fetched; without any, its log is being read."""
    fields: dict[str, Any] = {
        "run": failed(), "found_at": NOW, "sales_channel": "web", "asked": True, "left": left,
        "log_page": 0 if left else 1, **more,
    }  # fmt: skip
    return RunState(**fields)


def case_of(decision: Decision) -> tuple[str, str]:
    """(kind, sentence) of the one case that is open now."""
    (case,) = decision.state.cases
    return case.kind, case.sentence


def timer(decision: Decision) -> tuple[str, timedelta, Any]:
    (each,) = decision.timers
    return each.name, each.due - NOW, each.message
