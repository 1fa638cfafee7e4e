"""Effects: making the outside calls that decisions asked for, and finding out what became of them.

One lane per outside API. Its intents are on disk before they are here; its windows (one per share of the budget) are
bounded. Workers make one attempt at a time and turn its end into an outcome:

    applied            -> EffectDone
    refused            -> EffectRefused
    not applied        -> tried again here, after backoff, behind the breaker; EffectExhausted when the policy ends
    perhaps applied    -> EffectUnknown at once, then the lane *looks*: EffectDone (found) or EffectAbsent

A call whose outcome is unknown is never repeated by hope: only a decision, after a look that found nothing, sends the
identical stored bytes again. A process that died leaves intents claimed by its epoch: they are unknown from the start.

A store that was restored from a backup has forgotten what was done after it. Until its books agree with the outside,
each write is looked for before its first attempt, and what is found is done (`looks_first`).
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any

import anyio
import msgspec

from runtime.api import Api
from runtime.breaker import Breaker
from runtime.budget import Budget
from runtime.clock import Clock
from runtime.decision import (
    EffectAbsent,
    EffectDone,
    EffectExhausted,
    EffectRefused,
    EffectUnknown,
    Outcome,
    Repeat,
)
from runtime.errors import Failure, Refused, Throttled, Unknown
from runtime.feed import Feed
from runtime.retry import GiveUp, LookFirst, RetryPolicy, TryAgain, next_try
from runtime.signals import Signal, SignalCleared, SignalRaised
from runtime.telemetry.events import CallEnded, CallThrottled, CircuitChanged, Looked, OutcomeUnknown
from runtime.testing.crash import reach

_PAUSED_POLL_S = 1.0
_WAIT_TOLD_S = 0.001
_REFUSED_LOOKS_MAX = 3
"""How often the look before a first attempt is refused before whoever wanted the call hears of it."""


class Intent(msgspec.Struct, kw_only=True):
    """An outside call with its exact bytes, from before its first attempt until its outcome is decided."""

    id: int
    actor: str
    key: str
    api: str
    share: str
    kind: str
    repeat: Repeat
    body: bytes
    claimed: bool = False
    """This process may begin it. (On disk: the epoch of the process that may have.)"""
    unknown: bool = False
    told_unknown: bool = False
    absent: bool = False
    """A look has found nothing, and a decision is awaited."""
    again: bool = False
    """It was decided that the bytes go again; should the look that is still to come find nothing, they do."""
    looked: bool = False
    """A look has found nothing."""
    attempts: int = 0
    """Calls that were begun."""
    tries: int = 0
    """Those of them that used up one of the policy's attempts."""
    looks: int = 0
    began_us: int = 0

    @property
    def size_bytes(self) -> int:
        """What is kept of it in memory, above all."""
        return len(self.body)


class LaneConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How one API is called."""

    window: int = 256
    """Intents in memory per share. What does not fit waits on disk, and costs a read and a claim more."""
    window_bytes_max: int = 8_388_608
    """Once the intents of a window have reached so many bytes, the others wait on disk."""
    workers_per_share: Mapping[str, int]
    retry: RetryPolicy
    settle_s: float = 1.0
    """How long after a lost answer the first look waits, so that a slow server can finish what it began."""
    never_looked_for_first: frozenset[str] = frozenset()
    """Kinds of writes that a restored store makes without a look: their keys grow out of the epoch, so that nothing of
    them can be there, or they are decided on by what was just read. A look could only take something else for them."""
    silence_s_max: float = 120.0
    """Calls that could end or begin, and none that does for so long: somebody is told. Above any call's own timeout."""


BringOutcome = Callable[[Intent, Outcome], None]

_SIGNALS = ("api.credentials", "api.unavailable")


class Lane:
    """See the module. `run` starts `workers` and `later`, both parts of the supervisor."""

    def __init__(
        self,
        api: Api,
        config: LaneConfig,
        budget: Budget,
        breaker: Breaker,
        *,
        fetch: Callable[[str, int, int, int], Awaitable[tuple[list[Intent], bool]]],
        bring_outcome: BringOutcome,
        signal: Signal,
        clock: Clock,
        emit: Callable[[Any], None],
        rng: random.Random,
    ) -> None:
        self.name, self._api, self._config = api.name, api, config
        self.budget, self.breaker = budget, breaker
        self._bring, self._signal = bring_outcome, signal
        self._clock, self._emit, self._random = clock, emit, rng
        self._feeds = {
            share: Feed[Intent](config.window, config.window_bytes_max, partial(fetch, share))
            for share in config.workers_per_share
        }
        self._retries: dict[str, deque[Intent]] = {share: deque() for share in self._feeds}
        self._calls = {share: anyio.Semaphore(0, fast_acquire=True) for share in self._feeds}
        """Where workers wait for an intent; each is called for one. A call too many costs a look at empty queues."""
        self._unknown: dict[int, Intent] = {}
        self._later: list[tuple[float, int, Intent]] = []
        self._later_news = anyio.Event()
        self._sequence = count()
        self.paused_partitions: set[str] = set()
        self.draining = False
        self.looks_first = False
        """The store was restored: see the module."""
        self.in_flight = 0
        self._in_hand: dict[int, Intent] = {}
        """Calls that workers have taken: under way, or waiting for the breaker or the budget."""
        self._raised: set[str] = set()
        self.silence_s_max = config.silence_s_max
        self.raised_before = False
        """An earlier process may have raised signals that nobody has cleared yet."""
        self.beat: Callable[[], None] = lambda: None
        self._settled = anyio.Event()

    # -- from the step -------------------------------------------------------------------------------------------------

    def reserve(self, share: str) -> bool:
        """Whether this process may begin an intent that is about to be committed (else it waits on disk)."""
        return not self.draining and self._feeds[share].reserve()

    def release(self, intent: Intent) -> None:
        """The intent was not committed after all."""
        if intent.claimed:
            self._feeds[intent.share].release()

    def offer(self, intent: Intent) -> None:
        """A committed intent. One that has no reserved place is fetched from disk later."""
        if intent.claimed:
            self._feeds[intent.share].offer(intent)
        else:
            self._feeds[intent.share].pass_by(intent.id)
        self._wake(intent.share)

    def resend(self, id_: int) -> None:
        """A decision wants the identical bytes of an absent call sent again.

        After a restart, or when it was decided long after the look, another look is under way: that one comes first.
        """
        intent = self._unknown.get(id_)
        if intent is None:
            return
        if intent.absent:
            self._repeat(intent)
        else:
            intent.again = True

    def _repeat(self, intent: Intent) -> None:
        del self._unknown[intent.id]
        intent.unknown = intent.told_unknown = intent.absent = intent.again = False
        self._call_again(intent)

    def _call_again(self, intent: Intent) -> None:
        self._retries[intent.share].append(intent)
        self._wake(intent.share)

    def settle(self, id_: int) -> None:
        """The call's end is durable, or nothing more is wanted of it: it is no longer on disk, and may be forgotten."""
        self._unknown.pop(id_, None)
        for feed in self._feeds.values():
            feed.forget(id_)

    def pause(self, partition: str) -> None:
        """Begin no more calls of one partition; looks go on."""
        self.paused_partitions.add(partition)

    def resume(self, partition: str) -> None:
        """Go on with what was left on disk."""
        self.paused_partitions.discard(partition)
        for share, feed in self._feeds.items():
            feed.rewind()
            self._wake(share)

    def depth(self) -> Mapping[str, int]:
        """Intents in memory that wait to be begun, or to be begun again, by share."""
        depths = {share: len(feed.items) + len(self._retries[share]) for share, feed in self._feeds.items()}
        for _, _, intent in self._later:
            depths[intent.share] += 1
        return depths

    @property
    def has_work(self) -> bool:
        """Whether calls are under way, or wait for nothing but a worker."""
        if self.in_flight:
            return True
        held_up = self.draining or self.breaker.cause is not None or self.budget.statistics().paused_s > 0
        return not held_up and any(self._retries[share] or feed.items for share, feed in self._feeds.items())

    @property
    def unknown_count(self) -> int:
        """Calls whose outcome nobody knows yet."""
        return len(self._unknown)

    # -- parts of the supervisor ---------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Make calls for ever. Run again after it failed, it goes on with what its workers had in hand."""
        for intent in self._in_hand.values():
            self._retries[intent.share].append(intent)
        self._in_hand.clear()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._run_later)
            for share, workers in self._config.workers_per_share.items():
                for _ in range(workers):
                    tasks.start_soon(self._work, share)

    async def drain(self) -> None:
        """Begin nothing more, and wait for what is in flight."""
        self.draining = True
        while self.in_flight:
            self._settled = anyio.Event()
            await self._settled.wait()

    def unbegun(self) -> list[Intent]:
        """After `drain`, and when no step is under way any more: the intents here that were never begun, or certainly
        not applied. Their claims may be given back.
        """
        waiting = [intent for feed in self._feeds.values() for intent in feed.items]
        waiting += [intent for retries in self._retries.values() for intent in retries]
        waiting += [intent for _, _, intent in self._later]
        waiting += self._in_hand.values()
        return [intent for intent in waiting if not intent.unknown]

    async def _work(self, share: str) -> None:
        while True:
            intent = await self._take(share)
            if intent.unknown and not intent.told_unknown:
                self._tell_unknown(intent, "the process stopped when the call may have begun")
                self._try_later(intent, self._config.settle_s)  # the other side may still be at it
                continue
            self._in_hand[intent.id] = intent
            if not await self._admitted(intent):
                del self._in_hand[intent.id]
                self._try_later(intent, _PAUSED_POLL_S)
                continue
            try:
                self.in_flight += 1
                await self._attempt(intent)
                del self._in_hand[intent.id]
                self.beat()
            except BaseException:
                intent.unknown |= intent.repeat is not Repeat.SAFE  # the call may have been on its way
                raise
            finally:
                self.in_flight -= 1
                self.budget.release()
                if not self.in_flight:
                    self._settled.set()

    async def _admitted(self, intent: Intent) -> bool:
        """Wait for the breaker, then for a slot of the budget; the breaker may have opened meanwhile.

        False, with no slot taken, when the call's partition has been paused meanwhile.
        """
        while True:
            began = self._clock.monotonic()
            wait_s = self.breaker.seconds_until_try(began)
            if wait_s > 0:
                await anyio.sleep(wait_s)
                continue
            await self.budget.acquire(intent.share)
            now = self._clock.monotonic()
            if now - began >= _WAIT_TOLD_S:
                self._emit(CallThrottled(api=self.name, seconds=now - began))
            paused = not intent.unknown and self._is_paused(intent)
            if not (paused or self.draining) and self.breaker.may_call(now):
                return True
            self.budget.release()
            if self.draining:
                await anyio.sleep_forever()
            if paused:
                return False

    async def _take(self, share: str) -> Intent:
        feed, retries = self._feeds[share], self._retries[share]
        while True:
            if not self.draining:
                if (retried := self._retried(retries)) is not None:
                    return retried
                if feed.wants_refill:
                    await feed.refill()
                    self._wake(share, len(feed.items) - 1)
                while feed.items:
                    intent = feed.take()
                    if not self._is_paused(intent):
                        return intent
                    feed.forget(intent.id)
                if feed.wants_refill:
                    continue
            await self._calls[share].acquire()

    def _retried(self, retries: deque[Intent]) -> Intent | None:
        """The next call whose time has come again; one of a paused partition waits on, a look does not."""
        while retries:
            intent = retries.popleft()
            if intent.unknown or not self._is_paused(intent):
                return intent
            self._try_later(intent, _PAUSED_POLL_S)
        return None

    def _is_paused(self, intent: Intent) -> bool:
        paused = self.paused_partitions
        return bool(paused) and intent.key.partition("/")[0] in paused

    def _wake(self, share: str, workers: int = 1) -> None:
        """Call as many of the workers that wait. Those that do not wait look at the queues anyway before they do."""
        calls = self._calls[share]
        for _ in range(min(workers, calls.statistics().tasks_waiting)):
            calls.release()

    # -- one attempt ---------------------------------------------------------------------------------------------------

    async def _attempt(self, intent: Intent) -> None:
        if intent.unknown or self._is_looked_for_first(intent):
            await self._look(intent)
        else:
            await self._perform(intent)

    def _is_looked_for_first(self, intent: Intent) -> bool:
        is_write = intent.repeat is not Repeat.SAFE and intent.kind not in self._config.never_looked_for_first
        return self.looks_first and is_write and not intent.looked

    async def _perform(self, intent: Intent) -> None:
        began = self._clock.now()
        intent.began_us = intent.began_us or began
        intent.attempts += 1
        reach("effect.before_call", intent.kind)
        try:
            result = await self._api.perform(intent.kind, intent.body)
        except Failure as failure:
            self._ended(intent, failure.kind, began)
            self._failed(intent, failure)
        except Exception as error:  # noqa: BLE001 - a connector's defect must not end the lane; its outcome is unknown
            self._ended(intent, "defect", began)
            self._failed(intent, Unknown(f"the connector failed with {type(error).__name__}"))
        else:
            reach("effect.after_call", intent.kind)
            self._ended(intent, "done", began)
            self._answered()
            self._outcome(intent, self._done(intent, result))

    async def _look(self, intent: Intent) -> None:
        began = self._clock.now()
        intent.looks += 1
        try:
            result = await self._api.look(intent.kind, intent.body)
        except Failure as failure:
            self._ended(intent, f"look_{failure.kind}", began)
            self._strike(failure)
            intent.looks -= isinstance(failure, Throttled)  # the budget paces those already
            if isinstance(failure, Refused) and not intent.unknown and intent.looks >= _REFUSED_LOOKS_MAX:
                self._tell_unknown(intent, f"it is looked for before it is made, and that is refused: {failure}")
            delay = next_try(self._config.retry, failure, intent.looks, self._random.random(), repeats_freely=True)
            self._try_later(intent, delay.after_s if isinstance(delay, TryAgain) else self._config.retry.cap_s)
            return
        except Exception as error:  # noqa: BLE001 - a connector's defect must not end the lane; it is asked again
            self._ended(intent, "defect", began)
            self._strike(Unknown(f"the connector failed to look with {type(error).__name__}"))
            self._try_later(intent, self._config.retry.cap_s)
            return
        self._ended(intent, "looked", began)
        self._answered()
        self._emit(Looked(api=self.name, kind=intent.kind, found=result is not None))
        if result is None:
            intent.looks, intent.looked = 0, True
            if not intent.unknown:
                self._call_again(intent)
                return
            if intent.again:
                self._repeat(intent)
                return
            intent.absent = True
            self._outcome(intent, EffectAbsent(intent=intent.id, kind=intent.kind, attempts=intent.attempts))
        else:
            self._unknown.pop(intent.id, None)
            self._outcome(intent, self._done(intent, result, found_by_look=True))

    def _failed(self, intent: Intent, failure: Failure) -> None:
        self._strike(failure)
        if isinstance(failure, Refused):
            outcome = EffectRefused(
                intent=intent.id, kind=intent.kind, code=failure.code, sentence=str(failure),
                began_us=intent.began_us, ended_us=self._clock.now(), attempts=intent.attempts,
            )  # fmt: skip
            self._outcome(intent, outcome)
            return
        repeats_freely = intent.repeat is Repeat.SAFE
        match next_try(
            self._config.retry, failure, intent.tries + 1, self._random.random(), repeats_freely=repeats_freely
        ):
            case TryAgain(after_s=after_s, counts=counts):
                intent.tries += counts
                self._try_later(intent, after_s)
            case LookFirst(after_s=after_s):
                self._tell_unknown(intent, str(failure))
                self._try_later(intent, max(after_s, self._config.settle_s))
            case GiveUp(reason=reason):
                outcome_ = EffectExhausted(
                    intent=intent.id, kind=intent.kind, cause=failure.kind, sentence=f"{reason}: {failure}",
                    began_us=intent.began_us, ended_us=self._clock.now(), attempts=intent.attempts,
                )  # fmt: skip
                self._outcome(intent, outcome_)

    def _tell_unknown(self, intent: Intent, cause: str) -> None:
        intent.unknown = intent.told_unknown = True
        self._unknown[intent.id] = intent
        self._emit(OutcomeUnknown(api=self.name, kind=intent.kind, cause=cause))
        now = self._clock.now()
        told = EffectUnknown(
            intent=intent.id, kind=intent.kind, cause=cause,
            began_us=intent.began_us or now, ended_us=now, attempts=intent.attempts,
        )  # fmt: skip
        self._bring(intent, told)

    def _outcome(self, intent: Intent, outcome: Outcome) -> None:
        reach("outcome.before_journal", intent.kind)
        self._bring(intent, outcome)

    def _done(self, intent: Intent, result: Any, *, found_by_look: bool = False) -> EffectDone:
        return EffectDone(
            intent=intent.id, kind=intent.kind, result=result, began_us=intent.began_us or self._clock.now(),
            ended_us=self._clock.now(), attempts=intent.attempts, found_by_look=found_by_look,
        )  # fmt: skip

    def _ended(self, intent: Intent, result: str, began: int) -> None:
        self._emit(CallEnded(api=self.name, kind=intent.kind, result=result, seconds=(self._clock.now() - began) / 1e6))

    def _answered(self) -> None:
        if self.breaker.success(self._clock.monotonic()) and self._raised:
            self._emit(CircuitChanged(api=self.name, state="closed"))
        if (self._raised or self.raised_before) and self.breaker.cause is None:
            for kind in _SIGNALS if self.raised_before else sorted(self._raised):
                self._signal(f"system/{self.name}", SignalCleared(kind=kind))
            self._raised.clear()
            self.raised_before = False

    def _strike(self, failure: Failure) -> None:
        if isinstance(failure, Throttled):
            self.budget.throttled(failure.retry_after_s)
        if isinstance(failure, Refused):
            self._answered()  # a refusal is an answer: the other side is there
        elif self.breaker.failure(failure, self._clock.monotonic(), self._random.random()):
            cause = self.breaker.cause or "unavailable"
            kind = "api.credentials" if cause == "credentials" else "api.unavailable"
            if kind not in self._raised:  # one signal per outage, however often the breaker reopens
                self._raised.add(kind)
                self._emit(CircuitChanged(api=self.name, state="open"))
                raised = SignalRaised(kind=kind, cause=self.name, sentence=f"{self.name}: {failure}")
                self._signal(f"system/{self.name}", raised)

    # -- later ---------------------------------------------------------------------------------------------------------

    def _try_later(self, intent: Intent, after_s: float) -> None:
        heapq.heappush(self._later, (self._clock.monotonic() + after_s, next(self._sequence), intent))
        self._later_news.set()

    async def _run_later(self) -> None:
        """Bring intents back when their time has come."""
        while True:
            self._later_news = anyio.Event()
            wait_s = self._later[0][0] - self._clock.monotonic() if self._later else None
            if wait_s is None:
                await self._later_news.wait()
            elif wait_s > 0:
                with anyio.move_on_after(wait_s):
                    await self._later_news.wait()
            else:
                _, _, intent = heapq.heappop(self._later)
                self._call_again(intent)


def restored(row: Sequence[Any], api: str, share: str, epoch: int) -> Intent:
    """An intent as it was found on disk. One that an earlier process had claimed may have been applied."""
    id_, actor, key, kind, repeat, body, claimed, unknown, attempts = row
    perhaps = bool(unknown) or (claimed not in (0, epoch) and repeat != Repeat.SAFE)
    return Intent(
        id=id_, actor=actor, key=key, api=api, share=share, kind=kind, repeat=Repeat(repeat), body=body,
        claimed=True, unknown=perhaps, attempts=attempts,
    )  # fmt: skip
