"""Flow starts: lines that wait for a flow of Patchworks are sent in few starts, each looked for before it is repeated.

In: `LinesWaiting` of producers, timers, outcomes of starts, `RunEnded` of the run follower. Out: starts of flows,
`LinesSent` and `LinesRefused` to producers. Key: `patchworks/flow/<id>`, one for each flow.
How effects repeat: a start has no idempotency key, so at most one of a flow is unresolved; after a lost answer its run
is looked for by the batch's key, and what it means that there is none is decided by `connectors.patchworks.starts`.
What a crash leaves: the start's bytes and the lines it took are one transaction; lines that came since stay apart by
their digests, and wait. Lines of a run that failed wait again, in smaller starts each time, until one that fails alone
is set aside with a case: it delays nobody else. When everything fails it is the flow, which is then tried every five
minutes. A flow that is configured no more ends the starts it has; what no start has goes by the flow that is configured
now: notices as they are, while levels, being absolute, are published anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from connectors.patchworks.batches import payload
from connectors.patchworks.operations import company_s, cost, month_of
from connectors.patchworks.requests import StartFlow, effect
from connectors.patchworks.starts import (
    FlowStarts,
    StartPolicy,
    Waiting,
    absent,
    begun,
    refused,
    repeated,
    resolved,
    wait_s,
)
from connectors.patchworks.wire import Started
from flows.events import FlowStarted, PossibleRepeat
from flows.exceptions.kinds import ExceptionCase
from flows.model.cases import announce_cases, case_in, case_rows
from flows.model.messages import Recheck
from flows.model.outgoing import (
    FLOW_STARTS,
    FlowTarget,
    LinesRefused,
    LinesSent,
    LinesWaiting,
    LookForRetired,
    What,
    flow_key,
    lines_waiting,
)
from flows.model.runs import RUN_FOLLOWER, RUNS_KEY, FollowRun, RunEnded
from flows.model.stock import STOCK_PUBLISHER, STOCK_PUBLISHER_KEY, PublishUnsent
from runtime.actor import Item
from runtime.clock import Instant, to_instant
from runtime.decision import (
    Decision,
    EffectAbsent,
    EffectDone,
    EffectExhausted,
    EffectRefused,
    EffectUnknown,
    Emit,
    Message,
    Timer,
    Write,
)
from runtime.journal.journal import Journal
from runtime.key import partition_of

NAME = FLOW_STARTS
AGAIN_AFTER = timedelta(minutes=5)
"""When a flow that refuses to be started is tried again."""
ALONE_FAILS_MAX = 3
"""A line that failed so often, at last alone, is set aside."""
FLOW_FAILS_AFTER = 6
"""So many failed runs in a row, and it is the flow, not a line."""
_BLOCKED_S = 0.5
"""When to look again at lines that may be out of date."""
_TRIES_SHIFT_MAX = 10
"""After so many failures a line is alone in its start, whatever the flow takes at once."""


class SendDue(Message, frozen=True):
    """Timer: what waits has waited long enough for company."""


class _Ready(Message, frozen=True, kw_only=True):
    """What waits for the flow now, and when it is due: the lines of the next start with their digests."""

    waiting: Waiting
    tries: int
    lines: tuple[tuple[str, bytes, bytes], ...] = ()
    epoch: int = 0


class _Taken(Message, frozen=True, kw_only=True):
    """A run has ended: the lines that its start took, by producer, and whether there was only one."""

    ended: RunEnded
    lines: tuple[tuple[str, str, int], ...]
    """Line, producer, and how often runs failed with it before."""


class _FlowsUsed(Message, frozen=True):
    """The flows that are configured no more, and that something waits for, or that have a case."""

    retired: tuple[str, ...]


class _Apart(Message, frozen=True, kw_only=True):
    """Of a flow that is configured no more: what no start has, and where it goes now."""

    levels: tuple[str, ...] = ()
    notices: tuple[tuple[str, str], ...] = ()
    """Line, and the flow that takes it now."""
    left: int = 0
    """Lines of what no flow takes now."""


class StartsState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One flow. `batches` are starts whose runs have not ended: batch -> how many lines they took."""

    flow_id: str
    starts: FlowStarts = FlowStarts()
    count: int = 0
    """Starts that were ever decided."""
    intent: int | None = None
    """The start that a person has to decide about."""
    batches: dict[str, int] = {}
    month: str = ""
    spent: float = 0.0
    """Operations of that month."""
    tries: int = -1
    """How often runs had failed with the lines of the last start."""
    again_at: datetime | None = None
    """The flow refuses to be started, or keeps failing: not before then."""
    failed_in_row: int = 0
    """Runs that failed since the last one that ended well."""
    cases: tuple[ExceptionCase, ...] = ()


# -- the decision ------------------------------------------------------------------------------------------------------


def decide(state: StartsState, message: Any, now: datetime, what: What, target: FlowTarget) -> Decision:
    """What follows for one flow. Pure."""
    match message:
        case _Ready():
            return _send(state, message, now, what, target)
        case EffectDone(result=started):
            return _started(state, started)
        case EffectUnknown():
            return Decision(state=state)
        case EffectAbsent():
            return _absent(state, message, target.starts, now)
        case EffectRefused(sentence=sentence) | EffectExhausted(sentence=sentence):
            return _refused(state, sentence, now)
        case _Taken():
            return _ended(state, message, now)
        case Recheck() if state.intent is not None:
            again = replace(state, starts=repeated(state.starts), intent=None, cases=_without(state, "flow.unsettled"))
            return Decision(state=again, resend=(state.intent,))
        case Recheck():
            freed = replace(state, cases=(), again_at=None)
            return Decision(state=freed, writes=(Write("unstick_outgoing", (state.flow_id,)),), emits=(_look(),))
        case _:
            raise TypeError(f"a flow has no use for a {type(message).__name__}")


def decide_retired(state: StartsState, message: Any, now: datetime, *, publishes: bool) -> Decision:
    """The same for a flow that is configured no more: its starts are followed to their end, and after each news of it
    what has come back from them is looked at. `publishes`: levels go by another flow now. Pure.
    """
    match message:
        case _Apart():
            return _left(state, message)
        case _FlowsUsed(retired=retired):
            looks = tuple(Emit(channel=NAME, key=flow_key(each), message=LinesWaiting()) for each in retired)
            return Decision(state=state, emits=looks)
    decision = decide(state, message, now, "levels", FlowTarget(flow_id=state.flow_id))
    emits = [*decision.emits, _look()]
    if publishes and isinstance(message, _Taken) and any(row[1] == STOCK_PUBLISHER for row in message.lines):
        emits.append(_unsent(state))  # which sales channel was told by this flow is not known any more
    return replace(decision, emits=tuple(emits))


def _send(state: StartsState, ready: _Ready, now: datetime, what: What, target: FlowTarget) -> Decision:
    """Start the flow with what waits, or say when."""
    month = month_of(now)
    spent = state.spent if state.month == month else 0.0
    usual = target.starts.company_s
    patient = replace(
        target.starts, company_s=min(3_600.0, company_s(target.operations, usual, spent, ready.waiting.lines, now))
    )
    now_ms = to_instant(now) // 1000
    due_s = wait_s(state.starts, patient, ready.waiting, now_ms)
    if due_s is None:
        return Decision(state=state)
    if state.again_at is not None and now < state.again_at:
        due_s = max(due_s, (state.again_at - now).total_seconds())
    if due_s > 0 or not ready.lines:
        timer = Timer(name="send", due=now + timedelta(seconds=max(due_s, _BLOCKED_S)), message=SendDue())
        return Decision(state=state, timers=(timer,) if ready.waiting.lines else ())
    count = state.count + 1
    key = f"seamline-{state.flow_id}-{ready.epoch}-{count}"
    lines = ready.lines
    starting = StartFlow(
        flow_id=state.flow_id,
        key=key,
        began_ms=now_ms,
        payload=payload(key, what, [body for _, body, _ in lines], now),
        known_run_ids=state.starts.known_run_ids,
    )
    sent = replace(
        state,
        starts=begun(state.starts, key, len(lines), now_ms),
        count=count,
        batches={**state.batches, key: len(lines)},
        tries=ready.tries,
        month=month,
        spent=spent + cost(target.operations, len(lines)),
    )
    share = "stock" if what == "levels" else "fulfilments"
    writes = tuple(Write("take_outgoing", (key, state.flow_id, line, digest)) for line, _, digest in lines)
    return Decision(state=sent, effects=(effect(starting, share=share),), writes=writes)


def _started(state: StartsState, started: Started) -> Decision:
    """The flow has taken it. Its run is followed; one that nobody has named is taken to have ended well."""
    opened = state.starts.open
    if opened is None:
        return Decision(state=state)
    state = replace(
        state, starts=resolved(state.starts, started), intent=None, again_at=None,
        cases=_without(state, "flow.unsettled", "flow.refused"),
    )  # fmt: skip
    ran = RunEnded(flow_id=state.flow_id, batch=opened.key, run_id=started.run_id, outcome="unseen")
    if started.run_id:
        follow = FollowRun(flow_id=state.flow_id, batch=opened.key, run_id=started.run_id)
        return Decision(state=state, emits=(Emit(channel=RUN_FOLLOWER, key=RUNS_KEY, message=follow), _look()))
    return Decision(state=state, emits=(Emit(channel=NAME, message=ran), _look()))


def _absent(state: StartsState, message: EffectAbsent, policy: StartPolicy, now: datetime) -> Decision:
    """No run of the start was found: the identical bytes again, or a person."""
    if state.starts.open is None or state.starts.open.asked:
        return Decision(state=state)
    starts, then = absent(state.starts, policy)
    if then == "repeat":
        return Decision(state=replace(state, starts=starts), resend=(message.intent,))
    sentence = f"the answer to the start {state.starts.open.key} was lost, and no run of it is found"
    case_ = _case(state, "flow.unsettled", state.starts.open.key, sentence, now)
    return Decision(
        state=replace(state, starts=starts, intent=message.intent, cases=(*_without(state, case_.kind), case_))
    )


def _refused(state: StartsState, sentence: str, now: datetime) -> Decision:
    """Nothing has begun: the lines wait, and the flow is tried again later."""
    opened = state.starts.open
    if opened is None:
        return Decision(state=state)
    again_at = now + AGAIN_AFTER
    case_ = _case(state, "flow.refused", state.flow_id, f"the flow {state.flow_id} cannot be started: {sentence}", now)
    batches = {key: lines for key, lines in state.batches.items() if key != opened.key}
    state = replace(
        state, starts=refused(state.starts), batches=batches, again_at=again_at,
        cases=(*_without(state, case_.kind), case_),
    )  # fmt: skip
    return Decision(
        state=state,
        writes=(Write("give_back_outgoing", (state.flow_id, opened.key, 0)),),
        timers=(Timer(name="send", due=again_at, message=SendDue()),),
    )


def _ended(state: StartsState, taken: _Taken, now: datetime) -> Decision:
    """A run is over."""
    ended = taken.ended
    if ended.batch not in state.batches:
        return Decision(state=state)
    batches = {key: lines for key, lines in state.batches.items() if key != ended.batch}
    state = replace(state, batches=batches)
    if ended.outcome != "failed":
        state = replace(state, failed_in_row=0, again_at=None, cases=_without(state, "flow.failing"))
        told = tuple(
            _told(producer, LinesSent(flow=state.flow_id, batch=ended.batch, run_id=ended.run_id, lines=lines, at=now))
            for producer, lines in _by_producer(taken.lines)
        )
        return Decision(state=state, writes=(Write("end_outgoing", (state.flow_id, ended.batch)),), emits=told)
    return _failed(state, taken, now)


def _failed(state: StartsState, taken: _Taken, now: datetime) -> Decision:
    """A run failed. Its lines wait again, in smaller starts, unless it is the flow that fails, whatever it is given."""
    batch, failed = taken.ended.batch, state.failed_in_row + 1
    state = replace(state, failed_in_row=failed)
    if failed >= FLOW_FAILS_AFTER:
        again_at = now + AGAIN_AFTER
        sentence = f"the last {failed} runs of the flow {state.flow_id} have failed"
        case_ = _case(state, "flow.failing", state.flow_id, sentence, now)
        return Decision(
            state=replace(state, again_at=again_at, cases=(*_without(state, case_.kind), case_)),
            writes=(Write("give_back_outgoing", (state.flow_id, batch, 0)),),
            timers=(Timer(name="send", due=again_at, message=SendDue()),),
        )
    if len(taken.lines) != 1 or taken.lines[0][2] < ALONE_FAILS_MAX - 1:
        return Decision(state=state, writes=(Write("give_back_outgoing", (state.flow_id, batch, 1)),), emits=(_look(),))
    ((line, producer, _),) = taken.lines
    case_ = _case(state, "flow.line", line, f"a run of the flow {state.flow_id} failed with {line} alone", now)
    told = _told(producer, LinesRefused(flow=state.flow_id, lines=(line,), at=now))
    return Decision(
        state=replace(state, failed_in_row=0, cases=(*state.cases, case_)),
        writes=(Write("stick_outgoing", (state.flow_id, batch)),),
        emits=(told, _look()),
    )


def _left(state: StartsState, apart: _Apart) -> Decision:
    """The flow is configured no more: what no start of it has goes another way, and its cases end with its last line.

    The case of an answer that was lost stays until it is known what became of it.
    """
    moved = tuple(Write("move_outgoing", (to, line, state.flow_id)) for line, to in apart.notices)
    gone = (*apart.levels, *(line for line, _ in apart.notices))
    emits = [lines_waiting(to) for to in dict.fromkeys(to for _, to in apart.notices)]
    if apart.levels:
        emits.append(_unsent(state))
    if not apart.left:
        unsettled = tuple(case for case in state.cases if case.kind == "flow.unsettled")
        state = replace(state, cases=unsettled, again_at=None)
    writes = (*moved, *(Write("leave_outgoing", (state.flow_id, line)) for line in gone))
    return Decision(state=state, writes=writes, emits=tuple(emits))


def _unsent(state: StartsState) -> Emit:
    return Emit(channel=STOCK_PUBLISHER, key=STOCK_PUBLISHER_KEY, message=PublishUnsent(flow=state.flow_id))


def _by_producer(lines: Sequence[tuple[str, str, int]]) -> list[tuple[str, tuple[str, ...]]]:
    producers = dict.fromkeys(producer for _, producer, _ in lines)
    return [(name, tuple(line for line, producer, _ in lines if producer == name)) for name in producers]


def _told(producer: str, message: LinesSent | LinesRefused) -> Emit:
    return Emit(channel=producer, key=f"sent/{message.flow}", message=message)


def _look() -> Emit:
    return Emit(channel=NAME, message=LinesWaiting())


def _without(state: StartsState, *kinds: str) -> tuple[ExceptionCase, ...]:
    return tuple(case for case in state.cases if case.kind not in kinds)


def _case(state: StartsState, kind: str, cause: str, sentence: str, now: datetime) -> ExceptionCase:
    return case_in(state.cases, kind, cause, sentence.rstrip("."), now)


# -- the shell ---------------------------------------------------------------------------------------------------------


class FlowStartsActor:
    """The actor. See the module."""

    name = NAME
    message_type = LinesWaiting | SendDue | RunEnded | Recheck | LookForRetired
    state_type = StartsState

    def __init__(
        self,
        targets: Mapping[str, tuple[What, FlowTarget]],
        journal: Journal,
        emit: Callable[[Any], None],
        *,
        unsettled: Callable[[], Awaitable[Collection[str] | None]],
        notices_to: Mapping[str, str],
    ) -> None:
        """`notices_to`: sales channel -> the flow that takes its notices of shipments. `unsettled`: the lines of
        levels that may be out of date; None when that cannot be said. It is asked before the lines are read: what was
        decided on since it looked is in them.
        """
        self._targets, self._journal, self._emit, self._unsettled = targets, journal, emit, unsettled
        self._notices_to = notices_to
        self._publishes = any(what == "levels" for what, _ in targets.values())

    def begin(self, key: str) -> StartsState:
        """A flow that was never started."""
        return StartsState(flow_id=flow_of(key))

    async def ready(self) -> None:
        """It can always decide."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """What waits for a flow is read when something has come, or is due."""
        return [await self._resolved(item) for item in items]

    async def _resolved(self, item: Item) -> Message:
        flow_id = flow_of(item.key)
        match item.message:
            case LinesWaiting() | SendDue() if flow_id in self._targets:
                return await self._ready(flow_id, item.state.tries)
            case LinesWaiting() | SendDue():
                return await self._apart(flow_id)
            case LookForRetired():
                rows = await self._journal.query("flows_used")
                return _FlowsUsed(tuple(flow for (flow,) in rows if flow not in self._targets))
            case RunEnded() as ended:
                rows = await self._journal.query("outgoing_of_batch", flow_id, ended.batch)
                return _Taken(ended=ended, lines=tuple((line, producer, tries) for line, producer, tries in rows))
            case other:
                return other

    async def _apart(self, flow_id: str) -> _Apart:
        """Where the lines go of a flow that is configured no more."""
        rows = await self._journal.query("outgoing_apart", flow_id)
        levels = tuple(line for line, producer in rows if producer == STOCK_PUBLISHER and self._publishes)
        notices = tuple(
            (line, self._notices_to[partition_of(line)])
            for line, producer in rows
            if producer != STOCK_PUBLISHER and partition_of(line) in self._notices_to
        )
        return _Apart(levels=levels, notices=notices, left=len(rows) - len(levels) - len(notices))

    async def _ready(self, flow_id: str, last: int) -> _Ready:
        """The lines of the next start: after those that failed `last` times those that failed oftener, and then again
        those that failed least, so that neither waits for the others; and fewer at once the oftener they did.
        """
        what, target = self._targets[flow_id]
        policy, query = target.starts, self._journal.query
        unsettled = await self._unsettled() if what == "levels" else ()
        groups = [tries for (tries,) in await query("outgoing_tries", flow_id)]
        first = _Ready(waiting=Waiting(lines=0, payload_bytes=0, since_ms=0), tries=0)
        for tries in sorted(groups, key=lambda each: (each <= last, each)):
            rows = await query("outgoing_waiting", flow_id, tries, policy.lines_max)
            lines_max = max(1, policy.lines_max >> min(tries * 2, _TRIES_SHIFT_MAX))
            # a figure that something received may lower is not sent before it was looked at again
            found = [
                row
                for row in await query("outgoing_next", flow_id, tries, lines_max)
                if unsettled is not None and row[0] not in unsettled
            ]
            for count, size, since in rows:
                waits_ms = 0 if tries else Instant(since) // 1000  # what has failed has waited before
                waiting = Waiting(lines=count, payload_bytes=size, since_ms=waits_ms)
                ready = _Ready(waiting=waiting, tries=tries, lines=_fitting(found, policy), epoch=self._journal.epoch)
                if found:
                    return ready
                first = first if first.waiting.lines else ready
        return first

    def decide(self, state: StartsState, message: Any, now: datetime) -> Decision:
        """See `decide` and `decide_retired` above."""
        if state.flow_id not in self._targets:
            return decide_retired(state, message, now, publishes=self._publishes)
        what, target = self._targets[state.flow_id]
        return decide(state, message, now, what, target)

    def project(self, key: str, before: StartsState, after: StartsState, now: datetime) -> Sequence[Write]:
        """The cases."""
        if before.cases is after.cases:
            return ()
        how = "the flow goes on" if after.flow_id in self._targets else "the flow is configured no more, nor waited for"
        return case_rows(key, before.cases, after.cases, now, how=how)

    def announce(self, key: str, before: StartsState, after: StartsState) -> None:
        """Count starts, and those that may have run twice."""
        announce_cases(key, before.cases, after.cases, self._emit)
        if after.starts.started > before.starts.started:
            self._emit(FlowStarted(flow=after.flow_id))
        if after.starts.possible_repeats > before.starts.possible_repeats:
            self._emit(PossibleRepeat(flow=after.flow_id))


def _fitting(found: Sequence[tuple[str, bytes, bytes]], policy: StartPolicy) -> tuple[tuple[str, bytes, bytes], ...]:
    """As many of these lines, with their bytes and digests, as a payload takes; at least one."""
    used = 0
    for place, (_, body, _) in enumerate(found):
        used += len(body) + 1
        if place and used > policy.payload_bytes_max:
            return tuple(found[:place])
    return tuple(found)


def flow_of(key: str) -> str:
    """The flow of a key."""
    return key.rpartition("/")[2]
