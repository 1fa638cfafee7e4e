"""The run follower: how the runs end that our starts have begun, by one list per poll for all flows together.

In: `FollowRun` of `flow_starts`, its own timer, pages of runs. Out: `RunEnded` to `flow_starts`. Key:
`patchworks/runs`. All calls are reads and repeat freely. A crash goes on with the runs that are followed: they are its
state. A run that neither ends nor is seen for an hour is told as unseen, so that one stuck run does not make every list
longer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from connectors.patchworks.following import (
    Watch,
    begin_poll,
    follow,
    overdue,
    page_seen,
    poll_failed,
    succeeded,
)
from connectors.patchworks.requests import ListRuns, effect
from connectors.patchworks.wire import Page, Run
from flows.model.outgoing import FLOW_STARTS, flow_key
from flows.model.runs import RUN_FOLLOWER, FollowRun, Outcome, RunEnded
from runtime.actor import Item
from runtime.clock import to_instant
from runtime.decision import (
    Decision,
    Effect,
    EffectDone,
    EffectExhausted,
    EffectRefused,
    EffectUnknown,
    Emit,
    Message,
    Timer,
    Write,
)

NAME = RUN_FOLLOWER
POLL_EVERY = timedelta(seconds=10)
"""How often ends of runs are asked for, while any are awaited."""
AGAIN_AFTER = timedelta(minutes=1)


class PollRuns(Message, frozen=True):
    """Timer: ask how the runs have ended."""


class FollowState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The runs that are followed; `batches` says of which flow and start each is: run -> (flow, batch)."""

    watch: Watch = Watch()
    batches: dict[str, tuple[str, str]] = {}


def decide(state: FollowState, message: Any, now: datetime) -> Decision:
    """What follows for the runs. Pure."""
    now_ms = to_instant(now) // 1000
    match message:
        case FollowRun(run_id=run_id):
            watch = follow(state.watch, run_id, now_ms)
            batches = {**state.batches, run_id: (message.flow_id, message.batch)}
            followed = replace(state, watch=watch, batches=batches)
            if state.watch.followed:  # its poll is under way or set; to set it anew would put it off with every start
                return Decision(state=followed)
            return _waiting(followed, now + POLL_EVERY)
        case PollRuns():
            watch, asked = begin_poll(state.watch, now_ms)
            if asked is None:
                return Decision(state=state)
            return Decision(state=replace(state, watch=watch), effects=(_list(asked),))
        case EffectDone(result=page):
            return _seen(state, page, now)
        case EffectRefused() | EffectExhausted() | EffectUnknown():
            return _waiting(replace(state, watch=poll_failed(state.watch)), now + AGAIN_AFTER)
        case _:
            raise TypeError(f"runs have no use for a {type(message).__name__}")


def _seen(state: FollowState, page: Page[Run], now: datetime) -> Decision:
    """A page of runs: those that ended are told, those that are overdue, too."""
    watch, seen = page_seen(state.watch, page)
    ends: list[tuple[str, Outcome]] = [(run.id, "ok" if succeeded(run) else "failed") for run in seen.ended]
    late: tuple[str, ...] = ()
    if seen.next is None:
        watch, late = overdue(watch, to_instant(now) // 1000)
        ends += [(run_id, "unseen") for run_id in late]
    gone = {run_id for run_id, _ in ends}
    told = tuple(_told(run_id, outcome, *state.batches[run_id]) for run_id, outcome in ends if run_id in state.batches)
    batches = {run_id: of for run_id, of in state.batches.items() if run_id not in gone}
    state = replace(state, watch=watch, batches=batches)
    if seen.next is not None:
        return Decision(state=state, emits=told, effects=(_list(seen.next),))
    if not watch.followed:
        return Decision(state=state, emits=told)
    return replace(_waiting(state, now + POLL_EVERY), emits=told)


def _told(run_id: str, outcome: Outcome, flow_id: str, batch: str) -> Emit:
    ended = RunEnded(flow_id=flow_id, batch=batch, run_id=run_id, outcome=outcome)
    return Emit(channel=FLOW_STARTS, key=flow_key(flow_id), message=ended)


def _waiting(state: FollowState, due: datetime) -> Decision:
    return Decision(state=state, timers=(Timer(name="poll", due=due, message=PollRuns()),))


def _list(asked: ListRuns) -> Effect:
    return effect(replace(asked, with_errors=True), share="rest")


class RunFollower:
    """The actor. See the module."""

    name = NAME
    message_type = FollowRun | PollRuns
    state_type = FollowState

    def __init__(self, emit: Callable[[Any], None]) -> None:
        self._emit = emit

    def begin(self, key: str) -> FollowState:  # noqa: ARG002 - there is one
        """Nothing is followed."""
        return FollowState()

    async def ready(self) -> None:
        """It can always decide."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Everything is in the messages."""
        return [item.message for item in items]

    def decide(self, state: FollowState, message: Any, now: datetime) -> Decision:
        """See `decide` above."""
        return decide(state, message, now)

    def project(self, key: str, before: FollowState, after: FollowState, now: datetime) -> Sequence[Write]:  # noqa: ARG002
        """Nobody lists runs."""
        return ()

    def announce(self, key: str, before: FollowState, after: FollowState) -> None:
        """Nothing is counted here: `flow_starts` counts what became of its starts."""
