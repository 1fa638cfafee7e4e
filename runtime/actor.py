"""The one step, and the loop that takes it.

    receive -> load state -> resolve -> decide -> one transaction -> effects, whose outcomes come back as messages

A batch is a set of messages for distinct keys. Each becomes one atomic unit of the journal: next state, emitted
messages, timers, intents with the exact bytes of each outside call, timeline facts, projection rows, and the consumed
mark of the message itself. So dying anywhere leaves either the message still to be decided, or everything that follows
from it. Only when the unit is durable are effects begun, and the key given out again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from runtime.channel import Channel, Envelope
from runtime.clock import Clock, Instant, to_datetime, to_instant
from runtime.decision import (
    Decision,
    EffectAbsent,
    EffectDone,
    EffectExhausted,
    EffectRefused,
    EffectUnknown,
    Message,
    Repeat,
    Write,
)
from runtime.delivery import digest
from runtime.errors import SeamlineError, StepFailed, Stop, first_of, told
from runtime.journal.journal import Journal
from runtime.journal.writer import Row, Unit
from runtime.lane import Intent, Lane
from runtime.signals import Signal, SignalRaised
from runtime.telemetry.events import MessageParked, Stepped
from runtime.testing.crash import reach

BATCH_MAX = 32
"""Messages decided in one turn of the event loop: bounds how long other work waits."""
STATES_CACHED_MAX = 4_096

_ENDS = (EffectDone, EffectRefused, EffectExhausted)
"""Outcomes after which nothing more is wanted of the call."""
_LEAVES_OPEN = (EffectUnknown, EffectAbsent)

_encode = msgspec.json.encode


class Item(msgspec.Struct):
    """One message to be resolved: the state it meets, and the delivery body it carries, when it carries one."""

    key: str
    state: Any
    message: Message
    attachment: bytes | None


class Actor(Protocol):
    """What a flow supplies: names, types, one pure decision, and a thin shell around it."""

    @property
    def name(self) -> str:
        """The name of the actor and of its inbox."""
        ...

    @property
    def message_type(self) -> Any:
        """The union of the messages it can find on disk."""
        ...

    @property
    def state_type(self) -> Any:
        """The type of its states."""
        ...

    def begin(self, key: str) -> Any:
        """The state of a key that was never met."""
        ...

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Give each decision what it needs beyond state and message (decoded bodies, catalogue rows), for the whole
        batch at once. An Exception in a place parks that message alone.
        """
        ...

    def decide(self, state: Any, message: Any, now: datetime) -> Decision:
        """The business. Pure: no clock, no I/O, no awaiting, no logging."""
        ...

    def project(self, key: str, before: Any, after: Any, now: datetime) -> Sequence[Write]:
        """The rows of projections that follow from the change of state. Pure."""
        ...

    def announce(self, key: str, before: Any, after: Any) -> None:
        """The change of state is durable: emit its events. Must not raise."""
        ...

    async def ready(self) -> None:
        """Returns when the actor can decide at all; until then its messages wait on disk."""
        ...


class Held(msgspec.Struct):
    """The state of a key as the journal has it. `unreadable` says why nobody can go on from it, when that is so."""

    state: Any
    blocked_by: int | None = None
    told_to: int | None = None
    sampled: bool | None = None
    """Whether this subject is traced anyway; None until somebody had to know."""
    unreadable: StepFailed | None = None


class Progress:
    """What a watcher may know of one run of a loop: whether it has a batch in hand, and each end of one (`beat`)."""

    __slots__ = ("beat", "deciding")

    def __init__(self) -> None:
        self.beat: Callable[[], None] = lambda: None
        self.deciding = False


class _Step(msgspec.Struct):
    envelope: Envelope
    held: Held
    intents: list[Intent]
    decision: Decision
    emitted: list[tuple[Channel, int, int]]
    """Where each message goes, its id and its priority."""
    unit: Unit | None = None


class ActorLoop:
    """Runs one actor. `run` may be started several times: each run works on its own batches, keys stay serial."""

    def __init__(
        self,
        actor: Actor,
        journal: Journal,
        channels: Mapping[str, Channel],
        lanes: Mapping[str, Lane],
        *,
        sampled: Callable[[str], bool] | None,
        timer_set: Callable[[Instant], None],
        signal: Signal,
        emit: Callable[[Any], None],
    ) -> None:
        self.actor, self._journal, self._channels, self._lanes = actor, journal, channels, lanes
        self._sampled, self._timer_set, self._signal, self._emit = sampled, timer_set, signal, emit
        self._clock: Clock = journal.clock
        self._channel = channels[actor.name]
        self._cache: dict[str, Held] = {}
        self._decode_message = msgspec.json.Decoder(actor.message_type).decode
        self._decode_state = msgspec.json.Decoder(actor.state_type).decode
        named = journal.statements
        self._statements = named
        self._consume, self._settle_intent = named["consume_message"], named["settle_intent"]
        self._put_fact, self._put_state, self._put_intent = named["put_fact"], named["put_state"], named["put_intent"]
        self.turns = 0
        self._ready = False

    @property
    def has_work(self) -> bool:
        """Whether a run that waits for messages should be given some."""
        return self._ready and self._channel.has_work

    async def run(self, progress: Progress | None = None) -> None:
        """Take steps for ever. Cancelled between batches, nothing is half done; within one, the unit decides."""
        progress = progress or Progress()
        progress.deciding = False
        await self.actor.ready()
        self._ready = True
        while True:
            batch = await self._channel.receive(BATCH_MAX)
            progress.deciding = True
            began = self._clock.monotonic()
            await self._turn(batch)
            progress.deciding = False
            progress.beat()
            self.turns += 1
            self._emit(Stepped(actor=self.actor.name, messages=len(batch), seconds=self._clock.monotonic() - began))

    async def _turn(self, batch: list[Envelope]) -> None:
        left = {envelope.key: envelope for envelope in batch}
        try:
            steps = await self._decided(batch, left)
        finally:
            for envelope in left.values():  # the turn failed before it came to these: they are not to blame
                self._channel.put_back(envelope)
        reach("step.before_journal", self.actor.name)
        for step in steps:
            await self._settle(step)

    async def _decided(self, batch: list[Envelope], left: dict[str, Envelope]) -> list[_Step | Unit]:
        """A step, or its parking, for each message that may be decided on; takes out of `left` what is dealt with."""
        held = await self._load(batch)
        steps: list[_Step | Unit] = []
        ready: list[Envelope] = []
        items: list[Item] = []
        for envelope in batch:
            known = held[envelope.key]
            if known.blocked_by is not None and not envelope.outcome:
                self._channel.defer(left.pop(envelope.key))
                continue
            item = self._item(envelope, known)
            if isinstance(item, StepFailed):
                steps.append(self._park(left.pop(envelope.key), item))
            else:
                ready.append(envelope)
                items.append(item)
        messages = await self._resolve(items)
        now = self._clock.now()
        moment = to_datetime(now)
        decisions = [self._decide(item, message, moment) for item, message in zip(items, messages, strict=True)]
        for envelope, item, decision in zip(ready, items, decisions, strict=True):
            steps.append(self._step(envelope, held[envelope.key], item, decision, now))
            del left[envelope.key]
        return steps

    def _item(self, envelope: Envelope, held: Held) -> Item | StepFailed:
        if held.unreadable is not None:
            return held.unreadable
        message = envelope.message
        if message is None:
            try:
                message = self._decode_message(envelope.raw)
            except msgspec.MsgspecError:
                return StepFailed("the stored message is of no kind that this version knows")
        return Item(envelope.key, held.state, message, envelope.attachment)

    async def _resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """What the actor resolves; a batch that it fails on is resolved one by one, so that one message is to blame."""
        try:
            return await self.actor.resolve(items) if items else ()
        except Stop:
            raise
        except Exception as error:  # noqa: BLE001 - the fence: it parks one message, not the batch
            if len(items) == 1:
                return [error]
        return [message for item in items for message in await self._resolve([item])]

    async def _load(self, batch: Sequence[Envelope]) -> dict[str, Held]:
        cache, found = self._cache, {}
        missing = []
        for envelope in batch:
            held = cache.get(envelope.key)
            if held is None:
                missing.append(envelope.key)
            else:
                found[envelope.key] = held
        if missing:
            rows = {row[0]: row for row in await self._journal.query_list("states", missing, self.actor.name)}
            for key in missing:
                found[key] = self._held(key, rows.get(key))
        return found

    def _held(self, key: str, row: Row | None) -> Held:
        """A key as a row of `states` has it; None: the key was never met."""
        if row is None:
            return Held(self.actor.begin(key))
        _, body, blocked_by, _, told_to = row
        try:
            return Held(self._decode_state(body), blocked_by, told_to)
        except msgspec.MsgspecError:
            reason = StepFailed("the stored state is of no form that this version knows")
            return Held(None, blocked_by, told_to, unreadable=reason)

    def recall(self, key: str, row: Row | None) -> None:
        """The commit that has just brought a message for the key found this row of `states`: it need not be read again.

        To be called in commit order, like `_proceed`: so what is remembered is never older than what is on disk.
        """
        if key not in self._cache:
            self._remember(key, self._held(key, row))

    def forget(self) -> None:
        """Read the states of keys from the journal again, from here on."""
        self._cache.clear()

    # -- deciding ------------------------------------------------------------------------------------------------------

    def _decide(self, item: Item, message: Message | Exception, moment: datetime) -> Decision | StepFailed:
        try:
            if isinstance(message, Exception):
                raise message
            return self.actor.decide(item.state, message, moment)
        except Stop:
            raise
        except Exception as error:  # noqa: BLE001 - the fence: whatever a decision raises parks its message alone
            return _failed(error)

    def _step(
        self, envelope: Envelope, held: Held, item: Item, decision: Decision | StepFailed, now: Instant
    ) -> _Step | Unit:
        """What was decided, on its way to the disk."""
        if isinstance(decision, StepFailed):
            return self._park(envelope, decision)
        try:
            step = _Step(envelope, held, self._intents(envelope.key, decision), decision, [])
            after = self._after(envelope, step, item.message)
            rows = self._rows(step, after, item.message, now)
        except Stop:
            raise
        except Exception as error:  # noqa: BLE001 - the same fence: a decision may ask for what cannot be written down
            return self._park(envelope, _failed(error))
        step.unit = self._journal.writer.submit(Unit(rows, on_durable=lambda: self._proceed(step, after)))
        return step

    def _intents(self, key: str, decision: Decision) -> list[Intent]:
        if not (decision.effects or decision.resend):
            return []
        intents = [
            Intent(
                id=self._journal.new_id(),
                actor=self.actor.name,
                key=key,
                share=effect.share,
                api=effect.api,
                kind=effect.kind,
                repeat=effect.repeat,
                body=effect.body,
            )
            for effect in decision.effects
        ]
        if len([intent for intent in intents if intent.repeat is not Repeat.SAFE]) + len(decision.resend) > 1:
            raise StepFailed("a decision may put one write in flight, not several")
        return intents

    def _after(self, envelope: Envelope, step: _Step, message: Message) -> Held:
        """What the journal will hold of the key: the next state, and the write that keeps it busy."""
        held, decision = step.held, step.decision
        blocked_by = held.blocked_by
        if envelope.outcome and blocked_by == envelope.id and not isinstance(message, EffectAbsent):
            blocked_by = None
        for id_ in decision.resend:
            blocked_by = id_
        for intent in step.intents:
            if intent.repeat is not Repeat.SAFE:
                blocked_by = intent.id
        return Held(decision.state, blocked_by, held.told_to, held.sampled)

    def _rows(self, step: _Step, after: Held, message: Message, now: Instant) -> list[tuple[Any, Row]]:
        named, decision, key, name = self._statements, step.decision, step.envelope.key, self.actor.name
        rows: list[tuple[Any, Row]] = [self._consumed(step.envelope, message)]
        if decision.resend or decision.settle:
            rows += [(named["requeue_intent"], (id_,)) for id_ in decision.resend]
            rows += [(named["settle_intent"], (id_,)) for id_ in decision.settle]
        for emit in decision.emits:
            id_ = self._journal.new_id()
            step.emitted.append((self._channels[emit.channel], id_, emit.priority))
            row = (id_, emit.channel, emit.priority, emit.key or key, _encode(emit.message), None)
            rows.append((named["put_message"], row))
        for timer in decision.timers:
            due = to_instant(timer.due)
            rows.append((named["put_timer"], (name, key, timer.name, due, _encode(timer.message))))
        if decision.cancels:
            rows += [(named["cancel_timer"], (name, key, timer)) for timer in decision.cancels]
        writes = (*decision.writes, *self.actor.project(key, step.held.state, decision.state, to_datetime(now)))
        rows += [(named[write.statement], write.row) for write in writes]
        last_fact = self._fact_rows(key, decision, now, rows)
        self._trace_rows(key, decision, after, last_fact, rows)
        state = (name, key, _encode(decision.state), after.blocked_by, decision.keeps, after.told_to)
        rows.append((self._put_state, state))
        if step.intents:  # last: places are reserved, and nothing after it may raise
            rows += [(self._put_intent, self._intent_row(intent)) for intent in step.intents]
        return rows

    def _consumed(self, envelope: Envelope, message: Message) -> tuple[Any, Row]:
        if not envelope.outcome:
            return self._consume, (envelope.id,)
        if isinstance(message, _LEAVES_OPEN):
            return self._statements["mark_intent_unknown"], (message.attempts, envelope.id)
        return self._settle_intent, (envelope.id,)

    def _fact_rows(self, key: str, decision: Decision, now: int, rows: list[tuple[Any, Row]]) -> int | None:
        put, last = self._put_fact, None
        for fact in decision.facts:
            last = self._journal.new_id()
            began = now if fact.began is None else fact.began
            ended = now if fact.ended is None else fact.ended
            rows.append((put, (key, last, self.actor.name, fact.kind, began, ended, _encode(fact.values).decode())))
        return last

    def _trace_rows(
        self, key: str, decision: Decision, after: Held, last_fact: int | None, rows: list[tuple[Any, Row]]
    ) -> None:
        if self._sampled is None:
            return
        if after.sampled is None:
            after.sampled = self._sampled(key)
        if last_fact is None or not (after.told_to is not None or decision.trace or after.sampled):
            return
        work = (self._journal.new_id(), key, after.told_to or 0, last_fact, int(decision.closes))
        rows.append((self._statements["put_trace_work"], work))
        after.told_to = last_fact

    def _intent_row(self, intent: Intent) -> Row:
        intent.claimed = self._lanes[intent.api].reserve(intent.share)
        return (
            intent.id, intent.actor, intent.key, intent.api, intent.share, intent.kind, intent.repeat.value,
            intent.body, digest(intent.body),
            self._journal.epoch if intent.claimed else 0, 0, 0,
        )  # fmt: skip

    # -- when it is durable --------------------------------------------------------------------------------------------

    def _proceed(self, step: _Step, after: Held) -> None:
        """Runs right after the commit, in commit order: begin effects, pass messages on, free the key."""
        key, decision = step.envelope.key, step.decision
        self._remember(key, after)
        for intent in step.intents:
            self._lanes[intent.api].offer(intent)
        for id_ in decision.resend:
            for lane in self._lanes.values():
                lane.resend(id_)
        ended = isinstance(step.envelope.message, _ENDS)
        for id_ in (*decision.settle, step.envelope.id) if ended else decision.settle:
            for lane in self._lanes.values():
                lane.settle(id_)
        for channel, id_, priority in step.emitted:
            channel.nudge(id_, priority)
        self.actor.announce(key, step.held.state, decision.state)
        for timer in decision.timers:
            self._timer_set(to_instant(timer.due))
        self._channel.done(step.envelope)
        if after.blocked_by is None:
            self._channel.unblock(key)

    def _remember(self, key: str, held: Held) -> None:
        cache = self._cache
        cache.pop(key, None)
        cache[key] = held
        if len(cache) > STATES_CACHED_MAX:
            del cache[next(iter(cache))]

    async def _settle(self, step: _Step | Unit) -> None:
        """Wait for the commit. A full disk delays the step, as often as it takes: its message is not lost meanwhile."""
        unit = step if isinstance(step, Unit) else step.unit
        assert unit is not None  # noqa: S101
        try:
            if not unit.landed:  # one commit takes most of a batch, and only the first step has to wait for it
                await self._journal.landed(unit)
        except Stop:
            raise
        except SeamlineError as error:
            if isinstance(step, Unit):
                raise
            for intent in step.intents:
                self._lanes[intent.api].release(intent)
            await self._journal.landed(self._park(step.envelope, StepFailed(str(error), of=type(error).__name__)))
        else:
            reach("step.after_journal", self.actor.name)
            if isinstance(step, _Step) and step.envelope.outcome:
                reach("outcome.after_journal", self.actor.name)

    def _park(self, envelope: Envelope, reason: StepFailed) -> Unit:
        """Set the message aside with its reason. Its key waits for a person; every other key goes on."""
        kind = type(envelope.message).__name__ if envelope.message is not None else "message"
        self._emit(MessageParked(actor=self.actor.name, kind=kind, reason=str(reason)[:300], key=envelope.key))
        raised = SignalRaised(kind="step.parked", cause=self.actor.name, sentence=f"{self.actor.name}: {reason}"[:300])
        self._signal(envelope.key, raised)
        now, id_, of = self._clock.now(), self._journal.new_id(), _encode({"error": reason.of}).decode()
        rows: list[tuple[Any, Row]] = [
            (self._statements["park"], (self.actor.name, envelope.key, envelope.id, str(reason)[:300], now)),
            (self._put_fact, (envelope.key, id_, self.actor.name, "parked", now, now, of)),
        ]
        return self._journal.writer.submit(Unit(rows, on_durable=lambda: self._channel.park(envelope)))


def _failed(error: Exception) -> StepFailed:
    return StepFailed(told(error), of=type(first_of(error)).__name__)
