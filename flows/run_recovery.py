"""Run recovery: what a failed Patchworks run was about to deliver is fetched before its payloads are gone.

In: `Sweep` (at start, then by timer), `RecoverRun` for each run that a sweep found, outcomes of Patchworks calls. Out:
deliveries of orders, by the same door as everybody's. Keys: `patchworks/sweep`, and `patchworks/run/<id>` for each run.
All calls are reads and repeat freely; each key has one under way at most. A payload's orders are accepted before the
decision that they were, so a crash between the two accepts them again, and they are known by key, version and bytes:
nothing is doubled, nothing is lost. A run is recovered once: its state stays, a few hundred bytes for each run that
ever failed. What cannot be recovered any more is a case with an owner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from connectors.patchworks.items import Items, Refusal
from connectors.patchworks.recovery import PAYLOADS_KEPT, Fetch, RecoveryPolicy, choose, lists, needs_recovery
from connectors.patchworks.requests import DownloadPayload, FailedPayloads, ListRuns, effect
from connectors.patchworks.wire import Page, Payload, Run
from flows.config import RecoverySettings
from flows.events import RunRecovered
from flows.exceptions.kinds import ExceptionCase
from flows.model.cases import announce_cases, case_in, case_rows
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
_PAGES_MAX = 1_000
"""Of one list (100,000 runs); a list that never ends must not keep a sweep from ending."""
_LOG_PAGES_MAX = 1_000
"""Of a run's log."""
_EXPIRED_MAX = 5_000
"""Runs that one sweep reports as gone."""
_BACKLOG_AFTER = timedelta(minutes=1)
"""When to sweep again while more runs wait than one sweep takes: they have until their payloads go, no longer."""
_AGAIN_AFTER = timedelta(minutes=15)
_FULL_AFTER = timedelta(minutes=1)


# -- messages ----------------------------------------------------------------------------------------------------------


class Sweep(Message, frozen=True):
    """Look for failed runs."""


class RecoverRun(Message, frozen=True, kw_only=True):
    """Fetch what this run was about to deliver."""

    run: Run


class PayloadsEnding(Message, frozen=True):
    """Timer: the payloads of a run go soon, and Patchworks may still owe the answer to a call about them."""


class _RunsListed(Message, frozen=True, kw_only=True):
    """A page of runs, without those that nobody need look at and those that are known."""

    runs: tuple[Run, ...]
    complete: bool


class _PayloadTaken(Message, frozen=True, kw_only=True):
    """The orders of a payload are on disk; or none of it is, for the reason given, or because the store is `full`."""

    payload_id: str
    new: int = 0
    known: int = 0
    reason: str = ""
    full: bool = False


# -- state -------------------------------------------------------------------------------------------------------------


class SweepState(msgspec.Struct, frozen=True, kw_only=True, tag="sweep"):
    """Where the sweeps stand. `left` are the lists, with the page, that this sweep has still to read."""

    swept_to: datetime | None = None
    """Every run of `flows` that ended before this instant has been looked at."""
    flows: tuple[str, ...] = ()
    began: datetime | None = None
    """When the sweep under way began; None when none is."""
    left: tuple[ListRuns, ...] = ()
    found: tuple[Run, ...] = ()
    """Of what has been listed: the runs that this sweep recovers, and those that are gone."""
    more: bool = False
    """More runs were listed than a sweep takes; the next one takes them up."""
    refused: bool = False
    """A list could not be read."""
    cut: bool = False
    """A list did not end."""
    cases: tuple[ExceptionCase, ...] = ()


class RunState(msgspec.Struct, frozen=True, kw_only=True, tag="run"):
    """What became of one failed run. `left` are the payloads still to be taken, the one in hand first."""

    run: Run | None = None
    found_at: datetime | None = None
    sales_channel: str = ""
    asked: bool = False
    """A call is under way; whatever comes back is its outcome."""
    log_page: int = 0
    """Where in its log to look for more payloads; 0: all of it has been read."""
    named: int = 0
    """Payloads that its log has named so far."""
    left: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    """Payloads that Patchworks would not give this time, to be asked for again later."""
    new: int = 0
    """Orders that nothing else had brought."""
    known: int = 0
    lost: str = ""
    """Why some of it will never be fetched; empty: nothing is lost so far."""
    released: bool = False
    """A person has dealt with it: what is lost is no case any more."""
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
    return _sweep(state, message, now, policy) if isinstance(state, SweepState) else _run(state, message, now, policy)


# -- of the sweep ------------------------------------------------------------------------------------------------------


def _sweep(state: SweepState, message: Any, now: datetime, policy: Policy) -> Decision:
    match message:
        case Sweep() if state.began is not None:
            return Decision(state=state, timers=(Timer(name="sweep", due=_next_sweep(now, policy), message=Sweep()),))
        case Sweep():
            return _begin_sweep(state, now, policy)
        case _RunsListed():
            return _listed(state, message, now, policy)
        case EffectRefused() | EffectExhausted():
            # the other lists may be told, and what they show is not to wait for this one
            told = _untold(replace(state, left=state.left[1:], refused=True), message.sentence, now)
            return _read_on(told, now, policy)
        case EffectUnknown():
            return Decision(state=state)
        case Recheck():
            return Decision(state=state, emits=(Emit(channel=NAME, message=Sweep()),))
        case _:
            raise TypeError(f"a sweep has no use for a {type(message).__name__}")


def _begin_sweep(state: SweepState, now: datetime, policy: Policy) -> Decision:
    """Read all lists; what is known of the past holds for the flows that were looked at then."""
    flows = policy.recovery.flow_ids
    swept_to = state.swept_to if set(flows) <= set(state.flows) else None
    begun = SweepState(
        swept_to=swept_to, flows=flows, began=now, left=lists(policy.recovery, now, swept_to), cases=state.cases
    )
    return _read_on(begun, now, policy)


def _listed(state: SweepState, message: _RunsListed, now: datetime, policy: Policy) -> Decision:
    """A page is in. Of all runs so far those are kept whose payloads go first: as many as a sweep takes."""
    choice = choose(policy.recovery, (*state.found, *message.runs), (), now)
    found = (*choice.expired[:_EXPIRED_MAX], *(each.run for each in choice.recover))
    here, *others = state.left
    state = replace(state, found=found, more=state.more or choice.later > 0)
    if message.complete:
        return _read_on(replace(state, left=tuple(others)), now, policy)
    if here.page < _PAGES_MAX:
        return _read_on(replace(state, left=(replace(here, page=here.page + 1), *others)), now, policy)
    cut = replace(state, left=tuple(others), cut=True)
    return _read_on(
        _untold(cut, f"a list has more than {_PAGES_MAX} pages; older runs were not seen", now), now, policy
    )


def _untold(state: SweepState, why: str, now: datetime) -> SweepState:
    sentence = f"Patchworks does not tell which runs have failed: {why}".rstrip(".")
    return replace(state, cases=(case_in(state.cases, "recovery.refused", "runs", sentence, now),))


def _read_on(state: SweepState, now: datetime, policy: Policy) -> Decision:
    """The next page; or every list is read, and the runs are recovered."""
    if state.left:
        return Decision(state=state, effects=(effect(state.left[0], share="orders"),))
    emits = [Emit(channel=NAME, key=_RUN_KEY + run.id, message=RecoverRun(run=run)) for run in state.found]
    swept_to, began = state.swept_to, state.began
    if began is not None and not (state.more or state.refused):
        swept_to = began - timedelta(seconds=policy.recovery.settle_s)  # what ended since was left alone
    ended = SweepState(swept_to=swept_to, flows=state.flows, cases=state.cases if state.refused or state.cut else ())
    due = _next_sweep(now, policy)
    if state.more:
        due = min(due, now + _BACKLOG_AFTER)
    return Decision(state=ended, emits=tuple(emits), timers=(Timer(name="sweep", due=due, message=Sweep()),))


def _next_sweep(now: datetime, policy: Policy) -> datetime:
    return next_after(policy.schedule, now)


# -- of a run ----------------------------------------------------------------------------------------------------------


def _run(state: RunState, message: Any, now: datetime, policy: Policy) -> Decision:
    match message:
        case RecoverRun(run=run) if state.run is None:
            return _begin(RunState(run=run, found_at=now), now, policy)
        case RecoverRun():
            return Decision(state=state)  # two sweeps have found it
        case Recheck():
            return _recheck(state, message, now, policy)
        case PayloadsEnding():
            return _ending(state, now)
        case EffectDone(result=Fetch() as fetch):
            return _fetch(state, fetch, now)
        case _PayloadTaken():
            return _taken(state, message, now)
        case EffectRefused(code="payload_gone") if state.left:
            return _next(_lost(state, f"Patchworks no longer keeps its payload {state.left[0]}"), now)
        case EffectRefused() | EffectExhausted():
            told = _told(state, f"it could not be fetched so far: {message.sentence}", now)
            return (
                _next(replace(told, refused=(*state.refused, *state.left[:1])), now) if state.left else _wait(told, now)
            )
        case EffectUnknown():
            return Decision(state=state)
        case _:
            raise TypeError(f"a run has no use for a {type(message).__name__}")


def _begin(state: RunState, now: datetime, policy: Policy) -> Decision:
    """Ask which payloads they are. The sales channel is what the configuration says now, not what it said before."""
    run = state.run
    assert run is not None  # noqa: S101 - narrows: every caller has looked
    state = RunState(
        run=run,
        found_at=state.found_at,
        sales_channel=policy.sales_channels.get(run.flow_id, ""),
        released=state.released,
        cases=state.cases,
    )
    if not state.sales_channel:
        return _end(_lost(state, f"its flow {run.flow_id} is not one of recovery.flows any more"), now)
    kept_until = _kept_until(state, now)
    if now >= kept_until:
        return _end(_lost(state, "it was found when its payloads were gone already"), now)
    warn = max(kept_until - timedelta(seconds=policy.recovery.warn_before_s), now + _AGAIN_AFTER)
    ending = Timer(name="ending", due=warn, message=PayloadsEnding())
    begun = _go_on(replace(state, log_page=1), now)
    return begun if begun.state.ended else replace(begun, timers=(ending,))


def _recheck(state: RunState, asked: Recheck, now: datetime, policy: Policy) -> Decision:
    """Go on with what had to wait. A person's release tries all of it once more, and then whatever is lost is no case
    any more: that person has dealt with it.
    """
    if state.run is None or state.asked or (state.ended and asked.because != "person"):
        return Decision(state=state)
    if not state.ended and now >= _kept_until(state, now):
        return _end(_lost(state, "its payloads could not be fetched before they were gone"), now)
    state = replace(state, released=state.released or asked.because == "person")
    return _begin(state, now, policy) if state.ended else _go_on(state, now)


def _fetch(state: RunState, fetch: Fetch, now: datetime) -> Decision:
    named = state.named + len(fetch.payload_ids)
    state = replace(state, left=fetch.payload_ids, named=named, log_page=fetch.log_page)
    if fetch.log_page > _LOG_PAGES_MAX or not fetch.whole:
        state = _lost(replace(state, log_page=0), "it has so many payloads that not all of them were looked at")
    elif fetch.failed and not named and not fetch.log_page:
        state = _lost(state, "it failed, and its log does not say what it was about to deliver")
    return _go_on(state, now)


def _taken(state: RunState, taken: _PayloadTaken, now: datetime) -> Decision:
    if taken.full:
        later = Timer(name="again", due=now + _FULL_AFTER, message=Recheck(because="later"))
        return Decision(state=replace(state, asked=False), timers=(later,))
    state = replace(state, new=state.new + taken.new, known=state.known + taken.known)
    if taken.reason:
        state = _lost(state, f"payload {taken.payload_id} holds no orders that can be taken: {taken.reason}")
    return _next(state, now)


def _next(state: RunState, now: datetime) -> Decision:
    """The payload in hand is dealt with."""
    return _go_on(replace(state, left=state.left[1:]), now)


def _go_on(state: RunState, now: datetime) -> Decision:
    """The next payload, the next part of the log, what was refused before, or the end."""
    while state.left:
        call = _call(DownloadPayload(payload_id=state.left[0]))
        if call is not None:
            return Decision(state=replace(state, asked=True), effects=(call,))
        state = _lost(replace(state, left=state.left[1:]), "Patchworks cannot be asked for a payload with such an id")
    if state.log_page and state.run is not None:
        call = _call(FailedPayloads(run_id=state.run.id, status=state.run.status, log_page=state.log_page))
        if call is not None:
            return Decision(state=replace(state, asked=True), effects=(call,))
        state = _lost(state, "Patchworks cannot be asked for a run with such an id")
    if state.refused:
        return _wait(replace(state, left=state.refused, refused=()), now)
    return _end(state, now)


def _wait(state: RunState, now: datetime) -> Decision:
    due = min(now + _AGAIN_AFTER, max(_kept_until(state, now), now))
    return Decision(
        state=replace(state, asked=False),
        timers=(Timer(name="again", due=due, message=Recheck(because="later")),),
    )


def _ending(state: RunState, now: datetime) -> Decision:
    """Somebody is told while something can still be done; the call that is under way goes on."""
    if state.ended:
        return Decision(state=state)
    until = f"{_kept_until(state, now):%Y-%m-%d %H:%M}Z"
    return Decision(state=_told(state, f"Patchworks has not given its payloads yet, and keeps them until {until}", now))


def _end(state: RunState, now: datetime) -> Decision:
    """Nothing more is to be asked. What is lost is a case, unless the person who released it knows."""
    cases = _told(state, state.lost, now).cases if state.lost and not state.released else ()
    ended = replace(state, asked=False, log_page=0, left=(), refused=(), ended=True, cases=cases)
    return Decision(state=ended, cancels=("again", "ending"))


# -- small parts of the decisions --------------------------------------------------------------------------------------


def _lost(state: RunState, why: str) -> RunState:
    """Some of it will never be fetched; of several reasons the first is told."""
    return replace(state, lost=state.lost or why)


def _told(state: RunState, why: str, now: datetime) -> RunState:
    """The run's case, with this sentence."""
    run_id = "" if state.run is None else state.run.id
    of = f" for {state.sales_channel}" if state.sales_channel else ""
    sentence = f"run {run_id}{of} is not recovered: {why}".rstrip(".")
    return replace(state, cases=(case_in(state.cases, "run.lost", run_id, sentence, now),))


def _kept_until(state: RunState, now: datetime) -> datetime:
    """When the payloads go; for a run that does not say when it began, counted from when it was found."""
    began = state.run.started_at if state.run is not None else None
    return (began or state.found_at or now) + PAYLOADS_KEPT


def _call(asked: FailedPayloads | DownloadPayload) -> Effect | None:
    """The call; None for an id that cannot stand in an address."""
    try:
        return effect(asked, share="orders")
    except ValueError:
        return None


# -- the shell ---------------------------------------------------------------------------------------------------------


class RunRecovery:
    """The actor: reads what was listed and fetched, and has the orders of payloads accepted, before it decides."""

    name = NAME
    message_type = Sweep | RecoverRun | PayloadsEnding | Recheck
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
        new = tuple(
            replace(run, summary="", linked_run_ids=())  # the state is not to hold what nobody reads
            for run, key in zip(wanted, keys, strict=True)
            if key not in known
        )
        return _RunsListed(runs=new, complete=page.complete)

    async def _taken(self, state: RunState, payload: Payload) -> Message:
        """Accepted like any delivery. While the store is full the payload is let go, and fetched again later."""
        flow_id = "" if state.run is None else state.run.flow_id
        sales_channel = self._policy.sales_channels.get(flow_id)
        if sales_channel is None:
            return _PayloadTaken(payload_id=payload.id, reason=f"flow {flow_id} is not one of recovery.flows any more")
        try:
            taken = await self._items.read(sales_channel, payload.body, self._clock.now())
            receipts = await self._accept(taken.deliveries) if taken.deliveries else ()
        except Refusal as refusal:
            return _PayloadTaken(payload_id=payload.id, reason=refusal.body.message)
        except StoreFull:
            return _PayloadTaken(payload_id=payload.id, full=True)
        new = sum(receipt.new for receipt in receipts)
        return _PayloadTaken(payload_id=payload.id, new=new, known=len(receipts) - new)

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
                sales_channel=after.sales_channel,
                lost=bool(after.lost),
                orders=after.new,
                known=after.known,
                key=key,
            )
            self._emit(recovered)
        announce_cases(key, before.cases, after.cases, self._emit)
