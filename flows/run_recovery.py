"""Run recovery: what a failed Patchworks run was about to deliver is fetched before its payloads are gone.

In: `Sweep` (at start, then by timer), `RecoverRun` for each run that a sweep found, outcomes of Patchworks calls. Out:
deliveries of orders, by the same door as everybody's. Keys: `patchworks/sweep`, and `patchworks/run/<id>` for each run.
All calls are reads and repeat freely. A payload's orders are accepted before the decision that they were, so a crash
between the two accepts them again, and they are known by key, version and bytes: nothing is doubled, nothing is lost.
A run is recovered once: its state stays. What cannot be recovered any more is a case with an owner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import anyio
import msgspec
from msgspec.structs import replace

from connectors.patchworks.items import Items, Refusal
from connectors.patchworks.recovery import PAYLOADS_KEPT, Fetch, RecoveryPolicy, choose, lists, needs_recovery
from connectors.patchworks.requests import DownloadPayload, FailedPayloads, ListRuns, effect
from connectors.patchworks.wire import Page, Payload, Run
from flows.config import RecoverySettings
from flows.events import RunRecovered
from flows.exceptions.kinds import ExceptionCase
from flows.model.cases import announce_cases, case_rows
from flows.model.messages import Recheck
from runtime.actor import Item
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
from runtime.delivery import Accept
from runtime.errors import StoreFull
from runtime.journal.journal import Journal
from runtime.schedule import Interval, Schedule, next_after

NAME = "run_recovery"
SWEEP_KEY = "patchworks/sweep"
_RUN_KEY = "patchworks/run/"
_FOUND_MAX = 5_000
"""Runs that one sweep remembers until it has read its lists; what is beyond is found by the next one."""
_AGAIN_AFTER = timedelta(minutes=15)
_STORE_FULL_WAIT_S = 1.0


# -- messages ----------------------------------------------------------------------------------------------------------


class Sweep(Message, frozen=True):
    """Look for failed runs."""


class RecoverRun(Message, frozen=True, kw_only=True):
    """Fetch what this run was about to deliver; `sales_channel` is the one that its flow delivers for."""

    run: Run
    sales_channel: str


class _RunsListed(Message, frozen=True, kw_only=True):
    """A page of runs, without those that nobody need look at and those that are known."""

    runs: tuple[Run, ...]
    complete: bool


class _PayloadTaken(Message, frozen=True, kw_only=True):
    """The orders of a payload are on disk; or none of it is, for the reason given."""

    payload_id: str
    new: int = 0
    known: int = 0
    reason: str = ""


# -- state -------------------------------------------------------------------------------------------------------------


class SweepState(msgspec.Struct, frozen=True, kw_only=True, tag="sweep"):
    """Where the sweeps stand. `left` are the lists, with the page, that this sweep has still to read."""

    swept_to: datetime | None = None
    """When the last complete sweep began."""
    began: datetime | None = None
    """When the sweep under way began; None when none is."""
    left: tuple[ListRuns, ...] = ()
    found: tuple[Run, ...] = ()
    cases: tuple[ExceptionCase, ...] = ()


class RunState(msgspec.Struct, frozen=True, kw_only=True, tag="run"):
    """What became of one failed run. `left` are the payloads still to be taken; the first one is being fetched."""

    run: Run | None = None
    sales_channel: str = ""
    left: tuple[str, ...] = ()
    new: int = 0
    """Orders that nothing else had brought."""
    known: int = 0
    lost: bool = False
    """Something of it could not be fetched, in the attempt under way or the last one."""
    ended: bool = False
    cases: tuple[ExceptionCase, ...] = ()


State = SweepState | RunState


# -- the decisions -----------------------------------------------------------------------------------------------------


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for, and how often. `sales_channels`: flow id -> the sales channel it delivers for."""

    recovery: RecoveryPolicy
    sales_channels: Mapping[str, str]
    schedule: Schedule


def recovery_policy(settings: RecoverySettings) -> Policy:
    """The policy that is configured."""
    return Policy(
        recovery=RecoveryPolicy(
            flow_ids=tuple(settings.flows), settle_s=settings.settle_s, runs_per_sweep_max=settings.runs_per_sweep_max
        ),
        sales_channels=settings.flows,
        schedule=Interval(settings.every_s),
    )


def decide(state: State, message: Any, now: datetime, policy: Policy) -> Decision:
    """What follows, for the sweep or for one run. Pure."""
    return _sweep(state, message, now, policy) if isinstance(state, SweepState) else _run(state, message, now)


def _sweep(state: SweepState, message: Any, now: datetime, policy: Policy) -> Decision:
    match message:
        case Sweep() if state.began is not None:
            return Decision(state=state, timers=(_again(now, policy),))
        case Sweep():
            wanted = lists(policy.recovery, now, state.swept_to)
            begun = replace(state, began=now, left=wanted, found=())
            return Decision(state=begun, effects=(effect(wanted[0], share="orders"),))
        case _RunsListed():
            return _listed(state, message, now, policy)
        case EffectRefused() | EffectExhausted():
            sentence = f"Patchworks does not tell which runs have failed: {message.sentence}".rstrip(".")
            case_ = _case(state.cases, "recovery.refused", "runs", sentence, now)
            stopped = replace(state, began=None, left=(), found=(), cases=(case_,))
            return Decision(state=stopped, timers=(_again(now, policy),))
        case EffectUnknown():
            return Decision(state=state)
        case Recheck():
            return Decision(state=state, emits=(Emit(channel=NAME, message=Sweep()),))
        case _:
            raise TypeError(f"a sweep has no use for a {type(message).__name__}")


def _listed(state: SweepState, message: _RunsListed, now: datetime, policy: Policy) -> Decision:
    """A page is in: the next page, the next list, or the choice."""
    found = (*state.found, *message.runs)[:_FOUND_MAX]
    here, *others = state.left
    left = tuple(others) if message.complete else (replace(here, page=here.page + 1), *others)
    if left:
        reading = replace(state, left=left, found=found)
        return Decision(state=reading, effects=(effect(left[0], share="orders"),))
    choice = choose(policy.recovery, found, (), now)
    runs = [each.run for each in choice.recover] + list(choice.expired)
    whole = not choice.later and len(found) < _FOUND_MAX
    emits = [
        Emit(
            channel=NAME,
            key=_RUN_KEY + run.id,
            message=RecoverRun(run=run, sales_channel=policy.sales_channels[run.flow_id]),
        )
        for run in runs
    ]
    ended = SweepState(swept_to=state.began if whole else state.swept_to)
    return Decision(state=ended, emits=tuple(emits), timers=(_again(now, policy),))


def _run(state: RunState, message: Any, now: datetime) -> Decision:
    match message:
        case RecoverRun() if state.run is not None:
            return Decision(state=state)  # two sweeps have found it
        case RecoverRun(run=run, sales_channel=sales_channel):
            return _begin(RunState(run=run, sales_channel=sales_channel), run, now)
        case Recheck():
            return _recheck(state, message, now)
        case EffectDone(result=Fetch() as fetch):
            return _fetch(state, fetch, now)
        case _PayloadTaken():
            return _taken(state, message, now)
        case EffectRefused(code="payload_gone") if state.left:
            return _next(_lost(state, f"Patchworks no longer keeps its payload {state.left[0]}", now))
        case EffectRefused() | EffectExhausted():
            failed = replace(_lost(state, f"it could not be fetched: {message.sentence}", now), left=())
            later = Timer(name="again", due=now + _AGAIN_AFTER, message=Recheck(because="later"))
            return Decision(state=failed, timers=(later,))
        case EffectUnknown():
            return Decision(state=state)
        case _:
            raise TypeError(f"a run has no use for a {type(message).__name__}")


def _begin(state: RunState, run: Run, now: datetime) -> Decision:
    state = replace(state, left=(), lost=False, ended=False)
    if run.started_at is not None and now >= run.started_at + PAYLOADS_KEPT:
        return _end(_lost(state, "it was found when its payloads were gone already", now))
    asked = FailedPayloads(run_id=run.id, status=run.status)
    return Decision(state=state, effects=(effect(asked, share="orders"),))


def _recheck(state: RunState, asked: Recheck, now: datetime) -> Decision:
    """Try again while there is something to fetch; when there is not, a person who releases it has dealt with it."""
    if state.run is None or state.left:
        return Decision(state=state)
    begun = _begin(state, state.run, now)
    if begun.effects or asked.because != "person":
        return begun
    return Decision(state=replace(state, ended=True, cases=()))


def _fetch(state: RunState, fetch: Fetch, now: datetime) -> Decision:
    if fetch.payload_ids:
        state = replace(state, left=fetch.payload_ids)
        return Decision(state=state, effects=(_download(fetch.payload_ids[0]),))
    if fetch.failed:
        state = _lost(state, "it failed, and its log does not say what it was about to deliver", now)
    return _end(state)


def _taken(state: RunState, taken: _PayloadTaken, now: datetime) -> Decision:
    state = replace(state, new=state.new + taken.new, known=state.known + taken.known)
    if taken.reason:
        state = _lost(state, f"payload {taken.payload_id} holds no orders that can be taken: {taken.reason}", now)
    return _next(state)


def _next(state: RunState) -> Decision:
    """The payload in hand is dealt with: the next one, or the end."""
    state = replace(state, left=state.left[1:])
    return Decision(state=state, effects=(_download(state.left[0]),)) if state.left else _end(state)


def _end(state: RunState) -> Decision:
    return Decision(state=replace(state, ended=True, cases=state.cases if state.lost else ()))


def _lost(state: RunState, why: str, now: datetime) -> RunState:
    run_id = "" if state.run is None else state.run.id
    sentence = f"run {run_id} for {state.sales_channel} is not recovered: {why}".rstrip(".")
    return replace(state, lost=True, cases=(_case(state.cases, "run.lost", run_id, sentence, now),))


# -- small parts of the decisions --------------------------------------------------------------------------------------


def _case(known: Sequence[ExceptionCase], kind: str, cause: str, sentence: str, now: datetime) -> ExceptionCase:
    """A case; one that is open already keeps its beginning."""
    opened_at = next((case.opened_at for case in known if (case.kind, case.cause) == (kind, cause)), now)
    return ExceptionCase(kind=kind, cause=cause, sentence=sentence, opened_at=opened_at)


def _download(payload_id: str) -> Effect:
    return effect(DownloadPayload(payload_id=payload_id), share="orders")


def _again(now: datetime, policy: Policy) -> Timer:
    return Timer(name="sweep", due=next_after(policy.schedule, now), message=Sweep())


# -- the shell ---------------------------------------------------------------------------------------------------------


class RunRecovery:
    """The actor: reads what was listed and fetched, and has the orders of payloads accepted, before it decides."""

    name = NAME
    message_type = Sweep | RecoverRun | Recheck
    state_type = State

    def __init__(
        self, policy: Policy, items: Items, accept: Accept, journal: Journal, emit: Callable[[Any], None]
    ) -> None:
        self._policy, self._items, self._accept = policy, items, accept
        self._journal, self._clock, self._emit = journal, journal.clock, emit

    def begin(self, key: str) -> State:
        """Nothing was looked for yet; or a run that nobody has looked at."""
        return SweepState() if key == SWEEP_KEY else RunState()

    async def ready(self) -> None:
        """Sweeps need nothing."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Drop the runs that are known; have the orders of payloads accepted."""
        return [await self._resolved(item) for item in items]

    async def _resolved(self, item: Item) -> Message | Exception:
        match item.message:
            case EffectDone(result=Page() as page):
                return await self._listed(page)
            case EffectDone(result=Payload() as payload):
                return await self._taken(item.state, payload)
            case other:
                return other

    async def _listed(self, page: Page[Run]) -> Message:
        wanted = [run for run in page.rows if needs_recovery(run) and run.flow_id in self._policy.sales_channels]
        keys = [_RUN_KEY + run.id for run in wanted]
        known = {row[0] for row in await self._journal.query_list("states", keys, NAME)}
        new = tuple(run for run, key in zip(wanted, keys, strict=True) if key not in known)
        return _RunsListed(runs=new, complete=page.complete)

    async def _taken(self, state: RunState, payload: Payload) -> Message:
        """Accepted like any delivery. A full store delays it, as often as it takes."""
        try:
            taken = await self._items.read(state.sales_channel, payload.body, self._clock.now())
        except Refusal as refusal:
            return _PayloadTaken(payload_id=payload.id, reason=refusal.body.message)
        while taken.deliveries:
            try:
                receipts = await self._accept(taken.deliveries)
            except StoreFull:
                await anyio.sleep(_STORE_FULL_WAIT_S)
            else:
                new = sum(receipt.new for receipt in receipts)
                return _PayloadTaken(payload_id=payload.id, new=new, known=len(receipts) - new)
        return _PayloadTaken(payload_id=payload.id)

    def decide(self, state: State, message: Any, now: datetime) -> Decision:
        """See `decide` above."""
        return decide(state, message, now, self._policy)

    def project(self, key: str, before: State, after: State, now: datetime) -> Sequence[Write]:
        """The rows of the cases."""
        return case_rows(key, before.cases, after.cases, now, how="recovered, or dealt with by a person")

    def announce(self, key: str, before: State, after: State) -> None:
        """Count what was recovered, and the cases."""
        if isinstance(after, RunState) and isinstance(before, RunState) and after.ended and not before.ended:
            recovered = RunRecovered(
                sales_channel=after.sales_channel, lost=after.lost, orders=after.new, known=after.known, key=key
            )
            self._emit(recovered)
        announce_cases(key, before.cases, after.cases, self._emit)
