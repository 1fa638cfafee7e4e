"""Everything that runs, put together: actors with their inboxes, lanes to outside APIs, timers, over one journal.

The composition root of a product (`flows/app.py`) says which actors and APIs there are; the engine wires them: what an
actor emits reaches another's inbox, what it wants done outside reaches a lane, outcomes come back, and whatever has no
room in memory waits in the journal.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import anyio
import msgspec

from runtime.actor import Actor, ActorLoop, Progress
from runtime.api import Api
from runtime.breaker import Breaker
from runtime.budget import Budget
from runtime.channel import LIVE, Channel, Envelope
from runtime.clock import Instant, to_datetime
from runtime.decision import Emit, Message, Outcome
from runtime.delivery import Delivery, DeliveryReceived, Receipt
from runtime.errors import StoreFull
from runtime.journal.journal import Journal, Restored
from runtime.journal.writer import Row
from runtime.lane import Intent, Lane, LaneConfig, restored
from runtime.signals import SignalCleared, SignalRaised
from runtime.supervisor import Supervisor
from runtime.telemetry import events
from runtime.telemetry.events import Draining, Paused, Resumed
from runtime.testing.crash import reach

SILENCE_S_MAX = 60.0
"""How long an actor with work may show no progress before somebody is told."""
_TIMERS_PER_TURN_MAX = 256
_TIMER_WAIT_S_MAX = 3_600.0
_DRAIN_POLL_S = 0.005

STORE_RESTORED = "store.restored"
THE_STORE = "system/store"
BY_RESTORE = "restore"
"""Who has paused what is to wait until the books of a restored store agree."""

_encode = msgspec.json.encode

Scope = Literal["actor", "partition"]


class Outside(msgspec.Struct, frozen=True, kw_only=True):
    """An outside API with the way it is called."""

    api: Api
    lane: LaneConfig
    budget: Budget
    breaker: Breaker


class EngineConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes of what is kept in memory, and patience at the end."""

    window: int = 256
    """Messages in memory per inbox and priority."""
    window_bytes_max: int = 8_388_608
    """Once the messages of a window have reached so many bytes, with their payloads, the others wait on disk."""
    loops_per_actor: int = 2
    """Batches of one actor under way at once."""
    drain_s: float = 20.0
    """How long a stopping process waits for calls in flight."""


class Engine:
    """See the module. `run` is the whole life of the runtime; `drain` is the orderly part of its end."""

    def __init__(
        self,
        journal: Journal,
        actors: Sequence[Actor],
        outside: Sequence[Outside],
        config: EngineConfig,
        *,
        signals_to: str,
        sampled: Callable[[str], bool] | None,
        emit: Callable[[Any], None],
        rng: random.Random,
    ) -> None:
        self.journal, self.config, self._emit, self._signals_to = journal, config, emit, signals_to
        self.channels: dict[str, Channel] = {actor.name: self._channel(actor.name) for actor in actors}
        self.lanes: dict[str, Lane] = {each.api.name: self._lane(each, rng) for each in outside}
        self.loops = {
            actor.name: ActorLoop(
                actor,
                journal,
                self.channels,
                self.lanes,
                sampled=sampled,
                timer_set=self._timer_set,
                signal=self.signal,
                emit=emit,
            )
            for actor in actors
        }
        self._patience = anyio.CancelScope()
        self._draining = False
        self._next_due: Instant | None = None
        self._timer_news = anyio.Event()
        self._signals: deque[tuple[str, SignalRaised | SignalCleared]] = deque()
        self._signal_news = anyio.Event()

    # -- from outside --------------------------------------------------------------------------------------------------

    async def accept(self, deliveries: Sequence[Delivery], channel: str, priority: int = LIVE) -> list[Receipt]:
        """Make deliveries durable for the actor `channel`; see `Journal.accept`."""
        inbox, recall = self.channels[channel], self.loops[channel].recall

        def on_new(id_: int, delivery: Delivery, message: DeliveryReceived, state: Row | None) -> None:
            recall(delivery.key, state)
            envelope = Envelope(id=id_, key=delivery.key, message=message, attachment=delivery.body, priority=priority)
            inbox.offer(envelope)

        return await self.journal.accept(deliveries, channel, priority, on_new)

    async def post(self, channel: str, key: str, message: Message, priority: int = LIVE) -> None:
        """Send a message to an actor; returns when it is durable. Raises StoreFull."""
        await self.post_all((Emit(channel=channel, key=key, message=message, priority=priority),))

    async def post_all(self, messages: Sequence[Emit]) -> None:
        """Send messages to actors, all of them or none, each with its key; returns when they are durable. Raises
        StoreFull, also while the process stops: who sends again and again, does so again in the next one.
        """
        await self._write((), messages)

    async def _write(self, rows: Sequence[tuple[str, Row]], messages: Sequence[Emit]) -> None:
        """Rows and messages in one transaction; returns when they are durable. Raises StoreFull."""
        if messages and self._draining:
            raise StoreFull("the process is stopping")
        sent = [(self.journal.new_id(), each) for each in messages]

        def nudge() -> None:
            for id_, each in sent:
                self.channels[each.channel].nudge(id_, each.priority)

        told: list[tuple[str, Row]] = [
            ("put_message", (id_, each.channel, each.priority, each.key, _encode(each.message), None))
            for id_, each in sent
        ]
        await self.journal.submit([*rows, *told], on_durable=nudge).durable()

    def signal(self, key: str, message: SignalRaised | SignalCleared) -> None:
        """Tell the actor that deals with trouble, as soon as the disk takes it."""
        if isinstance(message, SignalRaised):
            self._emit(events.SignalRaised(kind=message.kind, subject=key))
        else:
            self._emit(events.SignalCleared(kind=message.kind, subject=key))
        self._signals.append((key, message))
        self._signal_news.set()

    async def _send_signals(self) -> None:
        """Make signals durable, in order."""
        while True:
            self._signal_news = anyio.Event()
            while self._signals:
                key, message = self._signals[0]
                id_, inbox = self.journal.new_id(), self.channels[self._signals_to]
                row = (id_, self._signals_to, LIVE, key, _encode(message), None)
                await self.journal.write([("put_message", row)], on_durable=partial(inbox.nudge, id_))
                self._signals.popleft()
            await self._signal_news.wait()

    async def pause(self, scope: Scope, name: str, by: str, beside: Sequence[Emit] = ()) -> None:
        """Stop giving out messages of an `actor`, or of a `partition` at every actor and lane. Survives restarts.
        Messages `beside` it are durable with it or not at all.
        """
        row: Row = (scope, name, self.journal.clock.now(), by)
        await self._write([("put_pause", row)], beside)
        self._apply_pause(scope, name)
        self._emit(Paused(scope=scope, name=name, by=by))

    async def resume(self, scope: Scope, name: str, by: str, beside: Sequence[Emit] = ()) -> None:
        """Go on with what was paused; nothing happens when it was not. `beside`: as with `pause`."""
        await self._write([("end_pause", (scope, name))], beside)
        self._apply_resume(scope, name)
        self._emit(Resumed(scope=scope, name=name, by=by))

    async def agree(self, beside: Sequence[Emit] = ()) -> None:
        """The books of a store that was restored agree with the outside again: no write is looked for first any more,
        and what the restore has paused goes on. `beside`: as with `pause`.
        """
        over = SignalCleared(kind=STORE_RESTORED)
        cleared = Emit(channel=self._signals_to, key=THE_STORE, message=over)
        paused = [(scope, name) for scope, name, _, by in await self.journal.query("pauses") if by == BY_RESTORE]
        ended: list[tuple[str, Row]] = [("end_pause", each) for each in paused]
        await self._write([("end_restored", ()), *ended], (cleared, *beside))
        self.journal.restored = None
        for lane in self.lanes.values():
            lane.looks_first = False
        for scope, name in paused:
            self._apply_resume(scope, name)
        self._emit(events.SignalCleared(kind=STORE_RESTORED, subject=THE_STORE))

    def _apply_pause(self, scope: str, name: str) -> None:
        if scope == "actor":
            self.channels[name].pause(None)
        else:
            for channel in self.channels.values():
                channel.pause(name)
            for lane in self.lanes.values():
                lane.pause(name)

    def _apply_resume(self, scope: str, name: str) -> None:
        if scope == "partition":
            for channel in self.channels.values():
                channel.resume(name)
            for lane in self.lanes.values():
                lane.resume(name)
        elif name in self.channels:
            self.channels[name].resume(None)

    # -- its life ------------------------------------------------------------------------------------------------------

    async def prepare(self) -> None:
        """Read back what an earlier process left: pauses, the next timer; parked keys get another try."""
        for channel, count, _ in await self.journal.query("queue_depths"):
            self._emit(events.MessagesFound(actor=channel, messages=count))
        for scope, name, _, _ in await self.journal.query("pauses"):
            if scope == "partition" or name in self.channels:
                self._apply_pause(scope, name)
        await self._unpark()
        for name, lane in self.lanes.items():
            lane.raised_before = bool(await self.journal.query_list("states", [f"system/{name}"], self._signals_to))
            lane.looks_first = self.journal.restored is not None
        if self.journal.restored is not None:
            self.signal(THE_STORE, _of_restored(self.journal.restored))

    async def _unpark(self) -> None:
        parked, now = await self.journal.query("parked"), self.journal.clock.now()
        for channel, key, *_ in parked:
            fact = (key, self.journal.new_id(), channel, "tried_again", now, now, "{}")
            await self.journal.write([("unpark", (channel, key)), ("put_fact", fact)])
            self.signal(key, SignalCleared(kind="step.parked"))

    def supervise(self, supervisor: Supervisor) -> None:
        """Add every part of the engine to the supervisor. The writer has to run before `prepare`."""
        for name, loop in self.loops.items():
            for number in range(self.config.loops_per_actor):
                progress = Progress()
                part = supervisor.add(
                    f"actor:{name}:{number}",
                    partial(loop.run, progress),
                    silence_max_s=SILENCE_S_MAX,
                    has_work=partial(_has_work, loop, progress),
                )
                progress.beat = part.beat
        for name, lane in self.lanes.items():
            part = supervisor.add(
                f"lane:{name}",
                lane.run,
                silence_max_s=lane.silence_s_max,
                has_work=partial(getattr, lane, "has_work"),
            )
            lane.beat = part.beat
        supervisor.add("signals", self._send_signals)
        supervisor.add("timers", self._run_timers)

    async def drain(self) -> None:
        """The orderly end, after intake has stopped: give out no new messages, begin no new calls, wait for the calls
        in flight and their outcomes, give back the claims of what was never begun. Bounded by `drain_s`.
        """
        self._draining = True
        for channel in self.channels.values():
            channel.pause(None)
        if self.journal.writer.ended:
            return  # no outcome can be recorded any more; the next process looks up what became of the calls
        self._emit(Draining(step="calls in flight"))
        self._patience.deadline = anyio.current_time() + self.config.drain_s
        with self._patience:
            for lane in self.lanes.values():
                await lane.drain()
            self._emit(Draining(step="outcomes"))
            while self._deciding():  # noqa: ASYNC110 - once in a life; an event would be kept up for every message
                await anyio.sleep(_DRAIN_POLL_S)
            unbegun = [intent for lane in self.lanes.values() for intent in lane.unbegun()]
            if unbegun:
                self.journal.submit([("claim_intent", (0, intent.id)) for intent in unbegun])
            self._emit(Draining(step="journal"))
            await self.journal.writer.drained()

    def _deciding(self) -> bool:
        """Whether a key is being decided, or an outcome still has to be."""
        return bool(self._signals) or any(
            each.statistics().busy_keys or each.outcomes_waiting for each in self.channels.values()
        )

    def hurry(self) -> None:
        """Stop waiting for calls in flight: the next process looks up what became of them."""
        self._patience.cancel()

    # -- wiring --------------------------------------------------------------------------------------------------------

    def _channel(self, name: str) -> Channel:
        async def fetch(priority: int, after: int, limit: int, bytes_max: int) -> tuple[list[Envelope], bool]:
            rows, complete = await self.journal.query_some(
                "messages_after", name, priority, after, rows_max=limit, bytes_max=bytes_max
            )
            envelopes = [
                Envelope(id=id_, key=key, raw=body, attachment=attachment, priority=priority)
                for id_, key, body, _, attachment in rows
            ]
            return envelopes, complete

        async def fetch_oldest(key: str) -> Envelope | None:
            rows = await self.journal.query("oldest_message_of_key", name, key)
            for id_, body, attachment, priority in rows:
                return Envelope(id=id_, key=key, raw=body, attachment=attachment, priority=priority)
            return None

        return Channel(name, self.config.window, self.config.window_bytes_max, fetch, fetch_oldest, self.journal.clock)

    def _lane(self, outside: Outside, rng: random.Random) -> Lane:
        name, journal = outside.api.name, self.journal

        async def fetch(share: str, after: int, limit: int, bytes_max: int) -> tuple[list[Intent], bool]:
            rows, complete = await journal.query_some(
                "intents_after", name, share, after, rows_max=limit, bytes_max=bytes_max
            )
            if rows:
                await journal.write([("claim_intent", (journal.epoch, row[0])) for row in rows])
            return [restored(row, name, share, journal.epoch) for row in rows], complete

        return Lane(
            outside.api,
            outside.lane,
            outside.budget,
            outside.breaker,
            fetch=fetch,
            bring_outcome=self._bring_outcome,
            signal=self.signal,
            clock=journal.clock,
            emit=self._emit,
            rng=rng,
        )

    def _bring_outcome(self, intent: Intent, outcome: Outcome) -> None:
        inbox = self.channels.get(intent.actor)
        if inbox is not None:  # else its actor is configured no longer: the intent stays on disk until it is again
            inbox.bring_outcome(Envelope(id=intent.id, key=intent.key, message=outcome, outcome=True))

    # -- timers --------------------------------------------------------------------------------------------------------

    def _timer_set(self, due: Instant) -> None:
        if self._next_due is None or due < self._next_due:
            self._next_due = due
            self._timer_news.set()

    async def _run_timers(self) -> None:
        """Turn timers into messages when they are due, a bounded number at a time, in one transaction."""
        await self._look_up_next_due()
        while not self._draining:
            self._timer_news = anyio.Event()
            wait_s = _TIMER_WAIT_S_MAX
            if self._next_due is not None:
                wait_s = min(wait_s, (self._next_due - self.journal.clock.now()) / 1e6)
            if wait_s > 0:
                with anyio.move_on_after(wait_s):
                    await self._timer_news.wait()
                continue
            await self._fire_due()
        await anyio.sleep_forever()

    async def _fire_due(self) -> None:
        self._next_due = None
        due = await self.journal.query("timers_due", self.journal.clock.now(), _TIMERS_PER_TURN_MAX)
        rows: list[tuple[str, Row]] = []
        first: dict[str, int] = {}
        for actor, key, name, due_at in due:
            id_ = self.journal.new_id()
            first.setdefault(actor, id_)
            rows.append(("fire_timer", (id_, LIVE, actor, key, name, due_at)))
            rows.append(("end_timer", (actor, key, name, due_at)))
        if rows and not self._draining:  # the next process fires them; a commit would come when the writer has ended
            reach("timer.before_fire")
            await self.journal.write(rows)
            for actor in first.keys() & self.channels.keys():
                self.channels[actor].nudge(first[actor])
        await self._look_up_next_due()

    async def _look_up_next_due(self) -> None:
        ((next_due,),) = await self.journal.query("next_due")
        if next_due is not None:
            self._timer_set(Instant(next_due))


def _has_work(loop: ActorLoop, progress: Progress) -> bool:
    return progress.deciding or loop.has_work


def _of_restored(restored: Restored) -> SignalRaised:
    at, last = to_datetime(restored.at), restored.last_received_at
    known = "no delivery" if last is None else f"no delivery after {to_datetime(last):%Y-%m-%d %H:%M:%SZ}"
    sentence = f"the store was restored at {at:%Y-%m-%d %H:%M:%SZ} from a backup that knows {known}"
    return SignalRaised(kind=STORE_RESTORED, cause="store", sentence=sentence)
